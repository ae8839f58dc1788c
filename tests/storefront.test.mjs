// The pure parts of the shop's page. The core hands in its currencies: FAIRGATE_CURRENCIES is a JSON list of
// [code, minor units, 123456789 of the smallest unit as the core writes it].

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import * as shown from "../crates/booking/pages/booking.js";

const states = readFileSync(new URL("../crates/booking/src/payment/state.rs", import.meta.url), "utf8");
const STATES = [...states.matchAll(/Self::\w+ => "(\w+)"/g)].map(([, name]) => name).filter((name) => !["fan", "webhook", "worker", "organizer"].includes(name));
const bookings = readFileSync(new URL("../crates/booking/src/sale/booking.rs", import.meta.url), "utf8");
const STATUSES = [...bookings.match(/pub enum BookingStatus \{([^}]*)\}/)[1].matchAll(/^ {4}(\w+),$/gm)].map(([, name]) => name.toLowerCase());

test("every state of a payment has a face, whatever the booking's status", () => {
  assert.deepEqual(STATES, ["started", "confirmed", "declined", "refunding", "refunded"]);
  assert.deepEqual(STATUSES, ["held", "confirmed", "expired", "cancelled"]);
  const faces = {
    held: ["held", "paying", "held", "refused", "refunding", "held"],
    confirmed: Array(6).fill("confirmed"),
    expired: ["expired", "paying", "expired", "expired", "refunding", "refunded"],
    cancelled: ["cancelled", "paying", "cancelled", "cancelled", "refunding", "refunded"],
  };
  for (const status of STATUSES) {
    const seen = [undefined, ...STATES].map((state) => shown.faceOf({ status, payment: state && { state } }));
    assert.deepEqual(seen, faces[status], status);
    for (const face of seen) assert.ok(face === "confirmed" || shown.OUTCOMES[face], `${face} has no words`);
  }
});

test("a page that is opened shows what is under way first, and what was put aside not again", () => {
  const booking = (booking_id, status, state) => ({ booking_id, status, payment: state && { state } });
  const [old, held, paying, back] = [booking("a", "confirmed", "confirmed"), booking("b", "held"), booking("c", "expired", "started"), booking("d", "expired", "refunded")];
  assert.equal(shown.mostUrgent([old, held, paying, back], []), paying);
  assert.equal(shown.mostUrgent([old, held, back], []), held);
  assert.equal(shown.mostUrgent([old, back], []), back);
  assert.equal(shown.mostUrgent([old, back], ["d"]), old);
  assert.equal(shown.mostUrgent([paying], ["c"]), paying, "what is under way cannot be put aside");
  assert.equal(shown.mostUrgent([booking("e", "expired"), booking("f", "cancelled")], []), undefined);
});

test("the page shows an amount as the core does, in every currency", () => {
  const currencies = JSON.parse(process.env.FAIRGATE_CURRENCIES);
  assert.ok(currencies.length > 150);
  for (const [code, minorUnits, text] of currencies) {
    const seen = shown.moneyIn(code, minorUnits, "en-US")(123456789);
    // Some signs of currencies have a dot of their own.
    assert.equal(`${seen.match(/\d[\d,.]*/)[0].replaceAll(",", "")} ${code}`, text, seen);
  }
  assert.match(shown.moneyIn("HUF", 2, "en-US")(790000), /7,900$/);
  assert.match(shown.moneyIn("JPY", 0, "en-US")(1200), /1,200$/);
});

test("a time is told in the zone of the place, and says which", () => {
  assert.match(shown.timeIn("Europe/Lisbon", "en-GB")("2027-06-21T19:30:00Z"), /21 June 2027.*20:30.*(WEST|GMT\+1)/);
});

test("there is time to answer, and the countdown never goes below nothing", () => {
  for (const [holdS, warning] of [[480, 90_000], [120, 30_000], [60, 20_000], [30, 15_000]]) assert.equal(shown.warningMs(holdS), warning);
  assert.deepEqual([61_000, 59_001, 1, 0, -5000].map(shown.clockFace), ["1:01", "1:00", "0:01", "0:00", "0:00"]);
});
