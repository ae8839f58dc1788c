// The puzzle `birthday-18`: 16 of a table's 2^19 rows that XOR to zero, by Wagner's algorithm in 29 MB. A worker.

const ROWS = 2 ** 19;
// What agrees in the high 8 bits of its lowest group lies together, as near as a processor's cache. A bucket has about
// 2,048 sums, with a standard deviation of 50.
const BUCKETS = 256;
const BUCKET_MAX = 2560;
const PLACES = BUCKETS * BUCKET_MAX;

const array = (length) => new Int32Array(length);

// Of a level and of the next: three words a sum, and how many sums each bucket has.
let sums = array(3 * PLACES);
let counts = array(BUCKETS);
let later = array(3 * PLACES);
let ends = array(BUCKETS);
// Of each level what a sum is made of: a row's number, later bucket (8 bits) and both places in it (12 bits each).
const parts = [0, 0, 0, 0, 0].map(() => array(PLACES));
// The sums of a bucket that agree in the low 10 bits, too: the last, and the one before each.
const heads = array(1024);
const links = array(BUCKET_MAX);

function put(into, ends, made, part, w0, w1, w2) {
  const bucket = (w0 >>> 10) & 255;
  const count = ends[bucket];
  if (count === BUCKET_MAX) return;
  ends[bucket] = count + 1;
  const place = bucket * BUCKET_MAX + count;
  made[place] = part;
  into[3 * place] = w0;
  into[3 * place + 1] = w1;
  into[3 * place + 2] = w2 & 0x3ffffff;
}

// Five rows a block of the original ChaCha20: three words each, and the last of the 16 is dropped. A round is the same
// quarter round four times, with the columns taking turns, and then each line is mirrored so that columns become
// diagonals, or columns again. What is repeated to the byte costs a page nothing, and a compiler renames what is moved.
function fill(into, ends, made, key, table) {
  const bytes = Uint8Array.from(key.match(/../g), (byte) => parseInt(byte, 16));
  const [k0, k1, k2, k3, k4, k5, k6, k7] = new Int32Array(bytes.buffer);
  for (let row = 0, block = 0; row < ROWS; row += 5, block++) {
    let a0 = 0x61707865, a1 = 0x3320646e, a2 = 0x79622d32, a3 = 0x6b206574;
    let b0 = k0, b1 = k1, b2 = k2, b3 = k3, c0 = k4, c1 = k5, c2 = k6, c3 = k7;
    let d0 = block, d1 = 0, d2 = table, d3 = 0, t;
    for (let round = 0; round < 20; round++) {
      d0 ^= a0 = (a0 + b0) | 0;
      d0 = (d0 << 16) | (d0 >>> 16);
      b0 ^= c0 = (c0 + d0) | 0;
      b0 = (b0 << 12) | (b0 >>> 20);
      d0 ^= a0 = (a0 + b0) | 0;
      d0 = (d0 << 8) | (d0 >>> 24);
      b0 ^= c0 = (c0 + d0) | 0;
      b0 = (b0 << 7) | (b0 >>> 25);
      t = a0; a0 = a1; a1 = a2; a2 = a3; a3 = t;
      t = b0; b0 = b1; b1 = b2; b2 = b3; b3 = t;
      t = c0; c0 = c1; c1 = c2; c2 = c3; c3 = t;
      t = d0; d0 = d1; d1 = d2; d2 = d3; d3 = t;
      d0 ^= a0 = (a0 + b0) | 0;
      d0 = (d0 << 16) | (d0 >>> 16);
      b0 ^= c0 = (c0 + d0) | 0;
      b0 = (b0 << 12) | (b0 >>> 20);
      d0 ^= a0 = (a0 + b0) | 0;
      d0 = (d0 << 8) | (d0 >>> 24);
      b0 ^= c0 = (c0 + d0) | 0;
      b0 = (b0 << 7) | (b0 >>> 25);
      t = a0; a0 = a1; a1 = a2; a2 = a3; a3 = t;
      t = b0; b0 = b1; b1 = b2; b2 = b3; b3 = t;
      t = c0; c0 = c1; c1 = c2; c2 = c3; c3 = t;
      t = d0; d0 = d1; d1 = d2; d2 = d3; d3 = t;
      d0 ^= a0 = (a0 + b0) | 0;
      d0 = (d0 << 16) | (d0 >>> 16);
      b0 ^= c0 = (c0 + d0) | 0;
      b0 = (b0 << 12) | (b0 >>> 20);
      d0 ^= a0 = (a0 + b0) | 0;
      d0 = (d0 << 8) | (d0 >>> 24);
      b0 ^= c0 = (c0 + d0) | 0;
      b0 = (b0 << 7) | (b0 >>> 25);
      t = a0; a0 = a1; a1 = a2; a2 = a3; a3 = t;
      t = b0; b0 = b1; b1 = b2; b2 = b3; b3 = t;
      t = c0; c0 = c1; c1 = c2; c2 = c3; c3 = t;
      t = d0; d0 = d1; d1 = d2; d2 = d3; d3 = t;
      d0 ^= a0 = (a0 + b0) | 0;
      d0 = (d0 << 16) | (d0 >>> 16);
      b0 ^= c0 = (c0 + d0) | 0;
      b0 = (b0 << 12) | (b0 >>> 20);
      d0 ^= a0 = (a0 + b0) | 0;
      d0 = (d0 << 8) | (d0 >>> 24);
      b0 ^= c0 = (c0 + d0) | 0;
      b0 = (b0 << 7) | (b0 >>> 25);
      t = a0; a0 = a1; a1 = a2; a2 = a3; a3 = t;
      t = b0; b0 = b1; b1 = b2; b2 = b3; b3 = t;
      t = c0; c0 = c1; c1 = c2; c2 = c3; c3 = t;
      t = d0; d0 = d1; d1 = d2; d2 = d3; d3 = t;
      t = a1; a1 = a3; a3 = t;
      t = b0; b0 = b1; b1 = t;
      t = b2; b2 = b3; b3 = t;
      t = c0; c0 = c2; c2 = t;
      t = d0; d0 = d3; d3 = t;
      t = d1; d1 = d2; d2 = t;
    }
    put(into, ends, made, row, a0 + 0x61707865, a1 + 0x3320646e, a2 + 0x79622d32);
    put(into, ends, made, row + 1, a3 + 0x6b206574, b0 + k0, b1 + k1);
    put(into, ends, made, row + 2, b2 + k2, b3 + k3, c0 + k4);
    if (row + 3 === ROWS) return;
    put(into, ends, made, row + 3, c1 + k5, c2 + k6, c3 + k7);
    put(into, ends, made, row + 4, d0 + block, d1, d2 + table);
  }
}

// Sums of two that agree in their lowest group, without that group. Of the last level only what leaves nothing.
function pair(from, starts, into, ends, made, last) {
  for (let bucket = 0; bucket < BUCKETS; bucket++) {
    const first = bucket * BUCKET_MAX;
    heads.fill(-1);
    for (let right = 0; right < starts[bucket]; right++) {
      const at = 3 * (first + right);
      const w0 = from[at], w1 = from[at + 1], w2 = from[at + 2];
      const chain = w0 & 1023;
      let left = heads[chain];
      links[right] = left;
      heads[chain] = right;
      for (; left >= 0; left = links[left]) {
        const other = 3 * (first + left);
        const x0 = w0 ^ from[other], x1 = w1 ^ from[other + 1], x2 = w2 ^ from[other + 2];
        if (last && x0 | x1) continue;
        const part = (bucket << 24) | (left << 12) | right;
        put(into, ends, made, part, (x0 >>> 18) | (x1 << 14), (x1 >>> 18) | (x2 << 14), x2 >>> 18);
      }
    }
  }
}

// The row numbers of a sum: of two halves the one with the lower first number is on the left.
function rowsOf(part, depth) {
  if (!depth--) return [part];
  const half = (place) => rowsOf(parts[depth][(part >>> 24) * BUCKET_MAX + (place & 4095)], depth);
  const [one, two] = [half(part >>> 12), half(part)];
  return one[0] < two[0] ? [...one, ...two] : [...two, ...one];
}

// The solutions of a table in ascending order, in hex: the table in 16 bits, and 16 row numbers of 19 bits.
export function solve(key, table) {
  for (let depth = 0; depth < 5; depth++) {
    ends.fill(0);
    if (depth) pair(sums, counts, later, ends, parts[depth], depth > 3);
    else fill(later, ends, parts[0], key, table);
    [sums, counts, later, ends] = [later, ends, sums, counts];
  }
  // What leaves nothing is in the first bucket.
  return Array.from(parts[4].subarray(0, counts[0]), (part) => rowsOf(part, 4))
    .filter((rows) => new Set(rows).size === 16)
    .map((rows) => rows.reduce((bits, row) => (bits << 19n) | BigInt(row), BigInt(table)).toString(16).padStart(80, "0"))
    .sort();
}

// Which message is the last one, and what is solved of which puzzle: the same puzzle goes on where it stopped.
let turn = 0;
let puzzle = 0;
let next = 0;
let solved = 0;

// Speaks as ALTCHA's workers do. `work` is answered by `{counter, derivedKey, time}`: the last table, the solutions in hex,
// and the time in ms; or by null where another message came, or the time was over. `challenge.parameters` has the number
// of solutions as `cost`, and the key in hex as `data.key`. With `tell`, `{table, solved}` comes after each table.
// Another message (`stop`) stops the work; the next for the same key goes on.
globalThis.onmessage = async ({ data: { type, challenge, counterStart, counterStep, timeout, tell } }) => {
  const mine = ++turn;
  if (type !== "work") return;
  const started = Date.now();
  const { cost, data } = challenge.parameters;
  if (puzzle !== data.key) [puzzle, next, solved] = [data.key, counterStart, []];
  while (solved.length < cost) {
    await new Promise((done) => setTimeout(done));
    if (mine !== turn || (timeout && Date.now() - started > timeout) || next > 4095) return postMessage(null);
    solved.push(...solve(puzzle, next).slice(0, 1));
    next += counterStep;
    if (tell) postMessage({ table: next, solved: solved.length });
  }
  const derivedKey = solved.slice(0, cost).join("");
  postMessage({ counter: next - counterStep, derivedKey, time: Date.now() - started });
};
