#!/usr/bin/env python3
"""Run unittest modules of a folder: one line a test, a summary at the end, JUnit XML for tests/run.sh.

    runner.py FOLDER [--pattern test_*.py] [--junit FILE] [-k WORD] [--lanes N]

With N lanes, N processes take one module after the other, each with servers of its own: most of these tests wait most of the time.
"""
import argparse
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
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


NEXT = "@next"   # a lane asks for a module


def run_modules(args, patterns):
    """Run the modules in this process; its rows."""
    loader = unittest.TestLoader()
    if args.word:
        loader.testNamePatterns = [f"*{w}*" for w in args.word]
    result = Result()
    try:
        for pattern in patterns:
            loader.discover(args.folder, pattern).run(result)
    finally:
        if args.junit:
            write_junit(result.rows, pathlib.Path(args.folder).name, args.junit)
    return result.rows


def asked_for():
    while True:
        print(NEXT, flush=True)
        line = sys.stdin.readline().strip()
        if not line:
            return
        yield line


def serve(lane, modules, lock):
    """Hand a lane its modules, and pass on what it says."""
    for line in lane.stdout:
        if line.strip() != NEXT:
            print(line, end="", flush=True)
            continue
        with lock:
            module = modules.pop() if modules else ""
        lane.stdin.write(module + "\n")
        lane.stdin.flush()


def slowest_last(folder, pattern):
    """The lanes take from the end: what has most tests is begun first."""
    modules = [p for p in pathlib.Path(folder).glob(pattern)]
    return [p.name for p in sorted(modules, key=lambda p: (len(re.findall(r"def test_", p.read_text())), p.stat().st_size))]


def run_lanes(args):
    """All modules in several processes; the outcomes."""
    modules, lock = slowest_last(args.folder, args.pattern), threading.Lock()
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder) / f"lane{i}.xml" for i in range(args.lanes)]
        words = [x for w in args.word or [] for x in ("-k", w)]
        lanes = [subprocess.Popen([sys.executable, __file__, args.folder, "--lane", "--junit", str(f), *words], text=True,
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE) for f in files]
        threads = [threading.Thread(target=serve, args=(lane, modules, lock)) for lane in lanes]
        try:
            for t in threads:
                t.start()
            for t in threads:
                t.join()
        finally:
            for lane in lanes:
                lane.terminate()
        died = [lane.wait() for lane in lanes]
        return merge(files, args, died)


def merge(files, args, died):
    """One JUnit file out of those of the lanes; a lane without one has died, and that is a failure."""
    cases, outcomes = [], []
    for file, status in zip(files, died):
        text = file.read_text(encoding="utf-8") if file.exists() else ""
        found = re.findall(r"<testcase .*?</testcase>", text, re.S)
        if not text:
            found = [f'<testcase name="a lane" time="0"><failure>it ended with status {status}</failure></testcase>']
        cases += found
        outcomes += ["FAIL" if "<failure>" in c else "SKIP" if "<skipped" in c else "OK" for c in found]
    if args.junit:
        count = outcomes.count
        pathlib.Path(args.junit).write_text(
            f'<testsuite name="{pathlib.Path(args.folder).name}" tests="{len(cases)}" failures="{count("FAIL")}" '
            f'skipped="{count("SKIP")}">\n' + "\n".join(cases) + "\n</testsuite>\n", encoding="utf-8")
    return outcomes


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    parser.add_argument("--pattern", default="test_*.py")
    parser.add_argument("--junit")
    parser.add_argument("-k", dest="word", action="append", help="only tests whose name contains this word")
    parser.add_argument("--lanes", type=int, default=1, help="processes that take the modules between them")
    parser.add_argument("--lane", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))   # so that servers are stopped and folders removed
    if args.lane:
        run_modules(args, asked_for())
        return
    outcomes = run_lanes(args) if args.lanes > 1 else [r[1] for r in run_modules(args, [args.pattern])]
    print(f"{outcomes.count('OK')} passed, {outcomes.count('FAIL')} failed, {outcomes.count('SKIP')} skipped")
    sys.exit(0 if outcomes.count("OK") and not outcomes.count("FAIL") else 1)


if __name__ == "__main__":
    main()
