"""What is written for a cluster, against a real broker."""
import json
import subprocess
import unittest

import yaml

import harness


class Deploy(unittest.TestCase):
    def test_the_topics_for_strimzi_are_as_hotlead_wants_them(self):
        """Each with its own settings, but for what a broker that is alone cannot do: replicas, and so replicas in sync."""
        topics = [o for o in yaml.safe_load_all((harness.ROOT / "k8s/examples/topics.yaml").read_text()) if o["kind"] == "KafkaTopic"]
        config = yaml.safe_load((harness.ROOT / "k8s/overlays/production/config/hotlead.yaml").read_text())
        setup = harness.Setup(inputs=[i["topic"] for i in config["inputs"]], create=False)
        for t in topics:
            settings = {k: str(v) for k, v in t["spec"]["config"].items() if k != "min.insync.replicas"}
            harness.kafka().create_topics(f"{setup.id}.{t['metadata']['name']}", partitions=8, config=settings)
        (setup.dir / "one.yaml").write_text(yaml.safe_dump(setup.config))
        done = subprocess.run([harness.binary(), "topics", "-c", str(setup.dir / "one.yaml"), "-o", "json"], capture_output=True, text=True, timeout=60)
        said = json.loads(done.stdout)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual([(t["name"], t["problems"]) for t in said["topics"] if t["problems"]], [])
        self.assertEqual(len(said["topics"]), len(topics))


if __name__ == "__main__":
    unittest.main()
