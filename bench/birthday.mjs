// What a table of the puzzle before an entry takes in Chromium, in ms: the page's own worker, one table after the other.
//
// `node birthday.mjs SOLVER TABLES [FLAG…]`: the solver, how many tables, and Chromium's own flags, such as
// `--js-flags=--jitless`. Prints the median.

import { readFileSync } from "node:fs";

import { inChromium } from "../tests/chromium.mjs";

const [solver, tables, ...flags] = process.argv.slice(2);
// A bundle, or the source: a classic worker exports nothing.
const script = readFileSync(solver, "utf8").replaceAll(/^export /gm, "");
const files = { "/": "<!doctype html><title>t</title>", "/birthday.js": script };
const policy = "default-src 'none'; script-src 'self'; worker-src 'self'";
// The first tables are solved before the code is compiled for speed, and are left out.
const WARM = 3;

const measure = `
const [tables, warm, done] = arguments;
const worker = new Worker("/birthday.js");
const times = [];
let before = performance.now();
worker.onerror = (event) => done(event.message);
worker.onmessage = ({ data }) => {
  times.push(performance.now() - before);
  before = performance.now();
  if (times.length < tables + warm) return;
  worker.terminate();
  done(times.slice(warm));
};
const key = "b5a34de3646320db255f7a43e1c33d1acccbfc2bd5afd5eef84a169286614069";
const challenge = { parameters: { cost: 4000, data: { key } } };
worker.postMessage({ type: "work", challenge, counterStart: 0, counterStep: 1, tell: true });`;

const times = await inChromium(files, policy, (run) => run(measure, Number(tables), WARM), ...flags);
if (typeof times === "string") throw new Error(times);
times.sort((one, two) => one - two);
console.log(times[times.length >> 1].toFixed(1));
