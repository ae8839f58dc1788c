// A shop's tokens and browsers' proofs, as npm's `jose` makes them.

import { once } from "node:events";
import { createServer } from "node:http";

import { answer, load } from "./lines.mjs";

const { SignJWT, UnsecuredJWT, calculateJwkThumbprint, exportJWK, generateKeyPair } = await load("jose/dist/webapi/index.js");

const pairs = new Map();
const bytes = (text) => new TextEncoder().encode(text);
const signed = (claims, header, key) => new SignJWT(claims).setProtectedHeader(header).sign(key);

await answer({
  // Makes a key pair of a name; its public half, as a key set has it.
  async pair({ name, alg }) {
    const pair = await generateKeyPair(alg, { extractable: true });
    pairs.set(name, pair);
    return { ...(await exportJWK(pair.publicKey)), kid: name, alg, use: alg.startsWith("RSA-OAEP") ? "enc" : "sig" };
  },
  // The thumbprint of a pair (RFC 7638).
  thumbprint: async ({ name }) => calculateJwkThumbprint(await exportJWK(pairs.get(name).publicKey)),
  // A key set at a port.
  async serve({ port, keys }) {
    const server = createServer((_, response) => response.end(JSON.stringify({ keys })));
    await once(server.listen(port, "127.0.0.1"), "listening");
  },
  // A token under a shared secret.
  shared: ({ claims, header, secret }) => signed(claims, header, bytes(secret)),
  // A token that nobody signed.
  unsigned: ({ claims }) => new UnsecuredJWT(claims).encode(),
  // A token under a pair. A header with `jwk: "public"` or `"private"` has that half in it.
  async token({ name, claims, header: { jwk, ...header } }) {
    const pair = pairs.get(name);
    const shown = jwk && { jwk: await exportJWK(pair[`${jwk}Key`]) };
    return signed(claims, { ...header, ...shown }, pair.privateKey);
  },
});
