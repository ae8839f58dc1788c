// The waiting page: look at the public status, act for the fan, show, sleep, and again. What a fan owns (nonce,
// receipt, what this browser witnessed) is in localStorage before anything depends on it, so a reload, a crash or a
// second tab finds the same place.

import { freezeCode, verifyDraw } from "./draw.js";
import { evidenceFor, isAimable, keep, keepLook, keepReceipt, recall, roundMs } from "./evidence.js";
import { clockFace, clockOffset, drawingWords, expectedWait, interestIn, joinDelay, placeFrom, pollDelay } from "./pace.js";
import { progressOf, retryDelay, screenFor, spanOf } from "./pace.js";

const { base, room, title, text } = JSON.parse(document.getElementById("config").textContent);
const $ = (id) => document.getElementById(id);
const lang = document.documentElement.lang;
const locale = navigator.languages.find((tag) => tag.split("-")[0] === lang) ?? lang;
const MINE = `fairgate:${room}`;
const SHARED = `${MINE}:status`;
const ENTERED = `${MINE}:entered`;

let status = null;
let offset = null;
let looked_ms = 0;
let mine = recall(MINE) ?? {};
let failures = 0;
let hint_ms = 0;
let timer = 0;
let turning = false;
let full = false;
let entering = false;
let opening = false;
let worked = { key: "", place: null, ms: 0 };
let spoken = { screen: "", at_ms: 0, ahead: null };

// Cookies that do not stick would reload for ever: a page that is back right after entering, and may enter again, asks.
let returned = Date.now() - (recall(ENTERED, "sessionStorage") ?? 0) < 15000;
let refused = withoutCookies();

// Browsers that deny cookies deny storage, too; not all of them say so in `cookieEnabled`.
function withoutCookies() {
  try {
    return !navigator.cookieEnabled || !window.localStorage;
  } catch {
    return true;
  }
}

function remember(changes) {
  mine = { ...(recall(MINE) ?? mine), ...changes };
  keep(MINE, mine);
}

// The page starts anew; the evidence of what it held stays.
function forget(gone) {
  keepReceipt(room, mine, Date.now());
  const lost = ["nonce", "nonce_ms", "receipt", "draw", "place", "first_ahead", "admitted"];
  remember({ ...Object.fromEntries(lost.map((name) => [name, undefined])), gone });
}

// The wire.

async function ask(path, body) {
  hint_ms = 0;
  const headers = { accept: "application/json" };
  if (body) headers["content-type"] = "application/json";
  if (body && mine.receipt) headers.authorization = `Bearer ${mine.receipt.ticket}`;
  const method = body ? "POST" : "GET";
  const signal = AbortSignal.timeout(15000);
  const answer = await fetch(`${base}/${path}`, { method, headers, signal, body: body && JSON.stringify(body) });
  const json = await answer.json().catch(() => ({}));
  hint_ms = json.retry_after_ms ?? Number(answer.headers.get("retry-after") ?? 0) * 1000;
  return { code: answer.status, json };
}

function unexpected(answer) {
  throw new Error(`the server answered ${answer.code}`);
}

// Joins of several tabs wait for each other, so that they share one nonce and one receipt.
function exclusively(job) {
  return navigator.locks ? navigator.locks.request(MINE, job) : job();
}

function nonce() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

function bytesOf(base64url) {
  return Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}

function claimsOf(ticket) {
  try {
    return JSON.parse(new TextDecoder().decode(bytesOf(ticket.split(".")[1])));
  } catch {
    return {};
  }
}

// One turn of the loop.

async function turn() {
  if (turning) return;
  turning = true;
  clearTimeout(timer);
  try {
    await look();
    await act();
    failures = 0;
  } catch {
    failures += 1;
  }
  turning = false;
  show();
  sleep();
}

async function look() {
  const answer = await ask("status");
  if (answer.code !== 200) unexpected(answer);
  adopt(answer.json, Date.now());
  keep(SHARED, { status, looked_ms });
}

function adopt(news, received_ms) {
  status = news;
  looked_ms = received_ms;
  offset = clockOffset(offset, status.now_ms, received_ms);
  const { draw } = status;
  if (!draw?.descriptor) return;
  keepReceipt(room, mine, received_ms);
  keepLook(room, status, received_ms);
  if (mine.receipt && mine.draw && draw.descriptor_digest && mine.draw !== draw.descriptor_digest) forget();
}

async function act() {
  mine = recall(MINE) ?? mine;
  full = false;
  const screen = screenNow();
  if (screen === "joining") await exclusively(join);
  if (screen === "called" && !entering) await claim();
}

async function join() {
  mine = recall(MINE) ?? mine;
  if (mine.receipt) return;
  if (!mine.nonce) remember({ nonce: nonce(), nonce_ms: roomNow() });
  const answer = await ask("join", { nonce: mine.nonce });
  if (answer.code !== 200) unexpected(answer);
  const { draw = status.draw.descriptor_digest, iat } = claimsOf(answer.json.ticket);
  // A cookie that outlived this storage brings an older ticket back: its nonce is gone.
  if (iat * 1000 < mine.nonce_ms - 90000) remember({ nonce: undefined });
  remember({ receipt: answer.json, draw, gone: undefined });
  keepReceipt(room, mine, Date.now());
}

async function claim() {
  const answer = await ask("claim", { nonce: mine.nonce });
  full = answer.code === 202 && answer.json.reason !== "not_called";
  refused = answer.code === 200 && returned;
  if (answer.code === 200 && !refused) enter();
  else if (answer.code === 410) forget(mine.admitted ? "used" : "expired");
  else if ([401, 409].includes(answer.code)) forget();
  else if (![200, 202].includes(answer.code)) unexpected(answer);
}

// A tab in the background does not run down the visit: it says so in its title and goes in when it is looked at.
function enter() {
  entering = true;
  if (!mine.admitted) remember({ admitted: Date.now() });
  if (document.visibilityState === "visible") setTimeout(go, 1200);
}

function go() {
  keep(ENTERED, Date.now(), "sessionStorage");
  location.reload();
}

async function leave() {
  try {
    const answer = await ask("leave", {});
    if (answer.code >= 300 && answer.code !== 410) unexpected(answer);
    forget("left");
  } catch {
    failures += 1;
  }
  show();
  sleep();
}

function sleep() {
  clearTimeout(timer);
  const poll = status?.poll ?? { floor_ms: 2000, ceiling_ms: 180000, divisor: 10 };
  const now = roomNow();
  const interest = status ? interestIn(status, screenNow(), aheadNow() ?? 0, now) : 0;
  const pause = failures
    ? retryDelay(poll, failures, hint_ms, Math.random())
    : full && hint_ms
      ? hint_ms * (1 + 0.3 * Math.random())
      : pollDelay(poll, interest, Math.random());
  timer = setTimeout(turn, pause);
}

// What is known at this moment.

function roomNow() {
  return Date.now() + (offset ?? 0);
}

function placeNow() {
  const { receipt } = mine;
  const draw = status?.draw;
  const key = receipt && `${receipt.ticket} ${draw?.seed}`;
  if (key && key === worked.key) return worked.place;
  const started = performance.now();
  const place = placeFrom(receipt, draw);
  worked = { key, place, ms: performance.now() - started };
  if (place !== null && mine.place !== place) remember({ place });
  return place;
}

function aheadNow() {
  const place = placeNow();
  return place === null ? null : Math.max(place - status.serving, 0);
}

function screenNow() {
  if (entering) return "called";
  const screen = screenFor(status, mine, placeNow(), roomNow());
  return refused && ["joining", "called"].includes(screen) ? "cookies" : screen;
}

// Words and numbers as the fan's language writes them.

function say(key, values = {}) {
  return text[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function count(number) {
  return new Intl.NumberFormat(locale).format(number);
}

function when(at_ms) {
  const at = new Date(at_ms - (offset ?? 0));
  const today = at.toDateString() === new Date().toDateString();
  const day = today ? {} : { weekday: "short", day: "numeric", month: "short" };
  return new Intl.DateTimeFormat(locale, { ...day, hour: "numeric", minute: "2-digit" }).format(at);
}

function waitWords(ahead) {
  if (status.paused || status.draining) return text.unknown;
  const range = expectedWait(ahead, status.advance);
  if (!range) return text.unknown;
  if (range[1] < 60000) return text.soon;
  const [unit, low, high] = spanOf(range);
  const format = new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" });
  if (low === high) return format.format(high);
  return format.formatRange ? format.formatRange(low, high) : `${count(low)}–${format.format(high)}`;
}

// The screens: what each says. Only these and what the status says about everyone decide what is shown.

const SCREENS = {
  idle: () => ({
    label: status.opens_at_ms && text.opens_in,
    until_ms: status.opens_at_ms,
    words: hasPool() ? text.idle_pool : text.idle_line,
    stub: [
      [text.opens, status.opens_at_ms && when(status.opens_at_ms)],
      [text.draw, hasPool() && when(status.starts_at_ms)],
    ],
  }),
  joining: () => ({ dots: true }),
  pooled: () => ({
    label: text.draw_in,
    until_ms: status.starts_at_ms,
    words: say("pooled_words", { time: when(status.starts_at_ms) }),
    stub: [
      [text.entry, `#${count(mine.receipt.index + 1)}`],
      [text.pool, count(Math.max(status.pool_size, mine.receipt.index + 1))],
    ],
  }),
  drawing: () => ({
    dots: true,
    words: say(drawingWords(status.draw, roomNow()), { time: roundTime() }),
    stub: [
      [text.entry, `#${count(mine.receipt.index + 1)}`],
      [text.sealed, count(status.draw.entries ?? status.pool_size)],
    ],
  }),
  line: (place, ahead) => ({
    headline: ahead === 0 ? text.line_next : text.line,
    label: text.place,
    figure: count(place + 1),
    progress: progressOf(ahead, firstAhead(ahead)),
    words: originOf(),
    stub: [
      [text.ahead, count(ahead)],
      [text.wait, waitWords(ahead)],
    ],
  }),
  called: (place) => ({
    words: full ? text.full : text.called_words,
    button: entering && text.enter,
    stub: [[text.place, place !== null && count(place + 1)]],
  }),
  cookies: () => ({ words: text.cookies_words, button: text.again }),
  soldout: (place) => ({ words: text.soldout_words, stub: [[text.place, place !== null && count(place + 1)]] }),
  ended: () => ({ words: text.ended_words }),
  expired: () => ({ words: text.expired_words, button: text.rejoin }),
  used: () => ({ words: text.used_words, button: text.rejoin }),
  left: () => ({ words: text.left_words, button: text.rejoin }),
};

function roundTime() {
  return when(roundMs(status.draw.descriptor));
}

function hasPool() {
  return status.starts_at_ms > status.opens_at_ms;
}

function firstAhead(ahead) {
  if (mine.first_ahead === undefined) remember({ first_ahead: ahead });
  return mine.first_ahead;
}

function originOf() {
  if (mine.receipt.kind === "line") return hasPool() ? text.came : text.first;
  return say("drawn", { n: count(status.draw.entries), ms: count(Math.max(Math.ceil(worked.ms), 1)) });
}

function noticeNow(screen) {
  if (!navigator.onLine) return text.offline;
  if (failures > 1) return text.lost;
  if (status?.stale) return text.stale;
  if (status?.paused && ["line", "called", "drawing", "pooled"].includes(screen)) return text.paused;
  return status?.draining && screen === "line" ? text.draining : "";
}

// Showing: an element is touched only when it changes, so that nothing is read out twice.

function put(id, words) {
  const node = $(id);
  if (node.textContent !== (words || "")) node.textContent = words || "";
  node.hidden = !words;
}

function show() {
  if (!status) {
    put("headline", text.joining);
    put("notice", noticeNow());
    return;
  }
  const screen = screenNow();
  const place = placeNow();
  const ahead = aheadNow();
  const model = SCREENS[screen](place, ahead);
  const headline = model.headline ?? text[screen];
  $("ticket").className = `ticket ${screen}`;
  put("notice", noticeNow(screen));
  put("headline", headline);
  put("label", model.label);
  put("figure", model.until_ms ? "00:00" : model.figure);
  $("dots").hidden = !model.dots;
  showProgress(model.progress);
  put("words", model.words);
  put("act", model.button);
  showPairs("stub", model.stub ?? []);
  put("note", status.message);
  $("message").hidden = !status.message;
  put("fresh", say("fresh", { time: new Date(looked_ms).toLocaleTimeString(locale) }));
  $("leave").hidden = !mine.receipt || !["pooled", "drawing", "line", "soldout"].includes(screen);
  const counted = screen === "line" && ahead > 0 ? `(${count(ahead)}) ` : "";
  document.title = screen === "called" ? `● ${headline}` : `${counted}${title}`;
  announce(screen, headline, ahead);
  tick();
  if ($("check").open) check();
}

function showProgress(share) {
  const bar = $("bar");
  bar.hidden = share === undefined;
  if (bar.hidden) return;
  bar.setAttribute("aria-valuenow", Math.round(share * 100));
  $("done").style.transform = `scaleX(${Math.max(share, 0.015)})`;
}

function showPairs(id, pairs) {
  const known = pairs.filter(([, value]) => value || value === 0);
  const list = $(id);
  list.hidden = known.length === 0;
  const key = JSON.stringify(known);
  if (list.dataset.key === key) return;
  list.dataset.key = key;
  list.replaceChildren(
    ...known.map(([term, value]) => {
      const pair = document.createElement("div");
      pair.append(Object.assign(document.createElement("dt"), { textContent: term }));
      pair.append(Object.assign(document.createElement("dd"), { textContent: value }));
      return pair;
    }),
  );
}

// A change of screen is read out at once; the way ahead at most once a minute.
function announce(screen, headline, ahead) {
  const moved = screen === "line" && ahead !== spoken.ahead && Date.now() - spoken.at_ms > 60000;
  const notice = noticeNow(screen);
  if (screen === spoken.screen && notice === spoken.notice && status.message === spoken.message && !moved) return;
  const message = status.message === spoken.message ? "" : status.message;
  spoken = { screen, notice, ahead, message: status.message, at_ms: Date.now() };
  const numbers = screen === "line" ? `${text.ahead}: ${count(ahead)}. ${text.wait}: ${waitWords(ahead)}.` : "";
  $("say").textContent = [headline, numbers, notice, message].filter(Boolean).join(" ");
}

// Twice a second: the countdown, and the moment of joining.
function tick() {
  if (!status) return;
  const screen = screenNow();
  const until_ms = screen === "idle" ? status.opens_at_ms : screen === "pooled" ? status.starts_at_ms : null;
  if (!until_ms) return;
  const left_ms = until_ms - roomNow();
  const days = Math.floor(left_ms / 86400000);
  const figure = $("figure");
  const face = days > 1 ? `${say("days", { n: days })} ${clockFace(left_ms % 86400000)}` : clockFace(left_ms);
  if (figure.textContent !== face) figure.textContent = face;
  figure.classList.toggle("long", face.length > 8);
  if (screen === "idle" && left_ms <= 0) atOpening();
}

function atOpening() {
  if (opening || failures) return;
  opening = true;
  setTimeout(() => {
    opening = false;
    turn();
  }, joinDelay(status, Math.random()));
}

// The draw, checked here.

function check() {
  const { draw } = status;
  const { receipt } = mine;
  put("kind", say(isAimable(draw.descriptor) ? "committed" : "beacon", { time: roundTime() }));
  showPairs("numbers", [
    [text.n_index, receipt?.index],
    [text.n_place, mine.place],
    [text.n_entry, receipt?.entry],
    [text.n_entries, draw.entries],
    [text.n_root, draw.root],
    [text.n_code, draw.root && freezeCode(draw)],
    [text.n_commitment, draw.commitment],
    [text.n_secret, draw.secret],
    [text.n_seed, draw.seed],
    [text.n_receipt, receipt?.ticket],
  ]);
  const kept = evidenceFor(room, draw.descriptor_digest);
  const own = { ...mine, kept, nonce: mine.nonce && bytesOf(mine.nonce) };
  showSteps(verifyDraw(draw, own));
}

function showSteps(steps) {
  $("steps").replaceChildren(
    ...steps.map(([name, ok]) => {
      const words = { className: ok ? "" : ok === null ? "open" : "bad", textContent: text[`check_${name}`] };
      return Object.assign(document.createElement("li"), words);
    }),
  );
}

// What wakes the page.

$("act").addEventListener("click", () => {
  if (entering) return go();
  returned = false;
  refused = withoutCookies();
  if (mine.gone) forget();
  turn();
});
$("leave").addEventListener("click", () => {
  $("sure").returnValue = "";
  $("sure").showModal();
});
$("sure").addEventListener("close", () => $("sure").returnValue === "leave" && leave());
$("check").addEventListener("toggle", () => status && $("check").open && check());
addEventListener("online", () => setTimeout(turn, Math.random() * 1000));
addEventListener("offline", show);
addEventListener("pageshow", (event) => event.persisted && turn());
document.addEventListener("visibilitychange", () => {
  if (document.visibilityState !== "visible") return;
  if (entering) go();
  else if (Date.now() - looked_ms > (status?.poll.floor_ms ?? 0)) turn();
});
// Another tab asked or acted: use what it learned, and let whoever is first poll next.
addEventListener("storage", ({ key }) => {
  if (key === MINE) mine = recall(MINE) ?? mine;
  const shared = key === SHARED && recall(SHARED);
  if (shared && shared.looked_ms > looked_ms) {
    adopt(shared.status, shared.looked_ms);
    if (!["joining", "called"].includes(screenNow())) sleep();
  }
  show();
});

for (const id of ["app", "aside"]) $(id).hidden = false;
setInterval(tick, 500);
show();
turn();
