"""What the checks share: C text without comments and literals, lists of files, and the frame of a check."""
import re
import sys
import tempfile
from pathlib import Path

TOKEN = re.compile(r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""", re.S)


def blank(text, keep_strings=False):
    """The same text, line for line, with comments (and literals) turned into blanks."""

    def erase(match):
        if keep_strings and match.group()[0] in "\"'":
            return match.group()
        return re.sub(r"[^\n]", " ", match.group())

    return TOKEN.sub(erase, text)


def c_files(root, *folders):
    for folder in folders:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix in (".c", ".h", ".inc") and path.is_file():
                yield path


def read(path):
    return path.read_text(encoding="utf-8", errors="replace")


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def report(findings):
    for finding in findings:
        print(finding)
    sys.exit(1 if findings else 0)


def self_test(check, files, expected):
    """Run check(root) on made-up files. `expected`: for each finding that must appear, its start; no other may appear."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
        compare([str(finding) for finding in check(root)], expected)


def compare(findings, expected):
    missing = [e for e in expected if not any(f.startswith(e) for f in findings)]
    extra = [f for f in findings if not any(f.startswith(e) for e in expected)]
    for name, lines in (("not found", missing), ("found without reason", extra)):
        for line in lines:
            print(f"self-test: {name}: {line}")
    sys.exit(1 if missing or extra else 0)
