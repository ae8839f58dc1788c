// A place from (index, N, seed), as the draw protocol has it: the swap-or-not shuffle with ChaCha20.

const ROUNDS = 256;
const PIVOT_STREAM = [0xffffffff, 0xffffffff];

export function fromHex(hex) {
  return Uint8Array.from(hex.match(/../g) ?? [], (byte) => parseInt(byte, 16));
}

export function toHex(bytes) {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function quarter(x, a, b, c, d) {
  x[a] += x[b];
  x[d] = rotate(x[d] ^ x[a], 16);
  x[c] += x[d];
  x[b] = rotate(x[b] ^ x[c], 12);
  x[a] += x[b];
  x[d] = rotate(x[d] ^ x[a], 8);
  x[c] += x[d];
  x[b] = rotate(x[b] ^ x[c], 7);
}

function rotate(word, bits) {
  return (word << bits) | (word >>> (32 - bits));
}

// One block of the original ChaCha20: 64-bit block counter, 64-bit stream number as [low, high].
export function chachaBlock(key, counter, stream) {
  const words = [counter % 2 ** 32, Math.floor(counter / 2 ** 32), ...stream];
  const start = Uint32Array.of(0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, ...key, ...words);
  const x = start.slice();
  for (let round = 0; round < 10; round++) {
    quarter(x, 0, 4, 8, 12);
    quarter(x, 1, 5, 9, 13);
    quarter(x, 2, 6, 10, 14);
    quarter(x, 3, 7, 11, 15);
    quarter(x, 0, 5, 10, 15);
    quarter(x, 1, 6, 11, 12);
    quarter(x, 2, 7, 8, 13);
    quarter(x, 3, 4, 9, 14);
  }
  return x.map((word, i) => word + start[i]);
}

function keyWords(seed) {
  const view = new DataView(fromHex(seed).buffer);
  return Array.from({ length: 8 }, (_, i) => view.getUint32(i * 4, true));
}

// The pivots, without bias (Lemire): BigInt, for the products have 128 bits.
function* pivots(key, entries) {
  const n = BigInt(entries);
  const threshold = (2n ** 64n - n) % n;
  for (let counter = 0; ; counter++) {
    const block = chachaBlock(key, counter, PIVOT_STREAM);
    for (let i = 0; i < 16; i += 2) {
      const product = (BigInt(block[i]) + (BigInt(block[i + 1]) << 32n)) * n;
      if (BigInt.asUintN(64, product) >= threshold) yield Number(product >> 64n);
    }
  }
}

// The place of a pool entry.
export function placeOf(index, entries, seed) {
  const key = keyWords(seed);
  const source = pivots(key, entries);
  let x = index;
  for (let round = 0; round < ROUNDS; round++) {
    const y = (source.next().value - x + entries) % entries;
    const q = Math.max(x, y);
    const word = chachaBlock(key, Math.floor(q / 512), [round, 0])[Math.floor(q / 32) % 16];
    if ((word >>> (q % 32)) & 1) x = y;
  }
  return x;
}
