// Every step of a draw, checked one by one from public numbers, files and what a fan kept: no network, clock or page.
//
// A step's verdict is "holds", "fails" or "open" (what it needs is not there); `why` names what is missing.

import { canonical, digest, goesWithout, hash, toHex, u64be } from "../waiting/draw.js";
import { isAimable, judgeFreeze, roundMs } from "../waiting/evidence.js";
import { fromHex, placeOf } from "../waiting/place.js";
import { sha256 } from "../waiting/sha256.js";

const ENTRY_BYTES = 32;
const utf8Bytes = (text) => new TextEncoder().encode(text);
const verdict = (ok) => ({ verdict: ok ? "holds" : "fails" });
const open = (why) => ({ verdict: "open", why });
const fails = (why) => ({ verdict: "fails", why });

// The public key of drand's quicknet. Whoever names another one may hold its secret.
const QUICKNET_KEY =
  "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451" +
  "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a";

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

// The root that an inclusion proof leads to (RFC 9162, 2.1.3.2), or null where its length cannot be right.
export function rootFrom(entry, index, entries, path) {
  let [node, at, last] = [hash([0], fromHex(entry)), index, entries - 1];
  for (const sibling of path.map(fromHex)) {
    if (last === 0) return null;
    if (at % 2 === 1 || at === last) {
      node = hash([1], sibling, node);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else {
      node = hash([1], node, sibling);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 ? toHex(node) : null;
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

// What a draw may call itself, from its schedule on.
export function labelOf(descriptor) {
  return isAimable(descriptor) ? "committed" : "committed + public beacon";
}

// What a fan has of this very draw: what the page is working with, or what was kept of it.
export function ownOf({ record, mine, evidence }) {
  const kept = evidence?.find(({ draw }) => draw === record.descriptor_digest);
  const current = mine?.draw && mine.draw !== record.descriptor_digest ? {} : mine;
  const last = kept?.receipts.at(-1);
  const nonce = current?.receipt ? current.nonce : last?.nonce;
  return { ...current, receipt: current?.receipt ?? last, nonce, kept };
}

function checkSchedule({ record }, d) {
  const { descriptor } = record;
  const same = descriptor.commitment === record.commitment && (record.room ?? descriptor.room) === descriptor.room;
  if (d !== record.descriptor_digest || !same || descriptor.version !== "fairgate/v1") return verdict(false);
  if (record.root && !(record.frozen_at_ms >= descriptor.starts_at_ms)) return fails("times");
  return (record.label ?? labelOf(descriptor)) === labelOf(descriptor) ? verdict(true) : fails("label");
}

function checkSignature({ record, jwks }) {
  const { signature, ...signed } = record;
  if (!signature) return open("unsigned");
  return whetherSigned(jwks, async () => (await signedBy(jwks, signature, canonical(signed))) !== null);
}

function checkPromise({ record, own: { kept } }) {
  return kept?.locked ? verdict(kept.descriptor.commitment === record.descriptor.commitment) : open("not-seen");
}

function checkReceipt({ jwks, evidence, own: { receipt } }, d) {
  if (!receipt?.ticket) return open(evidence?.some(({ receipts }) => receipts.length) ? "other-draw" : "receipt");
  return whetherSigned(jwks, async () => {
    const claims = await signedBy(jwks, receipt.ticket);
    const n = receipt.kind === "pool" ? receipt.index : receipt.place;
    return claims !== null && claims.draw === d && claims.entry === receipt.entry && claims.n === n;
  });
}

function checkEntry({ own: { receipt, nonce } }, d) {
  if (!receipt || !nonce) return open("receipt");
  return verdict(digest("entry", fromHex(d), fromBase64url(nonce), new Uint8Array(32)) === receipt.entry);
}

async function checkList({ record, roster, progress }) {
  if (!record.root) return open("not-yet");
  if (!roster) return open("roster");
  const whole = roster.length === record.entries * ENTRY_BYTES;
  return verdict(whole && (await rootOfRoster(roster, progress)) === record.root);
}

function checkListed({ record, own: { receipt }, roster, proof }) {
  if (!record.root) return open("not-yet");
  if (receipt?.kind !== "pool") return open(receipt ? "late" : "receipt");
  const { index, entry } = receipt;
  if (proof) return verdict(rootFrom(entry, index, record.entries, proof.path) === record.root);
  if (!roster) return open("roster");
  return verdict(toHex(roster.subarray(index * ENTRY_BYTES, (index + 1) * ENTRY_BYTES)) === entry);
}

function checkWitness({ record, own: { kept } }) {
  if (kept?.label && kept.label !== labelOf(record.descriptor)) return fails("label-shown");
  if (!record.root) return open("not-yet");
  const judged = judgeFreeze(kept, record);
  if (judged === "before") return verdict(true);
  if (judged === "late") return open("too-late");
  return judged ? fails(judged) : open("not-seen");
}

function checkSecret({ record }) {
  if (!record.secret) return open("not-yet");
  return verdict(digest("commit", fromHex(record.secret)) === record.descriptor.commitment);
}

function checkBeacon({ record }) {
  const { beacon, beacon_signature: signature, descriptor, frozen_at_ms, seed } = record;
  if (!descriptor.beacon) return verdictWithout(record);
  const round_ms = roundMs(descriptor);
  if (!round_ms || descriptor.beacon.public_key !== QUICKNET_KEY) return fails("chain");
  if (!beacon && !signature && seed) return goesWithout(record) ? open("fallback") : verdict(false);
  if (frozen_at_ms >= round_ms) return fails("known");
  if (!beacon && !seed) return open("not-yet");
  if (!beacon || !signature || toHex(sha256(fromHex(signature))) !== beacon) return verdict(false);
  return open("drand");
}

function verdictWithout({ beacon, beacon_signature: signature }) {
  return beacon || signature ? verdict(false) : open("no-beacon");
}

function seedOf(record, d) {
  const beacon = record.beacon && record.descriptor.beacon ? fromHex(record.beacon) : new Uint8Array(32);
  return digest("seed", fromHex(d), u64be(record.entries), fromHex(record.root), fromHex(record.secret), beacon);
}

function checkSeed({ record }, d) {
  return record.seed ? verdict(seedOf(record, d) === record.seed) : open("not-yet");
}

function checkPlace({ record, own }) {
  const { receipt } = own;
  if (!record.seed) return open("not-yet");
  if (!receipt) return open("receipt");
  if (receipt.kind === "line") return { ...verdict(receipt.place >= record.entries), place: receipt.place };
  const place = placeOf(receipt.index, record.entries, record.seed);
  return { ...verdict((own.place ?? place) === place), place };
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

// Checks what is there: {record, jwks?, mine?, evidence?, proof?, roster?, progress?} to [{name, verdict, why?, place?}].
export async function checkDraw(given) {
  const papers = { ...given, own: ownOf(given) };
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
  if (json.record?.descriptor) return pick(json, ["record", "jwks", "mine", "evidence", "proof"]);
  if (Array.isArray(json.evidence)) return pick(json, ["evidence"]);
  if (json.descriptor) return { record: json };
  if (Array.isArray(json.keys)) return { jwks: json };
  if (Array.isArray(json.path)) return { proof: json };
  if (json.receipt) return { mine: json };
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
