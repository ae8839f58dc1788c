// Draws with tiers and verified identities, and the draw log, by the pages' modules: `node --test tests/draw-tiers.test.mjs`.
// The numbers are those of docs/DRAW-TIERS.md; the operator of whole draws is tests/draw/operator_v2.py.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { checkpointFrom, isOfLog, keyFrom, proofFrom, readFreeze, shows, whoSaw, witnessesIn } from "../pages/check/log.js";
import { followsRules } from "../pages/check/rules.js";
import { checkDraw, papersFrom, rootOfRoster } from "../pages/check/steps.js";
import { canonical, digestOf, entryIn, freezeCode, freezeStatement, nonceOf } from "../pages/waiting/draw.js";
import { placeInTier, seedIn, seedOfTier } from "../pages/waiting/draw.js";
import { roundMs, roundOf } from "../pages/waiting/evidence.js";
import { fromHex, placeOf, toHex } from "../pages/waiting/place.js";
import { placeInBands } from "../pages/waiting/tiers.js";

const here = (path) => new URL(path, import.meta.url);
const PROTOCOL = readFileSync(here("../docs/DRAW-TIERS.md"), "utf8");
const VECTORS = PROTOCOL.slice(PROTOCOL.indexOf("\n## Test vectors"));
const COUNTING = toHex(Uint8Array.from({ length: 32 }, (_, k) => k));
const METHOD = "oidc:https://id.example";
const NONE = "00".repeat(32);
const ROUND_1000 = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd";

// The three draws of the protocol's text, each with its lines by name.
const DRAWS = VECTORS.split("\ndescriptor ").slice(1).map((text) => {
  const lines = `descriptor ${text}`.split("\n```")[0];
  const all = (pattern) => [...lines.matchAll(pattern)].map((found) => found.slice(1));
  return {
    descriptor: JSON.parse(all(/^descriptor +(.*)$/gm)[0][0]),
    text: all(/^descriptor +(.*)$/gm)[0][0],
    d: all(/^D +(\w+)$/gm)[0][0],
    tiers: all(/root (\w+) +tags_root (\w+)\n +tag\[0\] (\w+) +entry\[0\] (\w+)/g),
    seed: all(/^seed +(\w+)$/gm)[0][0],
    drawn: all(/^tier \d +seed (\w+) +places ([\d ]+)$/gm).map(([seed, places]) => [seed, places.split(" ").map(Number)]),
  };
});

// A tag as an operator makes it.
function tagOf(d, subject) {
  const keyed = (key, domain, ...parts) =>
    createHmac("sha256", key).update(Buffer.concat([Buffer.from(`${domain}\0`), ...parts.map((part) => Buffer.from(part))])).digest();
  const own = keyed(Buffer.alloc(32, 0x42), "fairgate/v2/identity-key", fromHex(d));
  return keyed(own, "fairgate/v2/identity", METHOD, "\0", subject).subarray(0, 16).toString("hex");
}

test("the draws of the protocol's text come out to the byte", async () => {
  assert.equal(DRAWS.length, 3);
  for (const { descriptor, text, d, tiers, seed, drawn } of DRAWS) {
    assert.equal(canonical(descriptor), text);
    assert.ok(followsRules(descriptor));
    assert.equal(digestOf(descriptor), d);
    let number = 0;
    const frozen = [];
    for (const [t, [root, tags_root, tag0, entry0]] of tiers.entries()) {
      const fans = drawn[t][1].map(() => number++);
      const tags = fans.map((fan) => (descriptor.identity.length ? tagOf(d, `user-${fan}`) : "00".repeat(16)));
      const entries = fans.map((fan, i) => entryIn(d, t, nonceOf(new Uint8Array(16).fill(fan)), tags[i]));
      assert.deepEqual([tags[0], entries[0]], [tag0, entry0]);
      assert.equal(await rootOfRoster(fromHex(entries.join(""))), root);
      if (descriptor.identity.length) assert.equal(await rootOfRoster(fromHex(tags.join("")), () => {}, 16), tags_root);
      frozen.push({ entries: fans.length, root, tags_root, missing: 0, name: descriptor.tiers[t].name });
    }
    const beacon = descriptor.beacon ? ROUND_1000 : null;
    const record = { descriptor, descriptor_digest: d, tiers: frozen, secret: COUNTING, beacon };
    assert.equal(seedIn(record), seed);
    for (const [t, [of_tier, places]] of drawn.entries()) {
      assert.equal(seedOfTier(seed, t), of_tier);
      assert.deepEqual(places.map((_, i) => placeInTier({ ...record, seed }, t, i)), places);
    }
  }
  assert.equal(toHex(nonceOf(new Uint8Array(16))), "1ffc5f7020b9273e35debe630341c9bc");
});

test("places are exact in plain numbers, up to the largest pool", () => {
  const rules = (...tiers) => tiers.map(([band, share, entries]) => ({ band, share, entries }));
  const uneven = rules([0, 1000, 3], [0, 1, 2], [0, 3, 0], [0, 3, 4], [1, 2, 1]);
  const dealt = uneven.map(({ entries }, t) => Array.from({ length: entries }, (_, j) => placeInBands(uneven, uneven, t, j)));
  assert.deepEqual(dealt, [[0, 1, 2], [5, 8], [], [3, 4, 6, 7], [9]]);
  const huge = rules([0, 1000, 2 ** 40 - 1], [0, 999, 2 ** 40 - 1]);
  const at = [0, 998, 2 ** 39, 2 ** 40 - 2];
  assert.deepEqual(at.map((j) => placeInBands(huge, huge, 0, j)), [0, 1996, 1098961871963, 2197923743921]);
  assert.deepEqual(at.map((j) => placeInBands(huge, huge, 1, j)), [1, 1998, 1100061933897, 2199023255549]);
  assert.deepEqual([0, 1, 2 ** 40 - 2].map((i) => placeOf(i, 2 ** 40 - 1, COUNTING)), [476614242268, 523681526631, 604168906874]);
  const tiers = [3_500_000, 2_000_000, 8_500_000].map((entries) => ({ entries }));
  const descriptor = { tiers: rules([0, 1], [1, 3], [1, 1]) };
  const large = [0, 1, 2].map((t) => [0, 1, 2].map((i) => placeInTier({ descriptor, tiers, seed: COUNTING }, t, i)));
  assert.deepEqual(large, [[1687708, 2856856, 2553853], [5938616, 5958145, 5704260], [12039165, 13552188, 8477410]]);
});

// The same with numbers of any size.
function exactly(rules, t, j) {
  let place = BigInt(j);
  for (const [s, { band, share, entries }] of rules.entries()) {
    const [dealt, own] = [BigInt(j + 1) * BigInt(share), BigInt(rules[t].share)];
    const before = s < t ? dealt / own : (dealt + own - 1n) / own - 1n;
    if (band < rules[t].band) place += BigInt(entries);
    else if (band === rules[t].band && s !== t) place += before < BigInt(entries) ? before : BigInt(entries);
  }
  return Number(place);
}

test("plain numbers and exact ones agree wherever they are tried", () => {
  let state = 1;
  const upTo = (most) => (state = (state * 48271) % 2147483647) % (most + 1);
  for (let round = 0; round < 3000; round++) {
    const count = 1 + upTo(15);
    const rules = Array.from({ length: count }, () => ({ band: 0, share: 1 + upTo(999), entries: 2 ** 40 - 1 - upTo(2 ** 30) }));
    const t = upTo(count - 1);
    const j = Math.min(rules[t].entries - 1, upTo(1) ? upTo(2000) : 2 ** 40 - 1 - upTo(2 ** 30));
    assert.equal(placeInBands(rules, rules, t, j), exactly(rules, t, j), JSON.stringify({ rules, t, j }));
  }
});

test("the round that is due is the first that nobody can know at the freeze", () => {
  const frozen_at = (frozen_at_ms) => ({ descriptor: DRAWS[1].descriptor, frozen_at_ms });
  const rounds = (...times) => times.map((at_ms) => roundOf(frozen_at(at_ms)));
  const [R_MS, step_ms] = [1692806334000, 30000];
  assert.equal(roundMs(frozen_at(null)), R_MS);
  assert.deepEqual(rounds(0, R_MS - 5000), [990, 990]);
  assert.deepEqual(rounds(R_MS - 4999, 1692806350200, R_MS + step_ms - 5000), [1000, 1000, 1000]);
  assert.deepEqual(rounds(R_MS + step_ms - 4999), [1010]);
  assert.equal(roundMs(frozen_at(1692806350200)), 1692806364000);
});

test("a descriptor keeps to its rules", () => {
  const refused = {
    "no tiers": (d) => (d.tiers = []),
    "seventeen tiers": (d) => (d.tiers = Array.from({ length: 17 }, (_, i) => ({ band: 0, name: `t${i}`, share: 1 }))),
    "a first band of 1": (d) => (d.tiers[0].band = 1),
    "a band left out": (d) => (d.tiers[2].band = 3),
    "a band that falls": (d) => (d.tiers[2].band = 0),
    "a share of 0": (d) => (d.tiers[1].share = 0),
    "a share of 1001": (d) => (d.tiers[1].share = 1001),
    "half a share": (d) => (d.tiers[1].share = 0.5),
    "two tiers with one name": (d) => (d.tiers[1].name = "members"),
    "a name with a line end": (d) => (d.tiers[1].name = "fans\n"),
    "a tier with a key more": (d) => (d.tiers[1].title = "Fans"),
    "a room of 33": (d) => (d.room = "r".repeat(33)),
    "methods out of order": (d) => (d.identity = ["oidc:b", "mail"]),
    "a method twice": (d) => (d.identity = ["mail", "mail"]),
    "a method with a space": (d) => (d.identity = ["a b"]),
    "a fallback": (d) => (d.beacon.fallback_after_ms = 0),
    "no retry": (d) => delete d.beacon.retry,
    "a retry of more than 2^20": (d) => (d.beacon.retry = 2 ** 20 + 1),
    "a key more": (d) => (d.note = 1),
    "a start before the opening": (d) => (d.opens_at_ms = d.starts_at_ms + 1),
  };
  for (const [name, change] of Object.entries(refused)) {
    const descriptor = structuredClone(DRAWS[1].descriptor);
    assert.ok(followsRules(descriptor));
    change(descriptor);
    assert.ok(!followsRules(descriptor), name);
  }
});

// The draw log, by its worked example.

const [LOG_VKEY, WITNESS_VKEY] = ["log", "witness"].map((who) => new RegExp(`vkey of the ${who} +(\\S+)`).exec(VECTORS)[1]);
const PROOF = VECTORS.slice(VECTORS.indexOf("c2sp.org/tlog-proof@v1")).split("```")[0];
const FREEZE = VECTORS.slice(VECTORS.indexOf("fairgate/v2/freeze\n")).split("```")[0];
const ROUND_MS = 1692806364000;
const frozen = () => ({
  descriptor_digest: DRAWS[1].d,
  frozen_at_ms: 1692806350200,
  tiers: DRAWS[1].tiers.map(([root, tags_root], t) => ({ entries: [3, 5, 4][t], missing: 0, root, tags_root })),
});
const read = (changes = {}) =>
  readFreeze({ vkey: LOG_VKEY, statement: FREEZE, published: PROOF, saved: [], end_ms: ROUND_MS, witnesses: [keyFrom(WITNESS_VKEY)], ...changes });

test("the statement is made from the record, and its code is its leaf hash", () => {
  assert.equal(freezeStatement(frozen()), FREEZE);
  assert.equal(freezeCode(frozen()), "9b842b672a33e51d63e1a0d475790125d85d6e115ccb87ed80549f75366d9cef");
});

test("the proof shows one outsider before the round", async () => {
  const proof = proofFrom(PROOF);
  assert.ok(shows(proof, FREEZE));
  assert.ok(await isOfLog(proof.checkpoint, keyFrom(LOG_VKEY)));
  const seen = [{ name: "witness.example/w1", at_ms: 1692806352000 }];
  assert.deepEqual(await whoSaw(proof.checkpoint, keyFrom(LOG_VKEY), [keyFrom(WITNESS_VKEY)]), { seen, others: [] });
  assert.deepEqual(await read(), { seen, others: [], sealed: seen });
});

test("an outsider whom nobody trusts is named and not counted, and one who came too late is not counted", async () => {
  assert.deepEqual(await read({ witnesses: [] }), { seen: [], others: ["witness.example/w1"], sealed: [] });
  assert.deepEqual((await read({ end_ms: 1692806352000 })).sealed, []);
  assert.deepEqual((await read({ end_ms: null })).sealed, [], "without a round the log must not have the secret yet");
  const reveal = PROOF.replace("index 1", "index 2");
  assert.equal((await read({ end_ms: null, reveal })).sealed.length, 1);
});

test("no statement, signature or number can be bent", async () => {
  const why = async (changes) => (await read(changes)).why;
  assert.equal(await why({ statement: FREEZE.replace("at 1692806350200", "at 1692806350199") }), "other-freeze");
  assert.equal(await why({ published: PROOF.replace("index 1", "index 0") }), "other-freeze");
  assert.equal(await why({ published: PROOF.replace("VNloDAI=", "VNloDAM=") }), "log-signature");
  assert.equal(await why({ published: PROOF.replace("\n2\n", "\n3\n") }), "log-signature");
  assert.equal(await why({ published: PROOF.replace("k5izQ", "k5izR") }), "cosignature", "the time is signed");
  for (const other of [
    PROOF.replace("index 1", "index 01"),
    PROOF.replace("@v1", "@v2"),
    PROOF.replace("nwAe", "nwA"),
    PROOF.replace("index 1\n", ""),
    PROOF.replace("\n\n", "\n"),
    PROOF.trimEnd(),
    PROOF.replaceAll("\u2014", "-"),
    PROOF.replace("\n2\n", "\n2\nmore\n"),
  ]) {
    await assert.rejects(read({ published: other }), undefined, other);
  }
});

test("keys are named by their hash, and a person's list of them is read line by line", () => {
  assert.deepEqual(witnessesIn(`\n ${WITNESS_VKEY} \nnonsense\n${LOG_VKEY}\n`).map(({ name }) => name), ["witness.example/w1"]);
  assert.throws(() => keyFrom(WITNESS_VKEY.replace("example", "examples")));
  assert.throws(() => checkpointFrom("a\n"));
});

// Whole draws, honest and not. What each cheat is called here; those that a record alone cannot show are open, or not asked.

const STEP_HERE = {
  descriptor: "schedule",
  "descriptor digest": "schedule",
  tiers: "schedule",
  roster: "list",
  root: "list",
  missing: "list",
  tags: "tags",
  identities: "tags",
  witness: "witness",
  ticket: "listed",
  commitment: "secret",
  beacon: "beacon",
  seed: "seed",
  log: "log",
  claims: "claims",
};
// Seen by who reads the whole log, which this page does not.
const UNSEEN = /^(the secret is used twice|a tier's|the log was|the log spells)/;
const ONLY_LOG = /^(a draw that the log|two freezes|a freeze that is not|a freeze after|a void|the log forked$|a cosignature)/;
const OPERATOR = here("draw/operator_v2.py").pathname;

function published(name) {
  const folder = mkdtempSync(join(tmpdir(), "draw-"));
  try {
    execFileSync("python3", [OPERATOR, name, folder]);
    const path = (file) => join(folder, file);
    const files = (list) =>
      [0, 1, 2].map((t) => path(`${list}.${t}`)).filter(existsSync).map((file) => new Uint8Array(readFileSync(file)));
    const text = (file) => (existsSync(path(file)) ? readFileSync(path(file), "utf8") : undefined);
    const json = (file) => text(file) && JSON.parse(text(file));
    return {
      record: json("draw.json"),
      jwks: json("jwks.json"),
      evidence: json("saw.json")?.evidence,
      roster: files("roster"),
      tags: files("tags"),
      claims: existsSync(path("claims")) ? new Uint8Array(readFileSync(path("claims"))) : undefined,
      freeze_proof: text("freeze.tlog-proof"),
      reveal_proof: text("reveal.tlog-proof"),
      witnesses: witnessesIn(text("witness.vkey")),
    };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const CHEATS = execFileSync("python3", [OPERATOR, "--list"], { encoding: "utf8" })
  .trimEnd()
  .split("\n")
  .map((line) => line.split("\t"))
  .filter(([name]) => !UNSEEN.test(name) && !ONLY_LOG.test(name));

for (const [name, step] of CHEATS) {
  test(`by this page: ${name}`, async () => {
    const checked = await checkDraw(published(name));
    const failed = checked.filter(({ verdict }) => verdict === "fails").map(({ name: failing }) => failing);
    const here = name.startsWith("an identity is let in") ? "claims" : STEP_HERE[step];
    if (step) assert.ok(failed.includes(here), `${JSON.stringify(checked)}`);
    else assert.deepEqual(failed, [], JSON.stringify(checked));
  });
}

test("an honest draw is seen by an outsider, and the fan's own place follows", async () => {
  const papers = published("honest, seen by a browser");
  const checked = Object.fromEntries((await checkDraw(papers)).map(({ name, ...step }) => [name, step]));
  const { log, place, beacon } = checked;
  assert.deepEqual(log.said.sealed.map(({ name }) => name), ["witness.example/w1"]);
  assert.equal(place.place, placeInTier(papers.record, 1, 3));
  assert.equal(beacon.why, "drand");
  for (const name of ["schedule", "signature", "receipt", "entry", "list", "tags", "listed", "witness", "secret", "seed"]) {
    assert.equal(checked[name].verdict, "holds", name);
  }
});

test("the round's signature is asked for where something can check it", async () => {
  const papers = published("honest");
  const said = async (roundHolds) => (await checkDraw({ ...papers, roundHolds })).find(({ name }) => name === "beacon");
  const asked = [];
  assert.equal((await said(async (...round) => asked.push(round))).verdict, "holds");
  assert.deepEqual(asked, [[1000, papers.record.beacon_signature]]);
  assert.equal((await said(async () => false)).why, "not-drand");
  assert.equal((await said(() => Promise.reject(new Error("no worker")))).why, "drand");
});

test("what is not there leaves its step open", async () => {
  const { record } = published("honest, without a log");
  const why = Object.fromEntries((await checkDraw({ record })).map((step) => [step.name, step.why]));
  assert.deepEqual([why.list, why.tags, why.log, why.listed], ["roster", "roster", "no-log", "receipt"]);
  const logged = await checkDraw({ record: published("honest").record });
  assert.equal(logged.find(({ name }) => name === "log").why, "no-proof");
  const anonymous = await checkDraw(published("honest, without identities"));
  assert.equal(anonymous.find(({ name }) => name === "tags").why, "no-identity");
});

test("proofs of inclusion are checked against both roots", async () => {
  const papers = published("honest, seen by a browser");
  const { roster, tags, ...rest } = papers;
  const leaves = (list, size) => {
    const bytes = list[1];
    return Array.from({ length: bytes.length / size }, (_, i) => bytes.slice(i * size, (i + 1) * size));
  };
  const pathOf = async (parts, index) => {
    if (parts.length === 1) return [];
    const split = 2 ** Math.floor(Math.log2(parts.length - 1));
    const [own, other] = index < split ? [parts.slice(0, split), parts.slice(split)] : [parts.slice(split), parts.slice(0, split)];
    const root = await rootOfRoster(Uint8Array.from(other.flatMap((part) => [...part])), () => {}, parts[0].length);
    return [...(await pathOf(own, index < split ? index : index - split)), root];
  };
  const proof = { path: await pathOf(leaves(roster, 32), 3), tags_path: await pathOf(leaves(tags, 16), 3) };
  const said = async (given) => (await checkDraw({ ...rest, proof: given })).find(({ name }) => name === "listed").verdict;
  assert.equal(await said(proof), "holds");
  assert.equal(await said({ ...proof, tags_path: proof.path }), "fails");
  assert.equal(await said({ ...proof, path: proof.tags_path }), "fails");
});

test("files of a draw with tiers are told apart by their names", () => {
  const bytes = Uint8Array.from({ length: 48 }, () => 7);
  assert.deepEqual(papersFrom(bytes, "roster.0"), { roster: { 0: bytes } });
  assert.deepEqual(papersFrom(bytes, "tags.12"), { tags: { 12: bytes } });
  const proof = new TextEncoder().encode(PROOF);
  assert.deepEqual(papersFrom(proof, "freeze.tlog-proof"), { freeze_proof: PROOF });
});

test("the waiting page's worker says who saw the freeze, in the fan's language", async () => {
  const check = (lang) => JSON.parse(readFileSync(here(`../pages/waiting/lang/${lang}.json`), "utf8")).check;
  globalThis.text = check("en");
  const answers = [];
  globalThis.postMessage = (words) => answers.push(words);
  await import("../pages/check/seen_worker.js");
  const said = async (changes) => {
    const draw = { ...frozen(), log: LOG_VKEY, seed: null, ...changes.draw };
    const asked = { proof: PROOF, end_ms: ROUND_MS, witnesses: WITNESS_VKEY, ...changes, draw };
    globalThis.onmessage({ data: asked });
    while (answers.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    return answers.pop();
  };
  const seen = "Outside witnesses saw this list 12 seconds before the numbers it was drawn with existed: witness.example/w1.";
  assert.equal(await said({}), seen);
  globalThis.text = check("de");
  assert.match(await said({}), /^Außenstehende Zeugen sahen diese Liste 12 Sekunden/);
  globalThis.text = check("en");
  assert.match(await said({ witnesses: "" }), /^No outside witness .* without a key from you: witness\.example\/w1\.$/);
  assert.match(await said({ end_ms: ROUND_MS - 12000 }), /^No outside witness/);
  assert.match(await said({ end_ms: null }), /while the secret was locked: witness\.example\/w1\.$/);
  assert.equal(await said({ end_ms: null, draw: { seed: NONE } }), "", "the page cannot say it afterwards");
  assert.equal(await said({ draw: { frozen_at_ms: 1 } }), check("en")["why_other-freeze"]);
  assert.equal(await said({ proof: "nonsense" }), "");
});
