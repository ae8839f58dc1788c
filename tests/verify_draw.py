#!/usr/bin/env python3
"""Recomputes a fairgate/v1 or fairgate/v2 draw from what is published of it, and names the step that does not hold.

Written from the protocol's text alone (DRAW.md, DRAW-TIERS.md), with nothing but Python's standard library, so that it
shares no code (and no mistake) with the program that ran the draw.

    verify_draw.py FOLDER        reads FOLDER/draw.json, and FOLDER/roster or FOLDER/roster.0, FOLDER/tags.0, …
    verify_draw.py URL           reads URL (…/.fairgate/{room}/draw) and what is below it, and the host's draw log
    verify_draw.py FOLDER --witness FILE    holds it against what was saved earlier: a record, a status, what a browser
                                            kept, a checkpoint of the draw log or a proof from it
    verify_draw.py FOLDER --witness-key VKEY    counts this outside witness of the draw log
    verify_draw.py --vectors     checks this program against the test vectors of both versions

Exit code: 0 where everything holds, 1 where a step fails, 2 where there is nothing to check, 3 where the draw is not
finished.
"""

import argparse
import base64
import binascii
import hashlib
import hmac
import json
import os
import random
import re
import struct
import sys
import urllib.error
import urllib.request
from array import array

VERSION, VERSION_2 = "fairgate/v1", "fairgate/v2"
SCHEME = "bls-unchained-g1-rfc9380"
QUICKNET_CHAIN = "52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971"
QUICKNET_KEY = (
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c8c4b450b6a0a6c3ac6a5776a2d106451"
    "0d1fec758c921cc22b0e17e63aaf4bcb5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a"
)
QUICKNET_GENESIS_MS, QUICKNET_PERIOD_MS = 1692803367000, 3000
ZERO = bytes(32)
ROUNDS = 256
PIVOT_STREAM = 2**64 - 1


class Failed(Exception):
    """A step does not hold."""

    def __init__(self, step, why):
        super().__init__(f"{step}: {why}")
        self.step, self.why = step, why


class Unfinished(Exception):
    """Something is not published yet; nothing is wrong so far."""


class Unreadable(Exception):
    """There is nothing to check."""


class Open(str):
    """What came of a step that is not checked to its end."""


# --- The protocol, in the order of DRAW.md ----------------------------------------------------------------------------


def sha256(data):
    return hashlib.sha256(data).digest()


def tagged(domain, *parts):
    return sha256(domain.encode("ascii") + b"\0" + b"".join(parts))


def digest_of(descriptor):
    """D, by the version that the descriptor is of."""
    return (descriptor_digest_2 if descriptor["version"] == VERSION_2 else descriptor_digest)(descriptor)


def commitment(secret):
    return tagged("fairgate/v1/commit", secret)


def canonical(value):
    """RFC 8785, for strings, integers below 2^53, null and objects with ASCII keys."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode("utf-8")


def descriptor_digest(descriptor):
    return tagged("fairgate/v1/descriptor", canonical(descriptor))


def entry(digest, nonce, tag=ZERO):
    return tagged("fairgate/v1/entry", digest, nonce, tag)


def merkle_root(entries):
    """RFC 6962, section 2.1, over an iterable: (number of entries, root)."""
    subtrees, count = [], 0  # (leaves, hash), greatest first
    for leaf in entries:
        subtrees.append((1, sha256(b"\x00" + leaf)))
        count += 1
        while len(subtrees) > 1 and subtrees[-1][0] == subtrees[-2][0]:
            (leaves, right), (_, left) = subtrees.pop(), subtrees.pop()
            subtrees.append((2 * leaves, sha256(b"\x01" + left + right)))
    if not subtrees:
        return 0, sha256(b"")
    root = subtrees.pop()[1]
    while subtrees:
        root = sha256(b"\x01" + subtrees.pop()[1] + root)
    return count, root


def freeze_code(record):
    """The leaf hash of the freeze as the draw log states it."""
    return leaf_hash(freeze_statement(record)).hex()


def round_time_ms(beacon):
    """When a round of quicknet is published."""
    return QUICKNET_GENESIS_MS + QUICKNET_PERIOD_MS * (beacon["round"] - 1)


def label_of(descriptor):
    """What a draw can prove by its rules: leave to go on without the round is leave to aim."""
    aimable = descriptor["beacon"] is None or "fallback_after_ms" in descriptor["beacon"]
    return "committed" if aimable else "committed + public beacon"


def seed_of(digest, entries, root, secret, beacon):
    return tagged("fairgate/v1/seed", digest, struct.pack(">Q", entries), root, secret, beacon)


def chacha20_block(key, stream, counter):
    """The original ChaCha20 (64-bit counter, 64-bit nonce): sixteen words."""
    state = struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<QQ", counter, stream))
    x = list(state)
    for _ in range(10):
        for a, b, c, d in (
            (0, 4, 8, 12), (1, 5, 9, 13), (2, 6, 10, 14), (3, 7, 11, 15),
            (0, 5, 10, 15), (1, 6, 11, 12), (2, 7, 8, 13), (3, 4, 9, 14),
        ):  # fmt: skip
            xa, xb, xc, xd = x[a], x[b], x[c], x[d]
            xa = (xa + xb) & 0xFFFFFFFF
            xd ^= xa
            xd = (xd << 16 | xd >> 16) & 0xFFFFFFFF
            xc = (xc + xd) & 0xFFFFFFFF
            xb ^= xc
            xb = (xb << 12 | xb >> 20) & 0xFFFFFFFF
            xa = (xa + xb) & 0xFFFFFFFF
            xd ^= xa
            xd = (xd << 8 | xd >> 24) & 0xFFFFFFFF
            xc = (xc + xd) & 0xFFFFFFFF
            xb ^= xc
            xb = (xb << 7 | xb >> 25) & 0xFFFFFFFF
            x[a], x[b], x[c], x[d] = xa, xb, xc, xd
    return [(now + before) & 0xFFFFFFFF for now, before in zip(x, state)]


class Shuffle:
    """The swap-or-not permutation of 0..n-1."""

    def __init__(self, seed, n):
        self.seed, self.n = seed, n
        self.pivots = list(self._draw_pivots()) if n > 0 else []

    def _draw_pivots(self):
        def numbers():
            counter = 0
            while True:
                words = chacha20_block(self.seed, PIVOT_STREAM, counter)
                yield from (words[i] | words[i + 1] << 32 for i in range(0, 16, 2))
                counter += 1

        rejected_below = (2**64 - self.n) % self.n
        numbers = numbers()
        for _ in range(ROUNDS):
            while True:
                product = next(numbers) * self.n
                if product % 2**64 >= rejected_below:
                    break
            yield product >> 64

    def place(self, x):
        """The definition, for one index."""
        for r in range(ROUNDS):
            y = (self.pivots[r] - x) % self.n
            q = max(x, y)
            block = chacha20_block(self.seed, r, q // 512)
            if block[q % 512 // 32] >> q % 32 & 1:
                x = y
        return x

    def all_places(self, progress=lambda done: None):
        """Every place in index order: each round moves everybody, with each block of keystream computed once."""
        now = list(range(self.n))
        for r, pivot in enumerate(self.pivots):
            blocks = range((self.n + 511) // 512)
            words = [word for block in blocks for word in chacha20_block(self.seed, r, block)]
            n = self.n
            for i, x in enumerate(now):
                y = (pivot - x) % n
                q = x if x > y else y
                if words[q >> 5] >> (q & 31) & 1:
                    now[i] = y
            progress(r + 1)
        return now


# --- The protocol of version 2: tiers and verified identities ---------------------------------------------------------

LATE_TIER, EMPTY_TAG = 0xFF, bytes(16)
TIERS_MAX, ENTRIES_MAX, SHARE_MAX, RETRY_MAX = 16, 2**40, 1000, 2**20
ROUND_AFTER_FREEZE_MS = 5000
NAME = re.compile(r"[a-z0-9-]{1,32}\Z")
METHOD = re.compile(r"[!-~]{1,255}\Z")


def descriptor_digest_2(descriptor):
    return tagged("fairgate/v2/descriptor", canonical(descriptor))


def nonce_of(u):
    """What a browser sends when it enters: only who has u can show it at the claim."""
    return tagged("fairgate/v2/nonce", u)[:16]


def entry_2(digest, tier, nonce, tag):
    return tagged("fairgate/v2/entry", digest, bytes([tier]), nonce, tag)


def identity_tag(key, digest, method, subject):
    def keyed(secret, domain, *parts):
        return hmac.digest(secret, domain.encode("ascii") + b"\0" + b"".join(parts), "sha256")

    own_key = keyed(key, "fairgate/v2/identity-key", digest)
    return keyed(own_key, "fairgate/v2/identity", method.encode("ascii"), b"\0", subject.encode("utf-8"))[:16]


def seed_of_2(digest, tiers, secret, beacon):
    """`tiers` is [(N, root, tags_root)]."""
    frozen = b"".join(struct.pack(">Q", n) + root + tags_root for n, root, tags_root in tiers)
    return tagged("fairgate/v2/seed", digest, struct.pack(">Q", len(tiers)), frozen, secret, beacon)


def tier_seed(seed, tier):
    return tagged("fairgate/v2/tier", seed, struct.pack(">Q", tier))


def place_of(tiers, t, j):
    """The place of the entry that is j-th of tier t; `tiers` is [(band, share, N)]."""
    band, share, _ = tiers[t]
    place = j
    for s, (other_band, other_share, n) in enumerate(tiers):
        if other_band < band:
            place += n
        elif other_band == band and s != t:
            before = (j + 1) * other_share
            place += min(n, before // share if s < t else -(-before // share) - 1)
    return place


def due_round(beacon, frozen_ms):
    """The first of R, R+r, R+2r, … whose time is five seconds or more after the freeze."""
    lacking_ms = frozen_ms + ROUND_AFTER_FREEZE_MS - round_time_ms(beacon)
    step_ms = QUICKNET_PERIOD_MS * beacon["retry"]
    return beacon["round"] + beacon["retry"] * max(0, -(-lacking_ms // step_ms))


class Tiers:
    """The shuffles of all tiers and the one order that is made of them."""

    def __init__(self, descriptor, sizes, seed):
        self.sizes = sizes
        self.rules = [(tier["band"], tier["share"], n) for tier, n in zip(descriptor["tiers"], sizes)]
        self.shuffles = [Shuffle(tier_seed(seed, t), n) for t, n in enumerate(sizes)]

    def place(self, t, index):
        return place_of(self.rules, t, self.shuffles[t].place(index))

    def all_places(self, progress=lambda done: None):
        """Every place by (tier, index)."""
        return {
            (t, index): place_of(self.rules, t, j)
            for t, shuffle in enumerate(self.shuffles)
            for index, j in enumerate(shuffle.all_places(progress))
        }


# --- Ed25519 (RFC 8032), which logs, witnesses and tickets are signed with --------------------------------------------

P, ORDER = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493
D_EDWARDS = -121665 * pow(121666, -1, P) % P
BASE_Y = 4 * pow(5, -1, P) % P


def _point_of(y, odd):
    """The point (x, y, z, t) with this y and this lowest bit of x; None where there is none."""
    x2 = (y * y - 1) * pow(D_EDWARDS * y * y + 1, -1, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * pow(2, (P - 1) // 4, P) % P
    if y >= P or (x * x - x2) % P or (x == 0 and odd):
        return None
    x = x if x % 2 == odd else P - x
    return x, y, 1, x * y % P


def _added(p, q):
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D_EDWARDS % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _times(scalar, point):
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _added(result, point)
        point, scalar = _added(point, point), scalar >> 1
    return result


def _decoded(text):
    number = int.from_bytes(text, "little")
    return _point_of(number % 2**255, number >> 255)


def ed25519_holds(public_key, message, signature):
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key, nonce, scalar = _decoded(public_key), _decoded(signature[:32]), int.from_bytes(signature[32:], "little")
    if key is None or nonce is None or scalar >= ORDER:
        return False
    challenge = hashlib.sha512(signature[:32] + public_key + message).digest()
    left = _times(scalar, _point_of(BASE_Y, 0))
    right = _added(nonce, _times(int.from_bytes(challenge, "little") % ORDER, key))
    return all((left[i] * right[2] - right[i] * left[2]) % P == 0 for i in (0, 1))


# --- The draw log: C2SP's signed-note, tlog-checkpoint, tlog-cosignature, tlog-tiles and tlog-proof --------------------

LOG_KEY, WITNESS_KEY = 1, 4
STATEMENTS_MAX, NOTE_CHARACTERS_MAX, PATH_MAX = 1 << 16, 1 << 16, 63
HASH = "[0-9a-f]{64}"
NUMBER = "(?:0|[1-9][0-9]{0,19})"
THUMBPRINT = "[A-Za-z0-9_-]{43}"
STATEMENTS = {
    "draw": re.compile(rf"draw ({HASH})\ndescriptor ([^\n]+)\n((?:key {THUMBPRINT}\n)*)\Z"),
    "key": re.compile(rf"draw ({HASH})\nkey ({THUMBPRINT})\n\Z"),
    "freeze": re.compile(rf"draw ({HASH})\nat ({NUMBER})\n((?:tier {NUMBER} {NUMBER} {HASH} {HASH} {NUMBER}\n)+)\Z"),
    "reveal": re.compile(rf"draw ({HASH})\nsecret ({HASH})\nbeacon ({HASH})\nseed ({HASH})\n\Z"),
    "void": re.compile(rf"draw ({HASH})\n\Z"),
}


class NotOne(Exception):
    """Some bytes are not what they should be."""


def from_base64(text, length=None):
    """Standard base64 in its one spelling."""
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NotOne(f"{text[:80]!r} is no base64") from error
    if base64.b64encode(found).decode("ascii") != text or length not in (None, len(found)):
        raise NotOne(f"{text[:80]!r} is another spelling or length than it should be")
    return found


def number_of(text):
    if not re.fullmatch(NUMBER, text):
        raise NotOne(f"{text[:80]!r} is no number")
    return int(text)


def freeze_statement(record):
    """The freeze as the log states it. A draw by version 1 has one tier without identity tags."""
    whole = {"entries": record.get("entries"), "root": record.get("root"), "tags_root": ZERO.hex()}
    tiers = record.get("tiers") or [{**whole, "missing": record.get("missing") or 0}]
    lines = [f"tier {t} {of['entries']} {of['root']} {of['tags_root']} {of['missing']}" for t, of in enumerate(tiers)]
    head = ["fairgate/v2/freeze", f"draw {record['descriptor_digest']}", f"at {record['frozen_at_ms']}"]
    return "\n".join([*head, *lines, ""])


def reveal_statement(record):
    beacon = record["beacon"] or ZERO.hex()
    shown = [
        f"draw {record['descriptor_digest']}",
        f"secret {record['secret']}",
        f"beacon {beacon}",
        f"seed {record['seed']}",
    ]
    return "\n".join(["fairgate/v2/reveal", *shown, ""])


def draw_statement(record, thumbprints):
    """What a draw is announced with, by the keys that may sign its tickets."""
    head = ["fairgate/v2/draw", f"draw {record['descriptor_digest']}"]
    descriptor = f"descriptor {canonical(record['descriptor']).decode('utf-8')}"
    return "\n".join([*head, descriptor, *(f"key {key}" for key in sorted(thumbprints)), ""])


def leaf_hash(statement):
    return sha256(b"\x00" + statement.encode("utf-8"))


def root_of(hashes):
    """RFC 6962 over leaf hashes."""
    if not hashes:
        return sha256(b"")
    while len(hashes) > 1:
        pairs = [sha256(b"\x01" + hashes[i] + hashes[i + 1]) for i in range(0, len(hashes) - 1, 2)]
        hashes = pairs + hashes[len(pairs) * 2 :]
    return hashes[0]


def root_of_inclusion(leaf, index, size, path):
    """The root that a path leads to (RFC 9162, 2.1.3.2); None where it has another length than it must."""
    if index >= size:
        return None
    node, last = leaf, size - 1
    for sibling in path:
        if last == 0:
            return None
        if index % 2 or index == last:
            node = sha256(b"\x01" + sibling + node)
            while index % 2 == 0 and index:
                index, last = index // 2, last // 2
        else:
            node = sha256(b"\x01" + node + sibling)
        index, last = index // 2, last // 2
    return node if last == 0 else None


class Statement:
    """One entry of the log, in its one spelling. What a later version may state is left alone: `kind` is None."""

    def __init__(self, text):
        self.text, self.kind, self.draw = text, None, None
        kind, _, rest = text.partition("\n")
        kind = kind.removeprefix("fairgate/v2/")
        if f"fairgate/v2/{kind}\n{rest}" != text or kind not in STATEMENTS:
            return
        found = STATEMENTS[kind].match(rest)
        if not found:
            raise NotOne(f"a {kind} is spelled in another way than it should be: {text[:200]!r}")
        self.kind, self.draw = kind, found[1]
        if kind == "draw":
            self._read_draw(found)
        if kind == "freeze" and [line.split(" ")[1] for line in found[3].splitlines()] != [
            str(t) for t in range(found[3].count("\n"))
        ]:
            raise NotOne("the tiers of a freeze do not stand in order")

    def _read_draw(self, found):
        self.descriptor = descriptor_from(found[2])
        digest = {VERSION: descriptor_digest, VERSION_2: descriptor_digest_2}.get(self.descriptor.get("version"))
        if digest and digest(self.descriptor).hex() != self.draw:
            raise NotOne(f"draw {self.draw} is announced with the descriptor of another one")
        self.keys = [line.removeprefix("key ") for line in found[3].splitlines()]
        if sorted(set(self.keys)) != self.keys:
            raise NotOne("the keys of a draw do not stand in order")


class Key:
    """A vkey: a name, and the Ed25519 key that signs under it."""

    def __init__(self, vkey):
        name, _, rest = vkey.partition("+")
        number, _, key = rest.partition("+")
        key = from_base64(key, 33)
        self.name, self.kind, self.public = name, key[0], key[1:]
        self.id = sha256(name.encode("utf-8") + b"\n" + key)[:4]
        if not name or re.search(r"\s", name) or self.id.hex() != number or self.kind not in (LOG_KEY, WITNESS_KEY):
            raise NotOne(f"{vkey!r} is no key: it should read name+hash+key, of Ed25519")


class Checkpoint:
    """A signed note of a log's size and root. `text` is what was signed."""

    def __init__(self, note):
        text, gap, signatures = note.rpartition("\n\n")
        if not gap or len(note) > NOTE_CHARACTERS_MAX or not signatures.endswith("\n"):
            raise NotOne("it is no signed note")
        self.text = text + "\n"
        lines = self.text.split("\n")
        if len(lines) != 4 or not lines[0]:
            raise NotOne("it is no checkpoint of a draw log: it should have three lines")
        self.origin, self.size, self.root = lines[0], number_of(lines[1]), from_base64(lines[2], 32)
        self.signatures = [self._signature(line) for line in signatures[:-1].split("\n")]

    @staticmethod
    def _signature(line):
        found = re.fullmatch(r"\u2014 (\S+) (\S+)", line)
        if not found or len(from_base64(found[2])) < 5:
            raise NotOne("a line of its signatures cannot be read")
        signature = from_base64(found[2])
        return found[1], signature[:4], signature[4:]

    def _of(self, key):
        found = [line for name, number, line in self.signatures if (name, number) == (key.name, key.id)]
        return found[0] if found else None

    def signed_by(self, log):
        """Whether the log signed it."""
        signature = self._of(log)
        named = log.kind == LOG_KEY and self.origin == log.name
        return named and signature is not None and ed25519_holds(log.public, self.text.encode("utf-8"), signature)

    def cosigned_ms(self, witness):
        """When the witness says that it saw it; None where it did not sign."""
        signature = self._of(witness)
        if signature is None:
            return None
        time_s = int.from_bytes(signature[:8], "big")
        message = f"cosignature/v1\ntime {time_s}\n{self.text}".encode()
        if witness.kind != WITNESS_KEY or not ed25519_holds(witness.public, message, signature[8:]):
            raise NotOne(f"what stands there as the signature of {witness.name} is none")
        return time_s * 1000


class TlogProof:
    """That the log has a statement, and which checkpoint was the first to have it."""

    HEADER = "c2sp.org/tlog-proof@v1"

    def __init__(self, text):
        head, gap, note = text.partition("\n\n")
        lines = head.split("\n")
        if lines[0] != self.HEADER or not gap:
            raise NotOne(f"it is no proof ({self.HEADER})")
        lines = lines[2:] if lines[1:2] and lines[1].startswith("extra ") else lines[1:]
        if not lines or not lines[0].startswith("index ") or len(lines) > PATH_MAX + 1:
            raise NotOne("it has no index, or too long a path")
        self.index = number_of(lines[0].removeprefix("index "))
        self.path = [from_base64(line, 32) for line in lines[1:]]
        self.checkpoint = Checkpoint(note)

    def shows(self, statement):
        root = root_of_inclusion(leaf_hash(statement), self.index, self.checkpoint.size, self.path)
        return root == self.checkpoint.root


# --- What is published ------------------------------------------------------------------------------------------------


class Source:
    """What is published of a draw, in a folder or behind a URL."""

    def __init__(self, source):
        self.source = source.rstrip("/")
        self.is_url = source.startswith(("http://", "https://"))

    def record(self):
        with self._open("", "draw.json") as file:
            try:
                record = json.load(file, object_pairs_hook=unique)
            except ValueError as error:
                raise Unreadable(f"the record is not JSON: {error}") from error
        if not isinstance(record, dict):
            raise Unreadable("the record is not a JSON object")
        return record

    def roster(self):
        """The entries of a draw by version 1."""
        return self._pieces("/roster", "roster", "roster", 32)

    def tier_roster(self, t):
        return self._pieces(f"/roster/{t}", f"roster.{t}", "roster", 32)

    def tier_tags(self, t):
        return self._pieces(f"/tags/{t}", f"tags.{t}", "tags", 16)

    def claims(self):
        """The list of claims, or None where there is none."""
        if self.is_url:
            with self._open("/claims", "claims") as answer:
                return answer.read()
        return self._read_if_there("", "claims")

    def proof(self, kind):
        """The proof that the log has this statement of the draw, as text."""
        return text_of(self._read_if_there(f"/{kind}.tlog-proof", f"{kind}.tlog-proof"))

    def keys(self):
        """The operator's keys, by their ids."""
        text = self._read_if_there(self._host_path("jwks.json"), "jwks.json", at_host=True)
        try:
            return {key.get("kid"): key for key in json.loads(text)["keys"]} if text else {}
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise Unreadable(f"the keys of {self.source} cannot be read: {error!r}") from error

    def log(self, origin):
        """The log's checkpoint, as text, and a function that reads that many entries; None where it is not here."""
        base = origin.partition("/.fairgate/")[2]
        checkpoint = text_of(
            self._read_if_there(self._host_path(f"{base}/checkpoint"), f"{base}/checkpoint", at_host=True)
        )
        return checkpoint and (checkpoint, lambda size: self._log_entries(base, size))

    def _log_entries(self, base, size):
        """tlog-tiles: bundles of 256 entries, each with its length before it."""
        entries = []
        for bundle in range((size + 255) // 256):
            width = min(size - 256 * bundle, 256)
            name = f"{base}/tile/entries/{tile_name(bundle)}" + (f".p/{width}" if width < 256 else "")
            data, found = self._read_if_there(self._host_path(name), name, at_host=True), []
            while data:
                end = 2 + int.from_bytes(data[:2], "big")
                require("log", len(data) >= end, f"{name} ends in the middle of an entry")
                found, data = [*found, data[2:end]], data[end:]
            require("log", len(found) == width, f"{name} has {len(found)} entries of {width}")
            entries += found
        return entries

    def _host_path(self, name):
        """An address of the draw's host, which the draw's own stands below of."""
        return self.source.partition("/.fairgate/")[0] + "/.fairgate/" + name

    def _read_if_there(self, path, name, at_host=False):
        if not self.is_url and not os.path.exists(os.path.join(self.source, name)):
            return None
        try:
            with self._open(path, name, at_host=at_host) as file:
                return file.read()
        except Unreadable as error:
            if getattr(error.__cause__, "code", None) == 404:
                return None
            raise

    def _pieces(self, path, name, step, size):
        """A list's lines of this many bytes, a chunk in memory at a time."""
        rest = b""
        for chunk in self._chunks(path, name):
            chunk = rest + chunk
            whole = len(chunk) - len(chunk) % size
            rest = chunk[whole:]
            yield from (chunk[i : i + size] for i in range(0, whole, size))
        if rest:
            raise Failed(step, f"it ends in {len(rest)} bytes that are no whole entry of {size}")

    def _chunks(self, path, name):
        if not self.is_url:
            with self._open("", name) as file:
                while chunk := file.read(1 << 20):
                    yield chunk
            return
        # The server may send less than it was asked for: what counts is what it says it sent.
        at, end = 0, None
        while end is None or at < end:
            try:
                answer = self._open(path, name, {"Range": f"bytes={at}-{at + (1 << 20) - 1}"})
            except Unreadable as error:
                # An empty list has no byte to send.
                if at == 0 and getattr(error.__cause__, "code", None) == 416:
                    return
                raise
            with answer:
                chunk = answer.read()
                content_range = answer.headers.get("Content-Range")
                end = int(content_range.rpartition("/")[2]) if content_range else len(chunk)
                at += len(chunk)
                yield chunk

    def _open(self, path, name, headers=None, at_host=False):
        try:
            if self.is_url:
                request = urllib.request.Request(path if at_host else self.source + path, headers=headers or {})
                return urllib.request.urlopen(request, timeout=30)
            return open(os.path.join(self.source, name), "rb")
        except (OSError, urllib.error.URLError) as error:
            raise Unreadable(f"cannot read the {name} of {self.source}: {error}") from error


def unique(pairs):
    """An object in which no key stands twice."""
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError("a key stands twice")
    return dict(pairs)


def text_of(data):
    """What was published as text; None where nothing was."""
    try:
        return None if data is None else data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Failed("log", f"something of it is no text: {error}") from error


def tile_name(number):
    """tlog-tiles: three digits an element, all but the last with an x."""
    name = f"{number % 1000:03}"
    while number >= 1000:
        number //= 1000
        name = f"x{number % 1000:03}/{name}"
    return name


def descriptor_from(text):
    """A descriptor from its text, which has one spelling."""

    def no_number(number):
        raise ValueError(f"{number} is no integer")

    try:
        descriptor = json.loads(text, object_pairs_hook=unique, parse_float=no_number, parse_constant=no_number)
        if not isinstance(descriptor, dict) or canonical(descriptor).decode("utf-8") != text:
            raise ValueError("RFC 8785 spells it in another way")
    except ValueError as error:
        raise NotOne(f"the text of a descriptor is refused: {error}") from error
    return descriptor


# --- The checks -------------------------------------------------------------------------------------------------------


def require(step, holds, why):
    if not holds:
        raise Failed(step, why)


def published(what, value):
    if value is None:
        raise Unfinished(f"the {what} is not published yet")
    return value


def known_bytes(record, key, length=32):
    """A value of the record as bytes; None while it is not yet known."""
    text = record.get(key)
    if text is None:
        return None
    valid = isinstance(text, str) and len(text) == 2 * length and set(text) <= set("0123456789abcdef")
    require("record", valid, f"{key} is not {length} bytes of lower-case hex")
    return bytes.fromhex(text)


def check_descriptor(record):
    step, descriptor = "descriptor", record.get("descriptor")
    require(step, isinstance(descriptor, dict), "there is none")
    keys = {"beacon", "commitment", "opens_at_ms", "room", "starts_at_ms", "version"}
    require(step, set(descriptor) == keys, f"its keys are {sorted(descriptor)}, not {sorted(keys)}")
    require(step, descriptor["version"] == VERSION, f"its version is {descriptor['version']!r}")
    require(step, isinstance(descriptor["room"], str), "its room is not a string")
    for key in ("opens_at_ms", "starts_at_ms"):
        value = descriptor[key]
        require(step, type(value) is int and 0 <= value < 2**53, f"its {key} is not a time")
    require(step, descriptor["opens_at_ms"] <= descriptor["starts_at_ms"], "it starts before it opens")
    require(step, known_bytes(descriptor, "commitment") is not None, "it has no commitment")
    if descriptor["beacon"] is not None:
        check_beacon_round(descriptor["beacon"])
    check_times(record)
    check_label(record)
    check_copies(record)
    return f"room {descriptor['room']!r}, opens {descriptor['opens_at_ms']}, starts {descriptor['starts_at_ms']}"


def check_times(record):
    step, frozen_ms, revealed_ms = "descriptor", record.get("frozen_at_ms"), record.get("revealed_at_ms")
    frozen = record.get("root") is not None or record.get("tiers") is not None
    for what, ms in (("frozen_at_ms", frozen_ms), ("revealed_at_ms", revealed_ms)):
        require(step, ms is None or type(ms) is int, f"the record's {what} is not a time")
    if frozen:
        require(step, frozen_ms is not None, "the roster is frozen, but the record does not say when")
        require(step, frozen_ms >= record["descriptor"]["starts_at_ms"], "the roster was frozen before its time")
    if record.get("seed") is not None:
        require(step, revealed_ms is not None, "the secret is revealed, but the record does not say when")
        require(step, frozen_ms is not None and revealed_ms >= frozen_ms, "the secret was revealed before the freeze")


def check_copies(record):
    for key in ("room", "version", "commitment"):
        if key in record:
            same = record[key] == record["descriptor"][key]
            require("descriptor", same, f"the record's {key} is not the descriptor's")


def check_label(record):
    label = label_of(record["descriptor"])
    claimed = record.get("label", label)
    require("descriptor", claimed == label, f"the draw is labelled {claimed!r}, it is {label!r}")


def check_beacon_round(beacon):
    step = "descriptor"
    require(step, isinstance(beacon, dict), "its beacon is not an object")
    keys = {"chain", "public_key", "round", "scheme"}
    if "fallback_after_ms" in beacon:
        keys.add("fallback_after_ms")
        require(step, type(beacon["fallback_after_ms"]) is int, "its beacon's fallback_after_ms is not a time")
    require(step, set(beacon) == keys, f"its beacon's keys are {sorted(beacon)}, not {sorted(keys)}")
    require(step, beacon["scheme"] == SCHEME, f"its beacon's scheme is {beacon['scheme']!r}")
    require(step, type(beacon["round"]) is int and 0 < beacon["round"] < 2**53, "its beacon's round is not a round")
    require(step, known_bytes(beacon, "chain") is not None, "its beacon has no chain")
    require(step, known_bytes(beacon, "public_key", 96) is not None, "its beacon has no public key")


def check_digest(record):
    digest = digest_of(record["descriptor"])
    require(
        "descriptor digest",
        known_bytes(record, "descriptor_digest") == digest,
        f"the record says {record.get('descriptor_digest')}, the descriptor hashes to {digest.hex()}",
    )
    return digest.hex()


def check_root(record, roster):
    entries = published("number of entries", record.get("entries"))
    root = published("root", known_bytes(record, "root"))
    require("roster", type(entries) is int and entries >= 0, "its number of entries is not a number")
    count, computed = merkle_root(roster)
    require("roster", count == entries, f"it has {count} entries, the record says {entries}")
    require("root", computed == root, f"the record says {root.hex()}, the roster hashes to {computed.hex()}")
    return f"{root.hex()} over {entries} entries"


def check_commitment(record):
    secret = published("secret", known_bytes(record, "secret"))
    computed, promised = commitment(secret).hex(), record["descriptor"]["commitment"]
    require("commitment", computed == promised, f"{promised} was published, the secret hashes to {computed}")
    return promised


def check_beacon(record):
    beacon, signature = known_bytes(record, "beacon"), known_bytes(record, "beacon_signature", 48)
    if record["descriptor"]["beacon"] is None:
        require("beacon", beacon is None and signature is None, "there is one, but the descriptor names none")
        return "none: the draw is committed, and no more"
    named = record["descriptor"]["beacon"]
    pinned = named["chain"] == QUICKNET_CHAIN and named["public_key"] == QUICKNET_KEY
    require("beacon", pinned, "the descriptor names one that is not drand's quicknet")
    round_ms = round_time_ms(named)
    revealed_ms = record.get("revealed_at_ms")
    frozen_too_late = record["frozen_at_ms"] >= round_ms
    if beacon is None and signature is None:
        require("beacon", "fallback_after_ms" in named, "the seed was made without the round that was named")
        too_soon = revealed_ms is not None and revealed_ms < round_ms + named["fallback_after_ms"]
        require("beacon", frozen_too_late or not too_soon, "the draw went on without the round sooner than it may")
        return "it did not come in time: the draw is committed, and no more"
    require("beacon", not frozen_too_late, "the round was known before the roster was frozen")
    require(
        "beacon", revealed_ms is None or revealed_ms >= round_ms, "the draw was over before the round was published"
    )
    require("beacon", beacon is not None, "the round's randomness is not in the record")
    require("beacon", signature is not None, "the round's signature is not in the record")
    computed = sha256(signature).hex()
    require("beacon", computed == beacon.hex(), f"the record says {beacon.hex()}, the signature hashes to {computed}")
    address = f"https://api.drand.sh/{named['chain']}/public/{named['round']}"
    unsaid = f"that drand signed it is not checked here: compare it with {address}"
    return Open(f"{beacon.hex()} is the hash of its signature; {unsaid}")


def check_seed(record):
    parts = [known_bytes(record, key) for key in ("root", "secret", "beacon", "seed")]
    root, secret, beacon, seed = parts
    published("seed", seed)
    computed = seed_of(descriptor_digest(record["descriptor"]), record["entries"], root, secret, beacon or ZERO)
    require("seed", computed == seed, f"the record says {seed.hex()}, it should be {computed.hex()}")
    return seed.hex()


def check_places(record, printed, samples, everybody):
    n = record["entries"]
    shuffle = Shuffle(bytes.fromhex(record["seed"]), n)
    # One place alone costs as much keystream as 512 neighbours together.
    if everybody or n <= 200 * samples:
        computed = dict(enumerate(shuffle.all_places(show_rounds)))
        require("places", sorted(computed.values()) == list(range(n)), "the places are not 0 to N-1, each once")
    else:
        computed = {index: shuffle.place(index) for index in sorted(random.sample(range(n), samples))}
    if printed is not None:
        compare_places(computed, n, printed)
    against = "recomputed" if printed is None else "recomputed and compared"
    return f"{len(computed)} of {n} {against}"


CLAIM = struct.Struct(">QQQ16s32s")
NO_INDEX, NOT_SHOWN = 2**64 - 1, b"\xff" * 48


def check_claims(record, roster, claims):
    """The list of claims: 72 bytes a line, see DRAW.md. Places that are not asked for are computed one by one."""
    require(
        "claims", len(claims) % CLAIM.size == 0, f"the list ends in {len(claims) % CLAIM.size} bytes that are no claim"
    )
    n, digest, taken, tags = record["entries"], descriptor_digest(record["descriptor"]), set(), set()
    shuffle = Shuffle(bytes.fromhex(record["seed"]), n)
    for place, index, admitted_ms, nonce, tag in CLAIM.iter_unpack(claims):
        require("claims", place not in taken, f"place {place} was taken twice")
        taken.add(place)
        early = admitted_ms < (record.get("revealed_at_ms") or 0)
        require("claims", not early, f"place {place} was taken before the draw was over")
        if index == NO_INDEX:
            require("claims", place >= n, f"place {place} was drawn, but taken without an entry")
            continue
        require("claims", index < n, f"place {place} was given to entry {index}, which is not in the roster")
        own = shuffle.place(index)
        require("claims", own == place, f"place {place} was given to entry {index}, whose place is {own}")
        if nonce + tag != NOT_SHOWN:
            shown = entry(digest, nonce, tag)
            same = roster[32 * index : 32 * index + 32] == shown
            require("claims", same, f"place {place} was taken with something that entry {index} is not made of")
            require("identities", tag == ZERO or tag not in tags, f"the identity {tag.hex()} took more than one place")
            tags.add(tag)
    return f"{len(taken)} places were taken, each once and with the entry that it belongs to"


def compare_places(computed, n, path):
    """A file of places, one a line in index order."""
    count = 0
    try:
        with open(path, encoding="ascii") as file:
            for index, line in enumerate(file):
                count += 1
                place = computed.get(index)
                require(
                    "places",
                    place is None or line.strip() == str(place),
                    f"entry {index} was given place {line.strip()}, the seed gives it {place}",
                )
    except OSError as error:
        raise Unreadable(f"cannot read {path}: {error}") from error
    require("places", count == n, f"{path} has {count} places, the roster {n} entries")


def show_rounds(done):
    if sys.stderr.isatty():
        print(f"\rround {done} of {ROUNDS}", end="\n" if done == ROUNDS else "", file=sys.stderr, flush=True)


# What a record may never change once it was seen, and what a browser keeps of a freeze.
FIXED = (
    "version", "room", "descriptor", "descriptor_digest", "commitment", "label", "log", "entries", "root", "tiers",
    "frozen_at_ms", "missing", "secret", "beacon", "beacon_round", "beacon_signature", "seed", "revealed_at_ms",
)  # fmt: skip
FREEZE = {VERSION: ("entries", "root", "frozen_at_ms"), VERSION_2: ("tiers", "frozen_at_ms")}


class Witness:
    """Papers that somebody saved earlier: a record, a status, what a browser kept, or something of the draw log."""

    def __init__(self, path):
        self.name, self.saw, self.kept, self.proofs, self.checkpoints = path, {}, [], [], []
        try:
            with open(path, encoding="utf-8") as file:
                text = file.read()
            if not self._take_log(text):
                self._take_papers(json.loads(text))
        except (OSError, ValueError) as error:
            raise Unreadable(f"cannot read {path}: {error}") from error
        except (NotOne, AttributeError, KeyError, TypeError) as error:
            raise Unreadable(f"{path} is nothing that witnesses keep: {error!r}") from error

    def _take_log(self, text):
        if text.startswith(TlogProof.HEADER):
            self.proofs = [TlogProof(text)]
        elif "\n\n\u2014 " in text:
            self.checkpoints = [Checkpoint(text)]
        self.checkpoints += [proof.checkpoint for proof in self.proofs]
        return bool(self.checkpoints)

    def _take_papers(self, saw):
        if "evidence" in saw:
            self.kept, self.saw = saw["evidence"], saw.get("record", {})
        elif "freezes" in saw:
            self.kept = [saw]
        elif "draw" in saw:
            self._take_status(saw)
        else:
            self.saw = saw
        self.proofs = [TlogProof(proof["text"]) for kept in self.kept for proof in kept.get("proofs", [])]
        self.checkpoints = [proof.checkpoint for proof in self.proofs]

    def _take_status(self, status):
        draw = status["draw"] or {}
        frozen = draw.get("root") is not None or draw.get("tiers") is not None
        if draw and not frozen and not status.get("stale"):
            self.kept = [{"draw": draw["descriptor_digest"], "unfrozen": {"now_ms": status["now_ms"]}}]
        self.saw = draw

    def check(self, record):
        """What the witness says of the record: (whether it saw the freeze before the round, in words)."""
        self._refuse_second_use(record)
        now = {"missing": 0, **record} if record.get("root") is not None else record
        seen = [key for key in FIXED if self.saw.get(key) is not None]
        for key in seen:
            self._same(key, self.saw[key], now.get(key))
        kept = [kept for kept in self.kept if kept["draw"] == record.get("descriptor_digest")]
        if not kept:
            said = f"{self.name} saw the same {', '.join(seen)}" if seen else None
            return False, said or Open(
                f"{self.name} says nothing of this draw" + " but what is in the log" * bool(self.checkpoints)
            )
        return self._check_kept(kept[0], record)

    def _refuse_second_use(self, record):
        """A secret serves one draw: the second time it is known."""
        other = self.saw.get("descriptor") or {}
        if record["descriptor"]["version"] == VERSION_2 and self.saw.get("descriptor_digest") != record.get(
            "descriptor_digest"
        ):
            twice = other.get("commitment") == record["descriptor"]["commitment"]
            require(
                "commitment",
                not twice,
                f"{self.name} has another draw with the same commitment: its secret is used twice",
            )

    def tickets(self, digest):
        """The tickets of this draw that were kept, each with the number that its entry was made from."""
        receipts = [receipt for kept in self.kept if kept["draw"] == digest for receipt in kept.get("receipts", [])]
        return [(receipt["ticket"], receipt.get("nonce")) for receipt in receipts]

    def _check_kept(self, kept, record):
        descriptor = record["descriptor"]
        self._same("descriptor", kept.get("descriptor", descriptor), descriptor)
        told, rules = kept.get("label", label_of(descriptor)), label_of(descriptor)
        require(
            "witness", told == rules, f"{self.name} was told that the draw is {told!r}; by its rules it is {rules!r}"
        )
        freezes = kept.get("freezes", [])
        for freeze in freezes:
            for key in FREEZE[descriptor["version"]]:
                self._same(key, freeze.get(key), record.get(key))
        look, frozen_ms = kept.get("unfrozen"), record.get("frozen_at_ms")
        if look is not None and frozen_ms is not None:
            # By the room's own clock, and not only because that was set.
            open_ms = min(look["now_ms"], look.get("at_ms", look["now_ms"]))
            why = f"the freeze is dated back: the record says {frozen_ms}, but {self.name} was told that there was none"
            require("witness", open_ms <= frozen_ms, f"{why} at {look['now_ms']} by the room's own clock")
        if not freezes:
            return False, Open(f"{self.name} saw nothing of the freeze")
        return self._judge_time(freezes[0], record)

    def _judge_time(self, first, record):
        awaited = awaited_round(record)
        if awaited is None:
            locked = first["before"] is True
            said = f"{self.name} saw the roster frozen before the secret was public"
            return False, said if locked else Open(f"{self.name} first saw it when the secret was public")
        # A clock that is slow vouches for nothing.
        ahead_ms = round_time_ms({"round": awaited}) - max(first["at_ms"], first.get("now_ms", 0))
        span = f"{abs(ahead_ms) // 1000}.{abs(ahead_ms) % 1000:03} s"
        if first["before"] is True and ahead_ms > 0:
            same = ", ".join(FREEZE[record["descriptor"]["version"]])
            before = f"{span} before round {awaited} was published, by its own clock and the room's"
            return True, f"{self.name} saw the roster frozen, with the same {same}, {before}"
        after = f"{span} after round {awaited} was published, by its own clock or the room's"
        return False, Open(
            f"{self.name} first saw the frozen roster {after}: it is no witness that it was frozen before"
        )

    def _same(self, key, seen, now):
        if key == "tiers":
            seen, now = frozen_only(seen), frozen_only(now)
        why = f"the {key} was changed after it was published: {self.name} saw {seen}, the record says {now}"
        require("witness", seen == now, why)


def frozen_only(tiers):
    """What a freeze fixes of each tier."""
    return tiers and [
        {key: tier.get(key) for key in ("entries", "missing", "name", "root", "tags_root")} for tier in tiers
    ]


def awaited_round(record):
    """The round that the draw waits for; None where it waits for none, or is not frozen."""
    named = record["descriptor"]["beacon"]
    if named is None or record["descriptor"]["version"] == VERSION:
        return named and named["round"]
    return None if record.get("frozen_at_ms") is None else due_round(named, record["frozen_at_ms"])


def check_witnesses(record, witnesses):
    """How many of the witnesses saw the roster frozen before the round."""
    before = 0
    for witness in witnesses:
        try:
            saw_before, said = witness.check(record)
        except (AttributeError, KeyError, TypeError) as error:
            raise Unreadable(
                f"{witness.name} is no record, no status and not what a browser kept: {error!r}"
            ) from error
        report("witness", said)
        before += saw_before
    return before


def say_standing(record, witnessed):
    """What the draw is worth, and on whose word."""
    print(f"code of the freeze, to compare whole: {freeze_code(record)}")
    if label_of(record["descriptor"]) == "committed":
        print(
            'It is "committed": whoever knows the secret could have aimed it by adding or stopping entries before the freeze.'
        )
        return
    word = "for which there is the operator's word and no witness here"
    word = f"as {witnessed} of the witnesses given here saw" if witnessed else word
    condition = "if the round is drand's and the roster was frozen before"
    print(f'It is "committed + public beacon": nobody could aim it {condition}, {word}.')


def verify(source, witnesses, witness_keys, places, samples, everybody):
    record = source.record()
    descriptor = record.get("descriptor")
    if isinstance(descriptor, dict) and descriptor.get("version") == VERSION_2:
        verify_2(source, record, witnesses, witness_keys, (places, samples, everybody))
        return
    report("descriptor", check_descriptor(record))
    witnessed = check_witnesses(record, witnesses)
    report("descriptor digest", check_digest(record))
    report("root", check_root(record, source.roster()))
    report("commitment", check_commitment(record))
    report("beacon", check_beacon(record))
    report("seed", check_seed(record))
    report("places", check_places(record, places, samples, everybody))
    claims = source.claims()
    if claims is not None:
        report("claims", check_claims(record, b"".join(source.roster()), claims))
    log = DrawLog(record, source, witnesses)
    witnessed += log.check(witness_keys)
    say_standing(record, witnessed)


def report(step, what):
    print(f"{'-' if isinstance(what, Open) else 'ok':4}  {step}: {what}", flush=True)


# --- The checks of version 2 ------------------------------------------------------------------------------------------


def check_descriptor_2(record):
    step, descriptor = "descriptor", record["descriptor"]
    keys = {"beacon", "commitment", "identity", "opens_at_ms", "room", "starts_at_ms", "tiers", "version"}
    require(step, set(descriptor) == keys, f"its keys are {sorted(descriptor)}, not {sorted(keys)}")
    require(step, is_name(descriptor["room"]), "its room is not 1 to 32 of a-z, 0-9 and -")
    for key in ("opens_at_ms", "starts_at_ms"):
        require(step, is_number(descriptor[key], 0, 2**53), f"its {key} is not a time")
    require(step, descriptor["opens_at_ms"] <= descriptor["starts_at_ms"], "it starts before it opens")
    require(step, known_bytes(descriptor, "commitment") is not None, "it has no commitment")
    methods = descriptor["identity"]
    of_methods = isinstance(methods, list) and all(isinstance(one, str) and METHOD.match(one) for one in methods)
    require(step, of_methods, "its identity is no list of methods, each 1 to 255 characters from ! to ~")
    require(step, sorted(set(methods)) == methods, "the methods of its identity do not stand in order, each once")
    check_tier_rules(descriptor["tiers"])
    if descriptor["beacon"] is not None:
        check_beacon_rule(descriptor["beacon"])
    check_times(record)
    check_label(record)
    check_copies(record)
    names = ", ".join(f"{tier['name']} (band {tier['band']}, share {tier['share']})" for tier in descriptor["tiers"])
    shown = f"one entry a person by {', '.join(methods)}" if methods else "no identity is asked for"
    return f"room {descriptor['room']!r}, tiers {names}; {shown}"


def check_tier_rules(tiers):
    step, band = "descriptor", 0
    require(
        step, isinstance(tiers, list) and 1 <= len(tiers) <= TIERS_MAX, f"its tiers are not a list of 1 to {TIERS_MAX}"
    )
    for t, tier in enumerate(tiers):
        whole = isinstance(tier, dict) and set(tier) == {"band", "name", "share"}
        require(step, whole, f"its tier {t} is not band, name and share")
        require(step, is_name(tier["name"]), f"the name of its tier {t} is not 1 to 32 of a-z, 0-9 and -")
        require(step, is_number(tier["share"], 1, SHARE_MAX + 1), f"the share of its tier {t} is not 1 to {SHARE_MAX}")
        highest = band + (t > 0)
        require(
            step, is_number(tier["band"], band, highest + 1), f"the band of its tier {t} is not {band} or {highest}"
        )
        band = tier["band"]
    require(step, len({tier["name"] for tier in tiers}) == len(tiers), "two of its tiers have one name")


def check_beacon_rule(beacon):
    step, keys = "descriptor", {"chain", "public_key", "retry", "round", "scheme"}
    require(step, isinstance(beacon, dict) and set(beacon) == keys, f"its beacon is not {sorted(keys)}")
    require(step, is_number(beacon["retry"], 1, RETRY_MAX + 1), "its beacon's retry is not 1 to 2^20 rounds")
    check_beacon_round({key: value for key, value in beacon.items() if key != "retry"})


def is_number(value, least, end):
    return type(value) is int and least <= value < end


def is_name(value):
    return isinstance(value, str) and bool(NAME.match(value))


def check_tiers(record):
    """What the freeze published of each tier, and that it is this descriptor's tiers."""
    step, rules = "tiers", record["descriptor"]["tiers"]
    tiers = published("freeze", record.get("tiers"))
    require(
        step,
        isinstance(tiers, list) and len(tiers) == len(rules),
        f"the record has not the descriptor's {len(rules)} tiers",
    )
    for t, (tier, rule) in enumerate(zip(tiers, rules)):
        require(step, isinstance(tier, dict), f"tier {t} of the record is not an object")
        require(
            step,
            tier.get("name") == rule["name"],
            f"tier {t} is {tier.get('name')!r}, by the descriptor it is {rule['name']!r}",
        )
        require(step, is_number(tier.get("entries"), 0, ENTRIES_MAX), f"the number of entries of tier {t} is not one")
        require(
            step,
            is_number(tier.get("missing"), 0, tier["entries"] + 1),
            f"what tier {t} misses is no number of its entries",
        )
        for key in ("root", "tags_root"):
            require(step, known_bytes(tier, key) is not None, f"tier {t} has no {key}")
    for key in ("entries", "missing"):
        total = sum(tier[key] for tier in tiers)
        require(step, record.get(key) in (None, total), f"the record's {key} is not the sum over its tiers, {total}")
    return ", ".join(f"{tier['name']}: {tier['entries']} entries" for tier in tiers)


class Pool:
    """The rosters and, from the reveal on, the tags of all tiers."""

    def __init__(self, record, source):
        self.record, self.source = record, source
        self.tiers, self.digest = record["tiers"], digest_of(record["descriptor"])
        self.by_identity = bool(record["descriptor"]["identity"])
        self.rosters, self.tags = [], []

    def check_rosters(self):
        for t, tier in enumerate(self.tiers):
            roster = bytearray()
            try:
                count, root = merkle_root(self._kept(self.source.tier_roster(t), roster))
            except Unreadable:
                published("list of entries", self.record.get("secret"))
                raise
            self.rosters.append(roster)
            self._named(
                "roster", t, count == tier["entries"], f"has {count} entries, the record says {tier['entries']}"
            )
            self._named(
                "root", t, root.hex() == tier["root"], f"hashes to {root.hex()}, the record says {tier['root']}"
            )
        return f"{sum(tier['entries'] for tier in self.tiers)} entries in {len(self.tiers)} tiers hash to their roots"

    def check_tags(self):
        if not self.by_identity:
            for t, tier in enumerate(self.tiers):
                self._named(
                    "tags", t, tier["tags_root"] == ZERO.hex(), "has a root of tags, but no identity is asked for"
                )
            return "none: no identity is asked for, and one person may stand there more than once"
        published("list of tags", self.record.get("secret"))
        for t, tier in enumerate(self.tiers):
            tags = bytearray()
            count, root = merkle_root(self._kept(self.source.tier_tags(t), tags))
            self.tags.append(tags)
            self._named("tags", t, count == tier["entries"], f"has {count} tags for {tier['entries']} entries")
            same = root.hex() == tier["tags_root"]
            self._named("tags", t, same, f"has tags that hash to {root.hex()}, the record says {tier['tags_root']}")
            self._check_zeros(t)
        return "each tier's hash to their root"

    def _check_zeros(self, t):
        for index in range(self.tiers[t]["entries"]):
            empty, untagged = self.entry(t, index) == ZERO, self.tag(t, index) == EMPTY_TAG
            self._named("tags", t, untagged or not empty, f"has the tag of somebody at entry {index}, which is empty")
            self._named("tags", t, empty or not untagged, f"has no tag at entry {index}, which is not empty")

    def check_missing(self):
        missing = [sum(self.entry(t, i) == ZERO for i in range(tier["entries"])) for t, tier in enumerate(self.tiers)]
        for t, (found, tier) in enumerate(zip(missing, self.tiers)):
            self._named(
                "missing", t, found == tier["missing"], f"has {found} empty entries, the record says {tier['missing']}"
            )
        return f"{sum(missing)} entries are empty, as was said"

    def check_identities(self):
        """No tag twice, in all tiers together. By their first byte, so that few are in memory twice."""
        if not self.by_identity:
            return "not asked for"
        parts = [array("Q") for _ in range(256)]
        for t, tags in enumerate(self.tags):
            for index in range(len(tags) // 16):
                parts[tags[16 * index]].append(t << 40 | index)
        for part in parts:
            seen = {}
            for t, index in (divmod(where, ENTRIES_MAX) for where in part):
                tag, (s, other) = self.tag(t, index), seen.setdefault(self.tag(t, index), (t, index))
                twice = (s, other) != (t, index) and tag != EMPTY_TAG
                why = (
                    f"{tag.hex()} stands in the pool twice: as entry {other} of tier {s} and entry {index} of tier {t}"
                )
                require("identities", not twice, why)
        return "no identity stands in the pool twice"

    def entry(self, t, index):
        return bytes(self.rosters[t][32 * index : 32 * index + 32])

    def tag(self, t, index):
        return bytes(self.tags[t][16 * index : 16 * index + 16]) if self.by_identity else EMPTY_TAG

    def has(self, t, index):
        return t < len(self.tiers) and index < self.tiers[t]["entries"]

    @staticmethod
    def _kept(pieces, into):
        for piece in pieces:
            into += piece
            yield piece

    @staticmethod
    def _named(step, t, holds, why):
        require(step, holds, f"tier {t} {why}")


def check_tickets(pool, witness, keys):
    """Whether the pool honours the tickets that a browser kept. Only one that the operator signed counts."""
    for ticket, u in witness.tickets(pool.digest.hex()):
        try:
            signed, says = opened_ticket(ticket, keys)
        except (ValueError, KeyError, TypeError, AttributeError, NotOne) as error:
            raise Unreadable(f"{witness.name} has a ticket that cannot be read: {error!r}") from error
        if says.get("kind") != "pool" or says.get("draw") != pool.digest.hex():
            continue
        if not signed:
            report("ticket", Open(f"{witness.name} has a ticket that no key given here signed: it proves nothing"))
            continue
        check_ticket(pool, witness.name, says)
        report("ticket", say_opened(pool, witness.name, says, u))


def check_ticket(pool, name, says):
    t, index = says.get("tier"), says.get("n")
    in_pool = is_number(t, 0, TIERS_MAX) and is_number(index, 0, ENTRIES_MAX) and pool.has(t, index)
    require("ticket", in_pool, f"{name} has a ticket for entry {index} of tier {t}, and there is none")
    entry = pool.entry(t, index).hex()
    require(
        "ticket",
        entry == says.get("entry"),
        f"by the ticket of {name} entry {index} of tier {t} is {says.get('entry')}, it is {entry}",
    )
    tag = pool.tag(t, index).hex()
    require(
        "ticket",
        tag == says.get("tag"),
        f"by the ticket of {name} entry {index} of tier {t} has the tag {says.get('tag')}, it is {tag}",
    )


def say_opened(pool, name, says, u):
    t, index = says["tier"], says["n"]
    honoured = f"{name} has a ticket for entry {index} of tier {t}, and it is honoured"
    if u is None:
        return honoured
    made = entry_2(pool.digest, t, nonce_of(from_base64url(u)), bytes.fromhex(says["tag"])).hex() == says["entry"]
    return f"{honoured}; the entry is made of {'its own number' if made else 'another number: it was made elsewhere'}"


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def opened_ticket(ticket, keys):
    """Whether one of these keys signed it, and what it says."""
    header, payload, signature = ticket.split(".")
    key = keys.get(json.loads(from_base64url(header)).get("kid"))
    message = f"{header}.{payload}".encode("ascii")
    signed = bool(key) and ed25519_holds(from_base64url(key["x"]), message, from_base64url(signature))
    return signed, json.loads(from_base64url(payload))


def check_beacon_2(record):
    step, named = "beacon", record["descriptor"]["beacon"]
    beacon, signature = known_bytes(record, "beacon"), known_bytes(record, "beacon_signature", 48)
    shown, revealed_ms = record.get("beacon_round"), record.get("revealed_at_ms")
    if named is None:
        none = beacon is None and signature is None and shown is None
        require(step, none, "there is one, but the descriptor names none")
        return "none: the draw is committed, and no more"
    pinned = named["chain"] == QUICKNET_CHAIN and named["public_key"] == QUICKNET_KEY
    require(step, pinned, "the descriptor names one that is not drand's quicknet")
    due = due_round(named, record["frozen_at_ms"])
    require(
        step,
        shown == due,
        f"round {shown} is out of turn: frozen at {record['frozen_at_ms']} the draw waits for round {due}",
    )
    early = revealed_ms is not None and revealed_ms < round_time_ms({"round": due})
    require(step, not early, "the draw was over before the round was published")
    require(step, beacon is not None, "the round's randomness is not in the record")
    require(step, signature is not None, "the round's signature is not in the record")
    computed = sha256(signature).hex()
    require(step, computed == beacon.hex(), f"the record says {beacon.hex()}, the signature hashes to {computed}")
    address = f"https://api.drand.sh/{named['chain']}/public/{due}"
    unsaid = f"that drand signed it is not checked here: compare it with {address}"
    return Open(f"round {due}, the first that was due; {beacon.hex()} is the hash of its signature; {unsaid}")


def check_seed_2(record):
    seed = published("seed", known_bytes(record, "seed"))
    tiers = [
        (tier["entries"], bytes.fromhex(tier["root"]), bytes.fromhex(tier["tags_root"])) for tier in record["tiers"]
    ]
    secret, beacon = known_bytes(record, "secret"), known_bytes(record, "beacon") or ZERO
    computed = seed_of_2(digest_of(record["descriptor"]), tiers, secret, beacon)
    require("seed", computed == seed, f"the record says {seed.hex()}, it should be {computed.hex()}")
    return seed.hex()


def check_places_2(shuffles, printed, samples, everybody):
    n = sum(shuffles.sizes)
    where = [
        (t, index)
        for t, size in enumerate(shuffles.sizes)
        for index in (range(size) if n <= 200 * samples or everybody else [])
    ]
    if where or n == 0:
        computed = shuffles.all_places(show_rounds)
        require("places", sorted(computed.values()) == list(range(n)), "the places are not 0 to N-1, each once")
    else:
        picked = sorted(random.sample(range(n), samples))
        computed = {where: shuffles.place(*where) for where in (tier_index(shuffles.sizes, at) for at in picked)}
    if printed is not None:
        starts = [sum(shuffles.sizes[:t]) for t in range(len(shuffles.sizes))]
        compare_places({starts[t] + index: place for (t, index), place in computed.items()}, n, printed)
    return f"{len(computed)} of {n} {'recomputed' if printed is None else 'recomputed and compared'}"


def tier_index(sizes, at):
    """Which entry stands there if one tier's roster follows the other's."""
    for t, size in enumerate(sizes):
        if at < size:
            return t, at
        at -= size
    raise AssertionError("there are fewer entries")


CLAIM_2 = struct.Struct(">QBQQ16s16s")
U_NOT_SHOWN = b"\xff" * 16


def check_claims_2(record, pool, shuffles, claims):
    """The list of claims: 57 bytes a line, in the order of admission."""
    step = "claims"
    require(
        step, len(claims) % CLAIM_2.size == 0, f"the list ends in {len(claims) % CLAIM_2.size} bytes that are no claim"
    )
    lines, places, tags = list(CLAIM_2.iter_unpack(claims)), set(), set()
    for place, t, index, admitted_ms, u, tag in lines:
        require(step, place not in places, f"place {place} was taken twice")
        places.add(place)
        early = admitted_ms < (record.get("revealed_at_ms") or 0)
        require(step, not early, f"place {place} was taken before the draw was over")
        untagged = tag == EMPTY_TAG
        require(step, pool.by_identity or untagged, f"place {place} was taken with an identity, but none is asked for")
        if t == LATE_TIER and index == NO_INDEX:
            require(step, place >= sum(shuffles.sizes), f"place {place} was drawn, but taken without an entry")
            require(step, not (untagged and pool.by_identity), f"place {place} was taken without an identity")
        else:
            check_drawn_claim(pool, shuffles, (place, t, index), u, tag)
        require("identities", untagged or tag not in tags, f"the identity {tag.hex()} was let in twice")
        tags.add(tag)
    shown = sum(u != U_NOT_SHOWN for _, _, _, _, u, _ in lines)
    jumped, step_max = out_of_order(lines)
    order = f"{jumped} were admitted before a lower place that came later" + (
        f", by up to {step_max} places" if jumped else ""
    )
    taken = f"{len(lines)} places were taken, each once and with the entry that it belongs to"
    return f"{taken}; {shown} showed the number that only they knew; {order}"


def check_drawn_claim(pool, shuffles, where, u, tag):
    place, t, index = where
    step, what = "claims", f"place {where[0]} was given to entry {index} of tier {t}"
    require(step, pool.has(t, index), f"{what}, which is not in the roster")
    require(step, pool.entry(t, index) != ZERO, f"{what}, which is empty")
    require(step, tag == pool.tag(t, index), f"{what} with the identity {tag.hex()}, whose entry that is not")
    own = shuffles.place(t, index)
    require(step, own == place, f"{what}, whose place is {own}")
    if u != U_NOT_SHOWN:
        made = entry_2(pool.digest, t, nonce_of(u), tag)
        require(step, made == pool.entry(t, index), f"{what} with something that the entry is not made of")


def out_of_order(lines):
    """How many were admitted before a lower place that came later, and the largest such step."""
    lowest, jumped, step_max = None, 0, 0
    for place, *_ in sorted(lines, key=lambda line: line[3])[::-1]:
        if lowest is not None and lowest < place:
            jumped, step_max = jumped + 1, max(step_max, place - lowest)
        lowest = place if lowest is None else min(lowest, place)
    return jumped, step_max


class DrawLog:
    """What the draw log says of a draw: the log where it is there, proofs from it, and what others saved of it."""

    def __init__(self, record, source, witnesses):
        self.record, self.digest, self.proofs = record, record["descriptor_digest"], {}
        self.entries, self.served, self.statements, self.key = None, None, [], None
        self.saved = [(witness.name, checkpoint) for witness in witnesses for checkpoint in witness.checkpoints]
        self.saved_proofs = [proof for witness in witnesses for proof in witness.proofs]
        if record.get("log") is None:
            return
        try:
            self.key = Key(record["log"])
            self._read(source)
        except (NotOne, TypeError, AttributeError) as error:
            raise Failed("log", str(error)) from error

    def _read(self, source):
        named = re.fullmatch(r"[a-z0-9.:\[\]-]+/\.fairgate/draw\.log(/([2-9]|[1-9][0-9]+))?", self.key.name)
        require("log", named and self.key.kind == LOG_KEY, f"{self.record['log']} is not the key of a draw log")
        self.proofs = {kind: TlogProof(text) for kind in ("draw", "freeze", "reveal") if (text := source.proof(kind))}
        log = source.log(self.key.name)
        require("log", log or not source.is_url, f"{self.key.name} is named by the record, and not there")
        if not log:
            return
        self.served = Checkpoint(log[0])
        require(
            "log",
            self.served.size <= STATEMENTS_MAX,
            f"it has more than {STATEMENTS_MAX} statements: too many to be read here",
        )
        self.entries = log[1](self.served.size)
        self.statements = [Statement(entry.decode("utf-8")) for entry in self.entries]
        self.hashes = [sha256(b"\x00" + entry) for entry in self.entries]

    def check(self, witness_keys):
        """Reports what it says; how many outsiders saw the freeze in time."""
        if self.key is None:
            said = "the operator keeps none: only the code of the freeze shows whether others were shown the same draw"
            report("log", Open(said))
            return 0
        try:
            self._check_signed()
            self._check_forks()
            report("log", self._check_statements() if self.entries is not None else Open("the log itself is not here"))
            for kind in self.proofs:
                report("log", self._check_proof(kind))
            return self._report_witnesses(witness_keys)
        except (NotOne, UnicodeDecodeError) as error:
            raise Failed("log", str(error)) from error

    def _check_signed(self):
        checkpoints = {
            "the checkpoint of the log": self.served,
            **{f"the proof of the {k}": p.checkpoint for k, p in self.proofs.items()},
        }
        for what, checkpoint in checkpoints.items():
            require(
                "log", checkpoint is None or checkpoint.signed_by(self.key), f"{what} is not signed by {self.key.name}"
            )
        for name, checkpoint in self.saved:
            if not checkpoint.signed_by(self.key):
                report("log", Open(f"{name} has a checkpoint that {self.key.name} did not sign: it proves nothing"))
        self.saved = [(name, checkpoint) for name, checkpoint in self.saved if checkpoint.signed_by(self.key)]

    def _check_forks(self):
        """Two checkpoints with the log's signature, neither leading to the other, need nobody's word."""
        ours = [(f"the proof of the {kind}", proof.checkpoint) for kind, proof in self.proofs.items()]
        known = [*([("the log", self.served)] if self.served else []), *ours, *self.saved]
        roots = {}
        for name, checkpoint in known:
            other, root = roots.setdefault(checkpoint.size, (name, checkpoint.root))
            fork = f"the log forked: {other} and {name} have two logs of {checkpoint.size} statements"
            require("log", root == checkpoint.root, fork)
        if self.entries is None:
            return
        for name, checkpoint in known:
            signed = f"{name} has its signature on {checkpoint.size} statements"
            cut = f"the log was cut: {signed}, there are {len(self.entries)}"
            require("log", checkpoint.size <= len(self.entries), cut)
            same = root_of(self.hashes[: checkpoint.size]) == checkpoint.root
            require(
                "log", same, f"the log forked: what {name} has of {checkpoint.size} statements is not how it begins"
            )

    def _check_statements(self):
        """One draw, one freeze after it, no more than one reveal after that, and each says what the record says."""
        own = [(at, statement) for at, statement in enumerate(self.statements) if statement.draw == self.digest]
        of = {kind: [(at, one) for at, one in own if one.kind == kind] for kind in STATEMENTS}
        require("log", not of["void"], f"the draw is void, says statement {of['void'][0][0] if of['void'] else ''}")
        require("log", len(of["draw"]) == 1, f"it announces the draw {len(of['draw'])} times")
        require("log", len(of["freeze"]) <= 1, f"it has {len(of['freeze'])} freezes of one draw")
        require("log", len(of["reveal"]) <= 1, f"it has {len(of['reveal'])} reveals of one draw")
        self._refuse_second_use()
        done = self.record.get("seed") is not None
        if not of["freeze"]:
            require("log", not done, "it has no freeze of a draw that is over")
            return Open("it announces the draw; the freeze is not in it yet")
        in_order = of["draw"][0][0] < of["freeze"][0][0] and (
            not of["reveal"] or of["freeze"][0][0] < of["reveal"][0][0]
        )
        require("log", in_order, "its statements of the draw do not stand in order")
        require("log", self.record.get("frozen_at_ms") is not None, "it has a freeze, and the record has none")
        require(
            "log", of["freeze"][0][1].text == freeze_statement(self.record), "it states another freeze than the record"
        )
        if of["reveal"]:
            require("log", done, "it has a reveal, and the record has none")
            require(
                "log",
                of["reveal"][0][1].text == reveal_statement(self.record),
                "it states another reveal than the record",
            )
        told = "one draw, one freeze and one reveal" if of["reveal"] else "one draw, one freeze and no reveal yet"
        return f"{self.key.name} has {told} of this draw among {len(self.entries)} statements"

    def _refuse_second_use(self):
        commitment = self.record["descriptor"]["commitment"]
        for at, statement in enumerate(self.statements):
            twice = (
                statement.kind == "draw"
                and statement.draw != self.digest
                and statement.descriptor.get("commitment") == commitment
            )
            require(
                "commitment",
                not twice,
                f"statement {at} of the log has another draw with the same one: its secret is used twice",
            )

    def _check_proof(self, kind):
        proof, statement = self.proofs[kind], self._stated(kind)
        if statement is None:
            return Open(f"what the {kind} says cannot be made from the record alone")
        require("log", proof.shows(statement), f"the proof of the {kind} is not of what the record says")
        return f"the {kind} is in it, as statement {proof.index}"

    def _stated(self, kind):
        if kind == "freeze":
            return freeze_statement(self.record) if self.record.get("frozen_at_ms") is not None else None
        if kind == "reveal":
            return reveal_statement(self.record) if self.record.get("seed") is not None else None
        return next((one.text for one in self.statements if one.kind == "draw" and one.draw == self.digest), None)

    def _report_witnesses(self, keys):
        """Which outsiders saw the draw before the pool opened, and the freeze before anybody could know the outcome."""
        opens_ms, awaited = self.record["descriptor"]["opens_at_ms"], awaited_round(self.record)
        self._say_seen("draw", self._seen("draw", keys), opens_ms, "the pool opened")
        seen = self._seen("freeze", keys)
        if awaited is not None:
            return self._say_seen("freeze", seen, round_time_ms({"round": awaited}), f"round {awaited} was published")
        sealed = [(at_ms, name) for at_ms, name, size in seen if self._before_reveal(size)]
        for at_ms, name in sealed:
            report("witness", f"{name} saw the freeze in a log that did not have the reveal yet")
        return len({name for _, name in sealed})

    def _before_reveal(self, size):
        reveals = [at for at, one in enumerate(self.statements) if one.kind == "reveal" and one.draw == self.digest]
        reveals += [self.proofs["reveal"].index] if "reveal" in self.proofs else []
        return bool(reveals) and size <= reveals[0]

    def _seen(self, kind, keys):
        """[(when, by whom, how long the log was)] for a statement; who is not counted is named."""
        statement, seen = self._stated(kind), []
        proofs = [
            proof
            for proof in (self.proofs.get(kind), *self.saved_proofs)
            if proof and statement and proof.shows(statement)
        ]
        for checkpoint in (proof.checkpoint for proof in proofs if proof.checkpoint.signed_by(self.key)):
            times = [(checkpoint.cosigned_ms(key), key.name, checkpoint.size) for key in keys]
            seen += [line for line in times if line[0] is not None]
            others = {name for name, *_ in checkpoint.signatures} - {self.key.name, *(key.name for key in keys)}
            for name in sorted(others):
                report("witness", Open(f"{name} signed, too, and is not counted: no key of it was given here"))
        return seen

    @staticmethod
    def _say_seen(kind, seen, end_ms, end):
        """Says who saw it and when; how many did in time."""
        for at_ms, name, _ in seen:
            span = f"{abs(end_ms - at_ms) / 1000:g} s"
            late = f"{name} saw the {kind} {span} after {end}: too late to vouch for it"
            report("witness", f"{name} saw the {kind} {span} before {end}" if at_ms < end_ms else Open(late))
        return len({name for at_ms, name, _ in seen if at_ms < end_ms})


def verify_2(source, record, witnesses, witness_keys, about_places):
    report("descriptor", check_descriptor_2(record))
    witnessed = check_witnesses(record, witnesses)
    report("descriptor digest", check_digest(record))
    log = DrawLog(record, source, witnesses)
    try:
        check_numbers_2(source, record, witnesses, about_places)
    except Unfinished:
        log.check(witness_keys)
        raise
    witnessed += log.check(witness_keys)
    say_standing(record, witnessed)


def check_numbers_2(source, record, witnesses, about_places):
    report("tiers", check_tiers(record))
    pool = Pool(record, source)
    report("root", pool.check_rosters())
    report("tags", pool.check_tags())
    report("missing", pool.check_missing())
    report("identities", pool.check_identities())
    keys = source.keys()
    for witness in witnesses:
        check_tickets(pool, witness, keys)
    report("commitment", check_commitment(record))
    report("beacon", check_beacon_2(record))
    report("seed", check_seed_2(record))
    sizes = [tier["entries"] for tier in record["tiers"]]
    shuffles = Tiers(record["descriptor"], sizes, bytes.fromhex(record["seed"]))
    report("places", check_places_2(shuffles, *about_places))
    claims = source.claims()
    if claims is not None:
        report("claims", check_claims_2(record, pool, shuffles, claims))


# --- The test vectors -------------------------------------------------------------------------------------------


def vectors_1():
    counting = bytes(range(32))
    committed = "2655342a4d636d4e26a7351d5690aea126efde9de2c1e7633bf9c16b656369d6"
    descriptor = {
        "beacon": None, "commitment": committed, "opens_at_ms": 1764579600000,
        "room": "vector", "starts_at_ms": 1764581400000, "version": "fairgate/v1",
    }  # fmt: skip
    digest = descriptor_digest(descriptor)
    roster = [entry(digest, bytes([k]) * 16) for k in range(7)]
    n, root = merkle_root(roster)
    seed = seed_of(digest, n, root, counting, ZERO)
    frozen = {"descriptor_digest": digest.hex(), "entries": n, "root": root.hex(), "frozen_at_ms": 1764581400200}
    ten, million = Shuffle(counting, 10), Shuffle(counting, 14_000_000)
    return [
        ("commitment", commitment(counting).hex(), committed),
        ("D", digest.hex(), "e721461feb172d9be665ba3fbd67ddac9a66fc3c25d22cd6f349f45eae309ceb"),
        ("entry 0", roster[0].hex(), "cec9e21b21765c68ffd339430a91215608fa81cc063c202cf4507bf1d3ee6d1a"),
        ("entry 1", roster[1].hex(), "acf982b533d56e4e1363bfd3c11523f95df2fd4c0729e5585c82736e0c847c0e"),
        ("entry 6", roster[6].hex(), "a73f41177264222a999be8fd35f29092105d9077f89d1bcbff7ebea255efc2ff"),
        ("root", root.hex(), "a40655b8763e6b545a13440dd4cfc1ce8e5933bdc76320b5baf044392c3167c3"),
        ("code of the freeze", freeze_code(frozen), "b77173c6e07d4a60146829fe24fdd4440d69be27b9d52b1c7c2b985336032c4d"),
        ("seed", seed.hex(), "7dad15fc70cc42ee0ff34097ed8eed6205a25821a0bd2d4c0eab2631d60b6493"),
        ("places of 7", Shuffle(seed, 7).all_places(), [2, 4, 3, 0, 6, 1, 5]),
        ("places of 10", ten.all_places(), [8, 9, 5, 0, 4, 3, 2, 7, 1, 6]),
        ("places of 10, one by one", [ten.place(i) for i in range(10)], [8, 9, 5, 0, 4, 3, 2, 7, 1, 6]),
        ("places of 14,000,000", [million.place(i) for i in range(5)], [565063, 4988726, 10970996, 4354573, 11728609]),
    ]


COUNTING, IDENTITY_KEY, METHOD_OF_VECTORS = bytes(range(32)), b"\x42" * 32, "oidc:https://id.example"
COMMITTED = "2655342a4d636d4e26a7351d5690aea126efde9de2c1e7633bf9c16b656369d6"
QUICKNET_ROUND = (
    f'{{"chain":"{QUICKNET_CHAIN}","public_key":"{QUICKNET_KEY}","retry":10,"round":990,"scheme":"{SCHEME}"}}'
)
THREE_TIERS = (
    '[{"band":0,"name":"members","share":1},{"band":1,"name":"fans","share":3},{"band":1,"name":"public","share":1}]'
)
ONE_TIER = '[{"band":0,"name":"everyone","share":1}]'
ROUND_1000 = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd"


def descriptor_text(beacon, identity, opens_ms, starts_ms, tiers):
    times = f'"opens_at_ms":{opens_ms},"room":"vector","starts_at_ms":{starts_ms}'
    head = f'"beacon":{beacon},"commitment":"{COMMITTED}","identity":{identity}'
    return f'{{{head},{times},"tiers":{tiers},"version":"fairgate/v2"}}'


# Descriptor, beacon, numbers of entries; D; (root, tags_root, tag[0], entry[0]) a tier; seed; (seed, places) a tier.
DRAWS_2 = {
    "committed": (
        descriptor_text("null", f'["{METHOD_OF_VECTORS}"]', 1764579600000, 1764581400000, THREE_TIERS), ZERO, (3, 5, 4),
        "22e36c62347d489d3a2af3e31ec8e06a784f73ced0222510ae373233781933e6",
        [
            ("d363fcd1f7ad840f19911ce41eee92ff0b041e066d0f65d419a361dd37fe7b3a",
             "c6021cecb6554aa22fa83be6751372013e0b82dd7fa21e2e9098847d6d8bd6fd", "0554622971da338e938f1eff14a8060c",
             "9373029ee9549d246e66fb6dd6b42885f36ea35a1ef733e5fdf76e22c50038d6"),
            ("a92a1725943771c047f15f7539c7df3f5c14d7c91447e5f9bfc5ad3a18b1a490",
             "8c6da6ae4f9e303daef1e235e95f1efbccef21bef734039ed4d63a8cb6c425b2", "b22abdba107c7e1f437c91f2a1935500",
             "ee4f163fccf52af1a215ce8fe165b2d631b2003c4bec1ee1585ee5770b71c8a7"),
            ("a8ffc094713e2fe70dc379bf3617e7db541de91640146a707c26c50d5b9f8983",
             "da2342b82db734c718623c0a9a500008e78782edeec0475850dd70b6df47b683", "37229f28219c54bfd9c8511041335c39",
             "ac887ab9f0ad7b94f2586323571aa5fc9de4a382b06d2dc4d4fd0e90cbec3bac"),
        ],
        "3c3cd6e4f13fd1ae7c31cda1c5de43000a5949814ecdf645aede3544f5a1e626",
        [
            ("6f7b1aa5c4a1cbb3ccbf49c85aafeb391bc7407dff954c41c326f6cff454e95d", [1, 0, 2]),
            ("d85d85f8a1967f9b2a778e0bf33f31eac0823d5015f2ce95ea9b529f30fa0524", [7, 4, 3, 5, 8]),
            ("4c8f0dccc4d13fcf5ea5e721443ad069b209e893d7891dcfbe5d940f165575a5", [10, 6, 9, 11]),
        ],
    ),
    "beacon": (
        descriptor_text(QUICKNET_ROUND, f'["{METHOD_OF_VECTORS}"]', 1692804600000, 1692806330000, THREE_TIERS),
        bytes.fromhex(ROUND_1000), (3, 5, 4), "fdccfdd7c3b71f8c558e3075ff22d119bec327138c6069fca9fdf1f4a8c387f4",
        [
            ("86aab5519774418e79f1ff3c3ab6585c35b7dd01ea185a382db6b52d56040ab6",
             "9f01ea2a3bd86a7988f53804be6e5b704ac1ef5ad4f9271d49ff6d3f35a6a870", "50093d530c5eaadab8240863477933f8",
             "22fad88c9db44c3b6d2b2321ba4f9936f61234e5fbe8ea547dad9ba03af0b0c4"),
            ("754fbdd0720523a503a07905ac507d42777017a377d3424a1e51affa76aacc74",
             "378e0c4104e3fdd669809a8f13703af0dc500112d16834d5cd5921ba122eacd6", "53ef5af505d18e2a258e0987c871ddd1",
             "547ca8d1f168979dfb92e35c59d711775f12f9fe1824ae5fa694e648795054de"),
            ("ba938719469d3a6d041269562329a1d87b04b0c26fbf2c55365ad3a6b561d794",
             "674d7982ad10235fcbda7cc36677492093cb08b38744eb337fe7ed00de0dc045", "b4cb975b7641da8c4d0c38c7a4678ed5",
             "8b89fd64b45bac14f69571129b1d81603a0e15814604409ffbaa68f5643c4174"),
        ],
        "ac2566457e13a9ca043d01ffce29c7ebf0fa42aee53e510302c3518008397d91",
        [
            ("bd9215341fc747d6a66f2919c3a2bf7194e22f83340746392fa6a5f26a028099", [0, 1, 2]),
            ("4d05b23b9e64b13bd6bd02bb5737a53c1ffd55643ccaa978e7150e2f81548ee5", [4, 7, 5, 8, 3]),
            ("8b553ce955ae66e907398cc9cfc3d27533cda63b2d0356a824da233165c6a8b1", [9, 10, 11, 6]),
        ],
    ),
    "one tier": (
        descriptor_text("null", "[]", 1764579600000, 1764581400000, ONE_TIER), ZERO, (7,),
        "d6de11c24db2862b4d384781a96c68958a62bbdd47bed109202756fa4ad75af4",
        [("861c34528d55c9a9e98022148d6e3d94b8c775d99c2c0959219f0b10d29c71fb", ZERO.hex(), EMPTY_TAG.hex(),
          "ebb298bc85310e77104a17afe94ce3b0a04788d963d40273ae72e14a565f8386")],
        "d6a21cf32a9d2e165a6edd96f93793e3aa5745e70366c6a82e78f017a242ca5f",
        [("8ed85419c9a61536a82d5966c09d4b0d6181577e732af6f009abe4ff470105d0", [5, 3, 6, 2, 4, 1, 0])],
    ),
}  # fmt: skip

LOG_VKEY = "tickets.example/.fairgate/draw.log+2a89550f+AepKbGPinFIKvvVQexMuxfmVR3auvr57kkIe6mkURtIs"
WITNESS_VKEY = "witness.example/w1+fea3b187+BBOY9ixtGkV8UbpqS189vS9p/KkyFiGNyJl+QWvRfZPK"
TICKET_KEY = "atZR63tNG3W2GhPpVleKnfrw1N7N6LAqOe5grE2SBR4"
FREEZE_PROOF = """c2sp.org/tlog-proof@v1
index 1
nwAendKD5cvH9sMW+zAR8wG5Qd9PaOLeoPe2pPSbxU0=

tickets.example/.fairgate/draw.log
2
MPCP/zkY5LWeZqbZq4xf8yiqeda8PIwhSy2D8Cna1BU=

\u2014 tickets.example/.fairgate/draw.log KolVD2XYRu9qk1FV67BXU+E5fbeobgNxJC8wtM+NYEM8fw6xuAqzYGkIcdj+9tktB6Ogw+bSGEEbOhml0ya3VNloDAI=
\u2014 witness.example/w1 /qOxhwAAAABk5izQqc2gggL5k0nKpujNe162ArNxEsVEo3p4F2G0lapogyg66S7tznXD5MQaCTR0jsfJWNfaZ7LRyPiG7h1UPtFnAQ==
"""


def entered(digest, sizes, by_identity):
    """What the vectors' fans entered with, a tier: [(tag, entry)]."""
    fans = iter(range(sum(sizes)))
    for t, n in enumerate(sizes):
        tier = []
        for number in (next(fans) for _ in range(n)):
            tag = EMPTY_TAG
            if by_identity:
                tag = identity_tag(IDENTITY_KEY, digest, METHOD_OF_VECTORS, f"user-{number}")
            tier.append((tag, entry_2(digest, t, nonce_of(bytes([number]) * 16), tag)))
        yield tier


def vectors_of_draw(name, text, beacon, sizes, digest, tiers, seed, drawn):
    descriptor = descriptor_from(text)
    check_descriptor_2({"descriptor": descriptor})
    found, frozen = descriptor_digest_2(descriptor), []
    yield f"{name}: D", found.hex(), digest
    by_identity = bool(descriptor["identity"])
    for t, tier in enumerate(entered(found, sizes, by_identity)):
        root = merkle_root(entry for _, entry in tier)[1]
        tags_root = merkle_root(tag for tag, _ in tier)[1] if by_identity else ZERO
        frozen.append((sizes[t], root, tags_root))
        shown = (root.hex(), tags_root.hex(), tier[0][0].hex(), tier[0][1].hex())
        yield f"{name}: root, tags_root, tag and entry of tier {t}", shown, tiers[t]
    own_seed = seed_of_2(found, frozen, COUNTING, beacon)
    yield f"{name}: seed", own_seed.hex(), seed
    shuffles = Tiers(descriptor, sizes, own_seed)
    for t, (of_tier, places) in enumerate(drawn):
        yield f"{name}: seed of tier {t}", tier_seed(own_seed, t).hex(), of_tier
        yield f"{name}: places of tier {t}", [shuffles.place(t, index) for index in range(sizes[t])], places
    every = {(t, index): place for t, (_, places) in enumerate(drawn) for index, place in enumerate(places)}
    yield f"{name}: all places", shuffles.all_places(), every


def vectors_of_places():
    rules = [{"band": 0, "share": 1}, {"band": 1, "share": 3}, {"band": 1, "share": 1}]
    large = Tiers({"tiers": rules}, (3_500_000, 2_000_000, 8_500_000), COUNTING)
    yield (
        "places of 14,000,000 in tiers",
        [[large.place(t, index) for index in range(3)] for t in range(3)],
        [
            [1687708, 2856856, 2553853],
            [5938616, 5958145, 5704260],
            [12039165, 13552188, 8477410],
        ],
    )
    uneven = [(0, 1000, 3), (0, 1, 2), (0, 3, 0), (0, 3, 4), (1, 2, 1)]
    dealt = [[place_of(uneven, t, j) for j in range(n)] for t, (_, _, n) in enumerate(uneven)]
    yield "places of uneven tiers", dealt, [[0, 1, 2], [5, 8], [], [3, 4, 6, 7], [9]]
    huge, where = [(0, 1000, 2**40 - 1), (0, 999, 2**40 - 1)], (0, 998, 2**39, 2**40 - 2)
    yield (
        "places of 2^41 - 2",
        [[place_of(huge, t, j) for j in where] for t in range(2)],
        [
            [0, 1996, 1098961871963, 2197923743921],
            [1, 1998, 1100061933897, 2199023255549],
        ],
    )
    shuffle = Shuffle(COUNTING, 2**40 - 1)
    numbers = [shuffle.place(index) for index in (0, 1, 2**40 - 2)]
    yield "shuffle of 2^40 - 1", numbers, [476614242268, 523681526631, 604168906874]


def vectors_of_log():
    text, _, sizes, digest, tiers, *_ = DRAWS_2["beacon"]
    frozen = [{"entries": n, "root": of[0], "tags_root": of[1], "missing": 0} for n, of in zip(sizes, tiers)]
    record = {
        "version": VERSION_2, "descriptor": descriptor_from(text), "descriptor_digest": digest,
        "frozen_at_ms": 1692806350200, "tiers": frozen,
    }  # fmt: skip
    leaves = [leaf_hash(draw_statement(record, [TICKET_KEY])), leaf_hash(freeze_statement(record))]
    yield "the round that is due", due_round(record["descriptor"]["beacon"], record["frozen_at_ms"]), 1000
    yield "leaf of the draw", leaves[0].hex(), "9f001e9dd283e5cbc7f6c316fb3011f301b941df4f68e2dea0f7b6a4f49bc54d"
    yield "leaf of the freeze", leaves[1].hex(), "9b842b672a33e51d63e1a0d475790125d85d6e115ccb87ed80549f75366d9cef"
    proof, log, witness = TlogProof(FREEZE_PROOF), Key(LOG_VKEY), Key(WITNESS_VKEY)
    yield "root of the log", root_of(leaves), proof.checkpoint.root
    yield "path of the freeze", (proof.path, proof.shows(freeze_statement(record))), ([leaves[0]], True)
    yield "signature of the log", proof.checkpoint.signed_by(log), True
    yield "signature of the witness", proof.checkpoint.cosigned_ms(witness), 1692806352000


def check_vectors():
    vectors = [*vectors_1(), ("v", nonce_of(bytes(16)).hex(), "1ffc5f7020b9273e35debe630341c9bc")]
    for name, draw in DRAWS_2.items():
        vectors += vectors_of_draw(name, *draw)
    for step, computed, expected in [*vectors, *vectors_of_places(), *vectors_of_log()]:
        require(step, computed == expected, f"computed {computed}, the protocol says {expected}")
        report(step, computed)


def witness_key(vkey):
    try:
        key = Key(vkey)
        if key.kind != WITNESS_KEY:
            raise NotOne(f"{vkey!r} is not the key of a witness")
        return key
    except NotOne as error:
        raise Unreadable(str(error)) from error


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("source", nargs="?", help="a folder, or the URL of the record")
    arguments.add_argument("--places", help="a file of places to compare with, one a line in index order")
    witness = (
        "a record, a status, what a browser kept, or a checkpoint of the draw log or a proof from it, saved earlier; "
    )
    witness += "may be given several times"
    arguments.add_argument("--witness", action="append", default=[], metavar="FILE", help=witness)
    outsider = "the key of an outside witness of the draw log that you trust; may be given several times"
    arguments.add_argument("--witness-key", action="append", default=[], metavar="VKEY", help=outsider)
    samples = "how many places to recompute where there are more than 200 times as many (default: 100)"
    arguments.add_argument("--samples", type=int, default=100, help=samples)
    arguments.add_argument("--all", action="store_true", help="recompute every place (minutes for 100,000 entries)")
    arguments.add_argument("--vectors", action="store_true", help="check this program against the test vectors")
    given = arguments.parse_args()
    if not given.source and not given.vectors:
        arguments.error("name a folder or a URL, or --vectors")
    try:
        if given.vectors:
            check_vectors()
        if given.source:
            witnesses = [Witness(path) for path in given.witness]
            keys = [witness_key(vkey) for vkey in given.witness_key]
            verify(Source(given.source), witnesses, keys, given.places, given.samples, given.all)
    except Failed as failed:
        print(f"FAIL  {failed}", flush=True)
        return 1
    except Unfinished as unfinished:
        print(f"The draw is not finished: {unfinished}.")
        return 3
    except Unreadable as unreadable:
        print(f"verify_draw: {unreadable}", file=sys.stderr)
        return 2
    print("The draw holds." if given.source else "The vectors hold.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
