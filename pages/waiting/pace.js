// What a fan sees and when the page asks again: decisions from the public status, the fan's own receipt and the time.

import { isAimable, roundMs } from "./evidence.js";
import { placeInDraw } from "./own.js";
import { placeOf } from "./place.js";
import { isTiered } from "./tiers.js";

// The place in the line, or null while it is not known. `sha` is a hash that may take its time.
export async function placeFrom(receipt, draw, sha) {
  if (!receipt) return null;
  if (receipt.kind === "line") return receipt.place;
  if (!draw?.seed) return null;
  return isTiered(draw.descriptor) ? placeInDraw(sha, draw, receipt) : placeOf(receipt.index, draw.entries, draw.seed);
}

// Which screen: `now` is the room's own time.
export function screenFor(status, mine, place, now) {
  if (status.phase === "ended") return "ended";
  if (!mine.receipt) return screenWithoutReceipt(status, mine);
  if (place === null) return status.phase === "drawing" || now >= status.starts_at_ms ? "drawing" : "pooled";
  if (place < status.serving && status.phase === "serving") return "called";
  return status.sold_out ? "soldout" : "line";
}

// Which words say why the draw is not over: it takes a moment, its round is still to come, the round is late, or the list
// was sealed when the round was known, so that the draw is void.
export function drawingWords(draw, now) {
  const { descriptor, frozen_at_ms } = draw;
  const round_ms = roundMs(draw);
  if (!round_ms) return "drawing_words";
  if (frozen_at_ms >= round_ms && !isAimable(descriptor)) return "drawing_void";
  return now < round_ms + 20000 ? "drawing_round" : "drawing_late";
}

function screenWithoutReceipt(status, mine) {
  if (mine.gone) return mine.gone;
  if (status.phase === "idle") return "idle";
  return status.sold_out ? "soldout" : "joining";
}

// How long until something happens to this fan, as well as it is known.
export function interestIn(status, screen, ahead, now) {
  if (screen === "idle" && status.opens_at_ms) return status.opens_at_ms - now;
  if (screen === "ended" && status.next) return status.next.opens_at_ms - now;
  if (screen === "pooled") return status.starts_at_ms - now;
  if (screen === "line") {
    const range = expectedWait(ahead, status.advance);
    return range ? Math.sqrt(range[0] * range[1]) : 0;
  }
  return ["joining", "showing", "drawing", "called", "cookies"].includes(screen) ? 0 : Infinity;
}

// The pause before the next poll: a share of the time that is left, between floor and ceiling, and never far beyond
// the moment that matters; spread in proportion, so that browsers which came together do not ask together.
export function pollDelay(poll, interest_ms, random) {
  const share = Math.min(Math.max(interest_ms / poll.divisor, poll.floor_ms), poll.ceiling_ms);
  const spread = share * (0.8 + 0.4 * random);
  return Math.round(Math.min(spread, Math.max(interest_ms, 0) + poll.floor_ms * (0.8 + 0.4 * random)));
}

// The pause after `failures` failed requests in a row: doubling, then spread widely; what the server asks for wins.
export function retryDelay(poll, failures, retry_after_ms, random) {
  const backoff = Math.min(poll.floor_ms * 2 ** Math.min(failures - 1, 16), poll.ceiling_ms);
  return Math.round(Math.max(backoff * (0.5 + random), retry_after_ms * (1 + 0.5 * random)));
}

// The pause before joining when the pool opens under the fans' eyes: a twentieth of the pool, a minute at most. The pool
// has no order, so nobody loses by it, and millions do not join in the same second; without a pool every instant counts.
export function joinDelay(status, random) {
  const pool_ms = status.starts_at_ms - status.opens_at_ms;
  return Math.round(random * Math.min(pool_ms * 0.05, 60000));
}

// The expected wait as [low_ms, high_ms], by the pace that the room tells: the first find room at once, the others as fast
// as that becomes free. Null while nobody can tell.
export function expectedWait(ahead, { standstill_ms, low_per_minute, high_per_minute, free }) {
  if (!(low_per_minute > 0)) return null;
  const first = Math.min(ahead + 1, free?.places ?? 0);
  const wait = (pace, free_pace) => standstill_ms + ((first && first / free_pace) + (ahead + 1 - first) / pace) * 60000;
  return [wait(high_per_minute, free?.high_per_minute), wait(low_per_minute, free?.low_per_minute)];
}

// A hidden tab goes in by itself when no more than this is left of the grace. Browsers run the timers of hidden tabs once
// a minute.
export const CLAIM_MS_BEFORE = 90000;

function isCalled({ phase, serving }, place) {
  return phase === "serving" && place < serving;
}

// No called fan loses time while nobody can come in.
function isHeld({ paused, sold_out }) {
  return paused || sold_out;
}

// Until when a called place is kept at least: the grace runs from the call, and that came after the last look at which the
// place had not been called. Undefined before the call, null where it is not known.
export function keptUntil(until_ms, before, status, place) {
  if (place === null || !isCalled(status, place)) return undefined;
  const known = before && before.draw.descriptor_digest === status.draw.descriptor_digest;
  if (until_ms === undefined) return known && !isCalled(before, place) ? before.now_ms + status.grace_ms : null;
  return until_ms && known && isHeld(before) && isHeld(status) ? until_ms + status.now_ms - before.now_ms : until_ms;
}

// Whether a called fan goes in now: a visit that nobody sees is not begun before it has to be.
export function goesIn({ late }, { until_ms, expires_ms }, hidden, now) {
  if (!hidden || expires_ms) return true;
  return late !== "honour" && !(until_ms - now > CLAIM_MS_BEFORE);
}

// How far along the way from where the fan started, 0 to 1.
export function progressOf(ahead, first_ahead) {
  return first_ahead > 0 ? Math.min(Math.max(1 - ahead / first_ahead, 0), 1) : 1;
}

// The difference between the room's clock and this device's. The freshest answer gives the largest difference; a jump
// means that one of the clocks was set.
export function clockOffset(offset, now_ms, received_ms) {
  const measured = now_ms - received_ms;
  return offset === null || Math.abs(measured - offset) > 3000 ? measured : Math.max(offset, measured);
}

// A span in minutes or hours: [unit, low, high]; `low` is 0 where it may be less than one.
export function spanOf([low_ms, high_ms]) {
  const [unit, unit_ms] = high_ms < 5400000 ? ["minute", 60000] : ["hour", 3600000];
  const step = unit === "minute" ? 1 : 2;
  const low = low_ms < unit_ms ? 0 : Math.floor((low_ms / unit_ms) * step) / step;
  return [unit, low, Math.max(Math.ceil((high_ms / unit_ms) * step) / step, low, 1)];
}

// `1:02:03` or `02:03`; days are named separately.
export function clockFace(left_ms) {
  const seconds = Math.max(Math.ceil(left_ms / 1000), 0);
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(seconds / 3600);
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return hours > 0 ? `${hours}:${rest}` : rest;
}
