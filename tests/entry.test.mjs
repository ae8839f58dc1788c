// The puzzle before an entry, as browsers solve it: `node --test tests/entry.test.mjs`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { solve } from "../pages/entry/birthday.js";

const KEY = "b5a34de3646320db255f7a43e1c33d1acccbfc2bd5afd5eef84a169286614069";
const S = "AAADh9PADU6k5VvXUO1CPLWul0AsBGXS7QxEAbdTY-4zorql2S8l7QABBVU5BCmlpjx2IMc-Rh7oZ7_LjB3OOT60qEFuRBYUQy9_68UG1TY";
const [FIRST, SECOND] = Buffer.from(S, "base64url").toString("hex").match(/.{80}/g);

const parameters = (cost, key = KEY) => ({ cost, data: { key } });
const request = (cost, more) => ({
  type: "work",
  challenge: { parameters: parameters(cost) },
  counterStart: 0,
  counterStep: 1,
  ...more,
});

// Sends the worker a message, and collects what it says until it is done. `heard` may send more.
async function told(data, heard = () => {}) {
  const said = [];
  globalThis.postMessage = (message) => {
    said.push(message);
    heard(message);
  };
  await globalThis.onmessage({ data });
  return said;
}

// A key that no other test has begun to work for.
const freshKey = (digit) => digit.repeat(64);

const rowsOf = (hex) => {
  const bits = BigInt(`0x${hex}`).toString(2).padStart(320, "0");
  return Array.from({ length: 16 }, (_, i) => parseInt(bits.slice(16 + 19 * i, 35 + 19 * i), 2));
};

test("the tables of the vector have the solutions of the vector", () => {
  const found = Array.from({ length: 8 }, (_, table) => solve(KEY, table));
  assert.deepEqual(found.map((solutions) => solutions.length), [1, 2, 1, 2, 3, 3, 2, 3]);
  assert.deepEqual(found[0], [FIRST]);
  assert.equal(found[1][0], SECOND);
  const rows = [7230, 323587, 171337, 415165, 239734, 329970, 439762, 475180];
  assert.deepEqual(rowsOf(FIRST).slice(0, 8), rows);
});

test("a solution has 16 different rows, the lower of two halves on the left", () => {
  const solutions = [2, 3, 4, 5].flatMap((table) => solve(KEY, table)).map(rowsOf);
  assert.ok(solutions.length > 8);
  for (const rows of solutions) {
    assert.equal(new Set(rows).size, 16);
    for (const width of [1, 2, 4, 8]) {
      for (let at = 0; at < 16; at += 2 * width) assert.ok(rows[at] < rows[at + width], `${rows}`);
    }
  }
});

test("the worker tells of each table, and ends with the solutions of as many as asked", async () => {
  const said = await told(request(2, { tell: true }));
  const last = said.pop();
  assert.deepEqual(said, [{ table: 1, solved: 1 }, { table: 2, solved: 2 }]);
  assert.equal(last.derivedKey, FIRST + SECOND);
  assert.equal(last.counter, 1);
  assert.ok(last.time >= 0);
});

test("more work for the same key begins where the last ended", async () => {
  await told(request(2));
  const [first, last] = await told(request(3, { tell: true }));
  assert.deepEqual(first, { table: 3, solved: 3 });
  assert.ok(last.derivedKey.startsWith(FIRST + SECOND + "0002"));
  const [less] = await told(request(1));
  assert.equal(less.derivedKey, FIRST);
});

test("a table without a solution is passed over", async () => {
  // Of this key the table 21 has none.
  assert.deepEqual(solve(KEY, 21), []);
  const key = KEY.toUpperCase();
  const challenge = { parameters: parameters(1, key) };
  const said = await told({ ...request(1, { tell: true, challenge }), counterStart: 21 });
  assert.deepEqual(said[0], { table: 22, solved: 0 });
  assert.ok(said.at(-1).derivedKey.startsWith("0016"));
});

test("a message stops the work, which goes on when it is asked for again", async () => {
  const challenge = { parameters: parameters(3, freshKey("1")) };
  const stop = () => globalThis.onmessage({ data: { type: "stop" } });
  const stopped = await told(request(3, { tell: true, challenge }), stop);
  assert.equal(stopped.length, 2);
  assert.equal(stopped[1], null);
  const [next] = await told(request(3, { tell: true, challenge }));
  assert.equal(next.table, 2);
});

test("the work ends when its time is over", async () => {
  const challenge = { parameters: parameters(4000, freshKey("2")) };
  assert.deepEqual(await told(request(4000, { timeout: 1, challenge })), [null]);
});

test("two workers take turns with the tables", async () => {
  const challenge = { parameters: parameters(2, freshKey("3")) };
  const [solution] = await told(request(2, { counterStart: 1, counterStep: 2, challenge }));
  for (const solved of solution.derivedKey.match(/.{80}/g)) assert.equal(parseInt(solved.slice(0, 4), 16) % 2, 1);
  assert.equal(solution.counter, parseInt(solution.derivedKey.slice(-80).slice(0, 4), 16));
});
