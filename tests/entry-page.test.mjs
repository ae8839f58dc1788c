// What the waiting page asks of those who enter, in a real Chromium against a gate of the tests' own: `node --test
// tests/entry-page.test.mjs`.

import assert from "node:assert/strict";
import { createHash, createPublicKey, verify } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";

import { solve } from "../pages/entry/birthday.js";
import { bondOf, nonceOf, puzzleOf } from "../pages/entry/made.js";
import { tagged } from "../pages/waiting/own.js";
import { fromHex, toHex } from "../pages/waiting/place.js";
import { cutOff, inChromium } from "./chromium.mjs";
import { BASE, D, gate, problem, statusOf, ticketOf, workNow } from "./entry-double.mjs";

const CODE = "7H3KQ9XW2MVK";
const by = { sha: (bytes) => crypto.subtle.digest("SHA-256", bytes), tagged, fromHex, toHex };
const bytesOf = (text) => Uint8Array.from(Buffer.from(text, "base64url"));
const hexOf = (bytes) => Buffer.from(bytes).toString("hex");

// A browser at the page of a gate with these calls.
function visit(calls, use, path = "/", host = "127.0.0.1") {
  const { handle, heard } = gate(calls);
  const act = async (run, command, served) => {
    const origin = served.replace("127.0.0.1", host);
    await command("window/rect", { width: 420, height: 900 });
    const page = {
      heard,
      run,
      command,
      origin,
      named: (name) => heard.filter((call) => call.name === name),
      value: (expression) => run(`const done = arguments[0]; Promise.resolve(${expression}).then(done)`),
      text: () => run("arguments[0](document.querySelector('main').innerText)"),
      async until(expression, words, patience = 20_000) {
        const end = Date.now() + patience;
        for (;;) {
          const seen = await page.value(expression).then(String, (error) => {
            if (cutOff(error)) return "cut off by another page";
            throw error;
          });
          if (seen.includes(words)) return seen;
          if (Date.now() > end) assert.fail(`${expression} is ${seen}, not ${words}; calls: ${JSON.stringify(heard)}`);
          await new Promise((done) => setTimeout(done, 100));
        }
      },
      shows: (words, patience) => page.until("document.querySelector('main').innerText", words, patience),
      press: (words) =>
        page.value(`[...document.querySelectorAll("button")].find((it) => it.textContent === ${JSON.stringify(words)}).click()`),
      async type(text) {
        await page.value("document.querySelector('.entry input').focus()");
        const keys = [...text].flatMap((value) => ["keyDown", "keyUp"].map((type) => ({ type, value })));
        await command("actions", { actions: [{ type: "key", id: "keys", actions: keys }] });
      },
      async screenshot(name) {
        const folder = new URL("../target/screenshots/", import.meta.url);
        mkdirSync(folder, { recursive: true });
        writeFileSync(new URL(`${name}.png`, folder), Buffer.from(await command("screenshot"), "base64"));
      },
    };
    await command("url", { url: origin + path });
    return use(page);
  };
  return inChromium(handle, "", act, "--host-resolver-rules=MAP fans.example 127.0.0.1");
}

const asks = (ways, more = {}) => ({ identity: [], any_of: Object.keys(ways), all_of: [], ways, binding: "none", ...more });

// A join that is let in, with its entry made of the nonce that came.
function letIn({ json }) {
  const tag = "0".repeat(32);
  const entry = createHash("sha256")
    .update("fairgate/v2/entry\0").update(Buffer.from(D, "hex")).update(Buffer.from([1]))
    .update(bytesOf(json.nonce)).update(Buffer.from(tag, "hex")).digest("hex");
  return [200, { kind: "pool", index: 3, tier: 1, tag, again: false, entry, ticket: ticketOf({ kind: "pool", n: 3, entry, tier: 1, tag }) }];
}

// Whether work is what its bond asks for.
async function isSolved({ nonce, show }, credential, effort) {
  const { seed } = workNow();
  const key = await puzzleOf(by, D, seed, await bondOf(by, bytesOf(nonce), credential));
  const tables = hexOf(bytesOf(show.work.s)).match(/.{80}/g);
  return tables.length === effort && tables.every((hex) => solve(key, parseInt(hex.slice(0, 4), 16)).includes(hex));
}

test("work goes by itself, is heard of three times, and the join has it for this very entry", async () => {
  const calls = { status: () => [200, statusOf({ entry: asks({ work: workNow(2) }) })], join: letIn };
  await visit(calls, async (page) => {
    await page.value(`(globalThis.said = [document.getElementById("say").textContent], new MutationObserver(() => said.push(document.getElementById("say").textContent))
      .observe(document.getElementById("say"), { childList: true, characterData: true, subtree: true }))`);
    await page.shows("You are in the draw: Fans");
    const said = await page.value("said.join('|')");
    for (const words of ["Getting you in", "Half of the puzzle", "The puzzle is solved"]) assert.match(said, new RegExp(words));
    const [join] = page.named("join");
    assert.ok(await isSolved(join.json, "", 2));
    const kept = JSON.parse(await page.value("localStorage.getItem('fairgate:tour')"));
    assert.equal(kept.elsewhere, undefined, "the entry is made of this browser's number");
    assert.equal(hexOf(bytesOf(join.json.nonce)), hexOf(await nonceOf(by, bytesOf(kept.nonce))), "u stays here");
    const evidence = JSON.parse(await page.value(`localStorage.getItem('fairgate:tour:draw:${D}')`));
    assert.deepEqual([evidence.receipts[0].nonce, evidence.receipts[0].tier], [kept.nonce, 1]);
    await page.screenshot("entry-joined");
  });
});

// The draw of the protocol's vectors, from its pool to its line.
function vectorDraw() {
  const text = readFileSync(new URL("../docs/DRAW-TIERS.md", import.meta.url), "utf8");
  const vectors = text.slice(text.indexOf("\n## Test vectors"));
  const descriptor = JSON.parse(vectors.match(/^descriptor +(\{.*)$/m)[1]);
  const [seed] = vectors.match(/(?<=^seed +)[0-9a-f]{64}/m);
  const tiers = descriptor.tiers.map(({ name }, at) => ({ name, entries: [3, 5, 4][at], missing: 0, root: "", tags_root: "" }));
  return { label: "committed", descriptor, descriptor_digest: D, seed, tiers, frozen_at_ms: Date.now() };
}

for (const [where, host] of [["a secure origin", "127.0.0.1"], ["an origin that is not", "fans.example"]]) {
  test(`a place in a draw with tiers is worked out by the page on ${where}`, async () => {
    let drawn = false;
    const { seed, tiers, frozen_at_ms, ...open } = vectorDraw();
    const draw = () => (drawn ? { ...open, seed, tiers, frozen_at_ms } : { ...open, seed: null });
    const times = () => (drawn ? { phase: "serving", starts_at_ms: Date.now() - 1000 } : {});
    const calls = { status: () => [200, statusOf({ ...times(), draw: draw() })], join: letIn };
    await visit(calls, async (page) => {
      assert.equal(await page.value("Boolean(crypto.subtle)"), host === "127.0.0.1");
      await page.shows("You are in the draw: Fans");
      drawn = true;
      await page.shows("Drawn by lot from 12 entries.");
      assert.equal(await page.value("document.getElementById('figure').textContent"), "6", "entry 3 of tier 1 has place 5");
      assert.doesNotMatch(await page.text(), /made elsewhere/);
    }, "/", host);
  });
}

test("an entry of another number is said to be made elsewhere, also after a reload", async () => {
  const join = (call) => letIn({ json: { ...call.json, nonce: Buffer.alloc(16, 7).toString("base64url") } });
  await visit({ status: () => [200, statusOf()], join }, async (page) => {
    await page.shows("This entry was made elsewhere");
    await page.screenshot("entry-elsewhere");
    await page.command("refresh", {});
    await page.shows("This entry was made elsewhere");
  });
});

test("while it works there is a bar with words, and after a while another way", async () => {
  const ways = { work: workNow(300), turnstile: { sitekey: "k", action: "join" } };
  const note = { note: "N".repeat(54), not_before_ms: Date.now() + 21_000 };
  const calls = { status: () => [200, statusOf({ entry: asks(ways) })], "entry/wait": () => [200, note], join: letIn };
  await visit(calls, async (page) => {
    await page.until("document.querySelector('.entry [role=progressbar]')?.getAttribute('aria-valuetext')", "% of the puzzle");
    assert.equal(await page.value("document.activeElement.tagName"), "BODY", "nothing moves the focus");
    await page.screenshot("entry-work");
    await page.shows("This device needs longer", 25_000);
    await page.screenshot("entry-work-long");
    await page.press("Wait a minute instead");
    await page.shows("You enter by yourself");
    await page.shows("You are in the draw", 30_000);
    const [join] = page.named("join");
    assert.equal(join.json.show.wait, note.note);
  });
});

test("a network that is asked for more goes on with the same puzzle", async () => {
  let joins = 0;
  const join = (call) => (joins++ ? letIn(call) : problem(428, "more-work", workNow(3)));
  await visit({ status: () => [200, statusOf({ entry: asks({ work: workNow(1) }) })], join }, async (page) => {
    await page.shows("You are in the draw");
    const [first, second] = page.named("join").map((call) => call.json);
    assert.ok((await isSolved(first, "", 1)) && (await isSolved(second, "", 3)));
    assert.ok(second.show.work.s.startsWith(first.show.work.s.slice(0, 52)));
  });
});

test("a mistyped code is told without a call, an unknown one with its number, and a right one is part of the bond", async () => {
  const entry = asks({ code: {}, work: workNow(1) }, { any_of: ["code"], all_of: ["work"] });
  let joins = 0;
  const join = (call) => (joins++ ? letIn(call) : problem(403, "code-unknown", { reference: "FG-7H3KQ9XW2" }));
  await visit({ status: () => [200, statusOf({ entry })], join }, async (page) => {
    await page.shows("Your code");
    await page.type("7h3k-q9xw-2mvj");
    await page.press("Go on");
    await page.shows("A character is mistyped.");
    assert.equal(page.named("join").length, 0);
    await page.screenshot("entry-code-mistyped");
    await page.value("new Promise((done) => setTimeout(done, 1500))");
    assert.equal(await page.value("document.querySelector('.entry input').value"), "7h3k-q9xw-2mvj", "polls leave it alone");
    await page.value("document.querySelector('.entry input').value = ''");
    await page.type("７h3k q9xw–2mvk");
    await page.press("Go on");
    await page.shows("We do not know this code. If you ask about it, name the number FG-7H3KQ9XW2.");
    await page.screenshot("entry-code-unknown");
    await page.type(CODE);
    await page.press("Go on");
    await page.shows("You are in the draw");
    const said = page.named("join").map((call) => call.json);
    assert.deepEqual(said.map(({ show }) => show.code), [CODE, CODE]);
    assert.ok(await isSolved(said[1], CODE, 1));
  });
});

test("who has been signed in enters without another word, and their voucher is part of the bond", async () => {
  const me = { id: "dm91Y2hlcg", ways: ["club"], tier: "fans", until_ms: Date.now() + 3_600_000 };
  const club = { url: `${BASE}/entry/oidc/club`, label: "Sign in as a member" };
  const entry = asks({ club, code: {}, work: workNow(1) }, { any_of: ["club", "code"], all_of: ["work"] });
  const calls = { status: () => [200, statusOf({ entry })], "entry/me": () => [200, me], join: letIn };
  // The provider of the tests sends everybody back at once.
  calls["entry/oidc/club"] = ({ url }) => [303, {}, { location: new URL(url, "http://x").searchParams.get("return_to") }];
  await visit(calls, async (page) => {
    await page.shows("One of these is enough");
    await page.screenshot("entry-choose");
    await page.press("Sign in as a member");
    await page.shows("You are in the draw");
    assert.match(page.named("entry/oidc/club")[0].url, /return_to=%2Ftickets%3Fevent%3D7$/);
    assert.equal(page.named("entry/me").length, 1);
    assert.ok(await isSolved(page.named("join")[0].json, me.id, 1));
  }, "/tickets?event=7");
});

test("before the room opens one may sign in, and enters by oneself when it does", async () => {
  const me = { id: "dm91Y2hlcg", ways: ["club"], until_ms: Date.now() + 3_600_000 };
  const entry = asks({ club: { url: `${BASE}/entry/oidc/club`, label: "Sign in as a member" } });
  let opens_at_ms = Date.now() + 60_000;
  const idle = () => ({ entry, phase: Date.now() < opens_at_ms ? "idle" : "pooling", opens_at_ms });
  const calls = { status: () => [200, statusOf(idle())], "entry/me": () => [200, me], join: letIn };
  calls["entry/oidc/club"] = ({ url }) => [303, {}, { location: new URL(url, "http://x").searchParams.get("return_to") }];
  await visit(calls, async (page) => {
    await page.shows("Sign in now, and you enter by yourself once it opens.");
    await page.screenshot("entry-early");
    await page.press("Sign in as a member");
    await page.until("document.querySelector('.entry')?.hidden", "true");
    assert.equal(page.named("join").length, 0);
    opens_at_ms = Date.now() - 1;
    await page.shows("You are in the draw");
  });
});

test("a shop's token leaves the address, and is shown or handed in by how it is signed", async () => {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  for (const alg of ["HS256", "EdDSA"]) {
    const token = `${part({ alg })}.${part({ sub: "1" })}.AA`;
    const me = { id: "dm91Y2hlcg", ways: ["shop"], until_ms: Date.now() + 60_000 };
    const calls = {
      status: () => [200, statusOf({ entry: asks({ shop: {} }) })],
      "entry/shop": () => [200, {}],
      "entry/me": () => [200, me],
      join: letIn,
    };
    await visit(calls, async (page) => {
      await page.shows("You are in the draw");
      assert.equal(await page.value("location.pathname + location.search"), "/tickets?event=7");
      assert.equal(page.named("join")[0].json.show.shop, alg === "HS256" ? token : undefined);
      assert.deepEqual(page.named("entry/shop").map(({ json }) => json.token), alg === "HS256" ? [] : [token]);
    }, `/tickets?fairgate_enqueue=${token}&event=7`);
  }
});

test("mail has two steps, and what is wrong with the second is told", async () => {
  const me = { id: "dm91Y2hlcg", ways: ["mail"], until_ms: Date.now() + 3_600_000 };
  let checks = 0;
  const calls = {
    status: () => [200, statusOf({ entry: asks({ mail: {} }) })],
    "entry/mail": () => [200, {}],
    "entry/mail/check": () => (checks++ ? [200, {}] : problem(403, "sign-in-failed", { reference: "FG-1" })),
    "entry/me": () => [200, me],
    join: letIn,
  };
  await visit(calls, async (page) => {
    await page.shows("Your mail address");
    await page.type("fan@example.org");
    await page.press("Go on");
    await page.shows("The code from the mail");
    await page.screenshot("entry-mail-code");
    await page.type("12345678");
    await page.press("Go on");
    await page.shows("The sign-in did not succeed. Try again. If you ask about it, name the number FG-1.");
    await page.type("87654321");
    await page.press("Go on");
    await page.shows("You are in the draw");
    assert.deepEqual(page.named("entry/mail").map(({ json }) => json), [{ address: "fan@example.org" }]);
  });
});

test("a provider's check is named before anything of it is loaded, and is for this entry", async () => {
  const entry = asks({ turnstile: { sitekey: "site", action: "join" } });
  const calls = {
    status: () => [200, statusOf({ entry })],
    "entry/provider/turnstile": () => [200, { voucher_until_ms: Date.now() + 60_000 }],
    join: letIn,
  };
  await visit(calls, async (page) => {
    await page.value(`(globalThis.turnstile = { render(place, of) { place.textContent = "widget"; globalThis.rendered = of;
      setTimeout(() => of.callback("pass"), 500); } })`);
    await page.shows("This check comes from turnstile, another company.");
    assert.equal(await page.value("document.querySelector('.entry h3').textContent"), "Check by turnstile");
    assert.equal(await page.value("document.querySelector('.entry a').hash"), "#past");
    await page.screenshot("entry-challenge");
    await page.press("Begin the check by turnstile");
    await page.shows("You are in the draw");
    const [{ json }] = page.named("entry/provider/turnstile");
    const bond = Buffer.from(await bondOf(by, bytesOf(page.named("join")[0].json.nonce), "")).toString("base64url");
    assert.deepEqual(json, { response: "pass", bond });
    assert.equal(await page.value("rendered.cData"), bond);
  });
});

// The room has called the fan.
const called = (entry) =>
  statusOf({ entry, phase: "serving", starts_at_ms: Date.now() - 1000, serving: 100, proof_nonce: "AcDBmqa1wArxtx8jATbY_w" });
const lineTicket = ({ jkt }) => ticketOf({ kind: "line", n: 5, cnf: jkt && { jkt } });
const joinsLine = ({ json }) => [200, { kind: "line", place: 5, entry: "00".repeat(32), ticket: lineTicket(json) }];

// The claims of a proof whose signature holds.
function proven(proof) {
  const [head, claims, signature] = proof.split(".");
  const { jwk, ...header } = JSON.parse(Buffer.from(head, "base64url"));
  const key = createPublicKey({ key: jwk, format: "jwk" });
  const of = { key, dsaEncoding: "ieee-p1363" };
  assert.ok(verify("sha256", `${head}.${claims}`, of, Buffer.from(signature, "base64url")), "the signature");
  assert.deepEqual(header, { alg: "ES256", typ: "dpop+jwt" });
  assert.deepEqual(Object.keys(jwk).sort(), ["crv", "kty", "x", "y"], "nothing private");
  const { crv, kty, x, y } = jwk;
  const jkt = createHash("sha256").update(JSON.stringify({ crv, kty, x, y })).digest("base64url");
  return { jkt, ...JSON.parse(Buffer.from(claims, "base64url")) };
}

test("a bound place has a key that stays, signs its claim, and signs again with a new nonce", async () => {
  let pooling = true;
  const entry = asks({}, { binding: "key" });
  const calls = {
    status: () => [200, pooling ? statusOf({ entry, proof_nonce: "n1" }) : called(entry)],
    join: joinsLine,
    claim: (_, heard) =>
      heard.filter(({ name }) => name === "claim").length > 1
        ? [202, { reason: "not_called", retry_after_ms: 60_000 }]
        : problem(401, "use-proof-nonce", {}, { "dpop-nonce": "n2" }),
  };
  await visit(calls, async (page) => {
    await page.shows("Note these letters.");
    await page.screenshot("entry-keepsake");
    const letters = (await page.text()).match(/[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}/)[0];
    assert.equal(
      await page.value(`new Promise((done) => { const it = indexedDB.open("fairgate"); it.onsuccess = () => {
        it.result.transaction("keys").objectStore("keys").get("tour").onsuccess = async ({ target }) => {
          done(await crypto.subtle.exportKey("jwk", target.result.privateKey).catch((error) => error.name)); }; }; })`),
      "InvalidAccessError",
    );
    pooling = false;
    await page.command("refresh", {});
    await page.until("document.readyState", "complete");
    const end = Date.now() + 20_000;
    while (page.named("claim").length < 2 && Date.now() < end) await new Promise((done) => setTimeout(done, 100));
    const [join] = page.named("join");
    const [first, second] = page.named("claim").map(({ headers }) => proven(headers.dpop));
    assert.deepEqual([first.nonce, second.nonce], ["AcDBmqa1wArxtx8jATbY_w", "n2"]);
    assert.deepEqual([first.jkt, second.jkt], [join.json.jkt, join.json.jkt], "the key of the join, after a reload, too");
    assert.deepEqual([first.htm, first.htu], ["POST", `${page.origin}${BASE}/claim`]);
    assert.equal(first.ath, createHash("sha256").update(page.named("claim")[0].headers.authorization.slice(7)).digest("base64url"));
    const hashed = createHash("sha256").update(`fairgate/v2/keepsake\0${letters.replaceAll("-", "")}`).digest();
    assert.equal(join.json.keepsake, hashed.subarray(0, 16).toString("base64url"));
  });
});

test("a lost key loses no place: the letters name another", async () => {
  let pooling = true;
  let given;
  const entry = asks({}, { binding: "key" });
  const calls = {
    status: () => [200, pooling ? statusOf({ entry, proof_nonce: "n1" }) : called(entry)],
    join: joinsLine,
    claim: ({ json, headers }) =>
      json.keepsake
        ? [202, { reason: "not_called", retry_after_ms: 200, ticket: (given = lineTicket(json)) }]
        : headers.dpop
          ? [202, { reason: "not_called", retry_after_ms: 60_000 }]
          : problem(403, "prove-otherwise", { ways: [], reference: "FG-2" }),
  };
  await visit(calls, async (page) => {
    await page.shows("Note these letters.");
    const letters = (await page.text()).match(/[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}/)[0];
    await page.value(`new Promise((done) => { indexedDB.deleteDatabase("fairgate").onsuccess = () => done(""); })`);
    pooling = false;
    await page.command("refresh", {});
    await page.shows("This browser has lost its key");
    await page.screenshot("entry-lost-key");
    assert.equal(page.named("claim")[0].headers.dpop, undefined, "nothing is signed by a key that nobody knows");
    await page.type(letters.toLowerCase());
    await page.press("Go on");
    const end = Date.now() + 20_000;
    while (!page.named("claim").some(({ json }) => json.keepsake) && Date.now() < end) {
      await new Promise((done) => setTimeout(done, 100));
    }
    const last = page.named("claim").find(({ json }) => json.keepsake).json;
    assert.equal(last.u, JSON.parse(await page.value("localStorage.getItem('fairgate:tour')")).nonce);
    assert.equal(last.keepsake, letters.replaceAll("-", ""));
    assert.notEqual(last.jkt, page.named("join")[0].json.jkt);
    assert.ok(await page.value("JSON.parse(localStorage.getItem('fairgate:tour')).receipt.ticket"), "the ticket is kept");
    while (!page.named("claim").at(-1).headers.dpop && Date.now() < end) await new Promise((done) => setTimeout(done, 100));
    const next = page.named("claim").at(-1).headers;
    assert.equal(proven(next.dpop).jkt, last.jkt, "from then on that key signs");
    assert.equal(next.authorization.slice(7), given, "with the ticket that names it");
  });
});

test("a ticket of another browser's key is signed by nobody's, and the page says what is missing", async () => {
  const entry = asks({}, { binding: "key" });
  const calls = {
    status: () => [200, called(entry)],
    join: () => joinsLine({ json: { jkt: "vQQ8mp3CZ_lggo1F_4767Xtm7df5zXoOS0GhGSCof3I" } }),
    claim: () => problem(403, "prove-otherwise", { ways: [], reference: "FG-2" }),
  };
  await visit(calls, async (page) => {
    await page.shows("This browser has lost its key");
    assert.equal(page.named("claim")[0].headers.dpop, undefined);
    assert.equal(page.named("claim")[0].json.jkt, page.named("join")[0].json.jkt, "it names its own");
  });
});

test("a pass that only waits for its key is proved on the gate's own page, which goes on; without a key it is given up", async () => {
  const ath = "2ukoNsnR_paO_9dmGuIccHez-ROxsuPceyf7PzGLur4";
  const calls = {
    status: () => [200, statusOf({ entry: asks({}, { binding: "key" }), proof_nonce: "n1" })],
    join: joinsLine,
    renew({ headers, json }) {
      if (json.lost) return [204, {}];
      if (!headers.dpop) return problem(401, "use-proof-nonce", { ath }, { "dpop-nonce": "n9" });
      return [200, { now_ms: Date.now(), prove_by_ms: Date.now() + 180_000 }];
    },
  };
  await visit(calls, async (page) => {
    await page.shows("Note these letters.");
    const wait = async (count) => {
      const end = Date.now() + 20_000;
      while (page.named("renew").length < count && Date.now() < end) await new Promise((done) => setTimeout(done, 100));
      return page.named("renew");
    };
    await page.command("url", { url: `${page.origin}/prove` });
    await page.until("document.title", "Shop");
    assert.deepEqual((await wait(2)).map(({ headers }) => Boolean(headers.dpop)), [false, true], "and the shop's page has time");
    await page.value(`new Promise((done) => { indexedDB.deleteDatabase("fairgate").onsuccess = () => done(""); })`);
    await page.command("url", { url: `${page.origin}/prove` });
    await page.until("document.title", "Shop");
    assert.deepEqual((await wait(3)).slice(2).map(({ json }) => json), [{ lost: true }]);
  });
});

test("the shop's pages prove a bound pass before its time is up, and one tab does it for all", async () => {
  const ath = "2ukoNsnR_paO_9dmGuIccHez-ROxsuPceyf7PzGLur4";
  const calls = {
    status: () => [200, statusOf({ entry: asks({}, { binding: "key" }), proof_nonce: "n1" })],
    join: joinsLine,
    renew({ headers }) {
      if (!headers.dpop) return problem(401, "use-proof-nonce", { ath }, { "dpop-nonce": "n9" });
      const now_ms = Date.now();
      return [200, { now_ms, prove_by_ms: now_ms + 6000 }];
    },
  };
  await visit(calls, async (page) => {
    await page.shows("Note these letters.");
    await page.command("url", { url: `${page.origin}/shop` });
    await page.value(`open("/shop/second")`);
    const proofs = () => page.named("renew").filter(({ headers }) => headers.dpop).map(({ headers }) => proven(headers.dpop));
    const end = Date.now() + 20_000;
    const started = Date.now();
    while (proofs().length < 3 && Date.now() < end) await new Promise((done) => setTimeout(done, 100));
    const took_ms = Date.now() - started;
    const [first, second, third] = proofs();
    assert.deepEqual([first.nonce, first.ath, first.htu], ["n9", ath, `${page.origin}${BASE}/renew`]);
    assert.deepEqual([first.jkt, second.jkt, third.jkt], Array(3).fill(page.named("join")[0].json.jkt));
    assert.ok(took_ms > 6000, `three proofs, 4 s apart, in ${took_ms} ms: one tab alone`);
    assert.deepEqual(await page.value("Object.keys(globalThis).filter((name) => name.length < 3)"), [], "nothing of it is in the shop's page");
  });
});

test("what is owed at the claim is asked then, with its number, and the claim goes on", async () => {
  const entry = asks({ turnstile: { sitekey: "site", action: "join" } }, { any_of: [] });
  let owed = true;
  const calls = {
    status: () => [200, called(entry)],
    join: joinsLine,
    claim: () =>
      owed
        ? problem(403, "owes", { ways: ["turnstile"], until_ms: Date.now() + 60_000, reference: "FG-3", reasons: [] })
        : [202, { reason: "not_called", retry_after_ms: 60_000 }],
    "entry/provider/turnstile": () => [((owed = false), 200), { voucher_until_ms: Date.now() + 60_000 }],
  };
  await visit(calls, async (page) => {
    await page.value("(globalThis.turnstile = { render: (place, of) => of.callback('pass') })");
    await page.shows("One check before you go in");
    await page.shows("Many entries came from your network; that need not be you.");
    await page.shows("FG-3");
    await page.screenshot("entry-owes");
    const asked = page.named("claim").length;
    await page.value("new Promise((done) => setTimeout(done, 1000))");
    assert.equal(page.named("claim").length, asked, "it is not asked again meanwhile");
    await page.press("Begin the check by turnstile");
    const end = Date.now() + 10_000;
    while (page.named("claim").length === asked && Date.now() < end) await new Promise((done) => setTimeout(done, 100));
    assert.ok(page.named("claim").length > asked);
    assert.match(page.named("entry/provider/turnstile")[0].headers.authorization, /^Bearer /);
  });
});
