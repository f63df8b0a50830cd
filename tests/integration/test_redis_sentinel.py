"""The copy behind Redis Sentinel: the master dies, the sentinels make its replica the master, and the copy goes on there."""
import re
import unittest

import gen_events
import harness
import servers


class Sentinel(servers.Redis):
    name = "sentinel"

    def __init__(self, master_port):
        super().__init__()
        (self.dir / "sentinel.conf").write_text(
            f"port {self.port}\nbind 127.0.0.1\ndir {self.dir}\nsentinel monitor main 127.0.0.1 {master_port} 1\n"
            "sentinel down-after-milliseconds main 1000\nsentinel failover-timeout main 3000\n")

    def command(self):
        return ["redis-server", str(self.dir / "sentinel.conf"), "--sentinel"]

    def master_port(self):
        return int(self.call("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main")[1])


class RedisSentinel(unittest.TestCase):
    def test_the_copy_follows_a_failover(self):
        master, replica = servers.Redis().start(), servers.Redis().start()
        replica.call("REPLICAOF", "127.0.0.1", master.port)
        sentinel = Sentinel(master.port).start()
        for server in (master, replica, sentinel):
            self.addCleanup(server.close)
        servers.wait_for("a replica that the sentinel knows", lambda: sentinel.call("SENTINEL", "REPLICAS", "main"))
        servers.wait_for("a replica in step", lambda: b"master_link_status:up" in replica.call("INFO", "replication"))
        work = harness.workload(20_000, 1500)
        setup = harness.Setup(redis={"url": f"redis+sentinel://127.0.0.1:{servers.free_port()},127.0.0.1:{sentinel.port}/main"})
        with setup.run() as h:
            gen_events.produce(harness.kafka().bootstrap, work.records(setup, 0, 2))
            setup.wait_done(h)
            servers.wait_for("the copy on the replica", lambda: replica.keys(f"{{{setup.group}:*:marker"))
            master.kill()
            gen_events.produce(harness.kafka().bootstrap, work.records(setup, 1, 2))
            servers.wait_for("a failover", lambda: sentinel.master_port() == replica.port)
            setup.wait_done(h)
            servers.wait_for("redis_up 1", lambda: h.metric("hotlead_redis_up") == 1, 60, every=0.2)
            self.assertEqual(h.stop(), 0)
        with setup.run() as h:
            h.wait_ready()
            log = h.log()
            self.assertEqual(h.stop(), 0)
        self.assertNotIn("redis_copy_", log)
        self.assertGreater(sum(int(n) for n in re.findall(r"from_redis=(\d+)", log)), 1000)
        wrong = harness.differences(work.scorer.transitions, [o.value for o in setup.transitions()])
        self.assertEqual(wrong, [], "\n".join(wrong))
        wrong = harness.state_differences(work.scorer, setup.states())
        self.assertEqual(wrong, [], "\n".join(wrong))


if __name__ == "__main__":
    unittest.main()
