// The worker that checks drand's signatures, as the gate joins it: `node --test tests/round.test.mjs`.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { createContext, runInContext } from "node:vm";

const text = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const KEY =
  "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451" +
  "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a";
const SIGNATURE = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39";

// Whatever a worker has, and no more.
function worker() {
  const answers = [];
  const scope = createContext({ TextEncoder, postMessage: (answer) => answers.push(answer) });
  const plain = (path) => text(path).replaceAll(/^import .*$/gm, "").replaceAll(/^export /gm, "");
  const parts = [text("../pages/vendor/bls12-381.js"), plain("../pages/waiting/sha256.js"), plain("../pages/check/round.js")];
  runInContext(parts.join("\n"), scope);
  return (data) => (scope.onmessage({ data }), answers.pop());
}

test("round 1000 of quicknet is drand's, and nothing else is taken for it", () => {
  const ask = worker();
  assert.equal(ask({ round: 1000, signature: SIGNATURE, key: KEY }), true);
  assert.equal(ask({ round: 1001, signature: SIGNATURE, key: KEY }), false);
  const bent = (hex, at) => hex.slice(0, at) + (hex[at] === "0" ? "1" : "0") + hex.slice(at + 1);
  assert.equal(ask({ round: 1000, signature: bent(SIGNATURE, 90), key: KEY }), false);
  assert.equal(ask({ round: 1000, signature: SIGNATURE, key: bent(KEY, 180) }), false);
  // Another point of the curve: the negative of the signature.
  assert.equal(ask({ round: 1000, signature: `9${SIGNATURE.slice(1)}`, key: KEY }), false);
  // The point at infinity is the signature of everything under a key that is none.
  const infinity = (bytes) => `c0${"00".repeat(bytes - 1)}`;
  assert.equal(ask({ round: 1000, signature: infinity(48), key: KEY }), false);
  assert.equal(ask({ round: 1000, signature: infinity(48), key: infinity(96) }), false);
  assert.equal(ask({ round: 1000, signature: "00", key: KEY }), false);
});

test("the library is the file that its own note describes", () => {
  const [, written] = /sha256sum bls12-381.js +# (\w{64})/.exec(text("../pages/vendor/README.md"));
  const hash = createHash("sha256").update(text("../pages/vendor/bls12-381.js")).digest("hex");
  assert.equal(hash, written);
});
