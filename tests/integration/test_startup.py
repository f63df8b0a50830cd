"""What a wrong or incomplete surrounding gets at start: a clear message and the right exit code, or a warning and work."""
import subprocess
import unittest

import gen_events
import harness
import servers
from harness import event


class Startup(unittest.TestCase):
    def exits(self, setup, code, *words, **more):
        with setup.run(**more) as h:
            got = h.wait_exit()
        log = h.log()
        print("    " + log.strip().splitlines()[-1] if log.strip() else "    (no message)")
        self.assertEqual(got, code, log[-2000:])
        for word in words:
            self.assertIn(word, log)
        return log

    def test_unequal_partition_counts_are_refused_with_the_counts(self):
        setup = harness.Setup(partitions=4, inputs=["web.engagement"])
        harness.kafka().create_topics(f"{setup.id}.other", partitions=6)
        self.exits(setup, 78, f"{setup.id}.other", "4", "6",
                   inputs=setup.config["inputs"] + [{"topic": f"{setup.id}.other", "format": "avro"}])

    def test_a_wrong_key_is_named_with_its_place_and_the_nearest_name(self):
        setup = harness.Setup(create=False)
        log = self.exits(setup, 78, "delivry", "delivery", delivry="exactly_once")
        self.assertRegex(log, r"one\.yaml:\d+:\d+")

    def test_a_model_that_cannot_be_read(self):
        setup = harness.Setup(create=False)
        self.exits(setup, 78, "absent.yaml", model="absent.yaml")

    def test_a_model_with_an_exit_above_enter(self):
        setup = harness.Setup(create=False)
        path = setup.dir / "model.yaml"
        path.write_text(path.read_text().replace("mql: {enter: 40.5}", "mql: {enter: 40.5, exit: 50}"))
        self.exits(setup, 78, "model.yaml", "exit")

    def test_a_setting_that_hotlead_owns_is_refused(self):
        setup = harness.Setup(create=False)
        self.exits(setup, 78, "isolation.level", kafka={"isolation.level": "read_uncommitted"})

    def test_without_kafka_it_says_so_and_ends_with_69(self):
        setup = harness.Setup(create=False)
        address = f"127.0.0.1:{servers.free_port()}"
        self.exits(setup, 69, address, kafka={"bootstrap.servers": address, "startup_timeout": "2s"})

    def test_a_missing_input_topic_is_named(self):
        setup = harness.Setup(create=False)
        with setup.run(kafka={"startup_timeout": "3s"}) as h:
            code = h.wait_exit()
        self.assertIn(code, (69, 78))
        self.assertIn(setup.inputs[0], h.log())

    def test_without_redis_it_warns_and_runs_on(self):
        setup = harness.Setup(partitions=2, inputs=["web.engagement"], redis={"url": f"redis://127.0.0.1:{servers.free_port()}/0"})
        work = [event("ann", "form_submitted", attributes=harness.GOOD_FIT, form="demo")]
        with setup.run() as h:
            h.wait_ready()
            gen_events.produce(harness.kafka().bootstrap, gen_events.avro_records(work, setup.inputs))
            setup.wait_done(h)
            self.assertEqual(h.metric("hotlead_redis_up"), 0)
            self.assertEqual(h.get("/readyz")[0], 200)
            self.assertEqual(h.stop(), 0)
        self.assertEqual([o.value["to"] for o in setup.transitions()], ["subscriber", "lead", "mql"])
        self.assertRegex(h.log().lower(), "redis")

    def test_a_second_instance_with_the_same_identity(self):
        """One of the two must go, with a message; the other goes on, and every transition comes once."""
        work, setup = harness.workload(10_000, 1000), harness.Setup()
        with setup.run() as first:
            gen_events.produce(harness.kafka().bootstrap, work.records(setup, 0, 2))
            first.wait_ready()
            config = {**setup.config["http"], "listen": f"127.0.0.1:{servers.free_port()}"}
            first_log = first.path.rename(first.path.with_suffix(".first"))
            with setup.run(http=config) as second:
                gone = servers.wait_for("end of one of the two", lambda: next(
                    (h for h in (first, second) if h.child.poll() is not None), None), 90)
                stays = second if gone is first else first
                log = (first_log if gone is first else second.path).read_text()
                print(f"    the {'first' if gone is first else 'second'} ended with {gone.child.returncode}: {log.strip().splitlines()[-1]}")
                self.assertNotEqual(gone.child.returncode, 0)
                self.assertGreater(gone.child.returncode, 0, "ended by a signal:\n" + log[-3000:])
                self.assertRegex(log, "(?i)instance|identity|fenced")
                gen_events.produce(harness.kafka().bootstrap, work.records(setup, 1, 2))
                setup.wait_done(stays)
                self.assertEqual(stays.stop(), 0)
        wrong = harness.differences(work.scorer.transitions, [o.value for o in setup.transitions()])
        self.assertEqual(wrong, [], "\n".join(wrong))


class CommandLine(unittest.TestCase):
    def call(self, *args):
        return subprocess.run([harness.binary(), *args], capture_output=True, text=True, timeout=60)

    def test_version_and_help(self):
        self.assertRegex(self.call("version").stdout, r"hotlead \d")
        for args in (["help"], ["--help"], ["run", "--help"], ["check", "--help"]):
            got = self.call(*args)
            self.assertEqual((got.returncode, got.stderr), (0, ""), args)
            self.assertTrue(got.stdout)

    def test_an_unknown_command_is_a_usage_error(self):
        got = self.call("rnu")
        self.assertEqual(got.returncode, 64)
        self.assertIn("run", got.stderr)

    def test_check_accepts_the_shipped_files(self):
        got = self.call("check", "-c", str(harness.ROOT / "config" / "hotlead.yaml"))
        self.assertEqual(got.returncode, 0, got.stderr)


if __name__ == "__main__":
    unittest.main()
