// The draw protocol fairgate/v1 as far as one fan needs it: a place from (index, N, seed), and the proof of it.

import { judgeFreeze, roundMs } from "./evidence.js";
import { sha256 } from "./sha256.js";

const ROUNDS = 256;
const PIVOT_STREAM = [0xffffffff, 0xffffffff];

export function fromHex(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function quarter(x, a, b, c, d) {
  x[a] += x[b];
  x[d] = rotate(x[d] ^ x[a], 16);
  x[c] += x[d];
  x[b] = rotate(x[b] ^ x[c], 12);
  x[a] += x[b];
  x[d] = rotate(x[d] ^ x[a], 8);
  x[c] += x[d];
  x[b] = rotate(x[b] ^ x[c], 7);
}

function rotate(word, bits) {
  return (word << bits) | (word >>> (32 - bits));
}

// One block of the original ChaCha20: 64-bit block counter, 64-bit stream number as [low, high].
export function chachaBlock(key, counter, stream) {
  const words = [counter % 2 ** 32, Math.floor(counter / 2 ** 32), ...stream];
  const start = Uint32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, ...key, ...words);
  const x = start.slice();
  for (let round = 0; round < 10; round++) {
    quarter(x, 0, 4, 8, 12);
    quarter(x, 1, 5, 9, 13);
    quarter(x, 2, 6, 10, 14);
    quarter(x, 3, 7, 11, 15);
    quarter(x, 0, 5, 10, 15);
    quarter(x, 1, 6, 11, 12);
    quarter(x, 2, 7, 8, 13);
    quarter(x, 3, 4, 9, 14);
  }
  return x.map((word, i) => word + start[i]);
}

function keyWords(seed) {
  const view = new DataView(fromHex(seed).buffer);
  return Array.from({ length: 8 }, (_, i) => view.getUint32(i * 4, true));
}

// The pivots, without bias (Lemire): BigInt, for the products have 128 bits.
function* pivots(key, entries) {
  const n = BigInt(entries);
  const threshold = (2n ** 64n - n) % n;
  for (let counter = 0; ; counter++) {
    const block = chachaBlock(key, counter, PIVOT_STREAM);
    for (let i = 0; i < 16; i += 2) {
      const product = (BigInt(block[i]) + (BigInt(block[i + 1]) << 32n)) * n;
      if (BigInt.asUintN(64, product) >= threshold) yield Number(product >> 64n);
    }
  }
}

// The place of a pool entry: the swap-or-not shuffle.
export function placeOf(index, entries, seed) {
  const key = keyWords(seed);
  const source = pivots(key, entries);
  let x = index;
  for (let round = 0; round < ROUNDS; round++) {
    const y = (source.next().value - x + entries) % entries;
    const q = Math.max(x, y);
    const word = chachaBlock(key, Math.floor(q / 512), [round, 0])[Math.floor(q / 32) % 16];
    if ((word >>> (q % 32)) & 1) x = y;
  }
  return x;
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

// Every step that the public numbers and this fan's own allow, as [name, holds], null where nothing can be said. What is not
// known (yet) is left out.
export function verifyDraw(draw, mine = {}) {
  if (!draw.descriptor) return [];
  const d = digest("descriptor", utf8(canonical(draw.descriptor)));
  const steps = [["descriptor", d === draw.descriptor_digest && (!mine.draw || mine.draw === d)]];
  const { receipt, kept } = mine;
  if (kept?.locked) steps.push(["promise", draw.descriptor.commitment === kept.descriptor.commitment]);
  if (receipt && mine.nonce) {
    steps.push(["entry", digest("entry", fromHex(d), mine.nonce, new Uint8Array(32)) === receipt.entry]);
  }
  const judged = draw.root && judgeFreeze(kept, draw);
  if (judged === "late") steps.push(["late", null]);
  else if (judged) steps.push([judged === "before" && roundMs(draw.descriptor) ? "before" : "witness", judged === "before"]);
  return draw.seed ? [...steps, ...verifyReveal(draw, d, mine)] : steps;
}

// The round did not come in time, which the descriptor foresees.
export function goesWithout({ beacon, descriptor }) {
  return !beacon && descriptor.beacon?.fallback_after_ms !== undefined;
}

function verifyReveal(draw, d, { receipt, place }) {
  const secret = fromHex(draw.secret);
  const beacon = draw.beacon ? fromHex(draw.beacon) : new Uint8Array(32);
  const seed = digest("seed", fromHex(d), u64be(draw.entries), fromHex(draw.root), secret, beacon);
  const steps = [
    ["secret", digest("commit", secret) === draw.descriptor.commitment],
    ["seed", seed === draw.seed && (!draw.beacon === !draw.descriptor.beacon || goesWithout(draw))],
  ];
  if (receipt?.kind === "pool") steps.push(["place", placeOf(receipt.index, draw.entries, seed) === place]);
  return steps;
}
