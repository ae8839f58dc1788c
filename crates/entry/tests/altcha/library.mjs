// npm's `altcha-lib` looks at a challenge and a payload of ours: the signature over the parameters, the derived key, and a
// changed challenge.
//
// `node library.mjs MODULES SECRET PAYLOAD`: where `node_modules` is, the signature's secret, the payload. Prints what the
// library says of the payload as it is, with another cost, and with another derived key.

import { readdirSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { solve } from "../../../../pages/entry/birthday.js";

const [modules, hmacSignatureSecret, payload] = process.argv.slice(2);
const library = join(modules, "altcha-lib/dist/esm/v2/index.js");
const { verifySolution } = await import(pathToFileURL(library));

// The library derives the key anew: the least solutions of the tables up to the counter.
async function deriveKey({ cost, data }, salt, password) {
  const counter = new DataView(password.buffer, password.length - 4).getUint32(0);
  const solved = [];
  for (let table = 0; table <= counter && solved.length < cost; table++) solved.push(...solve(data.key, table).slice(0, 1));
  return { derivedKey: Uint8Array.from(Buffer.from(solved.join(""), "hex")) };
}

async function verdict(change) {
  const { challenge, solution } = JSON.parse(Buffer.from(payload, "base64"));
  change(challenge.parameters, solution);
  const said = await verifySolution({ challenge, solution, deriveKey, hmacSignatureSecret });
  const { verified, invalidSignature, invalidSolution } = said;
  return { verified, invalidSignature, invalidSolution };
}

const verdicts = [
  await verdict(() => {}),
  await verdict((parameters) => (parameters.cost = 1)),
  await verdict((_, solution) => (solution.derivedKey = solution.derivedKey.replace(/.$/, (last) => (last === "0" ? "1" : "0")))),
];
console.log(JSON.stringify(verdicts));
