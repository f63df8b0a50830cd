"""hotlead-load against a running hotlead: its counts are right, a stall shows, and what does not work is told by name."""
import json
import os
import pathlib
import signal
import subprocess
import time
import unittest

import harness
import servers


def binary():
    return str(pathlib.Path(harness.binary()).parent / "hotlead-load")


class Load(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.setup = harness.Setup(partitions=4, inputs=["web.engagement", "crm.activity"])
        cls.setup.config["inputs"][1]["format"] = "json"
        cls.h = cls.setup.run()
        cls.h.wait_ready()
        servers.wait_for("output topics", lambda: harness.read_all(cls.setup.out["transitions"]) == [], 30)

    @classmethod
    def tearDownClass(cls):
        cls.h.kill()

    def start(self, *args):
        config = ["-c", self.setup.dir / "one.yaml"] if "-t" not in args else []
        return subprocess.Popen([binary(), *map(str, config), "-o", "json", *map(str, args)], stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def finish(self, child, code=0):
        try:
            out, err = child.communicate(timeout=90)
        finally:
            child.kill()
        self.assertEqual(child.returncode, code, err)
        return json.loads(out) if out else err

    def load(self, *args, code=0):
        return self.finish(self.start(*args), code)

    def results(self):
        self.setup.wait_done(self.h)
        return self.h.results()

    def test_all_that_is_sent_arrives_and_every_probe_moves_its_contact(self):
        page = self.setup.dir / "report.html"
        before = self.results()
        r = self.load("--rate", 2000, "-d", "3s", "--duplicates", "5%", "--late", "5%", "--html", page, "--fail-if", "lost>0", "--fail-if", "rate<1900")
        after = self.results()
        counted = {k: after[k] - before[k] for k in after}
        print(f"    {r['rate']:.0f}/s, p99 {r['latency']['p99'] * 1000:.0f} ms, {counted}")
        self.assertEqual((r["events"], r["acknowledged"], r["failed"], r["unsent"]), (6000, 6000, 0, 0))
        self.assertEqual((r["probes"], r["seen"], r["lost"], r["repeated"], r["gaps"]), (60, 60, 0, 0, 0))
        self.assertEqual(counted["duplicate"], r["duplicates"])
        self.assertEqual(counted.get("dead_letter", 0), 0)
        self.assertEqual(sum(counted.values()), 6000 + 40 + 3)   # 40 contacts are prepared (2 s of probes), one goes the whole way first
        self.assertTrue(200 < r["duplicates"] < 400 and 200 < r["late"] < 400, r)
        self.assertEqual(sum(w["sent"] for w in r["windows"]), 6000)
        self.assertEqual(sum(w["latency"]["count"] for w in r["windows"]), 60)
        self.assertIn("</html>", page.read_text())

    def test_broken_events_are_dead_letters_and_a_limit_ends_with_1(self):
        before = self.results()
        r = self.load("--rate", 1000, "-d", "2s", "--broken", "5%", "--fail-if", "max<1h", "--fail-if", "lost>0", code=1)
        self.assertTrue(50 < r["broken"] < 200, r)
        self.assertEqual(self.results()["dead_letter"] - before["dead_letter"], r["broken"])
        self.assertEqual([x["broken"] for x in r["limits"]], [True, False])

    def paused(self, who, seconds, *args):
        """A run in which somebody stands still for a while: hotlead, or the load itself (None)."""
        sent = self.setup.ends()
        child = self.start("--rate", 400, "-d", "5s", "--probes", "25%", *args)
        servers.wait_for("the first events", lambda: self.setup.ends() > sent + 600 or child.poll() is not None, 30)
        pid = who or child.pid
        os.kill(pid, signal.SIGSTOP)
        time.sleep(seconds)
        os.kill(pid, signal.SIGCONT)
        return self.finish(child)

    def test_a_stall_of_hotlead_shows_in_full(self):
        r = self.paused(self.h.child.pid, 2)
        print(f"    {r['latency']}")
        self.assertEqual(r["lost"], 0)
        self.assertGreater(r["latency"]["max"], 1.9)
        self.assertGreater(r["latency"]["p90"], 1.0)    # two of five seconds: each tenth of all events waited longer than half of them
        self.assertGreater(r["latency_service"]["max"], 1.8)
        self.assertLess(r["latency_ack"]["p90"], 1.0)   # Kafka went on

    def test_a_stall_of_the_sender_shows_in_corrected_latency_alone(self):
        r = self.paused(None, 2)
        print(f"    {r['latency']} {r['latency_uncorrected']}")
        self.assertEqual((r["lost"], r["unsent"], r["events"]), (0, 0, 2000))
        self.assertGreater(r["behind_seconds"], 1.9)
        self.assertGreater(r["latency"]["max"], 1.9)
        self.assertLess(r["latency_uncorrected"]["p90"], r["latency"]["p90"] - 0.5)

    def test_an_interrupt_ends_with_a_report(self):
        sent = self.setup.ends()
        child = self.start("--rate", 500, "-d", "1h")
        servers.wait_for("events", lambda: self.setup.ends() > sent + 500 or child.poll() is not None, 30)
        child.send_signal(signal.SIGINT)
        r = self.finish(child)
        self.assertTrue(r["interrupted"])
        self.assertEqual((r["lost"], r["failed"], r["unsent"], r["events"]), (0, 0, 0, r["acknowledged"]))
        self.assertGreater(r["rate"], 400)

    def test_what_cannot_work_is_told(self):
        said = self.load("--drain", "2s", "--trait", "email=somebody@gmail.com", code=69)
        self.assertIn("the model makes a subscriber of a contact with email=somebody@gmail.com, country=US, company_size=50, and this test needs Leads", said)
        self.assertIn("--trait NAME=VALUE", said)
        said = self.load("--drain", "2s", "--form", "guestbook", code=69)
        self.assertIn("form 'guestbook' does not make an MQL of a Lead: name a form of your model's hand_raise with --form", said)
        topic = self.setup.inputs[0]
        said = self.load("-b", harness.kafka().bootstrap, "-t", topic, "-T", "no.such.topic", code=78)
        self.assertIn("topic 'no.such.topic' is not there on " + harness.kafka().bootstrap, said)
        self.assertIn("hotlead makes it when it first starts", said)
        said = self.load("-b", harness.kafka().bootstrap, "-t", "no.such.input", "--send-only", code=78)
        self.assertIn("topic 'no.such.input' is not there", said)
        said = self.load("-b", harness.kafka().bootstrap, "-t", topic, "-T", self.setup.out["alerts"], "--drain", "1s", code=69)
        self.assertIn(f"hotlead does not answer: a form that a new contact sent in {topic} led to no transition in {self.setup.out['alerts']} within 1 s", said)

    def test_a_backlog_is_written_and_scored(self):
        before = sum(self.results().values())
        r = self.load("--backlog", "30d", "-n", "20k", "--contacts", 500, "--hot", "10%", "--skew", "1.1")
        print(f"    {r['rate']:.0f}/s")
        self.assertEqual((r["events"], r["acknowledged"], r["failed"]), (20000, 20000, 0))
        self.assertEqual(sum(self.results().values()) - before, 20000)


if __name__ == "__main__":
    unittest.main()
