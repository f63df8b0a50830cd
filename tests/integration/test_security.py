"""Kafka behind TLS, client certificates, SASL and ACLs; and that no secret leaves the process."""
import glob
import json
import os
import pathlib
import re
import resource
import secrets
import signal
import socket
import subprocess
import time
import unittest
import unittest.mock

import confluent_kafka
import yaml

import gen_events
import harness
import secure_kafka
import servers
from harness import event

BROKER = None


def setUpModule():
    """Every reader and writer of the harness uses the plain listener of the secure broker."""
    global BROKER
    BROKER = secure_kafka.SecureKafka().start()
    patch = unittest.mock.patch.object(harness, "kafka", lambda: BROKER)
    patch.start()
    unittest.addModuleCleanup(patch.stop)
    unittest.addModuleCleanup(BROKER.close)


def librdkafka():
    """The version that hotlead runs with, as a tuple."""
    text = subprocess.run([harness.binary(), "version"], capture_output=True, text=True, check=True).stdout
    return tuple(map(int, re.search(r"librdkafka (\d+)\.(\d+)\.(\d+)", text).groups()))


def scram_environment():
    """librdkafka before 2.6.1 cannot log in to Kafka 4 by SCRAM; the tools of the tests bring a newer one."""
    if librdkafka() >= (2, 6, 1):
        return {}
    folder = pathlib.Path(confluent_kafka.__file__).parents[1] / "confluent_kafka.libs"
    return {"LD_PRELOAD": next(iter(glob.glob(f"{folder}/librdkafka-*.so*")))}


def secret_file(folder, name, text):
    path = folder / name
    path.write_text(text + "\n")   # as an editor leaves it
    path.chmod(0o600)
    return str(path)


def tls(listener="tls", ca=None, **more):
    return {"bootstrap.servers": BROKER.address(listener), "security.protocol": "SSL",
            "ssl.ca.location": str((ca or BROKER.ca).certificate), **more}


def sasl(folder, mechanism, user, password=None):
    return {**tls("sasl"), "security.protocol": "SASL_SSL", "sasl.mechanism": mechanism, "sasl.username": user,
            "sasl.password_file": secret_file(folder, "kafka-password", password or BROKER.passwords[user])}


def client_certificate(folder):
    certificate, key = BROKER.client
    return {"ssl.certificate.location": str(certificate), "ssl.key.location": str(key),
            "ssl.key.password_file": secret_file(folder, "key-password", BROKER.key_password)}


def one_person():
    return [event("ann", "form_submitted", attributes=harness.GOOD_FIT, form="demo")]


class Paths(unittest.TestCase):
    """Events in, transitions out, over each way to log in; and once recovery of the state."""

    def works(self, kafka, env=None, again=False, **more):
        setup = kafka.pop("setup")
        with setup.run(kafka=kafka, env=env, **more) as h:
            h.wait_ready()
            gen_events.produce(BROKER.bootstrap, gen_events.avro_records(one_person(), setup.inputs))
            setup.wait_done(h)
            self.assertEqual(h.stop(), 0, h.log()[-2000:])
        self.assertEqual([o.value["to"] for o in setup.transitions()], ["subscriber", "lead", "mql"])
        if not again:
            return
        with setup.run(kafka=kafka, env=env, redis={"url": ""}, **more) as h:   # from lead.state alone
            h.wait_ready()
            self.assertEqual(h.metric("hotlead_contacts"), 1)
            self.assertEqual(h.stop(), 0, h.log()[-2000:])

    def setUp(self):
        self.setup = harness.Setup(partitions=2, inputs=["web.engagement"])

    def test_tls(self):
        self.works(tls(setup=self.setup))

    def test_a_client_certificate_with_a_key_behind_a_password(self):
        self.works(tls("mtls", setup=self.setup, **client_certificate(self.setup.dir)), again=True)

    def test_plain(self):
        self.works({**sasl(self.setup.dir, "PLAIN", "app"), "setup": self.setup})

    def test_a_password_from_the_environment(self):
        kafka = sasl(self.setup.dir, "PLAIN", "app")
        del kafka["sasl.password_file"]
        self.works({**kafka, "setup": self.setup}, env={"HOTLEAD_KAFKA__SASL_PASSWORD": BROKER.passwords["app"]})

    def test_scram(self):
        self.works({**sasl(self.setup.dir, "SCRAM-SHA-512", "app"), "setup": self.setup}, env=scram_environment())

    def test_oauthbearer_without_signature_and_low_latency(self):
        """What librdkafka does from configuration alone; tokens from a server (oidc) need a build of it with libcurl."""
        kafka = {**tls("sasl"), "security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER",
                 "enable.sasl.oauthbearer.unsecure.jwt": "true",
                 "sasl.oauthbearer.config_file": secret_file(self.setup.dir, "oauth", "principal=app")}
        self.works({**kafka, "setup": self.setup}, delivery="low_latency")


class Refusals(unittest.TestCase):
    """One message with the reason, and an exit code, well before the start-up time is over."""

    def setUp(self):
        self.setup = harness.Setup(partitions=2, inputs=["web.engagement"], kafka={"startup_timeout": "120s"})

    def exits(self, code, kafka, *words, env=None, **more):
        with self.setup.run(kafka=kafka, env=env, **more) as h:
            got = h.wait_exit(60)
        last = [line for line in h.log().splitlines() if line.startswith("hotlead: ")]
        self.assertEqual((got, len(last)), (code, 1), h.log()[-3000:])
        print("    " + last[0])
        for word in words:
            self.assertIn(word, last[0])
        return last[0]

    def test_a_wrong_password(self):
        self.exits(77, sasl(self.setup.dir, "PLAIN", "app", "wrong"), "the login is refused", "Invalid username or password")

    def test_a_wrong_password_for_scram(self):
        message = self.exits(77, sasl(self.setup.dir, "SCRAM-SHA-512", "app", "wrong"), "the login is refused", env=scram_environment())
        self.assertNotIn("2.6.1", message)

    def test_scram_that_this_library_cannot_do(self):
        if librdkafka() >= (2, 6, 1):
            self.skipTest("this librdkafka can")
        self.exits(77, sasl(self.setup.dir, "SCRAM-SHA-512", "app"), "the login is refused", "cannot log in to Kafka 4 by SCRAM", "2.6.1")

    def test_a_mechanism_that_the_broker_does_not_have(self):
        message = self.exits(77, sasl(self.setup.dir, "SCRAM-SHA-256", "app"), "the login is refused", "PLAIN,SCRAM-SHA-512,OAUTHBEARER")
        self.assertNotIn("2.6.1", message)

    def test_an_authority_that_is_not_known(self):
        self.exits(69, tls(ca=BROKER.stranger), "certificate of ssl://" + BROKER.address("tls"), "no authority that ssl.ca.location holds has signed it")

    def test_a_certificate_for_another_host(self):
        self.exits(69, tls("wrong"), "certificate of ssl://" + BROKER.address("wrong"), "it is for another host name or address")

    def test_no_client_certificate(self):
        self.exits(77, tls("mtls"), "the broker ends the TLS handshake", "set ssl.certificate.location and ssl.key.location")

    def test_a_client_certificate_of_another_authority(self):
        certificate, key = BROKER.stranger.issue("client")
        self.exits(77, tls("mtls", **{"ssl.certificate.location": str(certificate), "ssl.key.location": str(key)}),
                   "the broker ends the TLS handshake", "SSL alert number")

    def test_a_wrong_password_of_the_key(self):
        kafka = {**tls("mtls", **client_certificate(self.setup.dir)),
                 "ssl.key.password_file": secret_file(self.setup.dir, "wrong", "wrong")}
        self.exits(78, kafka, "ssl.key.location", "ssl.key.password_file")

    def test_no_tls_where_the_broker_wants_it(self):
        kafka = {"bootstrap.servers": BROKER.address("tls"), "startup_timeout": "2s"}
        self.exits(69, kafka, "no Kafka broker answers", "connecting to a SSL listener?")

    def test_tls_where_the_broker_has_none(self):
        self.exits(69, {**tls(), "bootstrap.servers": BROKER.bootstrap, "startup_timeout": "2s"}, "no Kafka broker answers",
                   "SSL ")


class Permissions(unittest.TestCase):
    """The broker's ACLs: what is missing is named, one after the other, until all is granted."""

    def start(self, setup, **more):
        return setup.run(kafka=sasl(setup.dir, "PLAIN", "guest"), **more)

    def test_each_missing_permission_is_named(self):
        setup = harness.Setup(partitions=2, inputs=["web.engagement"])
        topic, out, identity = setup.inputs[0], setup.out, f"{setup.group}-one-"
        gen_events.produce(BROKER.bootstrap, gen_events.avro_records(one_person(), setup.inputs))
        writes = f"Write on one of the topics {out['transitions']}, {out['state']}, {out['alerts']}, {out['dead_letter']}, {out['merges']};"
        steps = (
            (f"Describe and Read on topic '{topic}'", [("topic", topic, "describe")]),
            (f"Describe and Write on topic '{out['transitions']}'", [("topic", f"{setup.id}.lead.*", "describe")]),
            (f"Create on topic '{setup.id}.lead.", [("topic", f"{setup.id}.lead.*", "create")]),
            (f"Describe and Write on transactional ids that begin with '{identity}'",
             [("transactional_id", identity + "*", "describe"), ("transactional_id", identity + "*", "write")]),
            (f"Read on group '{setup.group}'", [("group", setup.group, "read")]),
            ("Read on topic '", [("topic", topic, "read"), ("topic", out["state"], "read"), ("topic", out["merges"], "read")]),
            (writes, [("topic", out["state"], "write"), ("topic", out["transitions"], "write")]),
            (writes, [("topic", out["alerts"], "write"), ("topic", out["dead_letter"], "write"), ("topic", out["merges"], "write")]),
        )
        for message, grants in steps:
            with self.subTest(message):
                with self.start(setup) as h:
                    code = h.wait_exit(60)
                last = h.log().splitlines()[-1]
                print("    " + last)
                self.assertEqual(code, 77, h.log()[-3000:])
                self.assertIn(f"hotlead: kafka: not permitted: {message}", last)
                self.assertIn("grant it", last)
            BROKER.allow("guest", *grants)
        with self.start(setup) as h:   # exactly what src/THREATS.md lists
            h.wait_ready()
            setup.wait_done(h)
            self.assertEqual(h.stop(), 0, h.log()[-2000:])
        self.assertEqual([o.value["to"] for o in setup.transitions()], ["subscriber", "lead", "mql"])

    def test_without_transactions_the_topic_is_named(self):
        setup = harness.Setup(partitions=2, inputs=["web.engagement"], delivery="low_latency")
        gen_events.produce(BROKER.bootstrap, gen_events.avro_records(one_person(), setup.inputs))
        BROKER.create_topics(*setup.out.values(), partitions=2)
        BROKER.allow("guest", ("topic", setup.id + ".*", "describe"), ("topic", setup.id + ".*", "read"), ("group", setup.group, "read"),
                     *(("topic", setup.out[o], "write") for o in ("state", "alerts", "dead_letter")))
        with self.start(setup) as h:
            self.assertEqual(h.wait_exit(60), 77, h.log()[-3000:])
        self.assertIn(f"not permitted: Write on topic '{setup.out['transitions']}'", h.log().splitlines()[-1])


class Secrets(unittest.TestCase):
    """Everything that a run shows, at the most talkative, is searched for everything that it must not show."""

    def setUp(self):
        self.redis = servers.Redis().start()
        self.addCleanup(self.redis.close)
        self.hidden = {name: secrets.token_hex(10) for name in ("redis", "token", "registry_user", "registry_token")}
        self.hidden |= {"kafka": BROKER.passwords["app"], "key": BROKER.key_password}
        self.redis.call("CONFIG", "SET", "requirepass", self.hidden["redis"])
        schemas = {i: json.loads((harness.ROOT / "schemas" / f"{n}.avsc").read_text())
                   for i, n in ((1, "event"), (2, "stage_transition"), (3, "contact_state"), (4, "alert"))}
        self.registry = servers.Registry(schemas)
        self.registry.__enter__()
        self.addCleanup(self.registry.__exit__)

    def files(self, setup):
        write = lambda name: secret_file(setup.dir, name, self.hidden[name])
        return {"kafka": {**sasl(setup.dir, "PLAIN", "app"), **client_certificate(setup.dir), "debug": "all"}, "log_level": "debug",
                "redis": {"url": self.redis.url, "password_file": write("redis")},
                "schemas": {"registry": self.registry.url, "dir": str(harness.ROOT / "schemas"), "token_file": write("registry_token")},
                "http": {**setup.config["http"], "token_file": write("token")}}

    def assert_silent(self, outputs):
        for where, text in outputs.items():
            self.assertTrue(text, f"nothing was seen of {where}")
            for name, secret in self.hidden.items():
                self.assertNotIn(secret, text, f"the secret '{name}' is in {where}")

    def checked(self, path, *more, env=None):
        got = subprocess.run([harness.binary(), "check", "-c", str(path), *more], capture_output=True, text=True, timeout=60,
                             env={**os.environ, **(env or {})})
        return got.stdout + got.stderr

    def test_a_run_with_secrets_in_files_shows_none(self):
        setup = harness.Setup(partitions=2, inputs=["web.engagement"])
        setup.use_registry(self.registry)
        more = self.files(setup)
        with setup.run(**more) as h:
            h.wait_ready()
            gen_events.produce(BROKER.bootstrap, gen_events.avro_records(one_person(), setup.inputs))
            setup.wait_done(h)
            self.assertEqual(h.get("/v1/model")[0], 401)
            servers.wait_for("the copy in Redis", lambda: h.metric("hotlead_redis_up") == 1, 30)
            pid = h.child.pid
            seen = {"ps": pathlib.Path(f"/proc/{pid}/cmdline").read_text(), "/metrics": h.get("/metrics")[1],
                    "/v1/model": h.get("/v1/model")[1], "/readyz": h.get("/readyz")[1],
                    "environment": pathlib.Path(f"/proc/{pid}/environ").read_text()}
            self.assertEqual(h.stop(), 0, h.log()[-2000:])
            seen["log"] = h.log()
            seen |= {f"check {' '.join(m)}": self.checked(setup.dir / "one.yaml", *m) for m in ((), ("-o", "json"))}
        self.assertIn("facility=SASL", seen["log"], "librdkafka was to tell all")
        self.assert_silent(seen)

    def test_failures_do_not_show_them_either(self):
        setup = harness.Setup(partitions=2, inputs=["web.engagement"])
        setup.use_registry(self.registry)
        more = self.files(setup)
        self.hidden |= {"kafka": "wrong-" + self.hidden["kafka"], "redis": "wrong-" + self.hidden["redis"]}
        more["kafka"]["sasl.password_file"] = secret_file(setup.dir, "kafka-password", self.hidden["kafka"])
        secret_file(setup.dir, "redis", self.hidden["redis"])
        with setup.run(**more) as h:
            self.assertEqual(h.wait_exit(60), 77)
        self.assert_silent({"log": h.log()})
        del more["kafka"]["sasl.password_file"]
        more["kafka"]["sasl.password"] = BROKER.passwords["app"]
        with setup.run(**more) as h:
            servers.wait_for("word of Redis", lambda: "WRONGPASS" in h.log(), 60)
        self.assertIn("sasl.password is readable for all who read this file", h.log())
        self.hidden["kafka"] = BROKER.passwords["app"]
        self.assert_silent({"log": h.log()})

    def test_a_wrong_configuration_is_told_without_its_secrets(self):
        setup, secret = harness.Setup(create=False), self.hidden["redis"]
        wrong = [
            {"kafka": {"sasl.pasword": secret}}, {"kafka": {"sasl.password": [secret]}}, {"kafka": {"sasl.password": {secret: secret}}},
            {"redis": {"url": f"rediss://u:{secret}@h:1/0"}}, {"redis": {"url": f"redis://u:{secret}@h:x/0"}},
            {"redis": {"password": secret}}, {"http": {"token": secret}}, {"schemas": {"registry": f"ftp://u:{secret}@h"}},
            {"schemas": {"registry": f"http://u:{secret}@127.0.0.1:1"}}, {"kafka": {"ssl.key.pem": f"-----BEGIN {secret}"}},
        ]
        for config in wrong:
            with self.subTest(str(config).replace(secret, "SECRET")):
                path = setup.dir / "wrong.yaml"
                path.write_text(yaml.safe_dump({**setup.config, **{k: {**setup.config[k], **v} for k, v in config.items()}}))
                seen = {f"check {' '.join(m)}": self.checked(path, *m) for m in ((), ("-o", "json"))}
                got = subprocess.run([harness.binary(), "run", "-c", str(path)], capture_output=True, text=True, timeout=60, check=False,
                                     env={**os.environ, "HOTLEAD_KAFKA__STARTUP_TIMEOUT": "1s"})
                self.assertNotEqual(got.returncode, 0)
                self.assert_silent({**seen, "run": got.stdout + got.stderr})
                self.assertRegex(seen["check "] + got.stderr, r"wrong\.yaml:\d+:\d+: (error|warning): |redis url: ")
        for variable in ("HOTLEAD_REDIS__URL", "HOTLEAD_SCHEMAS__REGISTRY"):
            path = setup.dir / "wrong.yaml"
            path.write_text(yaml.safe_dump(setup.config))
            text = self.checked(path, env={variable: f"nonsense://u:{secret}@h"})
            self.assertIn("must start with", text)
            self.assert_silent({variable: text})

    def test_a_crash_leaves_no_core_unless_asked_for(self):
        """The kernel tells by the wait status whether it wrote one."""
        setup = harness.Setup(partitions=2, inputs=["web.engagement"])
        dumped = {}
        for allowed in (True, False):
            with setup.run(core_dumps=allowed, core_limit=resource.RLIM_INFINITY) as h:
                h.wait_ready()
                h.child.send_signal(signal.SIGABRT)
                dumped[allowed] = os.WCOREDUMP(os.waitpid(h.child.pid, 0)[1])
                h.child.returncode = -signal.SIGABRT
        if not dumped[True]:
            self.skipTest("this machine writes no cores at all")
        self.assertFalse(dumped[False])


class Http(unittest.TestCase):
    def test_health_is_answered_while_others_hold_connections_and_send_garbage(self):
        setup = harness.Setup(partitions=2, inputs=["web.engagement"])
        with setup.run() as h:
            h.wait_ready()
            port, held = int(setup.config["http"]["listen"].rpartition(":")[2]), []
            for i in range(120):
                s = socket.socket()
                self.addCleanup(s.close)
                s.bind((f"127.0.0.{2 + i % 30}" if i % 2 else "127.0.0.1", 0))   # half of them from the prober's own address
                s.connect(("127.0.0.1", port))
                try:
                    s.sendall((b"", b"GET /metrics HTTP/1.1\r\nHost", b"\x16\x03\x01\r\n\r\n", b"GET /" + b"a" * 40000)[i % 4])
                except OSError:
                    pass   # ended already
                held.append(s)
                if i % 20 == 0:
                    self.assertEqual(h.get("/livez")[0], 200)
            h.wait_ready(10)   # the second worker may join the group only now, and partitions move
            self.assertEqual([h.get(path)[0] for path in ("/livez", "/metrics")], [200, 200])
            self.assertEqual(h.stop(), 0)


if __name__ == "__main__":
    unittest.main()
