// Every step of a draw, checked one by one from public numbers, files and what a fan kept: no network, clock or page.
//
// A step's verdict is "holds", "fails" or "open" (what it needs is not there); `why` names what is missing.

import { canonical, digest, digestOf, entryIn, goesWithout, hash, nonceOf } from "../waiting/draw.js";
import { freezeStatement, placeInTier, seedIn, u64be } from "../waiting/draw.js";
import { isAimable, isFrozen, roundMs, roundOf } from "../waiting/evidence.js";
import { fromHex, placeOf, toHex } from "../waiting/place.js";
import { sha256 } from "../waiting/sha256.js";
import { isTiered } from "../waiting/tiers.js";
import { readClaims } from "./claims.js";
import { judgeFreeze } from "./judge.js";
import { readFreeze, rootOnPath } from "./log.js";
import { areTiersOf, followsRules } from "./rules.js";

const ENTRY_BYTES = 32;
const TAG_BYTES = 16;
const LOOKED_AT_MAX = 1 << 20;
const NO_TAG = "0".repeat(2 * TAG_BYTES);
const utf8Bytes = (text) => new TextEncoder().encode(text);
const verdict = (ok) => ({ verdict: ok ? "holds" : "fails" });
const open = (why) => ({ verdict: "open", why });
const fails = (why) => ({ verdict: "fails", why });

// The public key of drand's quicknet. Whoever names another one may hold its secret.
export const QUICKNET_KEY =
  "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451" +
  "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a";

export function fromBase64url(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (char) => char.charCodeAt(0));
}

export function toBase64url(bytes) {
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

// The RFC 6962 root of a list's bytes: one pass, one hash a level kept. `progress` hears of every 2^16 entries.
export async function rootOfRoster(bytes, progress = () => {}, size = ENTRY_BYTES) {
  const entries = bytes.length / size;
  if (entries === 0) return toHex(sha256(new Uint8Array()));
  const levels = [];
  for (let i = 0; i < entries; i++) {
    let node = hash([0], bytes.subarray(i * size, (i + 1) * size));
    for (let rest = i; rest % 2 === 1; rest = (rest - 1) / 2) node = hash([1], levels.pop(), node);
    levels.push(node);
    if (i % 65536 === 65535) await progress(i / entries);
  }
  return toHex(levels.reduceRight((right, left) => hash([1], left, right)));
}

// The root that an inclusion proof leads to, or null where its length cannot be right.
export function rootFrom(entry, index, entries, path) {
  const root = rootOnPath(hash([0], fromHex(entry)), index, entries, path.map(fromHex));
  return root && toHex(root);
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
  const ruled = isTiered(descriptor) ? followsRules(descriptor) : descriptor.version === "fairgate/v1";
  if (d !== record.descriptor_digest || !same || !ruled) return verdict(false);
  if (isFrozen(record) && !(record.frozen_at_ms >= descriptor.starts_at_ms)) return fails("times");
  if (isTiered(descriptor) && isFrozen(record) && !areTiersOf(record.tiers, descriptor)) return fails("tiers");
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
    const same = claims?.tier === receipt.tier && claims?.tag === receipt.tag;
    return claims !== null && claims.draw === d && claims.entry === receipt.entry && claims.n === n && same;
  });
}

function checkEntry({ record, own: { receipt, nonce } }, d) {
  if (!receipt || !nonce) return open("receipt");
  const u = fromBase64url(nonce);
  if (!isTiered(record.descriptor)) {
    return verdict(digest("entry", fromHex(d), u, new Uint8Array(32)) === receipt.entry);
  }
  if (receipt.kind !== "pool") return open("late");
  return entryIn(d, receipt.tier, nonceOf(u), receipt.tag) === receipt.entry ? verdict(true) : fails("elsewhere");
}

// The tiers of a draw, each with its part of the whole list; a draw without tiers is one.
function tiersOf({ record, roster, tags }) {
  if (!isTiered(record.descriptor)) return [{ ...record, roster }];
  return record.tiers.map((tier, t) => ({ ...tier, roster: roster?.[t], tags: tags?.[t] }));
}

async function areRoots(tiers, list, root, size, progress) {
  for (const tier of tiers) {
    const whole = tier[list].length === tier.entries * size;
    if (!whole || (await rootOfRoster(tier[list], progress, size)) !== tier[root]) return false;
  }
  return true;
}

async function checkList({ record, roster, tags, progress }) {
  if (!isFrozen(record)) return open("not-yet");
  const tiers = tiersOf({ record, roster, tags });
  if (tiers.some((tier) => !tier.roster)) return open("roster");
  if (!(await areRoots(tiers, "roster", "root", ENTRY_BYTES, progress))) return verdict(false);
  const lost = tiers.every((tier) => !isTiered(record.descriptor) || emptyIn(tier) === tier.missing);
  return lost ? verdict(true) : fails("missing");
}

const partOf = (bytes, index, size) => toHex(bytes.subarray(index * size, (index + 1) * size));

function isEmpty(roster, index) {
  return roster.subarray(index * ENTRY_BYTES, (index + 1) * ENTRY_BYTES).every((byte) => byte === 0);
}

function emptyIn({ roster, entries }) {
  let empty = 0;
  for (let index = 0; index < entries; index++) if (isEmpty(roster, index)) empty += 1;
  return empty;
}

// That nobody stands in the pool twice: no tag does, in all tiers together.
async function checkTags({ record, roster, tags, progress }) {
  if (!record.descriptor.identity.length) return open("no-identity");
  if (!record.secret) return open("not-yet");
  const tiers = tiersOf({ record, roster, tags });
  if (tiers.some((tier) => !tier.tags || !tier.roster)) return open("roster");
  if (!(await areRoots(tiers, "tags", "tags_root", TAG_BYTES, progress))) return verdict(false);
  if (tiers.some((tier) => !isTaggedWhereFull(tier))) return verdict(false);
  return isAnyTwice(tiers.map((tier) => tier.tags)) ? fails("twice") : verdict(true);
}

function isTaggedWhereFull({ entries, roster, tags }) {
  for (let index = 0; index < entries; index++) {
    const untagged = tags.subarray(index * TAG_BYTES, (index + 1) * TAG_BYTES).every((byte) => byte === 0);
    if (isEmpty(roster, index) !== untagged) return false;
  }
  return true;
}

// Whether any tag but zeros stands there twice. First by their beginnings, sorted: millions of tags fit no set.
function isAnyTwice(lists) {
  const beginnings = new BigUint64Array(lists.reduce((sum, bytes) => sum + bytes.length / TAG_BYTES, 0));
  let count = 0;
  const ofEach = (bytes, visit) => {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    for (let at = 0; at < bytes.length; at += TAG_BYTES) visit(view.getBigUint64(at), at / TAG_BYTES, bytes);
  };
  for (const list of lists) ofEach(list, (beginning) => (beginnings[count++] = beginning));
  beginnings.sort();
  const alike = new Set(beginnings.filter((beginning, at) => at > 0 && beginning === beginnings[at - 1]));
  if (alike.size === 0) return false;
  const [seen, twice] = [new Set(), new Set()];
  const note = (beginning, index, bytes) => {
    const tag = alike.has(beginning) && partOf(bytes, index, TAG_BYTES);
    if (tag && tag !== NO_TAG && seen.size <= LOOKED_AT_MAX) (seen.has(tag) ? twice : seen).add(tag);
  };
  for (const list of lists) ofEach(list, note);
  return twice.size > 0;
}

function checkListed({ record, own: { receipt }, roster, tags, proof }) {
  if (!isFrozen(record)) return open("not-yet");
  if (receipt?.kind !== "pool") return open(receipt ? "late" : "receipt");
  const { index, entry, tag } = receipt;
  const tier = tiersOf({ record, roster, tags })[receipt.tier ?? 0];
  if (!tier || index >= tier.entries) return verdict(false);
  if (proof) {
    const tagged = !proof.tags_path || rootFrom(tag, index, tier.entries, proof.tags_path) === tier.tags_root;
    return verdict(tagged && rootFrom(entry, index, tier.entries, proof.path) === tier.root);
  }
  if (!tier.roster) return open("roster");
  const tagged = !tier.tags || partOf(tier.tags, index, TAG_BYTES) === tag;
  return verdict(tagged && partOf(tier.roster, index, ENTRY_BYTES) === entry);
}

function checkWitness({ record, own: { kept } }) {
  if (kept?.label && kept.label !== labelOf(record.descriptor)) return fails("label-shown");
  if (!isFrozen(record)) return open("not-yet");
  const judged = judgeFreeze(kept, record);
  if (judged === "before") return verdict(true);
  if (judged === "late") return open("too-late");
  return judged ? fails(judged) : open("not-seen");
}

function checkSecret({ record }) {
  if (!record.secret) return open("not-yet");
  return verdict(digest("commit", fromHex(record.secret)) === record.descriptor.commitment);
}

// That the log of the operator has this freeze and no other, and who saw it there before the result could be known.
async function checkLog({ record, freeze_proof, reveal_proof, witnesses, own: { kept } }) {
  if (!record.log) return open("no-log");
  if (!isFrozen(record)) return open("not-yet");
  const saved = (kept?.proofs ?? []).map(({ text }) => text);
  const published = freeze_proof ?? saved.at(-1);
  if (!published) return open("no-proof");
  const end_ms = roundMs(record);
  const reveal = reveal_proof ?? null;
  const asked = { vkey: record.log, statement: freezeStatement(record), published, saved, reveal, end_ms };
  try {
    const { why, ...said } = await readFreeze({ ...asked, witnesses: witnesses ?? [] });
    return why ? fails(why) : { verdict: "holds", said: { ...said, end_ms } };
  } catch (error) {
    return error.message === "malformed" ? fails("malformed") : open("browser");
  }
}

async function checkBeacon({ record, roundHolds }) {
  const { beacon, beacon_signature: signature, descriptor, frozen_at_ms, seed } = record;
  if (!descriptor.beacon) return verdictWithout(record);
  const round_ms = roundMs(record);
  if (!round_ms || descriptor.beacon.public_key !== QUICKNET_KEY) return fails("chain");
  if (!beacon && !signature && seed) return goesWithout(record) ? open("fallback") : verdict(false);
  if (frozen_at_ms >= round_ms) return fails("known");
  if (!beacon && !seed) return open("not-yet");
  const round = roundOf(record);
  if (isTiered(descriptor) && record.beacon_round !== round) return fails("turn");
  if (!beacon || !signature || toHex(sha256(fromHex(signature))) !== beacon) return verdict(false);
  if (!roundHolds) return open("drand");
  try {
    return (await roundHolds(round, signature)) ? verdict(true) : fails("not-drand");
  } catch {
    return open("drand");
  }
}

function verdictWithout({ beacon, beacon_round: round, beacon_signature: signature }) {
  return beacon || signature || round ? verdict(false) : open("no-beacon");
}

function seedOf(record, d) {
  const beacon = record.beacon && record.descriptor.beacon ? fromHex(record.beacon) : new Uint8Array(32);
  return digest("seed", fromHex(d), u64be(record.entries), fromHex(record.root), fromHex(record.secret), beacon);
}

function checkSeed({ record }, d) {
  if (!record.seed) return open("not-yet");
  const own = isTiered(record.descriptor) ? seedIn({ ...record, descriptor_digest: d }) : seedOf(record, d);
  return verdict(own === record.seed);
}

function checkPlace({ record, own }) {
  const { receipt } = own;
  if (!record.seed) return open("not-yet");
  if (!receipt) return open("receipt");
  const tiers = tiersOf({ record });
  const entries = tiers.reduce((sum, tier) => sum + tier.entries, 0);
  if (receipt.kind === "line") return { ...verdict(receipt.place >= entries), place: receipt.place };
  const { tier = 0, index } = receipt;
  if (!tiers[tier] || index >= tiers[tier].entries) return verdict(false);
  const tiered = isTiered(record.descriptor);
  const place = tiered ? placeInTier(record, tier, index) : placeOf(index, entries, record.seed);
  return { ...verdict((own.place ?? place) === place), place };
}

// That who was let in was let in with a place of their own. Without the whole list, entries are not compared.
async function checkClaims(papers, d) {
  const { record, claims, progress } = papers;
  if (!record.seed) return open("not-yet");
  if (!claims) return open("claims");
  const tiers = tiersOf(papers);
  const { why, ...claimed } = await readClaims(claims, { record, d, tiers, progress });
  if (why) return fails(why);
  const whole = tiers.every(({ roster, tags }) => roster && (tags || !record.descriptor.identity?.length));
  return { ...(whole ? verdict(true) : open("claims-part")), claimed };
}

const STEPS = [
  ["schedule", checkSchedule],
  ["signature", checkSignature],
  ["promise", checkPromise],
  ["receipt", checkReceipt],
  ["entry", checkEntry],
  ["list", checkList],
  ["tags", checkTags],
  ["listed", checkListed],
  ["witness", checkWitness],
  ["log", checkLog],
  ["secret", checkSecret],
  ["beacon", checkBeacon],
  ["seed", checkSeed],
  ["place", checkPlace],
  ["claims", checkClaims],
];

// Steps that a draw by version 1 has nothing for.
function isAsked(name, { log, descriptor }) {
  return isTiered(descriptor) || !(name === "tags" || (name === "log" && !log));
}

// Checks what is there: {record, jwks?, mine?, evidence?, proof?, roster?, tags?, claims?, freeze_proof?, reveal_proof?,
// witnesses?, roundHolds?, progress?} to [{name, verdict, why?, place?, said?, claimed?}]. With tiers `roster` and `tags` are lists of them.
export async function checkDraw(given) {
  const papers = { ...given, own: ownOf(given) };
  const d = digestOf(papers.record.descriptor);
  const checked = [];
  for (const [name, check] of STEPS) {
    if (!isAsked(name, papers.record)) continue;
    checked.push({ name, ...(await check(papers, d)) });
    // What follows makes sense for tiers that are those of the descriptor alone.
    if (isTiered(papers.record.descriptor) && name === "schedule" && checked[0].verdict === "fails") return checked;
  }
  return checked;
}

// Sorts what a file says into the papers: a record, a proof, keys, what a fan kept, a bundle of these, or a list. The parts
// of a list with tiers are told apart by the file's name.
export function papersFrom(bytes, name = "") {
  const [, list, tier] = /(roster|tags)\.(\d{1,2})$/.exec(name) ?? [];
  if (list) return { [list]: { [tier]: bytes } };
  if (/(^|\W)claims(\W|$)/.test(name)) return { claims: bytes };
  const [, statement] = /(freeze|reveal)\.tlog-proof$/.exec(name) ?? [];
  if (statement) return { [`${statement}_proof`]: new TextDecoder().decode(bytes) };
  const start = bytes.find((byte) => ![9, 10, 13, 32].includes(byte));
  const json = start === 0x7b ? parsed(bytes) : null;
  if (json === null) return bytes.length % ENTRY_BYTES === 0 ? { roster: bytes } : null;
  if (json.record?.descriptor) return pick(json, ["record", "jwks", "mine", "evidence", "proof", "freeze_proof", "reveal_proof"]);
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
