// What makes one order of the orders of several tiers, as the draw protocol has it.

import { placeOf } from "./place.js";

// Whether the draw has tiers and verified identities, by its descriptor.
export function isTiered(descriptor) {
  return descriptor?.version === "fairgate/v2";
}

// The place of the entry that is j-th of tier t, by the rules {band, share} and sizes {entries} in the tiers' order. Numbers
// stay below 2^50, so plain ones are exact.
export function placeInBands(rules, sizes, t, j) {
  const own = rules[t];
  const before = rules.map(({ band, share }, s) => {
    if (s === t || band > own.band) return 0;
    if (band < own.band) return sizes[s].entries;
    const dealt = ((j + 1) * share) / own.share;
    return Math.min(sizes[s].entries, s < t ? Math.floor(dealt) : Math.ceil(dealt) - 1);
  });
  return before.reduce((place, count) => place + count, j);
}

// The place of a tier's entry, by the seed of the tier.
export function placeAmong(rules, sizes, { tier, index }, seed) {
  return placeInBands(rules, sizes, tier, placeOf(index, sizes[tier].entries, seed));
}
