"""The copy in a Redis Cluster of three masters and three replicas: a slot that moves under load, a master that dies."""
import re
import threading
import time
import unittest

import gen_events
import harness
import servers

SLOTS = 16384


class Node(servers.Redis):
    """One node of a cluster; nodes.conf keeps its identity over a restart."""
    name = "redis-node"

    def __init__(self):
        super().__init__()
        self.bus = servers.free_port()

    def command(self):
        return super().command() + ["--cluster-enabled", "yes", "--cluster-port", str(self.bus), "--cluster-node-timeout", "1500",
                                    "--repl-diskless-sync-delay", "0"]

    def info(self):
        return dict(line.split(":", 1) for line in self.call("CLUSTER", "INFO").decode().split("\r\n") if ":" in line)

    def id(self):
        return self.call("CLUSTER", "MYID").decode()


class Cluster:
    """Nodes 0 to 2 are masters of a third of the slots each, node i + 3 is the replica of node i."""

    def __init__(self):
        self.nodes = [Node().start() for _ in range(6)]
        for i, node in enumerate(self.nodes[:3]):
            node.call("CLUSTER", "ADDSLOTSRANGE", i * SLOTS // 3, (i + 1) * SLOTS // 3 - 1)
        for node in self.nodes[1:]:
            node.call("CLUSTER", "MEET", "127.0.0.1", self.nodes[0].port, self.nodes[0].bus)
        servers.wait_for("a cluster of six", lambda: all(n.info()["cluster_known_nodes"] == "6" for n in self.nodes))
        for i, node in enumerate(self.nodes[3:]):
            node.call("CLUSTER", "REPLICATE", self.nodes[i].id())
        self.wait_ok(self.nodes)
        servers.wait_for("replicas in step", lambda: all(b"master_link_status:up" in n.call("INFO", "replication") for n in self.nodes[3:]))

    def wait_ok(self, nodes):
        servers.wait_for("cluster_state:ok", lambda: all(n.info()["cluster_state"] == "ok" for n in nodes))

    @property
    def url(self):
        return "redis://" + ",".join(f"127.0.0.1:{n.port}" for n in self.nodes[:2])

    def close(self):
        for node in self.nodes:
            node.close()

    def slot(self, key):
        return self.nodes[0].call("CLUSTER", "KEYSLOT", key)

    def move(self, slot, source, target):
        """As redis-cli --cluster reshard does it, key by key, slowly enough that writes fall in between."""
        target.call("CLUSTER", "SETSLOT", slot, "IMPORTING", source.id())
        source.call("CLUSTER", "SETSLOT", slot, "MIGRATING", target.id())
        moved = 0
        while keys := source.call("CLUSTER", "GETKEYSINSLOT", slot, 4):
            source.call("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
            moved += len(keys)
            time.sleep(0.05)
        for node in (target, source):
            node.call("CLUSTER", "SETSLOT", slot, "NODE", target.id())
        return moved


class RedisCluster(unittest.TestCase):
    def setUp(self):
        self.cluster = Cluster()
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

    def test_a_slot_moves_under_load(self):
        setup, cluster = self.setup_, self.cluster
        slot = cluster.slot(self.key(3))
        source = next(i for i in range(3) if slot < (i + 1) * SLOTS // 3)
        with setup.run() as h:
            self.feed(0, 4)
            servers.wait_for("a copy of partition 3", lambda: cluster.nodes[source].call("CLUSTER", "COUNTKEYSINSLOT", slot) > 100, 60)
            mover = []
            thread = threading.Thread(target=lambda: mover.append(
                cluster.move(slot, cluster.nodes[source], cluster.nodes[(source + 1) % 3])))
            thread.start()
            self.feed(1, 4)
            self.feed(2, 4)
            thread.join()
            self.feed(3, 4)
            setup.wait_done(h)
            print(f"    moved {mover[0]} keys; {h.log().count('TRYAGAIN')} writes had to wait")
            self.assertGreaterEqual(mover[0], 100)
            self.assertEqual(h.stop(), 0)
        self.assertIn(self.key(3).encode(), cluster.nodes[(source + 1) % 3].keys("*marker"))
        self.restarts_from_the_copy()
        self.same()

    def test_a_master_dies_and_its_replica_takes_over(self):
        setup, cluster = self.setup_, self.cluster
        victim = next(i for i in range(3) if cluster.slot(self.key(0)) < (i + 1) * SLOTS // 3)
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
