// A fan's browser by the pages' own modules: what the waiting page keeps of the statuses it is shown, and what the page that
// checks a draw says of published papers.
//
//   node browser.mjs look STATUSES     a JSON array of [status, own clock in ms]; prints what is kept as the page saves it
//   node browser.mjs check FOLDER [KEPT]    prints a line a step, as `fairgate draw verify` does; exit code 1 where one fails

import { readFileSync } from "node:fs";

import { checkDraw } from "../../pages/check/steps.js";
import { evidenceOf, keepLook } from "../../pages/waiting/evidence.js";

const stored = {};
Object.defineProperty(stored, "getItem", { value: (key) => stored[key] ?? null });
Object.defineProperty(stored, "setItem", { value: (key, value) => (stored[key] = value) });
globalThis.localStorage = stored;

const [verb, first, second] = process.argv.slice(2);
const json = (path) => JSON.parse(readFileSync(path, "utf8"));

if (verb === "look") {
  for (const [status, at_ms] of json(first)) keepLook("room", status, at_ms);
  console.log(JSON.stringify({ evidence: evidenceOf("room") }));
} else {
  const [record, jwks] = [json(`${first}/draw.json`), json(`${first}/jwks.json`)];
  const roster = new Uint8Array(readFileSync(`${first}/roster`));
  const steps = await checkDraw({ record, jwks, roster, ...(second ? json(second) : {}) });
  const marks = { holds: "ok", fails: "FAIL", open: "-" };
  for (const { name, verdict, why = "" } of steps) console.log(`${marks[verdict].padEnd(4)}  ${name}: ${why}`);
  process.exitCode = steps.some(({ verdict }) => verdict === "fails") ? 1 : 0;
}
