// A headless Chromium with some files of its own origin, for scripts that node runs; nothing of it outlives its use.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const TYPES = { js: "text/javascript", css: "text/css", html: "text/html; charset=utf-8" };

function handed(files, policy) {
  return (request, response) => {
    const file = files[request.url];
    if (file === undefined) return response.writeHead(404).end();
    const type = TYPES[request.url.split(".").pop()] ?? TYPES.html;
    response.writeHead(200, { "content-type": type, "content-security-policy": policy }).end(file);
  };
}

// Serves `{path: text}`, or by a handler, on a port below those that the system gives to clients.
async function serve(files, policy) {
  const server = createServer(typeof files === "function" ? files : handed(files, policy));
  for (;;) {
    const port = 10000 + Math.floor(Math.random() * 20000);
    try {
      await once(server.listen(port, "127.0.0.1"), "listening");
      return { server, origin: `http://127.0.0.1:${port}` };
    } catch (error) {
      if (error.code !== "EADDRINUSE") throw error;
    }
  }
}

async function startDriver() {
  const driver = spawn("chromedriver", ["--port=0"], { stdio: ["ignore", "pipe", "ignore"], detached: true });
  for await (const line of createInterface(driver.stdout)) {
    const port = line.match(/started successfully on port (\d+)/)?.[1];
    if (port) return { driver, url: `http://127.0.0.1:${port}/session` };
  }
  throw new Error("chromedriver says no port: make setup installs it");
}

// A command of the driver's: one without a body asks.
async function call(url, body) {
  const answer = await fetch(url, body ? { method: "POST", body: JSON.stringify(body) } : {});
  const { value } = await answer.json();
  if (value?.error) throw new Error(`${value.error}: ${value.message}`);
  return value;
}

// True if a script was cut off since its page gave way to another one. The driver calls that a timeout, too, long before
// the time is over that a script may take.
export function cutOff(error) {
  return /^script timeout|^javascript error: .*(unloaded|navigat)/.test(error.message);
}

// Opens `/` of these files under a content security policy, and gives `use` a function that gives the value of a
// script: its `arguments` are what was given, and a function that takes the value. It also gets the session's commands, by
// their paths. In place of files there may be a handler of requests. More arguments are Chromium's own.
export async function inChromium(files, policy, use, ...more) {
  const { server, origin } = await serve(files, policy);
  const profile = mkdtempSync(join(tmpdir(), "fairgate-chromium-"));
  const { driver, url } = await startDriver();
  try {
    const args = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
    args.push("--disable-background-networking", `--user-data-dir=${profile}`, ...more);
    const options = { browserName: "chrome", "goog:chromeOptions": { args } };
    const { sessionId } = await call(url, { capabilities: { alwaysMatch: options } });
    const session = `${url}/${sessionId}`;
    await call(`${session}/timeouts`, { script: 300_000 });
    await call(`${session}/url`, { url: `${origin}/` });
    const command = (path, body) => call(`${session}/${path}`, body);
    return await use((script, ...given) => command("execute/async", { script, args: given }), command, origin);
  } finally {
    process.kill(-driver.pid, "SIGKILL");
    await once(driver, "exit");
    server.close();
    server.closeAllConnections();
    rmSync(profile, { recursive: true, force: true, maxRetries: 10 });
  }
}
