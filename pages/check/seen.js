// Which outsiders saw a freeze in the draw log, and when, in words.

export function seenWords(text, { sealed, others, end_ms }) {
  const fill = (key, values) => text[key].replace(/\{(\w+)\}/g, (_, name) => values[name]);
  const names = (list) => [...new Set(list)].join(", ");
  const last_ms = Math.max(...sealed.map(({ at_ms }) => at_ms));
  const seconds = Math.round((end_ms - last_ms) / 1000);
  const seen = { seconds, names: names(sealed.map(({ name }) => name)) };
  const before = sealed.length ? fill(end_ms ? "seen_before" : "seen_locked", seen) : text.seen_nobody;
  return others.length ? [before, fill("seen_others", { names: names(others) })] : [before];
}
