#!/usr/bin/env python3
"""Writes a software bill of materials of the program: CycloneDX 1.6, JSON.

    scripts/sbom.py [--package fairgate] [--target TRIPLE] [--default-features] [--binary FILE] [--output FILE]

Listed is what is linked into the program for one target: each crate with version, licence, purl and the SHA-256 of its archive, who
uses whom, and Rust's standard library. Left out is what only builds it (build scripts, procedural macros) or tests it, and what the
system brings along (the C library). A release is built without demonstrations, and with RabbitMQ. With --binary the SHA-256 of the program is in it, too.

Everything comes from `Cargo.lock`, `cargo metadata` and `cargo tree`. The same commit and target give the same text: its time is
that of the commit, or SOURCE_DATE_EPOCH.
"""

import argparse
import datetime
import hashlib
import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SPEC_VERSION = "1.6"


def main():
    """Reads the command line, and writes the bill."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--package", default="fairgate", help="the package whose program is shipped")
    parser.add_argument("--target", default=host(), help="the target triple; this machine's unless given")
    parser.add_argument("--default-features", action="store_true", help="of a build with default features")
    parser.add_argument("--binary", type=Path, help="the program, for its hash")
    parser.add_argument("--output", type=Path, help="the file to write; standard output unless given")
    options = parser.parse_args()
    text = json.dumps(bill(options), indent=1, ensure_ascii=False) + "\n"
    if options.output:
        options.output.parent.mkdir(parents=True, exist_ok=True)
        options.output.write_text(text, encoding="utf-8")
    else:
        sys.stdout.write(text)


def run(*words):
    """What a command says."""
    return subprocess.run(words, cwd=ROOT, check=True, capture_output=True, text=True).stdout


def cargo(*words):
    """What cargo says."""
    return run(os.environ.get("CARGO", "cargo"), *words)


def host():
    """This machine's target triple."""
    return re.search(r"^host: (\S+)$", run("rustc", "-vV"), re.MULTILINE).group(1)


def bill(options):
    """The whole document."""
    metadata = json.loads(cargo("metadata", "--locked", "--format-version", "1", "--filter-platform", options.target))
    linked = linked_packages(options)
    packages = {package["id"]: package for package in metadata["packages"] if key(package) in linked}
    checksums = archive_checksums()
    root = next(package for package in packages.values() if package["name"] == options.package)
    std = standard_library()
    others = sorted((package for package in packages.values() if package is not root), key=key)
    document = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC_VERSION}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "version": 1,
        "metadata": {
            "timestamp": timestamp(),
            "lifecycles": [{"phase": "build"}],
            "tools": {"components": [{"type": "application", "name": "scripts/sbom.py", "version": root["version"]}]},
            "component": {**component(root, checksums), "type": "application", **hashes(options.binary)},
            "properties": [{"name": "fairgate:target", "value": options.target}],
        },
        "components": [std] + [component(package, checksums) for package in others],
        "dependencies": dependencies(metadata, packages, root, std),
    }
    identity = hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
    return {**document, "serialNumber": uuid.uuid5(uuid.NAMESPACE_URL, identity).urn}


def key(package):
    """What tells packages apart."""
    return package["name"], package["version"]


def linked_packages(options):
    """Name and version of everything that is linked, with the features that the program is built with."""
    words = ["tree", "--locked", "--package", options.package, "--target", options.target, "--prefix", "none", "--format", "{p}"]
    features = [] if options.default_features else ["--no-default-features"]
    if features and options.package == "fairgate":
        features += ["--features", "amqp"]
    lines = cargo(*words, *features, "--edges", "normal,no-proc-macro")
    found = re.findall(r"^(\S+) v(\S+)(?![^\n]*\(proc-macro\))", lines, re.MULTILINE)
    return {(name, version) for name, version in found}


def archive_checksums():
    """The SHA-256 of each archive, by name and version."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    return {key(package): package["checksum"] for package in lock["package"] if "checksum" in package}


def component(package, checksums):
    """A crate."""
    name, version = key(package)
    purl = f"pkg:cargo/{name}@{version}"
    described = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl, "scope": "required"}
    if package["description"]:
        described["description"] = " ".join(package["description"].split())
    if package["license"]:
        # The slash is how crates of before 2018 say OR.
        described["licenses"] = [{"expression": re.sub(r"\s*/\s*", " OR ", package["license"])}]
    if key(package) in checksums:
        described["hashes"] = [{"alg": "SHA-256", "content": checksums[key(package)]}]
    if (package["repository"] or "").startswith("https://"):
        described["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return described


def standard_library():
    """Rust's standard library, which is linked as well."""
    version = re.match(r"rustc (\S+)", run("rustc", "-V")).group(1)
    purl = f"pkg:generic/rust-std@{version}"
    licenses = [{"expression": "MIT OR Apache-2.0"}]
    described = {"type": "library", "bom-ref": purl, "name": "rust-std", "version": version, "purl": purl}
    return {**described, "scope": "required", "licenses": licenses}


def hashes(binary):
    """The program's hash."""
    if binary is None:
        return {}
    return {"hashes": [{"alg": "SHA-256", "content": hashlib.sha256(binary.read_bytes()).hexdigest()}]}


def dependencies(metadata, packages, root, std):
    """Who uses whom."""
    def ref(package_id):
        name, version = key(packages[package_id])
        return f"pkg:cargo/{name}@{version}"

    def uses(node):
        normal = [use["pkg"] for use in node["deps"] if any(kind["kind"] is None for kind in use["dep_kinds"])]
        found = sorted({ref(used) for used in normal if used in packages})
        return found + [std["bom-ref"]] if node["id"] == root["id"] else found

    nodes = [node for node in metadata["resolve"]["nodes"] if node["id"] in packages]
    listed = [{"ref": ref(node["id"]), "dependsOn": uses(node)} for node in nodes]
    return sorted(listed, key=lambda one: one["ref"]) + [{"ref": std["bom-ref"], "dependsOn": []}]


def timestamp():
    """The time of the commit, so that the same commit has the same bill."""
    seconds = os.environ.get("SOURCE_DATE_EPOCH")
    if not seconds:
        try:
            seconds = run("git", "log", "-1", "--format=%ct").strip()
        except (subprocess.CalledProcessError, FileNotFoundError):
            seconds = datetime.datetime.now(datetime.timezone.utc).timestamp()
    return datetime.datetime.fromtimestamp(int(seconds), datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    main()
