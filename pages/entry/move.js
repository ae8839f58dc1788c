// How a place goes to another device: the offer as a QR code and as letters, the number that both devices show, and the last word.

import { make, note, pressed } from "./dom.js";

const SVG = "http://www.w3.org/2000/svg";
const LOOK =
  ".entry svg{display:block;width:14rem;max-width:100%;margin:1rem auto}" +
  ".entry b{display:block;text-align:center;font:600 1.75rem/1.5 ui-monospace,monospace;letter-spacing:.1em}";

let tools = null;
let stage = "";
let offer = null;
let ways = [];
let why = "";
let timer = 0;

function go(to, words = "") {
  [stage, why] = [to, words];
  document.getElementById("say").textContent = words;
  tools.page.show();
}

// Tries again what a lost connection has kept from its answer, until the offer ends.
async function asked(path, body) {
  for (;;) {
    const answer = await tools.page.ask(path, body).catch(() => null);
    if (answer && answer.code !== 503) return answer;
    if (!offer || tools.page.now() > offer.until_ms) return { code: 0, json: {} };
    await new Promise((done) => setTimeout(done, 2000));
  }
}

async function begin() {
  clearTimeout(timer);
  offer = null;
  const answer = await asked("move", { return_to: location.pathname + location.search });
  if (answer.code !== 200) return refused(answer);
  offer = answer.json;
  go("offered");
  wait();
}

function wait() {
  timer = setTimeout(see, offer.retry_after_ms);
}

// What has become of the offer.
async function see() {
  const { offer: own } = offer;
  const { code, json } = await asked("move", { offer: own });
  if (stage !== "offered" || offer?.offer !== own) return;
  if (code !== 200) return go("over", tools.words.move_over);
  offer = { ...offer, ...json };
  if (!offer.number) return wait();
  go("number", tools.say("move_number", offer));
}

async function confirm() {
  go("sent");
  const answer = await asked("move/confirm", { offer: offer.offer, number: offer.number });
  if (answer.code !== 200) return refused(answer);
  const moved = { type: "moved", ...answer.json };
  tools.page.remember({ moved });
  stage = "";
  tools.hears({ code: 409, json: moved });
}

// In a room with identities whoever confirms is signed in. Nothing else here loses the place.
function refused({ code, json }) {
  const type = String(json.type).split("/").pop();
  if (type === "moved") {
    stage = "";
    return tools.hears({ code, json });
  }
  ways = json.any_of ?? [];
  go("over", tools.words[type] ?? tools.words[offer ? "move_over" : "failed"]);
}

function stop() {
  clearTimeout(timer);
  offer = null;
  go("");
}

// Dark squares on white, with the white margin that cameras ask for.
function picture({ size, path }) {
  const whole = size + 8;
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("viewBox", `-4 -4 ${whole} ${whole}`);
  node.setAttribute("aria-hidden", "true");
  for (const [fill, d] of [["#fff", `M-4-4h${whole}v${whole}h-${whole}z`], ["#000", path]]) {
    const part = document.createElementNS(SVG, "path");
    part.setAttribute("fill", fill);
    part.setAttribute("d", d);
    node.append(part);
  }
  return node;
}

const STAGES = {
  offered() {
    const [address] = offer.url.split("#");
    const letters = make("b", { dir: "ltr", translate: false, textContent: offer.letters });
    return [note(tools.say("move_scan", { address })), letters, offer.qr && picture(offer.qr), last()];
  },
  number: () => [note(why), pressed(tools.words.move_yes, "main", confirm), last()],
  sent: () => [],
  over: () => [note(why, "notice"), ...ways.map(tools.choice), pressed(tools.words.move, "main", begin), last()],
};

const last = () => pressed(tools.words.move_stop, "quiet", stop);

globalThis.fairgate?.((given) => {
  tools = given;
  const sheet = new CSSStyleSheet();
  sheet.replaceSync(LOOK);
  document.adoptedStyleSheets.push(sheet);
  return { begin, stage: () => `${stage} ${offer?.offer} ${why}`, nodes: () => STAGES[stage]?.() };
});
