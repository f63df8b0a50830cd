#!/usr/bin/env python3
"""The golden files: what simulate says of each model and its events, byte for byte. Usage: compare.py HOTLEAD [--update]."""
import difflib
import pathlib
import subprocess
import sys

FOLDER = pathlib.Path(__file__).resolve().parent


def transitions(hotlead, name):
    model, events = FOLDER / f"{name}.model.yaml", FOLDER / f"{name}.events.jsonl"
    got = subprocess.run([hotlead, "simulate", "-m", model, "-o", "json", events], capture_output=True, text=True,
                         encoding="utf-8", timeout=60)
    if got.returncode != 0:
        sys.exit(f"{name}: exit {got.returncode}\n{got.stderr}")
    return got.stdout


def main():
    names = sorted(path.name.removesuffix(".model.yaml") for path in FOLDER.glob("*.model.yaml"))
    wrong = 0
    assert names, "there are no golden files"
    for name in names:
        golden, got = FOLDER / f"{name}.transitions.jsonl", transitions(sys.argv[1], name)
        if "--update" in sys.argv:
            golden.write_text(got, encoding="utf-8")
            continue
        want = golden.read_text(encoding="utf-8")
        wrong += want != got
        sys.stdout.writelines(difflib.unified_diff(want.splitlines(True), got.splitlines(True), golden.name, "simulate"))
        print(f"{name}: {'ok' if want == got else 'DIFFERENT'}, {len(got.splitlines())} transitions")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
