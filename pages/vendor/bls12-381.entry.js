// What is bundled into bls12-381.js: README.md says how.

import { bls12_381 } from "@noble/curves/bls12-381.js";

// Whether a compressed point of G1 is the signature of a message under a key in G2. Throws where signature or key is no point.
export function holds(signature, message, key, dst) {
  const { shortSignatures } = bls12_381;
  return shortSignatures.verify(signature, shortSignatures.hash(message, dst), key);
}
