// The public list of claims: which place was taken with which entry, checked line by line. It is in the order of admission.

import { digest, entryIn, nonceOf, placeInTier } from "../waiting/draw.js";
import { fromHex, placeOf, toHex } from "../waiting/place.js";
import { isTiered } from "../waiting/tiers.js";

const NO_INDEX = 2n ** 64n - 1n;
const NO_TIER = 255;
const TOLD_EVERY = 256;
const isAll = (bytes, value) => bytes.every((byte) => byte === value);

// Bytes of a line.
export function claimBytes(descriptor) {
  return isTiered(descriptor) ? 57 : 72;
}

// A line: {place, tier, index, at_ms, u, tag}. Without `index` the fan came after the draw; without `u` it was not shown.
function claimFrom(line, tiered) {
  const view = new DataView(line.buffer, line.byteOffset);
  const number = (at) => Number(view.getBigUint64(at));
  const at = tiered ? 9 : 8;
  const isLate = view.getBigUint64(at) === NO_INDEX && (!tiered || line[8] === NO_TIER);
  const known = isLate ? {} : { tier: tiered ? line[8] : 0, index: number(at) };
  const [u, tag] = [line.subarray(at + 16, at + 32), line.subarray(at + 32)];
  const shown = tiered ? !isAll(u, 255) : !(isAll(u, 255) && isAll(tag, 255));
  return { place: number(0), ...known, at_ms: number(at + 8), u: shown && u, tag };
}

function placeBy(record, { tier, index }, tiered) {
  return tiered ? placeInTier(record, tier, index) : placeOf(index, record.entries, record.seed);
}

function entryBy(d, { tier, u, tag }, tiered) {
  return tiered ? entryIn(d, tier, nonceOf(u), toHex(tag)) : digest("entry", fromHex(d), u, tag);
}

const isAt = (bytes, index, other) => other.every((byte, at) => bytes[index * other.length + at] === byte);

// What is wrong with a claim of the draw, or nothing.
function wrongWith(claim, { record, d, tiers, entries, tiered }) {
  if (claim.at_ms < record.revealed_at_ms) return "claim-soon";
  if (tiered && isAll(claim.tag, 0) !== !record.descriptor.identity.length) return "claim-tag";
  if (claim.index === undefined) return claim.place < entries && "claim-place";
  const { roster, tags, entries: own } = tiers[claim.tier] ?? {};
  if (!(claim.index < own)) return "claim-place";
  if (placeBy(record, claim, tiered) !== claim.place) return "claim-place";
  if (roster && claim.u && !isAt(roster, claim.index, fromHex(entryBy(d, claim, tiered)))) return "claim-entry";
  if (tiered && roster && isAll(roster.subarray(claim.index * 32, claim.index * 32 + 32), 0)) return "claim-empty";
  return tags && !isAt(tags, claim.index, claim.tag) && "claim-tag";
}

// How many were let in before a lower place that came later, and the largest such step.
function overtaking(claims) {
  let [lowest, overtaken, step] = [Infinity, 0, 0];
  for (const { place } of claims.toReversed()) {
    if (place > lowest) [overtaken, step] = [overtaken + 1, Math.max(step, place - lowest)];
    lowest = Math.min(lowest, place);
  }
  return { overtaken, step };
}

const hasDouble = (values) => new Set(values).size < values.length;

// Checks a list against the draw: {why} where it does not hold, else what it says in numbers. `tiers` have what is there of
// the rosters and tags.
export async function readClaims(bytes, { record, d, tiers, progress = () => {} }) {
  const tiered = isTiered(record.descriptor);
  const size = claimBytes(record.descriptor);
  if (bytes.length % size) return { why: "claim-length" };
  const lines = Array.from({ length: bytes.length / size }, (_, at) => bytes.subarray(at * size, (at + 1) * size));
  const claims = lines.map((line) => claimFrom(line, tiered));
  if (hasDouble(claims.map(({ place }) => place))) return { why: "claim-twice" };
  const tags = claims.filter(({ u, tag }) => (tiered || u) && !isAll(tag, 0));
  if (hasDouble(tags.map(({ tag }) => toHex(tag)))) return { why: "claim-person" };
  const draw = { record, d, tiers, tiered, entries: tiers.reduce((sum, tier) => sum + tier.entries, 0) };
  for (const [at, claim] of claims.entries()) {
    const why = wrongWith(claim, draw);
    if (why) return { why };
    if (at % TOLD_EVERY === TOLD_EVERY - 1) await progress(at / claims.length);
  }
  const count = (is) => claims.filter(is).length;
  const late = count(({ index }) => index === undefined);
  return { claims: claims.length, shown: count(({ u }) => u), late, ...overtaking(claims) };
}
