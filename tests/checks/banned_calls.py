#!/usr/bin/env python3
"""Functions that src/ does not call: unbounded copies, hidden static state, silent parse errors."""
import re
import sys
from pathlib import Path

from source import blank, c_files, line_of, read, report, self_test

BANNED = re.compile(r"\b(strcpy|strcat|sprintf|vsprintf|strtok|gmtime|localtime|atoi|atol|atof|rand)\s*\(")


def check(root):
    findings = []
    for path in c_files(root, "src"):
        text = blank(read(path))
        findings += [f"{path.relative_to(root)}:{line_of(text, m.start())}: {m.group(1)} is not used here" for m in BANNED.finditer(text)]
    return findings


BAD = {
    "src/base/a.c": '/* strcpy(a, b) */\nputs("strcat(a, b)");\nsnprintf(a, n, b);\ngmtime_r(&t, &tm);\nfoo_rand(1);\n'
                    "strcpy(a, b);\nstrcat (a, b);\nsprintf(a, b);\nstrtok(a, b);\ngmtime(&t);\nlocaltime(&t);\nx = atoi(a) + rand();\n",
}
EXPECTED = [f"src/base/a.c:{line}: {name} " for line, name in
            ((6, "strcpy"), (7, "strcat"), (8, "sprintf"), (9, "strtok"), (10, "gmtime"), (11, "localtime"), (12, "atoi"), (12, "rand"))]

if __name__ == "__main__":
    if sys.argv[1] == "--self-test":
        self_test(check, BAD, EXPECTED)
    report(check(Path(sys.argv[1])))
