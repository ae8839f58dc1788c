// Every step of a draw, checked one by one from public numbers, files and what a fan kept: no network, clock or page.
//
// A step's verdict is "holds", "fails" or "open" (what it needs is not there); `why` names what is missing.

import { canonical, digest, fromHex, goesWithout, hash, placeOf, rootFrom, toHex, u64be } from "../waiting/draw.js";
import { sha256 } from "../waiting/sha256.js";

const ENTRY_BYTES = 32;
const utf8Bytes = (text) => new TextEncoder().encode(text);
const verdict = (ok) => ({ verdict: ok ? "holds" : "fails" });
const open = (why) => ({ verdict: "open", why });

export function fromBase64url(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}

export function toBase64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// The RFC 6962 root of a roster's bytes: one pass, one hash a level kept. `progress` hears of every 2^16 entries.
export async function rootOfRoster(bytes, progress = () => {}) {
  const entries = bytes.length / ENTRY_BYTES;
  if (entries === 0) return toHex(sha256(new Uint8Array()));
  const levels = [];
  for (let i = 0; i < entries; i++) {
    let node = hash([0], bytes.subarray(i * ENTRY_BYTES, (i + 1) * ENTRY_BYTES));
    for (let rest = i; rest % 2 === 1; rest = (rest - 1) / 2) node = hash([1], levels.pop(), node);
    levels.push(node);
    if (i % 65536 === 65535) await progress(i / entries);
  }
  return toHex(levels.reduceRight((right, left) => hash([1], left, right)));
}

// The payload of a compact JWS by one of these keys; null where none of them signed it; throws where this browser
// cannot tell. A detached one brings its payload along.
async function signedBy(jwks, token, detached = null) {
  const [header, payload, signature] = token.split(".");
  const { kid, alg } = JSON.parse(new TextDecoder().decode(fromBase64url(header)));
  const key = jwks.keys.find((candidate) => candidate.kid === kid);
  if (!key || alg !== "EdDSA") return null;
  const { kty, crv, x } = key;
  const imported = await crypto.subtle.importKey("jwk", { kty, crv, x }, { name: "Ed25519" }, false, ["verify"]);
  const body = detached === null ? payload : toBase64url(utf8Bytes(detached));
  const input = utf8Bytes(`${header}.${body}`);
  if (!(await crypto.subtle.verify("Ed25519", imported, fromBase64url(signature), input))) return null;
  return detached ?? JSON.parse(new TextDecoder().decode(fromBase64url(payload)));
}

async function whetherSigned(jwks, check) {
  if (!jwks) return open("keys");
  if (!globalThis.crypto?.subtle) return open("browser");
  try {
    return verdict(await check());
  } catch {
    return open("browser");
  }
}

function checkSchedule({ record }, d) {
  const { descriptor } = record;
  const same = descriptor.commitment === record.commitment && (record.room ?? descriptor.room) === descriptor.room;
  return verdict(d === record.descriptor_digest && same && descriptor.version === "fairgate/v1");
}

function checkSignature({ record, jwks }) {
  const { signature, ...signed } = record;
  if (!signature) return open("unsigned");
  return whetherSigned(jwks, async () => (await signedBy(jwks, signature, canonical(signed))) !== null);
}

function checkPromise({ record, mine }) {
  return mine?.commitment ? verdict(mine.commitment === record.descriptor.commitment) : open("not-seen");
}

function checkReceipt({ jwks, mine }, d) {
  const receipt = mine?.receipt;
  if (!receipt?.ticket) return open("receipt");
  return whetherSigned(jwks, async () => {
    const claims = await signedBy(jwks, receipt.ticket);
    const n = receipt.kind === "pool" ? receipt.index : receipt.place;
    return claims !== null && claims.draw === d && claims.entry === receipt.entry && claims.n === n;
  });
}

function checkEntry({ mine }, d) {
  if (!mine?.receipt || !mine.nonce) return open("receipt");
  return verdict(digest("entry", fromHex(d), fromBase64url(mine.nonce), new Uint8Array(32)) === mine.receipt.entry);
}

async function checkList({ record, roster, progress }) {
  if (!record.root) return open("not-yet");
  if (!roster) return open("roster");
  const whole = roster.length === record.entries * ENTRY_BYTES;
  return verdict(whole && (await rootOfRoster(roster, progress)) === record.root);
}

function checkListed({ record, mine, roster, proof }) {
  if (!record.root) return open("not-yet");
  if (mine?.receipt?.kind !== "pool") return open(mine?.receipt ? "late" : "receipt");
  const { index, entry } = mine.receipt;
  if (proof) return verdict(rootFrom(entry, index, record.entries, proof.path) === record.root);
  if (!roster) return open("roster");
  return verdict(toHex(roster.subarray(index * ENTRY_BYTES, (index + 1) * ENTRY_BYTES)) === entry);
}

function checkWitness({ record, mine }) {
  if (!record.root) return open("not-yet");
  if (!mine?.witness) return open("not-seen");
  return verdict(mine.witness.root === record.root && mine.witness.entries === record.entries);
}

function checkSecret({ record }) {
  if (!record.secret) return open("not-yet");
  return verdict(digest("commit", fromHex(record.secret)) === record.descriptor.commitment);
}

function checkBeacon({ record }) {
  if (!record.descriptor.beacon) return open("no-beacon");
  if (!record.beacon && !record.seed) return open("not-yet");
  if (!record.beacon && !record.beacon_signature && goesWithout(record)) return open("fallback");
  if (!record.beacon) return { verdict: "fails" };
  if (!record.beacon_signature) return { verdict: "fails" };
  return verdict(toHex(sha256(fromHex(record.beacon_signature))) === record.beacon);
}

function seedOf(record, d) {
  const beacon = record.beacon && record.descriptor.beacon ? fromHex(record.beacon) : new Uint8Array(32);
  return digest("seed", fromHex(d), u64be(record.entries), fromHex(record.root), fromHex(record.secret), beacon);
}

function checkSeed({ record }, d) {
  return record.seed ? verdict(seedOf(record, d) === record.seed) : open("not-yet");
}

function checkPlace({ record, mine }) {
  const receipt = mine?.receipt;
  if (!record.seed) return open("not-yet");
  if (!receipt) return open("receipt");
  if (receipt.kind === "line") return { ...verdict(receipt.place >= record.entries), place: receipt.place };
  const place = placeOf(receipt.index, record.entries, record.seed);
  return { ...verdict((mine.place ?? place) === place), place };
}

const STEPS = [
  ["schedule", checkSchedule],
  ["signature", checkSignature],
  ["promise", checkPromise],
  ["receipt", checkReceipt],
  ["entry", checkEntry],
  ["list", checkList],
  ["listed", checkListed],
  ["witness", checkWitness],
  ["secret", checkSecret],
  ["beacon", checkBeacon],
  ["seed", checkSeed],
  ["place", checkPlace],
];

// Checks what is there: {record, jwks?, mine?, proof?, roster?, progress?} to [{name, verdict, why?, place?}].
export async function checkDraw(papers) {
  const d = digest("descriptor", utf8Bytes(canonical(papers.record.descriptor)));
  const checked = [];
  for (const [name, check] of STEPS) checked.push({ name, ...(await check(papers, d)) });
  return checked;
}

// Sorts what a file says into the papers: a record, a proof, keys, what a fan kept, a bundle of these, or a roster.
export function papersFrom(bytes) {
  const start = bytes.find((byte) => ![9, 10, 13, 32].includes(byte));
  const json = start === 0x7b ? parsed(bytes) : null;
  if (json === null) return bytes.length % ENTRY_BYTES === 0 ? { roster: bytes } : null;
  if (json.record?.descriptor) return pick(json, ["record", "jwks", "mine", "proof"]);
  if (json.descriptor) return { record: json };
  if (Array.isArray(json.keys)) return { jwks: json };
  if (Array.isArray(json.path)) return { proof: json };
  if (json.receipt || json.witness) return { mine: json };
  return json.ticket ? { mine: { receipt: json } } : null;
}

function parsed(bytes) {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch {
    return null;
  }
}

function pick(object, names) {
  return Object.fromEntries(names.filter((name) => object[name]).map((name) => [name, object[name]]));
}
