// What each screen says, from what is known at a moment (`at`): true for that fan, at that time, in every state.

import { roundMs } from "./evidence.js";
import { drawingWords } from "./pace.js";

const HOUR_MS = 3600000;

export function hasPool({ starts_at_ms, opens_at_ms }) {
  return starts_at_ms > opens_at_ms;
}

// Whether who joins now is in the draw.
function beforeDraw({ status, now }) {
  return hasPool(status) && status.phase === "pooling" && now < status.starts_at_ms;
}

function entriesIn({ entries, tiers }) {
  return entries ?? tiers?.reduce((sum, tier) => sum + tier.entries, 0);
}

const numbered = ({ count }, place) => place !== null && count(place + 1);
const entryOf = ({ count, mine }) => `#${count(mine.receipt.index + 1)}`;

const SCREENS = {
  idle: (at) => ({
    label: at.text.opens_in,
    until_ms: at.status.opens_at_ms,
    words: idleWords(at),
    stub: comingOf(at, at.status),
    coming: true,
  }),
  joining: () => ({ dots: true }),
  pooled: (at) => ({
    headline: at.mine.pooled,
    label: at.text.draw_in,
    until_ms: at.status.starts_at_ms,
    words: at.say("pooled_words", { time: at.clock(at.status.starts_at_ms) }),
    coming: true,
    stub: [
      [at.text.entry, entryOf(at)],
      [at.text.pool, at.count(Math.max(at.status.pool_size, at.mine.receipt.index + 1))],
    ],
  }),
  drawing: (at) => ({
    dots: true,
    words: at.say(drawingWords(at.status.draw, at.now), { time: at.clock(roundMs(at.status.draw)) }),
    stub: [
      [at.text.entry, entryOf(at)],
      [at.text.sealed, at.count(entriesIn(at.status.draw) ?? at.status.pool_size)],
    ],
  }),
  line: (at) => ({
    headline: at.ahead === 0 && at.text.line_next,
    label: at.text.place,
    figure: at.count(at.place + 1),
    progress: at.progress,
    words: originWords(at),
    stub: [
      [at.text.ahead, at.count(at.ahead)],
      [at.text.wait, at.wait(at.ahead, at.status)],
    ],
  }),
  called: (at) => ({
    ...(at.calm ? {} : deadlineOf(at)),
    words: calledWords(at),
    button: at.entering && at.text.enter,
    stub: [[at.text.place, numbered(at, at.place)]],
  }),
  cookies: (at) => ({ ...deadlineOf(at), words: at.text.cookies_words, button: at.text.again }),
  soldout: (at) => ({ words: at.text.soldout_words, stub: [[at.text.place, numbered(at, at.place)]] }),
  ended: endedFor,
  left: (at) => ({ words: leftWords(at), button: at.text.rejoin }),
};

// The sale is over: when the next one is, where the room has one.
function endedFor(at) {
  const { next } = at.status;
  if (!next) return { words: at.text.ended_words };
  return { words: at.say("ended_next", { time: at.clock(next.opens_at_ms) }), stub: comingOf(at, next), coming: true };
}

// When a sale opens and is drawn, for the fan and at the venue.
function comingOf({ text, both }, sale) {
  return [
    [text.opens, both(sale.opens_at_ms)],
    [text.draw, hasPool(sale) && both(sale.starts_at_ms)],
  ];
}

// How a way through the room ended, and that another one can begin.
function over(at, screen) {
  const { text } = at;
  const headline = screen === "missed" && text.expired;
  return { headline, words: `${text[`${screen}_words`]} ${againWords(at)}`, button: text.rejoin };
}

// `at`: status, mine, place, ahead, progress, now; `entering`: let in; `full`: called, and there is no room; `waits`:
// called, and goes in once somebody looks; `calm`: nothing is in the way; `ms`: what working out the place took; a tongue,
// with `clock` and `both`, which say a time of the room. A model's `coming`: a calendar can have what is to come.
export function modelOf(screen, at) {
  const model = SCREENS[screen]?.(at) ?? over(at, screen);
  const elsewhere = at.mine.elsewhere && ["pooled", "line"].includes(screen) ? ` ${at.mine.elsewhere}` : "";
  return { ...model, words: model.words && model.words + elsewhere, headline: model.headline || at.text[screen] };
}

// Days ahead nobody has to leave a page open, and few devices would keep it.
function idleWords({ status, text, say, clock, now }) {
  const values = { from: clock(status.opens_at_ms), to: clock(status.starts_at_ms) };
  const kind = hasPool(status) ? "pool" : "line";
  return status.opens_at_ms - now > HOUR_MS ? say(`far_${kind}`, values) : text[`idle_${kind}`];
}

function originWords({ mine, status, text, say, count, ms }) {
  if (mine.receipt.kind === "line") return hasPool(status) ? text.came : text.first;
  return say("drawn", { n: count(entriesIn(status.draw)), ms: count(Math.max(Math.ceil(ms), 1)) });
}

function againWords(at) {
  return beforeDraw(at) ? at.say("again_pool", { time: at.clock(at.status.starts_at_ms) }) : at.text.again_line;
}

function leftWords(at) {
  return `${beforeDraw(at) ? at.text.left_pool : at.text.left_line} ${againWords(at)}`;
}

// The end of the time in which a called fan has to come, or of the visit that has begun without one.
function deadlineOf({ status, mine, text, now }) {
  const { expires_ms, until_ms } = mine;
  if (expires_ms) return { label: text.go_by, until_ms: expires_ms };
  return status.late !== "honour" && until_ms > now ? { label: text.come_by, until_ms } : {};
}

function calledWords({ text, entering, waits, full, calm }) {
  if (entering && !calm) return text.let_in;
  if (waits) return text.waits;
  if (full) return text.full;
  return calm ? text.called_words : text.called_lost;
}

// What is wrong at the moment, and what that means for the fan.
export function noticeOf(screen, at) {
  const { status, text, online, failures } = at;
  const why = !online ? text.offline : failures > 1 ? text.lost : status?.stale ? text.stale : "";
  if (why) return `${why} ${keptWords(screen, at)}`.trim();
  if (status?.paused && ["line", "called"].includes(screen)) return text.paused;
  return status?.draining && screen === "line" ? text.draining : "";
}

function keptWords(screen, { status, mine, text, say, minutes, clock, now, online, failures }) {
  if (!status || ["idle", "joining", "showing"].includes(screen)) return text.kept_nothing;
  if (["pooled", "drawing"].includes(screen)) return text.kept_entry;
  if (!["line", "soldout", "called"].includes(screen)) return "";
  // While the room itself cannot be asked, no time runs.
  if (status.late === "honour" || (online && failures < 2)) return text.kept;
  if (screen !== "called") return say("kept_line", { time: minutes(status.grace_ms) });
  const until_ms = mine.expires_ms ?? mine.until_ms;
  if (!until_ms) return text.kept_short;
  return say(until_ms > now ? "kept_until" : "kept_past", { time: clock(until_ms) });
}
