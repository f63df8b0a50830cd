"""/v1 of running scorers, and `hotlead rank`: what they say of contacts, from memory and from Redis, and how they refuse."""
import collections
import json
import os
import signal
import subprocess
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import gen_events
import harness


def fetch(h, path, method="GET", token=None, accept=None):
    """(status, content type, body)"""
    request = urllib.request.Request(f"http://{h.config['http']['listen']}{path}", method=method)
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    if accept:
        request.add_header("Accept", accept)
    try:
        with urllib.request.urlopen(request, timeout=20) as r:
            return r.status, r.headers["Content-Type"], r.read().decode()
    except urllib.error.HTTPError as e:
        return e.code, e.headers["Content-Type"], e.read().decode()


def contact(h, contact_id, rest="", **options):
    return fetch(h, f"/v1/contacts/{urllib.parse.quote(contact_id, safe='')}{rest}", **options)


def command(setup, *words):
    """A command on the configuration of the first instance: (exit status, stdout, stderr)."""
    done = subprocess.run([harness.binary(), *words, "-c", str(setup.dir / "one.yaml")], capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


class Http(unittest.TestCase):
    def refused(self, got, status, detail):
        self.assertEqual(got[:2], (status, "application/problem+json"), got[2])
        problem = json.loads(got[2])
        self.assertEqual(problem["status"], status)
        self.assertIn(detail, problem["detail"])

    def json(self, got):
        self.assertEqual(got[:2], (200, "application/json"), got[2])
        return json.loads(got[2])

    def same_score(self, expected, got):
        for key in ("score", "fit", "behavior"):
            self.assertAlmostEqual(expected[key], got[key], delta=0.01)
        for key in ("stage", "kind", "grade", "suspect", "visit", "seq"):
            self.assertEqual(expected[key], got[key])

    def adds_up(self, e):
        units = sum(r["now_units"] for r in e["fit_rules"]) + sum(r["now_units"] for r in e["rows"])
        units += e["manual_units"] + e["floor_units"] - sum(g["cap_units"] for g in e["groups"])
        self.assertEqual(units, e["score_units"])
        self.assertEqual((e["sum_units"], e["adds_up"]), (e["score_units"], True))

    def test_contacts_in_memory_and_in_redis_are_those_of_the_reference_and_of_the_command(self):
        work, setup = harness.workload(20_000, 1500), harness.Setup()
        at = int(time.time() * 1000)
        known = sorted(c.id for c in work.scorer.contacts.values() if c.clock is not None)[::20]
        with setup.run() as h:
            gen_events.produce(harness.kafka().bootstrap, work.records(setup))
            setup.wait_done(h)
            live = {c: self.json(contact(h, c, f"/explain?at={at}")) for c in known}
            for c in known:
                self.assertEqual(live[c].pop("source")["from"], "memory")
                self.adds_up(live[c])
                self.same_score(work.scorer.state(c, at), live[c])
                state = self.json(contact(h, c, f"?at={at}"))
                self.assertEqual(state["source"]["clock"], work.scorer.contacts[c].clock)
                self.same_score(work.scorer.state(c, at), state)
                self.assertEqual({k: state[k] for k in ("contact_id", "as_of", "model_version")},
                                 {"contact_id": c, "as_of": at, "model_version": "it.1"})
            self.assertEqual(h.stop(), 0)
        # the same contacts, from Redis: by the command, and by a process that holds none of the partitions
        for c in known[:5]:
            code, out, problem = command(setup, "explain", c, "--at", str(at), "-o", "json")
            self.assertEqual((code, problem), (0, ""))
            self.assertEqual(json.loads(out), live[c])

    def test_a_process_answers_for_what_another_holds(self):
        """Two processes with one worker each, so that each holds half of the partitions."""
        work, setup = harness.workload(20_000, 1500), harness.Setup(threads=1)
        at = int(time.time() * 1000)
        with setup.run() as one, setup.run("two") as two:
            def both():
                held = [self.json(fetch(h, "/v1/rank?limit=1"))["source"]["memory"] for h in (one, two)
                        if h.get("/readyz")[0] == 200 and fetch(h, "/v1/rank?limit=1")[0] == 200]
                return held if len(held) == 2 and all(held) and sorted(sum(held, [])) == list(range(setup.partitions)) else None
            held = harness.servers.wait_for("both to hold partitions", both, 90, every=0.5)
            print(f"    held: {held}")
            gen_events.produce(harness.kafka().bootstrap, work.records(setup))
            setup.wait_done(one, two)
            known = sorted(c.id for c in work.scorer.contacts.values() if c.clock is not None)[::50]
            seen = set()
            for c in known:
                def settled():
                    """From one's memory and from Redis, when the checkpoint has passed."""
                    got = [self.json(g) for h in (one, two) if (g := contact(h, c, f"/explain?at={at}"))[0] == 200]
                    sources = [g.pop("source") for g in got]
                    return (got, sources) if len(got) == 2 and got[0] == got[1] else None
                got, sources = harness.servers.wait_for(f"{c} from both", settled, 60, every=0.2)
                self.assertEqual(sorted(s["from"] for s in sources), ["memory", "redis"])
                where = [s["from"] for s in sources].index("memory")
                self.assertIn(sources[where]["partition"], held[where])
                self.assertGreater(sources[1 - where]["state_position"], 0)
                self.adds_up(got[0])
                self.same_score(work.scorer.state(c, at), got[0])
                seen.add(where)
            self.assertEqual(seen, {0, 1})
            self.rank_everywhere(setup, work, one, two)
            self.redis_away(work, one, two, known)

    def rank_everywhere(self, setup, work, one, two):
        """What both hold together, in order, is what the command finds in Redis, and what the reference says."""
        def all_of_them():
            code, out, problem = command(setup, "rank", "--limit", "10000", "-o", "json")
            self.assertEqual((code, problem), (0, ""))
            at = json.loads(out)["as_of"]
            wanted = {c.id for c in work.scorer.contacts.values() if c.clock is not None and work.scorer.state(c.id, at)["stage"] != "disqualified"}
            return json.loads(out) if wanted <= {r["contact_id"] for r in json.loads(out)["contacts"]} else None
        from_redis = harness.servers.wait_for("the last round of the checkpoint to be in Redis", all_of_them, 30, every=0.5)
        at = from_redis["as_of"]
        self.assertEqual(from_redis["source"], {"from": "redis", "partitions": list(range(setup.partitions))})
        ranked = from_redis["contacts"]
        wanted = {c.id: work.scorer.state(c.id, at) for c in work.scorer.contacts.values()
                  if c.clock is not None and work.scorer.state(c.id, at)["stage"] != "disqualified"}
        self.assertEqual({r["contact_id"] for r in ranked} - set(wanted),   # machines' events only
                         {c.id for c in work.scorer.contacts.values() if c.clock is None} & {r["contact_id"] for r in ranked})
        self.assertLessEqual(set(wanted), {r["contact_id"] for r in ranked})
        for r in (r for r in ranked if r["contact_id"] in wanted):
            self.assertAlmostEqual(r["score"], wanted[r["contact_id"]]["score"], delta=0.01)
            for key in ("stage", "kind", "grade", "suspect"):
                self.assertEqual(r[key], wanted[r["contact_id"]][key])
        keys = [(-r["score"], r["kind"] != "active", r["contact_id"].encode()) for r in ranked]
        self.assertEqual(keys, sorted(keys))
        leads = [r["contact_id"] for r in ranked if r["stage"] == "lead"]
        self.assertGreater(len(leads), 10)

        def both_agree():
            """Either knows all leads, its own from memory and the others' by their note; they differ by what decays meanwhile, so the order may."""
            parts = [self.json(fetch(h, "/v1/rank?stage=lead&limit=1000")) for h in (one, two)]
            return all(sorted(r["contact_id"] for r in p["contacts"]) == sorted(leads)[:1000] for p in parts) and parts
        for p in harness.servers.wait_for("the same leads from both", both_agree, 60, every=0.5):
            self.assertEqual(sorted(p["source"]["memory"] + p["source"]["redis"]), list(range(setup.partitions)))
            self.assertTrue(p["source"]["memory"] and p["source"]["redis"] and not p["source"]["missing"], p["source"])
        self.funnel_everywhere(setup, work, one, two)
        code, out, _ = command(setup, "rank", "-s", "lead", "-n", "3")
        self.assertEqual([line.split()[5] for line in out.splitlines()[1:]],
                         [r["contact_id"] for r in ranked if r["stage"] == "lead"][:3])
        self.assertEqual(code, 0)

    def funnel_everywhere(self, setup, work, one, two):
        """Either process tells the counts and the moves of all partitions: those of the reference."""
        wanted = collections.Counter(work.scorer.state(c.id, int(time.time() * 1000))["stage"] for c in work.scorer.contacts.values() if c.clock is not None)
        moves = collections.Counter((t["from"], t["to"]) for t in work.scorer.transitions)

        def entered(stage):
            return sum(n for (origin, to), n in moves.items() if to == stage and origin != to)

        def agree():
            parts = [self.json(fetch(h, "/v1/funnel")) for h in (one, two)]
            return all({s["stage"]: s["now"] for s in p["stages"] if s["stage"] != "anonymous" and s["now"]} ==
                       {k: v for k, v in wanted.items() if k != "anonymous"} and
                       all(s["entered"] == entered(s["stage"]) for s in p["stages"] if s["stage"] != "anonymous") for p in parts) and parts
        code, out, problem = command(setup, "report", "-o", "json")
        self.assertEqual((code, problem), (0, ""))
        report = json.loads(out)   # of lead.transitions itself
        self.assertEqual({s["stage"]: s["entered"] for s in report["stages"] if s["stage"] != "anonymous"},
                         {s["stage"]: entered(s["stage"]) for s in report["stages"] if s["stage"] != "anonymous"})
        self.assertEqual((report["transitions"], report["repeated"], [c["name"] for c in report["by_version"]]),
                         (len(work.scorer.transitions), 0, ["it.1"]))
        for p in harness.servers.wait_for("the same funnel from both", agree, 60, every=0.5):
            self.assertEqual(p["source"]["missing"], [])
            for s in p["stages"]:
                if "forward" in s and s["stage"] != "anonymous":   # every stay is somewhere
                    self.assertEqual(s["forward"] + s["back"] + s["out"] + s["now"], s["entered"], s)

    def test_a_history_is_read_back_and_transitions_are_seen_live(self):
        setup = harness.Setup(partitions=2, inputs=["web.engagement"], threads=1)
        with setup.run() as h:
            h.wait_ready()
            live = urllib.request.urlopen(f"http://{h.config['http']['listen']}/v1/transitions", timeout=30)
            self.assertEqual(live.headers["Content-Type"], "text/event-stream")
            gen_events.produce(harness.kafka().bootstrap, gen_events.avro_records(
                [harness.event("<img src=x onerror=alert(1)>", "form_submitted", attributes=harness.GOOD_FIT, form="demo"),
                 harness.event("other", "form_submitted", form="newsletter")], setup.inputs))
            setup.wait_done(h)
            seen, last = [], None
            while sum(t["contact_id"].startswith("<img") for t in seen) < 3:
                line = live.readline().decode().rstrip("\n")
                if line.startswith("id: "):
                    last = line[4:]
                elif line.startswith("data: "):
                    seen.append(json.loads(line[6:]))
            live.close()
            mine = [t for t in seen if t["contact_id"].startswith("<img")]
            self.assertEqual([(t["from"], t["to"]) for t in mine], [("anonymous", "subscriber"), ("subscriber", "lead"), ("lead", "mql")])
            got = self.json(contact(h, "<img src=x onerror=alert(1)>", "/history"))
            self.assertEqual(got["transitions"], mine)
            self.assertTrue(got["complete"], got)
            scores = [p["score"] for p in got["forecast"]]
            self.assertEqual((len(scores), scores), (61, sorted(scores, reverse=True)))
            self.refused(contact(h, "nobody", "/history"), 404, "no such contact")
            # who comes back goes on where it was
            request = urllib.request.Request(f"http://{h.config['http']['listen']}/v1/transitions", headers={"Last-Event-ID": f"{last.rsplit('-', 1)[0]}-1"})
            with urllib.request.urlopen(request, timeout=30) as again:
                again_seen = []
                while not again_seen:
                    line = again.readline().decode()
                    again_seen += [json.loads(line[6:])] if line.startswith("data: ") else []
            self.assertEqual(again_seen[0]["transition_id"], seen[1]["transition_id"])
            request = urllib.request.Request(f"http://{h.config['http']['listen']}/v1/transitions", headers={"Last-Event-ID": "1234-1"})
            with urllib.request.urlopen(request, timeout=30) as other:   # an id of another life
                lines = [other.readline().decode() for _ in range(4)]
            self.assertIn('data: {"missed":null}\n', lines)
            self.refused(fetch(h, "/v1/transitions?recent=257"), 400, "recent is a number from 0 to 256, not '257'")
            self.refused(fetch(h, "/v1/funnel?x=1"), 400, "parameter 'x' is not known")
            status = self.json(fetch(h, "/v1/status"))
            self.assertEqual((status["state"], status["redis"], status["partitions"]), ("ready", "up", {"elsewhere": 0, "restoring": 0, "live": 2}))
            self.assertEqual((status["events"]["consumed"], status["contacts"]), (2, 2))
            self.assertEqual(h.stop(), 0)

    def redis_away(self, work, one, two, known):
        """Standing still, then gone: what is in memory is answered, the rest refused with the reason."""
        redis = harness.redis()
        os.kill(redis.child.pid, signal.SIGSTOP)
        try:
            got = [contact(h, known[0]) for h in (one, two)]
        finally:
            os.kill(redis.child.pid, signal.SIGCONT)
        self.assertEqual(sorted(g[0] for g in got), [200, 503])
        self.refused(max(got), 503, "timed out")
        redis.kill()
        try:
            where = {}
            for c in known:
                for h in (one, two):
                    got = contact(h, c)
                    where.setdefault(c, []).append(got[0])
                    if got[0] != 200:
                        self.refused(got, 503, "is not held by this process, and the copy cannot be read: redis 127.0.0.1:")
            self.assertTrue(all(sorted(v) == [200, 503] for v in where.values()), where)
            self.assertEqual(fetch(one, "/v1/rank")[0], 200)
        finally:
            redis.start()
        away = next(c for c in known if where[c][0] == 503)
        # the copy was in memory only, and the mirror goes on from the end of the topic once it has noticed: until then there is none
        harness.servers.wait_for("an answer about the contact again", lambda: contact(one, away)[0] in (200, 404), 60, every=0.2)

    def test_every_refusal_says_why(self):
        setup = harness.Setup(partitions=2, inputs=["web.engagement"], threads=1)
        (setup.dir / "token").write_text("s3cret\n")
        setup.config["http"]["token_file"] = "token"
        with setup.run() as h:
            h.wait_ready()
            gen_events.produce(harness.kafka().bootstrap, gen_events.avro_records(
                [harness.event("a/b c%ä", "form_submitted", attributes=harness.GOOD_FIT, form="demo"),
                 harness.event("a/b c%ä", "owner_assigned", attributes={"owner": "us-1"})], setup.inputs))
            setup.wait_done(h)
            odd = {"token": "s3cret"}
            got = self.json(contact(h, "a/b c%ä", **odd))
            self.assertEqual((got["contact_id"], got["stage"], got["kind"], got["owner"]), ("a/b c%ä", "mql", "active", "us-1"))
            hottest = self.json(fetch(h, "/v1/rank?stage=mql", **odd))["contacts"][0]
            self.assertEqual((hottest["contact_id"], hottest["owner"]), ("a/b c%ä", "us-1"))

            for path in ("/v1/rank", "/v1/model", "/v1/funnel", "/v1/transitions", "/v1/status", "/v1/contacts/x/history", "/v1/contacts/x", "/v1/contacts/x/explain", "/%761/rank"):
                self.refused(fetch(h, path), 401, "a bearer token is needed for /v1")
                self.refused(fetch(h, path, token="s3cre"), 401, "a bearer token is needed for /v1")
                self.refused(fetch(h, path, token="s3cret2"), 401, "a bearer token is needed for /v1")
                self.refused(fetch(h, path, method="POST", **odd), 405, "only GET and HEAD are answered")
            self.assertEqual(h.get("/readyz")[0], 200)

            self.refused(contact(h, "nobody", **odd), 404, "no such contact; its partition is held by this process")
            self.refused(contact(h, "nobody", "/explain", **odd), 404, "no such contact")
            self.refused(contact(h, "nobody", "/else", **odd), 404, "behind the contact only /explain and /history are known")
            self.refused(fetch(h, "/v1/contacts/a/b%20c", **odd), 404, "write a / in a contact id as %2F")
            self.refused(fetch(h, "/v1/contacts/", **odd), 400, "which contact?")
            self.refused(fetch(h, "/v1/contacts/%4", **odd), 400, "badly percent-encoded")
            self.refused(fetch(h, "/v1/contacts/%ff", **odd), 400, "not UTF-8")
            self.refused(contact(h, "nobody", "?at=noon", **odd), 400, "at is a moment such as 2026-12-31T00:00:00Z")
            self.refused(contact(h, "nobody", "?on=1", **odd), 400, "parameter 'on' is not known")
            self.refused(fetch(h, "/v1/rank?limit=0", **odd), 400, "limit is a number from 1 to 1000, not '0'")
            self.refused(fetch(h, "/v1/rank?limit=1&limit=2", **odd), 400, "parameter 'limit' is given twice")
            self.refused(fetch(h, "/v1/rank?stage=mqls", **odd), 400, "not 'mqls', did you mean 'mql'?")
            self.refused(fetch(h, "/v1/rank?stage=disqualified", **odd), 400, "the disqualified are not ranked")
            self.refused(fetch(h, "/v1/nothing", **odd), 404, "known paths: ")
            self.refused(contact(h, "x" * 9000, **odd), 414, "at most 8191 bytes")

            model = self.json(fetch(h, "/v1/model", **odd))
            self.assertEqual((model["model"], model["model_version"], model["preset"]), ("integration", "it.1", "score-driven"))
            self.assertEqual(model["thresholds"], {"mql": {"enter": 40.5, "exit": None}, "sql": {"enter": 90.5, "exit": None}})
            page = fetch(h, "/v1/model", accept="text/markdown", **odd)
            self.assertEqual(page[:2], (200, "text/markdown; charset=utf-8"))
            self.assertEqual(page[2], model["markdown"])
            described = subprocess.run([harness.binary(), "describe", "-m", str(setup.dir / "model.yaml")], capture_output=True, text=True)
            self.assertEqual(described.stdout, page[2])
            self.assertEqual(h.stop(), 0)

    def test_the_command_says_what_is_wrong(self):
        setup = harness.Setup(partitions=1, inputs=["web.engagement"], threads=1)
        with setup.run() as h:   # writes the configuration
            h.kill()
        for words, code, message in (
                (["--limit", "0"], 64, "limit is a number from 1 to 10000, not '0'"),
                (["--stage", "lede"], 64, "stage is one such as lead or mql, not 'lede', did you mean 'lead'?"),
                (["-o", "xml"], 64, "output is table or json"),
                (["ann"], 64, "it takes options only"),
                (["--top"], 64, "Try 'hotlead rank --help'"),
                ([], 65, f"nothing of group {setup.group} in Redis: has it run, and has a checkpoint passed?")):
            got = command(setup, "rank", *words)
            self.assertEqual((got[0], got[1]), (code, ""), words)
            self.assertIn(message, got[2])
        text = (setup.dir / "one.yaml").read_text()
        (setup.dir / "one.yaml").write_text(text.replace(harness.redis().url, f"redis://127.0.0.1:{harness.servers.free_port()}"))
        got = command(setup, "rank")
        self.assertEqual(got[0], 69)
        self.assertIn("Connection refused", got[2])
        (setup.dir / "one.yaml").write_text(text.replace(harness.redis().url, "''"))
        got = command(setup, "rank")
        self.assertEqual(got[0], 78)
        self.assertIn("redis.url is empty", got[2])
        shown = subprocess.run([harness.binary(), "rank", "--help"], capture_output=True, text=True)
        self.assertEqual((shown.returncode, shown.stderr), (0, ""))
        self.assertIn("Usage: hotlead rank", shown.stdout)


if __name__ == "__main__":
    unittest.main()
