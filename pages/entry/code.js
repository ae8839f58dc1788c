// Codes: eleven characters of Crockford's base32 and a check character over GF(32), and what people type
// instead.

export const ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const MADE_CHARACTERS = 12;

// As it counts: case, full-width forms, hyphens and spaces do not matter, O is 0, I and L are 1.
export function folded(typed) {
  const plain = typed.normalize("NFKC").toUpperCase();
  const marks = /[\s\-\u2010-\u2015\u2212\u30fc\u00ad\u200b-\u200d\u2060\ufeff]/g;
  return plain.replace(marks, "").replaceAll("O", "0").replace(/[IL]/g, "1");
}

// What is left over of a whole code: 0 where its check character is right.
export function remainder(code) {
  return Array.from(code).reduce((rest, c) => (rest << 1) ^ (rest & 16 ? 37 : 0) ^ ALPHABET.indexOf(c), 0);
}

// Whether a folded text can be a code: of a list of the organizer's own it may be any, and others show what is mistyped.
export function canBeCode(code, own) {
  if (own) return /^[0-9A-Z]{8,64}$/.test(code);
  return code.length === MADE_CHARACTERS && /^[^U_]+$/.test(code) && /^\w+$/.test(code) && remainder(code) === 0;
}

// As it is printed: groups of four.
export function printed(code) {
  return code.match(/.{1,4}/g).join("-");
}
