// The waiting page: look at the public status, act for the fan, show, sleep, and again.

import { base, lang, locale, room, text, title } from "./config.js";
import { isFrozen, keep, keepLook, keepProof, keepReceipt, recall, roundMs } from "./evidence.js";
import { exclusively, forget, MINE, mine, remember, reread, withoutCookies } from "./kept.js";
import { tagged } from "./own.js";
import { CLAIM_MS_BEFORE, clockOffset, goesIn, interestIn, joinDelay, keptUntil, placeFrom } from "./pace.js";
import { pollDelay, progressOf, retryDelay, screenFor } from "./pace.js";
import { fromHex, toHex } from "./place.js";
import { hasPool, modelOf, noticeOf } from "./screens.js";
import { $, entitle, keepFocus, put, readOut, reveal, shortened, write } from "./show.js";
import { showAround, showCountdown, showFigure, showPairs, showProgress } from "./show.js";
import { isTiered } from "./tiers.js";
import { ask, claimsOf, guard, inWorker, nonce, problemOf, proofOf, sha, unexpected } from "./wire.js";
import { tongue } from "./words.js";

const SHARED = `${MINE}:status`;
const ENTERED = `${MINE}:entered`;
const WARNED_MS_BEFORE = 60000;
const tell = tongue(text, locale);

let status = null;
let offset = null;
let looked_ms = 0;
let failures = 0;
let hint_ms = 0;
let timer = 0;
let turning = 0;
let full = false;
let entering = false;
let opening = false;
let proved = "";
// What the room asks of those who enter, once its script is loaded.
let entry = null;
// What tells the fan of the turn, once somebody has asked for it.
let teller = null;
const seen = document.createElement("span");
let worked = { source: "", place: null, ms: 0 };
let shown = {};
let spoken = { screen: "", at_ms: 0, ahead: null };

// Cookies that do not stick would reload for ever: a page that is back right after entering, and may enter again, asks.
let returned = Date.now() - (recall(ENTERED, "sessionStorage") ?? 0) < 15000;
let refused = withoutCookies();

// One turn of the loop.

async function turn() {
  // Somebody may ask for another meanwhile.
  if (turning++) return;
  clearTimeout(timer);
  hint_ms = 0;
  try {
    await look();
    await act();
    failures = 0;
  } catch (error) {
    failures += 1;
    hint_ms = error.hint_ms ?? 0;
  }
  const next = turning > 1 ? turn : sleep;
  turning = 0;
  show();
  next();
}

async function look() {
  const answer = await ask("status");
  if (answer.code !== 200) unexpected(answer);
  await adopt(answer.json, Date.now());
  keep(SHARED, { status, looked_ms });
}

async function adopt(news, received_ms) {
  const before = status ?? recall(SHARED)?.status;
  status = news;
  looked_ms = received_ms;
  offset = clockOffset(offset, status.now_ms, received_ms);
  const { draw } = status;
  if (!draw?.descriptor) return;
  keepReceipt(room, mine, received_ms);
  keepLook(room, status, received_ms);
  prove(draw);
  if (mine.draw && mine.draw !== draw.descriptor_digest) forget();
  await work();
  const until_ms = keptUntil(mine.until_ms, before, status, placeNow());
  if (until_ms !== mine.until_ms) remember({ until_ms });
}

// The log's proof of the freeze is kept once it is there, and again when the draw is done: more may have signed it by then.
async function prove(draw) {
  const { descriptor_digest: d, log, seed } = draw;
  const asked = `${d} ${seed}`;
  if (!log || !isFrozen(draw) || proved === asked) return;
  proved = asked;
  const proof = await proofOf(d).catch(() => "");
  if (!proof) {
    proved = "";
    return;
  }
  keepProof(room, d, proof, Date.now());
  const witnesses = recall("fairgate:witnesses") ?? "";
  const said = await inWorker({ draw, proof, end_ms: roundMs(draw), witnesses });
  if (said) write(seen, `${said} `);
  $("check").prepend(seen);
}

async function act() {
  reread();
  full = false;
  const { draw, entry: asks } = status;
  if (mine.receipt ? asks?.binding === "key" : asks ?? isTiered(draw.descriptor)) await load();
  const screen = screenNow();
  if (["joining", "showing"].includes(screen) && !mine.receipt) await exclusively(join);
  if (screen === "called" && !entry?.asks && goesIn(status, mine, document.hidden, roomNow())) await claim();
}

// A script of the gate's own, with its words; what it gives to the page.
function loaded(kind, page) {
  return new Promise((resolve, reject) => {
    globalThis[`fairgate_${kind}`] = (begin) => resolve(begin(page, () => [status, mine]));
    const script = { type: "module", src: `${base}/../${kind}/${lang}.js`, onerror: reject };
    document.head.append(Object.assign(document.createElement("script"), script));
  });
}

// The script for rooms that ask something of those who enter, and for draws with tiers.
async function load() {
  const page = { ask, guard, claimsOf, remember, sha, tagged, fromHex, toHex, tell, turn, show, now: roomNow };
  entry ??= await loaded("entry", page);
}

// The script that tells the fan when it is their turn.
async function askToTell() {
  teller ??= await loaded("tell", { base, remember, tell, title, now: roomNow });
  show();
}

async function join() {
  reread();
  if (mine.receipt) return;
  const d = status.draw.descriptor_digest;
  if (!mine.nonce) remember({ nonce: nonce(), nonce_ms: roomNow(), draw: d });
  const shown = entry ? await entry.shown() : { nonce: mine.nonce };
  if (!shown) return;
  const answer = await ask("join", shown);
  if (answer.code !== 200) return entry?.hears(answer) || unexpected(answer);
  const { draw = d, iat } = claimsOf(answer.json.ticket);
  // A cookie that outlived this storage brings an older ticket back: its nonce is gone.
  if (iat * 1000 < mine.nonce_ms - 90000) remember({ nonce: undefined });
  remember({ receipt: answer.json, draw, gone: undefined, ...(await entry?.joined(answer.json)) });
  keepReceipt(room, mine, Date.now());
  await work();
}

// Nothing is forgotten for an answer that has not judged the ticket.
async function claim() {
  // Without tiers it is what was sent at the join; with tiers only this browser has known it until now.
  const { nonce } = mine;
  const answer = await ask("claim", { nonce, u: nonce, ...entry?.claims() });
  const problem = problemOf(answer);
  if (answer.json.ticket) entry?.named(answer.json);
  if (answer.code === 200) enter(answer.json);
  else if (answer.code === 202) wait(answer);
  else if (problem === "expired") forget(ended());
  else if (problem === "bad-ticket") forget("refused");
  else if (problem === "other-draw") forget();
  else {
    if (status.entry) await load();
    if (!entry?.hears(answer)) unexpected(answer);
  }
}

// Who has asked keeps the place for another grace.
function wait({ json, hint_ms: asked_ms }) {
  full = json.reason !== "not_called";
  hint_ms = asked_ms;
  if (full) remember({ until_ms: roomNow() + status.grace_ms });
}

function ended() {
  if (mine.entered || mine.admitted) return "used";
  return mine.expires_ms ? "missed" : "expired";
}

// The visit runs from now on. In a tab that nobody looks at, the title and the page say until when it has to begin.
function enter({ expires_at_ms }) {
  remember({ expires_ms: expires_at_ms });
  refused = returned;
  if (refused) return;
  entering = true;
  setTimeout(() => document.hidden || go(), 1200);
}

function go() {
  remember({ entered: true });
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
  const pause = failures
    ? retryDelay(poll, failures, hint_ms, Math.random())
    : full && hint_ms
      ? hint_ms * (1 + 0.3 * Math.random())
      : pollDelay(poll, status ? interestNow() : 0, Math.random());
  timer = setTimeout(turn, pause);
}

// What is known at this moment.

function roomNow() {
  return Date.now() + (offset ?? 0);
}

// What the place follows from.
function sourceNow() {
  return mine.receipt && `${mine.receipt.ticket} ${status?.draw?.seed}`;
}

// Works out the place, where that is not done.
async function work() {
  const source = sourceNow();
  if (!source || source === worked.source) return;
  const started = performance.now();
  const place = await placeFrom(mine.receipt, status?.draw, sha);
  worked = { source, place, ms: performance.now() - started };
  if (place !== null && mine.place !== place) remember({ place });
}

function placeNow() {
  const source = sourceNow();
  return source && source === worked.source ? worked.place : null;
}

function aheadNow() {
  const place = placeNow();
  return place === null ? null : Math.max(place - status.serving, 0);
}

function screenNow() {
  if (entering) return "called";
  const screen = screenFor(status, mine, placeNow(), roomNow());
  if (!["joining", "called"].includes(screen)) return screen;
  return refused ? "cookies" : entry?.asks ? "showing" : screen;
}

function waitsNow(screen) {
  return screen === "called" && !entering && !goesIn(status, mine, document.hidden, roomNow());
}

function interestNow() {
  const [screen, now] = [screenNow(), roomNow()];
  if (!waitsNow(screen)) return interestIn(status, screen, aheadNow() ?? 0, now);
  return mine.until_ms ? mine.until_ms - CLAIM_MS_BEFORE - now : Infinity;
}

function firstAhead(ahead) {
  if (mine.first_ahead === undefined) remember({ first_ahead: ahead });
  return mine.first_ahead;
}

// All that the words depend on.
function moment(screen) {
  const ahead = screen === "line" ? aheadNow() : null;
  const online = navigator.onLine;
  return {
    ...tell,
    clock: (at_ms) => (at_ms ? tell.when(at_ms - (offset ?? 0)) : ""),
    both: (at_ms) => (at_ms ? tell.both(at_ms - (offset ?? 0), status.zone) : ""),
    status,
    mine,
    place: placeNow(),
    ahead,
    progress: ahead === null ? 1 : progressOf(ahead, firstAhead(ahead)),
    now: roomNow(),
    online,
    failures,
    entering,
    full,
    waits: waitsNow(screen),
    calm: online && !failures && !document.hidden,
    ms: worked.ms,
  };
}

// Showing.

function show() {
  if (!status) {
    put("headline", text.joining);
    put("notice", noticeOf("joining", { text, online: navigator.onLine, failures }));
    return;
  }
  const focused = document.activeElement;
  const screen = screenNow();
  const at = moment(screen);
  const model = entry?.look(screen, at) ?? modelOf(screen, at);
  const notice = noticeOf(screen, at);
  shown = { screen, ...model };
  $("ticket").className = `ticket ${screen}`;
  put("notice", notice);
  put("headline", model.headline);
  put("label", model.label);
  if (!model.until_ms) showFigure(model.figure);
  $("dots").hidden = !model.dots;
  showProgress(model.progress);
  put("words", model.words);
  put("act", model.button);
  showPairs("stub", model.stub ?? []);
  put("note", status.message);
  $("message").hidden = !status.message;
  showAround("fresh", text.fresh, new Date(looked_ms).toLocaleTimeString(locale));
  showLeave(shown.screen);
  $("check").hidden = !hasPool(status);
  reveal("calendar", model.coming);
  for (const name of ["soldout", "ended"]) reveal(`own-${name}`, name === screen);
  reveal("tell", !teller && ["idle", "pooled", "drawing", "line"].includes(screen));
  keepFocus(focused);
  announce(at, notice);
  tick();
}

// Before the draw there is a chance to give up, and no place.
function showLeave(screen) {
  const kind = placeNow() === null ? "leave_pool" : "leave";
  put("leave", mine.receipt && ["pooled", "line", "soldout"].includes(screen) && text[kind]);
  put("question", text[`${kind}_sure`]);
  for (const node of $("sure").querySelectorAll("[value=leave]")) write(node, text[kind]);
}

// A change of screen is read out at once; the way ahead at most once a minute.
function announce(at, notice) {
  const { screen, headline } = shown;
  const { message } = status;
  const moved = screen === "line" && at.ahead !== spoken.ahead && Date.now() - spoken.at_ms > 60000;
  if (screen === "called" && screen !== spoken.screen) teller?.called(shown);
  const same = screen === spoken.screen && notice === spoken.notice && message === spoken.message;
  if (same && !moved) return;
  const numbers =
    screen === "line" && `${text.ahead}: ${at.count(at.ahead)}. ${text.wait}: ${at.wait(at.ahead, status)}.`;
  readOut([headline, numbers, notice, message !== spoken.message && shortened(message)]);
  spoken = { ...spoken, screen, notice, message, ahead: at.ahead, at_ms: Date.now() };
}

// Twice a second: the countdown, in the title, too, where it is the fan's turn; and the moment of joining.
function tick() {
  const { screen, headline, until_ms, label } = shown;
  if (!screen) return;
  const left_ms = until_ms && until_ms - roomNow();
  const face = until_ms && showCountdown(left_ms, (n) => tell.say("days", { n }));
  const ahead = screen === "line" && aheadNow();
  const mark = ["called", "cookies"].includes(screen) ? `● ${face ? `${face} ` : ""}${headline}` : "";
  entitle(mark || `${ahead > 0 ? `(${tell.count(ahead)}) ` : ""}${title}`);
  if (!until_ms) return;
  if (screen === "idle" && left_ms <= 0) atOpening();
  if (mark && left_ms > 0 && left_ms < WARNED_MS_BEFORE && spoken.warned !== until_ms) {
    spoken.warned = until_ms;
    readOut([`${label}: ${tell.minutes(left_ms)}`]);
  }
}

function atOpening() {
  if (opening || failures) return;
  opening = true;
  setTimeout(() => {
    opening = false;
    turn();
  }, joinDelay(status, Math.random()));
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
document.querySelector("#tell")?.addEventListener("click", askToTell);
$("sure").addEventListener("close", () => $("sure").returnValue === "leave" && leave());
addEventListener("online", () => setTimeout(turn, Math.random() * 1000));
addEventListener("offline", show);
addEventListener("pageshow", (event) => event.persisted && turn());
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return status && show();
  if (entering) go();
  else if (shown.screen === "called" || Date.now() - looked_ms > (status?.poll.floor_ms ?? 0)) turn();
});
// Another tab asked or acted: use what it learned, and let whoever is first poll next.
addEventListener("storage", async ({ key }) => {
  if (key === MINE) reread();
  const shared = key === SHARED && recall(SHARED);
  if (shared && shared.looked_ms > looked_ms) {
    await adopt(shared.status, shared.looked_ms);
    if (!["joining", "showing", "called"].includes(screenNow())) sleep();
  }
  await work();
  show();
});

for (const id of ["app", "aside"]) $(id).hidden = false;
setInterval(tick, 500);
show();
turn();
if (mine.told) askToTell();
