// One P-256 key a room, which cannot be taken out of the browser, and proofs that it is there (RFC 9449).

import { spelled } from "./spell.js";

export const ECDSA = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
export const utf8 = (text) => new TextEncoder().encode(text);

// One request to the store of keys: `use` makes it.
export function stored(mode, use) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open("fairgate");
    opening.onupgradeneeded = () => opening.result.createObjectStore("keys");
    opening.onerror = reject;
    opening.onsuccess = () => {
      const turn = opening.result.transaction("keys", mode);
      const asked = use(turn.objectStore("keys"));
      turn.onabort = reject;
      turn.oncomplete = () => {
        opening.result.close();
        resolve(asked.result);
      };
    };
  });
}

// The room's key; undefined where there is none.
export function keyOf(room) {
  return stored("readonly", (keys) => keys.get(room));
}

export async function publicOf({ publicKey }) {
  const { crv, kty, x, y } = await crypto.subtle.exportKey("jwk", publicKey);
  return { crv, kty, x, y };
}

// A proof for one POST to this address, with this nonce, for the token of this hash.
export async function proofFor(pair, { url, nonce, ath }) {
  const head = { alg: "ES256", typ: "dpop+jwt", jwk: await publicOf(pair) };
  const iat = Math.floor(Date.now() / 1000);
  const claims = { jti: crypto.randomUUID(), htm: "POST", htu: url, iat, nonce, ath };
  const said = [head, claims].map((part) => spelled(utf8(JSON.stringify(part)))).join(".");
  return `${said}.${spelled(await crypto.subtle.sign(ECDSA, pair.privateKey, utf8(said)))}`;
}
