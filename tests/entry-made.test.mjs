// What a browser makes and decides for its entry, by the published vectors: `node --test tests/entry-made.test.mjs`.

import assert from "node:assert/strict";
import { webcrypto } from "node:crypto";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { keepsakeHash, keepsakeOf, thumbprintOf } from "../pages/entry/bind.js";
import { canBeCode, folded, printed } from "../pages/entry/code.js";
import { proofFor, publicOf } from "../pages/entry/key.js";
import { bondOf, isMadeOf, nonceOf, puzzleOf, unspelled } from "../pages/entry/made.js";
import { kindOf, nextStep, shareOf } from "../pages/entry/ways.js";
import { placeInDraw, tagged } from "../pages/waiting/own.js";
import { fromHex, toHex } from "../pages/waiting/place.js";

const sha = (bytes) => crypto.subtle.digest("SHA-256", bytes);
const by = { sha, tagged, fromHex, toHex };
const D = "22e36c62347d489d3a2af3e31ec8e06a784f73ced0222510ae373233781933e6";
const V = "1ffc5f7020b9273e35debe630341c9bc";
const CODE = "7H3KQ9XW2MVK";
const curve = { name: "ECDSA", namedCurve: "P-256" };

test("nonce, bond and puzzle are the vectors'", async () => {
  const v = await nonceOf(by, new Uint8Array(16));
  assert.equal(toHex(v), V);
  const bond = await bondOf(by, v, "");
  assert.equal(toHex(bond), "0fa3539b43c6591c39d7c39016c7780c");
  assert.equal(toHex(await bondOf(by, v, CODE)), "3454cf5c48730cc3085b47185eece360");
  const key = await puzzleOf(by, D, "5f9c25f4975368e3ef4534f1464d3268", bond);
  assert.equal(key, "b5a34de3646320db255f7a43e1c33d1acccbfc2bd5afd5eef84a169286614069");
});

test("an entry is known for one's own", async () => {
  const entry = "9373029ee9549d246e66fb6dd6b42885f36ea35a1ef733e5fdf76e22c50038d6";
  const receipt = { tier: 0, tag: "0554622971da338e938f1eff14a8060c", entry };
  assert.ok(await isMadeOf(by, new Uint8Array(16), D, receipt));
  assert.ok(!(await isMadeOf(by, new Uint8Array(16).fill(1), D, receipt)));
  assert.ok(!(await isMadeOf(by, new Uint8Array(16), D, { ...receipt, tier: 1 })));
});

test("the places of the waiting page are those of the protocol, in all its draws", async () => {
  const text = readFileSync(new URL("../docs/DRAW-TIERS.md", import.meta.url), "utf8");
  const vectors = text.slice(text.indexOf("\n## Test vectors"));
  const [seed] = vectors.match(/(?<=^seed +)[0-9a-f]{64}/m);
  const descriptor = JSON.parse(vectors.match(/^descriptor +(\{.*)$/m)[1]);
  const draw = { descriptor, seed, tiers: [3, 5, 4].map((entries) => ({ entries })) };
  const places = async (tier, count) =>
    Promise.all(Array.from({ length: count }, (_, index) => placeInDraw(sha, draw, { tier, index })));
  assert.deepEqual(await places(0, 3), [1, 0, 2]);
  assert.deepEqual(await places(1, 5), [7, 4, 3, 5, 8]);
  assert.deepEqual(await places(2, 4), [10, 6, 9, 11]);
});

test("a code is read however it is typed, and what is mistyped is seen", () => {
  for (const typed of ["7h3k-q9xw-2mvk", " 7H3K Q9XW 2MVK\n", "７ｈ３ｋ　ｑ９ｘｗ–2MVK", "7H3K\u{ad}Q9XW\u200b2MVK\ufeff"]) {
    assert.equal(folded(typed), CODE, typed);
  }
  assert.equal(folded("OoIiLl00"), "00111100");
  assert.ok(canBeCode(CODE) && printed(CODE) === "7H3K-Q9XW-2MVK");
  for (const at of CODE.split("").keys()) {
    for (const other of "0123456789ABCDEFGHJKMNPQRSTVWXYZ") {
      const wrong = CODE.slice(0, at) + other + CODE.slice(at + 1);
      assert.equal(canBeCode(wrong), wrong === CODE, wrong);
    }
  }
  for (const wrong of ["", CODE.slice(1), `${CODE}0`, "7H3KQ9XW2MUK", "7H3KQ9XW2M#K", "7H3KQ9XW2M_K", "7H3K9QXW2MVK"]) {
    assert.ok(!canBeCode(wrong), wrong);
  }
  assert.ok(canBeCode("SUMMER2026", true) && !canBeCode("SUMMER", true) && !canBeCode("SUMMER#26", true));
});

test("the keepsake is the one of u, and its hash that of the ticket", async () => {
  const keepsake = await keepsakeOf(new Uint8Array(16));
  assert.equal(printed(keepsake), "Z5TD-0QBX-CCP0");
  assert.ok(canBeCode(keepsake));
  const hash = Buffer.from(await sha(Buffer.from(`fairgate/v2/keepsake\0${keepsake}`))).subarray(0, 16);
  assert.equal(await keepsakeHash(keepsake), hash.toString("base64url"));
});

// The key of the vectors: its private scalar, and the public point that stands in the valid proof.
const SCALAR = Buffer.from("262ab493f1943e9fd65e0a50c32ab19c2fb71c476717947aa559567c6d27d4b9", "hex").toString("base64url");
const PROOF =
  "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRwb3Arand0IiwiandrIjp7Imt0eSI6IkVDIiwiY3J2IjoiUC0yNTYiLCJ4IjoibExhRG5Bdlg2V0MtZm9ZSUd6QUNma0l4VzFBbkxENTlmckhDOTVJbkJXOCIsInkiOiJDYjRSX2MtSHd6ZklwVW1SNGFTT0JmSHdELTRuTzE2VHUyNEU0Z2pabnM0In19.eyJqdGkiOiJXeEtJdmJoc3p6UE1BVmphIiwiaHRtIjoiUE9TVCIsImh0dSI6Imh0dHBzOi8vdGlja2V0cy5leGFtcGxlLy5mYWlyZ2F0ZS9maW5hbC9jbGFpbSIsImlhdCI6MTc2NDU4MTQwMCwibm9uY2UiOiJBY0RCbXFhMXdBcnh0eDhqQVRiWV93IiwiYXRoIjoiMnVrb05zblJfcGFPXzlkbUd1SWNjSGV6LVJPeHN1UGNleWY3UHpHTHVyNCJ9.JpLsA8yQ7qEfrdObscz-6e07vYYz1tuMFCuHuayLoI_tdjYkqpSfEU_sGcboE57ZQv-Pul59U8yCxihgBd7KUg";
const partOf = (proof, at) => JSON.parse(Buffer.from(proof.split(".")[at], "base64url"));

async function holds(proof) {
  const [head, claims, signature] = proof.split(".");
  const { crv, kty, x, y } = partOf(proof, 0).jwk;
  const key = await webcrypto.subtle.importKey("jwk", { crv, kty, x, y }, curve, true, ["verify"]);
  return webcrypto.subtle.verify({ name: "ECDSA", hash: "SHA-256" }, key, unspelled(signature), Buffer.from(`${head}.${claims}`));
}

test("thumbprint and proof are as the vectors have them", async () => {
  const { crv, kty, x, y } = partOf(PROOF, 0).jwk;
  const imported = (jwk, uses) => webcrypto.subtle.importKey("jwk", { crv, kty, x, y, ...jwk }, curve, true, uses);
  const pair = { publicKey: await imported({}, ["verify"]), privateKey: await imported({ d: SCALAR }, ["sign"]) };
  assert.equal(await thumbprintOf(pair), "vQQ8mp3CZ_lggo1F_4767Xtm7df5zXoOS0GhGSCof3I");
  assert.deepEqual(await publicOf(pair), { crv, kty, x, y });
  assert.ok(await holds(PROOF));
  const { htu: url, nonce, ath } = partOf(PROOF, 1);
  const own = await proofFor(pair, { url, nonce, ath });
  assert.ok((await holds(own)) && own.length <= 1024);
  assert.deepEqual(Object.keys(partOf(own, 1)).sort(), Object.keys(partOf(PROOF, 1)).sort());
  const { jti, iat, ...same } = partOf(own, 1);
  const { jti: _, iat: __, ...expected } = partOf(PROOF, 1);
  assert.deepEqual(same, expected);
  assert.deepEqual({ ...partOf(own, 0), jwk: 0 }, { ...partOf(PROOF, 0), jwk: 0 });
  assert.ok(jti.length >= 16 && Number.isInteger(iat));
});

test("what is asked comes in an order in which nothing is made in vain", () => {
  const ways = {
    work: { e: 1, seed: "00", effort: 2 },
    code: {},
    mail: {},
    shop: {},
    club: { url: "/x", label: "Club" },
    turnstile: { sitekey: "k" },
  };
  const asked = (names) => Object.fromEntries(names.map((name) => [name, ways[name]]));
  const next = (any_of, all_of, shown, more = []) => {
    const entry = { any_of, all_of, ways: asked([...any_of, ...all_of, ...more]) };
    return nextStep(entry, (name) => shown.includes(name), shown.includes("without"));
  };
  assert.deepEqual(Object.entries(ways).map(([name, ask]) => kindOf(name, ask)), [
    "work", "code", "mail", "shop", "sign-in", "challenge",
  ]);
  assert.deepEqual(next([], ["work", "code"], []), { ways: ["code"] }, "the code is part of what the work is for");
  assert.deepEqual(next([], ["work", "code"], ["code"]), { ways: ["work"] });
  assert.equal(next([], ["work", "code"], ["code", "work"]), null);
  assert.deepEqual(next(["club", "mail"], ["work"], []), { ways: ["club", "mail"], skip: false });
  assert.deepEqual(next(["club", "mail"], ["work"], ["mail"]), { ways: ["work"] });
  assert.deepEqual(next(["work", "turnstile"], [], []), { ways: ["work", "turnstile"] });
  assert.deepEqual(next(["club", "work"], [], []), { ways: ["club"], skip: true }, "a sign-in may give a better tier");
  assert.deepEqual(next(["club", "work"], [], ["without"]), { ways: ["work"] });
  assert.deepEqual(next([], ["work"], [], ["code"]), { ways: ["code"], skip: true });
  assert.deepEqual(next([], ["work"], ["without"], ["code"]), { ways: ["work"] });
  assert.deepEqual(next([], ["work"], [], ["shop"]), { ways: ["work"] }, "nobody is asked for a shop's token");
  assert.equal(next([], [], []), null);
});

test("the bar never goes back and is full at the end alone", () => {
  const shares = [[1, 0], [2, 1], [3, 1], [4, 2]].map(([table, solved]) => shareOf({ table, solved }, 3));
  assert.deepEqual([...shares].sort((a, b) => a - b), shares);
  assert.ok(shareOf({ table: 30, solved: 2 }, 3) < 1 && shareOf({ table: 4, solved: 3 }, 3) === 1);
});
