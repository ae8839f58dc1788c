// The place of a fan's own entry in a draw with tiers.
//
// `sha` is SHA-256 and may take its time: browsers have it on secure origins, and elsewhere a worker does it.

import { fromHex, toHex } from "./place.js";
import { placeAmong } from "./tiers.js";

// H(DST("fairgate/v2/<what>") ‖ parts), of lists of bytes.
export async function tagged(sha, what, ...parts) {
  const bytes = [new TextEncoder().encode(`fairgate/v2/${what}\0`), ...parts].flatMap((part) => [...part]);
  return new Uint8Array(await sha(Uint8Array.from(bytes)));
}

// The place of an entry, from the record of the draw.
export async function placeInDraw(sha, { descriptor, tiers, seed }, receipt) {
  const own = await tagged(sha, "tier", fromHex(seed), [0, 0, 0, 0, 0, 0, 0, receipt.tier]);
  return placeAmong(descriptor.tiers, tiers, receipt, toHex(own));
}
