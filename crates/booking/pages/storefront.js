// The shop's page: how it starts, and how it keeps up with what others buy.

const POLL_MS = 2000;
const START_AGAIN_MS = 3000;

/** Reads the event and the fan's bookings; without both, there is nothing that could be shown as true. */
async function start() {
  const named = location.pathname.match(/^\/events\/([^/]+)\/?$/);
  const id = named ? decodeURIComponent(named[1]) : ((await core.events())[0] || {}).id;
  if (!id) throw new Error("There is nothing on sale here yet.");
  const [event, bits, bookings] = await Promise.all([core.event(id), core.availability(id), core.bookings()]);
  shop.event = event;
  money = moneyIn(event.currency, event.minor_units);
  shop.names = nameSeats(event);
  shop.hall = layoutHall(event);
  describe(event);
  notify("");
  shop.map = new HallMap($("hall-map"), $("seat-tip"), shop.hall, shop.names.words);
  shop.map.onSeat = toggleSeat;
  shop.map.onSection = (section) => chooseSection(section.id);
  takeBits(bits);
  fillSections();
  const own = mostUrgent(bookings.filter((booking) => booking.event === event.id), putAside.read());
  if (own) show(own);
  else setState("choosing");
  refreshChoosing();
  setTimeout(poll, POLL_MS);
}

function describe(event) {
  document.title = `${event.title} · Tickets`;
  const words = timeIn(event.zone)(event.starts_at);
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

$("zoom-in").addEventListener("click", () => shop.map.zoomBy(1.6));
$("zoom-out").addEventListener("click", () => shop.map.zoomBy(1 / 1.6));
$("zoom-all").addEventListener("click", () => shop.map.show(null));
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !shop.paying) lookAgain();
});

function begin() {
  start().catch((error) => {
    if (error instanceof Ended) return end();
    if (shop.map) throw error;
    $("event-title").textContent = "Not now";
    notify(error.message);
    setTimeout(begin, START_AGAIN_MS);
  });
}

begin();
