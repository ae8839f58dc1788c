// Choosing seats: the best of a section, taps on the map, or lists; and holding them.

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
    button.setAttribute("aria-label", `${shop.names.words[row.first + position]}, ${money(section.price)}`);
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
    show(await core.reserve({ event: shop.event.id, ...request }, shop.holdKey));
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
