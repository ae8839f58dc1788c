// For the shop's pages of a room whose passes are bound to a key: proves from time to time that the key is still here. And for
// the gate's own page, which stands where the shop's was asked for: proves it once, and goes on.
//
// A pass that nobody proves ends within `session.prove`. One tab proves for all; a third of the time before its end.

import { keyOf, proofFor } from "./key.js";

const { src, dataset } = document.currentScript;
const { then } = dataset;
const base = src.replace(/\/[^/]*$/, "");
const url = `${base}/renew`;
const room = base.split("/").pop();
const DUE = `fairgate:${room}:prove`;
const pause = (ms) => new Promise((done) => setTimeout(done, ms));
const dueIn = (ms) => localStorage.setItem(DUE, Date.now() + ms);
const post = (init) => fetch(url, { method: "POST", ...init });

// The pass is not for scripts to read: the first answer says its hash, with the nonce that dates the proof.
async function renew(pair, tries, headers) {
  const answer = await post({ headers });
  const { ath, now_ms, prove_by_ms } = await answer.json();
  if (answer.ok) dueIn(((prove_by_ms - now_ms) * 2) / 3);
  if (!ath || !tries) return answer.status;
  const nonce = answer.headers.get("DPoP-Nonce");
  return renew(pair, tries - 1, { DPoP: await proofFor(pair, { url, nonce, ath }) });
}

// Until asking again does not mend it; on the gate's own page until it is proved. Whoever has no key there gives the pass up, and
// comes in by the waiting room.
async function prove() {
  const pair = await keyOf(room).catch(() => null);
  if (then) dueIn(0);
  let status = pair ? 0 : 401;
  while (!(status > 400 && status < 429) && !(then && status === 200)) {
    await pause(localStorage.getItem(DUE) - Date.now());
    status = await renew(pair, 3).catch(() => 0);
    if (status !== 200) dueIn(10000);
  }
  if (then && status !== 200) await post({ body: '{"lost":true}' });
  if (then === "send") document.forms[0].requestSubmit();
  if (then === "load") location.reload();
}

const { locks } = navigator;
(locks && !then ? locks.request(DUE, prove) : prove()).catch(() => {});
