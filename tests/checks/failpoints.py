#!/usr/bin/env python3
"""Every failpoint is passed somewhere, and a build without them has nothing of them in its program.

    failpoints.py ROOT PROGRAM with|without
"""
import re
import sys
import tempfile
from pathlib import Path

from source import blank, c_files, compare, read, report

HEADER = "include/hotlead/base/failpoint.h"
POINT = re.compile(r'X\((\w+), "([\w.]+)", (true|false)\)')
PASSED = re.compile(r"\bHL_FAILPOINT(_ERROR)?\((\w+)\)")
TRACES = ["HOTLEAD_FAILPOINTS", "hl_failpoint_pass", "\0failpoint\0"]   # the last: messages; names of files may stay in debug information


def check(root, program, compiled_in):
    points = {name: (text, fails == "true") for name, text, fails in POINT.findall(read(root / HEADER))}
    passed = {}
    for path in c_files(root, "src"):
        for error, name in PASSED.findall(blank(read(path))):
            passed.setdefault(name, set()).add(bool(error))
    findings = [f"{HEADER}: nothing passes {name}" for name in points if name not in passed]
    findings += [f"{HEADER}: {name}: its passings and its column for errors do not agree"
                 for name, (_, fails) in points.items() if passed.get(name, {fails}) != {fails}]
    there = program.read_bytes()
    for text in [t for t, _ in points.values()] + TRACES:
        if (text.encode() in there) != compiled_in:
            findings.append(f"{program.name}: {'has no' if compiled_in else 'has a'} trace of {text!r}")
    return findings


def self_test():
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, text in ((HEADER, 'X(A, "a.one", false)\nX(B, "b.two", true)\nX(C, "c.three", true)\n'),
                           ("src/a.c", "HL_FAILPOINT(A);\nif (HL_FAILPOINT_ERROR(B)) x();\nHL_FAILPOINT(B);\n/* HL_FAILPOINT(C) */\n"),
                           ("with", "HOTLEAD_FAILPOINTS hl_failpoint_pass \0failpoint\0 a.one b.two"), ("without", "b.two failpoint.h")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        found = check(root, root / "with", True) + check(root, root / "without", False)
    source = [f"{HEADER}: nothing passes C", f"{HEADER}: B: its passings"]
    compare(found, [*source, "with: has no trace of 'c.three'", "without: has a trace of 'b.two'"])


if __name__ == "__main__":
    if sys.argv[1] == "--self-test":
        self_test()
    report(check(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] == "with"))
