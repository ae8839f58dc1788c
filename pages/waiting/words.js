// Numbers, times and waits as the fan's language writes them.

import { expectedWait, spanOf } from "./pace.js";

// Says things in one language: `text` has its words, `locale` writes its numbers.
export function tongue(text, locale) {
  const say = (key, values = {}) => text[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const count = (number) => new Intl.NumberFormat(locale).format(number);
  const spoken = (unit) => new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" });

  // A time by the device's clock and in its zone, which is named: not every fan is where the show is.
  function when(at_ms) {
    const at = new Date(at_ms);
    const today = at.toDateString() === new Date().toDateString();
    const day = today ? {} : { weekday: "short", day: "numeric", month: "short" };
    const time = { hour: "numeric", minute: "2-digit", timeZoneName: "short" };
    return new Intl.DateTimeFormat(locale, { ...day, ...time }).format(at);
  }

  function minutes(ms) {
    const short = ms < 120000;
    return spoken(short ? "second" : "minute").format(Math.floor(ms / (short ? 1000 : 60000)));
  }

  function wait(ahead, status) {
    const range = status.paused || status.draining ? null : expectedWait(ahead, status.advance);
    // Beyond a day it is a guess at the organizer's patience.
    if (!range || range[1] > 86400000) return text.unknown;
    if (range[1] < 60000) return text.soon;
    const [unit, low, high] = spanOf(range);
    const format = spoken(unit);
    if (!low) return say("upto", { time: format.format(high) });
    if (low === high) return format.format(high);
    return format.formatRange ? format.formatRange(low, high) : `${count(low)}–${format.format(high)}`;
  }

  return { text, say, count, when, minutes, wait };
}
