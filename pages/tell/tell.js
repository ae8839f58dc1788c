// "Tell me when it's my turn": by a sound and by a notification, each begun by a press of its own.
//
// The page loads it when the fan asks for it, with its words (`tellText`) before it. A sound is for this page as long as it
// is open; that a notification was asked for is kept. Nothing here knows what a place is.

const words = tellText;
// A tab that nobody looks at sounds so often, with so long between.
const RINGS_MAX = 20;
const RING_EVERY_MS = 3000;
const AROUND = { display: "flex", flexWrap: "wrap", gap: "0 1.5rem", minHeight: "2.75rem" };
const LINE = { display: "flex", alignItems: "center", gap: "0.5rem", minHeight: "2.75rem" };

const made = (tag, fields, style) => {
  const node = Object.assign(document.createElement(tag), fields);
  Object.assign(node.style, style);
  return node;
};
const box = made("div", { id: "teller" }, AROUND);
const said = made("span", {}, { flexBasis: "100%" });
said.setAttribute("role", "status");

let page = null;
let player = null;
let worker = null;
let rings = 0;

function choice(name, change) {
  const field = made("input", { type: "checkbox", name });
  const label = made("label", {}, LINE);
  label.append(field, words[name]);
  field.addEventListener("change", async () => {
    said.textContent = "";
    const why = field.checked ? await change.on().catch(() => words.failed) : change.off();
    if (field.checked) said.textContent = why || words.ready;
    if (why) field.checked = false;
  });
  box.append(label);
  return field;
}

// Two notes, soft at both ends.
function chime() {
  for (const [hertz, after] of [[880, 0], [1174.7, 0.18]]) {
    const at = player.currentTime + after;
    const tone = player.createOscillator();
    const loudness = player.createGain();
    tone.frequency.value = hertz;
    loudness.gain.setValueAtTime(0.001, at);
    loudness.gain.exponentialRampToValueAtTime(0.5, at + 0.03);
    loudness.gain.exponentialRampToValueAtTime(0.001, at + 0.7);
    tone.connect(loudness).connect(player.destination);
    tone.start(at);
    tone.stop(at + 0.7);
  }
}

function ring() {
  if (!player || rings < 1) return;
  rings -= 1;
  player.resume();
  chime();
  setTimeout(() => document.hidden && ring(), RING_EVERY_MS);
}

// The press lets the browser play, and lets the fan hear it once.
const sound = {
  on: async () => {
    player ??= new AudioContext();
    await player.resume();
    chime();
  },
  off: () => {
    player?.close();
    player = null;
  },
};

const notice = {
  on: async () => {
    if ((await Notification.requestPermission()) !== "granted") return words.denied;
    enlist();
    page.remember({ told: true });
  },
  off: () => page.remember({ told: undefined }),
};

// Phones show notifications of workers only; some browsers have no workers here.
async function enlist() {
  worker = await navigator.serviceWorker?.register(`${page.base}/../tell/worker.js`).catch(() => null);
}

async function notify(title, body) {
  const options = { body, tag: "fairgate", data: location.href, requireInteraction: true };
  if (worker?.active) await worker.showNotification(title, options);
  else new Notification(title, options);
}

globalThis.fairgate_tell?.((given, known) => {
  page = given;
  const button = document.querySelector("#tell");
  const first = choice("sound", sound);
  const isAsked = known()[1].told && globalThis.Notification?.permission === "granted";
  if (globalThis.Notification) choice("notice", notice).checked = isAsked;
  if (isAsked) enlist();
  box.append(said);
  const isFocused = document.activeElement === button;
  button.replaceWith(box);
  if (isFocused) first.focus();
  return {
    called: ({ headline, label, until_ms }) => {
      rings = RINGS_MAX;
      ring();
      const left = until_ms ? `${label}: ${page.tell.minutes(until_ms - page.now())}` : page.title;
      if (known()[1].told && document.hidden) notify(headline, left).catch(() => null);
    },
  };
});
