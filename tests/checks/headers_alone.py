#!/usr/bin/env python3
"""Every header under include/ compiles alone, and twice: it includes what it uses, and has a guard.
Usage: headers_alone.py (ROOT | --self-test) CC [FLAGS...]"""
import functools
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from source import c_files, report, self_test


def check(cc, root):
    findings = []
    with tempfile.TemporaryDirectory() as folder:
        unit = Path(folder) / "alone.c"
        for path in c_files(root, "include"):
            if path.suffix != ".h":
                continue
            name = path.relative_to(root / "include")
            unit.write_text(f'#include "{name}"\n#include "{name}"\n', encoding="utf-8")
            run = subprocess.run([*cc, "-fsyntax-only", f"-I{root / 'include'}", str(unit)], capture_output=True, text=True)
            if run.returncode:
                errors = [line for line in run.stderr.split("\n") if re.search(r": (fatal )?error: ", line)]
                findings += [line.replace(str(root) + "/", "") for line in errors or [f"{name}:1: {run.stderr.strip()}"]]
    return findings


BAD = {
    "include/hotlead/base/good.h": "#ifndef GOOD\n#define GOOD\n#include <stdint.h>\nstruct good { uint8_t x; };\n#endif\n",
    "include/hotlead/base/needs.h": "#ifndef NEEDS\n#define NEEDS\nuint8_t f(void);\n#endif\n",
    "include/hotlead/base/guard.h": "struct twice { int x; };\n",
}
EXPECTED = ["include/hotlead/base/needs.h:3:", "include/hotlead/base/guard.h:1:"]

if __name__ == "__main__":
    compiler = functools.partial(check, sys.argv[2:])
    if sys.argv[1] == "--self-test":
        self_test(compiler, BAD, EXPECTED)
    report(compiler(Path(sys.argv[1])))
