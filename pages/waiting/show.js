// What the document shows. An element is written only when its words change, and compared with what was written last, not
// with what stands there: a browser that translates the page has changed that. So nothing is read out twice either.

import { clockFace } from "./pace.js";

// A message that is read out in one go.
const SPOKEN_MAX = 200;

export const $ = (id) => document.getElementById(id);
const written = new Map();

export function write(node, words) {
  if (written.get(node) === words) return;
  written.set(node, words);
  node.textContent = words;
}

export function put(id, words) {
  write($(id), words || "");
  $(id).hidden = !words;
}

// An element that a template may leave out.
export function reveal(name, isShown) {
  for (const node of document.querySelectorAll(`#${name}`)) node.hidden = !isShown;
}

export function showProgress(share) {
  const bar = $("bar");
  bar.hidden = share === undefined;
  if (bar.hidden) return;
  bar.setAttribute("aria-valuenow", Math.round(share * 100));
  $("done").style.transform = `scaleX(${Math.max(share, 0.015)})`;
}

// A list of terms with their values. Only another set of terms makes another list.
export function showPairs(id, pairs) {
  const known = pairs.filter(([, value]) => value || value === 0);
  const list = $(id);
  list.hidden = known.length === 0;
  const terms = known.map(([term]) => term).join("\n");
  if (list.dataset.terms !== terms) {
    list.dataset.terms = terms;
    list.replaceChildren(...known.map(([term]) => pairOf(term)));
  }
  list.querySelectorAll("dd").forEach((node, at) => write(node, String(known[at][1])));
}

function pairOf(term) {
  const pair = document.createElement("div");
  pair.append(Object.assign(document.createElement("dt"), { textContent: term }), document.createElement("dd"));
  return pair;
}

// Words around a value that is no word.
export function showAround(id, words, value) {
  const [before, after] = words.split(/\{\w+\}/);
  const node = $(id);
  if (!node.firstElementChild) {
    const own = Object.assign(document.createElement("span"), { translate: false });
    node.append(before, own, after ?? "");
  }
  write(node.firstElementChild, value);
}

export function showFigure(face = "") {
  put("figure", face);
  $("figure").classList.toggle("long", face.length > 8);
}

// The countdown; its face is the title's, too.
export function showCountdown(left_ms, days_words) {
  const days = Math.floor(left_ms / 86400000);
  const face = days > 1 ? `${days_words(days)} ${clockFace(left_ms % 86400000)}` : clockFace(left_ms);
  showFigure(face);
  return face;
}

export function entitle(words) {
  if (written.get(document) === words) return;
  written.set(document, words);
  document.title = words;
}

// Whoever had the focus on something that is gone finds it where the news is.
export function keepFocus(focused) {
  if (focused?.hidden) $("headline").focus();
}

// Reads out once, politely, and no more than a few sentences of a message; all of it stands on the page.
export function readOut(parts) {
  $("say").textContent = parts.filter(Boolean).join(" ");
}

export function shortened(message) {
  if (!message || message.length <= SPOKEN_MAX) return message;
  return `${message.slice(0, SPOKEN_MAX).replace(/\s+\S*$/, "")} …`;
}
