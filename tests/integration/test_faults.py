"""Faults on a real broker and a real Redis, under load, and what must be left of them: nothing.

In every scenario numbered events keep coming, and a read-committed reader watches transitions, alerts and state all the time. At the end the
transitions and alerts equal those of the reference, none missing and none repeated, and memory, the copy in Redis and the state topic agree.

HL_SEED repeats a run, HL_FAULT_ROUNDS makes it longer (default 1; the whole set takes about six minutes). With HL_FAULT_EVENTS and
HL_FAULT_KILLS, which tests/faults.sh sets, events come HL_FAULT_RATE a second, are checked as tests/support/recorded.py says, and the last
scenario goes on until there were so many of both."""
import contextlib
import datetime
import json
import os
import pathlib
import platform
import random
import shutil
import signal
import struct
import subprocess
import time
import unittest

import harness
import live
import proxy
import recorded
import servers
from test_main_path import Compared

SEED = int(os.environ.get("HL_SEED", 20261123))
ROUNDS = int(os.environ.get("HL_FAULT_ROUNDS", 1))
EVENTS, KILLS = int(os.environ.get("HL_FAULT_EVENTS", 0)), int(os.environ.get("HL_FAULT_KILLS", 0))   # at least; 0: the short run
RATE = int(os.environ.get("HL_FAULT_RATE", 25_000))
REPORT = pathlib.Path(os.environ.get("HL_FAULT_REPORT", servers.ROOT / "build" / "results"))
TABLE = []
QUICK_GROUP = {"session.timeout.ms": 4000, "heartbeat.interval.ms": 500}   # a member that is gone is missed after 4 s


def total(column):
    return sum(row[column] for row in TABLE)


def markdown():
    columns = {"fault": "fault", "rounds": "rounds", "kills": "kill -9", "events": "events", "lost": "lost", "doubled": "doubled",
               "unordered": "out of order", "recovery_s": "recovery s, slowest"}
    sums = {"fault": "all", **{c: total(c) for c in ("rounds", "kills", "events", "lost", "doubled", "unordered")},
            "recovery_s": max(row["recovery_s"] for row in TABLE)}
    sums["failed"] = any(row["failed"] for row in TABLE)
    named = lambda row: {**row, "fault": row["fault"].replace("_", " ") + (" (FAILED)" if row["failed"] else "")}
    cell = lambda v: f"{v:,}" if isinstance(v, int) else f"{v:.1f}" if isinstance(v, float) else v
    lines = ["| " + " | ".join(columns.values()) + " |", "|---" + "|---:" * (len(columns) - 1) + "|"]
    lines += ["| " + " | ".join(cell(row[c]) for c in columns) + " |" for row in map(named, [*TABLE, sums])]
    return "\n".join(lines) + "\n"


def about():
    commit = ""   # a tree may be a copy, and git not there
    if shutil.which("git"):
        commit = subprocess.run(["git", "describe", "--always", "--dirty"], cwd=servers.ROOT, capture_output=True, text=True).stdout.strip()
    return {"when": f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC", "commit": commit or "unknown", "seed": SEED,
            "rounds": ROUNDS, "events_per_s": RATE if EVENTS else 1000, "processors": os.cpu_count(), "kernel": platform.release()}


def tearDownModule():
    if not TABLE:
        return
    print(markdown())
    REPORT.mkdir(parents=True, exist_ok=True)
    head = ", ".join(f"{k} {v}" for k, v in about().items())
    (REPORT / "faults.md").write_text(f"# Faults\n\n{head}\n\n{markdown()}")
    (REPORT / "faults.json").write_text(json.dumps({**about(), "faults": TABLE}, indent=1) + "\n")


class Fire:
    """One scenario: the events, the reader that watches, the processes."""

    def __init__(self, test, rate=1000, fast=EVENTS > 0, contacts=1500, **config):
        self.name = test.id().rpartition(".")[2].removeprefix("test_")
        self.test, self.rounds, self.kills, self.slowest, self.logs = test, 0, 0, 0.0, []
        self.found = recorded.Found()
        self.rng = random.Random(f"{SEED} {self.name} {sum(row['fault'] == self.name for row in TABLE)}")
        self.setup = harness.Setup(**{"threads": 1, **({"checkpoint": {"interval": "3s"}} if EVENTS else {}), **config})
        self.running = {}
        self.feed = self.watcher = None
        self.fast, self.rate, self.contacts = fast, rate * RATE // 1000 if EVENTS else rate, contacts
        print(f"    HL_SEED={SEED}")

    def start(self, name="one", env=None, **more):
        self.running[name] = self.setup.run(name, env=env, **more)
        return self.running[name]

    def light(self, *names, **more):
        """The first processes; events and the watcher once the topics are there."""
        for name in names or ("one",):
            self.start(name, **more)
        for h in self.running.values():
            h.wait_ready()
        seed = self.rng.randrange(1 << 30)
        self.feed = live.FastFeed(self.setup, seed, self.rate, 2 * self.rate) if self.fast else live.Feed(self.setup, seed, self.rate, self.contacts)
        self.watcher = live.Watcher(self.setup)
        self.progress()
        return self

    def kill(self, name="one"):
        self.logs.append(self.running[name].log())
        h = self.running.pop(name)
        self.kills += h.child.poll() is None
        h.kill()

    def kill_server(self, server):
        server.kill()
        self.kills += 1

    def progress(self, seconds=60):
        """Until more is committed than now, in the long run by a second's events; how long the first of it took."""
        took = self.more(1, seconds)
        self.slowest = max(self.slowest, took)
        if EVENTS:
            self.more(self.rate, seconds)
        return took

    def more(self, n, seconds):
        before, began = self.setup.committed(), time.monotonic()

        def more():
            for name, h in self.running.items():
                if h.child.poll() is not None:
                    raise AssertionError(f"{name} ended with {h.child.returncode}:\n{h.log()[-3000:]}")
            self.feed.check_alive()
            return self.setup.committed() >= before + n

        try:
            servers.wait_for("progress", more, seconds, every=0.05)
        except TimeoutError as e:
            raise AssertionError(f"{e}\n" + "\n".join(h.log()[-3000:] for h in self.running.values())) from None
        return time.monotonic() - began

    @staticmethod
    def held(h):
        """How many partitions a process holds."""
        status, body = h.get("/v1/rank?limit=1")
        return len(json.loads(body)["source"]["memory"]) if status == 200 and h.get("/readyz")[0] == 200 else 0

    def holds(self, h, n):
        began = time.monotonic()
        servers.wait_for(f"one process to hold {n} partitions", lambda: self.held(h) == n, 60, every=0.2)
        self.slowest = max(self.slowest, time.monotonic() - began)

    def shared(self, *counts):
        """Until the processes hold so many partitions, in the order of their start."""
        servers.wait_for(f"shares of {counts}", lambda: [self.held(h) for h in self.running.values()] == list(counts), 90, every=0.2)

    def copied(self):
        """Until Redis has something of every partition."""
        have = lambda: all(live.redis_marker(self.setup, self.redis(), p) > 0 for p in range(self.setup.partitions))
        servers.wait_for("copies in Redis", have, 30, every=0.1)

    def done(self, redis=True):
        """No more events, all is worked off; then everything is compared. redis: there is one to be compared."""
        t = self.test
        for name, h in self.running.items():
            t.assertIsNone(h.child.poll(), f"{name} ended with {h.child.returncode}:\n{h.log()[-3000:]}")
        self.feed.finish()
        running = list(self.running.values())
        self.setup.wait_done(*running, seconds=150)
        for h in running:
            h.wait_ready()
        counts = self.compare_recorded(running) if self.fast else self.compare(running)
        wrong = self.watcher.finish(**counts)
        t.assertEqual(wrong, [], "the watcher saw:\n" + "\n".join(wrong[:10]))
        if redis:
            self.agree("Redis", lambda: live.redis_differences(self.setup, self.redis()), 0)

    def end(self, running):
        """Everything that still runs answers and ends well."""
        t = self.test
        self.agree("memory", lambda: live.memory_differences(self.feed, running), 20)
        for h in running:
            t.assertEqual(sum(h.results().values()), h.metric("hotlead_consumed_total"), f"counters do not balance: {dict(h.results())}")
        told = lambda ids: ids <= self.watcher.alerts
        codes = self.setup.finish(self.feed.scorer, *running, told=told)
        t.assertEqual(codes, [0] * len(running), "\n".join(h.log()[-2000:] for h in running))

    def compare(self, running):
        """With the reference; how many records of each output there are."""
        self.end(running)
        self.test.check(self.feed, self.setup)
        return {o: len(harness.read_all(self.setup.out[o])) for o in ("transitions", "alerts", "state")}

    def compare_recorded(self, running):
        began = time.monotonic()
        check = recorded.Recorded(self.setup, f"{SEED} {self.name}")
        self.found = check.found
        check.begin()
        self.feed.scorer = check.scorer
        self.end(running)
        counts = check.end()
        self.test.assertEqual(check.events, self.feed.count, "events are missing in the input topics: the test is at fault, or the broker")
        wrong = check.found.wrong
        self.test.assertEqual(wrong, [], f"{len(wrong)} differences:\n" + "\n".join(wrong[:recorded.MOST_SENTENCES]))
        self.test.assertEqual(self.setup.dead_letters(), [])
        print(f"    {check.events:,} events, {check.transitions:,} transitions, {counts['state']:,} states of {check.contacts:,} contacts equal "
              f"those of simulate, and {check.sampled:,} events of {len(check.scorer.contacts):,} contacts the reference ({time.monotonic() - began:.0f} s)")
        return counts

    def redis(self):
        return harness.redis()

    def agree(self, what, differences, seconds):
        """Until there are none: another process may be about to give up, or to take over, a partition."""
        end = time.monotonic() + seconds
        while (wrong := differences()) and time.monotonic() < end:
            time.sleep(0.5)
        self.test.assertEqual(wrong, [], f"{what} differs:\n" + "\n".join(wrong))

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for h in self.running.values():
            h.kill()
        if self.feed:
            self.feed.stop()
        if self.watcher:
            self.watcher._ending.set()
            self.note(kind is not None)
        if kind and os.environ.get("HL_KEEP_LOGS"):
            for path in self.setup.dir.glob("*.log"):
                (pathlib.Path(os.environ["HL_KEEP_LOGS"]) / f"{self.name}-{path.name}").write_bytes(path.read_bytes())

    def note(self, failed):
        """A row of the table; one scenario has one, however many lives it had."""
        w, f = self.watcher, self.found
        row = next((r for r in TABLE if r["fault"] == self.name), None)
        if not row:
            TABLE.append(row := {"fault": self.name, "failed": False, "recovery_s": 0.0,
                                 **dict.fromkeys(("rounds", "kills", "events", "lost", "doubled", "unordered"), 0)})
        for column, n in (("rounds", self.rounds), ("kills", self.kills), ("events", self.feed.count), ("lost", max(w.lost, f.lost)),
                          ("doubled", max(w.doubled, f.doubled)), ("unordered", max(w.unordered, f.unordered))):
            row[column] += n
        row["recovery_s"] = max(row["recovery_s"], round(self.slowest, 1))
        row["failed"] |= failed


def failpoints():
    """Those that are passed without a bound on memory, and with one model; the others are those of test_memory_bound.py, test_reload.py and
    test_merge.py."""
    out = subprocess.run([harness.binary(), "version", "-o", "json"], capture_output=True, text=True, check=True).stdout
    return [p for p in json.loads(out).get("failpoints") or [] if not p["name"].startswith(("bound.", "spill.", "reload.", "emit.after_onward"))]


class Failpoints(Compared):
    # how many passings there are at least, where it is not a few
    MANY = {"checkpoint.in_round": 200, "recovery.in_redis": 40, "recovery.in_state": 40, "recovery.in_replay": 40,
            "emit.after_transition": 30, "mirror.before_write": 20, "mirror.after_write": 20}
    FEW = {"recovery.begin": 2, "recovery.before_assign": 2, "abort.begin": 1, "producer.renew": 1, "rebalance.give_back": 1,
           "rebalance.given_back": 1, "finish.begin": 2, "finish.committed": 2}

    def setUp(self):
        if not failpoints():
            self.skipTest("this build has no failpoints (HL_FAILPOINTS)")

    def life(self, fire, name, passing, action="crash"):
        """Start, reach the point, die there. False: it was not reached, and the process was killed where it was."""
        if name in ("recovery.in_state", "recovery.after_state"):
            harness.redis().call("FLUSHALL")   # else there may be nothing to read behind the marker
        orders = f"{name}={action}@{passing}"
        if name in ("abort.begin", "producer.renew"):
            orders += ";commit.before_end=error@2"
        h = fire.start(env={"HOTLEAD_FAILPOINTS": orders})
        if name.startswith("rebalance."):
            # what "two" had comes back when it is missed; by that the point may be reached before
            servers.wait_for("all partitions", lambda: h.child.poll() is not None or fire.held(h) == fire.setup.partitions, 60, every=0.1)
            other = fire.start("two")
        elif name.startswith("finish."):
            fire.progress()
            h.child.terminate()
        try:
            code = h.child.wait(10)
        except subprocess.TimeoutExpired:
            code = None
        reached = f"event=failpoint name={name} " in h.log()
        fire.kill()
        if name.startswith("rebalance."):
            self.assertEqual(other.stop(), 0, other.log()[-2000:])
            del fire.running["two"]
        self.assertEqual(code is not None, reached, h.log()[-2000:])
        if reached:
            fire.kills += 1
            self.assertIn(code, (-signal.SIGKILL, -signal.SIGALRM), h.log()[-2000:])
            fire.rounds += 1
        return reached

    def chain(self, fire, names):
        """One life after the other, each ends at the next point."""
        for name in names:
            few = self.FEW.get(name, 5)
            for passing in (fire.rng.randint(1, self.MANY.get(name, few)), 1, 1):
                if self.life(fire, name, passing):
                    break
            else:
                self.fail(f"{name} was not reached in three lives:\n{fire.logs[-1][-2000:]}")

    def test_kill_9_at_each_failpoint(self):
        names = [p["name"] for p in failpoints()]
        for _ in range(ROUNDS):
            with Fire(self, kafka=QUICK_GROUP, threads=2).light() as fire:
                fire.kill()
                fire.rng.shuffle(names)
                self.chain(fire, names)
                fire.start()
                fire.progress()
                fire.done()

    def test_kill_9_while_the_commit_is_under_way(self):
        with Fire(self, threads=2).light() as fire:
            fire.kill()
            for _ in range(5 * ROUNDS):
                self.assertTrue(self.life(fire, "commit.before_end", fire.rng.randint(1, 8), f"crash:{fire.rng.randint(1, 12)}"))
            fire.start()
            fire.progress()
            fire.done()

    def test_an_error_at_each_failpoint_that_has_one(self):
        names = [p["name"] for p in failpoints() if p["fails"]]
        with Fire(self, threads=2).light() as fire:
            for name in names:
                if name == "recovery.in_redis":
                    fire.copied()
                fire.kill()
                orders = f"{name}=error@{fire.rng.randint(1, self.FEW.get(name, 3))}"
                if name == "producer.renew":
                    orders += ";commit.before_end=error@2"
                if name in ("recovery.in_state", "mirror.after_own"):
                    harness.redis().call("FLUSHALL")
                h = fire.start(env={"HOTLEAD_FAILPOINTS": orders})
                servers.wait_for(name, lambda: f"event=failpoint name={name} " in h.log() or h.child.poll() is not None, 30)
                fire.progress()
                fire.rounds += 1
            fire.done()

    def test_every_commit_happens_and_no_answer_comes(self):
        """Each time the producer is replaced, and what is committed is read back."""
        with Fire(self, rate=300, threads=2).light() as fire:
            fire.kill()
            h = fire.start(env={"HOTLEAD_FAILPOINTS": "commit.after_end=error"})
            for _ in range(4 * ROUNDS):
                fire.progress()
                fire.rounds += 1
            self.assertGreater(h.metric("hotlead_txn_total", outcome="in_doubt"), 3)
            fire.kill()
            fire.start()
            fire.progress()
            fire.done()


class Processes(Compared):
    def test_kill_9_at_random_moments(self):
        with Fire(self, threads=2).light() as fire:
            for i in range(8 * ROUNDS):
                time.sleep(fire.rng.uniform(0, 1.5))   # often before it has come to life
                fire.kill()
                fire.start()
                if i % 3 == 2:
                    fire.progress()
                fire.rounds += 1
            fire.progress()
            fire.done()

    def test_a_process_that_stood_still_while_another_took_over(self):
        with Fire(self, kafka=QUICK_GROUP).light("one", "two") as fire:
            for _ in range(2 * ROUNDS):
                victim, other = fire.rng.sample(sorted(fire.running), 2)
                stopped = fire.running[victim]
                os.kill(stopped.child.pid, signal.SIGSTOP)
                try:
                    fire.holds(fire.running[other], fire.setup.partitions)
                    fire.progress()
                finally:
                    os.kill(stopped.child.pid, signal.SIGCONT)
                fire.progress()
                servers.wait_for("the partitions to be shared again", lambda: 0 < fire.held(stopped) < fire.setup.partitions, 60, every=0.2)
                fire.rounds += 1
            fire.done()

    def test_one_process_becomes_four_and_one_again(self):
        with Fire(self, kafka=QUICK_GROUP).light() as fire:
            for _ in range(ROUNDS):
                fire.start("two")
                fire.shared(4, 4)
                for name in ("three", "four"):
                    fire.start(name)
                    time.sleep(fire.rng.uniform(0, 1))
                fire.shared(2, 2, 2, 2)
                fire.progress()
                leaving = ["two", "three", "four"]
                fire.rng.shuffle(leaving)
                self.assertEqual(fire.running[leaving[0]].stop(), 0)
                fire.running.pop(leaving[0])
                fire.kill(leaving[1])
                fire.progress()
                self.assertEqual(fire.running[leaving[2]].stop(), 0)
                fire.running.pop(leaving[2])
                fire.holds(fire.running["one"], fire.setup.partitions)
                fire.progress()
                fire.rounds += 1
            fire.done()


class Broker(Compared):
    def test_the_broker_restarts_hard_and_clean(self):
        with Fire(self, threads=2).light() as fire:
            for hard in [True, False] * ROUNDS:
                time.sleep(fire.rng.uniform(0, 1))
                fire.kill_server(harness.kafka()) if hard else servers.stop(harness.kafka().child, 30)
                time.sleep(fire.rng.uniform(0, 1))
                harness.kafka().start()
                fire.progress()
                fire.rounds += 1
            fire.done()


class Redis(Compared):
    @contextlib.contextmanager
    def on(self, server, **config):
        """A scenario with a Redis of its own; and a wait for what the scorer says of it."""
        with server, Fire(self, redis={"url": server.url, **config}, threads=2) as fire:
            fire.redis = lambda: server
            yield fire.light()

    @staticmethod
    def up(fire, value):
        servers.wait_for(f"redis_up {value}", lambda: fire.running["one"].metric("hotlead_redis_up") == value, 60, every=0.2)

    def next_life(self, fire):
        """Killed, it starts from what is there; its log."""
        fire.kill()
        h = fire.start()
        fire.progress()
        return h.log()

    def test_redis_is_killed_stopped_emptied_and_too_small(self):
        redis = servers.Redis()
        with self.on(redis) as fire:
            for _ in range(ROUNDS):
                fire.kill_server(redis)
                self.up(fire, 0)
                fire.progress()
                redis.start()
                self.up(fire, 1)
                os.kill(redis.child.pid, signal.SIGSTOP)
                fire.progress()
                fire.progress()
                os.kill(redis.child.pid, signal.SIGCONT)
                redis.call("FLUSHALL")
                fire.progress()
                redis.call("CONFIG", "SET", "maxmemory", 1 << 20)
                servers.wait_for("a write that is refused", lambda: "used memory > 'maxmemory'" in fire.running["one"].log(), 60, every=0.2)
                fire.progress()
                redis.call("CONFIG", "SET", "maxmemory", 0)
                self.up(fire, 1)
                self.next_life(fire)
                fire.rounds += 5
            fire.done()

    def test_redis_comes_back_with_an_append_file_cut_at_a_random_byte(self):
        """Once while the scorer runs on, once while it is dead, too."""
        redis = servers.Redis(append=True)
        with self.on(redis) as fire:
            for i in range(2 * ROUNDS):
                fire.copied()
                fire.kill_server(redis)
                kept, size = redis.cut_append_file(fire.rng)
                print(f"    kept {kept:,} of {size:,} bytes")
                if i % 2:
                    fire.kill()
                redis.start()
                if i % 2:
                    fire.start()
                self.up(fire, 1)
                fire.progress()
                fire.rounds += 1
            fire.done()

    def test_redis_fails_over_to_a_replica_that_lags(self):
        for _ in range(ROUNDS):
            with contextlib.ExitStack() as stack:
                master, replica = (stack.enter_context(servers.Redis()) for _ in range(2))
                replica.call("REPLICAOF", "127.0.0.1", master.port)
                sentinel = stack.enter_context(servers.Sentinel(master.port))
                servers.wait_for("a replica that the sentinel knows", lambda: sentinel.call("SENTINEL", "REPLICAS", "main"))
                servers.wait_for("a replica in step", lambda: b"master_link_status:up" in replica.call("INFO", "replication"))
                with Fire(self, redis={"url": f"redis+sentinel://127.0.0.1:{servers.free_port()},127.0.0.1:{sentinel.port}/main"}, threads=2) as fire:
                    fire.redis = lambda: replica
                    fire.light()
                    fire.copied()
                    replica.call("CONFIG", "SET", "masterauth", "wrong")   # it cannot come back to its master
                    replica.call("CLIENT", "KILL", "TYPE", "master")
                    markers = lambda server: [live.redis_marker(fire.setup, server, p) for p in range(fire.setup.partitions)]
                    servers.wait_for("a lag", lambda: all(a > b for a, b in zip(markers(master), markers(replica))), 30, every=0.1)
                    fire.kill_server(master)
                    servers.wait_for("a failover", lambda: sentinel.master_port() == replica.port, 30)
                    self.up(fire, 1)
                    fire.progress()
                    self.assertRegex(self.next_life(fire), r"partition_restored .*from_redis=[1-9]")
                    fire.rounds += 1
                    fire.done()

    def test_a_slot_of_a_redis_cluster_moves(self):
        """Three masters, three replicas. The slot of a partition goes to the next master and back."""
        cluster = servers.RedisCluster()
        with contextlib.closing(cluster), Fire(self, redis={"url": cluster.url, "cluster": True}, threads=2) as fire:
            fire.redis = lambda: cluster
            key = f"{{{fire.setup.group}:3}}:marker"
            slot = cluster.slot(key)
            fire.light()
            fire.copied()
            here, there = cluster.owner(slot), (cluster.owner(slot) + 1) % 3
            for _ in range(2 * ROUNDS):
                moved = cluster.move(slot, cluster.nodes[here], cluster.nodes[there])
                self.assertGreater(moved, 5)
                fire.progress()
                self.assertIn(key.encode(), cluster.nodes[there].keys("*marker"))
                here, there = there, here
                fire.rounds += 1
            self.assertRegex(self.next_life(fire), r"partition_restored partition=3 .*from_redis=[1-9]")
            print(f"    {sum(log.count('TRYAGAIN') for log in fire.logs)} writes had to wait")
            fire.done()

    def test_a_run_with_redis_absent_for_its_whole_length_loses_nothing(self):
        with Fire(self, redis={"url": f"redis://127.0.0.1:{servers.free_port()}"}, threads=2) as fire:
            h = fire.light().running["one"]
            for _ in range(2 * ROUNDS):
                time.sleep(fire.rng.uniform(1, 2))
                self.assertEqual((h.metric("hotlead_redis_up"), h.get("/readyz")[0]), (0, 200))
                fire.kill()
                h = fire.start()
                fire.progress()
                h.wait_ready()
                self.assertNotRegex(h.log(), "from_redis=[1-9]")
                fire.rounds += 1
            fire.done(redis=False)


class Network(Compared):
    """The scorer reaches the broker through a proxy; all others have their own way."""

    @contextlib.contextmanager
    def through(self, config=None, **properties):
        broker = harness.kafka()
        with proxy.Proxy(broker.proxied, broker.behind) as p:
            kafka = {"bootstrap.servers": f"127.0.0.1:{broker.proxied}", **properties}
            with Fire(self, 400 if EVENTS else 1000, threads=2, kafka=kafka, **(config or {})) as fire:
                fire.light()
                self.assertGreater(p.connections, 0)
                yield p, fire

    def test_the_network_is_slow_cut_and_deaf(self):
        with self.through(**{"socket.timeout.ms": 3000}) as (p, fire):
            for _ in range(ROUNDS):
                p.delay = 0.05
                fire.progress()
                fire.progress()
                p.delay = 0.0
                for _ in range(4):
                    time.sleep(fire.rng.uniform(0, 0.5))
                    p.cut()
                    fire.progress()
                for seconds in (1, 5):
                    p.deaf = True
                    time.sleep(seconds)
                    p.deaf = False
                    fire.progress()
                p.deaf = True
                time.sleep(1)
                p.cut()
                p.deaf = False
                fire.progress()
                fire.rounds += 8
            fire.done()

    def test_a_broker_that_is_away_is_no_reason_to_be_restarted(self):
        """Longer than a thread may be silent: /livez is about threads that hang, and these wait. librdkafka 2.0.2 waits for the answer to
        AddOffsetsToTxn until socket.timeout.ms, whatever it was told."""
        listen = f"127.0.0.1:{servers.free_port()}"
        with self.through({"http": {"listen": listen, "hung_after": "3s"}}) as (p, fire):
            h, answers = fire.running["one"], set()

            def watch(seconds):
                end = time.monotonic() + seconds
                while time.monotonic() < end:
                    answers.add(h.get("/livez")[1])
                    time.sleep(0.2)

            late = iter([8])
            p.request = lambda key: next(late, None) if key == proxy.ADD_OFFSETS_TO_TXN else None
            watch(9)
            self.assertEqual(p.kept_back, 1)
            fire.progress()
            fire.kill_server(harness.kafka())
            watch(12)
            harness.kafka().start()
            fire.progress()
            fire.rounds += 2
            self.assertEqual(answers, {"ok\n"})
            fire.done()

    def test_a_member_that_the_group_takes_for_a_stranger_joins_again(self):
        """As after a crash of the coordinator between the answer to a join and its record: the broker is said to answer FENCED_INSTANCE_ID."""
        with self.through(**QUICK_GROUP) as (p, fire):
            for _ in range(3):
                once = iter([82])

                def fence(key, answer):
                    code = next(once, None) if key == proxy.HEARTBEAT else None
                    if code:
                        answer[12:14] = code.to_bytes(2, "big")   # behind size, correlation id and throttle time

                p.edit = fence
                h = fire.running["one"]
                servers.wait_for("the member to be expelled", lambda: h.log().count("event=member_expelled") > fire.rounds, 30, every=0.1)
                fire.holds(h, fire.setup.partitions)
                fire.progress()
                fire.rounds += 1
            fire.done()

    def test_answers_to_commits_come_late(self):
        """Later than the client waits: it asks again, and cannot know which of the two it hears of."""
        with self.through(**{"socket.timeout.ms": 1000}) as (p, fire):
            for _ in range(3 * ROUNDS):
                late = iter([2.5])
                p.response = lambda key: next(late, None) if key == proxy.END_TXN else None
                servers.wait_for("an answer kept back", lambda: p.kept_back > fire.rounds, 30)
                fire.progress()
                fire.rounds += 1
            self.assertIn("event=producer_renewed", fire.running["one"].log())
            fire.done()

    def test_a_commit_that_arrives_late_ends_no_later_transaction(self):
        """It is kept back on its way, the client asks again and goes on. Then it arrives, and the process dies at once."""
        with self.through(**{"socket.timeout.ms": 1000}) as (p, fire):
            for _ in range(3 * ROUNDS):
                fire.kill()
                h = fire.start(env={"HOTLEAD_FAILPOINTS": "commit.before_offsets=sleep:200"})   # a transaction is open most of the time
                fire.progress()
                passed, late = p.passed, iter([2.5])
                p.request = lambda key: next(late, None) if key == proxy.END_TXN else None
                servers.wait_for("the late commit", lambda: p.passed > passed or h.child.poll() is not None, 30, every=0.005)
                time.sleep(fire.rng.uniform(0.02, 0.1))
                fire.rounds += 1
            fire.kill()
            fire.start()
            fire.progress()
            fire.done()


CLOCK = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>

/* Seconds to add to the time of day, in a file that all map. */
static volatile long *step;

__attribute__((constructor)) static void start(void)
{
    step = mmap(NULL, sizeof(*step), PROT_READ, MAP_SHARED, open(getenv("STEPPED_CLOCK"), O_RDONLY), 0);
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    static int (*real)(clockid_t, struct timespec *);
    if (!real) real = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
    int status = real(id, ts);
    if (id == CLOCK_REALTIME && step) ts->tv_sec += *step;
    return status;
}

int gettimeofday(struct timeval *restrict tv, void *restrict tz)
{
    struct timespec ts;
    (void)tz;
    clock_gettime(CLOCK_REALTIME, &ts);
    *tv = (struct timeval){ts.tv_sec, ts.tv_nsec / 1000};
    return 0;
}

time_t time(time_t *out)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (out) *out = ts.tv_sec;
    return ts.tv_sec;
}
"""


class Surroundings(Compared):
    def test_the_log_goes_to_a_full_disk(self):
        with open("/dev/full", "wb") as full, Fire(self, threads=2) as fire:
            fire.light(stderr=full)
            for _ in range(2 * ROUNDS):
                fire.kill()
                fire.start(stderr=full)
                fire.progress()
                fire.rounds += 1
            fire.done()

    def test_nobody_reads_the_log(self):
        """A pipe that is full would hold up whoever writes to it. Lines are dropped instead, and counted; scoring goes on."""
        out, into = os.pipe()
        with open(out, "rb", buffering=0) as out, open(into, "wb", buffering=0) as into, Fire(self, kafka=QUICK_GROUP) as fire:
            filler = os.open(f"/proc/self/fd/{into.fileno()}", os.O_WRONLY | os.O_NONBLOCK)
            with contextlib.suppress(BlockingIOError):
                while True:
                    os.write(filler, b"x" * 4096)
            os.close(filler)
            fire.light(stderr=into)
            for _ in range(ROUNDS):
                fire.start("two")   # "one" has something to say of it
                fire.shared(4, 4)
                fire.progress()
                self.assertEqual(fire.running.pop("two").stop(), 0)
                fire.holds(fire.running["one"], fire.setup.partitions)
                fire.progress()
                fire.rounds += 1
            self.assertEqual(set(os.read(out.fileno(), 1 << 16)), {ord("x")})   # now there is room
            fire.start("two")
            fire.shared(4, 4)
            os.set_blocking(out.fileno(), False)
            self.assertRegex(os.read(out.fileno(), 1 << 16), rb"event=log_dropped lines=[1-9]")
            fire.done()

    def test_the_clock_steps_back_and_forth(self):
        """Brokers refuse timestamps that are an hour ahead of their own clock; output topics are made so that they are the broker's."""
        with Fire(self, threads=2) as fire:
            source, library, step = (fire.setup.dir / name for name in ("clock.c", "clock.so", "step"))
            source.write_text(CLOCK)
            subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"], check=True)
            by = lambda seconds: step.open("r+b").write(struct.pack("l", seconds))
            step.write_bytes(struct.pack("l", 0))
            env = {"LD_PRELOAD": str(library), "STEPPED_CLOCK": str(step)}
            h = fire.light(env=env).running["one"]
            for _ in range(ROUNDS):
                for seconds in (3600, -7200, 20, -2 * 86_400, 86_400):
                    by(seconds)
                    seen = fire.watcher.seen["transitions"]
                    fire.progress()
                    servers.wait_for(f"transitions at {seconds} s", lambda: fire.watcher.seen["transitions"] > seen + 20, 60)
                    fire.rounds += 1
                by(-2 * 86_400)
                fire.kill()
                h = fire.start(env=env)   # comes to life two days ago
                fire.progress()
                year = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 2 * 86_400))
                self.assertIn(f"{year}T", h.log(), "the clock does not step")
                by(0)
            fire.progress()
            fire.done()


class UntilItIsEnough(Compared):
    """The last: thousands of events a second, kills at random, until all scenarios together have had what was asked for."""
    LIFE_KILLS, LIFE_EVENTS = (min(25, KILLS), min(2_500_000, EVENTS)) if EVENTS else (4, 50_000)   # before all is compared, and begun anew

    def life(self):
        with Fire(self, fast=True, rate=1500 if EVENTS else 5000, threads=2).light() as fire:
            began = fire.setup.committed()
            while fire.kills < self.LIFE_KILLS or fire.setup.committed() - began < self.LIFE_EVENTS:
                if fire.kills < self.LIFE_KILLS:
                    time.sleep(fire.rng.uniform(0, 2))   # often before it has come to life
                    fire.kill()
                    fire.start()
                    fire.rounds += 1
                fire.progress()
            fire.done()

    def test_kill_9_under_heavy_load(self):
        self.life()
        while total("events") < EVENTS or total("kills") < KILLS:
            self.life()


if __name__ == "__main__":
    unittest.main()
