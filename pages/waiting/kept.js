// What this browser keeps for the fan (nonce, receipt, how far the way has come): in localStorage before anything depends on it,
// so that a reload, a crash or a second tab finds the same place.

import { room } from "./config.js";
import { keep, keepReceipt, recall } from "./evidence.js";

export const MINE = `fairgate:${room}`;
export let mine = recall(MINE) ?? {};

// Browsers that deny cookies deny storage, too; not all of them say so in `cookieEnabled`.
export function withoutCookies() {
  try {
    return !navigator.cookieEnabled || !window.localStorage;
  } catch {
    return true;
  }
}

// What another tab has learned since.
export function reread() {
  mine = recall(MINE) ?? mine;
}

export function remember(changes) {
  mine = { ...(recall(MINE) ?? mine), ...changes };
  keep(MINE, mine);
}

// Ends one way through the room; `gone` is how it ended, where the fan is to be told before joining again. The evidence of
// what was held stays.
export function forget(gone) {
  keepReceipt(room, mine, Date.now());
  const way = ["nonce", "nonce_ms", "receipt", "draw", "place", "first_ahead"];
  way.push("until_ms", "expires_ms", "admitted", "entered", "pooled", "elsewhere", "keeps", "moved");
  remember({ ...Object.fromEntries(way.map((name) => [name, undefined])), gone });
}

// Joins of several tabs wait for each other, so that they share one nonce and one receipt.
export function exclusively(job) {
  return navigator.locks ? navigator.locks.request(MINE, job) : job();
}
