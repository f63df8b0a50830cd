"""The copy in a Redis Cluster of three masters and three replicas, of which a master dies. (A slot that moves: test_faults.py.)"""
import re
import unittest

import gen_events
import harness
import servers

class RedisCluster(unittest.TestCase):
    def setUp(self):
        self.cluster = servers.RedisCluster()
        self.addCleanup(self.cluster.close)
        self.work = harness.workload(40_000, 2000)
        self.setup_ = harness.Setup(redis={"url": self.cluster.url, "cluster": True})

    def feed(self, part, parts):
        gen_events.produce(harness.kafka().bootstrap, self.work.records(self.setup_, part, parts))

    def same(self):
        wrong = harness.differences(self.work.scorer.transitions, [o.value for o in self.setup_.transitions()])
        self.assertEqual(wrong, [], "\n".join(wrong))
        wrong = harness.state_differences(self.work.scorer, self.setup_.states())
        self.assertEqual(wrong, [], "\n".join(wrong))

    def key(self, partition, name="marker"):
        return f"{{{self.setup_.group}:{partition}}}:{name}"

    def marker(self, partition, nodes):
        """Position of the copy of a partition, from the node that serves it; None when there is none."""
        for node in nodes:
            try:
                got = node.call("GET", self.key(partition))
                return int(got.split()[0]) if got else None
            except (RuntimeError, OSError):   # MOVED, or away
                continue
        return None

    def restarts_from_the_copy(self):
        """A start after all: every partition from Redis, none discarded."""
        with self.setup_.run() as h:
            h.wait_ready()
            log = h.log()
            self.assertEqual(h.stop(), 0)
        self.assertNotIn("redis_copy_", log)
        restored = re.findall(r"partition_restored partition=(\d+).*?from_redis=(\d+)", log)
        self.assertEqual(len(restored), self.setup_.partitions, log)
        self.assertTrue(all(int(n) > 0 for _, n in restored), restored)

    def test_a_master_dies_and_its_replica_takes_over(self):
        setup, cluster = self.setup_, self.cluster
        victim = cluster.owner(cluster.slot(self.key(0)))
        alive = [n for i, n in enumerate(cluster.nodes) if i != victim]
        with setup.run() as h:
            self.feed(0, 3)
            servers.wait_for("a copy of partition 0", lambda: self.marker(0, cluster.nodes[:3]), 60)
            before = self.marker(0, cluster.nodes[:3])
            cluster.nodes[victim].kill()
            self.feed(1, 3)
            cluster.wait_ok(alive)
            self.feed(2, 3)
            setup.wait_done(h)
            servers.wait_for("a copy that goes on", lambda: (self.marker(0, alive) or -1) > before, 60, every=0.2)
            servers.wait_for("redis_up 1", lambda: h.metric("hotlead_redis_up") == 1, 60, every=0.2)
            self.assertEqual(h.stop(), 0)
        self.restarts_from_the_copy()   # the url's first node may be the dead one
        self.same()


if __name__ == "__main__":
    unittest.main()
