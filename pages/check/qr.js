// A code of 64 hex digits as a QR code: version 3, error correction L, mask 0, and no other (ISO/IEC 18004).

const SIZE = 29;
const DATA_BYTES = 55;
const CHECK_BYTES = 15;
const FORMAT = 0b111011111000100;

function multiply(a, b) {
  let product = 0;
  for (let bit = 7; bit >= 0; bit--) {
    product = (product << 1) ^ ((product >> 7) * 0x11d);
    product ^= ((b >> bit) & 1) * a;
  }
  return product;
}

// The remainder of the data by the generator of Reed and Solomon's code.
function checkBytes(data) {
  const generator = new Array(CHECK_BYTES).fill(0);
  generator[CHECK_BYTES - 1] = 1;
  for (let i = 0, root = 1; i < CHECK_BYTES; i++, root = multiply(root, 2)) {
    generator.forEach((term, j) => (generator[j] = multiply(term, root) ^ (generator[j + 1] ?? 0)));
  }
  const rest = new Array(CHECK_BYTES).fill(0);
  for (const byte of data) {
    const factor = byte ^ rest.shift();
    rest.push(0);
    generator.forEach((term, j) => (rest[j] ^= multiply(term, factor)));
  }
  return rest;
}

// Mode "alphanumeric", the number of characters, eleven bits a pair, the end, and padding.
function dataBytes(hex) {
  const value = (char) => parseInt(char, 16);
  const pairs = hex.match(/../g).map(([a, b]) => (value(a) * 45 + value(b)).toString(2).padStart(11, "0"));
  const bits = `0010${hex.length.toString(2).padStart(9, "0")}${pairs.join("")}0000`;
  const bytes = bits.padEnd(Math.ceil(bits.length / 8) * 8, "0").match(/.{8}/g).map((byte) => parseInt(byte, 2));
  for (let pad = 0xec; bytes.length < DATA_BYTES; pad ^= 0xec ^ 0x11) bytes.push(pad);
  return bytes;
}

// What every code of this version has: finders, alignment, timing and format; undefined where data goes.
function frame() {
  const rows = Array.from({ length: SIZE }, () => new Array(SIZE).fill(undefined));
  const square = (x, y, radius, dark) => {
    for (let dy = -radius; dy <= radius; dy++) {
      for (let dx = -radius; dx <= radius; dx++) {
        if (rows[y + dy] && x + dx >= 0 && x + dx < SIZE) rows[y + dy][x + dx] = dark(Math.max(Math.abs(dx), Math.abs(dy)));
      }
    }
  };
  for (let i = 0; i < SIZE; i++) rows[6][i] = rows[i][6] = i % 2 === 0;
  for (const [x, y] of [[3, 3], [SIZE - 4, 3], [3, SIZE - 4]]) square(x, y, 4, (ring) => ring !== 2 && ring !== 4);
  square(22, 22, 2, (ring) => ring !== 1);
  for (let i = 0; i < 15; i++) {
    const dark = ((FORMAT >> i) & 1) === 1;
    if (i < 8) rows[i < 6 ? i : i + 1][8] = rows[8][SIZE - 1 - i] = dark;
    else rows[8][i < 9 ? 7 : 14 - i] = rows[SIZE - 15 + i][8] = dark;
  }
  rows[SIZE - 8][8] = true;
  return rows;
}

// The code as rows of booleans, true where it is dark.
export function qrRows(hex) {
  const data = dataBytes(hex);
  const bits = [...data, ...checkBytes(data)].flatMap((byte) => [7, 6, 5, 4, 3, 2, 1, 0].map((i) => (byte >> i) & 1));
  const rows = frame();
  let next = 0;
  for (let right = SIZE - 1; right > 0; right -= right === 8 ? 3 : 2) {
    for (let step = 0; step < SIZE; step++) {
      const y = ((right + 1) & 2) === 0 ? SIZE - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (rows[y][x] === undefined) rows[y][x] = ((bits[next++] ?? 0) === 1) !== ((x + y) % 2 === 0);
      }
    }
  }
  return rows;
}
