#!/usr/bin/env python3
"""Builds the tests of the workspace and runs them, a few test binaries at a time.

    scripts/run-tests.py [--lanes N] [--only NAME]... [-- ARGUMENTS OF EACH TEST BINARY]

`cargo test` runs one binary after the other. Most tests here wait for servers, browsers and clocks, so that one binary
leaves cores idle. Two binaries at a time take about two thirds of the time.

Guarantees:
- every test binary runs once, in its package's directory, as `cargo test` runs it; examples in documentation come last
- the output of a binary is printed in one piece when it ends, so that two binaries never mix their lines
- a binary that runs for longer than LONGEST seconds is ended, and counts as failed
- exits with 1 if a binary failed, and then names each at the end; Ctrl-C ends all of them
"""

import argparse
import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

# The binaries that take longest begin first; the others follow in the order in which Cargo names them.
FIRST = ["edge", "browser", "booking", "store", "fleet", "demo", "fairgate_booking", "fairgate"]
# A binary may run for so long. The longest takes about nine minutes on two busy cores.
LONGEST = 40 * 60
CARGO = os.environ.get("CARGO", "cargo")


def main():
    arguments = parsed()
    started = time.monotonic()
    binaries = built(arguments.only)
    print(f"tests: {len(binaries)} binaries, {arguments.lanes} at a time; built in {since(started)}", flush=True)
    runner = Runner(binaries, arguments.rest)
    signal.signal(signal.SIGTERM, lambda *_: runner.stop())
    try:
        runner.run(arguments.lanes)
    except KeyboardInterrupt:
        runner.stop()
        sys.exit("tests: stopped")
    if not arguments.only and not examples():
        runner.failed.append("examples in documentation")
    if runner.failed:
        sys.exit("tests: failed: " + ", ".join(runner.failed))
    print(f"tests: all of {len(binaries)} binaries passed in {since(started)}")


def parsed():
    parser = argparse.ArgumentParser(description="Builds the tests of the workspace and runs them.")
    parser.add_argument("--lanes", type=int, default=2, metavar="N", help="test binaries at a time [2]")
    parser.add_argument("--only", action="append", metavar="NAME", help="only this test binary; may be given again")
    parser.add_argument("rest", nargs="*", metavar="ARGUMENT", help="arguments of each test binary, after --")
    arguments = parser.parse_args()
    if arguments.lanes < 1:
        parser.error("--lanes must be at least 1")
    return arguments


def built(only):
    """The test binaries, as (name, path, directory of the package)."""
    command = [CARGO, "test", "--locked", "--workspace", "--no-run", "--message-format=json-render-diagnostics"]
    cargo = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if cargo.returncode:
        sys.exit(cargo.returncode)
    messages = (json.loads(line) for line in cargo.stdout.splitlines() if line.startswith("{"))
    tests = [message for message in messages if message.get("executable") and message["profile"]["test"]]
    binaries = [(test["target"]["name"], test["executable"], str(Path(test["manifest_path"]).parent)) for test in tests]
    if only:
        binaries = [binary for binary in binaries if binary[0] in only]
        missing = set(only) - {name for name, _, _ in binaries}
        if missing:
            sys.exit(f"tests: no test binary is called {', '.join(sorted(missing))}")
    rank = {name: place for place, name in enumerate(FIRST)}
    return sorted(binaries, key=lambda binary: rank.get(binary[0], len(FIRST)))


def examples():
    """Runs the examples in documentation; true if they pass."""
    return subprocess.run([CARGO, "test", "--locked", "--workspace", "--doc"], check=False).returncode == 0


class Runner:
    """Runs test binaries, several at a time."""

    def __init__(self, binaries, arguments):
        self.waiting = queue.SimpleQueue()
        for binary in binaries:
            self.waiting.put(binary)
        self.arguments = arguments
        self.failed = []
        self.running = set()
        self.lock = threading.Lock()
        self.stopped = False

    def run(self, lanes):
        threads = [threading.Thread(target=self.lane, daemon=True) for _ in range(lanes)]
        for thread in threads:
            thread.start()
        for thread in threads:
            # With a bound, so that Ctrl-C is noticed.
            while thread.is_alive():
                thread.join(0.5)

    def lane(self):
        while not self.stopped:
            try:
                name, path, directory = self.waiting.get_nowait()
            except queue.Empty:
                return
            self.one(name, path, directory)

    def one(self, name, path, directory):
        started = time.monotonic()
        print(f"--- {name} begins", flush=True)
        with tempfile.TemporaryFile() as output:
            # In a session of its own, so that what it started ends with it.
            child = subprocess.Popen(
                [path, *self.arguments],
                cwd=directory,
                env={**os.environ, "CARGO_MANIFEST_DIR": directory},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            with self.lock:
                self.running.add(child)
            try:
                child.wait(LONGEST)
                ended = "passed" if child.returncode == 0 else f"failed with {child.returncode}"
            except subprocess.TimeoutExpired:
                end(child)
                ended = f"ended after {LONGEST} s"
            output.seek(0)
            with self.lock:
                self.running.discard(child)
                if child.returncode != 0:
                    self.failed.append(name)
                sys.stdout.flush()
                print(f"\n--- {name} ({Path(path).name})", flush=True)
                sys.stdout.buffer.write(output.read())
                print(f"--- {name} {ended} in {since(started)}", flush=True)

    def stop(self):
        self.stopped = True
        with self.lock:
            for child in self.running:
                end(child)


def end(child):
    """Ends a test binary and what it started."""
    try:
        os.killpg(child.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
    child.wait()


def since(started):
    seconds = round(time.monotonic() - started)
    return f"{seconds // 60} min {seconds % 60} s"


if __name__ == "__main__":
    main()
