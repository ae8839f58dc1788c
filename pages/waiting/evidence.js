// A fan's evidence: what this browser saw of each draw, by its own clock, and what it holds of it. Nothing that is learned
// later, no other draw of the room and no refusal takes any of it away; only the fan does, on the page that checks the draw.

const DRAWS_MAX = 64;
const KEPT_MAX = 16;
const QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";

const drawKey = (room, draw) => `fairgate:${room}:draw:${draw}`;

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
  const found = keys.filter((key) => key.startsWith(drawKey(room, ""))).map((key) => recall(key));
  const kept = found.filter((kept) => kept?.receipts);
  const entered = ({ receipts }) => (receipts.length ? 1 : 0);
  return kept.sort((a, b) => entered(a) - entered(b) || a.at_ms - b.at_ms);
}

export function evidenceFor(room, draw) {
  return recall(drawKey(room, draw));
}

export function dropEvidence(room, draw) {
  localStorage.removeItem(drawKey(room, draw));
}

function keepEvidence(room, kept) {
  const key = drawKey(room, kept.draw);
  keep(key, kept);
  // Storage that is denied keeps nothing, so there is nothing to bound.
  if (!recall(key)) return;
  const all = evidenceOf(room);
  for (const { draw } of all.slice(0, Math.max(all.length - DRAWS_MAX, 0))) dropEvidence(room, draw);
}

// The round that a draw waits for: one that may try again takes the first that is five seconds or more after its freeze.
export function roundOf({ descriptor: { beacon }, frozen_at_ms }) {
  const { retry, round } = beacon;
  const lacking = (frozen_at_ms + 5000 - timeOfRound(round)) / 3000;
  return round + (retry && lacking > 0 ? Math.ceil(lacking / retry) * retry : 0);
}

function timeOfRound(round) {
  return 1692803367000 + 3000 * (round - 1);
}

// When that round is public, Unix ms; null where the draw waits for none that is known here.
export function roundMs(draw) {
  return draw.descriptor.beacon?.chain === QUICKNET ? timeOfRound(roundOf(draw)) : null;
}

// Whether the operator could aim the draw: without a round that nobody knows, and with leave to go on without it, for that
// outcome can be worked out before the freeze.
export function isAimable(descriptor) {
  return !roundMs({ descriptor }) || descriptor.beacon.fallback_after_ms !== undefined;
}

// What is kept of a draw after one more look at its room's status: the same object where nothing is new.
export function lookedAt(kept, { now_ms, stale, draw }, at_ms) {
  const { descriptor, label, entries, root, tiers, frozen_at_ms, seed } = draw;
  const blank = { draw: draw.descriptor_digest, descriptor, label, locked: !seed, at_ms, receipts: [], freezes: [] };
  const known = kept?.descriptor ? kept : { ...blank, ...kept };
  const { freezes } = known;
  if (!isFrozen(draw)) {
    const open = !stale && !freezes.length && now_ms >= descriptor.starts_at_ms;
    return open ? { ...known, unfrozen: { at_ms, now_ms } } : known;
  }
  if (freezes.length >= KEPT_MAX || freezes.some((seen) => isSame(seen, draw))) return known;
  // Whether it was seen before anybody could know the result: the secret is locked, and by neither clock is it the round's time.
  const before = !seed && Math.max(at_ms, now_ms) < (roundMs(draw) ?? Infinity);
  const list = tiers ? { tiers } : { entries, root };
  return { ...known, freezes: [...freezes, { ...list, frozen_at_ms, at_ms, now_ms, before }] };
}

export function isFrozen({ root, tiers }) {
  return Boolean(root ?? tiers);
}

// Whether what was seen of a freeze is what is published of it.
export function isSame(seen, draw) {
  return fixedIn(seen) === fixedIn(draw);
}

function fixedIn({ frozen_at_ms, entries, root, tiers }) {
  return JSON.stringify([frozen_at_ms, tiers ?? [entries, root]]);
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

// A proof from the draw log that the freeze is in it, as it was at that time: who signed it, and when.
export function keepProof(room, draw, text, at_ms) {
  const kept = evidenceFor(room, draw);
  const proofs = kept?.proofs ?? [];
  if (!kept || proofs.length >= KEPT_MAX || proofs.some((proof) => proof.text === text)) return;
  keepEvidence(room, { ...kept, proofs: [...proofs, { at_ms, text }] });
}
