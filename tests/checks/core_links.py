#!/usr/bin/env python3
"""Core and base, whole, link against libc and pthread and nothing else. They are linked into a program, not a shared object, so
that the objects of the ordinary build can be taken as they are.
Usage: core_links.py (ARCHIVES... | --self-test) -- CC [FLAGS...]"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from source import compare, report


def check(archives, cc):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "main.c").write_text("int main(void)\n{\n    return 0;\n}\n", encoding="utf-8")
        run = subprocess.run([*cc, "main.c", "-o", "alone", "-Wl,-z,defs", "-Wl,--whole-archive", *archives, "-Wl,--no-whole-archive",
                              "-lpthread"], cwd=folder, capture_output=True, text=True)
    if run.returncode == 0:
        return []
    lines = [line.strip() for line in run.stderr.split("\n") if "undefined reference" in line or "error" in line]
    return [re.sub(r"^.*ld: ", "", line) for line in lines] or [run.stderr.strip()]


def run_self_test(cc):
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "good.c").write_text("#include <stdlib.h>\nvoid *good(void) { return malloc(1); }\n", encoding="utf-8")
        (root / "bad.c").write_text("extern int rd_kafka_poll(void);\nint bad(void) { return rd_kafka_poll(); }\n", encoding="utf-8")
        subprocess.run([*cc, "-g", "-c", "good.c", "bad.c"], cwd=root, check=True)
        for name in ("good", "bad"):
            subprocess.run(["ar", "rc", f"{name}.a", f"{name}.o"], cwd=root, check=True)
        if check([str(root / "good.a")], cc):
            sys.exit("self-test: an archive that needs libc only did not link")
        found = check([str(root / "good.a"), str(root / "bad.a")], cc)
        compare(["rd_kafka_poll" if "rd_kafka_poll" in f else f for f in found if "ld returned" not in f and "linker" not in f],
                ["rd_kafka_poll"])


if __name__ == "__main__":
    split = sys.argv.index("--")
    if sys.argv[1] == "--self-test":
        run_self_test(sys.argv[split + 1:])
    report(check(sys.argv[1:split], sys.argv[split + 1:]))
