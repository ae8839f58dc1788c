// Work in a worker: it goes on where it stopped, and rests while nobody looks and the battery is to be spared.

import { shareOf } from "./ways.js";

const LOW = 0.3;

// Whether this device spares its battery, as far as browsers say that.
export async function isSparing() {
  if (navigator.connection?.saveData) return true;
  const battery = await navigator.getBattery?.();
  return Boolean(battery) && !battery.charging && battery.level <= LOW;
}

// One puzzle after the other. `tell` hears {share} after each table, {hex} at the end, and {failed} where no worker runs.
export function workshop(url, tell) {
  let worker = null;
  let asked = null;
  let sent = "";

  function send(type) {
    const { key, effort } = asked;
    const parameters = { cost: effort, data: { key } };
    worker.postMessage({ type, challenge: { parameters }, counterStart: 0, counterStep: 1, tell: true });
  }

  function hear({ data }) {
    if (!data || !asked) return;
    const { derivedKey: hex } = data;
    // Whoever asks once more gets it from the worker, which keeps what it has solved.
    if (hex) sent = "";
    tell({ ...asked, ...(hex ? { hex } : { share: shareOf(data, asked.effort) }) });
  }

  async function rest() {
    if (!worker || !sent) return;
    if (document.hidden && (await isSparing())) worker.postMessage({ type: "stop" });
    else if (!document.hidden) send("work");
  }

  document.addEventListener("visibilitychange", rest);
  return {
    // Solves a puzzle: {key, effort}, and whatever comes back with it. The same one goes on.
    solve(puzzle) {
      asked = puzzle;
      const wanted = `${puzzle.key} ${puzzle.effort}`;
      if (sent === wanted) return;
      sent = wanted;
      worker ??= Object.assign(new Worker(url), { onmessage: hear, onerror: () => tell({ failed: true }) });
      send("work");
    },
    stop() {
      worker?.terminate();
      [worker, sent] = [null, ""];
    },
  };
}
