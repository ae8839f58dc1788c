// What somebody fills in or presses to enter: a choice among ways, a code, a mail address, a provider's check, and the keepsake
// for whose key is lost.

import { canBeCode, folded } from "./code.js";
import { make, marked, note, pressed } from "./dom.js";
import { fetchResponse } from "./provider.js";

const LOOK =
  ".entry input{display:block;width:100%;min-height:3rem;padding:0 .75rem;border:1px solid;border-radius:.5rem;" +
  "background:none;color:inherit;font:inherit}.entry label{display:block}.entry form p{margin-top:.5rem}" +
  ".entry form [role=alert]{font-weight:600}.entry .notice{margin:1rem 0 0}.entry iframe{max-width:100%}";

const { base } = JSON.parse(document.getElementById("config").textContent);

let tools = null;
let picked = "";
let mailed = false;
let tokenAsked = "";
let claim = null;

// A form with one field. `act` gets what was typed, and a function that says what is wrong with it.
function field({ name, hint, go, ...more }, act) {
  const input = marked(make("input", { required: true, ...more }), { "aria-describedby": "hint wrong" });
  const wrong = marked(make("p", { id: "wrong" }), { role: "alert" });
  const says = (why) => {
    wrong.textContent = why;
    marked(input, { "aria-invalid": true });
  };
  const onsubmit = (event) => {
    event.preventDefault();
    act(input.value, says);
  };
  const labelled = make("label", { className: "words" }, name, input);
  const help = make("p", { id: "hint", className: "label", textContent: hint });
  return make("form", { onsubmit }, labelled, wrong, help, make("button", { className: "main", textContent: go }));
}

function choose(name) {
  picked = name;
  mailed = false;
  tools.page.show();
}

// The button of a way. Signing in leaves the page, and comes back to it.
function choice(name) {
  const { page, askOf, kind, say } = tools;
  const { url, label } = askOf(name);
  const act = () => {
    if (!url) return choose(name);
    page.remember({ asking: name });
    location.assign(`${url}?return_to=${encodeURIComponent(location.pathname + location.search)}`);
  };
  return pressed(label ?? say(`by_${kind(name)}`, { name }), "main", act);
}

// What a step has to fill in or to press.
function nodes({ ways: all, skip, type }) {
  const { words, kind } = tools;
  const ways = all.filter((name) => kind(name) !== "private-token");
  if (type === "moved") return [];
  if (type === "prove-otherwise" && !picked) return [keepsake(), ...ways.map(choice)];
  const one = ways.includes(picked) ? picked : ways.length === 1 && ways[0];
  const goOn = skip && pressed(words.without, "quiet", tools.skip);
  if (!one) return [note(words.choose), ...ways.map(choice), goOn, note(words.private)];
  const other = ways[1] && pressed(words.other, "quiet", () => choose(""));
  return [FORMS[kind(one)]?.(one), other, goOn];
}

// Other ways than work that takes long.
function instead({ ways }) {
  const { words, kind, page, bond, waits } = tools;
  const wait = async () => {
    const { code, json } = await page.ask("entry/wait", { bond: bond() });
    if (code === 200) waits(json.note, json.not_before_ms);
  };
  const checks = ways.filter((name) => kind(name) === "challenge");
  return [note(words.work_long), ...checks.map(choice), pressed(words.wait, "quiet", wait)];
}

const FORMS = { "sign-in": choice, shop: () => note(tools.words.shop), code, mail, challenge };

function code(name) {
  const { words, askOf, shows } = tools;
  const { own } = askOf(name);
  const look = { name: words.code, hint: own ? "" : words.code_hint, go: words.go };
  return field({ ...look, autocapitalize: "characters", autocomplete: "off", spellcheck: false }, (typed, says) => {
    const read = folded(typed);
    return canBeCode(read, own) ? shows(name, read) : says(words.mistyped);
  });
}

// Twice: the address, and then what came by mail.
function mail() {
  const { words, page, hears, learn, shows } = tools;
  const address = { name: words.mail, hint: words.mail_hint, type: "email", autocomplete: "email" };
  const sent = { name: words.mail_code, hint: words.mail_sent, inputMode: "numeric", autocomplete: "one-time-code" };
  return field({ ...(mailed ? sent : address), go: words.go }, async (typed, says) => {
    const path = mailed ? "entry/mail/check" : "entry/mail";
    const answer = await page.ask(path, mailed ? { code: typed } : { address: typed });
    if (hears(answer)) return page.show();
    if (answer.code >= 300) return says(words.failed);
    if (mailed) await learn();
    if (mailed) shows("mail", 0);
    mailed = !mailed;
    page.show();
  });
}

// A provider's check is named before anything of it is loaded. It has a heading, and what follows it can be reached past it.
function challenge(name) {
  const { words, say, page, askOf, bond, hears, shows } = tools;
  const place = make("div");
  const wrong = marked(make("p"), { role: "alert" });
  const button = pressed(say("by_challenge", { name }), "main", async () => {
    button.disabled = true;
    wrong.textContent = "";
    const response = await fetchResponse(place, name, askOf(name), bond()).catch(() => "");
    const answer = response && (await page.ask(`entry/provider/${name}`, { response, bond: bond() }));
    // Where the provider is away, a room may ask at the claim instead.
    if (answer.code === 200) return shows(name, answer.json.later ? Infinity : answer.json.voucher_until_ms);
    if (answer && hears(answer)) return page.show();
    button.disabled = false;
    wrong.textContent = words["challenge-failed"];
  });
  const past = make("a", { href: "#past", textContent: words.past });
  const heading = make("h3", { textContent: say("challenge", { name }) });
  const end = make("p", { id: "past", tabIndex: -1 });
  return make("section", {}, heading, note(say("challenge_words", { name })), button, wrong, past, place, end);
}

// Only devices of one maker have such tokens; others are not asked.
async function passToken() {
  const { bond, shows } = tools;
  if (tokenAsked === bond() || !/Version\/\S+ .*Safari/.test(navigator.userAgent)) return;
  tokenAsked = bond();
  const signal = AbortSignal.timeout(3000);
  const answer = await fetch(`${base}/entry/private-token?bond=${tokenAsked}`, { signal }).catch(() => null);
  if (answer?.ok) shows("private-token", (await answer.json()).voucher_until_ms);
}

// Whoever has lost the key names a new one by the letters that were shown with the receipt.
function keepsake() {
  const { words, shows } = tools;
  return field({ name: words.keepsake_name, hint: words.code_hint, go: words.go }, (typed, says) => {
    const read = folded(typed);
    if (!canBeCode(read)) return says(words.mistyped);
    claim = { keepsake: read };
    shows("keepsake", 0);
  });
}

globalThis.fairgate?.((given) => {
  tools = given;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(LOOK);
  document.adoptedStyleSheets = [sheet];
  return { ...tools, nodes, choice, instead, passToken, picked: () => picked, stage: () => `${picked} ${mailed}`, claims: () => claim };
});
