// What the waiting page's own check of a draw costs, in milliseconds of CPU (which other work on the machine does not change):
// the page's code, run by the engine of Chromium.

import { readFileSync } from "node:fs";

import { placeOf, verifyDraw } from "../pages/waiting/draw.js";

const { index, nonce, proof, record } = JSON.parse(readFileSync(process.argv[2]));
const draw = JSON.parse(record);
const known = readFileSync(process.argv[2].replace("papers.json", "roster"));
const entry = known.subarray(index * 32, (index + 1) * 32).toString("hex");
const mine = {
  receipt: { kind: "pool", index, entry },
  nonce: Uint8Array.from(nonce),
  commitment: draw.commitment,
  witness: { entries: draw.entries, root: draw.root },
};

// As the page does: its first time is the only one.
const begun = process.cpuUsage();
mine.place = placeOf(index, draw.entries, draw.seed);
const steps = verifyDraw(draw, mine, proof);
const { user, system } = process.cpuUsage(begun);

if (steps.length < 8 || steps.some(([, holds]) => !holds)) throw new Error(JSON.stringify(steps));
console.log(((user + system) / 1000).toFixed(3));
