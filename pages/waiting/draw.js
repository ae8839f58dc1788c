// The draw protocol, fairgate/v1 and fairgate/v2, as far as the proof of one draw needs it.

import { fromHex, toHex } from "./place.js";
import { sha256 } from "./sha256.js";
import { isTiered, placeAmong } from "./tiers.js";

const NONE = "0".repeat(64);

// RFC 8785 for the values a descriptor has.
export function canonical(value) {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item) => canonical(item)).join(",")}]`;
  const keys = Object.keys(value).sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonical(value[key])}`).join(",")}}`;
}

// H of all parts in a row.
export function hash(...parts) {
  const bytes = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
  return sha256(bytes);
}

// H(DST("fairgate/v1/<what>") ‖ parts), as hex.
export function digest(what, ...parts) {
  return toHex(hash(utf8(`fairgate/v1/${what}\0`), ...parts));
}

function utf8(text) {
  return new TextEncoder().encode(text);
}

export function u64be(number) {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(number));
  return bytes;
}

// H(DST("fairgate/v2/<what>") ‖ parts), as bytes.
function digestIn2(what, ...parts) {
  return hash(utf8(`fairgate/v2/${what}\0`), ...parts);
}

// D, by the version that the descriptor is of.
export function digestOf(descriptor) {
  const text = utf8(canonical(descriptor));
  return isTiered(descriptor) ? toHex(digestIn2("descriptor", text)) : digest("descriptor", text);
}

// What a browser sends when it enters: nobody but who has u can show it at the claim.
export function nonceOf(u) {
  return digestIn2("nonce", u).slice(0, 16);
}

// An entry of a tier, as hex. Hex in, but for the nonce.
export function entryIn(d, tier, nonce, tag) {
  return toHex(digestIn2("entry", fromHex(d), [tier], nonce, fromHex(tag)));
}

// The seed of a draw with tiers, as hex, from its record.
export function seedIn({ descriptor_digest, tiers, secret, beacon }) {
  const frozen = tiers.flatMap((tier) => [u64be(tier.entries), fromHex(tier.root), fromHex(tier.tags_root)]);
  const parts = [fromHex(descriptor_digest), u64be(tiers.length), ...frozen, fromHex(secret), fromHex(beacon ?? NONE)];
  return toHex(digestIn2("seed", ...parts));
}

export function seedOfTier(seed, tier) {
  return toHex(digestIn2("tier", fromHex(seed), u64be(tier)));
}

// The place of a tier's entry, from the record.
export function placeInTier({ descriptor, tiers, seed }, tier, index) {
  return placeAmong(descriptor.tiers, tiers, { tier, index }, seedOfTier(seed, tier));
}

// The freeze as one statement of the draw log. A draw by version 1 has one tier, without the root of identity tags.
export function freezeStatement({ descriptor_digest, entries, frozen_at_ms, missing, root, tiers }) {
  const frozen = tiers ?? [{ entries, root, tags_root: NONE, missing: missing ?? 0 }];
  const lines = frozen.map((of, t) => `tier ${t} ${of.entries} ${of.root} ${of.tags_root} ${of.missing}\n`);
  return `fairgate/v2/freeze\ndraw ${descriptor_digest}\nat ${frozen_at_ms}\n${lines.join("")}`;
}

// The RFC 6962 hash of it as a leaf: two people to whom two lists were shown have two codes.
export function freezeCode(record) {
  return toHex(hash([0], utf8(freezeStatement(record))));
}

// The round did not come in time, which the descriptor foresees.
export function goesWithout({ beacon, descriptor }) {
  return !beacon && descriptor.beacon?.fallback_after_ms !== undefined;
}
