"""The commands that operators call, against a real Kafka and Redis: what they print, what they change, and how they refuse."""
import json
import subprocess
import unittest

import yaml
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

import harness
import servers


def call(*words, timeout=60):
    """(exit status, stdout, stderr) of a command."""
    done = subprocess.run([harness.binary(), *map(str, words)], capture_output=True, text=True, timeout=timeout)
    return done.returncode, done.stdout, done.stderr


class Ops(unittest.TestCase):
    def configure(self, setup, **more):
        """Write the configuration, and return its path."""
        path = setup.dir / "ops.yaml"
        path.write_text(yaml.safe_dump({**setup.config, **more}, sort_keys=False))
        return path

    def refused(self, got, code, *words):
        self.assertEqual(got[0], code, got)
        self.assertEqual(got[1], "")
        for word in words:
            self.assertIn(word, got[2])


class Topics(Ops):
    def settings(self, topic):
        admin = AdminClient({"bootstrap.servers": harness.kafka().bootstrap})
        resource = ConfigResource(ResourceType.TOPIC, topic)
        return {k: v.value for k, v in admin.describe_configs([resource])[resource].result(30).items()}

    def topics(self, config, *words, code=0):
        got = call("topics", "-c", config, "-o", "json", *words)
        self.assertEqual((got[0], got[2]), (code, ""), got)
        answer = json.loads(got[1])
        self.assertEqual(answer["drift"], code != 0)
        return {t["topic"]: t for t in answer["topics"]}

    def test_from_nothing_to_good(self):
        s = harness.Setup(partitions=3, inputs=["web", "crm"], create=False)
        config = self.configure(s)
        code, out, _ = call("topics", "-c", config)
        self.assertEqual(code, 1)
        self.assertEqual(out.count("missing"), 6, out)
        self.refused(call("topics", "-c", config, "--create"), 64, "give --partitions N")
        got = self.topics(config, "--create", "--dry-run", "-p", "3", code=1)
        self.assertEqual({t["done"] for t in got.values()}, {"would be created"})
        self.assertEqual({t["exists"] for t in self.topics(config, code=1).values()}, {False})
        got = self.topics(config, "--create", "-p", "3")
        self.assertEqual({(t["done"], t["partitions"]) for t in got.values()}, {("created", 3)})
        state = self.settings(s.out["state"])
        self.assertEqual((state["cleanup.policy"], state["segment.bytes"], state["delete.retention.ms"]), ("compact", "104857600", "604800000"))
        self.assertEqual(self.settings(s.out["transitions"])["cleanup.policy"], "delete")
        # the broker of the tests takes 4 MiB, and so must the dead letters; and hotlead starts on what was made
        self.assertEqual(self.settings(s.out["dead_letter"])["max.message.bytes"], self.settings(s.inputs[0])["max.message.bytes"])
        with s.run() as h:
            h.wait_ready()
            self.assertEqual(h.stop(), 0)
        self.assertIn("good", call("topics", "-c", config)[1])

    def test_drift_is_told_and_mended_on_outputs_only(self):
        s = harness.Setup(partitions=2, inputs=["web"], create=False)
        kafka = harness.kafka()
        kafka.create_topics(s.inputs[0], partitions=2, config={"retention.ms": "100000"})
        kafka.create_topics(s.out["state"], partitions=2, config={"cleanup.policy": "delete", "max.message.bytes": "2000000"})
        kafka.create_topics(s.out["alerts"], partitions=5)
        config = self.configure(s)
        got = self.topics(config, code=1)
        wrong = {(name, p["setting"]) for name, t in got.items() for p in t["problems"] if p["severity"] == "wrong"}
        self.assertEqual(wrong, {(s.inputs[0], "retention.ms"), (s.out["state"], "cleanup.policy"), (s.out["alerts"], "partitions")})
        code, out, err = call("topics", "-c", config, "--alter", "--dry-run")
        self.assertEqual((code, err), (1, ""))
        self.assertIn("would be altered", out)
        self.assertIn("cleanup.policy is delete, must be compact: the state of contacts", out)
        self.assertEqual(self.settings(s.out["state"])["cleanup.policy"], "delete")
        got = self.topics(config, "--alter", "--create", code=1)   # the counts, and the input, are not for it to mend
        self.assertEqual([t["done"] for t in got.values()].count("created"), 2)
        left = {(name, p["setting"]) for name, t in got.items() for p in t["problems"] if p["severity"] == "wrong"}
        self.assertEqual(left, {(s.inputs[0], "retention.ms"), (s.out["alerts"], "partitions")})
        state = self.settings(s.out["state"])
        self.assertEqual((state["cleanup.policy"], state["max.message.bytes"]), ("compact", "2000000"), "what was set before is kept")
        self.assertEqual(self.settings(s.inputs[0])["retention.ms"], "100000")

    def test_refusals(self):
        s = harness.Setup(create=False)
        config = self.configure(s)
        self.refused(call("topics", "-c", config, "--dry-run"), 64, "--dry-run is for --create and --alter")
        self.refused(call("topics", "-c", config, "-p", "0"), 64, "partitions are from 1 to 10000, not 0")
        self.refused(call("topics", "-c", config, "-o", "yaml"), 64, "output is table or json, not yaml")
        self.refused(call("topics", "-c", config, "lead.state"), 64, "it takes options only, not 'lead.state'")
        self.refused(call("topics", "-c", s.dir / "none.yaml"), 78, "none.yaml")
        away = f"127.0.0.1:{servers.free_port()}"
        config = self.configure(s, kafka={**s.config["kafka"], "bootstrap.servers": away, "startup_timeout": "1s"})
        self.refused(call("topics", "-c", config), 69, "no Kafka broker answers")


if __name__ == "__main__":
    unittest.main()
