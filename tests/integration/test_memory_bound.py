"""memory.max_bytes on a real broker and a real Redis: most contacts have left memory, and the outcome is that of the reference all the same."""
import json
import os
import re
import signal
import subprocess
import time
import unittest

import harness
import servers
import test_faults
from test_main_path import Compared

BOUND = 1 << 20   # of about three that all contacts would take
BOUNDED = {"max_bytes": f"{BOUND >> 20}MiB"}


class MemoryBound(Compared):
    def fire(self, redis, **more):
        """Contacts enough that two of three cannot stay."""
        fire = test_faults.Fire(self, rate=1500, contacts=4000, fast=False, redis={"url": redis.url}, partitions=4,
                                **{"threads": 2, "memory": BOUNDED, **more})
        fire.redis = lambda: redis
        return fire

    def left(self, fire, n=1500):
        """Until so many contacts are in Redis only, and some have come back."""
        h = fire.running["one"]
        servers.wait_for(f"{n} contacts to leave", lambda: h.metric("hotlead_evicted_contacts") >= n, 60, every=0.2)
        servers.wait_for("contacts to come back", lambda: h.metric("hotlead_fetches_total") > 300, 60, every=0.2)

    def within(self, h):
        m = h.metric
        self.assertLess(m("hotlead_table_bytes"), 1.75 * BOUND)   # chunks of stripes, and free blocks of sizes that are not wanted just now (lists of voids): so tiny, they are much
        self.assertEqual(m("hotlead_table_max_bytes"), BOUND)

    def test_the_outcome_is_that_of_a_run_without_a_bound_through_kills_and_an_emptied_redis(self):
        with servers.Redis() as redis, self.fire(redis) as fire:
            fire.light()
            self.left(fire)
            self.within(fire.running["one"])
            for _ in range(3):
                fire.kill()
                fire.start()
                fire.progress()
            self.left(fire)
            redis.call("FLUSHALL")   # who is wanted is waited for until the copy is whole again
            fire.progress()
            fire.kill()
            redis.call("FLUSHALL")   # and with it goes what a new process would begin with
            fire.start()
            fire.progress()
            self.left(fire)
            fire.done()

    def test_kill_9_at_each_step_of_leaving_and_coming_back(self):
        out = subprocess.run([harness.binary(), "version", "-o", "json"], capture_output=True, text=True, check=True).stdout
        names = [p["name"] for p in json.loads(out).get("failpoints") or [] if p["name"].startswith(("bound.", "spill."))]
        if not names:
            self.skipTest("this build has no failpoints (HL_FAILPOINTS)")
        with servers.Redis() as redis, self.fire(redis) as fire:
            fire.light()
            self.left(fire)
            for name in names:
                fire.kill()
                h = fire.start(env={"HOTLEAD_FAILPOINTS": f"{name}=crash@{fire.rng.randint(1, 10)}"})
                self.assertIn(h.wait_exit(60), (-signal.SIGKILL, -signal.SIGALRM), h.log()[-2000:])
                fire.start()
                fire.progress()
            fire.kill()
            h = fire.start(env={"HOTLEAD_FAILPOINTS": "spill.before_fetch=error@5"})
            # While it reads, it pauses; while it restores, it begins anew.
            met = r"event=failpoint name=spill\.before_fetch (?s:.*)(event=consumption_resumed|event=worker_starts_over .*reason=\"failpoint\"(?s:.*)event=restored)"
            self.told(h, met)
            fire.progress()
            fire.done()

    def told(self, h, pattern, seconds=60):
        try:
            servers.wait_for(pattern, lambda: re.search(pattern, h.log()), seconds, every=0.1)
        except TimeoutError as e:
            raise AssertionError(f"{e}:\n" + h.log()[-6000:]) from None

    def test_a_bound_too_small_for_what_must_be_replayed_is_exceeded_and_said_and_held_again(self):
        """What nobody has written yet must be in memory; a lower bound than that before must not mean to restore for ever."""
        with servers.Redis() as redis, self.fire(redis, threads=1, memory={"max_bytes": "64MiB"}, checkpoint={"interval": "1m"}) as fire:
            fire.light()
            fire.more(16000, 60)
            fire.kill()
            h = fire.start(memory=BOUNDED, checkpoint={"interval": "1s"})
            self.told(h, r"event=restore_waits_for_room .*reason=\"what must be in memory exceeds memory.max_bytes: .*advice=\"Redis must be up")
            self.told(h, r"event=memory_bound_exceeded .*effect=\"it is restored all the same, .*advice=\"raise memory.max_bytes\"")
            fire.progress()
            self.left(fire)   # memory that the table has taken it keeps, and may be above the bound
            fire.done()

    def test_without_redis_reading_pauses_and_goes_on_when_it_is_back(self):
        with servers.Redis() as redis, self.fire(redis) as fire:
            fire.light()
            h = fire.running["one"]
            self.left(fire)
            fire.kill_server(redis)
            servers.wait_for("reading to pause", lambda: h.metric("hotlead_paused_workers") > 0, 60, every=0.2)
            status, why = h.get("/readyz")
            self.assertEqual((status, h.get("/livez")[0]), (503, 200))
            self.assertIn("reads nothing: ", json.loads(why)["detail"])
            self.assertRegex(h.log(), r"event=consumption_paused .*reason=\"a contact that left memory for Redis is wanted back.*redis=.*advice=\"see to Redis")
            servers.wait_for("all to pause", lambda: h.metric("hotlead_paused_workers") == 2, 60, every=0.2)
            time.sleep(1)   # what was under way is committed
            before = fire.setup.committed()
            time.sleep(3)
            self.assertEqual(fire.setup.committed(), before)
            contact = next(c for c in (e["contact_id"] for e in fire.feed.events) if h.get(f"/v1/contacts/{c}")[0] == 503)
            self.assertIn("not in memory, and the copy cannot be read", h.get(f"/v1/contacts/{contact}")[1])
            redis.start()   # empty: the mirror fills it from the state topic
            fire.progress()
            servers.wait_for("all to read", lambda: h.metric("hotlead_paused_workers") == 0 and h.get("/readyz")[0] == 200, 60, every=0.2)
            self.assertIn("event=consumption_resumed", h.log())
            self.left(fire)
            fire.done()

    def test_a_bucket_that_vanished_is_noticed_and_nobody_becomes_new(self):
        """As an eviction policy would: the marker is there, contacts are not."""
        with servers.Redis() as redis, self.fire(redis, threads=1) as fire:
            fire.light()
            h = fire.running["one"]
            self.left(fire)
            for key in redis.keys("*:b[0-9]*"):
                redis.call("DEL", key)
            servers.wait_for("the damage to be noticed", lambda: "event=redis_copy_discarded" in h.log(), 60)
            fire.progress()
            fire.done()


if __name__ == "__main__":
    unittest.main()
