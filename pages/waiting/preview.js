// Stands in for the gate where the waiting page is previewed: each state, with made-up numbers. Nothing is asked and nothing is
// kept. It runs before the page's own script, which is the real one.

{
  const { state } = document.currentScript.dataset;
  const MINUTE = 60000;
  const HOUR = 60 * MINUTE;
  const now = Date.now();
  const digest = "0".repeat(64);
  const line = { kind: "line", place: 1630, ticket: "a.e30.b" };
  const pool = { kind: "pool", index: 12345, ticket: "a.e30.b" };
  const opens = (from, to) => ({ phase: "idle", opens_at_ms: now + from, starts_at_ms: now + to });
  const over = { phase: "ended", opens_at_ms: now - 9 * HOUR, starts_at_ms: now - 8 * HOUR, ends_at_ms: now - HOUR };
  const called = { serving: 1700 };

  // Of each state: what the status says, what the browser has, and what a join or claim is answered.
  const STATES = {
    far: [opens(74 * HOUR, 75 * HOUR)],
    idle: [opens(20 * MINUTE, 50 * MINUTE)],
    joining: [{ phase: "pooling", starts_at_ms: now + 25 * MINUTE }],
    pooled: [{ phase: "pooling", seed: null, starts_at_ms: now + 25 * MINUTE }, { receipt: pool }],
    drawing: [{ phase: "drawing", seed: null, starts_at_ms: now - 2000 }, { receipt: pool }],
    line: [{}, { receipt: line, first_ahead: 900 }],
    next: [{ serving: 1630, admitted: 1629 }, { receipt: line, first_ahead: 900 }],
    called: [called, { receipt: line, until_ms: now + 4 * MINUTE }],
    full: [called, { receipt: line, until_ms: now + 4 * MINUTE }, { reason: "cap", retry_after_ms: HOUR }],
    paused: [{ paused: true }, { receipt: line, first_ahead: 900 }],
    draining: [{ draining: true }, { receipt: line, first_ahead: 900 }],
    soldout: [{ sold_out: true }, { receipt: line }],
    ended: [over],
    between: [{ ...over, next: { opens_at_ms: now + 74 * HOUR, starts_at_ms: now + 75 * HOUR } }],
    left: [{}, { gone: "left" }],
    expired: [{}, { gone: "expired" }],
    used: [{}, { gone: "used" }],
    refused: [{}, { gone: "refused" }],
    cookies: [called, { receipt: line, until_ms: now + 4 * MINUTE }],
    offline: [{}, { receipt: line, first_ahead: 900 }],
  };
  const [told, mine = {}, claimed] = STATES[state] ?? STATES.line;
  const { seed = digest, ...changes } = told;
  const status = {
    phase: "serving",
    paused: false,
    draining: false,
    now_ms: now,
    opens_at_ms: now - 2 * HOUR,
    starts_at_ms: now - HOUR,
    pool_size: 41200,
    line_size: 41873,
    serving: 1200,
    admitted: 1180,
    active: 640,
    advance: { standstill_ms: 0, low_per_minute: 28, high_per_minute: 41, free: null },
    sold_out: false,
    grace_ms: 5 * MINUTE,
    late: "tail",
    message: null,
    stale: false,
    poll: { floor_ms: HOUR, ceiling_ms: HOUR, divisor: 10 },
    draw: { descriptor: { version: "fairgate/v1", beacon: null }, descriptor_digest: digest, entries: 41200, seed },
    ...changes,
  };

  // `room` stands in the page's configuration, which comes later.
  const kept = new Map();
  const own = (key) => /^fairgate:[^:]+$/.test(key) && key !== "fairgate:witnesses";
  const storage = {
    getItem: (key) => kept.get(key) ?? (own(key) ? JSON.stringify({ draw: digest, ...mine }) : null),
    setItem: (key, text) => kept.set(key, text),
    removeItem: (key) => kept.delete(key),
  };
  const define = (target, values) => {
    for (const [name, value] of Object.entries(values)) Object.defineProperty(target, name, { value, configurable: true });
  };
  define(globalThis, { localStorage: storage, sessionStorage: storage });
  define(navigator, { cookieEnabled: state !== "cookies", onLine: state !== "offline", locks: undefined });
  // Who looks at the page is taken in at once: a called fan's deadline shows in a tab that nobody looks at.
  define(document, { hidden: state === "called" });
  const answered = (json, code) => new Response(JSON.stringify(json), { status: code });
  globalThis.fetch = (address) => {
    if (address.endsWith("/status")) return Promise.resolve(answered(status, 200));
    if (claimed && address.endsWith("/claim")) return Promise.resolve(answered(claimed, 202));
    return new Promise(() => null);
  };
}
