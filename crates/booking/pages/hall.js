// The hall as a plan: where every seat is. Tiers are rings around the stage, rows are arcs, seats keep their distance.

const ROW_PITCH = 1.12;
const TIER_GAP = 3;
const AISLE = 2.2;
const FIRST_RADIUS = 21;
const WIDEST = 2.35;

/** Coordinates of a point on a ring; the angle is measured from straight away from the stage. */
function onRing(radius, angle) {
  return [radius * Math.sin(angle), radius * Math.cos(angle)];
}

function layoutHall(event) {
  const x = new Float32Array(event.seats);
  const y = new Float32Array(event.seats);
  const sectionOf = new Uint16Array(event.seats);
  const tiers = [...new Set(event.sections.map((section) => section.tier))].sort((a, b) => a - b);
  const sections = event.sections.map((section, index) => ({ ...section, index }));
  let radius = FIRST_RADIUS;
  for (const tier of tiers) {
    const blocks = sections.filter((section) => section.tier === tier).map(shape);
    const width = blocks.reduce((sum, block) => sum + block.width, AISLE * (blocks.length - 1));
    radius = Math.max(radius, width / WIDEST);
    let angle = -width / radius / 2;
    for (const block of blocks) {
      place(block, radius, angle, { x, y, sectionOf });
      angle += (block.width + AISLE) / radius;
    }
    radius += Math.max(...blocks.map((block) => block.depth)) + TIER_GAP;
  }
  return { x, y, sectionOf, sections, bounds: around(sections.map((section) => section.bounds)) };
}

/** Rows of units, and how much room they take. People who stand have no rows: they get some, to be drawn in. */
function shape(section) {
  const rows = section.kind === "standing" ? ranks(section) : section.rows.map((row) => ({ first: row.first, count: row.seats.length }));
  const pitch = section.kind === "standing" ? 0.8 : 1;
  const width = Math.max(...rows.map((row) => row.count)) * pitch;
  const depth = rows.length * ROW_PITCH * pitch;
  return { section, rows, pitch, width, depth };
}

function ranks(section) {
  const perRank = Math.ceil(Math.sqrt(section.seats * 7));
  const count = Math.ceil(section.seats / perRank);
  return Array.from({ length: count }, (_, rank) => {
    const from = Math.floor((section.seats * rank) / count);
    return { first: section.first + from, count: Math.floor((section.seats * (rank + 1)) / count) - from };
  });
}

function place({ section, rows, pitch, width, depth }, radius, angle, seats) {
  const middle = angle + width / radius / 2;
  rows.forEach((row, number) => {
    const ring = radius + number * ROW_PITCH * pitch;
    for (let seat = 0; seat < row.count; seat += 1) {
      const unit = row.first + seat;
      const at = middle + ((seat - (row.count - 1) / 2) * pitch) / radius;
      [seats.x[unit], seats.y[unit]] = onRing(ring, at);
      seats.sectionOf[unit] = section.index;
    }
  });
  const margin = 0.75;
  section.arc = { inner: radius - margin, outer: radius + depth - ROW_PITCH * pitch + margin, from: angle - (margin - 0.5) / radius, to: angle + (width + margin - 0.5) / radius };
  section.middle = onRing((section.arc.inner + section.arc.outer) / 2, middle);
  section.tilt = -middle;
  section.bounds = boundsOf(section.arc);
}

function boundsOf({ inner, outer, from, to }) {
  const angles = [from, to, ...[0].filter((angle) => angle > from && angle < to), (from + to) / 2];
  const points = angles.flatMap((angle) => [onRing(inner, angle), onRing(outer, angle)]);
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  return { left: Math.min(...xs), right: Math.max(...xs), top: Math.min(...ys), bottom: Math.max(...ys) };
}

function around(boxes) {
  return {
    left: Math.min(...boxes.map((box) => box.left)),
    right: Math.max(...boxes.map((box) => box.right)),
    top: Math.min(0, ...boxes.map((box) => box.top)),
    bottom: Math.max(...boxes.map((box) => box.bottom)),
  };
}

/** A colour a price: the dearest first, the hues evenly apart. */
function priceColours(sections, dark) {
  const prices = [...new Set(sections.map((section) => section.price))].sort((a, b) => b - a);
  const hue = (rank) => 335 - (prices.length > 1 ? (rank / (prices.length - 1)) * 175 : 0);
  const colour = (rank) => `hsl(${Math.round(hue(rank))} ${dark ? "58% 62%" : "56% 45%"})`;
  return new Map(prices.map((price, rank) => [price, colour(rank)]));
}

/** The name of each unit, and where it is, in words. */
function nameSeats(event) {
  const ids = new Array(event.seats);
  const words = new Array(event.seats);
  for (const section of event.sections) {
    for (const row of section.rows) {
      row.seats.forEach((seat, position) => {
        ids[row.first + position] = `${section.id}-${row.label}-${seat}`;
        words[row.first + position] = section.kind === "standing" ? `Place ${seat}` : `Row ${row.label}, seat ${seat}`;
      });
    }
  }
  return { ids, words, unitOf: new Map(ids.map((id, unit) => [id, unit])) };
}
