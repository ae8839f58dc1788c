#!/usr/bin/env python3
"""Checks that what the Markdown files point to is there. Reads files only; asks no network.

    scripts/check-links.py [DIRECTORY]

Checked are, in every Markdown file:
- relative links and images, with their anchors (`[text](path#heading)`, `[text]: path`);
- paths in backticks that name a file or directory of this repository (`src/edge/mod.rs`, `crates/store/tests/store`);
- tests in backticks (`tests/edge/tls.rs::name_of_the_test`).

And in every other text file: names of documents, like `docs/operations/failures.md`.
Prints one line for each that leads nowhere and exits with 1; 0 where all lead somewhere.
"""

import re
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path

# What looks like a path of this repository and is none: it is made by a command, or an example.
EXCEPTIONS = set()
# A name with one of these endings is a source file, wherever it stands.
SOURCES = {".lua", ".mjs", ".py", ".rs", ".sh", ".sql"}
# Files that are not read for names of documents: no text, or the input of a fuzzer.
UNREAD_ENDINGS = {".png", ".gz", ".lock", ".svg", ".ico", ".woff2", ".bin"}
UNREAD_DIRECTORY = "fuzz/corpus/"

FENCE = re.compile(r"^\s*(```|~~~)")
HEADING = re.compile(r"^(#{1,6})\s+(.*?)\s*#*\s*$")
CODE = re.compile(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", re.DOTALL)
LINK = re.compile(r"!?\[(?:[^\[\]]|\[[^\]]*\])*\]\(\s*<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\s*\)")
DEFINITION = re.compile(r"^ {0,3}\[[^\]]+\]:\s*<?(\S+?)>?(?:\s|$)", re.MULTILINE)
ANCHOR = re.compile(r"<[a-z]+[^>]*\s(?:id|name)=\"([^\"]+)\"")
SCHEME = re.compile(r"^[a-zA-Z][a-zA-Z0-9+.-]*:|^//")
PATH = re.compile(r"^[A-Za-z0-9_.@*{},-]+(?:/[A-Za-z0-9_.@*{},-]+)*/?$")
DOCUMENT = re.compile(r"(?<![\w/.-])(?:\.\./)*(docs/[A-Za-z0-9_/-]+\.(?:md|json))")


def main():
    """Checks a repository; the exit code says whether all is well."""
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent).resolve()
    repository = Repository(root)
    problems = [problem for name in repository.files for problem in check(repository, name)]
    for problem in problems:
        print(problem)
    print(f"links: {len(repository.documents)} documents, {len(problems)} broken", file=sys.stderr)
    return 1 if problems else 0


class Repository:
    """The files of a repository, and what each document can be pointed to by."""

    def __init__(self, root):
        self.root = root
        self.files = sorted(files_of(root))
        self.known = set(self.files)
        self.directories = {str(parent) for name in self.files for parent in Path(name).parents}
        self.tops = {name.split("/")[0] for name in self.files if "/" in name}
        self.documents = [name for name in self.files if name.endswith(".md")]
        self.anchors = {name: anchors_of(self.text(name)) for name in self.documents}

    def text(self, name):
        """The text of a file; nothing where it is none."""
        try:
            return (self.root / name).read_text(encoding="utf-8")
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            return ""

    def has(self, path):
        """Whether a path from the root is a file or directory, or a pattern that fits one."""
        path = path.rstrip("/") or "."
        if "*" in path:
            return any(fnmatch(name, path) for name in self.known | self.directories)
        return path in self.known or path in self.directories

    def has_end(self, path):
        """Whether some file's path ends so."""
        return any(name == path or name.endswith("/" + path) for name in self.known)


def files_of(root):
    """What git keeps, or would if it were added; everything where there is no git."""
    if (root / ".git").exists():
        listed = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, check=True, capture_output=True, text=True).stdout.split("\0")
        return {name for name in names if name and (root / name).exists()}
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def check(repository, name):
    """What is wrong in one file, a line each."""
    text = repository.text(name)
    if name.endswith(".md"):
        yield from check_document(repository, name, text)
    elif Path(name).suffix not in UNREAD_ENDINGS and not name.startswith(UNREAD_DIRECTORY):
        for number, line in enumerate(text.splitlines(), 1):
            for document in DOCUMENT.findall(line):
                if not repository.has(document) and document not in EXCEPTIONS:
                    yield f"{name}:{number}: names {document}, which is not there"


def check_document(repository, name, text):
    """What is wrong in a Markdown file."""
    for number, block in blocks(text):
        def at(found):
            return f"{name}:{number + block.count(chr(10), 0, found.start())}"

        # Code may be the text of a link, and links in code are none.
        plain = CODE.sub(lambda code: re.sub(r"[^\n]", "x", code.group(0)), block)
        for found in [*LINK.finditer(plain), *DEFINITION.finditer(plain)]:
            reason = broken_link(repository, name, found.group(1))
            if reason:
                yield f"{at(found)}: {found.group(1)}: {reason}"
        for found in CODE.finditer(block):
            reason = broken_code(repository, found.group(2).strip())
            if reason:
                yield f"{at(found)}: `{found.group(2)}`: {reason}"


def blocks(text):
    """The paragraphs, lists and tables, each with the number of its first line."""
    block, begin = [], 0
    for number, line in [*prose(text), (None, "")]:
        if block and (not line.strip() or number != begin + len(block)):
            yield begin, "\n".join(block)
            block = []
        if line.strip():
            begin = begin if block else number
            block.append(line)


def prose(text):
    """The lines outside of fenced code, with their numbers."""
    fence = None
    for number, line in enumerate(text.splitlines(), 1):
        found = FENCE.match(line)
        if found and fence in (None, found.group(1)):
            fence = None if fence else found.group(1)
        elif fence is None:
            yield number, line


def broken_link(repository, name, target):
    """Why a link leads nowhere; nothing where it does, or leads out of here."""
    if SCHEME.match(target):
        return None
    path, _, anchor = target.partition("#")
    full = str((repository.root / name).parent.joinpath(path).resolve()) if path else str(repository.root / name)
    if not full.startswith(str(repository.root)):
        return "leads out of the repository"
    inside = str(Path(full).relative_to(repository.root))
    if not repository.has(inside):
        return "there is no such file"
    if anchor and inside in repository.anchors and anchor.lower() not in repository.anchors[inside]:
        return f"{inside} has no such heading"
    return None


def broken_code(repository, code):
    """Why a path in backticks is none; nothing where it is one, or no path at all."""
    path, _, test = code.partition("::")
    if code in EXCEPTIONS or path in EXCEPTIONS or not PATH.match(path) or "{" in path:
        return None
    is_source = Path(path).suffix in SOURCES
    if is_source and not repository.has_end(path) and not repository.has(path):
        return "there is no such file"
    if not is_source and path.split("/")[0] in repository.tops and "/" in path and not repository.has(path):
        return "there is no such path"
    if is_source and re.fullmatch(r"\w+", test):
        found = [name for name in repository.known if name == path or name.endswith("/" + path)]
        if not any(re.search(rf"\bfn {test}\b", repository.text(name)) for name in found):
            return "the file has no such function"
    return None


def anchors_of(text):
    """The anchors of a document: its headings as forges spell them, and those that are written out."""
    anchors, seen = set(), {}
    for _, line in prose(text):
        anchors.update(anchor.lower() for anchor in ANCHOR.findall(line))
        heading = HEADING.match(line)
        if heading:
            slug = slug_of(heading.group(2))
            anchors.add(slug if slug not in seen else f"{slug}-{seen[slug]}")
            seen[slug] = seen.get(slug, 0) + 1
    return anchors


def slug_of(heading):
    """How a heading is spelled in an address."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", words.lower()).replace(" ", "-")


if __name__ == "__main__":
    sys.exit(main())
