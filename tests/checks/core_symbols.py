#!/usr/bin/env python3
"""Core is pure: what its objects leave undefined names no clock, no file, no socket, no environment and no random source.
Usage: core_symbols.py ARCHIVE | --self-test CC"""
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from source import compare, report

FORBIDDEN = set("time clock ftime clock_gettime clock_getres gettimeofday nanosleep clock_nanosleep sleep usleep socket connect accept "
                "bind listen send sendto sendmsg recv recvfrom recvmsg open openat creat fopen freopen fdopen opendir popen getenv "
                "secure_getenv setenv environ rand rand_r srand random srandom drand48 lrand48 mrand48 getrandom getentropy "
                "arc4random".split())


def plain(symbol):
    """fopen for fopen64, open for __open64_2, recv for __recv_chk, time for time@GLIBC_2.2.5."""
    return re.sub(r"(64)?(_2|_chk)?(@.*)?$", "", re.sub(r"^__(?=\w+(_2|_chk)(@|$))", "", symbol))


def check(archive):
    run = subprocess.run(["nm", "-u", "-A", "-l", str(archive)], capture_output=True, text=True, check=True)
    findings = []
    for line in run.stdout.split("\n"):
        match = re.match(r"(.*?): +[Uwv] (\S+)(?:\t(\S+:\d+))?", line)
        if match and plain(match.group(2)) in FORBIDDEN:
            where = match.group(3) or ":".join(match.group(1).split(":")[-1:])
            findings.append(f"{where}: uses {match.group(2)}")
    return findings


def run_self_test(cc):
    names = ["time", "clock_gettime", "gettimeofday", "socket", "open", "fopen", "getenv", "rand", "random"]
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name in names + ["runtime", "my_open", "timer_rand"]:
            (root / f"{name}.c").write_text(f"extern int {name}();\nint u_{name}(void) {{ return {name}(); }}\n", encoding="utf-8")
        sources = sorted(str(p) for p in root.glob("*.c"))
        subprocess.run([*cc, "-w", "-c", *sources], cwd=root, check=True)
        subprocess.run(["ar", "rc", "bad.a", *[p.name for p in sorted(root.glob("*.o"))]], cwd=root, check=True)
        compare([f.split(": ")[-1] for f in check(root / "bad.a")], [f"uses {name}" for name in names])


if __name__ == "__main__":
    if sys.argv[1] == "--self-test":
        run_self_test(sys.argv[2:])
    report(check(Path(sys.argv[1])))
