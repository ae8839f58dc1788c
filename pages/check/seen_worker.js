// Reads the draw log's proof of a freeze for the waiting page, in a worker: most pages never need to.
//
// Takes {draw, proof, end_ms, witnesses} and answers who saw it, in words; nothing where that cannot be said. `text` has the
// words. Takes {bytes} and answers their SHA-256, which browsers have on secure origins only.

import { freezeStatement } from "../waiting/draw.js";
import { sha256 } from "../waiting/sha256.js";
import { readFreeze, witnessesIn } from "./log.js";
import { seenWords } from "./seen.js";

async function readFor({ draw, proof, end_ms, witnesses }) {
  // Without a round it counts that the secret is still locked.
  if (!end_ms && draw.seed) return "";
  const asked = { vkey: draw.log, statement: freezeStatement(draw), published: proof, saved: [] };
  const { why, ...said } = await readFreeze({ ...asked, locked: !draw.seed, end_ms, witnesses: witnessesIn(witnesses) });
  const { text } = globalThis;
  return why ? text[`why_${why}`] : seenWords(text, { ...said, end_ms }).join(" ");
}

globalThis.onmessage = ({ data }) => {
  const answer = data.bytes ? Promise.resolve(sha256(data.bytes)) : readFor(data).catch(() => "");
  answer.then((said) => globalThis.postMessage(said));
};
