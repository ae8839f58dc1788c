// The draw protocol fairgate/v1 as far as the proof of one draw needs it.

import { sha256 } from "./sha256.js";

export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// RFC 8785 for the values a descriptor has.
export function canonical(value) {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
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

// The freeze as one statement, and the RFC 6962 hash of it as a leaf: two people to whom two lists were shown have two codes.
export function freezeCode({ descriptor_digest, entries, frozen_at_ms, missing, root }) {
  const tier = `tier 0 ${entries} ${root} ${"0".repeat(64)} ${missing ?? 0}`;
  return toHex(hash([0], utf8(`fairgate/v2/freeze\ndraw ${descriptor_digest}\nat ${frozen_at_ms}\n${tier}\n`)));
}

// The round did not come in time, which the descriptor foresees.
export function goesWithout({ beacon, descriptor }) {
  return !beacon && descriptor.beacon?.fallback_after_ms !== undefined;
}
