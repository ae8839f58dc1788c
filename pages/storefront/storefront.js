// The page: what the fan sees and does, from choosing seats to the confirmation.

const $ = (id) => document.getElementById(id);
const POLL_MS = 2000;

const shop = { event: null, hall: null, names: null, map: null, free: null, chosen: new Set(), held: null, quantity: 2, holdKey: null, payKey: null };

let money = (amount) => String(amount);

function setState(state) {
  document.body.dataset.state = state;
  for (const step of ["choosing", "held", "confirmed", "ended"]) $(`step-${step}`).hidden = step !== state;
  $("hold-timer").hidden = state !== "held";
}

function notify(message, plain = false) {
  $("notice").textContent = message || "";
  $("notice").hidden = !message;
  $("notice").classList.toggle("plain", plain);
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** Runs something that asks the core, with the button busy and problems told. */
async function during(button, work) {
  button.disabled = true;
  button.classList.add("busy");
  try {
    await work();
  } catch (error) {
    if (error instanceof Ended) end();
    else notify(error.message);
  } finally {
    button.disabled = false;
    button.classList.remove("busy");
    refreshChoosing();
  }
}

async function start() {
  const named = location.pathname.match(/^\/events\/([^/]+)\/?$/);
  const id = named ? decodeURIComponent(named[1]) : ((await core.events())[0] || {}).id;
  if (!id) throw new Error("There is nothing on sale here yet.");
  const [event, bits] = await Promise.all([core.event(id), core.availability(id)]);
  shop.event = event;
  money = moneyIn(event.currency);
  shop.names = nameSeats(event);
  shop.hall = layoutHall(event);
  describe(event);
  shop.map = new HallMap($("hall-map"), $("seat-tip"), shop.hall, shop.names.words);
  shop.map.onSeat = toggleSeat;
  shop.map.onSection = (section) => chooseSection(section.id);
  takeBits(bits);
  fillSections();
  const live = await core.bookings().catch(() => []);
  const held = live.find((booking) => booking.event === event.id && booking.status === "held");
  if (held) showHeld(held);
  else setState("choosing");
  refreshChoosing();
  setTimeout(poll, POLL_MS);
}

function moneyIn(currency) {
  const format = new Intl.NumberFormat(undefined, { style: "currency", currency, trailingZeroDisplay: "stripIfInteger" });
  const digits = format.resolvedOptions().maximumFractionDigits;
  return (amount) => format.format(amount / 10 ** digits);
}

function describe(event) {
  document.title = `${event.title} · Tickets`;
  const when = new Intl.DateTimeFormat(undefined, { dateStyle: "full", timeStyle: "short", timeZone: event.zone });
  const words = when.format(new Date(event.starts_at));
  for (const [id, text] of [["event-title", event.title], ["event-venue", event.venue], ["event-when", words], ["stub-event", event.title], ["stub-when", `${words} · ${event.venue}`]]) $(id).textContent = text;
}

function takeBits(bits) {
  const free = new Uint8Array(shop.event.seats);
  for (let unit = 0; unit < free.length; unit += 1) free[unit] = (bits[unit >> 3] >> (unit & 7)) & 1;
  shop.free = free;
  const lost = [...shop.chosen].filter((unit) => !free[unit]);
  lost.forEach((unit) => shop.chosen.delete(unit));
  if (lost.length) notify(`${lost.map((unit) => shop.names.words[unit]).join("; ")}: somebody else was faster.`);
  refreshMap();
}

function refreshMap() {
  const mine = new Set(shop.held ? shop.held.seats.map((seat) => shop.names.unitOf.get(seat)) : []);
  shop.map.update(shop.free, shop.chosen, mine);
}

/** Asks for the free seats while somebody looks. */
async function poll() {
  const state = document.body.dataset.state;
  if (state === "confirmed" || state === "ended") return;
  try {
    if (!document.hidden) {
      takeBits(await core.availability(shop.event.id));
      fillSections();
      refreshChoosing();
    }
  } catch (error) {
    if (error instanceof Ended) return end();
  }
  setTimeout(poll, POLL_MS * (0.85 + Math.random() * 0.3));
}

const freeIn = (section) => shop.free.subarray(section.first, section.first + section.seats).reduce((sum, bit) => sum + bit, 0);

/** The sections with their prices and what is left, for the list and for the form. */
function fillSections() {
  const select = $("best-section");
  const sections = [...shop.hall.sections].sort((a, b) => b.price - a.price || a.index - b.index);
  if (!select.options.length) {
    for (const section of sections) {
      select.append(element("option", { value: section.id }));
      const button = element("button", { type: "button" }, element("i", { className: "dot" }), element("span", { className: "name", textContent: section.title }), element("span", { className: "left" }), element("span", { className: "price", textContent: money(section.price) }));
      button.dataset.section = section.id;
      button.addEventListener("click", () => {
        chooseSection(section.id);
        shop.map.show(section);
      });
      $("section-list").append(element("li", {}, button));
    }
    select.value = (sections.find((section) => freeIn(section) > 1) || sections[0]).id;
  }
  sections.forEach((section, number) => {
    const left = freeIn(section);
    select.options[number].textContent = left ? `${section.title} · ${money(section.price)}` : `${section.title} · sold out`;
    select.options[number].disabled = !left;
    const button = $("section-list").children[number].firstChild;
    button.children[0].style.background = left ? shop.map.colours.get(section.price) : "var(--taken)";
    button.children[2].textContent = left ? `${left} left` : "sold out";
    button.classList.toggle("gone", !left);
    button.dataset.left = left;
  });
}

const sectionById = (id) => shop.hall.sections.find((section) => section.id === id);

function chooseSection(id) {
  $("best-section").value = id;
  shop.map.focus = sectionById(id);
  shop.map.draw();
  refreshList();
  refreshChoosing();
}

function refreshChoosing() {
  if (!shop.event) return;
  const most = shop.event.fan_seats_max;
  const units = [...shop.chosen].sort((a, b) => a - b);
  $("best-quantity").textContent = shop.quantity;
  $("fewer").disabled = shop.quantity <= 1;
  $("more").disabled = shop.quantity >= most;
  $("best-hold").textContent = shop.quantity === 1 ? "Best seat available" : `Best ${shop.quantity} seats available`;
  for (const button of $("section-list").querySelectorAll("button")) button.setAttribute("aria-current", String(button.dataset.section === $("best-section").value));
  $("selection").hidden = !units.length;
  $("selection-seats").replaceChildren(...units.map(chip));
  const sections = [...new Set(units.map((unit) => sectionOf(unit).title))];
  $("selection-count").textContent = `${units.length === 1 ? "1 seat" : `${units.length} seats`}, ${sections.join(" and ")}`;
  $("selection-total").textContent = money(units.reduce((sum, unit) => sum + priceOf(unit), 0));
  refreshSeatButtons();
}

const sectionOf = (unit) => shop.hall.sections[shop.hall.sectionOf[unit]];
const priceOf = (unit) => sectionOf(unit).price;

function chip(unit, _, units) {
  const oneSection = units.every((other) => sectionOf(other) === sectionOf(unit));
  const words = oneSection ? shop.names.words[unit] : `${sectionOf(unit).title}: ${shop.names.words[unit]}`;
  const button = element("button", { type: "button", textContent: words });
  button.setAttribute("aria-label", `Remove ${button.textContent}`);
  button.dataset.seat = shop.names.ids[unit];
  button.addEventListener("click", () => toggleSeat(unit));
  return element("li", {}, button);
}

function toggleSeat(unit) {
  if (document.body.dataset.state !== "choosing") return;
  notify("");
  shop.holdKey = null;
  if (shop.chosen.delete(unit)) {
    // Taken off the list again.
  } else if (!shop.free[unit]) {
    notify(`${shop.names.words[unit]} is taken.`);
  } else if (shop.chosen.size >= shop.event.fan_seats_max) {
    notify(`One fan may have ${shop.event.fan_seats_max} seats.`);
  } else {
    shop.chosen.add(unit);
    $("best-section").value = sectionOf(unit).id;
  }
  refreshMap();
  refreshChoosing();
}

/** The list: rows of the section, seats of the row. */
function refreshList() {
  const section = sectionById($("best-section").value);
  $("list-row").replaceChildren(...section.rows.map((row) => element("option", { value: row.label, textContent: section.kind === "standing" ? "Standing" : `Row ${row.label}` })));
  refreshRow();
}

function refreshRow() {
  const section = sectionById($("best-section").value);
  const row = section.rows.find(({ label }) => label === $("list-row").value);
  $("list-seats").replaceChildren(...row.seats.map((seat, position) => {
    const button = element("button", { type: "button", textContent: seat });
    button.dataset.seat = shop.names.ids[row.first + position];
    button.addEventListener("click", () => toggleSeat(row.first + position));
    return button;
  }));
  refreshSeatButtons();
}

function refreshSeatButtons() {
  for (const button of $("list-seats").children) {
    const unit = shop.names.unitOf.get(button.dataset.seat);
    button.disabled = !shop.free[unit];
    button.setAttribute("aria-pressed", String(shop.chosen.has(unit)));
  }
}

/** Holds seats; a key belongs to one wish until it is answered. */
async function hold(request) {
  notify("");
  shop.holdKey ||= freshKey();
  try {
    showHeld(await core.reserve({ event: shop.event.id, ...request }, shop.holdKey));
  } catch (error) {
    if (error.kind === "seats-taken") lose(error.problem);
    else throw error;
  } finally {
    shop.holdKey = null;
  }
}

/** Some of the chosen seats went to somebody else: offer near ones instead. */
function lose({ taken, nearby }) {
  for (const seat of taken) {
    const unit = shop.names.unitOf.get(seat);
    shop.chosen.delete(unit);
    shop.free[unit] = 0;
  }
  const gone = taken.map((seat) => shop.names.words[shop.names.unitOf.get(seat)]).join("; ");
  const near = nearby.map((seat) => shop.names.unitOf.get(seat));
  if (near.length) shop.chosen = new Set(near);
  notify(`${gone}: somebody else was faster.${near.length ? " We chose the nearest that are free; hold them if they suit you." : ""}`);
  refreshMap();
}

function ticket(seat) {
  const unit = shop.names.unitOf.get(seat);
  const section = sectionOf(unit);
  const item = element("li", {}, element("span", {}, element("small", { textContent: section.title }), shop.names.words[unit]), element("strong", { textContent: money(section.price) }));
  item.style.setProperty("--hue", shop.map.colours.get(section.price));
  item.dataset.seat = seat;
  return item;
}

function showHeld(booking) {
  Object.assign(shop, { held: booking, chosen: new Set(), payKey: null });
  $("held-seats").replaceChildren(...booking.seats.map(ticket));
  $("held-total").textContent = money(booking.amount);
  $("held-apart").hidden = booking.together;
  $("pay").textContent = `Pay ${money(booking.amount)}`;
  $("step-held").dataset.booking = booking.booking_id;
  setState("held");
  notify("");
  refreshMap();
  tick();
  if (innerWidth <= 900) $("panel").scrollIntoView({ block: "start" });
}

/** The countdown. The core decides; the page only shows. */
function tick() {
  clearTimeout(shop.timer);
  if (document.body.dataset.state !== "held") return;
  const left = Math.max(0, shop.held.expires_at_ms - serverNow());
  const seconds = Math.ceil(left / 1000);
  $("hold-countdown").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  $("hold-ring").style.strokeDashoffset = String(100 - Math.min(100, left / shop.event.hold_s / 10));
  $("hold-timer").classList.toggle("soon", seconds <= 60);
  if (left > 0 || shop.paying) shop.timer = setTimeout(tick, 250);
  else release("The time was up, and the seats are free again. Choose once more.");
}

function release(message) {
  shop.held = null;
  setState("choosing");
  notify(message, true);
  refreshMap();
  refreshChoosing();
}

async function pay() {
  const method = new FormData($("payment")).get("method");
  // Another card is another attempt; the same card again is the same attempt.
  if (shop.payKey?.method !== method) shop.payKey = { method, key: freshKey() };
  shop.paying = true;
  notify("");
  try {
    confirm(await core.pay(shop.held.booking_id, method, shop.payKey.key));
  } catch (error) {
    if (error.kind === "payment-declined") shop.payKey = null;
    if (["refunded", "hold-ended", "cancelled"].includes(error.kind)) return release(error.message);
    throw error;
  } finally {
    shop.paying = false;
    tick();
  }
}

function confirm(booking) {
  shop.held = booking;
  $("booked-seats").replaceChildren(...booking.seats.map(ticket));
  $("booking-number").textContent = booking.number;
  $("booked-total").textContent = money(booking.amount);
  $("confirmation").dataset.booking = booking.booking_id;
  setState("confirmed");
  notify("");
  refreshMap();
  scrollTo({ top: 0 });
  $("confirmed-title").focus();
}

async function giveBack() {
  await core.giveBack(shop.held.booking_id);
  release("The seats are free again.");
}

function end() {
  setState("ended");
  notify("");
  $("start-again").href = location.pathname;
  $("ended-title").focus();
}

function step(by) {
  shop.quantity = Math.min(shop.event.fan_seats_max, Math.max(1, shop.quantity + by));
  shop.holdKey = null;
  refreshChoosing();
}

$("fewer").addEventListener("click", () => step(-1));
$("more").addEventListener("click", () => step(1));
$("best-section").addEventListener("change", () => {
  chooseSection($("best-section").value);
  shop.map.show(sectionById($("best-section").value));
});
$("list-row").addEventListener("change", refreshRow);
$("seat-list").addEventListener("toggle", () => $("seat-list").open && refreshList());
$("best").addEventListener("submit", (event) => {
  event.preventDefault();
  during($("best-hold"), () => hold({ section: $("best-section").value, quantity: shop.quantity }));
});
$("hold-seats").addEventListener("click", () => during($("hold-seats"), () => hold({ seats: [...shop.chosen].map((unit) => shop.names.ids[unit]) })));
$("payment").addEventListener("submit", (event) => {
  event.preventDefault();
  during($("pay"), pay);
});
$("give-back").addEventListener("click", () => during($("give-back"), giveBack));
$("print").addEventListener("click", () => print());
$("zoom-in").addEventListener("click", () => shop.map.zoomBy(1.6));
$("zoom-out").addEventListener("click", () => shop.map.zoomBy(1 / 1.6));
$("zoom-all").addEventListener("click", () => shop.map.show(null));
document.addEventListener("visibilitychange", () => document.hidden || tick());

start().catch((error) => {
  if (error instanceof Ended) return end();
  $("event-title").textContent = "Not now";
  notify(error.message);
});
