// The calls to the gate, and what fans send with them.

import { base } from "./config.js";
import { mine } from "./kept.js";

// What signs the calls about a place that is bound to this browser, once it is loaded.
export const guard = { send: (url, init) => fetch(url, init) };

// `hint_ms` is when the gate wants to be asked again, 0 where it does not say.
export async function ask(path, body) {
  const headers = { accept: "application/json" };
  if (body) headers["content-type"] = "application/json";
  if (body && mine.receipt) headers.authorization = `Bearer ${mine.receipt.ticket}`;
  const method = body ? "POST" : "GET";
  const signal = AbortSignal.timeout(15000);
  const answer = await guard.send(`${base}/${path}`, { method, headers, signal, body: body && JSON.stringify(body) });
  const json = (await answer.json().catch(() => null)) ?? {};
  // Retry-After may be a date.
  const hint_ms = json.retry_after_ms ?? (Number(answer.headers.get("retry-after")) * 1000 || 0);
  return { code: answer.status, json, hint_ms };
}

// The log's proof that a draw's freeze is in it, as text; nothing where it is not there.
export async function proofOf(draw) {
  const answer = await fetch(`${base}/draw/freeze.tlog-proof?d=${draw}`, { signal: AbortSignal.timeout(15000) });
  return answer.ok && answer.text();
}

// What a worker makes of what it is asked: who saw the freeze by that proof, in words, or the SHA-256 of some bytes.
export function inWorker(asked) {
  return new Promise((resolve) => {
    const worker = new Worker(`${base}/draw/seen.js`);
    worker.onmessage = ({ data }) => resolve(data);
    worker.postMessage(asked);
  });
}

export function unexpected({ code, hint_ms }) {
  throw Object.assign(new Error(`the server answered ${code}`), { hint_ms });
}

// What a refusal is for. Only what the gate has judged counts: other programs on the way may refuse, too.
export function problemOf({ code, json }) {
  return code >= 400 && String(json.type ?? "").split("/").pop();
}

export const sha = (bytes) => crypto.subtle?.digest("SHA-256", bytes) ?? inWorker({ bytes });

export function nonce() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").replaceAll("=", "");
}

export function bytesOf(base64url) {
  return Uint8Array.from(atob(base64url.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
}

export function claimsOf(ticket) {
  try {
    return JSON.parse(new TextDecoder().decode(bytesOf(ticket.split(".")[1])));
  } catch {
    return {};
  }
}
