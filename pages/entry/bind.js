// How a place is bound to this browser: a key is made before the first join, and calls about the place are signed by it.

import { ALPHABET, printed, remainder } from "./code.js";
import { ECDSA, keyOf, proofFor, publicOf, stored, utf8 } from "./key.js";
import { spelled } from "./spell.js";

const SIGNED = /\/(claim|leave|move(\/\w+)?)$/;

export async function hashed(text) {
  return spelled(await crypto.subtle.digest("SHA-256", utf8(text)));
}

// The thumbprint of a key (RFC 7638): the members in the order of their names.
export async function thumbprintOf(pair) {
  return hashed(JSON.stringify(await publicOf(pair)));
}

// The room's key, or a new one. What is not `lasting` is gone with this page.
export async function ownKey(room) {
  const kept = await keyOf(room).catch(() => undefined);
  if (kept) return { pair: kept, lasting: true };
  const pair = await crypto.subtle.generateKey(ECDSA, false, ["sign"]);
  const put = stored("readwrite", (keys) => keys.put(pair, room));
  return { pair, lasting: await put.then(() => true, () => false) };
}

// A `fetch` that signs the calls about a place by this key, unless `nonceNow` says false: the place is another key's. Where the status's nonce is over, the answer
// brings another, and the call is signed once more.
export function signing(pair, nonceNow) {
  return async function send(url, init, nonce) {
    const now = nonce ?? nonceNow();
    if (now === false || !SIGNED.test(url)) return fetch(url, init);
    const { headers } = init;
    const ath = await hashed(headers.authorization?.slice(7) ?? "");
    const DPoP = await proofFor(pair, { url: location.origin + url, nonce: now, ath });
    const answer = await fetch(url, { ...init, headers: { ...headers, DPoP } });
    const other = answer.headers.get("DPoP-Nonce");
    return answer.status === 401 && other && !nonce ? send(url, init, other) : answer;
  };
}

// The keepsake of u: the first 55 bits of HMAC-SHA256(u, "keepsake") as a code.
export async function keepsakeOf(u) {
  const hmac = { name: "HMAC", hash: "SHA-256" };
  const key = await crypto.subtle.importKey("raw", u, hmac, false, ["sign"]);
  const mac = new DataView(await crypto.subtle.sign("HMAC", key, utf8("keepsake")));
  const bits = mac.getBigUint64(0) >> 9n;
  const code = Array.from({ length: 11 }, (_, at) => ALPHABET[Number((bits >> BigInt(50 - 5 * at)) & 31n)]).join("");
  return code + ALPHABET[remainder(`${code}0`)];
}

// The hash of a keepsake, which the join says and the ticket keeps.
export async function keepsakeHash(code) {
  const bytes = await crypto.subtle.digest("SHA-256", utf8(`fairgate/v2/keepsake\0${code}`));
  return spelled(bytes.slice(0, 16));
}

// Binds a page to the room's key: what its join says besides, the letters of the keepsake, and calls that are signed. Where the
// ticket that `heed` hears of names another key, this browser has lost that one, or never had it: it is `lost`, and nothing is
// signed until this key is named. A key that is not kept is lost with the page, so leaving that is asked about.
export async function bind(room, u, { guard, claimsOf }, nonceNow) {
  const { pair, lasting } = await ownKey(room);
  if (!lasting) addEventListener("beforeunload", (event) => event.preventDefault());
  const keepsake = await keepsakeOf(u);
  const said = { jkt: await thumbprintOf(pair), keepsake: await keepsakeHash(keepsake) };
  const own = { letters: printed(keepsake), said };
  own.heed = (ticket) => {
    const { cnf, moves = 0 } = claimsOf(ticket);
    own.lost = cnf?.jkt !== said.jkt;
    own.moves = own.lost ? Infinity : moves;
  };
  guard.send = signing(pair, () => !own.lost && nonceNow());
  return own;
}

globalThis.fairgate?.(bind);
