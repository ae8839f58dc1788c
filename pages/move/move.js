// The page on which a device takes the place of another one: it names its key for the offer, shows the number that the other
// device shows, and goes on once that one agrees.

import { hashed, keepsakeHash, keepsakeOf, ownKey, thumbprintOf } from "../entry/bind.js";
import { proofFor } from "../entry/key.js";
import { base, room, text } from "../waiting/config.js";
import { mine, remember } from "../waiting/kept.js";
import { ask, bytesOf, claimsOf, guard, nonce } from "../waiting/wire.js";

const $ = (id) => document.getElementById(id);
const SOON_MS = 2000;
// The random number that the keepsake follows from; it outlives a reload.
const keeps = history.state?.keeps ?? nonce();
history.replaceState({ keeps }, "");

let said = null;
let own = null;
let dated = "";

function show(words, number = "") {
  $("words").textContent = words;
  $("number").textContent = number;
  $("number").hidden = !number;
}

// There is no ticket yet: a proof names what it accepts. The first answer says what dates proofs.
guard.send = async function send(url, init, tries = 2) {
  const ath = await hashed(said.offer ?? said.letters);
  const DPoP = await proofFor(own.pair, { url: location.origin + url, nonce: dated, ath });
  const answer = await fetch(url, { ...init, headers: { ...init.headers, DPoP } });
  dated = answer.headers.get("DPoP-Nonce") ?? dated;
  return answer.status === 401 && tries ? send(url, init, tries - 1) : answer;
};

async function accept() {
  const answer = await ask("move/accept", { ...said, ...own.said }).catch(() => ({ code: 0 }));
  const { code, json } = answer;
  if (code === 200) return take(json);
  if (code === 202) show(text.move_same, json.number);
  if (code === 202 || code === 0 || code === 503) return setTimeout(accept, json?.retry_after_ms ?? SOON_MS);
  show(text[String(json.type).split("/").pop()] ?? text.failed);
  $("form").hidden = false;
}

function take({ return_to, ...receipt }) {
  const { draw } = claimsOf(receipt.ticket);
  remember({ receipt, draw, keeps, elsewhere: text.elsewhere, nonce: undefined, nonce_ms: undefined, gone: undefined });
  show(text.move_done);
  setTimeout(() => location.replace(return_to), SOON_MS);
}

async function begin(what) {
  said = what;
  $("form").hidden = true;
  show("");
  if (!own) {
    const { pair, lasting } = await ownKey(room);
    if (!lasting) addEventListener("beforeunload", (event) => event.preventDefault());
    const keepsake = await keepsakeOf(bytesOf(keeps));
    own = { pair, said: { jkt: await thumbprintOf(pair), keepsake: await keepsakeHash(keepsake) } };
  }
  accept();
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  begin({ letters: $("letters").value });
});

const offer = location.hash.slice(1);
if (mine.receipt && !mine.moved) show(text.move_own);
else if (offer) begin({ offer });
else $("form").hidden = false;
