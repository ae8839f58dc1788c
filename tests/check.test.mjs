// The steps of the "check the draw" page: `node --test tests/check.test.mjs`.

import assert from "node:assert/strict";
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { test } from "node:test";

import { checkDraw, papersFrom, rootOfRoster } from "../pages/check/steps.js";
import { canonical, digest, fromHex, placeOf, u64be } from "../pages/waiting/draw.js";

const FANS = 7;
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
  const mine = {
    receipt: { kind: "pool", index: FAN, entry: entries[FAN], ticket },
    nonce: nonces[FAN].toString("base64url"),
    commitment,
    witness: { entries: FANS, root },
    place: placeOf(FAN, FANS, seed),
  };
  return { record: signed(record), jwks, mine, roster };
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
  "locks another secret after the pool opened": ["promise", inMine(() => ({ commitment: other("aa") }))],
  "shows another root than before": ["witness", inMine(() => ({ witness: { entries: FANS, root: other("bb") } }))],
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
    "seed",
    inRecord(({ descriptor }) => ({ descriptor: { ...descriptor, beacon: { round: 1 } }, beacon: other("dd") })),
  ],
};

for (const [cheat, [step, play]] of Object.entries(CHEATS)) {
  test(`an operator who ${cheat} fails at "${step}"`, async () => {
    const failed = by(await checkDraw(play(await honest())), "fails");
    assert.ok(failed.includes(step), `failed: ${failed}`);
  });
}

test("a beacon's randomness is the hash of its signature", async () => {
  const papers = await honest();
  const beacon_signature =
    "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";
  const beacon = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd";
  const descriptor = { ...papers.record.descriptor, beacon: { round: 1000 } };
  const verdict = async (record) => (await checkDraw({ record })).find((step) => step.name === "beacon").verdict;
  assert.equal(await verdict({ ...papers.record, descriptor, beacon, beacon_signature }), "holds");
  assert.equal(await verdict({ ...papers.record, descriptor, beacon: "00".repeat(32), beacon_signature }), "fails");
  assert.equal(await verdict({ ...papers.record, descriptor, beacon, beacon_signature: null }), "fails");
});

test("a draw that went on without its round says so, and only where that was foreseen", async () => {
  const papers = await honest();
  const verdicts = async (beacon) => {
    const descriptor = { ...papers.record.descriptor, beacon };
    const d = digest("descriptor", utf8(canonical(descriptor)));
    const { root } = papers.record;
    const seed = digest("seed", fromHex(d), u64be(FANS), fromHex(root), fromHex(SECRET), new Uint8Array(32));
    const steps = await checkDraw({ record: { ...papers.record, descriptor, descriptor_digest: d, seed } });
    return Object.fromEntries(steps.map((step) => [step.name, step.why ?? step.verdict]));
  };
  const foreseen = await verdicts({ round: 1000, fallback_after_ms: 60000 });
  assert.deepEqual([foreseen.beacon, foreseen.seed], ["fallback", "holds"]);
  assert.equal((await verdicts({ round: 1000 })).beacon, "fails");
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
  });
  const scheduled = { ...record, entries: null, root: null, secret: null, seed: null };
  const later = (await checkDraw({ record: scheduled })).filter((step) => step.why === "not-yet");
  assert.deepEqual(later.map((step) => step.name), ["list", "listed", "witness", "secret", "seed", "place"]);
});

test("files are told apart by what is in them", async () => {
  const { record, mine, roster } = await honest();
  const file = (value) => Uint8Array.from(Buffer.from(JSON.stringify(value)));
  assert.deepEqual(papersFrom(file(record)), { record });
  assert.deepEqual(papersFrom(file(jwks)), { jwks });
  assert.deepEqual(papersFrom(file({ path: [] })), { proof: { path: [] } });
  assert.deepEqual(papersFrom(file(mine)), { mine });
  assert.deepEqual(papersFrom(file(mine.receipt)), { mine: { receipt: mine.receipt } });
  assert.deepEqual(papersFrom(file({ record, mine, saved_by: "fairgate" })), { record, mine });
  assert.deepEqual(papersFrom(roster), { roster });
  const brace = Uint8Array.from({ length: 64 }, () => 0x7b);
  assert.deepEqual(papersFrom(brace), { roster: brace });
  assert.equal(papersFrom(Uint8Array.from([1, 2, 3])), null);
  assert.equal(papersFrom(file({})), null);
});
