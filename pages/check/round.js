// Whether a drand chain signed a round (scheme bls-unchained-g1-rfc9380), worked out in a worker: it takes a while.
//
// Takes {round, signature, key}, the latter two as hex, and answers true or false. `bls` is pages/vendor/bls12-381.js.

import { sha256 } from "../waiting/sha256.js";

const SIGNATURE_DST = "BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";
const pointFrom = (hex) => Uint8Array.from(hex.match(/../g), (byte) => parseInt(byte, 16));

function isSignedRound({ round, signature, key }) {
  const number = new DataView(new ArrayBuffer(8));
  number.setBigUint64(0, BigInt(round));
  const message = sha256(new Uint8Array(number.buffer));
  try {
    return bls.holds(pointFrom(signature), message, pointFrom(key), SIGNATURE_DST);
  } catch {
    return false;
  }
}

globalThis.onmessage = ({ data }) => globalThis.postMessage(isSignedRound(data));
