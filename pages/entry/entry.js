// What a room asks of those who enter, on a screen of its own before the join, or at the claim where something is owed.
//
// The page loads it where the status asks, with its words (`entryText`) before it. Nothing here moves the focus, clears a
// ticket or forgets a place. What is filled in or pressed is in a script of its own, `forms.js`, and what binds a place in `key.js`.

import { barOf, make, marked, note, openBox, pressed } from "./dom.js";
import { bondOf, isMadeOf, nonceOf, puzzleOf, solutionsFrom, unspelled } from "./made.js";
import { spelled } from "./spell.js";
import { epochOf, isCredential, kindOf, nextStep, PATIENCE_MS } from "./ways.js";
import { workshop } from "./work.js";

const TOKEN = "fairgate_enqueue";
const words = entryText;
const $ = (id) => document.getElementById(id);
const { base, room } = JSON.parse($("config").textContent);
const box = openBox();
const shop = workshop(`${base}/../entry/birthday.js`, hearWork);

let page = null;
let state = null;
// What is there: a code as it counts, a shop's token, solved work and a note of waiting; and until when checks count.
let held = { code: "", token: tokenFromAddress() };
let checks = {};
let bond = "";
let step = null;
let skipped = false;
let puzzle = null;
let begun_ms = 0;
let half = "";
let why = "";
let drawn = "";
let fill = null;
let key = null;
let forms = null;
let moving = null;

const say = (name, values) => words[name].replace(/\{(\w+)\}/g, (_, slot) => values[slot]);
const now = () => page.now();
const when = (at_ms) => page.tell.when(at_ms - now() + Date.now());
const askOf = (name) => state()[0].entry?.ways[name] ?? {};
const kind = (name) => kindOf(name, askOf(name));
const again = (ms) => setTimeout(page.turn, ms);

function tokenFromAddress() {
  const address = new URL(location);
  const token = address.searchParams.get(TOKEN);
  address.searchParams.delete(TOKEN);
  if (token) history.replaceState(history.state, "", address);
  return token ?? "";
}

// A script of the page's own, which gives itself to `globalThis.fairgate`.
function load(file) {
  return new Promise((resolve, reject) => {
    globalThis.fairgate = resolve;
    document.head.append(make("script", { type: "module", src: `${base}/../entry/${file}.js`, onerror: reject }));
  });
}

function has(name) {
  const { me } = state()[1];
  const by = kind(name);
  if (by === "work") return (held.work && epochOf(now()) - held.work.e < 2) || held.note?.from_ms <= now();
  if (by === "code") return held.code;
  if (by === "shop" && held.token) return true;
  return (isCredential(by) ? me?.ways.includes(name) && me.until_ms : checks[name]) > now();
}

// What the join says; null where something is missing.
async function shown() {
  const [{ entry, draw }, mine] = state();
  const u = unspelled(mine.nonce);
  const nonce = draw.descriptor.version === "fairgate/v2" ? await nonceOf(page, u) : u;
  const said = { nonce: spelled(nonce) };
  if (!entry) return said;
  await handToken().catch(() => (held.token = ""));
  if (entry.binding === "key") await bind(u);
  const { code, token } = held;
  const made = spelled(await bondOf(page, nonce, code || token || (state()[1].me?.id ?? "")));
  // Whatever is no identity is made for one bond.
  if (made !== bond) [bond, checks, held] = [made, {}, { code, token }];
  step = nextStep(entry, has, skipped);
  if (step) return pursue(entry, draw);
  const { work } = held;
  const show = { work, code: code || undefined, shop: token || undefined, wait: work ? undefined : held.note?.text };
  return { ...said, ...key?.said, show };
}

// Sets going what goes by itself.
async function pursue({ ways }, { descriptor_digest: d }) {
  const kinds = step.ways.map(kind);
  if (kinds.some((by) => by !== "work")) await loadForms();
  if (kinds.includes("private-token")) forms.passToken();
  if (!kinds.includes("work")) return null;
  const { e, seed, effort } = puzzle?.e >= ways.work.e ? puzzle : ways.work;
  // What was published before the last minute is of no use.
  if (epochOf(now()) - e > 1) again(500);
  else shop.solve({ key: await puzzleOf(page, d, seed, unspelled(bond)), effort, e });
  if (!begun_ms) setTimeout(loadForms, PATIENCE_MS);
  begun_ms ||= now();
  return null;
}

async function loadForms() {
  const tools = { page, words, say, askOf, kind, has, learn, hears, bond: () => bond, shows, skip, waits };
  forms ??= (await load("forms"))(tools);
  page.show();
  return forms;
}

// What a form has got: a code, or a check that counts for a while.
function shows(name, value) {
  if (kind(name) === "code") held.code = value;
  else checks[name] = value;
  why = "";
  if (step?.type) step = null;
  again();
}

function skip() {
  skipped = true;
  again();
}

function hearWork({ e, hex, share, failed }) {
  if (failed) why = words.work_failed;
  if (hex) held.work = { e, s: solutionsFrom(page, hex) };
  if (share) fill?.(share, say("work_part", { percent: Math.round(share * 100) }));
  // Heard three times: the screen's words at the start, and these.
  if (hex) $("say").textContent = words.work_done;
  if (share >= 0.5 && half !== bond) [half, $("say").textContent] = [bond, words.work_half];
  if (failed) page.show();
  if (hex || epochOf(now()) - e > 1) again();
}

// As whom the browser has signed in, asked once after that.
async function learn() {
  const { code, json } = await page.ask("entry/me");
  const me = code === 200 && json.ways[0] ? json : undefined;
  page.remember({ asking: undefined, me });
  if (!me) why = words["sign-in-failed"];
}

// A token that only a signature can tell is judged before the join. Behind a dot its header is where a ticket has its claims.
async function handToken() {
  const { token } = held;
  if (!token || page.claimsOf(`.${token}`).alg === "HS256") return;
  const answer = await page.ask("entry/shop", { token });
  held.token = "";
  if (!hears(answer)) await learn();
}

async function bind(u) {
  if (key || !crypto.subtle) return;
  key = await (await load("key"))(room, u, page, () => state()[0].proof_nonce);
}

// The gate has given a ticket that names this key.
function named({ ticket }) {
  page.remember({ receipt: { ...state()[1].receipt, ticket } });
  key.heed(ticket);
}

// What a refusal says: true where it is one of entering, and the page goes on.
function hears({ code, json, hint_ms }) {
  const type = String(json.type).split("/").pop();
  if (code < 400 || !words[type]) return false;
  const { ways = [], reference, until_ms, since_ms } = json;
  why = say(type, { time: when(until_ms ?? since_ms ?? (hint_ms ? now() + hint_ms : (state()[1].until_ms ?? 0))) });
  if (reference) why += ` ${say("reference", { reference })}`;
  if (/^(sign|entry)/.test(type)) page.remember({ me: undefined });
  if (/^code/.test(type)) held.code = "";
  if (/^token/.test(type)) held.token = "";
  if (/^(challenge|entry)/.test(type)) checks = {};
  if (type === "more-work") puzzle = json;
  // These the page answers by itself, and not in haste.
  if (/work|entry/.test(type)) [held.work, held.note, why] = [null, null, ""];
  if (type === "work-wrong") shop.stop();
  if (/work/.test(type)) again(1000);
  if (/^(owes|prove-|moved)/.test(type)) {
    [step, bond] = [{ type, ways }, json.bond ?? bond];
    loadForms();
  }
  return true;
}

// What is kept of a join besides: the words of its tier, and that the entry is not made of this browser's number.
async function joined(receipt) {
  const [{ draw, tiers: said }, { nonce }] = state();
  step = null;
  key?.heed(receipt.ticket);
  shop.stop();
  const { tiers } = draw.descriptor;
  if (!tiers || receipt.kind !== "pool") return {};
  const { tier } = receipt;
  const isOwn = await isMadeOf(page, unspelled(nonce), draw.descriptor_digest, receipt);
  // What fans read of it may be the same in all languages, or one in each.
  const label = said?.[tier]?.label ?? tiers[tier].name;
  const own = label.at ? label : (label[document.documentElement.lang] ?? Object.values(label)[0]);
  const pooled = tiers[1] && say("pooled", { tier: own });
  return { pooled, elsewhere: isOwn ? undefined : words.elsewhere };
}

// Showing. The box is made anew where there is something else to do, and only then: nothing typed is lost.

function draw(name, nodes) {
  if (drawn === name) return;
  drawn = name;
  const had = box.contains(document.activeElement);
  box.replaceChildren(...nodes().filter(Boolean));
  box.hidden = !box.firstChild;
  if (had) $("headline").focus();
}

// The screen before the join or at the claim. Others have letters to note, or a sign-in that may come early.
function look(screen, { status }) {
  if (screen === "showing" || step?.type === "moved") {
    const works = !forms?.picked() && step.ways.some((name) => kind(name) === "work");
    const late = begun_ms && now() - begun_ms >= PATIENCE_MS;
    draw(JSON.stringify([step, why, late, forms?.stage()]), () => [
      why && marked(note(why, "notice"), { role: "alert" }),
      ...(works ? [working(), ...((late && forms?.instead(step)) || [])] : (forms?.nodes(step) ?? [])),
    ]);
    const headline = words[`${works ? "work" : (step.type ?? "choose")}_title`];
    return { screen: "showing", headline, words: works && words.work };
  }
  const ways = screen === "idle" ? Object.keys(status.entry?.ways ?? {}) : [];
  const early = ways.filter((name) => kind(name) === "sign-in" && !has(name));
  if (early[0] && !forms) loadForms();
  const letters = ["pooled", "line"].includes(screen) && key?.letters;
  const moves = letters && status.entry.moves > key.moves;
  draw(`${screen} ${early} ${letters} ${moves} ${moving?.stage()} ${!forms}`, () => (moves && moving?.nodes()) || [
    note(letters && `${words.keepsake} ${letters}`),
    moves && pressed(words.move, "quiet", giveAway),
    note(early[0] && words.early),
    ...(forms ? early.map(forms.choice) : []),
  ]);
  return null;
}

// What offers the place to another device is loaded once somebody wants that.
async function giveAway() {
  moving ??= (await load("move"))(await loadForms());
  moving.begin();
}

function working() {
  const [node, filled] = barOf(words.work_bar);
  fill = filled;
  return node;
}

// A note to wait instead of working is good from then on.
function waits(text, from_ms) {
  held.note = { text, from_ms };
  again(from_ms - now());
  why = say("waiting", { time: when(from_ms) });
  page.show();
}

// What a claim says besides, where the key was lost.
const claims = () => key?.lost && { jkt: key.said.jkt, ...forms?.claims() };

globalThis.fairgate_entry?.(async (given, known) => {
  [page, state] = [given, known];
  const [{ entry }, { nonce, keeps = nonce, receipt, asking, moved }] = state();
  if (asking) await learn();
  if (receipt && keeps && entry?.binding === "key") await bind(unspelled(keeps));
  key?.heed(receipt.ticket);
  if (moved) hears({ code: 409, json: moved });
  return { shown, hears, joined, claims, named, look, get asks() { return step; } };
});
