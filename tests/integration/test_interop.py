"""Others beside hotlead: the example consumers, CloudEvents by their own SDK, a real schema registry, an older Kafka.

The last two are fetched from Maven Central (200 MB) and run with HL_INTEROP=1 only:
    HL_INTEROP=1 build/venv/bin/python tests/support/runner.py tests/integration --pattern test_interop.py
"""
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import unittest
import urllib.request
from datetime import datetime, timedelta, timezone
from unittest import mock

import fastavro
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary_event, from_structured_event, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent

import gen_events
import harness
import servers
from harness import GOOD_FIT, event

EXAMPLES = harness.ROOT / "config" / "examples" / "consumers"
BUILD = harness.ROOT / "build"
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def line(t):
    """What the examples print for a transition."""
    return (t["contact_id"], str(t["seq"]), t["from"], t["to"], t["kind"] or "-", f"{t['score']:.1f}", t["owner"] or "-")


def jars(pom, folder):
    """The jars of a pom, fetched once."""
    kept = folder / "pom.xml"
    if not kept.exists() or kept.read_bytes() != pom.read_bytes():
        shutil.rmtree(folder, ignore_errors=True)
        subprocess.run(["mvn", "-q", "-B", "-f", pom, "dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={folder / 'lib'}"],
                       check=True, timeout=500)
        shutil.copy(pom, kept)
    return folder / "lib"


def by_contact(lines):
    """The order is that of each contact: between partitions there is none."""
    found = {}
    for l in lines:
        found.setdefault(l[0], []).append(l)
    return found


def life(n=12):
    now = int(time.time() * 1000)
    for i in range(n):
        contact = f"c-{i}"
        yield event(contact, "form_submitted", occurred_at=now - 5000, attributes=GOOD_FIT)
        if i % 2:
            yield event(contact, "form_submitted", occurred_at=now - 4000, form="demo")
        if i % 4 == 1:
            yield event(contact, "sales_contact_made", occurred_at=now - 3000)


class Consumers(unittest.TestCase):
    """Two groups on the same inputs, one writes Avro, one JSON; each example prints every transition."""

    def twin(self, setup, **outputs):
        other = harness.Setup(partitions=setup.partitions, inputs=["unused"], create=False)
        other.inputs, other.config["inputs"] = setup.inputs, setup.config["inputs"]
        other.config["outputs"] = {**other.out, **outputs}
        return other

    def run_both(self, avro, plain):
        gen_events.produce(harness.kafka().bootstrap, gen_events.avro_records(life(), avro.inputs))
        with avro.run() as a, plain.run() as b:
            for setup, h in ((avro, a), (plain, b)):
                setup.wait_done(h)
            self.assertEqual((a.stop(), b.stop()), (0, 0))

    def follow(self, setup, *command, env=None, cwd=None):
        return subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=cwd,
                                env={**os.environ, "BOOTSTRAP": harness.kafka().bootstrap, "TOPIC": setup.out["transitions"], **(env or {})})

    def printed(self, name, child, width=7):
        out, err = child.communicate(timeout=90)
        self.assertEqual(child.returncode, 0, f"{name}: {err}")
        lines = [l.split("\t") for l in out.splitlines()]
        if name == "kcat":   # jq writes 100 for 100.0
            lines = [[*l[:5], f"{float(l[5]):.1f}", *l[6:]] for l in lines]
        return by_contact([tuple(l[:width]) for l in lines])

    def test_every_example_prints_every_transition(self):
        avro = harness.Setup(partitions=3, inputs=["web"])
        plain = self.twin(avro, format="json")
        self.run_both(avro, plain)
        want = by_contact([line(o.value) for o in avro.transitions()])
        self.assertEqual(len(want), 12)
        records = [json.loads(m.value()) for m in harness.read_all(plain.out["transitions"])]
        self.assertEqual(by_contact(map(line, records)), want, "JSON says what Avro says")
        self.assertEqual(set(records[0]), {f["name"] for f in harness.schema("stage_transition")["fields"]})
        where = ["--bootstrap", harness.kafka().bootstrap, "--once"]
        lib = jars(EXAMPLES / "pom.xml", BUILD / "consumers")
        running = {
            "confluent-kafka": self.follow(avro, sys.executable, EXAMPLES / "confluent.py", "--topic", avro.out["transitions"], *where),
            "java": self.follow(avro, "java", "-cp", f"{lib}/*", "Transitions.java", harness.kafka().bootstrap, avro.out["transitions"], "java-crm", "once",
                                cwd=EXAMPLES),
            "kafka-python": self.follow(plain, sys.executable, EXAMPLES / "kafka_python.py", "--topic", plain.out["transitions"], *where),
            "kcat": self.follow(plain, "bash", EXAMPLES / "transitions.sh", "-e"),
        }
        for name, child in running.items():
            with self.subTest(name):
                self.assertEqual(self.printed(name, child), want)

    def test_a_restart_of_a_consumer_goes_on_where_it_was(self):
        """The offsets are committed behind what was acted on: the second run prints nothing."""
        s = harness.Setup(partitions=1, inputs=["web"], threads=1)
        gen_events.produce(harness.kafka().bootstrap, gen_events.avro_records(life(2), s.inputs))
        with s.run() as h:
            s.wait_done(h)
            h.stop()
        for expected in (len(s.transitions()), 0):
            child = self.follow(s, sys.executable, EXAMPLES / "confluent.py", "--topic", s.out["transitions"], "--bootstrap", harness.kafka().bootstrap,
                                "--once", "--group", f"{s.id}-crm")
            self.assertEqual(sum(map(len, self.printed("confluent-kafka", child).values())), expected)


class CloudEvents(unittest.TestCase):
    def made(self, contact, kind, seconds, data, **extensions):
        return CloudEvent({"id": f"{contact}-{seconds}", "source": "/shop", "type": kind, "subject": contact, "specversion": "1.0",
                           "datacontenttype": "application/json", "time": datetime.now(timezone.utc) - timedelta(seconds=60 - seconds), **extensions}, data)

    def produce(self, topic, *messages):
        gen_events.produce(harness.kafka().bootstrap, [
            (topic, key, m.value, {"headers": {**m.headers, **more}}) for key, m, more in messages])

    def outputs(self, setup, n, **how):
        twin = Consumers.twin(self, setup, **how)
        with twin.run(**({"instance": f"i{n}"})) as h:
            setup_done = twin.wait_done(h)
            self.assertIsNone(setup_done)
            self.assertEqual(h.stop(), 0)
        return twin

    def test_in_and_out_by_their_own_sdk(self):
        s = harness.Setup(partitions=2, inputs=["events"])
        s.config["inputs"] = [{"topic": s.inputs[0], "format": "cloudevents", "aliases": {"org.shop.form": "form_submitted"}}]
        form, fit = {"form": "demo"}, {"attributes": GOOD_FIT}
        self.produce(s.inputs[0],
                     ("ann", to_binary_event(self.made("ann", "org.shop.form", 1, fit)), {}),
                     ("ann", to_structured_event(self.made("ann", "org.shop.form", 2, form)), {"traceparent": TRACE}),
                     ("bob", to_structured_event(self.made("bob", "form_submitted", 1, fit)), {}),
                     ("bob", to_binary_event(self.made("bob", "form_submitted", 2, form, traceparent=TRACE)), {}),
                     ("bob", KafkaMessage({"content-type": b"application/avro", "ce_specversion": b"1.0"}, None, b"\0\0"), {}))
        twins = [self.outputs(s, i, **how) for i, how in enumerate((
            {"format": "json", "cloudevents": "binary"}, {"format": "json", "cloudevents": "structured"}, {"cloudevents": "binary"}))]
        for twin in twins:
            self.assertEqual([dict(m.headers())["error.message"] for m in twin.dead_letters()],
                             [b"a CloudEvent with data of the type 'application/avro'; only JSON is read"])
            moves = harness.read_all(twin.out["transitions"])
            self.assertEqual(len(moves), 6)
            traced = [dict(m.headers()).get("traceparent") for m in moves if m.key() in (b"ann", b"bob")]
            self.assertEqual(traced.count(TRACE.encode()), 2, "the trace of the event that made the move, from either header")
        binary, structured, avro = ([(m.key().decode(), KafkaMessage(dict(m.headers()), m.key(), m.value())) for m in harness.read_all(t.out["transitions"])]
                                    for t in twins)
        for twin, messages, read in ((twins[0], binary, from_binary_event), (twins[1], structured, from_structured_event)):
            for key, m in messages:
                ce = read(m)
                data = ce.get_data()
                self.assertEqual((ce.get_id(), ce.get_subject(), ce.get_type()), (data["transition_id"], key, "io.hotlead.stage_transition"))
                self.assertEqual((ce.get_source(), ce.get_specversion()), (f"/hotlead/{twin.group}", "1.0"))
                self.assertEqual(ce.get_time().timestamp(), data["occurred_at"] / 1000)
        traced = [read(m).get_extension("traceparent") for messages, read in ((binary, from_binary_event), (structured, from_structured_event))
                  for _, m in messages]
        self.assertEqual(traced.count(TRACE), 4)
        self.assertEqual({m.headers["content-type"] for _, m in avro}, {b"application/avro"})
        self.assertEqual([o.value["transition_id"].encode() for o in twins[2].transitions()], [m.headers["ce_id"] for _, m in avro])


def fetched(name, fetch):
    """A folder below build/, fetched when the long tests are asked for."""
    folder = BUILD / name
    if not os.environ.get("HL_INTEROP"):
        raise unittest.SkipTest("fetched from Maven Central: set HL_INTEROP=1")
    if not folder.exists():
        fetch(folder)
    return folder


class Apicurio(unittest.TestCase):
    """Schemas of the inputs and of the outputs from a real registry; what is written reads with its help."""

    def fetch(self, folder):
        version = "2.6.13.Final"
        subprocess.run(["mvn", "-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:get", "-Dtransitive=false",
                        f"-Dartifact=io.apicurio:apicurio-registry-app:{version}:tar.gz:all"], check=True, timeout=500)
        archive = pathlib.Path.home() / f".m2/repository/io/apicurio/apicurio-registry-app/{version}/apicurio-registry-app-{version}-all.tar.gz"
        folder.mkdir(parents=True)
        subprocess.run(["tar", "-xzf", archive, "-C", folder], check=True)

    def test_in_and_out(self):
        with servers.Apicurio(fetched("apicurio", self.fetch)) as registry:
            s = harness.Setup(partitions=2, inputs=["web"], schemas={"registry": registry.url})
            text = (harness.ROOT / "schemas" / "event.avsc").read_text()
            number = registry.ask(f"/subjects/{s.inputs[0]}-value/versions", {"schema": text})["id"]
            encode = gen_events.AvroEncoder(schema_id=number)
            gen_events.produce(harness.kafka().bootstrap, [(s.inputs[0], e["contact_id"], encode(e)) for e in life()] +
                               [(s.inputs[0], "lost", gen_events.AvroEncoder(schema_id=4711)(event("lost", "page_viewed")))])
            with s.run() as h:
                s.wait_done(h)
                self.assertEqual(h.stop(), 0)
            self.assertEqual([dict(m.headers())["error.class"] for m in s.dead_letters()], [b"schema"])
            subjects = registry.ask("/subjects")
            for output in ("transitions", "state", "alerts"):
                self.assertIn(f"{s.out[output]}-value", subjects)
            latest = registry.ask(f"/subjects/{s.out['transitions']}-value/versions/latest")
            moves = harness.read_all(s.out["transitions"])
            self.assertEqual({int.from_bytes(m.value()[1:5], "big") for m in moves}, {latest["id"]})
            with s.run() as h:   # a second start finds its schemas there
                h.wait_ready()
                h.stop()
            self.assertEqual(registry.ask(f"/subjects/{s.out['transitions']}-value/versions"), [1])
            with urllib.request.urlopen(f"{registry.url}/schemas/ids/{latest['id']}") as r:   # as a consumer with a deserializer does
                schema = fastavro.parse_schema(json.loads(json.load(r)["schema"]))
            got = [fastavro.schemaless_reader(io.BytesIO(m.value()[5:]), schema, None)["transition_id"] for m in moves]
            self.assertEqual(len(set(got)), len(moves))
            self.assertEqual(by_contact([(t.rpartition(":")[0], t) for t in got])["c-1"][-1], ("c-1", "c-1:4"))



class OlderKafka(unittest.TestCase):
    """The main path, a kill and the commands, on Kafka 3.9."""

    def fetch(self, folder):
        pom = (harness.ROOT / "tests" / "support" / "kafka" / "pom.xml").read_text().replace("<version>4.3.1</version>", "<version>3.9.1</version>")
        folder.with_suffix(".pom").write_text(pom)
        jars(folder.with_suffix(".pom"), folder)

    def test_main_path(self):
        class Kafka39(servers.Kafka):
            lib = fetched("kafka-3", self.fetch) / "lib"

        with Kafka39() as broker, mock.patch.object(harness, "kafka", lambda: broker):
            self.assertTrue(any(p.name.startswith("kafka-clients-3.9") for p in Kafka39.lib.iterdir()))
            work, s = harness.workload(20_000, 1500), harness.Setup()
            gen_events.produce(broker.bootstrap, work.records(s, 0, 2))
            with s.run() as h:
                h.wait_ready()
                servers.wait_for("some work", lambda: s.committed() > 2000, 30)
                h.kill()
            with s.run() as h:
                gen_events.produce(broker.bootstrap, work.records(s, 1, 2))
                self.assertEqual(s.finish(work.scorer, h), [0])
            wrong = harness.differences(work.scorer.transitions, [o.value for o in s.transitions()])
            self.assertEqual(wrong, [], "\n".join(wrong))
            wrong = harness.state_differences(work.scorer, s.states())
            self.assertEqual(wrong, [], "\n".join(wrong))
            topics = subprocess.run([harness.binary(), "topics", "-c", s.dir / "one.yaml"], capture_output=True, text=True)
            self.assertEqual(topics.returncode, 0, topics)
            exported = subprocess.run([harness.binary(), "export", s.dir / "x.avro", "-c", s.dir / "one.yaml"], capture_output=True, text=True)
            self.assertEqual((exported.returncode, exported.stderr), (0, ""))


if __name__ == "__main__":
    unittest.main()
