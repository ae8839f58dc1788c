// The pure parts of the waiting page's script: `node --test tests/page.test.mjs`.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { rootFrom } from "../pages/check/steps.js";
import * as draw from "../pages/waiting/draw.js";
import * as pace from "../pages/waiting/pace.js";
import { sha256 } from "../pages/waiting/sha256.js";

const COUNTING = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const D = "e721461feb172d9be665ba3fbd67ddac9a66fc3c25d22cd6f349f45eae309ceb";
const SEED = "7dad15fc70cc42ee0ff34097ed8eed6205a25821a0bd2d4c0eab2631d60b6493";
const COMMITMENT = "2655342a4d636d4e26a7351d5690aea126efde9de2c1e7633bf9c16b656369d6";

const record = () => ({
  descriptor: {
    version: "fairgate/v1",
    room: "vector",
    starts_at_ms: 1764581400000,
    opens_at_ms: 1764579600000,
    commitment: COMMITMENT,
    beacon: null,
  },
  descriptor_digest: D,
  commitment: COMMITMENT,
  entries: 7,
  frozen_at_ms: 1764581400200,
  root: "a40655b8763e6b545a13440dd4cfc1ce8e5933bdc76320b5baf044392c3167c3",
  secret: COUNTING,
  beacon: null,
  seed: SEED,
});

const fan = () => ({
  draw: D,
  nonce: new Uint8Array(16),
  receipt: { kind: "pool", index: 0, entry: "cec9e21b21765c68ffd339430a91215608fa81cc063c202cf4507bf1d3ee6d1a" },
  kept: {
    locked: true,
    descriptor: record().descriptor,
    freezes: [{ entries: 7, root: record().root, frozen_at_ms: record().frozen_at_ms, before: true }],
  },
  place: 2,
});

test("the shuffle agrees with the protocol's vectors", () => {
  const places = (n, seed, count) => Array.from({ length: count }, (_, i) => draw.placeOf(i, n, seed));
  assert.deepEqual(places(7, SEED, 7), [2, 4, 3, 0, 6, 1, 5]);
  assert.deepEqual(places(10, COUNTING, 10), [8, 9, 5, 0, 4, 3, 2, 7, 1, 6]);
  assert.deepEqual(places(14_000_000, COUNTING, 5), [565063, 4988726, 10970996, 4354573, 11728609]);
});

test("a draw of one entry has one place", () => assert.equal(draw.placeOf(0, 1, SEED), 0));

test("one place takes less than 50 ms", () => {
  draw.placeOf(0, 14_000_000, COUNTING);
  const started = performance.now();
  draw.placeOf(13_999_999, 14_000_000, COUNTING);
  assert.ok(performance.now() - started < 50);
});

test("ChaCha20 agrees with its published keystream", () => {
  // The original cipher with a key, counter and stream of zeros: 76b8e0ad a0f13d90 … and, in block 1, 9f07e7be ….
  const key = new Array(8).fill(0);
  assert.deepEqual([...draw.chachaBlock(key, 0, [0, 0]).slice(0, 2)], [0xade0b876, 0x903df1a0]);
  assert.equal(draw.chachaBlock(key, 1, [0, 0])[0], 0xbee7079f);
});

test("SHA-256 agrees with node's for every length around a block", () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) % 256);
    assert.equal(draw.toHex(sha256(bytes)), createHash("sha256").update(bytes).digest("hex"));
  }
});

const entryOf = (k) => draw.digest("entry", draw.fromHex(D), new Uint8Array(16).fill(k), new Uint8Array(32));
const node = (left, right) => createHash("sha256").update(Buffer.concat([Buffer.of(1), left, right])).digest();
const leaf = (entry) => createHash("sha256").update(Buffer.concat([Buffer.of(0), Buffer.from(entry, "hex")])).digest();

// RFC 9162, 2.1.1 and 2.1.3.1, as they are written.
function rootOf(leaves) {
  if (leaves.length === 1) return leaves[0];
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
  return node(rootOf(leaves.slice(0, k)), rootOf(leaves.slice(k)));
}

function pathOf(index, leaves) {
  if (leaves.length === 1) return [];
  const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)];
  if (index < k) return [...pathOf(index, left), rootOf(right)];
  return [...pathOf(index - k, right), rootOf(left)];
}

test("entries and root agree with the protocol's vectors", () => {
  const entries = Array.from({ length: 7 }, (_, k) => entryOf(k));
  assert.equal(entries[6], "a73f41177264222a999be8fd35f29092105d9077f89d1bcbff7ebea255efc2ff");
  assert.equal(rootOf(entries.map(leaf)).toString("hex"), record().root);
});

test("every entry is proved by its path, and by no other", () => {
  for (let n = 1; n <= 33; n++) {
    const entries = Array.from({ length: n }, (_, k) => entryOf(k));
    const leaves = entries.map(leaf);
    const root = rootOf(leaves).toString("hex");
    entries.forEach((entry, i) => {
      const path = pathOf(i, leaves).map((bytes) => bytes.toString("hex"));
      assert.equal(rootFrom(entry, i, n, path), root, `entry ${i} of ${n}`);
      assert.notEqual(rootFrom(entryOf(99), i, n, path), root);
      assert.notEqual(rootFrom(entry, i, n, [...path, root]), root);
      if (n > 1) assert.notEqual(rootFrom(entry, (i + 1) % n, n, path), root);
    });
  }
});

const names = (steps) => steps.map(([name]) => name);

test("an honest draw passes every step", () => {
  const steps = draw.verifyDraw(record(), fan());
  const every = ["descriptor", "promise", "entry", "witness", "secret", "seed", "place"];
  assert.deepEqual(names(steps), every);
  assert.ok(steps.every(([, ok]) => ok), JSON.stringify(steps));
});

test("each cheat fails at its own step", () => {
  const other = "ff".repeat(32);
  const cheats = {
    descriptor: (r) => (r.descriptor.starts_at_ms += 1),
    promise: (r, f) => (f.kept.descriptor.commitment = other),
    entry: (r, f) => (f.receipt.entry = other),
    witness: (r, f) => (f.kept.freezes[0].root = other),
    secret: (r) => (r.secret = other),
    seed: (r) => (r.seed = other),
    place: (r, f) => (f.place = 3),
  };
  for (const [step, cheat] of Object.entries(cheats)) {
    const [r, f] = [record(), fan()];
    cheat(r, f);
    const failed = names(draw.verifyDraw(r, f).filter(([, ok]) => !ok));
    assert.ok(failed.includes(step), `${step}: ${failed}`);
  }
});

test("who came when the result could be known is no witness, and no accuser", () => {
  const f = fan();
  f.kept.freezes[0].before = false;
  assert.deepEqual(draw.verifyDraw(record(), f).find(([name]) => name === "late"), ["late", null]);
});

test("the code to compare is the leaf hash of the freeze's statement", () => {
  const code = "b77173c6e07d4a60146829fe24fdd4440d69be27b9d52b1c7c2b985336032c4d";
  assert.equal(draw.freezeCode(record()), code);
  assert.equal(draw.freezeCode({ ...record(), missing: 0 }), code);
  for (const change of [{ entries: 8 }, { missing: 1 }, { frozen_at_ms: 1764581400201 }]) {
    assert.notEqual(draw.freezeCode({ ...record(), ...change }), code);
  }
});

test("before the reveal only what is known is checked", () => {
  const steps = draw.verifyDraw({ ...record(), root: null, entries: null, secret: null, seed: null }, fan());
  assert.deepEqual(names(steps), ["descriptor", "promise", "entry"]);
});

const status = (fields) => ({
  phase: "serving",
  opens_at_ms: 1000,
  starts_at_ms: 61000,
  serving: 100,
  rate_per_minute: 600,
  sold_out: false,
  paused: false,
  now_ms: 70000,
  draw: { entries: 7, seed: SEED },
  ...fields,
});
const POLL = { floor_ms: 2000, ceiling_ms: 180000, divisor: 10 };

test("each phase has its screen", () => {
  const pool = { receipt: { kind: "pool", index: 3 } };
  const line = { receipt: { kind: "line", place: 100 } };
  const screen = (fields, mine, now = 70000) => {
    const s = status(fields);
    return pace.screenFor(s, mine, pace.placeFrom(mine.receipt, s.draw), now);
  };
  const unrevealed = { draw: { entries: 7, seed: null } };
  assert.equal(screen({ phase: "idle" }, {}), "idle");
  assert.equal(screen({ phase: "pooling" }, {}), "joining");
  assert.equal(screen({ phase: "pooling", ...unrevealed }, pool, 5000), "pooled");
  assert.equal(screen({ phase: "pooling", ...unrevealed }, pool, 61000), "drawing");
  assert.equal(screen({ phase: "drawing", ...unrevealed }, pool), "drawing");
  assert.equal(screen({}, pool), "called");
  assert.equal(screen({ serving: 0 }, pool), "line");
  assert.equal(screen({}, line), "line");
  assert.equal(screen({ serving: 101 }, line), "called");
  assert.equal(screen({ sold_out: true }, line), "soldout");
  assert.equal(screen({ sold_out: true }, {}), "soldout");
  assert.equal(screen({}, { gone: "left" }), "left");
  assert.equal(screen({ phase: "ended" }, line), "ended");
});

test("polls are spread between floor and ceiling", () => {
  assert.equal(pace.pollDelay(POLL, 600_000, 0.5), 60_000);
  assert.equal(pace.pollDelay(POLL, 600_000, 0), 48_000);
  assert.equal(pace.pollDelay(POLL, 600_000, 1), 72_000);
  assert.equal(pace.pollDelay(POLL, 0, 0.5), 2000);
  assert.equal(pace.pollDelay(POLL, Infinity, 0.5), 180_000);
});

test("a poll does not sleep through the moment that matters", () => {
  const slow = { floor_ms: 30_000, ceiling_ms: 180_000, divisor: 1 };
  assert.ok(pace.pollDelay(slow, 20_000, 0.5) <= 50_000);
  for (let random = 0; random <= 1; random += 0.1) {
    assert.ok(pace.pollDelay(POLL, -5000, random) <= 2400);
  }
});

test("failures back off, and the server's wish is kept", () => {
  assert.equal(pace.retryDelay(POLL, 1, 0, 0.5), 2000);
  assert.equal(pace.retryDelay(POLL, 4, 0, 0.5), 16_000);
  assert.equal(pace.retryDelay(POLL, 99, 0, 0.5), 180_000);
  assert.equal(pace.retryDelay(POLL, 1, 60_000, 0), 60_000);
});

test("only a pool lets joins spread out", () => {
  assert.equal(pace.joinDelay({ opens_at_ms: 0, starts_at_ms: 600_000 }, 1), 30_000);
  assert.equal(pace.joinDelay({ opens_at_ms: 0, starts_at_ms: 1_800_000 }, 1), 60_000);
  assert.equal(pace.joinDelay({ opens_at_ms: 0, starts_at_ms: 10_000 }, 1), 500);
  assert.equal(pace.joinDelay({ opens_at_ms: 5, starts_at_ms: 5 }, 1), 0);
});

test("the expected wait is the range that the room tells", () => {
  const advance = { standstill_ms: 5000, low_per_minute: 300, high_per_minute: 600 };
  assert.deepEqual(pace.expectedWait(600, advance), [65_000, 125_000]);
  assert.equal(pace.expectedWait(600, { ...advance, low_per_minute: 0 }), null);
});

test("the clock follows the freshest answer and a clock that was set", () => {
  assert.equal(pace.clockOffset(null, 1000, 400), 600);
  assert.equal(pace.clockOffset(600, 2000, 1500), 600);
  assert.equal(pace.clockOffset(600, 2000, 1300), 700);
  assert.equal(pace.clockOffset(600, 90_000, 1000), 89_000);
});

test("spans, clocks and progress", () => {
  assert.deepEqual(pace.spanOf([100_000, 290_000]), ["minute", 1, 5]);
  assert.deepEqual(pace.spanOf([3_600_000, 8_000_000]), ["hour", 1, 2.5]);
  assert.equal(pace.clockFace(59_001), "01:00");
  assert.equal(pace.clockFace(3_723_000), "1:02:03");
  assert.equal(pace.clockFace(-5), "00:00");
  assert.equal(pace.progressOf(25, 100), 0.75);
  assert.equal(pace.progressOf(200, 100), 0);
  assert.equal(pace.progressOf(0, 0), 1);
});
