// What the draw log says of one statement, by C2SP's formats (signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof): that
// the log has it, and which outsiders saw it when.
//
// What is read has one spelling. A signature that stands under a known key's name and number, and is none, refuses the proof.

import { hash } from "../waiting/draw.js";
import { toHex } from "../waiting/place.js";
import { fromHex } from "../waiting/place.js";

const PROOF_HEAD = "c2sp.org/tlog-proof@v1";
const LOG_KIND = 1;
const WITNESS_KIND = 4;
const PATH_MAX = 63;
const inUtf8 = (text) => new TextEncoder().encode(text);

// The root that an inclusion path leads to (RFC 9162, 2.1.3.2), or null where its length cannot be right.
export function rootOnPath(leaf, index, size, path) {
  if (index >= size) return null;
  let [node, at, last] = [leaf, index, size - 1];
  for (const sibling of path) {
    if (last === 0) return null;
    if (at % 2 === 1 || at === last) {
      node = hash([1], sibling, node);
      while (at % 2 === 0 && at !== 0) [at, last] = [at / 2, Math.floor(last / 2)];
    } else {
      node = hash([1], node, sibling);
    }
    [at, last] = [Math.floor(at / 2), Math.floor(last / 2)];
  }
  return last === 0 ? node : null;
}

// Standard base64 in its one spelling.
function fromBase64(text, length) {
  const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
  const one = btoa(String.fromCharCode(...bytes)) === text && (length === undefined || bytes.length === length);
  if (!one) throw new Error("malformed");
  return bytes;
}

function numberFrom(text) {
  if (!/^(0|[1-9][0-9]{0,14})$/.test(text)) throw new Error("malformed");
  return Number(text);
}

// A vkey: {name, number, kind, key}; throws where it is none.
export function keyFrom(vkey) {
  const [, name, number, coded] = /^([^\s+]+)\+([0-9a-f]{8})\+(.+)$/.exec(vkey.trim()) ?? [];
  const key = fromBase64(coded ?? "?", 33);
  if (toHex(hash(inUtf8(`${name}\n`), key).slice(0, 4)) !== number) throw new Error("malformed");
  return { name, number, kind: key[0], key: key.slice(1) };
}

// A signed note of a log's origin, size and root; nothing is checked yet.
export function checkpointFrom(note) {
  const cut = note.lastIndexOf("\n\n");
  const text = note.slice(0, cut + 1);
  const lines = text.split("\n");
  if (cut < 0 || lines.length !== 4 || !note.endsWith("\n")) throw new Error("malformed");
  const signatures = note.slice(cut + 2, -1).split("\n").map((line) => signatureFrom(line));
  return { text, origin: lines[0], size: numberFrom(lines[1]), root: toHex(fromBase64(lines[2], 32)), signatures };
}

function signatureFrom(line) {
  const [, name, coded] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? [];
  const bytes = fromBase64(coded ?? "?");
  if (bytes.length < 5) throw new Error("malformed");
  return { name, number: toHex(bytes.slice(0, 4)), bytes: bytes.slice(4) };
}

// A proof of inclusion; nothing is checked yet.
export function proofFrom(text) {
  const cut = text.indexOf("\n\n");
  const [head, ...lines] = text.slice(0, cut).split("\n");
  if (lines[0]?.startsWith("extra ")) lines.shift();
  const [, index] = /^index (.*)$/.exec(lines[0]) ?? [];
  if (cut < 0 || head !== PROOF_HEAD || lines.length > PATH_MAX + 1) throw new Error("malformed");
  const path = lines.slice(1).map((line) => fromBase64(line, 32));
  return { index: numberFrom(index ?? ""), path, checkpoint: checkpointFrom(text.slice(cut + 2)) };
}

// Whether a proof shows that the log has the statement.
export function shows({ index, path, checkpoint }, statement) {
  const root = rootOnPath(hash([0], inUtf8(statement)), index, checkpoint.size, path);
  return root !== null && toHex(root) === checkpoint.root;
}

async function isSigned({ key }, message, signature) {
  const imported = await crypto.subtle.importKey("raw", key, { name: "Ed25519" }, false, ["verify"]);
  return crypto.subtle.verify("Ed25519", imported, signature, message);
}

const lineOf = ({ signatures }, { name, number }) =>
  signatures.find((line) => line.name === name && line.number === number);

// Whether the log signed a checkpoint. Throws where this browser cannot tell.
export async function isOfLog(checkpoint, log) {
  const line = lineOf(checkpoint, log);
  if (!line || log.kind !== LOG_KIND || checkpoint.origin !== log.name) return false;
  return isSigned(log, inUtf8(checkpoint.text), line.bytes);
}

// Who saw a checkpoint: `seen` of those whose keys are given, with when they say that it was; `others` signed, too. Null
// where what stands under a given key is no signature of it.
export async function whoSaw(checkpoint, log, witnesses) {
  const seen = [];
  for (const witness of witnesses.filter(({ kind }) => kind === WITNESS_KIND)) {
    const line = lineOf(checkpoint, witness);
    if (!line) continue;
    const [time, signature] = [line.bytes.slice(0, 8), line.bytes.slice(8)];
    const time_s = parseInt(toHex(time), 16);
    const message = inUtf8(`cosignature/v1\ntime ${time_s}\n${checkpoint.text}`);
    if (!Number.isSafeInteger(time_s) || !(await isSigned(witness, message, signature))) return null;
    seen.push({ name: witness.name, at_ms: time_s * 1000 });
  }
  const known = [log.name, ...seen.map(({ name }) => name)];
  const others = checkpoint.signatures.map(({ name }) => name).filter((name) => !known.includes(name));
  return { seen, others: [...new Set(others)] };
}

// What the proofs that are here say of the freeze: {why?, seen, others, sealed}. `why` names what is wrong: "malformed",
// "log-signature", "cosignature", "other-freeze" or "fork". `sealed` counts the outsiders who saw it before the result could
// be known: before the round's time or, without one, before the log had the secret (`reveal` is its proof of that, `locked`
// says that nobody has it yet). Throws where this browser cannot tell.
export async function readFreeze({ vkey, statement, published, saved, reveal, locked, end_ms, witnesses }) {
  const log = keyFrom(vkey);
  const proof = proofFrom(published);
  if (!(await isOfLog(proof.checkpoint, log))) return { why: "log-signature" };
  if (!shows(proof, statement)) return { why: "other-freeze" };
  const proofs = [proof];
  for (const older of saved.map((text) => proofFrom(text))) {
    if (await isOfLog(older.checkpoint, log)) proofs.push(older);
  }
  if (proofs.some((one) => proofs.some((other) => isFork(one.checkpoint, other.checkpoint)))) return { why: "fork" };
  const known_at = reveal ? proofFrom(reveal).index : null;
  const said = [];
  for (const { checkpoint } of proofs.filter((one) => shows(one, statement))) {
    const saw = await whoSaw(checkpoint, log, witnesses);
    if (!saw) return { why: "cosignature" };
    const sealed_then = locked || (known_at !== null && checkpoint.size <= known_at);
    const in_time = (at_ms) => (end_ms ? at_ms < end_ms : sealed_then);
    said.push({ ...saw, sealed: saw.seen.filter(({ at_ms }) => in_time(at_ms)) });
  }
  const all = (name) => said.flatMap((one) => one[name]);
  return { seen: all("seen"), others: [...new Set(all("others"))], sealed: all("sealed") };
}

function isFork(one, other) {
  return one.size === other.size && one.root !== other.root;
}

// The keys that a person pasted, one a line: those that are keys of witnesses.
export function witnessesIn(text) {
  return text.split("\n").flatMap((line) => {
    try {
      const key = keyFrom(line);
      return key.kind === WITNESS_KIND ? [key] : [];
    } catch {
      return [];
    }
  });
}
