// The pure parts of the waiting page's script: `node --test tests/page.test.mjs`.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";

import { readdirSync, readFileSync } from "node:fs";

import { rootFrom } from "../pages/check/steps.js";
import * as draw from "../pages/waiting/draw.js";
import * as pace from "../pages/waiting/pace.js";
import { chachaBlock, fromHex, placeOf, toHex } from "../pages/waiting/place.js";
import { modelOf, noticeOf } from "../pages/waiting/screens.js";
import { sha256 } from "../pages/waiting/sha256.js";
import { tongue } from "../pages/waiting/words.js";

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

test("the shuffle agrees with the protocol's vectors", () => {
  const places = (n, seed, count) => Array.from({ length: count }, (_, i) => placeOf(i, n, seed));
  assert.deepEqual(places(7, SEED, 7), [2, 4, 3, 0, 6, 1, 5]);
  assert.deepEqual(places(10, COUNTING, 10), [8, 9, 5, 0, 4, 3, 2, 7, 1, 6]);
  assert.deepEqual(places(14_000_000, COUNTING, 5), [565063, 4988726, 10970996, 4354573, 11728609]);
});

test("a draw of one entry has one place", () => assert.equal(placeOf(0, 1, SEED), 0));

test("one place takes less than 50 ms", () => {
  placeOf(0, 14_000_000, COUNTING);
  const started = performance.now();
  placeOf(13_999_999, 14_000_000, COUNTING);
  assert.ok(performance.now() - started < 50);
});

test("ChaCha20 agrees with its published keystream", () => {
  // The original cipher with a key, counter and stream of zeros: 76b8e0ad a0f13d90 … and, in block 1, 9f07e7be ….
  const key = new Array(8).fill(0);
  assert.deepEqual([...chachaBlock(key, 0, [0, 0]).slice(0, 2)], [0xade0b876, 0x903df1a0]);
  assert.equal(chachaBlock(key, 1, [0, 0])[0], 0xbee7079f);
});

test("SHA-256 agrees with node's for every length around a block", () => {
  for (let length = 0; length <= 200; length++) {
    const bytes = Uint8Array.from({ length }, (_, i) => (i * 37 + length) % 256);
    assert.equal(toHex(sha256(bytes)), createHash("sha256").update(bytes).digest("hex"));
  }
});

const entryOf = (k) => draw.digest("entry", fromHex(D), new Uint8Array(16).fill(k), new Uint8Array(32));
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

test("the code to compare is the leaf hash of the freeze's statement", () => {
  const code = "b77173c6e07d4a60146829fe24fdd4440d69be27b9d52b1c7c2b985336032c4d";
  assert.equal(draw.freezeCode(record()), code);
  assert.equal(draw.freezeCode({ ...record(), missing: 0 }), code);
  for (const change of [{ entries: 8 }, { missing: 1 }, { frozen_at_ms: 1764581400201 }]) {
    assert.notEqual(draw.freezeCode({ ...record(), ...change }), code);
  }
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
  draw: { descriptor: record().descriptor, entries: 7, seed: SEED },
  ...fields,
});
const POLL = { floor_ms: 2000, ceiling_ms: 180000, divisor: 10 };

test("each phase has its screen", async () => {
  const pool = { receipt: { kind: "pool", index: 3 } };
  const line = { receipt: { kind: "line", place: 100 } };
  const screen = async (fields, mine, now = 70000) => {
    const s = status(fields);
    return pace.screenFor(s, mine, await pace.placeFrom(mine.receipt, s.draw), now);
  };
  const unrevealed = { draw: { ...status().draw, seed: null } };
  assert.equal(await screen({ phase: "idle" }, {}), "idle");
  assert.equal(await screen({ phase: "pooling" }, {}), "joining");
  assert.equal(await screen({ phase: "pooling", ...unrevealed }, pool, 5000), "pooled");
  assert.equal(await screen({ phase: "pooling", ...unrevealed }, pool, 61000), "drawing");
  assert.equal(await screen({ phase: "drawing", ...unrevealed }, pool), "drawing");
  assert.equal(await screen({}, pool), "called");
  assert.equal(await screen({ serving: 0 }, pool), "line");
  assert.equal(await screen({}, line), "line");
  assert.equal(await screen({ serving: 101 }, line), "called");
  assert.equal(await screen({ sold_out: true }, line), "soldout");
  assert.equal(await screen({ sold_out: true }, {}), "soldout");
  assert.equal(await screen({}, { gone: "left" }), "left");
  assert.equal(await screen({ phase: "ended" }, line), "ended");
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
  const advance = { standstill_ms: 5000, low_per_minute: 300, high_per_minute: 600, free: null };
  assert.deepEqual(pace.expectedWait(599, advance), [65_000, 125_000]);
  assert.equal(pace.expectedWait(599, { ...advance, low_per_minute: 0 }), null);
  const free = { places: 20, low_per_minute: 300, high_per_minute: 1200 };
  assert.deepEqual(pace.expectedWait(9, { ...advance, free }), [5500, 7000], "there is room for the first");
  assert.deepEqual(pace.expectedWait(79, { ...advance, free }), [12_000, 21_000]);
});

test("polls in the line go by the middle of what is expected", () => {
  const advance = { standstill_ms: 0, low_per_minute: 30, high_per_minute: 120, free: null };
  assert.equal(pace.interestIn(status({ advance }), "line", 59, 0), 60_000);
  assert.equal(pace.interestIn(status({ advance: { ...advance, low_per_minute: 0 } }), "line", 59, 0), 0);
  assert.equal(pace.interestIn(status({}), "missed", 0, 0), Infinity);
});

// A called place ------------------------------------------------------------------------------------------------------

const called = (fields) => status({ grace_ms: 300_000, late: "tail", draw: { descriptor_digest: D }, ...fields });

test("a called place is kept for the grace from the last look at which it was not called", () => {
  const before = called({ serving: 100, now_ms: 70_000 });
  const after = called({ serving: 101, now_ms: 75_000 });
  assert.equal(pace.keptUntil(undefined, before, after, 100), 370_000);
  assert.equal(pace.keptUntil(370_000, after, called({ serving: 200, now_ms: 99_000 }), 100), 370_000);
  assert.equal(pace.keptUntil(370_000, before, before, 100), undefined, "not called");
  assert.equal(pace.keptUntil(undefined, null, after, 100), null, "nobody saw when");
  assert.equal(pace.keptUntil(undefined, after, after, 100), null);
  assert.equal(pace.keptUntil(undefined, before, after, null), undefined, "no place");
  const other = called({ draw: { descriptor_digest: "another" } });
  assert.equal(pace.keptUntil(undefined, other, after, 100), null, "of another draw");
});

test("no time runs while nobody can come in", () => {
  const held = called({ serving: 101, paused: true, now_ms: 80_000 });
  const still = called({ serving: 101, paused: true, now_ms: 95_000 });
  assert.equal(pace.keptUntil(370_000, held, still, 100), 385_000);
  assert.equal(pace.keptUntil(370_000, held, called({ serving: 101, now_ms: 95_000 }), 100), 370_000);
});

test("a visit that nobody sees begins only when the place would be lost", () => {
  const room = { late: "tail" };
  assert.equal(pace.goesIn(room, { until_ms: 400_000 }, false, 0), true, "somebody looks");
  assert.equal(pace.goesIn(room, { until_ms: 400_000 }, true, 0), false);
  assert.equal(pace.goesIn(room, { until_ms: 400_000 }, true, 310_000), true);
  assert.equal(pace.goesIn(room, { until_ms: 60_000 }, true, 0), true, "a short grace leaves no time");
  assert.equal(pace.goesIn(room, { until_ms: null }, true, 0), true, "nobody knows how long");
  assert.equal(pace.goesIn({ late: "honour" }, { until_ms: 10 }, true, 400_000), false, "late comers are let in");
  assert.equal(pace.goesIn(room, { until_ms: 400_000, expires_ms: 1 }, true, 0), true, "it has begun");
});

test("the clock follows the freshest answer and a clock that was set", () => {
  assert.equal(pace.clockOffset(null, 1000, 400), 600);
  assert.equal(pace.clockOffset(600, 2000, 1500), 600);
  assert.equal(pace.clockOffset(600, 2000, 1300), 700);
  assert.equal(pace.clockOffset(600, 90_000, 1000), 89_000);
});

test("spans, clocks and progress", () => {
  assert.deepEqual(pace.spanOf([100_000, 290_000]), ["minute", 1, 5]);
  assert.deepEqual(pace.spanOf([59_000, 290_000]), ["minute", 0, 5]);
  assert.deepEqual(pace.spanOf([3_600_000, 8_000_000]), ["hour", 1, 2.5]);
  assert.equal(pace.clockFace(59_001), "01:00");
  assert.equal(pace.clockFace(3_723_000), "1:02:03");
  assert.equal(pace.clockFace(-5), "00:00");
  assert.equal(pace.progressOf(25, 100), 0.75);
  assert.equal(pace.progressOf(200, 100), 0);
  assert.equal(pace.progressOf(0, 0), 1);
});

// What is said --------------------------------------------------------------------------------------------------------

const FOLDER = new URL("../pages/waiting/lang/", import.meta.url);
const LANGUAGES = readdirSync(FOLDER).map((name) => name.replace(".json", ""));
const textsOf = (lang) => JSON.parse(readFileSync(new URL(`${lang}.json`, FOLDER)));
const { script: text } = textsOf("en");
const advance = { standstill_ms: 0, low_per_minute: 3, high_per_minute: 48, free: null };

// A moment of a fan with a receipt of the pool, at place 30 of a line that has begun.
const moment = (fields, changes = {}) => ({
  ...tongue(text, "en"),
  clock: (at_ms) => (at_ms ? `<${at_ms}>` : ""),
  both: (at_ms) => (at_ms ? `<${at_ms}>` : ""),
  status: { ...called({ advance, opens_at_ms: 1000, starts_at_ms: 61_000, pool_size: 7 }), ...changes },
  mine: { receipt: { kind: "pool", index: 3 } },
  place: 130,
  ahead: 30,
  now: 70_000,
  online: true,
  failures: 0,
  calm: true,
  ms: 0.4,
  ...fields,
});
const words = (screen, fields, changes) => modelOf(screen, moment(fields, changes)).words;

test("every screen and notice has its words in every language", () => {
  const screens = ["idle", "joining", "pooled", "drawing", "line", "called", "cookies", "soldout", "ended"];
  const gone = ["left", "expired", "used", "missed", "refused"];
  const ways = [{}, { calm: false }, { calm: false, entering: true, mine: { expires_ms: 9 } }, { full: true }, { waits: true }];
  const troubles = [{ online: false }, { failures: 2 }, {}];
  for (const lang of LANGUAGES) {
    // What is not translated yet is English.
    const own = tongue({ ...text, ...textsOf(lang).script }, lang);
    for (const screen of [...screens, ...gone]) {
      for (const way of ways) {
        for (const phase of ["idle", "pooling", "drawing", "serving"]) {
          const mine = { receipt: { kind: "pool", index: 3 }, until_ms: 90_000, ...way.mine };
          const draw = { ...record(), seed: null };
          const at = moment({ ...own, ...way, mine, now: 5000 }, { phase, draw });
          const said = JSON.stringify(modelOf(screen, at)) + troubles.map((fields) => noticeOf(screen, { ...at, ...fields }));
          assert.ok(!/undefined|NaN|\{\w+\}/.test(said), `${lang} ${screen} ${phase}: ${said}`);
        }
      }
    }
  }
});

test("when a sale is over the page says when the next one is, in every language, and looks again for it", () => {
  const next = { opens_at_ms: 260_000_000, starts_at_ms: 261_000_000 };
  const ended = modelOf("ended", moment({ mine: {} }, { phase: "ended", next }));
  assert.equal(ended.words, "Thank you for waiting. The next sale opens: <260000000>.");
  assert.deepEqual(ended.stub, [["Opens", "<260000000>"], ["Draw", "<261000000>"]]);
  assert.equal(words("ended", { mine: {} }, { phase: "ended" }), "Thank you for waiting.");
  for (const lang of LANGUAGES) {
    const own = tongue({ ...text, ...textsOf(lang).script }, lang);
    const said = modelOf("ended", moment({ ...own, mine: {} }, { phase: "ended", next })).words;
    assert.ok(said.includes("<260000000>") && !/[{}]|undefined/.test(said), `${lang}: ${said}`);
    assert.equal(textsOf(lang).script.ended_next === undefined, false, `${lang} has no words for it`);
  }
  assert.equal(pace.interestIn({ phase: "ended", next }, "ended", null, 259_000_000), 1_000_000);
  assert.equal(pace.interestIn({ phase: "ended" }, "ended", null, 0), Infinity);
});

test("who leaves the draw can be in it again with the same chance, and who leaves the line is behind it", () => {
  const pooling = { phase: "pooling" };
  assert.match(words("left", { now: 5000, mine: {} }, pooling), /Join again by <61000>, and you have the same chance/);
  assert.match(words("left", { now: 62_000, mine: {} }, { phase: "drawing" }), /at the end of the line/);
  assert.match(words("left", { mine: {} }), /given up your place\. You can join again at the end of the line/);
});

test("a page is to be left open only for as long as that makes sense", () => {
  const soon = { phase: "idle", opens_at_ms: 1_000_000, starts_at_ms: 2_000_000 };
  assert.match(words("idle", { mine: {} }, soon), /page open .* joins the draw for you/);
  const line = { ...soon, starts_at_ms: soon.opens_at_ms };
  assert.match(words("idle", { mine: {} }, line), /joins the line for you/);
  const far = { phase: "idle", opens_at_ms: 260_000_000, starts_at_ms: 261_000_000 };
  assert.match(words("idle", { mine: {} }, far), /Come back between <260000000> and <261000000>/);
});

test("a time is told at the venue, too, where its clocks show another one", () => {
  const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
  // Elsewhere for whoever runs this: no zone is both 14 hours ahead and 11 behind.
  const [far] = ["Pacific/Kiritimati", "Pacific/Pago_Pago"].filter((zone) => zone !== own);
  const at_ms = Date.UTC(2027, 5, 21, 19, 30);
  for (const lang of LANGUAGES) {
    const tell = tongue(textsOf(lang).script, lang);
    const both = tell.both(at_ms, far);
    assert.ok(both.includes(far.replace(/.*\//, "").replace("_", " ")), `${lang}: ${both}`);
    assert.ok(!/[{}]|undefined/.test(both) && both.length > tell.when(at_ms).length, `${lang}: ${both}`);
    for (const zone of [own, null, undefined, "Nowhere/Nothing"]) assert.equal(tell.both(at_ms, zone), tell.when(at_ms), zone);
  }
  const says = (zone) => tongue(text, "en-GB").both(at_ms, zone);
  if (own === "UTC") assert.match(says("Asia/Tokyo"), /^Tue,? 22 Jun, 0?4:30 Tokyo \(Mon,? 21 Jun, 19:30 for you\)$/);
});

test("only who was in is told of a visit", () => {
  assert.match(words("used", { mine: {} }), /time in the shop is up/);
  for (const screen of ["expired", "missed", "refused"]) assert.doesNotMatch(words(screen, { mine: {} }), /in the shop/);
  assert.equal(modelOf("missed", moment({ mine: {} })).headline, "Your turn has passed");
});

test("the deadline is on the screen wherever it runs and something is in the way", () => {
  const until = (fields, changes) => modelOf("called", moment({ mine: { until_ms: 99_000 }, ...fields }, changes)).until_ms;
  assert.equal(until({}), undefined, "on the way in");
  assert.equal(until({ calm: false }), 99_000);
  assert.equal(until({ calm: false }, { late: "honour" }), undefined);
  assert.equal(until({ calm: false, entering: true, mine: { until_ms: 99_000, expires_ms: 120_000 } }), 120_000);
  assert.equal(modelOf("cookies", moment({ mine: { until_ms: 99_000 } })).until_ms, 99_000);
});

test("offline nobody is promised a place past the truth", () => {
  const offline = (screen, fields, changes) => noticeOf(screen, moment({ online: false, ...fields }, changes));
  const mine = { until_ms: 99_000 };
  assert.match(offline("called", { mine }), /Your place is kept until <99000>/);
  assert.match(offline("called", { mine, now: 99_001 }), /was kept until <99000>; it may be gone/);
  assert.match(offline("called", { mine: { until_ms: null } }), /for a short time only/);
  assert.match(offline("called", { mine, now: 99_001 }, { late: "honour" }), /Your place is kept\.$/);
  assert.match(offline("line", {}), /once it is called, you have 5 minutes/);
  assert.match(offline("pooled", {}), /entry stays in the draw/);
  assert.match(offline("idle", {}), /not joined yet/);
  assert.doesNotMatch(offline("left", {}), /kept/);
  assert.match(noticeOf("line", moment({}, { stale: true })), /Your place is kept\.$/);
});

test("a wait that is not known says so", () => {
  const { wait } = tongue(text, "en");
  const room = (fields) => ({ ...status({}), advance: { ...advance, ...fields } });
  assert.equal(wait(29, room({})), "up to 10 minutes");
  assert.equal(wait(119, room({})), "2–40 minutes");
  assert.equal(wait(29, room({ low_per_minute: 0 })), "not known yet");
  assert.equal(wait(29, room({ low_per_minute: 0.01 })), "not known yet");
  assert.equal(wait(0, room({ low_per_minute: 100, high_per_minute: 200 })), "less than a minute");
  assert.equal(wait(29, { ...room({}), paused: true }), "not known yet");
});
