#!/usr/bin/env python3
"""A release binary is hardened: what its ELF file shows, and for what it cannot show, how its sources were compiled. (Its notes tell of control-flow
protection only where the C library has it, too, so that is looked for in the commands.)
Usage: hardening.py BINARY COMPILE_COMMANDS x86|other | --self-test CC"""
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from source import compare, report


def readelf(binary, *what):
    return subprocess.run(["readelf", *what, str(binary)], capture_output=True, text=True, check=True, env={"LC_ALL": "C"}).stdout


def check_elf(binary):
    headers, segments, dynamic = readelf(binary, "-hW"), readelf(binary, "-lW"), readelf(binary, "-dW")
    symbols = readelf(binary, "--dyn-syms", "-W")
    stack = re.search(r"GNU_STACK .*?\b([RWE ]{1,3}) +0x", segments)
    wanted = {
        "position independent": re.search(r"Type: +DYN", headers) and re.search(r"FLAGS_1.*\bPIE\b", dynamic),
        "a stack that holds no code": stack and "E" not in stack[1],
        "no segment both writable and executable": not re.search(r"LOAD .*RWE", segments),
        "relocations read-only (relro)": "GNU_RELRO" in segments,
        "bound at start (now)": re.search(r"FLAGS.*\b(BIND_NOW|NOW)\b", dynamic),
        "stack protector": "__stack_chk_fail" in symbols,
        "fortified calls": re.search(r"__(memcpy|snprintf|vsnprintf|fprintf|read|memset|printf)_chk", symbols),
        "no search path for libraries": not re.search(r"\((RPATH|RUNPATH)\)", dynamic),
    }
    return [f"{Path(binary).name}: not so: {name}" for name, ok in wanted.items() if not ok]


def check_commands(path, x86):
    flags = [r"-fstack-protector-strong", r"-fstack-clash-protection", r"-D_FORTIFY_SOURCE=[23]", r"-fPI[EC]"]
    flags += [r"-fcf-protection(=full)?"] if x86 else []
    findings, seen = [], 0
    for entry in json.loads(Path(path).read_text()):
        if "/src/" not in entry["file"]:
            continue
        seen += 1
        words = entry["command"].split()
        findings += [f"{entry['file']}: compiled without {f}" for f in flags if not any(re.fullmatch(f, w) for w in words)]
    return findings or ([] if seen else [f"{path}: no source of src/"])


def run_self_test(cc):
    with tempfile.TemporaryDirectory() as folder:
        root, source = Path(folder), "#include <string.h>\nint main(int n, char **v) { char b[8]; strcpy(b, v[0]); return b[n]; }\n"
        (root / "main.c").write_text(source)
        loose = ["-O2", "-U_FORTIFY_SOURCE", "-fno-stack-protector", "-fcf-protection=none", "-no-pie", "-fno-pie", "-Wl,-z,norelro,-z,lazy",
                 "-Wl,-z,execstack", "-Wl,-rpath,/tmp"]
        subprocess.run([*cc, *loose, "-w", "main.c", "-o", "loose"], cwd=root, check=True)
        (root / "commands.json").write_text(json.dumps([{"file": "/x/src/a.c", "command": "cc -fPIE -O2 -D_FORTIFY_SOURCE=1 a.c"},
                                                        {"file": "/x/tests/b.c", "command": "cc b.c"}]))
        (root / "none.json").write_text("[]")
        elf = ["position independent", "a stack that holds no code", "relocations read-only", "bound at start", "stack protector",
               "fortified calls", "no search path"]
        compiled = ["-fstack-protector-strong", "-fstack-clash-protection", r"-D_FORTIFY_SOURCE=[23]"]
        compare([*check_elf(root / "loose"), *check_commands(root / "commands.json", False), *check_commands(root / "none.json", False)],
                [*(f"loose: not so: {w}" for w in elf), *(f"/x/src/a.c: compiled without {f}" for f in compiled), f"{root}/none.json: no source"])


if __name__ == "__main__":
    if sys.argv[1] == "--self-test":
        run_self_test(sys.argv[2:])
    report(check_elf(sys.argv[1]) + check_commands(sys.argv[2], sys.argv[3] == "x86"))
