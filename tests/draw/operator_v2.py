#!/usr/bin/env python3
"""The operator of draws by version 2, honest and not: writes what is published of one into a folder.

    operator_v2.py NAME FOLDER     writes the draw of that name (see CHEATS)
    operator_v2.py --list          prints each name with the step that verifiers name

Beside the published files stand `saw.json` or `saw.note`, what a witness of the draw saved, and `witness.vkey`, the key of
the outside witness of the log.
"""

import json
import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import verify_draw as v  # noqa: E402
from signed_log import LOG, LOG_SIGNER, TICKETS, WITNESS, WITNESS_SIGNER, Log, base64url, jws  # noqa: E402

SECRET = bytes([0x5E] * 32)
METHOD = "oidc:https://id.example"
SIGNATURE_1000 = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125e342b73a8dd2bacbe47e4b6b63ed5e39"
ROUND_MS = 1692806364000
OPENS_MS, STARTS_MS, FROZEN_MS = ROUND_MS - 600_000, ROUND_MS - 34_000, ROUND_MS - 33_990
SIZES = (3, 9, 6)


# --- The draw ---------------------------------------------------------------------------------------------------------


class Draw:
    """Tiers of fans; what is published is made step by step, so that a test can step in between."""

    def __init__(self, beacon=True, identity=True, tiers=None, starts_ms=STARTS_MS):
        rules = tiers or [("members", 0, 1), ("fans", 1, 3), ("public", 1, 1)]
        tiers = [{"band": band, "name": name, "share": share} for name, band, share in rules]
        named = {"chain": v.QUICKNET_CHAIN, "public_key": v.QUICKNET_KEY, "retry": 10, "round": 990, "scheme": v.SCHEME}
        self.descriptor = {
            "beacon": named if beacon else None, "commitment": v.commitment(SECRET).hex(),
            "identity": [METHOD] if identity else [], "opens_at_ms": OPENS_MS, "room": "tour-2026",
            "starts_at_ms": starts_ms, "tiers": tiers, "version": v.VERSION_2,
        }  # fmt: skip
        self.log, self.claims, self.extra, self.logged = Log(), b"", {}, True
        self.rosters, self.tags, self.record = [], [], {}

    # Each step of an honest draw.

    def open(self):
        self.digest = v.descriptor_digest_2(self.descriptor)
        self.record = {
            "beacon": None, "beacon_round": None, "beacon_signature": None, "commitment": self.descriptor["commitment"],
            "descriptor": self.descriptor, "descriptor_digest": self.digest.hex(), "frozen_at_ms": None,
            "label": v.label_of(self.descriptor), "log": LOG_SIGNER.vkey(LOG, v.LOG_KEY), "revealed_at_ms": None,
            "room": self.descriptor["room"], "secret": None, "seed": None, "tiers": None, "version": v.VERSION_2,
        }  # fmt: skip
        self.log.append(v.draw_statement(self.record, [TICKETS.thumbprint()]), OPENS_MS - 60_000)
        return self

    def enter(self, subject_of=lambda number: f"user-{number}"):
        number = 0
        sizes = SIZES[: len(self.descriptor["tiers"])]
        self.us = [[bytes([sum(sizes[:t]) + i]) * 16 for i in range(n)] for t, n in enumerate(sizes)]
        for t, us in enumerate(self.us):
            tags = []
            for _ in us:
                own = v.identity_tag(v.IDENTITY_KEY, self.digest, METHOD, subject_of(number))
                tags.append(own if self.descriptor["identity"] else v.EMPTY_TAG)
                number += 1
            entries = [v.entry_2(self.digest, t, v.nonce_of(u), tag) for u, tag in zip(us, tags)]
            self.rosters.append(entries)
            self.tags.append(tags)
        return self

    def lose(self, t, index):
        self.rosters[t][index], self.tags[t][index] = v.ZERO, v.EMPTY_TAG
        return self

    def frozen_tiers(self):
        tagged = bool(self.descriptor["identity"])
        return [
            {
                "entries": len(roster), "missing": roster.count(v.ZERO), "name": tier["name"],
                "root": v.merkle_root(roster)[1].hex(),
                "tags_root": (v.merkle_root(tags)[1] if tagged else v.ZERO).hex(),
            }
            for tier, roster, tags in zip(self.descriptor["tiers"], self.rosters, self.tags)
        ]  # fmt: skip

    def freeze(self, at_ms=FROZEN_MS, seen_ms=None):
        self.record.update(frozen_at_ms=at_ms, tiers=self.frozen_tiers())
        self.log.append(v.freeze_statement(self.record), seen_ms or at_ms + 1500)
        return self

    def reveal(self, secret=SECRET, at_ms=ROUND_MS + 2000):
        beacon, named = v.ZERO, self.descriptor["beacon"]
        if named:
            signature = bytes.fromhex(SIGNATURE_1000)
            beacon = v.sha256(signature)
            self.record.update(beacon=beacon.hex(), beacon_round=1000, beacon_signature=SIGNATURE_1000)
        tiers = self.record["tiers"]
        frozen = [(of["entries"], bytes.fromhex(of["root"]), bytes.fromhex(of["tags_root"])) for of in tiers]
        seed = v.seed_of_2(self.digest, frozen, secret, beacon)
        self.record.update(secret=secret.hex(), seed=seed.hex(), revealed_at_ms=at_ms)
        self.log.append(v.reveal_statement(self.record), at_ms + 1500)
        self.shuffles = v.Tiers(self.descriptor, [of["entries"] for of in tiers], seed)
        return self

    def claim(self, t, index, shows=True, **instead):
        """A fan of the draw is let in."""
        u = self.us[t][index] if shows else v.U_NOT_SHOWN
        line = {"place": self.shuffles.place(t, index), "tier": t, "index": index, "u": u, "tag": self.tags[t][index]}
        return self._line({**line, **instead})

    def claim_late(self, place, tag):
        line = {"place": place, "tier": v.LATE_TIER, "index": v.NO_INDEX, "u": v.U_NOT_SHOWN, "tag": tag}
        return self._line(line)

    def _line(self, line):
        at_ms = line.get("at_ms", self.record["revealed_at_ms"] + 1000 + len(self.claims))
        self.claims += v.CLAIM_2.pack(line["place"], line["tier"], line["index"], at_ms, line["u"], line["tag"])
        return self

    # What others saw.

    def receipt(self, t, index):
        """What a fan got on entering."""
        says = {
            "aud": self.descriptor["room"], "draw": self.digest.hex(), "entry": self.rosters[t][index].hex(),
            "iat": OPENS_MS // 1000, "iss": "https://tickets.example", "kind": "pool", "n": index,
            "tag": self.tags[t][index].hex(), "tier": t,
        }  # fmt: skip
        ticket = jws("fairgate-ticket+jwt", json.dumps(says).encode())
        answer = {
            "kind": "pool",
            "tier": t,
            "index": index,
            "entry": says["entry"],
            "tag": says["tag"],
            "ticket": ticket,
        }
        return {**answer, "nonce": base64url(self.us[t][index]), "at_ms": OPENS_MS + 1000}

    def seen(self, receipts=(), **instead):
        """What a browser kept that looked at the right moments."""
        freeze = {"tiers": self.record["tiers"], "frozen_at_ms": self.record["frozen_at_ms"]}
        freeze.update(at_ms=FROZEN_MS + 3000, now_ms=FROZEN_MS + 3010, before=True)
        kept = {
            "draw": self.digest.hex(), "descriptor": self.descriptor, "label": self.record["label"], "locked": True,
            "at_ms": OPENS_MS, "receipts": list(receipts), "freezes": [freeze] if self.record["tiers"] else [],
        }  # fmt: skip
        self.extra["saw.json"] = json.dumps({"evidence": [json.loads(json.dumps({**kept, **instead}))]}).encode()
        return self

    def publish(self, folder):
        if not self.logged:
            del self.record["log"]
        files = {"jwks.json": self._jwks(), "claims": self.claims, **self.extra}
        files["witness.vkey"] = WITNESS_SIGNER.vkey(WITNESS, v.WITNESS_KEY).encode()
        signature = jws("fairgate-draw+jws", v.canonical(self.record), detached=True)
        files["draw.json"] = v.canonical({**self.record, "signature": signature})
        for t, (roster, tags) in enumerate(zip(self.rosters, self.tags)):
            files[f"roster.{t}"], files[f"tags.{t}"] = b"".join(roster), b"".join(tags)
        for name, data in {**files, **(self._log_files() if self.logged else {})}.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)

    def _jwks(self):
        key = {
            "kty": "OKP",
            "crv": "Ed25519",
            "x": base64url(TICKETS.public),
            "kid": "k1",
            "alg": "EdDSA",
            "use": "sig",
        }
        return json.dumps({"keys": [key]}).encode()

    def _log_files(self):
        size = len(self.log.statements)
        bundle = b"".join(struct.pack(">H", len(one.encode())) + one.encode() for one in self.log.statements)
        files = {"draw.log/checkpoint": self.log.note(size).encode(), f"draw.log/tile/entries/000.p/{size}": bundle}
        for kind in ("draw", "freeze", "reveal"):
            at = self.log.index_of(kind, self.digest.hex())
            if at is not None:
                files[f"{kind}.tlog-proof"] = self.log.proof(at).encode()
        return files


# --- Honest draws, and every cheat that the protocol is there to show -------------------------------------------------


def entered(**options):
    return Draw(**options).open().enter()


def drawn(draw=None, **options):
    return (draw or entered(**options)).freeze().reveal()


def admitted(draw):
    """Three fans of the draw in the order of their places, one of whom shows nothing, and one who came late."""
    places = [(1, 0, True), (1, 4, False), (2, 1, True)]
    for t, index, shows in sorted(places, key=lambda of: draw.shuffles.place(of[0], of[1])):
        draw.claim(t, index, shows)
    own = (
        v.identity_tag(v.IDENTITY_KEY, draw.digest, METHOD, "came late") if draw.descriptor["identity"] else v.EMPTY_TAG
    )
    return draw.claim_late(sum(SIZES[: len(draw.rosters)]) + 2, own)


def honest():
    return admitted(drawn())


def honest_and_seen():
    draw = admitted(drawn())
    return draw.seen([draw.receipt(1, 3)])


def honest_with_losses():
    return admitted(drawn(entered().lose(1, 2)))


def ticketed(change):
    """A fan got a ticket; then the operator did something to the pool, and froze it."""
    draw = entered()
    kept = [draw.receipt(1, 3)]
    change(draw)
    return admitted(drawn(draw)).seen(kept)


def _move(draw):
    for of in (draw.rosters, draw.tags, draw.us):
        of[2].append(of[1].pop(3))


def _retag(draw):
    draw.tags[1][3] = v.identity_tag(v.IDENTITY_KEY, draw.digest, METHOD, "a friend")


def _replace(draw):
    draw.rosters[1][3] = v.entry_2(draw.digest, 1, bytes(16), draw.tags[1][3])


def after(change, draw=None):
    """An honest draw, of which something is changed when all is published."""
    draw = draw or honest()
    change(draw)
    return draw


def in_record(**changes):
    return lambda draw: draw.record.update(changes)


def in_tiers(change):
    def changed(draw):
        draw.record["tiers"] = json.loads(json.dumps(draw.record["tiers"]))
        change(draw.record["tiers"])

    return changed


def in_rules(t, **changes):
    """Another descriptor under the same D."""

    def changed(draw):
        descriptor = json.loads(json.dumps(draw.descriptor))
        descriptor["tiers"][t].update(changes)
        draw.record["descriptor"] = descriptor

    return changed


def redrawn(**changes):
    """Another descriptor with another secret, and all that follows; a browser had seen the first one."""
    saw, secret = honest().record, bytes([0x5F] * 32)
    draw = Draw()
    draw.descriptor["commitment"] = v.commitment(secret).hex()
    draw.descriptor["tiers"][1].update(changes)
    draw = admitted(draw.open().enter().freeze().reveal(secret))
    draw.extra["saw.json"] = json.dumps({"evidence": [], "record": saw}).encode()
    return draw


def unannounced(**changes):
    """The same, seen by nobody: but the log has another draw."""
    draw = redrawn(**changes)
    del draw.extra["saw.json"]
    draw.log.statements[0] = Draw().open().log.statements[0]
    return draw


def in_claims(*arguments, **instead):
    return drawn().claim(*arguments, **instead)


def in_log(change):
    draw = honest()
    change(draw.log.statements)
    return draw


def _insert(at, make):
    """One more statement."""

    def changed(draw):
        draw.log.statements.insert(at, make(draw))
        draw.log.times_ms.insert(at, ROUND_MS)

    return changed


def _other_draw(draw):
    """Another room's draw with the same secret."""
    record = json.loads(json.dumps(draw.record))
    record["descriptor"]["room"] = "tour-2027"
    record["descriptor_digest"] = v.descriptor_digest_2(record["descriptor"]).hex()
    return v.draw_statement(record, [])


def _other_freeze(draw):
    return v.freeze_statement({**draw.record, "frozen_at_ms": FROZEN_MS + 1})


def secret_twice_seen():
    draw, other = honest(), Draw()
    other.descriptor["room"] = "tour-2027"
    draw.extra["saw.json"] = json.dumps(other.open().record).encode()
    return draw


def forked():
    """Somebody saved a checkpoint of a log that had another freeze."""
    draw, other = honest(), honest()
    other.log.statements[1] = _other_freeze(other)
    draw.extra["saw.note"] = other.log.note(2).encode()
    return draw


def forked_proof():
    """A browser kept a proof of a freeze that the log does not have any more."""
    draw, other = honest(), honest()
    other.log.statements[1] = _other_freeze(other)
    return draw.seen(proofs=[{"at_ms": FROZEN_MS + 2000, "text": other.log.proof(1)}])


def cut():
    draw = honest()
    draw.log.append(f"fairgate/v2/void\ndraw {'00' * 32}\n", ROUND_MS + 9000)
    draw.extra["saw.note"] = draw.log.note(4).encode()
    draw.log.statements.pop()
    return draw


def misspelled(old, new):
    """The log announces the draw in another spelling."""

    def changed(statements):
        assert old in statements[0]
        statements[0] = statements[0].replace(old, new)

    return in_log(changed)


def badly_cosigned():
    draw = honest()
    note = draw.log.proof(1)
    at = note.index("/qOx")
    last = note[at:].split("\n")[0][-20]
    draw.extra["freeze.tlog-proof"] = (note[:-21] + ("A" if last != "A" else "B") + note[-20:]).encode()
    draw._log_files = lambda files=draw._log_files: {k: d for k, d in files().items() if k != "freeze.tlog-proof"}
    return draw


def out_of_turn():
    """Frozen before round 990 was near: the draw has to take that one."""
    draw = entered(starts_ms=ROUND_MS - 90_000)
    return admitted(draw.freeze(at_ms=ROUND_MS - 36_000).reveal())


def seen_too_late():
    return admitted(entered().freeze(seen_ms=ROUND_MS + 3000).reveal())


def twice_in_the_pool():
    return admitted(drawn(Draw().open().enter(lambda number: f"user-{number % 16}")))


def dated_back():
    draw = honest()
    return draw.seen(unfrozen={"at_ms": FROZEN_MS + 50, "now_ms": FROZEN_MS + 40})


def swapped(of, t, a, b):
    def changed(draw):
        lines = getattr(draw, of)[t]
        lines[a], lines[b] = lines[b], lines[a]

    return changed


def zeroed(draw):
    draw.tags[1][2] = v.EMPTY_TAG
    return drawn(draw)


def tagged_but_empty(draw):
    draw.rosters[1][2] = v.ZERO
    return drawn(draw)


# name: (how it is made, the step that verifiers name; None where all holds)
CHEATS = {
    "honest": (honest, None),
    "honest, seen by a browser": (honest_and_seen, None),
    "honest, without a beacon": (lambda: admitted(drawn(beacon=False)), None),
    "honest, without identities": (lambda: admitted(drawn(identity=False)), None),
    "honest, with losses": (honest_with_losses, None),
    "honest, without a log": (lambda: after(lambda draw: setattr(draw, "logged", False)), None),
    "honest, out of order": (lambda: drawn().claim(2, 1).claim(1, 0).claim(0, 0), None),
    "frozen, but its witness saw it too late": (seen_too_late, None),
    "an identity stands in the pool twice": (twice_in_the_pool, "identities"),
    "an identity is let in twice": (lambda: (lambda d: d.claim(1, 0).claim_late(99, d.tags[1][0]))(drawn()), "identities"),
    "tags are changed after the freeze": (lambda: after(_retag), "tags"),
    "tags are swapped after the freeze": (lambda: after(swapped("tags", 1, 0, 1)), "tags"),
    "a tag is left out": (lambda: after(lambda draw: draw.tags[2].pop()), "tags"),
    "an entry has no tag": (lambda: zeroed(entered()), "tags"),
    "an empty entry has a tag": (lambda: tagged_but_empty(entered()), "tags"),
    "a tag that its ticket does not say": (lambda: ticketed(_retag), "ticket"),
    "a tier that its ticket does not say": (lambda: ticketed(_move), "ticket"),
    "an entry that its ticket does not say": (lambda: ticketed(_replace), "ticket"),
    "an entry is lost on purpose": (lambda: ticketed(lambda draw: draw.lose(1, 3)), "ticket"),
    "a tier's share is changed under the same D": (lambda: after(in_rules(1, share=4)), "descriptor digest"),
    "a tier's band is changed under the same D": (lambda: after(in_rules(2, band=2)), "descriptor digest"),
    "a tier's share is changed": (lambda: redrawn(share=4), "witness"),
    "a tier's name is changed": (lambda: redrawn(name="friends"), "witness"),
    "a draw that the log does not announce": (lambda: unannounced(share=4), "log"),
    "the freeze renames a tier": (lambda: after(in_tiers(lambda tiers: tiers[1].update(name="friends"))), "tiers"),
    "the freeze reorders the tiers": (lambda: after(in_tiers(lambda tiers: tiers.reverse())), "tiers"),
    "the freeze leaves out a tier": (lambda: after(in_tiers(lambda tiers: tiers.pop())), "tiers"),
    "a claim's tag is another's": (lambda: (lambda d: d.claim(1, 0, tag=d.tags[1][1]))(drawn()), "claims"),
    "a claim is with an empty entry": (lambda: drawn(entered().lose(1, 2)).claim(1, 2, shows=False), "claims"),
    "a claim shows another number": (lambda: in_claims(1, 0, u=bytes([77]) * 16), "claims"),
    "a claim has another's place": (lambda: in_claims(1, 0, place=0), "claims"),
    "a claim is with another tier's entry": (lambda: in_claims(1, 0, tier=2), "claims"),
    "a place is taken twice": (lambda: drawn().claim(1, 0).claim(1, 0), "claims"),
    "a late comer has a drawn place": (lambda: (lambda d: d.claim_late(0, b"\x07" * 16))(drawn()), "claims"),
    "somebody is let in too soon": (lambda: in_claims(1, 0, at_ms=ROUND_MS), "claims"),
    "more entries are empty than said": (
        lambda: after(in_tiers(lambda tiers: tiers[1].update(missing=0)), honest_with_losses()), "missing",
    ),
    "a round out of turn": (out_of_turn, "beacon"),
    "a round that is not drand's": (lambda: after(in_record(beacon_signature="00" * 48)), "beacon"),
    "the secret is used twice, says the log": (lambda: after(_insert(1, _other_draw)), "commitment"),
    "the secret is used twice, says a witness": (secret_twice_seen, "commitment"),
    "another secret": (lambda: after(in_record(secret="ab" * 32)), "commitment"),
    "another seed": (lambda: after(in_record(seed="ab" * 32)), "seed"),
    "an entry is dropped": (lambda: after(lambda draw: draw.rosters[1].pop(4)), "roster"),
    "an entry is replaced": (lambda: after(_replace), "root"),
    "two entries are swapped": (lambda: after(swapped("rosters", 1, 0, 1)), "root"),
    "the freeze is dated back": (dated_back, "witness"),
    "the freeze was another one": (lambda: after(in_record(frozen_at_ms=FROZEN_MS - 1), honest_and_seen()), "witness"),
    "more than it is": (lambda: after(in_record(label="committed + public beacon"), admitted(drawn(beacon=False))), "descriptor"),
    "two freezes of one draw": (lambda: after(_insert(2, _other_freeze)), "log"),
    "another freeze than the log's": (lambda: after(in_record(frozen_at_ms=FROZEN_MS - 1)), "log"),
    "a freeze that is not in the log": (lambda: in_log(lambda statements: statements.pop(1)), "log"),
    "a freeze after the reveal": (lambda: in_log(lambda statements: statements.insert(1, statements.pop())), "log"),
    "a void draw": (lambda: after(_insert(2, lambda draw: f"fairgate/v2/void\ndraw {draw.digest.hex()}\n")), "log"),
    "the log forked": (forked, "log"),
    "the log forked, and a browser has the proof": (forked_proof, "log"),
    "the log was cut": (cut, "log"),
    "the log spells a number otherwise": (lambda: misspelled('"share":3', '"share":3.0'), "log"),
    "the log spells a name otherwise": (lambda: misspelled('"fans"', '"f\\u0061ns"'), "log"),
    "the log spells with spaces": (lambda: misspelled('"share":3', '"share": 3'), "log"),
    "a cosignature is forged": (badly_cosigned, "log"),
}  # fmt: skip


def main(arguments):
    if arguments == ["--list"]:
        for name, (_, step) in CHEATS.items():
            print(f"{name}\t{step or ''}")
        return 0
    if len(arguments) != 2 or arguments[0] not in CHEATS:
        print(__doc__, file=sys.stderr)
        return 2
    CHEATS[arguments[0]][0]().publish(arguments[1])
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
