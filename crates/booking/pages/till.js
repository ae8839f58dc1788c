// What becomes of the chosen seats: held, paid, given back. The core decides; this shows what it says and asks it again.
// Nothing is concluded from the page's own clock: when a hold should have ended, the core is asked whether it has.

const ASK_AGAIN_MS = { paying: 1500, refunding: 5000 };
const OUT_OF_REACH_MS = 3000;
const TABS_LOOK_AGAIN_MS = 700;
const PUT_ASIDE = "fairgate:put-aside";

/** Tells other tabs of this shop that a booking has changed. */
const tabs = "BroadcastChannel" in window ? new BroadcastChannel("fairgate-booking") : null;

const putAside = {
  read() {
    try {
      return JSON.parse(sessionStorage.getItem(PUT_ASIDE)) || [];
    } catch (error) {
      return [];
    }
  },
  add(booking) {
    try {
      sessionStorage.setItem(PUT_ASIDE, JSON.stringify([booking.booking_id, ...this.read()].slice(0, 20)));
    } catch (error) {
      // Without storage it is shown once more.
    }
  },
};

/** The seats of a booking, with their prices where these are what was paid: prices may have changed since. */
function tickets(booking) {
  const price = (seat) => priceOf(shop.names.unitOf.get(seat));
  const isPriced = booking.seats.reduce((sum, seat) => sum + price(seat), 0) === booking.amount;
  return booking.seats.map((seat) => ticket(seat, isPriced ? money(price(seat)) : ""));
}

function ticket(seat, price) {
  const unit = shop.names.unitOf.get(seat);
  const section = sectionOf(unit);
  const item = element("li", {}, element("span", {}, element("small", { textContent: section.title, dir: "auto" }), shop.names.words[unit]), element("strong", { textContent: price }));
  item.style.setProperty("--hue", shop.map.colours.get(section.price));
  item.dataset.seat = seat;
  return item;
}

/** Shows a booking as the core describes it. Words that the fan must read get the focus, unless nothing has changed. */
function show(booking, message = "") {
  const face = faceOf(booking);
  const changed = shop.face !== face || shop.held?.booking_id !== booking.booking_id;
  Object.assign(shop, { held: booking, face, chosen: new Set() });
  clearTimeout(shop.timer);
  if (face !== "held" && face !== "refused") $("more-time").close();
  if (face === "expired") return release(message || "The time was up and the hold has ended. Nothing was charged. Choose once more.");
  if (face === "cancelled") return release(message || "The seats were given back.");
  if (face === "held" || face === "refused") showHeld(booking, face, message);
  else if (face === "confirmed") showConfirmed(booking);
  else showOutcome(booking, face);
  if (changed) {
    notify("");
    lead(face);
  }
  refreshMap();
}

/** Where somebody who sees or hears the page goes on reading. */
function lead(face) {
  if (innerWidth <= 900) $("panel").scrollIntoView({ block: "start" });
  const to = { held: "held-title", refused: "refused", confirmed: "confirmed-title" }[face] || "outcome-title";
  $(to).focus({ preventScroll: innerWidth <= 900 });
}

function showHeld(booking, face, message) {
  $("held-seats").replaceChildren(...tickets(booking));
  $("held-total").textContent = money(booking.amount);
  $("held-apart").hidden = booking.together;
  $("pay").textContent = `Pay ${money(booking.amount)}`;
  $("step-held").dataset.booking = booking.booking_id;
  $("refused").hidden = face !== "refused";
  if (face === "refused") $("refused").textContent = message || declined(booking.payment.reason);
  setState("held");
  tick();
}

const declined = (reason) => `The payment was declined${reason ? `: ${reason}` : ""}. Your seats are still held; pay in another way.`;

/** A payment that is under way, or money that goes back: nothing to do but to see what becomes of it. */
function showOutcome(booking, face) {
  const [title, words] = OUTCOMES[face];
  $("outcome-title").textContent = title;
  $("outcome-words").textContent = words;
  $("outcome-seats").replaceChildren(...tickets(booking));
  $("outcome-number").textContent = booking.number;
  $("choose-again").hidden = face !== "refunded";
  showLink($("outcome-link"), booking);
  $("step-outcome").dataset.booking = booking.booking_id;
  setState("outcome");
  if (ASK_AGAIN_MS[face] && !shop.paying) shop.timer = setTimeout(lookAgain, ASK_AGAIN_MS[face] * (0.85 + Math.random() * 0.3));
}

function showConfirmed(booking) {
  $("booked-seats").replaceChildren(...tickets(booking));
  $("booking-number").textContent = booking.number;
  $("booked-total").textContent = money(booking.amount);
  $("confirmation").dataset.booking = booking.booking_id;
  showLink($("booking-link"), booking);
  setState("confirmed");
  scrollTo({ top: 0 });
  // A reload comes back to the booking: the visit to the shop is over.
  if (booking.link) history.replaceState(null, "", booking.link);
}

function showLink(link, booking) {
  link.hidden = !booking.link;
  if (booking.link) link.href = booking.link;
}

/** Asks the core how the booking stands, and shows that. Out of reach, it says so and asks again. */
async function lookAgain(message = "") {
  clearTimeout(shop.timer);
  const asked = shop.held?.booking_id;
  // What is paid is paid, and the visit that could ask about it is over.
  if (!asked || shop.face === "confirmed") return;
  try {
    const booking = await core.booking(asked);
    if (shop.held?.booking_id === asked) show(booking, message);
  } catch (error) {
    if (error instanceof Ended) return end();
    if (error.status === 404) return release("There is no such booking any more.");
    notify(`The shop cannot be reached, so this may not be up to date. It is asked again. (${error.message})`);
    shop.timer = setTimeout(() => lookAgain(message), OUT_OF_REACH_MS);
  }
}

/** The countdown. When it is over, the core is asked: it alone knows whether the hold has ended. */
function tick() {
  clearTimeout(shop.timer);
  if (document.body.dataset.state !== "held") return;
  const left = shop.held.expires_at_ms - serverNow();
  $("hold-countdown").textContent = clockFace(left);
  $("more-time-left").textContent = clockFace(left);
  $("hold-ring").style.strokeDashoffset = String(100 - Math.max(0, Math.min(100, left / shop.event.hold_s / 10)));
  $("hold-timer").classList.toggle("soon", left <= 60_000);
  if (left <= 0) {
    shop.timer = setTimeout(lookAgain, 300);
    return;
  }
  if (left <= warningMs(shop.event.hold_s)) offerMoreTime();
  shop.timer = setTimeout(tick, 250);
}

/** Offers more time once for each end of the hold, where the core says that there is more to be had. */
async function offerMoreTime() {
  const { booking_id: id, expires_at_ms: end } = shop.held;
  if (shop.offered === `${id} ${end}`) return;
  shop.offered = `${id} ${end}`;
  const booking = await core.booking(id).catch(() => null);
  const isSame = booking && shop.held?.booking_id === id && document.body.dataset.state === "held";
  if (!isSame) return;
  if (faceOf(booking) !== shop.face || booking.expires_at_ms !== end) return show(booking);
  if (booking.more_time_until_ms > end && !$("more-time").open) $("more-time").showModal();
}

async function extend() {
  const booking = await core.extend(shop.held.booking_id);
  $("more-time").close();
  show(booking);
  tabs?.postMessage(booking.booking_id);
  notify(`Your seats are held for another ${clockFace(booking.expires_at_ms - serverNow())}.`, true);
}

function release(message) {
  Object.assign(shop, { held: null, face: null, payKey: null });
  $("more-time").close();
  setState("choosing");
  notify(message, true);
  (message ? $("notice") : $("choosing-title")).focus();
  refreshMap();
  refreshChoosing();
}

async function pay() {
  const form = new FormData($("payment"));
  const [method, email] = [form.get("method"), form.get("email").trim()];
  // Another card or address is another attempt; the same again is the same attempt.
  if (shop.payKey?.asked !== `${method} ${email}`) shop.payKey = { asked: `${method} ${email}`, key: freshKey() };
  const { booking_id: id } = shop.held;
  fieldError("");
  shop.paying = true;
  show({ ...shop.held, payment: { state: "started" } });
  tabs?.postMessage(id);
  let message = "";
  try {
    show(await core.pay(id, method, email, shop.payKey.key));
    return;
  } catch (error) {
    if (error instanceof Ended) throw error;
    if (error.problem?.field === "email") {
      shop.payKey = null;
      return await lookAgain().then(() => fieldError(error.message));
    }
    if (error.kind === "payment-declined") shop.payKey = null;
    message = error.message;
  } finally {
    shop.paying = false;
    tabs?.postMessage(id);
  }
  // Whatever went wrong, and whether or not the answer came: the core knows how it stands.
  await lookAgain(message);
  if (shop.held?.booking_id === id && shop.face === "held") notify(message);
}

function fieldError(message) {
  $("email-error").textContent = message;
  $("email-error").hidden = !message;
  $("email").setAttribute("aria-invalid", String(Boolean(message)));
  if (message) $("email").focus();
}

async function giveBack() {
  await core.giveBack(shop.held.booking_id);
  tabs?.postMessage(shop.held.booking_id);
  release("The seats were given back. Others can have them now.");
}

/** The visit is over. A booking goes on without it, and can be seen at its own address. */
async function end() {
  clearTimeout(shop.timer);
  $("more-time").close();
  const { held } = shop;
  const seen = held?.link && (await core.receipt(held.link).catch(() => null));
  // It may have been paid in another tab, which ended the visit of this one, too.
  if (seen && ["paying", "refunding", "refunded", "confirmed"].includes(faceOf(seen))) return location.replace(held.link);
  $("ended-booking").hidden = !held;
  if (held) $("ended-number").textContent = held.number;
  setState("ended");
  notify("");
  $("start-again").href = location.pathname;
  $("ended-title").focus();
}

tabs?.addEventListener("message", ({ data }) => {
  if (data !== shop.held?.booking_id || shop.paying) return;
  lookAgain();
  // What the other tab has asked for, the core may not have begun yet.
  setTimeout(() => shop.paying || lookAgain(), TABS_LOOK_AGAIN_MS);
});
$("payment").addEventListener("submit", (event) => {
  event.preventDefault();
  during($("pay"), pay);
});
$("give-back").addEventListener("click", () => during($("give-back"), giveBack));
$("extend").addEventListener("click", () => during($("extend"), extend));
$("no-more-time").addEventListener("click", () => $("more-time").close());
$("choose-again").addEventListener("click", () => {
  putAside.add(shop.held);
  release("");
});
$("print").addEventListener("click", () => print());
