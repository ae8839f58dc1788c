// A club's provider: npm's `oidc-provider` with a form of its own, which takes whoever names themselves.

import { once } from "node:events";
import { createServer } from "node:http";
import { setTimeout as after } from "node:timers/promises";

import { answer, load } from "./lines.mjs";

const { default: Provider } = await load("oidc-provider/lib/index.js");
const { exportJWK, generateKeyPair } = await load("jose/dist/webapi/index.js");

let at, client, alg, provider, handle, server;
let slow = 0;
let keys = 0;
let asked = {};

// The provider begins anew with a new key, and knows no code of before.
async function renew() {
  const { privateKey } = await generateKeyPair(alg, { extractable: true });
  const key = { ...(await exportJWK(privateKey)), kid: `key-${++keys}`, alg, use: "sig" };
  provider = new Provider(`http://${at}`, {
    clients: [{ ...client, id_token_signed_response_alg: alg, grant_types: ["authorization_code"], response_types: ["code"] }],
    cookies: { keys: ["a key of the provider's own cookies"] },
    features: { devInteractions: { enabled: false } },
    findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
    jwks: { keys: [key] },
    loadExistingGrant: granted,
    pkce: { required: () => true },
  });
  handle = provider.callback();
}

// Members are not asked whether their own club may know them.
async function granted({ oidc }) {
  const grant = new oidc.provider.Grant({ clientId: oidc.client.clientId, accountId: oidc.session.accountId });
  grant.addOIDCScope(oidc.params.scope);
  await grant.save();
  return grant;
}

const FORM = `<!doctype html><html lang="en"><title>Club</title><link rel="icon" href="data:,">
<form method="post"><label>Member <input name="member"></label><button>Sign in</button></form>
<form method="post"><button name="cancel" value="1">Cancel</button></form></html>`;

// What members see: a form, and a way out of it.
async function interact(request, response) {
  if (request.method !== "POST") return response.writeHead(200, { "content-type": "text/html" }).end(FORM);
  let text = "";
  for await (const part of request) text += part;
  const member = new URLSearchParams(text).get("member");
  const result = member ? { login: { accountId: member } } : { error: "access_denied" };
  return provider.interactionFinished(request, response, result);
}

async function listen() {
  server = createServer(async (request, response) => {
    const path = request.url.split("?")[0];
    asked[path] = (asked[path] ?? 0) + 1;
    if (slow) await after(slow);
    if (!path.startsWith("/interaction/")) return handle(request, response);
    return interact(request, response).catch((error) => response.writeHead(400).end(String(error)));
  });
  const [host, port] = at.split(":");
  await once(server.listen(Number(port), host), "listening");
}

async function close() {
  if (!server) return;
  const closed = once(server, "close");
  server.close();
  server.closeAllConnections();
  await closed;
  server = undefined;
}

await answer({
  // Opens at an address for one client, signing by an algorithm; a provider that is open already begins anew.
  async open(given) {
    await close();
    ({ at, client, alg } = given);
    [slow, asked] = [0, {}];
    await renew();
    await listen();
  },
  rotate: renew,
  down: close,
  up: listen,
  slow: ({ ms }) => void (slow = ms),
  // How often each path was asked for.
  asked: () => asked,
});
