// The steps of the "check the draw" page: `node --test tests/check.test.mjs`.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { qrRows } from "../pages/check/qr.js";
import { checkDraw, papersFrom, rootOfRoster } from "../pages/check/steps.js";
import { canonical, digest, u64be } from "../pages/waiting/draw.js";
import { fromHex, placeOf } from "../pages/waiting/place.js";

const FANS = 7;
const ROUND_MS = 1692806364000;
const SIGNATURE = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";
const RANDOMNESS = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd";
const QUICKNET = {
  chain: "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971",
  public_key:
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451" +
    "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
  round: 1000,
  scheme: "bls-unchained-g1-rfc9380",
};
const FAN = 3;
const VERSION = "fairgate/v1";
const SECRET = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const utf8 = (text) => new TextEncoder().encode(text);
const sha = (...parts) => createHash("sha256").update(Buffer.concat(parts.map((part) => Buffer.from(part)))).digest();
const json = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");

const keys = generateKeyPairSync("ed25519");
const jwks = { keys: [{ ...keys.publicKey.export({ format: "jwk" }), kid: "k1", alg: "EdDSA", use: "sig" }] };

function jws(typ, payload, { detached = false, key = keys.privateKey, kid = "k1" } = {}) {
  const header = json({ alg: "EdDSA", typ, kid });
  const body = Buffer.from(payload).toString("base64url");
  const signature = sign(null, Buffer.from(`${header}.${body}`), key).toString("base64url");
  return `${header}.${detached ? "" : body}.${signature}`;
}

// A draw of seven fans as an honest operator publishes it, and what the fan with index 3 kept.
async function honest() {
  const commitment = digest("commit", fromHex(SECRET));
  const descriptor = { beacon: null, commitment, opens_at_ms: 1, room: "tour", starts_at_ms: 2, version: VERSION };
  const d = digest("descriptor", utf8(canonical(descriptor)));
  const nonces = Array.from({ length: FANS }, (_, k) => Buffer.alloc(16, k));
  const entries = nonces.map((nonce) => digest("entry", fromHex(d), nonce, new Uint8Array(32)));
  const roster = Uint8Array.from(Buffer.concat(entries.map((entry) => Buffer.from(entry, "hex"))));
  const root = await rootOfRoster(roster);
  const seed = digest("seed", fromHex(d), u64be(FANS), fromHex(root), fromHex(SECRET), new Uint8Array(32));
  const record = {
    beacon: null,
    beacon_signature: null,
    commitment,
    descriptor,
    descriptor_digest: d,
    entries: FANS,
    frozen_at_ms: 3,
    label: "committed",
    room: "tour",
    root,
    secret: SECRET,
    seed,
    version: VERSION,
  };
  const claims = { iss: "fairgate", aud: "tour", draw: d, kind: "pool", n: FAN, entry: entries[FAN], iat: 1 };
  const ticket = jws("fairgate-ticket+jwt", JSON.stringify(claims));
  const receipt = { kind: "pool", index: FAN, entry: entries[FAN], ticket };
  const nonce = nonces[FAN].toString("base64url");
  const mine = { draw: d, receipt, nonce, place: placeOf(FAN, FANS, seed) };
  const freeze = { entries: FANS, root, frozen_at_ms: 3, at_ms: 9, now_ms: 4, before: true };
  const seen = { draw: d, descriptor, label: "committed", locked: true, at_ms: 1 };
  const evidence = [{ ...seen, receipts: [{ ...receipt, nonce, at_ms: 1 }], freezes: [freeze] }];
  const indexAt = (place) => nonces.findIndex((_, index) => placeOf(index, FANS, seed) === place);
  const lines = [0, 2, 1].map((place) => claimOf(place, indexAt(place), nonces[indexAt(place)]));
  lines.push(claimOf(3, indexAt(3)), claimOf(FANS, -1));
  return { record: signed(record), jwks, mine, evidence, roster, claims: Uint8Array.from(Buffer.concat(lines)) };
}

// A line of the list of claims; without u nothing was shown.
function claimOf(place, index, u = Buffer.alloc(16, 255), tag = Buffer.alloc(32, u[0] === 255 ? 255 : 0)) {
  const numbers = Buffer.alloc(24);
  [place, index, 1000 + place].forEach((number, at) => numbers.writeBigUInt64BE(BigInt.asUintN(64, BigInt(number)), 8 * at));
  return Buffer.concat([numbers, u, tag]);
}

function signed({ signature: _, ...record }, options = {}) {
  return { ...record, signature: jws("fairgate-draw+jws", canonical(record), { detached: true, ...options }) };
}

const by = (checked, verdict) => checked.filter((step) => step.verdict === verdict).map((step) => step.name);

test("an honest draw holds at every step", async () => {
  const checked = await checkDraw(await honest());
  assert.deepEqual(by(checked, "fails"), []);
  assert.deepEqual(by(checked, "open"), ["beacon"]);
});

test("what the benchmark measures is a check that holds", async (t) => {
  const { record, mine, roster } = await honest();
  const leaf = (index) => Buffer.from(sha([0], entryAt(roster, index)), "hex");
  const node = (left, right) => Buffer.from(sha([1], left, right), "hex");
  // FAN is 3 of 7.
  const path = [leaf(2), node(leaf(0), leaf(1)), node(node(leaf(4), leaf(5)), leaf(6))].map((hash) => hash.toString("hex"));
  const dir = mkdtempSync(join(tmpdir(), "check-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const measured = (papers) => {
    writeFileSync(join(dir, "papers.json"), JSON.stringify(papers));
    return spawnSync("node", ["bench/check.mjs", join(dir, "papers.json")], { encoding: "utf8" });
  };
  const { index, entry } = mine.receipt;
  const papers = { index, entry, nonce: mine.nonce, proof: { path }, record: JSON.stringify(record) };
  const { status, stdout, stderr } = measured(papers);
  assert.equal(status, 0, stderr);
  assert.ok(Number(stdout) > 0, stdout);
  assert.notEqual(measured({ ...papers, proof: { path: path.toReversed() } }).status, 0);
});

test("the root agrees with RFC 6962 for every size up to 40", async () => {
  const naive = (leaves) => {
    if (leaves.length === 1) return sha([0], leaves[0]);
    const k = 2 ** Math.floor(Math.log2(leaves.length - 1));
    return sha([1], naive(leaves.slice(0, k)), naive(leaves.slice(k)));
  };
  assert.equal(await rootOfRoster(new Uint8Array()), createHash("sha256").digest("hex"));
  for (let n = 1; n <= 40; n++) {
    const leaves = Array.from({ length: n }, (_, k) => Buffer.alloc(32, k));
    const root = await rootOfRoster(Uint8Array.from(Buffer.concat(leaves)));
    assert.equal(root, naive(leaves).toString("hex"), `${n} entries`);
  }
});

// What a cheating operator does to the papers, and the step that says so.
const other = (byte) => byte.repeat(32);
const entryAt = (roster, index) => roster.slice(index * 32, (index + 1) * 32);
const inRecord = (changes, key) => (p) => ({ ...p, record: signed({ ...p.record, ...changes(p.record) }, key) });
const inMine = (changes) => (p) => ({ ...p, mine: { ...p.mine, ...changes(p.mine) } });
const inKept = (changes) => (p) => ({ ...p, evidence: [{ ...p.evidence[0], ...changes(p.evidence[0]) }] });
const refrozen = (changes) => inKept(({ freezes: [freeze] }) => ({ freezes: [{ ...freeze, ...changes }] }));
const inRoster = (changed) => (p) => ({ ...p, roster: changed(p.roster) });
const swapped = (roster) => {
  const bytes = roster.slice();
  bytes.set(entryAt(roster, 0), FAN * 32);
  bytes.set(entryAt(roster, FAN), 0);
  return bytes;
};

const CHEATS = {
  "drops an entry after the freeze": ["list", inRoster((roster) => roster.slice(0, -32))],
  "inserts an entry": ["list", inRoster((roster) => Uint8Array.of(...roster, ...entryAt(roster, 0)))],
  "changes one entry": ["list", inRoster((roster) => roster.map((byte, i) => (i === 5 ? byte ^ 1 : byte)))],
  "swaps two entries": ["listed", inRoster(swapped)],
  "changes the schedule": [
    "schedule",
    inRecord(({ descriptor }) => ({ descriptor: { ...descriptor, starts_at_ms: 9 } })),
  ],
  "reveals another secret": ["secret", inRecord(() => ({ secret: other("ff") }))],
  "locks another secret after the pool opened": [
    "promise",
    inKept(({ descriptor }) => ({ descriptor: { ...descriptor, commitment: other("aa") } })),
  ],
  "shows another root than before": ["witness", refrozen({ root: other("bb") })],
  "changes the time of the freeze": ["witness", refrozen({ frozen_at_ms: 4 })],
  "dates the freeze back": ["witness", inKept(() => ({ unfrozen: { at_ms: 4, now_ms: 4 } }))],
  "told fans of a beacon that the rules do not hold to": [
    "witness",
    inKept(() => ({ label: "committed + public beacon" })),
  ],
  "calls a committed draw more than it is": ["schedule", inRecord(() => ({ label: "committed + public beacon" }))],
  "does not say when the list was sealed": ["schedule", inRecord(() => ({ frozen_at_ms: null }))],
  "picks the seed": ["seed", inRecord(() => ({ seed: other("cc") }))],
  "gives another place": ["place", inMine(({ place }) => ({ place: (place + 1) % FANS }))],
  "signs the record with a key of nobody": [
    "signature",
    inRecord(() => ({}), { key: generateKeyPairSync("ed25519").privateKey }),
  ],
  "signs with a key that is not published": ["signature", inRecord(() => ({}), { kid: "k2" })],
  "changes the record after signing it": ["signature", (p) => ({ ...p, record: { ...p.record, frozen_at_ms: 4 } })],
  "denies a receipt": ["receipt", inMine(({ receipt }) => ({ receipt: { ...receipt, index: 4 } }))],
  "gives a receipt for somebody else's entry": ["entry", inMine(() => ({ nonce: "CQkJCQkJCQkJCQkJCQkJCQ" }))],
  "invents a beacon": [
    "beacon",
    inRecord(({ descriptor }) => ({ descriptor: { ...descriptor, beacon: { round: 1 } }, beacon: other("dd") })),
  ],
};

for (const [cheat, [step, play]] of Object.entries(CHEATS)) {
  test(`an operator who ${cheat} fails at "${step}"`, async () => {
    const failed = by(await checkDraw(play(await honest())), "fails");
    assert.ok(failed.includes(step), `failed: ${failed}`);
  });
}

// The draw with a beacon in its descriptor, and what its steps say.
async function withBeacon(changes, beacon = {}) {
  const { record } = await honest();
  const descriptor = { ...record.descriptor, beacon: { ...QUICKNET, ...beacon } };
  const d = digest("descriptor", utf8(canonical(descriptor)));
  const finished = { ...record, label: "committed + public beacon", descriptor, descriptor_digest: d, ...changes };
  const randomness = finished.beacon ? fromHex(finished.beacon) : new Uint8Array(32);
  const parts = [fromHex(d), u64be(FANS), fromHex(record.root), fromHex(SECRET), randomness];
  const steps = await checkDraw({ record: { ...finished, seed: digest("seed", ...parts) } });
  return Object.fromEntries(steps.map((step) => [step.name, step.why ?? step.verdict]));
}

test("a beacon is the pinned chain's, unknown at the freeze, and the hash of its signature", async () => {
  const genuine = { beacon: RANDOMNESS, beacon_signature: SIGNATURE };
  const said = await withBeacon(genuine);
  assert.deepEqual([said.schedule, said.beacon, said.seed], ["holds", "drand", "holds"]);
  assert.equal((await withBeacon({ ...genuine, beacon: "00".repeat(32) })).beacon, "fails");
  assert.equal((await withBeacon({ ...genuine, beacon_signature: null })).beacon, "fails");
  assert.equal((await withBeacon({ ...genuine, frozen_at_ms: ROUND_MS })).beacon, "known");
  assert.equal((await withBeacon(genuine, { public_key: "00".repeat(96) })).beacon, "chain");
  assert.equal((await withBeacon(genuine, { chain: "00".repeat(32) })).beacon, "chain");
});

test("a draw that may go on without its round is committed from the schedule on", async () => {
  const lenient = { fallback_after_ms: 60000 };
  const foreseen = await withBeacon({ label: "committed" }, lenient);
  assert.deepEqual([foreseen.schedule, foreseen.beacon, foreseen.seed], ["holds", "fallback", "holds"]);
  assert.equal((await withBeacon({}, lenient)).schedule, "label");
  assert.equal((await withBeacon({ label: "committed" })).beacon, "fails");
});

test("who first saw the list when the round was known vouches for nothing", async () => {
  const papers = await honest();
  const late = refrozen({ before: false })(papers);
  const { why } = (await checkDraw(late)).find((step) => step.name === "witness");
  assert.equal(why, "too-late");
});

test("a receipt of another draw is pointed to, and evidence alone is enough to check with", async () => {
  const { mine: _, ...papers } = await honest();
  assert.deepEqual(by(await checkDraw(papers), "fails"), []);
  assert.deepEqual(by(await checkDraw(papers), "open"), ["beacon"]);
  const elsewhere = inKept(() => ({ draw: other("dd") }))(papers);
  assert.equal((await checkDraw(elsewhere)).find((step) => step.name === "receipt").why, "other-draw");
});

test("what is missing leaves its step open and says why", async () => {
  const { record } = await honest();
  const checked = await checkDraw({ record });
  const why = Object.fromEntries(checked.filter((step) => step.why).map((step) => [step.name, step.why]));
  assert.deepEqual(why, {
    signature: "keys",
    promise: "not-seen",
    receipt: "receipt",
    entry: "receipt",
    list: "roster",
    listed: "receipt",
    witness: "not-seen",
    beacon: "no-beacon",
    place: "receipt",
    claims: "claims",
  });
  const scheduled = { ...record, entries: null, root: null, secret: null, seed: null };
  const later = (await checkDraw({ record: scheduled })).filter((step) => step.why === "not-yet");
  assert.deepEqual(later.map((step) => step.name), ["list", "listed", "witness", "secret", "seed", "place", "claims"]);
});

test("the list of claims says who was let in, and each cheat in it has its name", async () => {
  const papers = await honest();
  const of = async (claims, more = {}) => (await checkDraw({ ...papers, claims, ...more })).at(-1);
  const { claims } = papers;
  const { name, verdict, claimed } = await of(claims);
  assert.deepEqual([name, verdict], ["claims", "holds"]);
  assert.deepEqual(claimed, { claims: 5, shown: 3, late: 1, overtaken: 1, step: 1 });
  assert.equal((await of(new Uint8Array())).verdict, "holds");
  const part = await of(claims, { roster: undefined });
  assert.deepEqual([part.verdict, part.why, part.claimed.claims], ["open", "claims-part", 5], "places need no list");
  const changed = (at, byte) => Uint8Array.from(claims, (old, index) => (index === at ? byte : old));
  const with1 = (line) => Uint8Array.from(Buffer.concat([claims, line]));
  const place = (index) => placeOf(index, FANS, papers.record.seed);
  const last = [0, 1, 2, 3, 4, 5, 6].find((index) => place(index) === 4);
  const tag = Buffer.alloc(32, 9);
  for (const [why, list] of [
    ["claim-length", claims.subarray(1)],
    ["claim-twice", with1(claims.subarray(0, 72))],
    ["claim-place", changed(15, 6)],
    ["claim-place", with1(claimOf(4, -1))],
    ["claim-place", with1(claimOf(4, 7))],
    ["claim-entry", changed(24, 77)],
    ["claim-person", Uint8Array.from(Buffer.concat([claimOf(7, -1, Buffer.alloc(16), tag), claimOf(8, -1, Buffer.alloc(16), tag)]))],
  ]) {
    assert.equal((await of(list)).why, why);
  }
  assert.equal((await of(with1(claimOf(4, last)))).verdict, "holds");
  const unseen = await of(changed(24, 77), { roster: undefined });
  assert.equal(unseen.verdict, "open", "what was shown is compared with the whole list alone");
  assert.deepEqual(papersFrom(claims, "claims"), { claims });
});

test("files are told apart by what is in them", async () => {
  const { record, mine, evidence, roster } = await honest();
  const file = (value) => Uint8Array.from(Buffer.from(JSON.stringify(value)));
  assert.deepEqual(papersFrom(file(record)), { record });
  assert.deepEqual(papersFrom(file(jwks)), { jwks });
  assert.deepEqual(papersFrom(file({ path: [] })), { proof: { path: [] } });
  assert.deepEqual(papersFrom(file(mine)), { mine });
  assert.deepEqual(papersFrom(file(mine.receipt)), { mine: { receipt: mine.receipt } });
  assert.deepEqual(papersFrom(file({ record, mine, saved_by: "fairgate" })), { record, mine });
  assert.deepEqual(papersFrom(file({ title: "Cup", evidence })), { evidence });
  assert.deepEqual(papersFrom(roster), { roster });
  const brace = Uint8Array.from({ length: 64 }, () => 0x7b);
  assert.deepEqual(papersFrom(brace), { roster: brace });
  assert.equal(papersFrom(Uint8Array.from([1, 2, 3])), null);
  assert.equal(papersFrom(file({})), null);
});

// As an independent program draws it: version 3, level L, mask 0, alphanumeric.
const QR = `
#######...#...##..#.#.#######
#.....#..#....##.#.#..#.....#
#.###.#.#..#...####...#.###.#
#.###.#..#..###..##.#.#.###.#
#.###.#..#..#.#.......#.###.#
#.....#...###.#....#..#.....#
#######.#.#.#.#.#.#.#.#######
........#..#.###.#.##........
###.#####...###..##..##...#..
.....#..##.###..#......#..##.
.#.####...###.#.##....##.#.##
.#..#..####.#..###.#.###.###.
#....####.##..#..#.##.#.###..
#...##..####...#..##.###.#..#
......##..#....###..##.#.####
##.###....##.######.##...#.##
#....##...#.#.##......#.###.#
.#.#.#.#######.#.#.##..###.##
#.#.#.###.###.#.###.#...#..##
.##.##....#.##.####.##.##...#
#...#.####.###....########.#.
........#..#.#.#....#...#....
#######.#.#.#.##..#.#.#.#...#
#.....#.#.##..##..#.#...##.#.
#.###.#.#.#.#.#.##..#####...#
#.###.#..###..###.##..#.#####
#.###.#.##.##.##..#..###.##.#
#.....#.#..#.#.#.#.#...###.##
#######.##..##.##....##.#.#.#
`;

test("the QR code of the freeze is the one that others draw", () => {
  const rows = qrRows("b77173c6e07d4a60146829fe24fdd4440d69be27b9d52b1c7c2b985336032c4d");
  assert.equal(rows.map((row) => row.map((dark) => (dark ? "#" : ".")).join("")).join("\n"), QR.trim());
});
