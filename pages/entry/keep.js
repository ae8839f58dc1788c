// For the shop's pages of a room whose passes are bound to a key: proves from time to time that the key is still here.
//
// A pass that nobody proves ends within `session.prove`. One tab proves for all; a third of the time before its end.

import { keyOf, proofFor } from "./key.js";

const base = document.currentScript.src.replace(/\/[^/]*$/, "");
const room = base.split("/").pop();
const DUE = `fairgate:${room}:prove`;
const RETRY_MS = 10000;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));

// The pass is not for scripts to read: the first answer says its hash, with the nonce that dates the proof.
async function renew(pair, tries, headers) {
  const url = `${base}/renew`;
  const answer = await fetch(url, { method: "POST", headers });
  const { status } = answer;
  const json = await answer.json();
  const { ath } = json;
  if (status !== 401 || !ath || !tries) return { status, ...json };
  const nonce = answer.headers.get("DPoP-Nonce");
  return renew(pair, tries - 1, { DPoP: await proofFor(pair, { url, nonce, ath }) });
}

async function keepOn() {
  const pair = await keyOf(room);
  while (pair) {
    await pause(localStorage.getItem(DUE) - Date.now());
    const { status, now_ms, prove_by_ms } = await renew(pair, 3).catch(() => ({}));
    if ([401, 403, 410].includes(status)) return;
    localStorage.setItem(DUE, Date.now() + (status === 200 ? ((prove_by_ms - now_ms) * 2) / 3 : RETRY_MS));
  }
}

const { locks } = navigator;
(locks ? locks.request(DUE, keepOn) : keepOn()).catch(() => {});
