// What somebody has to show next: decided from what the room asks, and from what is there already.

// Longer than this, and other ways are offered beside the one that goes on by itself.
export const PATIENCE_MS = 15000;

// What a way is, by its name and by what the room says of it.
export function kindOf(name, ask = {}) {
  if (["work", "code", "mail", "private-token"].includes(name)) return name;
  if (ask.url) return "sign-in";
  return ask.sitekey ? "challenge" : "shop";
}

// Whether a way says who somebody is, or what they hold. What only checks follows it, since it is made for one of these.
export function isCredential(kind) {
  return ["sign-in", "mail", "code", "shop"].includes(kind);
}

// The next step: {ways, skip}: any one of the ways is enough, and with `skip` one may go on without. Null where nothing is
// missing. `has` says what is there, and `skipped` that the fan goes on without.
export function nextStep({ any_of = [], all_of = [], ways }, has, skipped) {
  const isWho = (name) => isCredential(kindOf(name, ways[name]));
  const asked = [...all_of, ...any_of];
  // Whatever gives a better tier is asked for before joining: the first entry decides.
  const more = Object.keys(ways).filter((name) => isWho(name) && !asked.includes(name) && kindOf(name, ways[name]) !== "shop");
  if (!skipped && more.length && !more.some(has)) return { ways: more, skip: true };
  const missing = all_of.filter((name) => !has(name));
  const who = missing.find(isWho);
  if (who) return { ways: [who] };
  const open = any_of.some(has) ? [] : any_of;
  const [whos, checks] = [open.filter(isWho), open.filter((name) => !isWho(name))];
  if (whos.length && !(skipped && checks.length)) return { ways: whos, skip: checks.length > 0 };
  if (missing.length) return { ways: [missing[0]] };
  return checks.length ? { ways: checks } : null;
}

// The epoch of a time: a whole minute.
export function epochOf(ms) {
  return Math.floor(ms / 60000);
}

// How much of the work is done, 0 to 1: by solutions, and between them by tables, of which one in seven has none.
export function shareOf({ table, solved }, effort) {
  return Math.max(solved / effort, Math.min((table * 6) / 7 / effort, 0.97));
}
