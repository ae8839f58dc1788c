// How a booking is shown: pure, so that node can test it. What a booking is, only the core knows; the page guesses nothing.

/** What the page shows for a booking as the core describes it: one face for each way in which it may stand. */
export function faceOf({ status, payment }) {
  const paid = payment ? payment.state : "none";
  if (status === "confirmed") return "confirmed";
  if (paid === "started") return "paying";
  if (paid === "refunding") return "refunding";
  if (status === "held") return paid === "declined" ? "refused" : "held";
  if (paid === "refunded") return "refunded";
  return status === "cancelled" ? "cancelled" : "expired";
}

/** The booking that a page shows when it is opened: what is under way before what can still be paid, and that before what is over. */
export function mostUrgent(bookings, seen) {
  const order = ["paying", "refunding", "refused", "held", "refunded", "confirmed"];
  const rank = (booking) => order.indexOf(faceOf(booking));
  const shown = bookings.filter((booking) => rank(booking) >= 0 && (rank(booking) < 4 || !seen.includes(booking.booking_id)));
  return shown.sort((a, b) => rank(a) - rank(b))[0];
}

/** What people are told where there is nothing to choose or to pay. */
export const OUTCOMES = {
  paying: ["Your payment is under way", "Nothing more is needed from you. This page shows what becomes of it; you can close it and come back."],
  refunding: ["Your money is on its way back", "The payment was taken, but the seats are not yours: the time was up and somebody else has them, or the booking was cancelled. All of it is being given back, and nothing more is charged."],
  refunded: ["Your money was given back", "The seats are not yours, and all that you paid was given back. How soon you see it depends on your bank."],
  expired: ["The time was up", "The hold on these seats has ended, and nothing was charged for them."],
  cancelled: ["The seats were given back", "This booking was cancelled. Nothing was charged for it, or it was given back."],
  held: ["These seats are held, and not paid yet", "They are kept until the time is up. Pay for them in the shop."],
  refused: ["The payment was declined", "These seats are held, and not paid yet. Pay for them in another way in the shop."],
};

/** Amounts in the smallest unit of a currency, with the digits that the core says: browsers differ about them. */
export function moneyIn(currency, minorUnits, language) {
  const digits = { minimumFractionDigits: minorUnits, maximumFractionDigits: minorUnits };
  const format = new Intl.NumberFormat(language, { style: "currency", currency, ...digits, trailingZeroDisplay: "stripIfInteger" });
  return (amount) => format.format(amount / 10 ** minorUnits);
}

/** A time as the clocks of the place show it, with the name of their zone. */
export function timeIn(zone, language) {
  const parts = { weekday: "long", day: "numeric", month: "long", year: "numeric", hour: "numeric", minute: "2-digit", timeZoneName: "short" };
  const format = new Intl.DateTimeFormat(language, { ...parts, timeZone: zone });
  return (at) => format.format(new Date(at));
}

/** Minutes and seconds of a countdown. */
export function clockFace(ms) {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
}

/** How long before the end of a hold more time is offered: at least 20 seconds, or half of a hold that is shorter than that. */
export function warningMs(holdS) {
  return 1000 * Math.min(holdS / 2, Math.max(20, Math.min(90, holdS / 4)));
}
