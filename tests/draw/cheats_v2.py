#!/usr/bin/env python3
"""The independent verifier on draws by version 2: honest ones hold, and each cheat is caught by the name of its step."""

import contextlib
import io
import os
import sys
import tempfile
import unittest

import operator_v2 as played
import verify_draw as v


def verdict(name, *options, saw=True):
    """The exit code, the step that fails, and all that was said."""
    with tempfile.TemporaryDirectory() as folder:
        played.CHEATS[name][0]().publish(folder)
        with open(os.path.join(folder, "witness.vkey"), encoding="utf-8") as file:
            options = [*options, "--witness-key", file.read()]
        for file in ("saw.json", "saw.note"):
            path = os.path.join(folder, file)
            options += ["--witness", path] if saw and os.path.exists(path) else []
        return run(folder, *options)


def run(*arguments):
    said, before = io.StringIO(), sys.argv
    sys.argv = ["verify_draw.py", *arguments]
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            code = v.main()
    finally:
        sys.argv = before
    failed = [line for line in said.getvalue().splitlines() if line.startswith("FAIL")]
    return code, failed[0].split()[1:] and failed[0][6:].partition(": ")[0] if failed else None, said.getvalue()


class Cheats(unittest.TestCase):
    def test_each_is_named(self):
        for name, (_, step) in played.CHEATS.items():
            with self.subTest(name):
                code, failed, said = verdict(name)
                self.assertEqual((code, failed), (1 if step else 0, step), said)

    def test_every_step_can_fail(self):
        steps = {step for _, step in played.CHEATS.values()}
        known = {
            "descriptor",
            "witness",
            "descriptor digest",
            "tiers",
            "roster",
            "root",
            "tags",
            "missing",
            "identities",
        }
        known |= {"ticket", "commitment", "beacon", "seed", "claims", "log"}
        self.assertEqual(known - steps, set())


class Reported(unittest.TestCase):
    def test_a_witness_that_is_trusted_is_counted(self):
        _, _, said = verdict("honest")
        self.assertIn("witness.example/w1 saw the draw 60 s before the pool opened", said)
        self.assertIn("witness.example/w1 saw the freeze 33 s before round 1000 was published", said)
        self.assertIn("as 1 of the witnesses given here saw", said)

    def test_one_that_only_the_operator_names_is_not(self):
        with tempfile.TemporaryDirectory() as folder:
            played.CHEATS["honest"][0]().publish(folder)
            code, _, said = run(folder)
        self.assertEqual(code, 0, said)
        self.assertIn("witness.example/w1 signed, too, and is not counted", said)
        self.assertIn("no witness here", said)

    def test_one_that_saw_it_too_late_is_named(self):
        _, _, said = verdict("frozen, but its witness saw it too late")
        self.assertIn("saw the freeze 3 s after round 1000 was published: too late", said)
        self.assertIn("no witness here", said)

    def test_without_a_beacon_it_has_to_see_a_log_without_the_reveal(self):
        _, _, said = verdict("honest, without a beacon")
        self.assertIn("saw the freeze in a log that did not have the reveal yet", said)

    def test_losses_claims_and_their_order_are_said(self):
        _, _, said = verdict("honest, with losses")
        self.assertIn("1 entries are empty, as was said", said)
        _, _, said = verdict("honest")
        self.assertIn("4 places were taken, each once and with the entry that it belongs to; 2 showed the number", said)
        self.assertIn("0 were admitted before a lower place that came later", said)
        _, _, said = verdict("honest, out of order")
        self.assertRegex(said, "2 were admitted before a lower place that came later, by up to [0-9]+ places")

    def test_a_ticket_is_honoured(self):
        _, _, said = verdict("honest, seen by a browser")
        self.assertIn("it is honoured; the entry is made of its own number", said)

    def test_a_draw_without_a_log_is_said_to_have_none(self):
        _, _, said = verdict("honest, without a log")
        self.assertIn("-     log: the operator keeps none", said)


class VersionOne(unittest.TestCase):
    """A draw by version 1 is logged alike, as one tier."""

    @staticmethod
    def logged(folder, frozen_at_ms=played.FROZEN_MS):
        descriptor = {
            "beacon": None, "commitment": v.commitment(played.SECRET).hex(), "opens_at_ms": played.OPENS_MS,
            "room": "tour é", "starts_at_ms": played.STARTS_MS, "version": v.VERSION,
        }  # fmt: skip
        digest = v.descriptor_digest(descriptor)
        roster = [v.entry(digest, bytes([k]) * 16) for k in range(5)]
        n, root = v.merkle_root(roster)
        seed = v.seed_of(digest, n, root, played.SECRET, v.ZERO).hex()
        record = {
            "beacon": None, "beacon_signature": None, "commitment": descriptor["commitment"], "descriptor": descriptor,
            "descriptor_digest": digest.hex(), "entries": n, "frozen_at_ms": played.FROZEN_MS, "label": "committed",
            "log": played.LOG_SIGNER.vkey(played.LOG, v.LOG_KEY), "revealed_at_ms": played.ROUND_MS, "root": root.hex(),
            "room": descriptor["room"], "secret": played.SECRET.hex(), "seed": seed, "version": v.VERSION,
        }  # fmt: skip
        draw = played.Draw()
        draw.digest = digest
        for statement in (
            v.draw_statement(record, []),
            v.freeze_statement({**record, "frozen_at_ms": frozen_at_ms}),
            v.reveal_statement(record),
        ):
            draw.log.append(statement, played.OPENS_MS - 1000 + len(draw.log.statements))
        for name, data in {"draw.json": v.canonical(record), "roster": b"".join(roster), **draw._log_files()}.items():
            path = os.path.join(folder, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as file:
                file.write(data)

    def test_its_log_is_checked(self):
        key = played.WITNESS_SIGNER.vkey(played.WITNESS, v.WITNESS_KEY)
        with tempfile.TemporaryDirectory() as folder:
            self.logged(folder)
            code, failed, said = run(folder, "--witness-key", key)
            self.assertEqual((code, failed), (0, None), said)
            self.assertIn("saw the freeze in a log that did not have the reveal yet", said)
        with tempfile.TemporaryDirectory() as folder:
            self.logged(folder, played.FROZEN_MS + 1)
            self.assertEqual(run(folder)[:2], (1, "log"))


class Unfinished(unittest.TestCase):
    def test_it_is_no_failure(self):
        opened = played.Draw().open().enter()
        frozen = played.entered().freeze()
        for draw, missing in ((opened, "freeze"), (frozen, "list of tags")):
            with tempfile.TemporaryDirectory() as folder:
                draw.publish(folder)
                code, _, said = run(folder)
                self.assertEqual(code, 3, said)
                self.assertIn(f"the {missing} is not published yet", said)
                self.assertIn("ok    log: ", said.replace("-     log", "ok    log"))

    def test_a_fork_is_seen_before_the_end(self):
        draw = played.entered().freeze()
        draw.log.statements.append(draw.log.statements[1].replace("\nat 1", "\nat 2"))
        draw.log.times_ms.append(0)
        with tempfile.TemporaryDirectory() as folder:
            draw.publish(folder)
            self.assertEqual(run(folder)[:2], (1, "log"))


class Descriptors(unittest.TestCase):
    """What the rules of a descriptor refuse."""

    REFUSED = {
        "no tiers": lambda d: d.update(tiers=[]),
        "seventeen tiers": lambda d: d.update(tiers=[{"band": 0, "name": f"t{i}", "share": 1} for i in range(17)]),
        "a first band of 1": lambda d: d["tiers"][0].update(band=1),
        "a band left out": lambda d: d["tiers"][2].update(band=2) or d["tiers"][1].update(band=0),
        "a band that falls": lambda d: d["tiers"][2].update(band=0),
        "a share of 0": lambda d: d["tiers"][1].update(share=0),
        "a share of 1001": lambda d: d["tiers"][1].update(share=1001),
        "a share that is true": lambda d: d["tiers"][1].update(share=True),
        "two tiers with one name": lambda d: d["tiers"][1].update(name="members"),
        "a name with a capital": lambda d: d["tiers"][1].update(name="Fans"),
        "a name with a line end": lambda d: d["tiers"][1].update(name="fans\n"),
        "a tier with a key more": lambda d: d["tiers"][1].update(title="Fans"),
        "a room of 33": lambda d: d.update(room="r" * 33),
        "methods out of order": lambda d: d.update(identity=["oidc:b", "mail"]),
        "a method twice": lambda d: d.update(identity=["mail", "mail"]),
        "a method with a space": lambda d: d.update(identity=["a b"]),
        "an empty method": lambda d: d.update(identity=[""]),
        "a fallback": lambda d: d["beacon"].update(fallback_after_ms=0),
        "no retry": lambda d: d["beacon"].pop("retry"),
        "a retry of 0": lambda d: d["beacon"].update(retry=0),
        "a retry of more than 2^20": lambda d: d["beacon"].update(retry=2**20 + 1),
        "a key more": lambda d: d.update(note=1),
        "a time with a fraction": lambda d: d.update(opens_at_ms=1.0),
        "a start before the opening": lambda d: d.update(opens_at_ms=d["starts_at_ms"] + 1),
    }

    def test_each_is_refused(self):
        for name, change in self.REFUSED.items():
            with self.subTest(name), self.assertRaises(v.Failed) as failed:
                draw = played.Draw()
                v.check_descriptor_2({"descriptor": draw.descriptor})
                change(draw.descriptor)
                v.check_descriptor_2({"descriptor": draw.descriptor})
            self.assertEqual(failed.exception.step, "descriptor")

    def test_a_text_has_one_spelling(self):
        text = v.DRAWS_2["committed"][0]
        self.assertEqual(v.descriptor_from(text)["room"], "vector")
        for old, new in (('"share":3', '"share":3.0'), ('"share":3', '"share":3e0'), (":null", ": null"), ('"fans"', '"f\\u0061ns"'),
                         ('"share":3', '"share":3,"share":3'), ('"room":"vector",', ""), ('"share":3', '"share":03'),
                         ('"share":3', '"share":NaN'), ('{"beacon":null,', '{"z":1,"beacon":null,')):  # fmt: skip
            with self.subTest(new), self.assertRaises((v.NotOne, v.Failed)):
                v.check_descriptor_2({"descriptor": v.descriptor_from(text.replace(old, new))})


if __name__ == "__main__":
    unittest.main()
