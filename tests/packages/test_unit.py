"""What the process asks of the kernel, against what its unit lets it ask: a refused call would show only under systemd, and nobody runs that here."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest
from unittest import mock

import gen_events
import harness

UNIT = (harness.ROOT / "packaging/hotlead.service").read_text()


def calls_of(name):
    """The system calls of a set, as systemd here knows it."""
    said = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    found = set()
    for word in (line.strip() for line in said.splitlines()):
        if word and not word.startswith("#") and word != name:
            found |= calls_of(word) if word.startswith("@") else {word}
    return found


def allowed():
    calls = set()
    for line in re.findall(r"^SystemCallFilter=(.+)$", UNIT, re.M):
        names = line.lstrip("~").split()
        calls = calls - set().union(*map(calls_of, names)) if line.startswith("~") else calls | set().union(*map(calls_of, names))
    return calls


class Unit(unittest.TestCase):
    def test_start_work_restart_and_end_use_only_calls_that_the_unit_allows(self):
        with tempfile.TemporaryDirectory() as folder:
            wrapper = pathlib.Path(folder) / "hotlead"
            wrapper.write_text(f'#!/bin/sh\nexec strace -D -f -qq -o {folder}/trace.$$ {harness.binary()} "$@"\n')
            wrapper.chmod(0o755)
            work, setup = harness.workload(3000, 300), harness.Setup()
            with mock.patch.dict(os.environ, HOTLEAD=str(wrapper)):
                for part in range(2):
                    with setup.run() as h:
                        gen_events.produce(harness.kafka().bootstrap, work.records(setup, part, 2))
                        setup.wait_done(h, seconds=300)
                        h.wait_ready()
                        self.assertEqual(h.get("/metrics", timeout=30)[0], 200)
                        self.assertEqual(h.stop(90), 0)
            trace = "".join(p.read_text(errors="replace") for p in pathlib.Path(folder).glob("trace.*"))
        used = set(re.findall(r"^\d+ +(?:<\.\.\. )?(\w+)(?:\(| resumed)", trace, re.M))
        print(f"    {len(used)} system calls")
        self.assertGreater(len(used), 40)
        self.assertEqual(used - allowed(), set())
        families = set(re.findall(r"\bsocket\((AF_\w+)", trace)) - {"AF_NETLINK"}   # getaddrinfo asks it which protocols there are, and does without an answer
        self.assertLessEqual(families, set(re.search(r"^RestrictAddressFamilies=(.+)$", UNIT, re.M)[1].split()))
        self.assertNotRegex(trace, r'open(at)?\(.*O_(WRONLY|RDWR|CREAT)(?!.*(/dev/|/proc/))', "it writes no file: ProtectSystem=strict")


if __name__ == "__main__":
    unittest.main()
