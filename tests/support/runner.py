#!/usr/bin/env python3
"""Run unittest modules of a folder: one line a test, a summary at the end, JUnit XML for tests/run.sh.

    runner.py FOLDER [--pattern test_*.py] [--junit FILE] [-k WORD]
"""
import argparse
import pathlib
import signal
import sys
import time
import unittest
from xml.sax.saxutils import quoteattr, escape

sys.path.insert(0, str(pathlib.Path(__file__).parent))


class Result(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.rows = []   # (test, outcome, seconds, text)
        self.began = 0.0

    def startTest(self, test):
        super().startTest(test)
        self.began = time.monotonic()
        print(f"[ RUN  ] {test.id()}", flush=True)

    def _note(self, test, outcome, text=""):
        seconds = time.monotonic() - self.began if self.began else 0.0
        self.rows.append((test, outcome, seconds, text))
        print(f"[ {outcome:4} ] {test.id()} ({seconds:.1f} s){': ' + text if outcome == 'SKIP' else ''}", flush=True)
        if outcome == "FAIL":
            print(text, flush=True)

    def addSuccess(self, test):
        self._note(test, "OK")

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self._note(test, "FAIL", self._exc_info_to_string(err, test))

    def addError(self, test, err):
        super().addError(test, err)
        self._note(test, "FAIL", self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self._note(test, "SKIP", reason)

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self._note(subtest, "FAIL", self._exc_info_to_string(err, test))


def write_junit(rows, name, path):
    count = lambda outcome: sum(1 for r in rows if r[1] == outcome)
    with open(path, "w", encoding="utf-8") as out:
        out.write(f'<testsuite name={quoteattr(name)} tests="{len(rows)}" failures="{count("FAIL")}" skipped="{count("SKIP")}">\n')
        for test, outcome, seconds, text in rows:
            inner = {"OK": "", "FAIL": f"<failure>{escape(text)}</failure>", "SKIP": f"<skipped message={quoteattr(text)}/>"}[outcome]
            out.write(f'<testcase name={quoteattr(test.id())} time="{seconds:.3f}">{inner}</testcase>\n')
        out.write("</testsuite>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--pattern", default="test_*.py")
    parser.add_argument("--junit")
    parser.add_argument("-k", dest="word", action="append", help="only tests whose name contains this word")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))   # so that servers are stopped and folders removed
    loader = unittest.TestLoader()
    if args.word:
        loader.testNamePatterns = [f"*{w}*" for w in args.word]
    suite, result = loader.discover(args.folder, args.pattern), Result()
    try:
        suite.run(result)
    finally:
        if args.junit:
            write_junit(result.rows, pathlib.Path(args.folder).name, args.junit)
    outcomes = [r[1] for r in result.rows]
    print(f"{outcomes.count('OK')} passed, {outcomes.count('FAIL')} failed, {outcomes.count('SKIP')} skipped")
    sys.exit(0 if outcomes.count("OK") and not outcomes.count("FAIL") else 1)


if __name__ == "__main__":
    main()
