// What a browser makes for its entry: hashes of the protocol, and what ties something shown to one entry.
//
// `by` has what the waiting page has already: `sha` (SHA-256, which may take its time), `tagged`, `fromHex` and `toHex`.

import { spelled } from "./spell.js";

export function unspelled(text) {
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}

// What is sent at the join in place of u: nobody but who has u can show it at the claim.
export async function nonceOf({ sha, tagged }, u) {
  return (await tagged(sha, "nonce", u)).slice(0, 16);
}

// Whether an entry is made of u. If not, it was made elsewhere: on another device of the same person.
export async function isMadeOf(by, u, d, { tier, tag, entry }) {
  const { sha, tagged, fromHex, toHex } = by;
  return toHex(await tagged(sha, "entry", fromHex(d), [tier], await nonceOf(by, u), fromHex(tag))) === entry;
}

// The bond of an entry with its nonce and its credential: a code, a shop's token, a voucher's id, or nothing.
export async function bondOf({ sha, tagged }, nonce, credential) {
  const hashed = new Uint8Array(await sha(new TextEncoder().encode(credential)));
  return (await tagged(sha, "bond", nonce, hashed)).slice(0, 16);
}

// The key of a puzzle, hex, and its solutions as the wire has them.
export async function puzzleOf({ sha, tagged, fromHex, toHex }, d, seed, bond) {
  return toHex(await tagged(sha, "work", fromHex(d), fromHex(seed), bond));
}

export function solutionsFrom({ fromHex }, hex) {
  return spelled(fromHex(hex));
}
