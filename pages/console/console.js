// What scripts add: numbers that move, and what would come of a value while it is typed. All else works without.
const FRESH_MS = 3000;
const POLL_MS = 2000;
const TYPED_MS = 300;
const CHARTS_MS = 5000;

const live = document.querySelector("[data-live-from]");
if (live) watch(live);
for (const form of document.querySelectorAll("form[data-preview]")) foresee(form);

function watch(live) {
  const from = live.dataset.liveFrom;
  let heard = performance.now();
  let polls = 0;
  let ended = false;

  const show = (state) => {
    heard = performance.now();
    for (const place of live.querySelectorAll("[data-live]")) {
      const text = state[place.dataset.live];
      if (place.textContent !== text) place.textContent = text;
    }
    const badge = live.querySelector(".badge");
    if (badge) badge.className = `badge ${state.state}`;
    document.getElementById("changed").hidden = state.controls === live.dataset.controls;
    age();
  };

  const age = () => {
    const old = performance.now() - heard;
    const said = document.getElementById("age");
    const isOld = ended || old > FRESH_MS;
    document.getElementById("live").classList.toggle("stale", isOld);
    said.hidden = !isOld;
    // Read out once, and not every second.
    const alarm = document.getElementById("alarm");
    const alarmed = isOld ? (ended ? live.dataset.lost : live.dataset.alarm) : "";
    if (alarm.textContent !== alarmed) alarm.textContent = alarmed;
    const text = ended ? live.dataset.lost : live.dataset.age.replace("{age}", Math.round(old / 1000));
    if (isOld && said.textContent !== text) said.textContent = text;
  };

  const poll = async () => {
    if (ended) return;
    try {
      const answer = await fetch(`${from}now`, { cache: "no-store" });
      if (answer.status === 401) ended = true;
      if (answer.ok) show(await answer.json());
    } catch {
      // The next one tries again, and the page says how old its numbers are.
    }
    age();
  };

  // New lines come into what is there, so that an open table stays open.
  const draw = async () => {
    if (ended || document.hidden) return;
    try {
      const answer = await fetch(`${from}charts?span=${live.dataset.span}`, { cache: "no-store" });
      if (!answer.ok) return;
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      for (const part of fresh.querySelectorAll("[id]")) {
        const place = document.getElementById(part.id);
        // An alarm that stays is not read out again.
        if (place && place.innerHTML !== part.innerHTML) place.replaceChildren(...part.childNodes);
      }
    } catch {
      // The next one tries again.
    }
  };
  setInterval(draw, CHARTS_MS);

  const events = new EventSource(`${from}live`);
  events.onmessage = (event) => show(JSON.parse(event.data));
  // Where events do not come through, the page asks.
  setInterval(() => {
    age();
    const old = performance.now() - heard;
    if (old > FRESH_MS && performance.now() - polls > POLL_MS) {
      polls = performance.now();
      poll();
    }
  }, 1000);
  addEventListener("pagehide", () => events.close());
}

function foresee(form) {
  const output = form.querySelector("output");
  const url = form.getAttribute("action").replace(/change$/, "preview");
  let timer = 0;
  let asked = 0;
  form.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      asked += 1;
      const mine = asked;
      try {
        const answer = await fetch(url, { method: "POST", body: new URLSearchParams(new FormData(form)) });
        if (!answer.ok || mine !== asked) return;
        const would = await answer.json();
        output.textContent = would.says.concat(would.warns).map((words) => `${words}.`).join(" ");
      } catch {
        output.textContent = "";
      }
    }, TYPED_MS);
  });
}
