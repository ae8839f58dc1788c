// "Check the draw": fetches the public papers, or takes saved files, checks every step here and says it in plain words.
// Saved as a file and opened without a network, it does the same with saved papers.

import { checkDraw, papersFrom } from "./steps.js";

const { base, keys, room, title, text } = JSON.parse(document.getElementById("config").textContent);
const $ = (id) => document.getElementById(id);
const CHUNK_BYTES = 1 << 20;

let papers = {};

function say(key, values = {}) {
  return text[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

function notify(words) {
  $("notice").textContent = words;
  $("notice").hidden = !words;
}

async function fetched(url) {
  const answer = await fetch(url, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.json();
}

function keptHere() {
  try {
    return JSON.parse(localStorage.getItem(`fairgate:${room}`)) ?? undefined;
  } catch {
    return undefined;
  }
}

// What the gate and this browser know. Each paper that is missing leaves its steps open, no more.
async function gather() {
  if (!location.protocol.startsWith("http")) return;
  // What is final may be cached for ever: naming the draw keeps the papers of an earlier one of this room out.
  const { draw } = await fetched(`${base}/status`);
  const record = await fetched(`${base}/draw?d=${draw.descriptor_digest}`);
  const jwks = await fetched(keys).catch(() => undefined);
  const kept = keptHere();
  // Of another draw: nothing that could be compared.
  const mine = kept?.draw && kept.draw !== record.descriptor_digest ? undefined : ownWitness(kept, record);
  papers = { record, jwks, mine };
  if (record.root && mine?.receipt?.kind === "pool") {
    papers.proof = await fetched(`${base}/draw/proof/${mine.receipt.index}?d=${draw.descriptor_digest}`).catch(() => undefined);
  }
}

function ownWitness(kept, record) {
  if (!kept?.witness || kept.witness.commitment === record.commitment) return kept;
  return { ...kept, witness: undefined };
}

// The whole list, part by part.
async function fetchRoster() {
  const bytes = new Uint8Array(papers.record.entries * 32);
  for (let at = 0; at < bytes.length; ) {
    const range = `bytes=${at}-${Math.min(at + CHUNK_BYTES, bytes.length) - 1}`;
    const answer = await fetch(`${base}/draw/roster?d=${papers.record.descriptor_digest}`, { headers: { range } });
    if (!answer.ok) throw new Error(`${answer.status}`);
    const part = new Uint8Array(await answer.arrayBuffer());
    if (part.length === 0 || at + part.length > bytes.length) throw new Error("a part of another length");
    bytes.set(part, at);
    at += part.length;
    notify(say("fetching", { percent: Math.round((at / bytes.length) * 100) }));
  }
  return bytes;
}

async function run() {
  if (!papers.record) {
    $("headline").textContent = text.no_record;
    $("summary").textContent = text.no_record_words;
    return;
  }
  const progress = async (share) => {
    notify(say("hashing", { percent: Math.round(share * 100) }));
    await new Promise((resolve) => setTimeout(resolve));
  };
  show(await checkDraw({ ...papers, progress }));
  $("save").disabled = false;
  $("list").disabled = !papers.record.root || Boolean(papers.roster) || !location.protocol.startsWith("http");
}

function show(steps) {
  const failed = steps.findIndex((step) => step.verdict === "fails");
  const open = steps.filter((step) => step.verdict === "open").length;
  const name = failed >= 0 && text[`${steps[failed].name}_name`];
  const holds = papers.record.seed ? text.holds : text.holds_so_far;
  $("headline").textContent = failed >= 0 ? say("fails", { step: failed + 1, name }) : holds;
  $("summary").textContent = failed >= 0 ? text.fails_words : say("holds_words", { done: steps.length - open, open });
  $("ticket").classList.toggle("bad", failed >= 0);
  const committed = (papers.record.label ?? "committed") === "committed";
  $("kind").textContent = committed ? text.committed_kind : text.beacon_kind;
  $("steps").replaceChildren(...steps.map(stepItem));
  $("print").textContent = papers.record.root?.slice(0, 32).match(/..../g).join(" ") ?? "–";
  showNumbers();
}

function element(tag, words, className = "") {
  return Object.assign(document.createElement(tag), { textContent: words, className });
}

function stepItem({ name, verdict, why, place }, index) {
  const item = element("li", "", verdict === "fails" ? "bad" : verdict);
  item.append(element("h3", `${index + 1}. ${text[`${name}_name`]}`), element("p", text[`${name}_words`]));
  const result = why ? text[`why_${why}`] : text[`verdict_${verdict}`];
  const own = place === undefined ? "" : ` ${say("your_place", { place: place + 1 })}`;
  item.append(element("p", result + own, "result"));
  return item;
}

function showNumbers() {
  const { record, mine } = papers;
  const known = {
    D: record.descriptor_digest,
    commitment: record.commitment,
    N: record.entries,
    root: record.root,
    secret: record.secret,
    beacon: record.beacon,
    seed: record.seed,
    index: mine?.receipt?.index,
    entry: mine?.receipt?.entry,
  };
  const pairs = Object.entries(known).filter(([, value]) => value !== null && value !== undefined);
  $("numbers").replaceChildren(...pairs.flatMap(([term, value]) => [element("dt", term), element("dd", value)]));
}

function save() {
  const { record, jwks, mine, proof } = papers;
  const bundle = JSON.stringify({ title, record, jwks, mine, proof }, null, 1);
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([bundle], { type: "application/json" }));
  link.download = `fairgate-draw-${room}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}

async function during(work) {
  notify("");
  try {
    await work();
    await run();
    notify("");
  } catch (error) {
    notify(say("trouble", { error: error.message }));
  }
}

$("list").addEventListener("click", () => during(async () => (papers.roster = await fetchRoster())));
$("save").addEventListener("click", save);
$("files").addEventListener("change", () =>
  during(async () => {
    for (const file of $("files").files) {
      const found = papersFrom(new Uint8Array(await file.arrayBuffer()));
      if (!found) throw new Error(say("not_a_paper", { file: file.name }));
      papers = { ...papers, ...found };
    }
  }),
);
during(gather);
