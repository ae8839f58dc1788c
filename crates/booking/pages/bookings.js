// A booking after the visit, at its own address or by its number. What it shows, the core says.

const $ = (id) => document.getElementById(id);
const ASK_AGAIN_MS = { paying: 2000, refunding: 10_000 };
const OUT_OF_REACH_MS = 5000;
/** The gate answers in the place of the shop. */
const CLOSED = "Bookings cannot be looked up here at this moment.";
const SHOWN = { ...OUTCOMES, confirmed: ["See you there!", ""] };

function setState(state) {
  document.body.dataset.state = state;
  for (const step of ["find", "booking", "mine"]) $(`step-${step}`).hidden = step !== state;
}

function notify(message) {
  $("notice").textContent = message;
  $("notice").hidden = !message;
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

/** What the door reads: a QR code with its margin, dark on light whatever the page's colours are. */
function codeOf({ text, size, path }, name) {
  const svg = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const picture = svg("svg", { viewBox: `-4 -4 ${size + 8} ${size + 8}`, role: "img", "aria-label": `Ticket for ${name}`, "shape-rendering": "crispEdges", class: "code" });
  picture.append(svg("path", { d: `M-4 -4h${size + 8}v${size + 8}h-${size + 8}z`, fill: "#fff" }), svg("path", { d: path, fill: "#000" }));
  picture.dataset.ticket = text;
  return picture;
}

function place({ section, kind, row, seat, ticket }) {
  const name = kind === "standing" ? `Place ${seat}` : `Row ${row}, seat ${seat}`;
  const item = element("li", {}, element("span", {}, element("small", { textContent: section, dir: "auto" }), name));
  if (ticket) item.append(codeOf(ticket, `${section}, ${name}`));
  return item;
}

let shownFace = null;

function show(receipt) {
  const face = faceOf(receipt);
  const [title, words] = SHOWN[face];
  const { about } = receipt;
  $("booking-title").textContent = title;
  $("booking-words").textContent = words;
  $("booking-words").hidden = !words;
  $("tick").hidden = face !== "confirmed";
  $("stub-event").textContent = about.title;
  $("stub-when").textContent = `${timeIn(about.zone)(about.starts_at)} · ${about.venue}`;
  $("booked-seats").replaceChildren(...receipt.places.map(place));
  $("booking-number").textContent = receipt.number;
  $("amount-label").textContent = { confirmed: "Paid", refunded: "Given back", refunding: "Given back" }[face] || "Amount";
  $("booked-total").textContent = moneyIn(receipt.currency, receipt.minor_units)(receipt.amount);
  for (const part of ["print", "show-tickets"]) $(part).hidden = face !== "confirmed";
  document.title = `${about.title} · ${receipt.number}`;
  $("step-booking").dataset.face = face;
  setState("booking");
  notify("");
  // Found by its number, it has its own address from now on: a reload shows it again.
  if (location.pathname + location.hash !== receipt.link) history.replaceState(null, "", receipt.link);
  if (face !== shownFace) $("booking-title").focus();
  shownFace = face;
  if (ASK_AGAIN_MS[face]) setTimeout(openBooking, ASK_AGAIN_MS[face] * (0.85 + Math.random() * 0.3));
}

/** Opens the booking of this address, or asks for the number. */
async function openBooking() {
  const key = location.hash.slice(1);
  const number = decodeURIComponent(location.pathname.split("/")[2] || "");
  if (!number) return openMine();
  if (!key) return askForNumber(number);
  try {
    show(await core.receipt(location.pathname + location.hash));
  } catch (error) {
    if (error.status === 404) return askForNumber(number, "This address opens no booking. Find it by its number.");
    notify(`${error.message || CLOSED} This page asks again.`);
    setTimeout(openBooking, OUT_OF_REACH_MS);
  }
}

/** All bookings of whoever is signed in; the way to them for everybody else. */
async function openMine() {
  try {
    const answer = await core.account("GET", "mine");
    if (answer.status === 204) return askForNumber("");
    showMine(await answer.json());
  } catch (error) {
    askForNumber("", error.message || CLOSED);
  }
}

function showMine({ email, bookings, sessions }) {
  const line = (booking) => element("li", {}, element("a", { href: booking.link, textContent: booking.number, dir: "ltr" }), element("span", { textContent: `${booking.event} · ${SHOWN[faceOf(booking)][0]}`, dir: "auto" }));
  const browser = ({ session, current, agent, seen_at: seen }) => {
    const over = element("button", { type: "button", textContent: current ? "Sign out" : "End" });
    over.addEventListener("click", () => changeAccount(`mine/sessions/${session}`));
    return element("li", {}, element("span", {}, element("small", { textContent: new Date(seen).toLocaleString() }), agent || "A browser"), over);
  };
  $("mine-email").textContent = email;
  $("mine-bookings").replaceChildren(...bookings.map(line));
  $("mine-sessions").replaceChildren(...sessions.map(browser));
  setState("mine");
  notify("");
  $("mine-title").focus();
}

async function changeAccount(path) {
  try {
    await core.account("DELETE", path);
    await openMine();
  } catch (error) {
    notify(error.message || CLOSED);
  }
}

/** Sends a form of an account; a field that is not right is named. */
async function submit(button, field, path, next) {
  $(button).disabled = true;
  fieldError(field, "");
  notify("");
  try {
    await core.account("POST", path, { [field === "code" ? "code" : "email"]: $(field).value.trim() });
    await next();
  } catch (error) {
    if (error.status === 422) fieldError(field, error.message);
    else notify(error.message || CLOSED);
  } finally {
    $(button).disabled = false;
  }
}

function askForCode() {
  $("sign-in").hidden = true;
  $("type-code").hidden = false;
  $("code").focus();
}

function askForNumber(number, message = "") {
  if (!$("number").value) $("number").value = number;
  setState("find");
  notify(message);
  (message ? $("notice") : $("find-title")).focus();
}

function fieldError(id, message) {
  $(`${id}-error`).textContent = message;
  $(`${id}-error`).hidden = !message;
  $(id).setAttribute("aria-invalid", String(Boolean(message)));
  if (message) $(id).focus();
}

async function findBooking() {
  const number = $("number").value.trim().toUpperCase();
  const email = $("email").value.trim();
  fieldError("email", email ? "" : "The e-mail address that was given with the payment, please.");
  fieldError("number", /^[0-9A-Z]{5}-?[0-9A-Z]{5}$/.test(number) ? "" : "Ten letters and digits, like K7QM2-XRD4T, please.");
  if (!$("number-error").hidden || !$("email-error").hidden) return;
  $("look").disabled = true;
  notify("");
  try {
    show(await core.find(`/bookings/${encodeURIComponent(number)}`, { email }));
  } catch (error) {
    notify(error.message || CLOSED);
    $("notice").focus();
  } finally {
    $("look").disabled = false;
  }
}

$("find").addEventListener("submit", (event) => {
  event.preventDefault();
  findBooking();
});
$("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  submit("send-code", "my-email", "sign-in", askForCode);
});
$("type-code").addEventListener("submit", (event) => {
  event.preventDefault();
  submit("show-mine", "code", "sign-in/code", openMine);
});
$("forget").addEventListener("click", () => changeAccount("mine"));
$("print").addEventListener("click", () => print());
addEventListener("hashchange", openBooking);
openBooking();
