// What the clients of the tests have in common: `node CLIENT.mjs MODULES` answers each line of its standard input by a line.
//
// A question is JSON: `{"do": NAME, …}`. Its answer is `{"is": VALUE}`, or `{"error": TEXT}`. The end of the input ends the
// client, so none outlives its test.

import { webcrypto } from "node:crypto";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

// What packages take for granted, and Node 18 has as a module alone.
globalThis.crypto ??= webcrypto;

// Standard output is for answers.
console.log = console.info = console.error;

// A package's file, where npm has put it.
export const load = (path) => import(pathToFileURL(join(process.argv[2], path)));

// Answers questions by these calls, one at a time.
export async function answer(calls) {
  for await (const line of createInterface({ input: process.stdin })) {
    const { do: name, ...given } = JSON.parse(line);
    let said;
    try {
      said = { is: (await calls[name](given)) ?? null };
    } catch (error) {
      said = { error: String(error.stack ?? error) };
    }
    process.stdout.write(`${JSON.stringify(said)}\n`);
  }
  process.exit();
}
