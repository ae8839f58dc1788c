// Numbers, times and waits as the fan's language writes them.

import { expectedWait, spanOf } from "./pace.js";

// Says things in one language: `text` has its words, `locale` writes its numbers.
export function tongue(text, locale) {
  const say = (key, values = {}) => text[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const count = (number) => new Intl.NumberFormat(locale).format(number);
  const spoken = (unit) => new Intl.NumberFormat(locale, { style: "unit", unit, unitDisplay: "long" });

  // A time as the clocks of a zone show it, the device's own where none is named; with its day where that is not today.
  function clocks(at_ms, timeZone, timeZoneName) {
    const dated = new Intl.DateTimeFormat("en", { dateStyle: "short", timeZone });
    const day = dated.format(at_ms) === dated.format() ? {} : { weekday: "short", day: "numeric", month: "short" };
    const time = { hour: "numeric", minute: "2-digit", timeZone, timeZoneName };
    return new Intl.DateTimeFormat(locale, { ...day, ...time }).format(at_ms);
  }

  // A time by the device's clock and in its zone, which is named: not every fan is where the show is.
  function when(at_ms) {
    return clocks(at_ms, undefined, "short");
  }

  // The same with the time at the venue before it, where clocks show another one there. Not every browser knows every zone.
  function both(at_ms, zone) {
    try {
      const [there, here] = [clocks(at_ms, zone ?? undefined), clocks(at_ms)];
      const city = there !== here && zone.replace(/.*\//, "").replaceAll("_", " ");
      if (city) return say("for_you", { there: `${there} ${city}`, here });
    } catch {}
    return when(at_ms);
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

  return { text, say, count, when, both, minutes, wait };
}
