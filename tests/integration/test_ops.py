"""The commands that operators call, against a real Kafka and Redis: what they print, what they change, and how they refuse."""
import io
import json
import subprocess
import time
import unittest

import fastavro
import yaml
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

import gen_events
import harness
import live
import servers
from harness import event


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
        self.assertEqual(out.count("missing"), 7, out)
        self.refused(call("topics", "-c", config, "--create"), 64, "give --partitions N")
        got = self.topics(config, "--create", "--dry-run", "-p", "3", code=1)
        self.assertEqual({t["done"] for t in got.values()}, {"would be created"})
        self.assertEqual({t["exists"] for t in self.topics(config, code=1).values()}, {False})
        got = self.topics(config, "--create", "-p", "3")
        self.assertEqual({(t["done"], t["partitions"]) for t in got.values()}, {("created", 3)})
        state = self.settings(s.out["state"])
        self.assertEqual((state["cleanup.policy"], state["segment.bytes"], state["delete.retention.ms"]), ("compact", "104857600", "604800000"))
        self.assertEqual(self.settings(s.out["transitions"])["cleanup.policy"], "delete")
        self.assertEqual({self.settings(t)["message.timestamp.type"] for t in s.out.values()}, {"LogAppendTime"})
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
        self.assertEqual([t["done"] for t in got.values()].count("created"), 3)
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


class Contacts(Ops):
    """show, purge, export and import, on one group's life."""

    def send(self, setup, *events):
        gen_events.produce(harness.kafka().bootstrap, gen_events.avro_records(events, setup.inputs[:1]))

    def life(self):
        """Two hundred contacts, one of them Ann; one that was disqualified long ago, one lately, one that is erased."""
        now = int(time.time() * 1000)
        old = now - 100 * 86_400_000
        work = harness.workload(4000, 200)
        out = [*work.events, event("ann", "form_submitted", occurred_at=now - 3_600_000, form="demo", attributes={**harness.GOOD_FIT, "city": "Bath\n"})]
        for contact, at in (("old", old), ("new", now - 1000), ("gone", old)):
            out += [event(contact, "form_submitted", occurred_at=at - 1, attributes=harness.GOOD_FIT), event(contact, "lead_disqualified", occurred_at=at)]
        return out + [event("gone", "contact_erased", occurred_at=old + 1)]

    def json(self, *words):
        code, out, err = call(*words, "-o", "json")
        self.assertEqual((code, err), (0, ""), (out, err))
        return json.loads(out)

    def states(self, setup):
        """What a reader sees of the state topic, without what differs between groups."""
        return {k: {f: v for f, v in s.items() if f not in ("applied", "engine")} for k, s in setup.states().items() if not k.startswith("\0")}

    def test_one_life(self):
        s = harness.Setup(partitions=4, inputs=["web"], checkpoint={"interval": "500ms"}, kafka={"session.timeout.ms": 3000})
        config = self.configure(s)
        self.send(s, *self.life())
        with s.run(**{"http": s.config["http"]}) as h:
            s.wait_done(h)
            servers.wait_for("a checkpoint", lambda: len(self.states(s)) >= 203, 30, every=0.3)
            servers.wait_for("copy in Redis", lambda: not live.redis_differences(s, harness.redis()), 30, every=0.3)
            with self.subTest("show"):
                self.show(s, config)
            with self.subTest("purge"):
                self.purge(s, config, h)
            with self.subTest("a group with members takes no import"):
                file = s.dir / "live.avro"
                self.json("export", file, "-c", config)
                self.refused(call("import", file, "-c", config), 75, f"group '{s.group}' has members; stop them first")
            self.assertEqual(h.stop(), 0)
        with self.subTest("export"):
            file = self.export(s, config)
        with self.subTest("import"):
            self.imports(s, config, file)
        with self.subTest("import elsewhere"):
            self.elsewhere(file, self.states(s))

    def show(self, s, config):
        code, page, err = call("show", "ann", "-c", config)
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(page, r"^ann\n\nstage     MQL, active, since \S+ \(1 h ago\); move 3, visit 1\nscore     ")
        self.assertRegex(page, r"country +US\n")
        self.assertRegex(page, r"city +Bath\?\n", "what could steer a terminal does not")
        self.assertIn("read from the memory of the process that holds partition", page)
        at = int(time.time() * 1000)
        live, copy = (self.json("show", "ann", "-c", config, "--from", w, "--at", at) for w in ("process", "redis"))
        self.assertEqual((live.pop("source")["from"], copy.pop("source")["from"]), ("memory", "redis"))
        self.assertEqual(live, copy)
        self.assertEqual((live["stage"], live["attributes"]["country"], live["as_of"]), ("mql", "US", at))
        self.assertIn("read from Redis", call("show", "ann", "-c", config, "--from", "redis")[1])
        self.assertEqual(self.json("show", "ann", "-c", config, "-u", f"http://{s.config['http']['listen']}/")["contact_id"], "ann")
        nobody = self.configure(s, http={"listen": f"127.0.0.1:{servers.free_port()}"})
        self.assertIn("read from Redis", call("show", "ann", "-c", nobody)[1], "nobody listens, so Redis is read")
        self.refused(call("show", "ann", "-c", nobody, "--from", "process"), 69, "Failed to connect")
        self.configure(s)
        self.refused(call("show", "nobody", "-c", config), 65, "no such contact; its partition is held by this process")
        self.refused(call("show", "nobody", "-c", config, "--from", "redis"), 65, "no contact 'nobody' in Redis (as of the last checkpoint)")
        self.refused(call("show", "-c", config), 64, "which contact?")
        self.refused(call("show", "ann", "bob", "-c", config), 64, "one contact at a time")
        self.refused(call("show", "ann", "-c", config, "--from", "kafka"), 64, "from is process or redis, not kafka")
        self.refused(call("show", "ann", "-c", config, "--from", "redis", "-u", "http://x"), 64, "--url is for a process")
        self.refused(call("show", "ann", "-c", config, "--at", "noon"), 64, "at wants a moment such as 2026-12-31T00:00:00Z, not noon")
        self.refused(call("show", "ann", "-c", config, "-u", "gopher://x"), 78, "gopher")

    def purge(self, s, config, h):
        code, page, err = call("purge", "-c", config, "-d", "90d")
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(page, r"^1 of 203 contacts have been disqualified for longer than 90d, the first on \S+\n  \S+  old\nnothing was done; --yes writes")
        self.assertEqual({c["contact_id"] for c in self.json("purge", "-c", config, "-d", "0s", "--dry-run")["list"]} & {"old", "new"}, {"old", "new"})
        self.assertEqual(self.json("purge", "-c", config, "-d", "90d", "--yes")["written"], True)
        s.wait_done(h)
        servers.wait_for("an erasure", lambda: h.get("/v1/contacts/old")[0] == 404, 20)
        self.assertEqual(h.get("/v1/contacts/new")[0], 200)
        self.send(s, event("old", "form_submitted", occurred_at=int(time.time() * 1000) - 60_000, attributes=harness.GOOD_FIT))
        s.wait_done(h)
        self.assertEqual(h.get("/v1/contacts/old")[0], 404, "an old event brings nobody back")
        self.assertEqual(self.json("purge", "-c", config, "-d", "90d", "--yes")["disqualified"], 0)
        self.refused(call("purge", "-c", config), 64, "--older-than is needed")
        self.refused(call("purge", "-c", config, "-d", "90"), 64, "--older-than wants a duration such as 90d or 12h, not 90")
        self.refused(call("purge", "-c", config, "-d", "90d", "--yes", "--dry-run"), 64, "either --yes or --dry-run")
        self.refused(call("purge", "-c", config, "-d", "90d", "-t", "lead.state"), 64, "'lead.state' is no input of the configuration")
        other = self.configure(s, inputs=[{"topic": s.inputs[0], "format": "segment"}])
        self.refused(call("purge", "-c", other, "-d", "90d"), 78, "no input takes records of the format json or avro with the canonical names")
        self.refused(call("purge", "-c", other, "-d", "90d", "-t", s.inputs[0]), 78, "this input does not take")
        self.configure(s)

    def export(self, s, config):
        file, copy = s.dir / "state.avro", s.dir / "copy.avro"
        said = self.json("export", file, "-c", config)
        self.assertEqual((said["contacts"], said["erased"], said["offsets"]), (202, 2, True))
        with open(file, "rb") as f:   # any Avro library reads it
            reader = fastavro.reader(f)
            records = list(reader)
            self.assertEqual(reader.metadata["hotlead.group"], s.group)
        self.assertEqual({r["contact_id"]: (r["stage"], r["score"]) for r in records if r["contact_id"][0] != "\0"},
                         {k: (v["stage"], v["score"]) for k, v in self.states(s).items()})
        self.assertEqual(self.json("export", copy, "-c", config, "--from", "redis")["contacts"], 202)
        code, out, _ = call("export", copy, "-c", config, "--force")
        self.assertRegex(out, r"^202 contacts from \S+lead.state in \S+ \(\d+ bytes\)\n$")
        done = subprocess.run([harness.binary(), "export", "-", "-c", config], capture_output=True, timeout=60)
        self.assertEqual((done.returncode, len(list(fastavro.reader(io.BytesIO(done.stdout))))), (0, 204))
        self.refused(call("export", file, "-c", config), 64, "is there already; --force writes over it")
        self.refused(call("export", "-c", config), 64, "into which file?")
        self.refused(call("export", "a", "b", "-c", config), 64, "one file is written")
        self.refused(call("export", "a", "-c", config, "--from", "kafka"), 64, "from is state or redis, not kafka")
        self.refused(call("export", s.dir / "no" / "such", "-c", config), 69, "No such file")
        none = self.configure(s, outputs={**s.out, "state": "never.was"})
        self.refused(call("export", s.dir / "n.avro", "-c", none), 65, "topic 'never.was' does not exist: has this group run?")
        none = self.configure(s, kafka={**s.config["kafka"], "group.id": "never-was"})
        self.refused(call("export", s.dir / "n.avro", "-c", none, "--from", "redis"), 65, "nothing of group never-was in Redis")
        self.assertFalse((s.dir / "n.avro").exists() or (s.dir / "n.avro.part").exists())
        self.configure(s)
        return file

    def imports(self, s, config, file):
        """Into a new group on the same inputs: it goes on exactly where the other one stood."""
        servers.wait_for("the members to be gone", lambda: "has members" not in call("import", file, "-c", config)[2], 20, every=0.5)
        self.refused(call("import", file, "-c", config), 75, f"group '{s.group}' has committed offsets; import into a new kafka.group.id")
        self.refused(call("import", "-c", config), 64, "which file?")
        self.refused(call("import", file, file, "-c", config), 64, "one file is read")
        self.refused(call("import", file, "-c", config, "--start", "now"), 64, "start is earliest or latest, not now")
        self.refused(call("import", s.dir / "none.avro", "-c", config), 65, "No such file")
        (s.dir / "bad.avro").write_bytes(file.read_bytes()[:3000])
        (s.dir / "text.avro").write_text("no avro")
        self.refused(call("import", s.dir / "text.avro", "-c", config), 65, "text.avro: Avro container: it does not begin like one")
        twin = harness.Setup(partitions=4, inputs=["unused"], create=False, checkpoint={"interval": "500ms"})
        twin.inputs, twin.config["inputs"] = s.inputs, s.config["inputs"]
        path = self.configure(twin)
        self.refused(call("import", file, "-c", path), 78, "has 0 partitions and the inputs have 4; 'hotlead topics --create' makes it")
        call("topics", "-c", path, "--create")
        self.refused(call("import", s.dir / "bad.avro", "-c", path), 65, "bad.avro: ")
        code, out, err = call("import", file, "-c", path, "--dry-run")
        self.assertEqual((code, err), (0, ""))
        self.assertRegex(out, "^202 contacts and 2 notes of erased ones would go into .*would begin at the offsets of the exported one\n$")
        self.assertEqual(self.states(twin), {})
        said = self.json("import", file, "-c", path)
        self.assertEqual((said["contacts"], said["erased"], said["written"], said["start"], said["same_model"]), (202, 2, True, "exported", True))
        self.assertEqual(self.states(twin), self.states(s))
        self.refused(call("import", file, "-c", path), 75, "has committed offsets")
        before = len(s.transitions())
        with twin.run() as h:
            h.wait_ready()
            self.send(s, event("ann", "lead_accepted"), event("gone", "form_submitted", occurred_at=1_700_000_000_000))
            twin.wait_done(h)
            self.assertEqual(h.stop(), 0)
        self.assertEqual([(o.value["contact_id"], o.value["seq"], o.value["to"]) for o in twin.transitions()], [("ann", 4, "sal")])
        self.assertEqual(len(s.transitions()), before)
        self.assertNotIn("gone", self.states(twin))
        # what an import leaves that was cut off: state, and no offsets
        harness.kafka()
        again = harness.Setup(partitions=4, inputs=["unused"], create=False)
        again.inputs, again.config["inputs"] = s.inputs, s.config["inputs"]
        again.config["outputs"] = again.out = twin.out
        path = self.configure(again)
        self.refused(call("import", file, "-c", path), 75, "has state already; name another topic in outputs.state, or, if an import of this file was cut off")
        self.assertTrue(self.json("import", file, "-c", path, "--again")["written"])

    def elsewhere(self, file, states):
        """Other inputs with another partition count: where to begin must be said, and who was erased is not known any more."""
        s = harness.Setup(partitions=3, inputs=["other"], checkpoint={"interval": "500ms"})
        path = self.configure(s, model=str(harness.ROOT / "config" / "model.yaml"))
        call("topics", "-c", path, "--create")
        self.refused(call("import", file, "-c", path), 64, "not of this cluster with these inputs and 3 partitions", "--start earliest or latest")
        self.refused(call("import", file, "-c", path, "--start", "latest"), 64, "--without-erased leaves them out")
        code, out, _ = call("import", file, "-c", path, "--start", "latest", "--without-erased", "--dry-run")
        self.assertIn("the file is of model integration it.1, and this is", out)
        path = self.configure(s)
        self.assertEqual(self.json("import", file, "-c", path, "--start", "latest", "--without-erased")["left_out"], 2)
        self.assertEqual(self.states(s), states)
        with s.run() as h:
            h.wait_ready()
            self.send(s, event("ann", "lead_accepted"))
            s.wait_done(h)
            self.assertEqual(h.stop(), 0)
        self.assertEqual([(o.value["contact_id"], o.value["seq"]) for o in s.transitions()], [("ann", 4)])

    def test_refusals_of_servers(self):
        s = harness.Setup(create=False, inputs=["never"])
        away = f"127.0.0.1:{servers.free_port()}"
        config = self.configure(s, kafka={**s.config["kafka"], "bootstrap.servers": away, "startup_timeout": "1s"}, redis={"url": f"redis://{away}"})
        for words in (["purge", "-d", "1d"], ["export", s.dir / "x.avro"]):
            self.refused(call(*words, "-c", config), 69, "no Kafka broker answers")
        self.refused(call("export", s.dir / "x.avro", "-c", config, "--from", "redis"), 69, "Connection refused")
        self.refused(call("show", "ann", "-c", config), 69, "Connection refused")
        config = self.configure(s, redis={"url": ""}, http={"listen": ""})
        self.refused(call("show", "ann", "-c", config), 78, "redis.url is empty")
        self.refused(call("show", "ann", "-c", config, "--from", "process"), 78, "http.listen is empty: give --url")
        self.refused(call("export", s.dir / "x.avro", "-c", config), 78, "does not exist; 'hotlead topics' tells what is missing")

    def test_help(self):
        for name in ("topics", "show", "purge", "export", "import"):
            code, out, err = call(name, "--help")
            self.assertEqual((code, err), (0, ""))
            self.assertRegex(out, f"^Usage: hotlead {name}")
            self.assertIn("Exit codes:", out)


if __name__ == "__main__":
    unittest.main()
