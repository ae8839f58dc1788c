// What a fan's own check of a draw costs, in milliseconds of CPU (which other work on the machine does not change): the
// check page's code with a record, a receipt and a proof, run by the engine of Chromium.

import { readFileSync } from "node:fs";

import { checkDraw } from "../pages/check/steps.js";

const HOLD = ["schedule", "entry", "listed", "secret", "seed", "place"];

const { index, entry, nonce, proof, record } = JSON.parse(readFileSync(process.argv[2]));
const draw = JSON.parse(record);
const mine = { draw: draw.descriptor_digest, receipt: { kind: "pool", index, entry }, nonce };

// As the page does: its first time is the only one.
const begun = process.cpuUsage();
const steps = await checkDraw({ record: draw, mine, proof });
const { user, system } = process.cpuUsage(begun);

const held = steps.filter(({ verdict }) => verdict === "holds").map(({ name }) => name);
const fails = steps.some(({ verdict }) => verdict === "fails");
if (fails || HOLD.some((name) => !held.includes(name))) throw new Error(JSON.stringify(steps));
console.log(((user + system) / 1000).toFixed(3));
