// An issuer of private access tokens and a browser that asks it, as npm's `@cloudflare/privacypass-ts` has both.

import { once } from "node:events";
import { createServer } from "node:http";

import { answer, load } from "./lines.mjs";

const { AuthorizationHeader, WWWAuthenticateHeader, publicVerif } = await load("@cloudflare/privacypass-ts/lib/src/index.js");
const { BlindRSAMode, Client, Issuer, getPublicKeyBytes } = publicVerif;

const issuers = new Map();

async function directory(key, port) {
  const keys = { "issuer-request-uri": "/token-request", "token-keys": [{ "token-type": 2, "token-key": key }] };
  const type = { "content-type": "application/private-token-issuer-directory" };
  const server = createServer((_, response) => response.writeHead(200, type).end(JSON.stringify(keys)));
  await once(server.listen(port, "127.0.0.1"), "listening");
}

await answer({
  // Opens an issuer of a name, and its directory at a port where one is given (RFC 9578, 4); its public key.
  async issuer({ name, port }) {
    const bits = { modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) };
    const { privateKey, publicKey } = await Issuer.generateKey(BlindRSAMode.PSS, bits);
    issuers.set(name, new Issuer(BlindRSAMode.PSS, name, privateKey, publicKey));
    const key = Buffer.from(await getPublicKeyBytes(publicKey)).toString("base64url");
    if (port) await directory(key, port);
    return key;
  },
  // Reads the challenges of a `WWW-Authenticate` field.
  challenges: ({ field }) =>
    WWWAuthenticateHeader.parse(field).map(({ challenge, tokenKey, maxAge }) => ({
      type: challenge.tokenType,
      issuer: challenge.issuerName,
      origins: challenge.originInfo,
      key: Buffer.from(tokenKey).toString("base64url"),
      maxAge,
    })),
  // Answers the first challenge of a `WWW-Authenticate` field: what goes into `Authorization`.
  async token({ field }) {
    const [{ challenge, tokenKey }] = WWWAuthenticateHeader.parse(field);
    const client = new Client(BlindRSAMode.PSS);
    const asked = await client.createTokenRequest(challenge, tokenKey);
    const token = await client.finalize(await issuers.get(challenge.issuerName).issue(asked));
    return new AuthorizationHeader(token).toString();
  },
});
