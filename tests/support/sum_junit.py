#!/usr/bin/env python3
"""Add up the JUnit files of a folder: a line a suite, the failed and the skipped with their reasons, and the sum as the last line."""
import argparse
import pathlib
import sys
import xml.etree.ElementTree as ET

LINES, WIDTH = 40, 400


def outcome(case):
    if case.find("failure") is not None or case.find("error") is not None or case.get("status") == "fail":
        return "failed"
    if case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
        return "skipped"
    return "passed"


def why_skipped(case):
    """The reason of the test itself; CTest only knows the code, and keeps what the test said."""
    said = (case.findtext("system-out") or "").strip().splitlines()
    reason = case.find("skipped")
    if reason is None:
        return case.get("status")
    return said[-1] if said and reason.get("message", "").startswith("SKIP_RETURN_CODE") else reason.get("message")


def why_failed(case):
    """What the test said, of CTest what it printed; the end of it, where it is long."""
    found = case.find("failure")
    text = (found.text if found is not None else None) or case.findtext("system-out") or ""
    lines = text.strip().splitlines()
    return ["..."] * (len(lines) > LINES) + [line[:WIDTH] for line in lines[-LINES:]]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seconds", type=int, default=0)
    args = parser.parse_args()
    total = {"passed": 0, "failed": 0, "skipped": 0}
    failed = []
    print(f"\n== summary, {args.seconds} s in all")
    for path in sorted(args.folder.glob("*.xml")):
        cases = [(outcome(c), c) for c in ET.parse(path).getroot().iter("testcase")]
        counts = {name: sum(1 for got, _ in cases if got == name) for name in total}
        print(f"{path.stem}: " + ", ".join(f"{n} {name}" for name, n in counts.items()))
        for got, case in cases:
            if got == "skipped":
                print(f"  skipped {case.get('name')}: {why_skipped(case)}")
            elif got == "failed":
                failed.append(case)
                print(f"  failed {case.get('name')}")
        for name, n in counts.items():
            total[name] += n
    for case in failed:   # again, and last: of a long run often only the end is kept
        print("\n".join([f"-- {case.get('name')}"] + [f"   {line}" for line in why_failed(case)]))
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**total))
    sys.exit(0 if total["passed"] and not total["failed"] else 1)


if __name__ == "__main__":
    main()
