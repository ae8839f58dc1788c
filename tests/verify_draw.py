#!/usr/bin/env python3
"""Recomputes a fairgate/v1 draw from its public record and roster, and names the step that does not hold.

Written from DRAW.md alone, with nothing but Python's standard library, so that it shares no code (and no mistake)
with the program that ran the draw.

    verify_draw.py FOLDER        reads FOLDER/draw.json and FOLDER/roster
    verify_draw.py URL           reads URL (…/.fairgate/{room}/draw) and URL/roster
    verify_draw.py FOLDER --witness FILE    holds it against a record, a status or what a browser kept, saved earlier
    verify_draw.py --vectors     checks this program against DRAW.md's test vectors

Exit code: 0 where everything holds, 1 where a step fails, 2 where there is nothing to check, 3 where the draw is not
finished.
"""

import argparse
import hashlib
import json
import os
import random
import struct
import sys
import urllib.error
import urllib.request

VERSION = "fairgate/v1"
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
    """The leaf hash of the freeze as the draw log states it: one tier, without identity tags."""
    tier = f"tier 0 {record['entries']} {record['root']} {ZERO.hex()} {record.get('missing') or 0}"
    lines = ["fairgate/v2/freeze", f"draw {record['descriptor_digest']}", f"at {record['frozen_at_ms']}", tier, ""]
    return sha256(b"\x00" + "\n".join(lines).encode("ascii")).hex()


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


# --- What is published ------------------------------------------------------------------------------------------------


class Source:
    """A record and a roster, in a folder or behind a URL."""

    def __init__(self, source):
        self.source = source.rstrip("/")
        self.is_url = source.startswith(("http://", "https://"))

    def record(self):
        with self._open("", "draw.json") as file:
            try:
                record = json.load(file, object_pairs_hook=self._object)
            except ValueError as error:
                raise Unreadable(f"the record is not JSON: {error}") from error
        if not isinstance(record, dict):
            raise Unreadable("the record is not a JSON object")
        return record

    def roster(self):
        """The entries, a chunk in memory at a time."""
        rest = b""
        for chunk in self._roster_chunks():
            chunk = rest + chunk
            whole = len(chunk) - len(chunk) % 32
            rest = chunk[whole:]
            yield from (chunk[i : i + 32] for i in range(0, whole, 32))
        if rest:
            raise Failed("roster", f"it ends in {len(rest)} bytes that are no whole entry of 32")

    def claims(self):
        """The list of claims, or None where there is none."""
        if self.is_url:
            with self._open("/claims", "claims") as answer:
                return answer.read()
        if not os.path.exists(os.path.join(self.source, "claims")):
            return None
        with self._open("", "claims") as file:
            return file.read()

    def _roster_chunks(self):
        if not self.is_url:
            with self._open("", "roster") as file:
                while chunk := file.read(1 << 20):
                    yield chunk
            return
        # The server may send less than it was asked for: what counts is what it says it sent.
        at, end = 0, None
        while end is None or at < end:
            with self._open("/roster", "roster", {"Range": f"bytes={at}-{at + (1 << 20) - 1}"}) as answer:
                chunk = answer.read()
                content_range = answer.headers.get("Content-Range")
                end = int(content_range.rpartition("/")[2]) if content_range else len(chunk)
                at += len(chunk)
                yield chunk

    def _open(self, path, name, headers={}):
        try:
            if self.is_url:
                request = urllib.request.Request(self.source + path, headers=headers)
                return urllib.request.urlopen(request, timeout=30)
            return open(os.path.join(self.source, name), "rb")
        except (OSError, urllib.error.URLError) as error:
            raise Unreadable(f"cannot read the {name} of {self.source}: {error}") from error

    @staticmethod
    def _object(pairs):
        keys = [key for key, _ in pairs]
        if len(set(keys)) != len(keys):
            raise ValueError("a key stands twice")
        return dict(pairs)


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
    for key in ("room", "version", "commitment"):
        if key in record:
            require(step, record[key] == descriptor[key], f"the record's {key} is not the descriptor's")
    return f"room {descriptor['room']!r}, opens {descriptor['opens_at_ms']}, starts {descriptor['starts_at_ms']}"


def check_times(record):
    step, frozen_ms, revealed_ms = "descriptor", record.get("frozen_at_ms"), record.get("revealed_at_ms")
    for what, ms in (("frozen_at_ms", frozen_ms), ("revealed_at_ms", revealed_ms)):
        require(step, ms is None or type(ms) is int, f"the record's {what} is not a time")
    if record.get("root") is not None:
        require(step, frozen_ms is not None, "the roster is frozen, but the record does not say when")
        require(step, frozen_ms >= record["descriptor"]["starts_at_ms"], "the roster was frozen before its time")
    if record.get("seed") is not None:
        require(step, revealed_ms is not None, "the secret is revealed, but the record does not say when")
        require(step, frozen_ms is not None and revealed_ms >= frozen_ms, "the secret was revealed before the freeze")


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
    digest = descriptor_digest(record["descriptor"])
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
    require("beacon", revealed_ms is None or revealed_ms >= round_ms, "the draw was over before the round was published")
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
    require("claims", len(claims) % CLAIM.size == 0, f"the list ends in {len(claims) % CLAIM.size} bytes that are no claim")
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
    "version", "room", "descriptor", "descriptor_digest", "commitment", "label", "entries", "root", "frozen_at_ms",
    "missing", "secret", "beacon", "beacon_signature", "seed", "revealed_at_ms",
)  # fmt: skip
FREEZE = ("entries", "root", "frozen_at_ms")


class Witness:
    """Papers that somebody saved earlier: a record, a status, or what the waiting page kept."""

    def __init__(self, path):
        self.name, self.kept = path, []
        try:
            with open(path, encoding="utf-8") as file:
                self.saw = json.load(file)
        except (OSError, ValueError) as error:
            raise Unreadable(f"cannot read {path}: {error}") from error
        if not isinstance(self.saw, dict):
            raise Unreadable(f"{path} is no record, no status and not what a browser kept")
        if "evidence" in self.saw:
            self.kept, self.saw = self.saw["evidence"], self.saw.get("record", {})
        elif "freezes" in self.saw:
            self.kept, self.saw = [self.saw], {}
        elif "draw" in self.saw:
            self._take_status(self.saw)

    def _take_status(self, status):
        draw = status["draw"] or {}
        if draw and draw.get("root") is None and not status.get("stale"):
            self.kept = [{"draw": draw["descriptor_digest"], "unfrozen": {"now_ms": status["now_ms"]}}]
        self.saw = draw

    def check(self, record):
        """What the witness says of the record: (whether it saw the freeze before the round, in words)."""
        now = {"missing": 0, **record} if record.get("root") is not None else record
        seen = [key for key in FIXED if self.saw.get(key) is not None]
        for key in seen:
            self._same(key, self.saw[key], now.get(key))
        kept = [kept for kept in self.kept if kept["draw"] == record.get("descriptor_digest")]
        if not kept:
            said = f"{self.name} saw the same {', '.join(seen)}" if seen else None
            return False, said or Open(f"{self.name} says nothing of this draw")
        return self._check_kept(kept[0], record)

    def _check_kept(self, kept, record):
        descriptor = record["descriptor"]
        self._same("descriptor", kept.get("descriptor", descriptor), descriptor)
        told, rules = kept.get("label", label_of(descriptor)), label_of(descriptor)
        require("witness", told == rules, f"{self.name} was told that the draw is {told!r}; by its rules it is {rules!r}")
        freezes = kept.get("freezes", [])
        for freeze in freezes:
            for key in FREEZE:
                self._same(key, freeze.get(key), record.get(key))
        look, frozen_ms = kept.get("unfrozen"), record.get("frozen_at_ms")
        if look is not None and frozen_ms is not None:
            # By the room's own clock, and not only because that was set.
            open_ms = min(look["now_ms"], look.get("at_ms", look["now_ms"]))
            why = f"the freeze is dated back: the record says {frozen_ms}, but at {look['now_ms']} by the room's own clock"
            require("witness", open_ms <= frozen_ms, f"{why} {self.name} was told that there was none")
        if not freezes:
            return False, Open(f"{self.name} saw nothing of the freeze")
        return self._judge_time(freezes[0], descriptor["beacon"])

    def _judge_time(self, first, beacon):
        if beacon is None:
            locked = first["before"] is True
            said = f"{self.name} saw the roster frozen before the secret was public"
            return False, said if locked else Open(f"{self.name} first saw it when the secret was public")
        # A clock that is slow vouches for nothing.
        ahead_ms = round_time_ms(beacon) - max(first["at_ms"], first.get("now_ms", 0))
        span = f"{abs(ahead_ms) // 1000}.{abs(ahead_ms) % 1000:03} s"
        if first["before"] is True and ahead_ms > 0:
            before = f"{span} before round {beacon['round']} was published, by its own clock and the room's"
            return True, f"{self.name} saw the roster frozen, with the same {', '.join(FREEZE)}, {before}"
        after = f"{span} after round {beacon['round']} was published, by its own clock or the room's"
        return False, Open(f"{self.name} first saw the frozen roster {after}: it is no witness that it was frozen before")

    def _same(self, key, seen, now):
        why = f"the {key} was changed after it was published: {self.name} saw {seen}, the record says {now}"
        require("witness", seen == now, why)


def check_witnesses(record, witnesses):
    """How many of the witnesses saw the roster frozen before the round."""
    before = 0
    for witness in witnesses:
        try:
            saw_before, said = witness.check(record)
        except (AttributeError, KeyError, TypeError) as error:
            raise Unreadable(f"{witness.name} is no record, no status and not what a browser kept: {error!r}") from error
        report("witness", said)
        before += saw_before
    return before


def say_standing(record, witnessed):
    """What the draw is worth, and on whose word."""
    print(f"code of the freeze, to compare whole: {freeze_code(record)}")
    if label_of(record["descriptor"]) == "committed":
        print('It is "committed": whoever knows the secret could have aimed it by adding or stopping entries before the freeze.')
        return
    word = "for which there is the operator's word and no witness here"
    word = f"as {witnessed} of the witnesses given here saw" if witnessed else word
    condition = "if the round is drand's and the roster was frozen before"
    print(f'It is "committed + public beacon": nobody could aim it {condition}, {word}.')


def verify(source, witnesses, places, samples, everybody):
    record = source.record()
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
    say_standing(record, witnessed)


def report(step, what):
    print(f"{'-' if isinstance(what, Open) else 'ok':4}  {step}: {what}", flush=True)


# --- DRAW.md's test vectors -------------------------------------------------------------------------------------------


def check_vectors():
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
    vectors = [
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
    for step, computed, expected in vectors:
        require(step, computed == expected, f"computed {computed}, DRAW.md says {expected}")
        report(step, computed)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("source", nargs="?", help="a folder, or the URL of the record")
    arguments.add_argument("--places", help="a file of places to compare with, one a line in index order")
    witness = "a record, a status or what a browser kept, saved earlier; may be given several times"
    arguments.add_argument("--witness", action="append", default=[], metavar="FILE", help=witness)
    samples = "how many places to recompute where there are more than 200 times as many (default: 100)"
    arguments.add_argument("--samples", type=int, default=100, help=samples)
    arguments.add_argument("--all", action="store_true", help="recompute every place (minutes for 100,000 entries)")
    arguments.add_argument("--vectors", action="store_true", help="check this program against DRAW.md")
    given = arguments.parse_args()
    if not given.source and not given.vectors:
        arguments.error("name a folder or a URL, or --vectors")
    try:
        if given.vectors:
            check_vectors()
        if given.source:
            witnesses = [Witness(path) for path in given.witness]
            verify(Source(given.source), witnesses, given.places, given.samples, given.all)
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
