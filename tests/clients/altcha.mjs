// A site's own page with npm's `altcha-lib`: it solves challenges in the worker that it is given.

import { Worker } from "node:worker_threads";

import { answer, load } from "./lines.mjs";

const { solveChallengeWorkers } = await load("altcha-lib/dist/esm/v2/index.js");

// A browser's worker on Node's: messages are the `data` of events.
const BROWSER = `
const { parentPort } = require("node:worker_threads");
globalThis.postMessage = (message) => parentPort.postMessage(message);
parentPort.on("message", (data) => globalThis.onmessage({ data }));
`;

function browserWorker(script) {
  const worker = new Worker(BROWSER + script, { eval: true });
  const listener = (type, heard) => (type === "message" ? (data) => heard({ data }) : heard);
  return {
    addEventListener: (type, heard) => worker.on(type, listener(type, heard)),
    postMessage: (message) => worker.postMessage(message),
    terminate: () => worker.terminate(),
  };
}

await answer({
  // Solves a challenge with a worker's script: the payload as ALTCHA's widget puts it into a form, and what it is made of.
  async solve({ challenge, script }) {
    const solution = await solveChallengeWorkers({ challenge, concurrency: 1, createWorker: () => browserWorker(script) });
    return { challenge, solution };
  },
});
