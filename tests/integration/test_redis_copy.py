"""The copy in Redis is believed only when it is whole: whatever was done to it between two runs, the state is that of the reference."""
import re
import unittest

import gen_events
import harness


class Copy(unittest.TestCase):
    def damaged(self, damage):
        """Run half the work, let `damage(redis, group, partitions)` at the copy, run the rest; the log of the second run."""
        work, setup, redis = harness.workload(20_000, 1500), harness.Setup(), harness.redis()
        with setup.run() as h:
            gen_events.produce(harness.kafka().bootstrap, work.records(setup, 0, 2))
            setup.wait_done(h)
            self.assertEqual(h.stop(), 0)
        damage(redis, setup.group, setup.partitions)
        for start in (1, 2):   # the second time from the copy that was mended
            with setup.run() as h:
                h.wait_ready()
                if start == 1:
                    gen_events.produce(harness.kafka().bootstrap, work.records(setup, 1, 2))
                    setup.wait_done(h)
                self.assertEqual(h.stop(), 0)
                if start == 1:
                    log = h.log()
                else:
                    self.assertNotIn("redis_copy_", h.log())
                    self.assertGreater(sum(int(n) for n in re.findall(r"from_redis=(\d+)", h.log())), 0)
        wrong = harness.differences(work.scorer.transitions, [o.value for o in setup.transitions()])
        self.assertEqual(wrong, [], "\n".join(wrong))
        wrong = harness.state_differences(work.scorer, setup.states())
        self.assertEqual(wrong, [], "\n".join(wrong))
        return dict(re.findall(r"redis_copy_discarded partition=(\d+) reason=(.*)", log))

    def record(self, redis, group, partition):
        """The key of a bucket that holds something, a field of it and its bytes."""
        key = redis.keys(f"{{{group}:{partition}}}:b*")[0]
        fields = redis.call("HGETALL", key)
        return key, fields[0], fields[1]

    def test_damage_of_each_kind_is_told_and_the_state_topic_used(self):
        def damage(redis, group, partitions):
            key, field, _ = self.record(redis, group, 0)
            redis.call("HDEL", key, field)
            key, field, value = self.record(redis, group, 1)
            redis.call("HSET", key, field, value[:-1] + bytes([value[-1] ^ 1]))
            key, field, value = self.record(redis, group, 2)
            redis.call("HSET", key, b"nobody", value)
            redis.call("DEL", self.record(redis, group, 3)[0])
            redis.call("SET", f"{{{group}:4}}:marker", "12")
            redis.call("DEL", f"{{{group}:5}}:marker")
        told = self.damaged(damage)
        print(f"    {told}")
        self.assertEqual(sorted(told), ["0", "1", "2", "3", "4"])
        for partition, words in {"0": "its marker counts", "1": "altered", "2": "altered", "3": "its marker counts",
                                 "4": "is not a marker"}.items():
            self.assertIn(words, told[partition])


if __name__ == "__main__":
    unittest.main()
