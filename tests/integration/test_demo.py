"""The demo as a person meets it: no broker, one command, readable by kcat meanwhile, a clean end."""
import os
import pathlib
import re
import signal
import subprocess
import tempfile
import time
import unittest

import harness
import servers


class Demo(unittest.TestCase):
    def start(self, *args):
        out = tempfile.NamedTemporaryFile(prefix="hotlead-demo-", suffix=".log")
        self.addCleanup(out.close)
        self.out = pathlib.Path(out.name)
        child = servers.spawn([harness.binary(), "demo", "--rate", "1000", "--contacts", "400", "--listen",
                               f"127.0.0.1:{servers.free_port()}", *args], stdout=out, stderr=out)
        self.addCleanup(servers.stop, child, 0)
        return child

    def text(self):
        return self.out.read_text(errors="replace")

    def children(self, pid):
        """Process ids of the children, as the kernel lists them."""
        found = []
        for tasks in pathlib.Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(p) for p in tasks.read_text().split()]
        return found

    def assert_gone(self, pids):
        servers.wait_for(f"end of the demo's children {pids}", lambda: not any(os.path.exists(f"/proc/{p}") for p in pids), 10)

    def test_it_runs_to_its_funnel_and_kcat_reads_the_transitions(self):
        child = self.start("--seconds", "8")
        address = servers.wait_for("bootstrap address", lambda: re.search(r"127\.0\.0\.1:\d+", self.text()), 30)[0]
        mine = self.children(child.pid)
        found = re.findall(r"127\.0\.0\.1:\d+", self.text())
        read = None
        for address in dict.fromkeys(found):   # the one that Kafka answers on
            read = subprocess.run(["kcat", "-C", "-q", "-b", address, "-t", "lead.transitions", "-o", "beginning", "-c", "3", "-f", "%k\n",
                                   "-m", "5"], capture_output=True, text=True, timeout=30)
            if read.returncode == 0:
                break
        self.assertEqual((read.returncode, len(read.stdout.split())), (0, 3), read.stderr + self.text()[-2000:])
        self.assertEqual(child.wait(60), 0, self.text()[-2000:])
        for stage in ("subscriber", "lead", "mql", "sql"):
            self.assertRegex(self.text(), rf"(?i)\b{stage}\b")
        self.assertRegex(self.text(), r"look at +http://127\.0\.0\.1:\d+/\n")
        self.assert_gone(mine)

    def test_ctrl_c_ends_it_with_the_funnel(self):
        child = self.start()
        servers.wait_for("first transition", lambda: re.search(r"(?i)subscriber", self.text()), 30)
        mine = self.children(child.pid)
        time.sleep(1)
        child.send_signal(signal.SIGINT)
        self.assertEqual(child.wait(30), 0, self.text()[-2000:])
        self.assertRegex(self.text(), r"(?i)hottest")
        self.assert_gone(mine)


if __name__ == "__main__":
    unittest.main()
