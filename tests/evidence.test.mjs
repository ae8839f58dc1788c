// What a fan's browser keeps of a draw: `node --test tests/evidence.test.mjs`.

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { judgeFreeze } from "../pages/check/judge.js";
import * as evidence from "../pages/waiting/evidence.js";
import { drawingWords } from "../pages/waiting/pace.js";

const QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";
const ROUND_MS = 1692806364000;
const STARTS_MS = ROUND_MS - 60_000;
const D = "d1".repeat(32);

// A browser's storage, with room for so many characters.
class Storage {
  constructor(room = Infinity) {
    Object.defineProperty(this, "room", { value: room });
  }
  getItem(key) {
    return Object.hasOwn(this, key) ? this[key] : null;
  }
  setItem(key, value) {
    if (value.length > this.room) throw new Error("QuotaExceededError");
    this[key] = value;
  }
  removeItem(key) {
    delete this[key];
  }
}

beforeEach(() => (globalThis.localStorage = new Storage()));

const descriptor = (beacon = { chain: QUICKNET, round: 1000 }) => ({ beacon, room: "tour", starts_at_ms: STARTS_MS });
const open = (now_ms, fields = {}) => ({
  now_ms,
  stale: false,
  draw: { descriptor: descriptor(), descriptor_digest: D, label: "committed + public beacon", root: null, ...fields },
});
const FREEZE = { entries: 7, root: "ab".repeat(32), frozen_at_ms: STARTS_MS + 5 };
const sealed = (now_ms, fields = {}) => open(now_ms, { ...FREEZE, ...fields });
const published = (fields = {}) => sealed(0, fields).draw;
const looks = (...seen) => seen.forEach(([status, at_ms]) => evidence.keepLook("tour", status, at_ms));
const judged = (draw = published()) => judgeFreeze(evidence.evidenceFor("tour", D), draw);

test("a browser that saw the list sealed before the round is a witness", () => {
  looks([open(STARTS_MS + 1), STARTS_MS + 40], [sealed(STARTS_MS + 9), STARTS_MS + 49]);
  const { freezes, unfrozen } = evidence.evidenceFor("tour", D);
  assert.deepEqual(unfrozen, { at_ms: STARTS_MS + 40, now_ms: STARTS_MS + 1 });
  assert.deepEqual(freezes, [{ ...FREEZE, at_ms: STARTS_MS + 49, now_ms: STARTS_MS + 9, before: true }]);
  assert.equal(judged(), "before");
});

test("a browser that first saw it when the round was known, or the secret, says so", () => {
  looks([sealed(STARTS_MS + 9), ROUND_MS]);
  assert.equal(judged(), "late");
  globalThis.localStorage = new Storage();
  looks([sealed(ROUND_MS), STARTS_MS + 9]);
  assert.equal(judged(), "late", "a device whose clock is slow is no witness");
  globalThis.localStorage = new Storage();
  looks([sealed(STARTS_MS + 9, { descriptor: descriptor(null), seed: "cd".repeat(32) }), STARTS_MS + 50]);
  assert.equal(judged(published({ descriptor: descriptor(null) })), "late");
});

test("nothing of a freeze may change once it was seen, and what was seen first stays", () => {
  for (const change of [{ entries: 8 }, { root: "cd".repeat(32) }, { frozen_at_ms: STARTS_MS + 4 }]) {
    globalThis.localStorage = new Storage();
    looks([sealed(STARTS_MS + 9), STARTS_MS + 49]);
    assert.equal(judged(published(change)), "changed");
    looks([sealed(STARTS_MS + 19, change), STARTS_MS + 59], [sealed(STARTS_MS + 29, change), STARTS_MS + 69]);
    assert.equal(evidence.evidenceFor("tour", D).freezes.length, 2);
    assert.equal(judged(published(change)), "changed");
    assert.equal(judged(), "changed");
  }
});

test("a freeze dated before a moment at which the room said that it was open is a cheat", () => {
  looks([open(STARTS_MS + 5), STARTS_MS + 5], [sealed(STARTS_MS + 9), STARTS_MS + 9]);
  assert.equal(judged(), "before");
  globalThis.localStorage = new Storage();
  looks([open(STARTS_MS + 6), STARTS_MS + 6], [sealed(STARTS_MS + 9), STARTS_MS + 9]);
  assert.equal(judged(), "backdated");
  for (const at_ms of [STARTS_MS + 5, STARTS_MS - 3_600_000]) {
    globalThis.localStorage = new Storage();
    looks([open(STARTS_MS + 3_600_000), at_ms], [sealed(STARTS_MS + 9), STARTS_MS + 9]);
    assert.equal(judged(), "before", "the room's clock was wrong for a while, or the device's is slow");
  }
});

test("numbers from an edge that is cut off say nothing about when the list was sealed", () => {
  looks([{ ...open(STARTS_MS + 6), stale: true }, STARTS_MS + 6], [sealed(STARTS_MS + 9), STARTS_MS + 9]);
  assert.equal(judged(), "before");
});

const receipt = (n) => ({ kind: "pool", index: n, entry: "ee".repeat(32), ticket: `ticket ${n}` });

test("receipts and nonces stay with their draw, whatever becomes of the page's own", () => {
  evidence.keepReceipt("tour", { draw: D, receipt: receipt(1), nonce: "u1" }, 1);
  evidence.keepReceipt("tour", { draw: D, receipt: receipt(1), nonce: undefined }, 2);
  evidence.keepReceipt("tour", { draw: "d2", receipt: receipt(2), nonce: "u2" }, 3);
  evidence.keepReceipt("tour", { draw: D }, 4);
  looks([sealed(STARTS_MS + 9), STARTS_MS + 49]);
  const [first, second] = evidence.evidenceOf("tour");
  assert.deepEqual(first.receipts, [{ ...receipt(1), nonce: "u1", at_ms: 1 }]);
  assert.deepEqual([first.descriptor, first.label, first.locked], [descriptor(), "committed + public beacon", true]);
  assert.deepEqual([second.draw, second.receipts[0].nonce], ["d2", "u2"]);
  assert.deepEqual(evidence.evidenceOf("tou"), []);
  evidence.dropEvidence("tour", D);
  assert.deepEqual(evidence.evidenceOf("tour").map(({ draw }) => draw), ["d2"]);
});

test("storage is bounded: draws that were only looked at go first, the oldest first", () => {
  evidence.keepReceipt("tour", { draw: "entered", receipt: receipt(1), nonce: "u" }, 0);
  for (let n = 1; n <= 70; n++) {
    const status = open(STARTS_MS, { descriptor_digest: `draw ${n}` });
    evidence.keepLook("tour", status, n);
  }
  const kept = evidence.evidenceOf("tour").map(({ draw }) => draw);
  assert.equal(kept.length, 64);
  assert.ok(kept.includes("entered") && kept.includes("draw 70") && !kept.includes("draw 7"), `${kept}`);
});

test("what cannot be read is passed over", () => {
  localStorage["fairgate:tour:draw:torn"] = '{"draw":"to';
  looks([sealed(STARTS_MS + 9), STARTS_MS + 49]);
  assert.deepEqual(evidence.evidenceOf("tour").map(({ draw }) => draw), [D]);
});

test("a browser that keeps nothing goes on all the same", () => {
  globalThis.localStorage = new Storage(10);
  looks([sealed(STARTS_MS + 9), STARTS_MS + 49]);
  Object.defineProperty(globalThis, "localStorage", {
    configurable: true,
    get: () => {
      throw new Error("SecurityError");
    },
  });
  looks([sealed(STARTS_MS + 9), STARTS_MS + 49]);
  assert.equal(judged(), null);
  Object.defineProperty(globalThis, "localStorage", { configurable: true, writable: true, value: new Storage() });
});

test("a draw that may go on without its round, or names an unknown one, can be aimed", () => {
  assert.equal(evidence.isAimable(descriptor()), false);
  assert.equal(evidence.isAimable(descriptor(null)), true);
  assert.equal(evidence.isAimable(descriptor({ chain: QUICKNET, round: 1000, fallback_after_ms: 0 })), true);
  assert.equal(evidence.isAimable(descriptor({ chain: "00", round: 1000 })), true);
});

// A draw with tiers, whose round follows from its freeze: R = 1000, and again every 10 rounds.
const tiered = (frozen_at_ms, now_ms, fields = {}) =>
  open(now_ms, {
    descriptor: descriptor({ chain: QUICKNET, round: 1000, retry: 10 }),
    tiers: [{ entries: 7, missing: 0, name: "fans", root: "ab".repeat(32), tags_root: "00".repeat(32) }],
    frozen_at_ms,
    ...fields,
  });

test("a freeze of tiers is kept whole, and judged by the round that it gives", () => {
  const late_ms = ROUND_MS - 4000;
  looks([tiered(late_ms, late_ms + 9), ROUND_MS + 26_000]);
  const { draw } = tiered(late_ms, 0);
  const [{ tiers, before }] = evidence.evidenceFor("tour", D).freezes;
  assert.deepEqual([tiers, before], [draw.tiers, true]);
  assert.equal(judged(draw), "before", "the round is the next one, 30 s later");
  const [tier] = draw.tiers;
  for (const change of [{ entries: 8 }, { missing: 1 }, { tags_root: "cd".repeat(32) }, { name: "all" }]) {
    assert.equal(judged({ ...draw, tiers: [{ ...tier, ...change }] }), "changed");
  }
  globalThis.localStorage = new Storage();
  looks([tiered(late_ms, late_ms + 9), ROUND_MS + 30_000]);
  assert.equal(judged(draw), "late");
});

test("proofs from the log are kept with what was seen, each once", () => {
  evidence.keepProof("tour", D, "early", 1);
  assert.equal(evidence.evidenceFor("tour", D), null, "nothing was seen of this draw");
  looks([sealed(STARTS_MS + 9), STARTS_MS + 49]);
  for (const text of ["one", "one", "two"]) evidence.keepProof("tour", D, text, 5);
  looks([sealed(STARTS_MS + 19), STARTS_MS + 59]);
  const { proofs } = evidence.evidenceFor("tour", D);
  assert.deepEqual(proofs, [{ at_ms: 5, text: "one" }, { at_ms: 5, text: "two" }]);
});

test("a fan who waits for the draw is told what it waits for", () => {
  const words = (now, frozen_at_ms = null, beacon = undefined) =>
    drawingWords({ descriptor: descriptor(beacon), frozen_at_ms }, now);
  assert.equal(words(STARTS_MS, null, null), "drawing_words");
  assert.equal(words(STARTS_MS), "drawing_round");
  assert.equal(words(ROUND_MS + 19_999, STARTS_MS), "drawing_round");
  assert.equal(words(ROUND_MS + 20_000, STARTS_MS), "drawing_late");
  assert.equal(words(ROUND_MS + 20_000, ROUND_MS), "drawing_void");
  const lenient = { chain: QUICKNET, round: 1000, fallback_after_ms: 60_000 };
  assert.equal(words(ROUND_MS + 20_000, ROUND_MS, lenient), "drawing_late");
});
