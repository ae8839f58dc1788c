// "Check the draw": fetches the public papers, or takes saved files, checks every step here and says it in plain words.
// Saved as a file and opened without a network, it does the same with saved papers.

import { freezeCode } from "../waiting/draw.js";
import { dropEvidence, evidenceOf, isAimable, isFrozen, keep, recall, roundMs, roundOf } from "../waiting/evidence.js";
import { isTiered } from "../waiting/tiers.js";
import { witnessesIn } from "./log.js";
import { qrRows } from "./qr.js";
import { seenWords } from "./seen.js";
import { checkDraw, ownOf, papersFrom, QUICKNET_KEY } from "./steps.js";

const { base, keys, room, title, text } = JSON.parse(document.getElementById("config").textContent);
const $ = (id) => document.getElementById(id);
const CHUNK_BYTES = 1 << 20;
const WITNESSES = "fairgate:witnesses";
const online = location.protocol.startsWith("http");

let papers = {};

function say(key, values = {}) {
  return text[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
}

// What has come out, as a heading and read out.
function tell(words) {
  for (const id of ["headline", "say"]) $(id).textContent = words;
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

// What the draw log says of the draw; nothing where it is not there.
async function fetchedProof(kind, draw) {
  const answer = await fetch(`${base}/draw/${kind}.tlog-proof?d=${draw}`).catch(() => undefined);
  return answer?.ok ? answer.text() : undefined;
}

// Whether drand signed a round: a worker works it out. Fails where it cannot be loaded or run, as in a saved page.
function roundHolds(round, signature) {
  return new Promise((resolve, reject) => {
    const worker = new Worker(`${base}/draw/round.js`);
    const end = (settle, answer) => {
      worker.terminate();
      settle(answer);
    };
    worker.onmessage = ({ data }) => end(resolve, data);
    worker.onerror = () => end(reject, new Error("round.js"));
    worker.postMessage({ round, signature, key: QUICKNET_KEY });
  });
}

// Where storage is denied, nothing is kept.
function keptHere() {
  try {
    return evidenceOf(room);
  } catch {
    return [];
  }
}

// What the gate and this browser know. Each paper that is missing leaves its steps open, no more.
async function gather() {
  if (!online) return;
  // What is final may be cached for ever: naming the draw keeps the papers of an earlier one of this room out.
  const { draw } = await fetched(`${base}/status`);
  const record = await fetched(`${base}/draw?d=${draw.descriptor_digest}`);
  const jwks = await fetched(keys).catch(() => undefined);
  papers = { record, jwks, mine: recall(`fairgate:${room}`) ?? undefined, evidence: keptHere() };
  const { receipt } = ownOf(papers);
  if (!isFrozen(record)) return;
  const d = draw.descriptor_digest;
  if (receipt?.kind === "pool") {
    const entry = isTiered(record) ? `${receipt.tier}/${receipt.index}` : receipt.index;
    papers.proof = await fetched(`${base}/draw/proof/${entry}?d=${d}`).catch(() => undefined);
  }
  if (!record.log) return;
  papers.freeze_proof = await fetchedProof("freeze", d);
  papers.reveal_proof = record.seed ? await fetchedProof("reveal", d) : undefined;
}

// The whole list: with tiers one for each, and of tags as many.
async function fetchLists() {
  const { entries, tiers, secret, seed, descriptor } = papers.record;
  const claims = seed ? await fetchClaims() : undefined;
  if (!isTiered(papers.record)) return { roster: await fetchList("roster", entries * 32), claims };
  const [roster, tags] = [[], []];
  for (const [t, tier] of tiers.entries()) {
    roster.push(await fetchList(`roster/${t}`, tier.entries * 32));
    if (secret && descriptor.identity.length) tags.push(await fetchList(`tags/${t}`, tier.entries * 16));
  }
  return { roster, tags, claims };
}

// The list of claims, which grows until the sale is over: as long as it is now. Nothing where that is not said.
async function fetchClaims() {
  const head = await fetch(`${base}/draw/claims?d=${papers.record.descriptor_digest}`, { method: "HEAD" });
  const length = head.ok && head.headers.get("content-length");
  return length ? fetchList("claims", Number(length)) : undefined;
}

// A list, part by part.
async function fetchList(path, length) {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < bytes.length; ) {
    const range = `bytes=${at}-${Math.min(at + CHUNK_BYTES, bytes.length) - 1}`;
    const answer = await fetch(`${base}/draw/${path}?d=${papers.record.descriptor_digest}`, { headers: { range } });
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
    tell(text.no_record);
    $("summary").textContent = text.no_record_words;
    return;
  }
  const progress = async (share) => {
    notify(say("hashing", { percent: Math.round(share * 100) }));
    await new Promise((resolve) => setTimeout(resolve));
  };
  const witnesses = witnessesIn($("witnesses").value);
  show(await checkDraw({ ...papers, progress, witnesses, ...(online ? { roundHolds } : {}) }));
  $("save").disabled = false;
  $("list").disabled = !isFrozen(papers.record) || Boolean(papers.roster) || !online;
  $("outsiders").hidden = !papers.record.log;
}

function show(steps) {
  const failed = steps.findIndex((step) => step.verdict === "fails");
  const open = steps.filter((step) => step.verdict === "open").length;
  const name = failed >= 0 && text[`${steps[failed].name}_name`];
  const holds = papers.record.seed ? text.holds : text.holds_so_far;
  tell(failed >= 0 ? say("fails", { step: failed + 1, name }) : holds);
  $("summary").textContent = failed >= 0 ? text.fails_words : say("holds_words", { done: steps.length - open, open });
  $("ticket").classList.toggle("bad", failed >= 0);
  $("kind").textContent = kindWords(steps);
  $("steps").replaceChildren(...steps.map(stepItem));
  showCode(isFrozen(papers.record) && freezeCode(papers.record));
  showNumbers();
}

// The code to compare, whole: to read out, and for a camera.
function showCode(code) {
  $("print").textContent = code ? code.match(/..../g).join(" ") : "–";
  $("qr").toggleAttribute("hidden", !code);
  if (!code) return;
  const dark = qrRows(code).flatMap((row, y) => row.flatMap((is, x) => (is ? [`M${x + 4} ${y + 4}h1v1h-1z`] : [])));
  $("qr").lastElementChild.setAttribute("d", dark.join(""));
}

// What the draw can prove by its rules, and on whose word.
function kindWords(steps) {
  const { descriptor } = papers.record;
  if (!isAimable(descriptor)) {
    const step = steps.findIndex(({ name }) => name === "witness") + 1;
    return say("beacon_kind", { time: timeOf(roundMs(papers.record)), step });
  }
  return descriptor.beacon ? text.fallback_kind : text.committed_kind;
}

function timeOf(at_ms) {
  return new Date(at_ms).toLocaleString(document.documentElement.lang, { dateStyle: "medium", timeStyle: "long" });
}

function roundUrl(record) {
  const { beacon } = record.descriptor;
  return beacon && `https://api.drand.sh/${beacon.chain}/public/${roundOf(record)}`;
}

function element(tag, words, className = "") {
  return Object.assign(document.createElement(tag), { textContent: words, className });
}

function stepItem({ name, verdict, why, place, said, claimed }, index) {
  const item = element("li", "", verdict === "fails" ? "bad" : verdict);
  item.append(element("h3", `${index + 1}. ${text[`${name}_name`]}`), element("p", wordsOf(name)));
  const round = papers.record.descriptor.beacon && roundOf(papers.record);
  const result = why ? say(`why_${why}`, { round }) : text[`verdict_${verdict}`];
  const own = place === undefined ? "" : ` ${say("your_place", { place: place + 1 })}`;
  item.append(element("p", result + own, "result"));
  if (claimed) item.append(element("p", say("claims_said", claimed), "result"));
  if (said) item.append(...seenWords(text, said).map((words) => element("p", words, "result")));
  return item;
}

function wordsOf(name) {
  return name === "entry" && isTiered(papers.record) ? text.entry_tiers_words : text[`${name}_words`];
}

function showNumbers() {
  const { record } = papers;
  const { receipt } = ownOf(papers);
  const known = {
    D: record.descriptor_digest,
    commitment: record.commitment,
    N: record.entries,
    root: record.root,
    tiers: record.tiers?.map(({ name, entries, root, tags_root }) => `${name} ${entries} ${root} ${tags_root}`).join("\n"),
    log: record.log,
    frozen_at_ms: record.frozen_at_ms,
    secret: record.secret,
    beacon: record.beacon,
    drand: roundUrl(record),
    seed: record.seed,
    tier: receipt?.tier,
    index: receipt?.index,
    entry: receipt?.entry,
  };
  const pairs = Object.entries(known).filter(([, value]) => value !== null && value !== undefined);
  $("numbers").replaceChildren(...pairs.flatMap(([term, value]) => [element("dt", term), element("dd", value)]));
}

function save(name, paper) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([JSON.stringify(paper, null, 1)], { type: "application/json" }));
  link.download = `fairgate-${name}-${room}.json`;
  link.click();
  URL.revokeObjectURL(link.href);
}

function saveAll() {
  const { record, jwks, mine, evidence, proof, freeze_proof, reveal_proof } = papers;
  save("draw", { title, record, jwks, mine, evidence, proof, freeze_proof, reveal_proof });
}

// What this browser keeps of the room's draws, for the fan to save or to delete.
function showKept() {
  const kept = online ? keptHere() : [];
  $("none").hidden = !online || kept.length > 0;
  $("kept").replaceChildren(...kept.map(keptItem));
}

function keptItem(kept) {
  const item = element("li", "");
  const values = { time: timeOf(kept.at_ms), receipts: kept.receipts.length };
  const erase = element("button", text.erase, "quiet");
  const keep = element("button", text.save_one, "quiet");
  item.append(element("code", kept.draw), element("p", say("kept_of", values)), keep, erase);
  keep.addEventListener("click", () => save("evidence", { title, evidence: [kept] }));
  erase.addEventListener("click", () => {
    if (!confirm(text.erase_sure)) return;
    dropEvidence(room, kept.draw);
    papers.evidence = papers.evidence?.filter(({ draw }) => draw !== kept.draw);
    showKept();
    run();
  });
  return item;
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

// The files of a list with tiers come one by one.
function adopt(found) {
  const lists = ["roster", "tags"].filter((name) => found[name] && !(found[name] instanceof Uint8Array));
  const joined = lists.map((name) => [name, { ...papers[name], ...found[name] }]);
  papers = { ...papers, ...found, ...Object.fromEntries(joined) };
}

$("list").addEventListener("click", () => during(async () => (papers = { ...papers, ...(await fetchLists()) })));
$("save").addEventListener("click", saveAll);
$("files").addEventListener("change", () =>
  during(async () => {
    for (const file of $("files").files) {
      const found = papersFrom(new Uint8Array(await file.arrayBuffer()), file.name);
      if (!found) throw new Error(say("not_a_paper", { file: file.name }));
      adopt(found);
    }
  }),
);
$("witnesses").value = recall(WITNESSES) ?? "";
$("witnesses").addEventListener("change", () => during(async () => keep(WITNESSES, $("witnesses").value)));
during(gather).then(showKept);
