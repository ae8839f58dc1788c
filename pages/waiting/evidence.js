// A fan's evidence: what this browser saw of each draw, by its own clock, and what it holds of it. Nothing that is learned
// later, no other draw of the room and no refusal takes any of it away; only the fan does, on the page that checks the draw.

const DRAWS_MAX = 64;
const KEPT_MAX = 16;
const QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
const FIXED = ["entries", "root", "frozen_at_ms"];

const keyOf = (room, draw) => `fairgate:${room}:draw:${draw}`;

// What the browser keeps. Where storage is denied, this tab's memory has to do.

export function recall(key, storage = "localStorage") {
  try {
    return JSON.parse(globalThis[storage].getItem(key));
  } catch {
    return null;
  }
}

export function keep(key, value, storage = "localStorage") {
  try {
    globalThis[storage].setItem(key, JSON.stringify(value));
  } catch {
    return;
  }
}

// Everything that is kept of a room's draws: those that were only looked at before those entered, each the oldest first.
export function evidenceOf(room) {
  const keys = Object.keys(localStorage);
  const found = keys.filter((key) => key.startsWith(keyOf(room, ""))).map((key) => recall(key));
  const kept = found.filter((kept) => kept?.receipts);
  const entered = ({ receipts }) => (receipts.length ? 1 : 0);
  return kept.sort((a, b) => entered(a) - entered(b) || a.at_ms - b.at_ms);
}

export function evidenceFor(room, draw) {
  return recall(keyOf(room, draw));
}

export function dropEvidence(room, draw) {
  localStorage.removeItem(keyOf(room, draw));
}

function keepEvidence(room, kept) {
  const key = keyOf(room, kept.draw);
  keep(key, kept);
  // Storage that is denied keeps nothing, so there is nothing to bound.
  if (!recall(key)) return;
  const all = evidenceOf(room);
  for (const { draw } of all.slice(0, Math.max(all.length - DRAWS_MAX, 0))) dropEvidence(room, draw);
}

// When the round that a draw waits for is public, Unix ms; null where it waits for none that is known here.
export function roundMs({ beacon }) {
  return beacon?.chain === QUICKNET ? 1692803367000 + 3000 * (beacon.round - 1) : null;
}

// Whether the operator could aim the draw: without a round that nobody knows, and with leave to go on without it, for that
// outcome can be worked out before the freeze.
export function isAimable(descriptor) {
  return !roundMs(descriptor) || descriptor.beacon.fallback_after_ms !== undefined;
}

// What is kept of a draw after one more look at its room's status: the same object where nothing is new.
export function lookedAt(kept, { now_ms, stale, draw }, at_ms) {
  const { descriptor, label, entries, root, frozen_at_ms, seed } = draw;
  const blank = { draw: draw.descriptor_digest, descriptor, label, locked: !seed, at_ms, receipts: [], freezes: [] };
  const known = kept?.descriptor ? kept : { ...blank, ...kept };
  const { freezes } = known;
  if (!root) {
    const open = !stale && !freezes.length && now_ms >= descriptor.starts_at_ms;
    return open ? { ...known, unfrozen: { at_ms, now_ms } } : known;
  }
  if (freezes.length >= KEPT_MAX || freezes.some((seen) => isSame(seen, draw))) return known;
  // Whether it was seen before anybody could know the result: the secret is locked, and by neither clock is it the round's time.
  const before = !seed && Math.max(at_ms, now_ms) < (roundMs(descriptor) ?? Infinity);
  return { ...known, freezes: [...freezes, { entries, root, frozen_at_ms, at_ms, now_ms, before }] };
}

function isSame(seen, draw) {
  return FIXED.every((name) => seen[name] === draw[name]);
}

export function keepLook(room, status, at_ms) {
  const kept = evidenceFor(room, status.draw.descriptor_digest);
  const known = lookedAt(kept, status, at_ms);
  if (known !== kept) keepEvidence(room, known);
}

// A receipt with the random number that opens its entry, under the draw that it was given for.
export function keepReceipt(room, { draw, receipt, nonce }, at_ms) {
  if (!receipt || !draw) return;
  const kept = evidenceFor(room, draw) ?? { draw, at_ms, receipts: [], freezes: [] };
  const { receipts } = kept;
  if (receipts.length >= KEPT_MAX || receipts.some(({ ticket }) => ticket === receipt.ticket)) return;
  keepEvidence(room, { ...kept, receipts: [...receipts, { ...receipt, nonce, at_ms }] });
}

// What this browser can say of a published freeze: "changed" or "backdated" (a cheat), "before" (it saw the list sealed
// before the result could be known), "late" (it first saw it afterwards), or null (it saw nothing).
export function judgeFreeze(kept, draw) {
  const { freezes = [], unfrozen } = kept ?? {};
  if (freezes.some((seen) => !isSame(seen, draw))) return "changed";
  // By the room's own clock, and not only because that was set.
  if (Math.min(unfrozen?.now_ms, unfrozen?.at_ms) > draw.frozen_at_ms) return "backdated";
  const [first] = freezes;
  return first ? (first.before ? "before" : "late") : null;
}
