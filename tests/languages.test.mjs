// Every state of the waiting page in every language, as Chromium lays it out on a narrow screen and with large letters.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";

import { inChromium } from "./chromium.mjs";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const FOLDER = "../pages/waiting/lang/";
const RIGHT_TO_LEFT = ["ar", "fa", "he", "ur"];
const POLICY = "default-src 'self'; style-src 'unsafe-inline'; img-src data:";
// A look that hangs ends then. How long a look takes is the machine's business, and says nothing about a page.
const BOUND = { timeout: 1_200_000 };
// Languages that are looked at in one script: Chromium's driver gives each script five minutes.
const AT_ONCE = 9;

// What is not translated yet is English, as at the edge.
const languages = () => {
  const english = JSON.parse(read(`${FOLDER}en.json`));
  return readdirSync(new URL(FOLDER, import.meta.url)).map((name) => {
    const { dir, text, script, check, entry, tell, problem } = JSON.parse(read(`${FOLDER}${name}`));
    const words = { text: { ...english.text, ...text }, texts: { ...english.script, ...script }, entry: { ...english.entry, ...entry } };
    words.told = { ...english.tell, ...tell };
    return { lang: name.replace(".json", ""), dir, ...words, check: check ?? english.check, problem };
  });
};

// The template up to the part without scripts, with the modules that draw it.
function page() {
  const [document] = read("../pages/waiting/template.html").split("{% macro");
  const values = { lang: "en", dir: "ltr", title: "Mariza at the Coliseu", base: "", "style|safe": read("../pages/waiting/style.css") };
  const script = '<script src="/misfits.js"></script><script type="module" src="/languages.js"></script>';
  return document
    .replace(/<noscript>.*<\/noscript>/, "")
    .replace(/<script[^]*<\/script>/, script)
    .replace(/\{\{ ([\w|.]+) \}\}/g, (_, name) => values[name] ?? "");
}

function files() {
  const modules = ["evidence", "own", "pace", "place", "screens", "show", "tiers", "words"];
  const scripts = modules.map((name) => [`/${name}.js`, read(`../pages/waiting/${name}.js`)]);
  return {
    "/": '<!doctype html><script src="/misfits.js"></script><iframe src="/page.html"></iframe>',
    "/page.html": page(),
    "/languages.js": read("./browser/languages.js"),
    "/misfits.js": read("./browser/misfits.js"),
    ...Object.fromEntries(scripts),
  };
}

// At a width in CSS pixels, with letters so many times as large.
const look = `
const [languages, width, letters, done] = arguments;
const frame = document.querySelector("iframe");
Object.assign(frame.style, { width: width + "px", height: "900px", border: "0" });
(function wait() {
  const { judgeLanguage, document } = frame.contentWindow;
  if (!judgeLanguage) return setTimeout(wait, 20);
  document.documentElement.style.fontSize = 100 * letters + "%";
  // Letters as large as usual need no word to be broken.
  Object.assign(document.body.style, { overflowWrap: letters === 1 ? "normal" : "", hyphens: letters === 1 ? "manual" : "" });
  done(languages.map((language) => judgeLanguage(language)));
})();`;

const STYLE = read("../pages/waiting/style.css");
const OTHER_STYLES = {
  check: STYLE + read("../pages/check/check.css"),
  move: STYLE + read("../pages/move/move.css"),
  problem: read("../pages/problem/problem.css"),
};
const html = ({ lang, dir }, style, body) =>
  `<!doctype html><html lang="${lang}" dir="${dir}"><meta charset="utf-8"><style>${style}</style><body>${body}</body></html>`;

// The page on which a device takes a place, with all that it may say, and what the first device says meanwhile.
function movePage(language) {
  const { entry } = language;
  const [, body] = read("../pages/move/move.html").split("<body>");
  const shown = body
    .replace(/<script[^]*/, "")
    .replace(/<noscript>|<\/noscript>| hidden/g, "")
    .replace(/\{\{ text\.([\w-]+) \}\}/g, (_, key) => entry[key])
    .replace(/\{\{ \w+ \}\}/g, "Mariza at the Coliseu");
  const said = Object.entries(entry).filter(([key]) => /^move|^offer-/.test(key)).map(([, words]) => words);
  const words = said.map((said) => `<p class="words">${said}</p><button class="main">${said}</button>`).join("");
  return [`${language.lang} move`, html(language, OTHER_STYLES.move, `${shown}<main>${words}</main>`)];
}

// The page that checks a draw as it is before its script runs, with what the script writes into it, and all refusals.
function otherPages(language) {
  const { check, problem } = language;
  const [, body] = read("../pages/check/check.html").split("<body>");
  const shown = body
    .replace(/<script[^]*/, "")
    .replace(/<noscript>|<\/noscript>| hidden/g, "")
    .replace(/\{\{ text\.(\w+) \}\}/g, (_, key) => check[key])
    .replace(/\{\{ \w+ \}\}/g, "Mariza at the Coliseu");
  const steps = Object.entries(check).filter(([key]) => /_name$|_words$|_kind$|^why_|^seen_/.test(key));
  const list = `<ol class="steps">${steps.map(([, words]) => `<li><h3>${words}</h3><p>${words}</p></li>`).join("")}</ol>`;
  const refusals = Object.entries(problem).map(([key, words]) => (key.endsWith("_words") ? `<p>${words}</p>` : `<h1>${words}</h1>`));
  return [
    [`${language.lang} check`, html(language, OTHER_STYLES.check, shown + list)],
    movePage(language),
    [`${language.lang} problem`, html(language, OTHER_STYLES.problem, `<main>${refusals.join("")}</main>`)],
  ];
}

const lookAtOthers = `
const [pages, width, letters, done] = arguments;
const frame = document.querySelector("iframe");
Object.assign(frame.style, { width: width + "px", height: "900px", border: "0" });
(async () => {
  const found = [];
  for (const [name, html] of pages) {
    await new Promise((loaded) => { frame.onload = loaded; frame.srcdoc = html; });
    frame.contentDocument.documentElement.style.fontSize = 100 * letters + "%";
    found.push(...misfits(frame.contentDocument).map((wide) => name + ": too wide: " + wide));
  }
  done(found);
})();`;

// What a script finds in all of them, a part at a time.
async function inParts(all, script, run, ...given) {
  const found = [];
  for (let from = 0; from < all.length; from += AT_ONCE) {
    found.push(...(await run(script, all.slice(from, from + AT_ONCE), ...given)));
  }
  return found;
}

test("every state fits and is whole in every language, on a narrow screen and with letters twice as large", BOUND, async () => {
  const all = languages();
  await inChromium(files(), POLICY, async (run) => {
    for (const [width, letters] of [[320, 1], [320, 2]]) {
      const judged = await inParts(all, look, run, width, letters);
      assert.deepEqual(judged.flatMap(({ found }) => found), [], `${width} px, letters times ${letters}`);
      assert.equal(judged.length, all.length);
      assert.ok(judged.every(({ states }) => states > 40), "few states are drawn");
    }
  });
  for (const { lang, dir } of all) assert.equal(dir, RIGHT_TO_LEFT.includes(lang) ? "rtl" : "ltr", lang);
});

test("the pages that check a draw and take a place, and the refusals, fit in every language", BOUND, async () => {
  const pages = languages().flatMap(otherPages);
  await inChromium(files(), POLICY, async (run) => {
    for (const letters of [1, 2]) {
      assert.deepEqual(await inParts(pages, lookAtOthers, run, 320, letters), [], `letters times ${letters}`);
    }
  });
});
