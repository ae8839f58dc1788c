// The booking core, as the page asks it. A request that got no answer is asked again with the same key, so that nothing
// happens twice.

const API = "/api/v1";
const RETRIES = 5;
let clockAheadMs = 0;

class Refused extends Error {
  constructor(status, problem) {
    super(problem.detail || "That did not work. Please try again.");
    this.status = status;
    this.problem = problem;
    this.kind = String(problem.type || "").split("/").pop();
  }
}

/** The visit is over: the gate (or the core) wants a pass that we no longer have. */
class Ended extends Error {}

function freshKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function serverNow() {
  return Date.now() + clockAheadMs;
}

function noteClock(response) {
  const date = Date.parse(response.headers.get("date") || "");
  // The header is in whole seconds: a smaller difference says nothing.
  const ahead = date + 500 - Date.now();
  clockAheadMs = Math.abs(ahead) > 2000 ? ahead : 0;
}

async function ask(method, path, body, key, api = API) {
  const headers = { accept: "application/json" };
  if (body) headers["content-type"] = "application/json";
  if (key) headers["idempotency-key"] = key;
  for (let attempt = 0; ; attempt += 1) {
    let response;
    try {
      response = await fetch(api + path, { method, headers, body: body && JSON.stringify(body), credentials: "same-origin" });
    } catch (error) {
      if (attempt >= RETRIES) throw new Error("You seem to be offline. Nothing is lost: try again when you are back.");
      await pause(400 * 2 ** attempt);
      continue;
    }
    noteClock(response);
    if (response.ok) return response;
    const problem = await response.json().catch(() => ({}));
    if (response.status === 401 || String(problem.type).endsWith("/waiting-room")) throw new Ended();
    const passing = response.status === 503 || String(problem.type).endsWith("/idempotency-in-progress");
    if (!passing || attempt >= RETRIES) throw new Refused(response.status, problem);
    await pause(1000 * Math.min(8, Number(response.headers.get("retry-after")) || 1) * (0.75 + Math.random() / 2));
  }
}

function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const askJson = async (...request) => (await ask(...request)).json();

const core = {
  events: async () => (await askJson("GET", "/events")).events,
  event: (id) => askJson("GET", `/events/${encodeURIComponent(id)}`),
  availability: async (id) => new Uint8Array(await (await ask("GET", `/events/${encodeURIComponent(id)}/availability`)).arrayBuffer()),
  bookings: async () => (await askJson("GET", "/bookings")).bookings,
  reserve: (request, key) => askJson("POST", "/bookings/reserve", request, key),
  booking: (id) => askJson("GET", `/bookings/${id}`),
  extend: (id) => askJson("POST", `/bookings/${id}/extend`),
  pay: (id, token, email, key) => askJson("POST", `/bookings/${id}/payment`, { payment_token: token, ...(email && { email }), time_zone: Intl.DateTimeFormat().resolvedOptions().timeZone }, key),
  giveBack: (id) => ask("DELETE", `/bookings/${id}`),
  /** A booking by its own address, `/bookings/NUMBER#KEY`: needs no pass. */
  receipt: (link) => core.find(link.split("#")[0], { key: link.split("#")[1] }),
  /** What a buyer's account is asked; needs no pass. */
  account: (method, path, body) => ask(method, `/bookings/${path}`, body, null, ""),
  /** A booking by the address of its number, and what shows that it is the fan's. */
  find: (path, proof) => askJson("POST", path, proof, null, ""),
};
