// Draws every state of the waiting page in one language with the page's own modules, and says what does not fit.

import { modelOf, noticeOf } from "./screens.js";
import { $, put, showAround, showFigure, showPairs, showProgress } from "./show.js";
import { tongue } from "./words.js";

const SCREENS = ["idle", "joining", "pooled", "drawing", "line", "called", "cookies", "soldout", "ended"];
const GONE = ["left", "expired", "used", "missed", "refused"];
const OF_THE_LINE = ["line", "called", "soldout"];
const WAYS = [{}, { calm: false }, { entering: true, calm: false }, { full: true }, { waits: true }];
const TROUBLES = [{}, { online: false }, { failures: 2 }];
const NS_STATES = ["not_open", "join", "join_pool", "pooled", "waiting", "paused", "draining", "called", "expired"];
NS_STATES.push("sold_out", "ended", "unavailable");
const NOW = Date.UTC(2027, 8, 22, 18, 30);
const QUICKNET = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971";

const statusOf = (phase, changes) => ({
  phase,
  opens_at_ms: NOW - 3600000,
  starts_at_ms: NOW + 3600000,
  serving: 100,
  pool_size: 1234567,
  grace_ms: 300000,
  late: "tail",
  advance: { standstill_ms: 0, low_per_minute: 3, high_per_minute: 48, free: null },
  draw: { entries: 1234567, descriptor: { beacon: null } },
  ...changes,
});

// A draw that waits for a public random number: it is to come, it is late, or it was known too early.
const beacon = { chain: QUICKNET, round: 37900000 };
const ROUND_MS = 1692803367000 + 3000 * (beacon.round - 1);
const drawn = (frozen_at_ms) => ({ draw: { entries: 7, frozen_at_ms, descriptor: { beacon } } });

const STATUSES = [
  statusOf("idle", { opens_at_ms: NOW + 60000 }),
  statusOf("idle", { opens_at_ms: NOW + 60000, starts_at_ms: NOW + 60000 }),
  statusOf("idle", { opens_at_ms: NOW + 9 * 86400000, starts_at_ms: NOW + 9 * 86400000 + 3600000 }),
  statusOf("idle", { opens_at_ms: NOW + 9 * 86400000, starts_at_ms: NOW + 9 * 86400000 }),
  statusOf("pooling"),
  statusOf("drawing"),
  statusOf("serving"),
  statusOf("serving", { paused: true }),
  statusOf("serving", { draining: true }),
  statusOf("ended", { next: { opens_at_ms: NOW + 9 * 86400000, starts_at_ms: NOW + 9 * 86400000 + 3600000 } }),
  statusOf("serving", { stale: true, starts_at_ms: NOW - 3600000, opens_at_ms: NOW - 3600000 }),
];
const DRAWS = [
  [drawn(ROUND_MS - 60000), ROUND_MS - 30000],
  [drawn(ROUND_MS - 60000), ROUND_MS + 30000],
  [drawn(ROUND_MS + 60000), ROUND_MS + 70000],
].map(([changes, now]) => [statusOf("drawing", changes), now]);

function* moments(tell) {
  const clock = (at_ms) => (at_ms ? tell.when(at_ms) : "");
  const mine = { receipt: { kind: "pool", index: 1234566 }, until_ms: NOW + 90000 };
  const line = { receipt: { kind: "line", place: 130 }, until_ms: NOW - 1 };
  const both = (at_ms) => (at_ms ? tell.both(at_ms, "America/Argentina/Buenos_Aires") : "");
  const usual = { ...tell, clock, both, mine, place: 1234566, ahead: 1234466, now: NOW, ms: 12, progress: 0.5, calm: true };
  const at = { ...usual, online: true, failures: 0 };
  for (const screen of [...SCREENS, ...GONE]) {
    for (const status of STATUSES) {
      for (const changes of [...WAYS, ...TROUBLES]) yield [screen, { ...at, status, ...changes }];
      if (OF_THE_LINE.includes(screen)) yield [screen, { ...at, status, mine: line, ahead: 0, online: false }];
      yield [screen, { ...at, status, calm: false, mine: { ...mine, expires_ms: NOW + 60000 } }];
    }
  }
  for (const [status, now] of DRAWS) yield ["drawing", { ...at, status, now }];
}

// What the page shows, as `show` of page.js does it.
function draw(screen, model, notice, tell) {
  $("ticket").className = `ticket ${screen}`;
  put("notice", notice);
  put("headline", model.headline);
  put("label", model.label);
  showFigure(model.until_ms ? `${tell.say("days", { n: 12 })} 23:59:59` : model.figure);
  $("dots").hidden = !model.dots;
  showProgress(model.progress);
  put("words", model.words);
  put("act", model.button);
  showPairs("stub", model.stub ?? []);
  const kind = ["pooled", "drawing"].includes(screen) ? "leave_pool" : "leave";
  put("leave", tell.text[kind]);
}

function judge(said, name) {
  const found = globalThis.misfits(document).map((wide) => `${name}: too wide: ${wide}`);
  if (/undefined|NaN|\{\w+\}/.test(said)) found.push(`${name}: a text is missing: ${said}`);
  return found;
}

// The words of the document, which the server fills in.
function address({ lang, dir, text, texts }) {
  Object.assign(document.documentElement, { lang, dir });
  document.querySelector(".kicker").textContent = text.kicker;
  $("bar").ariaLabel = text.progress;
  document.querySelector("#check a").textContent = text.check;
  document.querySelector("#sure [value=stay]").textContent = text.stay;
  document.querySelector("#calendar a").textContent = text.calendar;
  $("tell").textContent = text.tell;
  for (const id of ["app", "aside", "check", "message", "calendar", "tell"]) $(id).hidden = false;
  $("fresh").replaceChildren();
  showAround("fresh", texts.fresh, new Date(NOW).toLocaleTimeString(lang));
}

function states(language) {
  const { texts, lang } = language;
  const tell = tongue(texts, lang);
  const seen = new Set();
  const found = [];
  for (const [screen, at] of moments(tell)) {
    const model = modelOf(screen, at);
    const notice = noticeOf(screen, at);
    const said = JSON.stringify([screen, model, notice]);
    if (seen.has(said)) continue;
    seen.add(said);
    draw(screen, model, notice, tell);
    found.push(...judge(said, `${lang} ${screen}`));
  }
  return { found, seen };
}

// The question before a place is given up.
function questions({ lang, texts }) {
  return ["leave", "leave_pool"].flatMap((kind) => {
    $("question").textContent = texts[`${kind}_sure`];
    document.querySelector("#sure [value=leave]").textContent = texts[kind];
    $("sure").showModal();
    const found = judge($("sure").innerText, `${lang} ${kind}`);
    $("sure").close();
    return found;
  });
}

// What visitors without scripts see.
function withoutScripts({ lang, text }) {
  return NS_STATES.flatMap((state) => {
    put("notice", text.ns_refresh);
    put("headline", text[`ns_${state}`]);
    put("words", `${text[`ns_${state}_text`]} ${text.ahead}: 1.`);
    put("label", text.place);
    showFigure("1,234,567");
    put("act", state === "called" ? text.enter : text.join);
    put("leave", text.leave);
    $("ticket").className = `ticket ${state}`;
    return judge(JSON.stringify([text[`ns_${state}`], text[`ns_${state}_text`]]), `${lang} ns_${state}`);
  });
}

// What is offered to a fan who wants to be told of the turn.
function tellers({ lang, told }) {
  $("teller")?.remove();
  const box = Object.assign(document.createElement("p"), { className: "foot", id: "teller" });
  for (const words of Object.values(told)) {
    const label = document.createElement("label");
    label.append(Object.assign(document.createElement("input"), { type: "checkbox" }), words);
    box.append(label);
  }
  $("tell").parentNode.after(box);
  return judge(box.innerText, `${lang} tell`);
}

// `language`: its tag, direction, the document's texts and the script's.
globalThis.judgeLanguage = (language) => {
  address(language);
  const { found, seen } = states(language);
  found.push(...questions(language), ...withoutScripts(language), ...tellers(language));
  const { direction } = getComputedStyle($("headline"));
  if (direction !== language.dir) found.push(`${language.lang}: the headline runs ${direction}`);
  return { found: [...new Set(found)], states: seen.size };
};
