// A gate for tests of the waiting page in Chromium: the page's own sources over HTTP, and the calls of a room as a test says them.

import { readFileSync } from "node:fs";

const here = (path) => new URL(`../${path}`, import.meta.url);
const read = (path) => readFileSync(here(path), "utf8");
const LANGUAGE = JSON.parse(read("pages/waiting/lang/en.json"));
export const BASE = "/.fairgate/tour";
export const D = "22e36c62347d489d3a2af3e31ec8e06a784f73ced0222510ae373233781933e6";
// The page's own policy allows scripts by their hash and what these load; here they are files.
const POLICY =
  "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; worker-src 'self'; img-src data:";

// The waiting page's document, with its script as modules.
function page() {
  const [head] = read("pages/waiting/template.html").split("{% macro");
  const config = JSON.stringify({ room: "tour", base: BASE, title: "Mariza", text: LANGUAGE.script });
  return head
    .replace('<script type="module">{{ script|safe }}</script>', '<script type="module" src="/pages/waiting/page.js"></script>')
    .replace('<noscript><meta http-equiv="refresh" content="20"></noscript>', "")
    .replace("{{ style|safe }}", () => read("pages/waiting/style.css"))
    .replace("{{ config|tojson }}", () => config)
    .replaceAll("{{ base }}", BASE)
    .replace(/\{\{ text\.(\w+) \}\}/g, (_, name) => LANGUAGE.text[name])
    .replace(/\{\{ (\w+) \}\}/g, (_, name) => ({ lang: "en", dir: "ltr", title: "Mariza" })[name]);
}

const SCRIPTS = {
  "/.fairgate/entry/en.js": () => `globalThis.entryText = ${JSON.stringify(LANGUAGE.entry)}; import("/pages/entry/entry.js");`,
  "/.fairgate/entry/forms.js": () => 'import "/pages/entry/forms.js";',
  "/.fairgate/entry/key.js": () => 'import "/pages/entry/bind.js";',
  "/.fairgate/entry/birthday.js": () => joined("entry/birthday"),
};

// Modules in one script, as the gate joins them.
function joined(...paths) {
  return paths.map((path) => read(`pages/${path}.js`).replace(/^import .*$/gm, "").replace(/^export /gm, "")).join("");
}

// What the shop's pages have.
const keepScript = () => `(() => {${joined("entry/spell", "entry/key", "entry/keep")}})();`;
const waiting = ["sha256", "place", "tiers", "draw"].map((name) => `waiting/${name}`);
const seenScript = () => `globalThis.texts = {};${joined(...waiting, "check/log", "check/seen", "check/seen_worker")}`;

// A fan's ticket as far as the page reads it: nobody checks signatures here.
export function ticketOf(claims) {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  return `${part({ typ: "fairgate-ticket+jwt" })}.${part({ draw: D, iat: Math.floor(Date.now() / 1000), ...claims })}.AA`;
}

// The status of a room in its pool, for half an hour more.
export function statusOf(fields = {}) {
  const now_ms = Date.now();
  const tiers = ["members", "fans"].map((name, band) => ({ band, name, share: 1 }));
  const descriptor = { version: "fairgate/v2", room: "tour", identity: [], beacon: null, tiers, starts_at_ms: 9e12 };
  return {
    phase: "pooling",
    now_ms,
    opens_at_ms: now_ms - 60_000,
    starts_at_ms: now_ms + 1_800_000,
    pool_size: 7,
    serving: 0,
    grace_ms: 300_000,
    late: "expire",
    advance: { standstill_ms: 0, low_per_minute: 60, high_per_minute: 60, free: null },
    poll: { floor_ms: 300, ceiling_ms: 600, divisor: 10 },
    message: null,
    tiers: [{ name: "members", label: null }, { name: "fans", label: { en: "Fans", de: "Alle" } }],
    draw: { label: "committed", descriptor, descriptor_digest: D, seed: null },
    ...fields,
  };
}

// The work of this minute.
export function workNow(effort = 1) {
  return { e: Math.floor(Date.now() / 60_000), seed: "5f9c25f4975368e3ef4534f1464d3268", effort };
}

// A handler of requests. `calls` answers by path: a function of {json, headers} to [status, json, headers]; what was called is in
// `heard`, in order, without the status.
export function gate(calls) {
  const heard = [];
  let proves = 0;
  async function handle(request, response) {
    const path = request.url.split("?")[0];
    const name = path.startsWith(`${BASE}/`) ? path.slice(BASE.length + 1) : "";
    const send = (status, type, body, more = {}) => {
      const headers = { "content-type": type, "cache-control": "no-store", "content-security-policy": POLICY, ...more };
      response.writeHead(status, headers).end(body);
    };
    if (SCRIPTS[path]) return send(200, "text/javascript", SCRIPTS[path]());
    if (path === `${BASE}/draw/seen.js`) return send(200, "text/javascript", seenScript());
    if (path === `${BASE}/keep.js`) return send(200, "text/javascript", keepScript());
    // The gate's own page, and from then on the shop's at the same address.
    if (path === "/prove" && ++proves % 2) {
      return send(401, "text/html", `<title>Prove</title><script src="${BASE}/keep.js" data-then="load" async></script>`);
    }
    if (path.startsWith("/shop") || path === "/prove") return send(200, "text/html", `<title>Shop</title><script src="${BASE}/keep.js" async></script>`);
    if (path.startsWith("/pages/")) return send(200, "text/javascript", read(path.slice(1)));
    if (!name) return send(200, "text/html; charset=utf-8", page());
    let text = "";
    for await (const part of request) text += part;
    const call = { name, url: request.url, json: text && JSON.parse(text), headers: request.headers };
    if (name !== "status") heard.push(call);
    const [status, json, headers] = calls[name]?.(call, heard) ?? [404, {}];
    return send(status, "application/json", JSON.stringify(json), headers);
  }
  return { handle, heard };
}

export function problem(status, type, members = {}, headers = {}) {
  return [status, { type: `https://fairgate.example/problems/${type}`, ...members }, headers];
}
