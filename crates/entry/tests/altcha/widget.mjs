// The npm widget's `external` build, unchanged, solves a challenge of ours in Chromium under a strict policy.
//
// `node widget.mjs MODULES SOLVER CHALLENGE`: where `node_modules` is, the bundled solver, the challenge as JSON. Prints the
// widget's states and its payload.

import { readFileSync } from "node:fs";
import { join } from "node:path";

import { inChromium } from "../../../../tests/chromium.mjs";

const [modules, solver, challenge] = process.argv.slice(2);
const PAGE = `<!doctype html><html lang="en"><title>t</title><link rel="stylesheet" href="/altcha.css">
<script type="module" src="/page.js"></script><form><altcha-widget workers="1"></altcha-widget></form></html>`;
const SCRIPT = `
import "/altcha.js";
$altcha.algorithms.set("FAIRGATE-BIRTHDAY-18", () => new Worker("/birthday.js"));
window.ready = customElements.whenDefined("altcha-widget");`;
const POLICY = "default-src 'none'; script-src 'self'; worker-src 'self'; style-src 'self' 'unsafe-inline'; img-src data:";

const external = join(modules, "altcha/dist/external");
const files = {
  "/": PAGE,
  "/page.js": SCRIPT,
  "/altcha.js": readFileSync(join(external, "altcha.js")),
  "/altcha.css": readFileSync(join(external, "altcha.css")),
  "/birthday.js": readFileSync(solver),
};
const solve = `
const [challenge, done] = arguments;
(async () => {
  while (!window.ready) await new Promise((later) => setTimeout(later, 50));
  await window.ready;
  const widget = document.querySelector("altcha-widget");
  const states = [];
  widget.addEventListener("statechange", ({ detail }) => {
    states.push(detail.state);
    if (detail.state === "error") done({ states });
  });
  widget.addEventListener("verified", ({ detail }) => done({ states, payload: detail.payload }));
  widget.configure({ challenge: JSON.parse(challenge), minDuration: 0 });
  await widget.verify();
})().catch((error) => done({ states: [String(error)] }));`;
const answer = await inChromium(files, POLICY, (run) => run(solve, challenge));
console.log(JSON.stringify(answer));
