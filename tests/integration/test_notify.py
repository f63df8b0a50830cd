"""What a running scorer tells the service manager that started it."""
import socket
import time
import unittest

import harness
import servers


class Manager:
    """As systemd: a socket that the process is told of, with a watchdog; and what it has said, with the time."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name if name[0] == "/" else "\0" + name[1:])
        self.socket.settimeout(0.1)
        self.env = {"NOTIFY_SOCKET": name, "WATCHDOG_USEC": "10000000"}
        self.said = []

    def listen(self, seconds=0.0):
        end = time.monotonic() + seconds
        while True:
            try:
                self.said.append((time.monotonic(), self.socket.recv(4096).decode()))
            except TimeoutError:
                if time.monotonic() >= end:
                    return [what for _, what in self.said]

    def wait_for(self, what):
        servers.wait_for(f"{what!r} among {self.said}", lambda: what in self.listen(), 60)


class Notify(unittest.TestCase):
    def test_ready_watchdog_a_hanging_worker_and_the_end(self):
        setup = harness.Setup(threads=1, http={"hung_after": "1s"})
        manager = Manager(str(setup.dir / "notify"))
        self.addCleanup(manager.socket.close)
        # the worker hangs for six seconds at the first transition
        with setup.run(env={**manager.env, "HOTLEAD_FAILPOINTS": "emit.after_transition=sleep:6000@1"}) as h:
            manager.wait_for("STATUS=scoring")
            self.assertEqual(manager.said[0][1], "READY=1")
            manager.listen(3)
            self.assertGreaterEqual([w for _, w in manager.said].count("WATCHDOG=1"), 2)
            topic = setup.inputs[0]
            encode = harness.gen_events.AvroEncoder()
            harness.gen_events.produce(harness.kafka().bootstrap, [(topic, "c1", encode(harness.event("c1", "form_submitted", form="newsletter")))])
            servers.wait_for("a worker that hangs", lambda: any("thread 0 has been silent for" in w for w in manager.listen()), 30)
            self.assertEqual(h.get("/livez")[0], 503)
            manager.listen(0.3)
            before = [w for _, w in manager.said].count("WATCHDOG=1")
            manager.listen(2.2)   # silence of two periods: nothing but the reason is said
            self.assertEqual([w for _, w in manager.said].count("WATCHDOG=1"), before)
            servers.wait_for("the watchdog again", lambda: manager.listen().count("WATCHDOG=1") > before, 30)
            manager.wait_for("STATUS=scoring")
            h.child.terminate()
            self.assertEqual(h.wait_exit(), 0)
            manager.wait_for("STOPPING=1")
            self.assertNotIn("notify_failed", h.log())

    def test_an_abstract_socket_without_a_watchdog(self):
        manager, setup = Manager(f"@hotlead-test-{time.monotonic_ns()}"), harness.Setup(threads=1)
        self.addCleanup(manager.socket.close)
        with setup.run(env={"NOTIFY_SOCKET": manager.env["NOTIFY_SOCKET"]}) as h:
            manager.wait_for("STATUS=scoring")
            self.assertNotIn("WATCHDOG=1", manager.listen(1.5))
            self.assertEqual(h.stop(), 0)

    def test_a_socket_that_is_none_is_told_and_does_no_harm(self):
        for name, reason in (("somewhere", 'reason="NOTIFY_SOCKET is neither a path nor an abstract name"'),
                             ("/no/such/socket", 'reason="No such file or directory"')):
            setup = harness.Setup(threads=1)
            with setup.run(env={"NOTIFY_SOCKET": name}) as h:
                h.wait_ready()
                self.assertIn(f"event=notify_failed {reason}", h.log())
                self.assertEqual(h.stop(), 0)


if __name__ == "__main__":
    unittest.main()
