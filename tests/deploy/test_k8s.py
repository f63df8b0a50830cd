"""The manifests below k8s/: rendered by kustomize, held against the schemas of three versions of Kubernetes, and against each other and the program."""
import copy
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

import jsonschema
import kubernetes_validate
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
K8S = ROOT / "k8s"
OVERLAYS = ("dev", "production", "autoscaled")
VERSIONS = ("1.31", "1.34", "1.37")
CRDS = {p.stem: json.loads(p.read_text()) for p in (ROOT / "tests/deploy/crd").glob("*.json")}


def binary():
    found = [p for p in (ROOT / "build" / preset / "hotlead" for preset in ("dev", "release", "demo")) if p.exists()]
    return os.environ.get("HOTLEAD") or str(found[0])


@functools.cache
def kustomize():
    """The command that renders, or None: a kustomize, or a kubectl that has one of version 5."""
    local = ROOT / "build/bin/kustomize"
    if local.exists() or shutil.which("kustomize"):
        return [str(local) if local.exists() else "kustomize", "build"]
    if not shutil.which("kubectl"):
        return None
    said = subprocess.run(["kubectl", "version", "--client"], capture_output=True, text=True).stdout
    got = re.search(r"Kustomize Version: v(\d+)", said)
    return ["kubectl", "kustomize"] if got and int(got[1]) >= 5 else None


@functools.cache
def render(folder):
    if kustomize() is None:
        raise unittest.SkipTest("no kustomize, and no kubectl with kustomize 5: tests/run.sh brings one")
    done = subprocess.run([*kustomize(), str(folder)], capture_output=True, text=True, timeout=60)
    if done.returncode or done.stderr:   # kustomize says what is deprecated on stderr
        raise AssertionError(done.stderr)
    return [d for d in yaml.safe_load_all(done.stdout) if d]


def overlay(name):
    return copy.deepcopy(render(K8S / "overlays" / name))


def pick(objects, kind, name=None):
    found = [o for o in objects if o["kind"] == kind and name in (None, o["metadata"]["name"])]
    assert len(found) == 1, f"{kind} {name}: {len(found)}"
    return found[0]


def problems(o):
    """What the schemas say of an object: sentences."""
    if o["kind"] in CRDS:
        return [f"{e.json_path}: {e.message}" for e in jsonschema.Draft202012Validator(CRDS[o["kind"]]).iter_errors(o)]
    wrong = []
    for version in VERSIONS:
        try:
            kubernetes_validate.validate(o, version, strict=True)
        except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as e:
            wrong.append(f"Kubernetes {version}: {e.message}")
    return wrong


def pods(objects):
    """(owner, pod template) of all that runs pods."""
    return [(o, o["spec"]["template"]) for o in objects if o["kind"] in ("StatefulSet", "Deployment", "Job")]


def matches(selector, labels):
    def holds(e):
        return (labels.get(e["key"]) in e.get("values", [])) if e["operator"] == "In" else e["key"] in labels
    return all(labels.get(k) == v for k, v in selector.get("matchLabels", {}).items()) and all(holds(e) for e in selector.get("matchExpressions", []))


class Schemas(unittest.TestCase):
    def everything(self):
        folders = [K8S / "overlays" / o for o in OVERLAYS] + [K8S / "examples/redis-cluster"]
        objects = [(f.name, o) for f in folders for o in render(f)]
        return objects + [("topics.yaml", o) for o in yaml.safe_load_all((K8S / "examples/topics.yaml").read_text())]

    def test_every_object_is_valid_for_three_versions_of_kubernetes(self):
        wrong = [f"{where}: {o['kind']} {o['metadata']['name']}: {p}" for where, o in self.everything() for p in problems(o)]
        self.assertEqual(wrong, [])

    def test_mistakes_are_found(self):
        """A field that does not exist and a value of the wrong type, in one object of each kind."""
        seen = set()
        for _, o in self.everything():
            if o["kind"] in seen:
                continue
            seen.add(o["kind"])
            place = next((k for k in ("spec", "data", "metadata") if k in o), "metadata")
            for broken in ({**o, "no_such_field": 1}, {**o, place: "text"}):
                self.assertTrue(problems(broken), f"{o['kind']}: {list(broken)}")
        self.assertGreaterEqual(len(seen), 15)

    def test_names_are_not_taken_twice(self):
        for name in OVERLAYS:
            keys = [(o["kind"], o["metadata"]["name"]) for o in overlay(name)]
            self.assertEqual(len(keys), len(set(keys)))


class Together(unittest.TestCase):
    """What refers to something refers to something that is there."""

    def test_selectors_select_the_pods(self):
        for name in OVERLAYS:
            objects = overlay(name)
            labels = {o["metadata"]["name"]: t["metadata"]["labels"] for o, t in pods(objects)}
            for o, t in pods(objects):
                self.assertTrue(matches(o["spec"]["selector"], t["metadata"]["labels"]))
                for spread in t["spec"].get("topologySpreadConstraints", []):
                    self.assertTrue(spread["labelSelector"]["matchLabels"].items() <= t["metadata"]["labels"].items())
            for o in objects:
                selector = {"Service": lambda: {"matchLabels": o["spec"]["selector"]}, "PodDisruptionBudget": lambda: o["spec"]["selector"],
                            "NetworkPolicy": lambda: o["spec"]["podSelector"]}.get(o["kind"], lambda: None)()
                if selector is not None:
                    target = "redis" if o["metadata"]["name"] == "redis" else "hotlead"
                    self.assertEqual([n for n, l in labels.items() if matches(selector, l)], [target], f"{name}: {o['kind']} {o['metadata']['name']}")

    def test_volumes_and_accounts_are_there(self):
        for name in OVERLAYS:
            objects = overlay(name)
            there = {(o["kind"], o["metadata"]["name"]) for o in objects}
            secrets = {"hotlead-secrets"} if name != "dev" else set()   # the user's own
            for o, t in pods(objects):
                spec = t["spec"]
                if "serviceAccountName" in spec:
                    self.assertIn(("ServiceAccount", spec["serviceAccountName"]), there)
                for v in spec.get("volumes", []):
                    if "configMap" in v:
                        self.assertIn(("ConfigMap", v["configMap"]["name"]), there)
                    elif v["secret"]["secretName"] not in secrets:
                        self.assertIn(("Secret", v["secret"]["secretName"]), there)
                mounted = {m["name"] for c in spec["containers"] for m in c.get("volumeMounts", [])}
                self.assertEqual(mounted, {v["name"] for v in spec.get("volumes", [])})
            service = pick(objects, "StatefulSet")["spec"]["serviceName"]
            self.assertEqual(pick(objects, "Service", service)["spec"]["clusterIP"], "None")

    def test_prometheus_finds_each_pod_once(self):
        objects = overlay("production")
        monitor = pick(objects, "ServiceMonitor")["spec"]
        chosen = [o for o in objects if o["kind"] == "Service" and matches(monitor["selector"], o["metadata"]["labels"])]
        self.assertEqual([o["metadata"]["name"] for o in chosen], ["hotlead-pods"])
        self.assertIn(monitor["endpoints"][0]["port"], [p["name"] for p in chosen[0]["spec"]["ports"]])
        self.assertEqual(pick(objects, "PrometheusRule")["spec"], yaml.safe_load((K8S / "monitoring/hotlead.rules.yaml").read_text()))
        board = pick(objects, "ConfigMap", "hotlead-dashboard")
        self.assertEqual(board["data"]["grafana-hotlead.json"], (K8S / "monitoring/grafana-hotlead.json").read_text())

    def test_the_autoscaler_scales_what_is_there_by_the_lag_of_its_group(self):
        objects = overlay("autoscaled")
        scaled, sts = pick(objects, "ScaledObject"), pick(objects, "StatefulSet")
        self.assertNotIn("replicas", sts["spec"])   # or every `apply` would scale it back
        target = scaled["spec"]["scaleTargetRef"]
        self.assertEqual((target["kind"], target["name"], scaled["metadata"]["namespace"]), ("StatefulSet", "hotlead", sts["metadata"]["namespace"]))
        config = process_config(objects)
        trigger = scaled["spec"]["triggers"][0]
        self.assertEqual(trigger["metadata"]["consumerGroup"], config["kafka"]["group.id"])
        self.assertEqual(trigger["metadata"]["bootstrapServers"], config["kafka"]["bootstrap.servers"])
        self.assertIn(trigger["metadata"]["topic"], [i["topic"] for i in config["inputs"]])
        self.assertEqual(trigger["authenticationRef"]["name"], pick(objects, "TriggerAuthentication")["metadata"]["name"])
        topics = [o for o in yaml.safe_load_all((K8S / "examples/topics.yaml").read_text()) if o["kind"] == "KafkaTopic"]
        threads = int(environment(sts)["HOTLEAD_THREADS"])
        self.assertLessEqual(scaled["spec"]["maxReplicaCount"] * threads, topics[0]["spec"]["partitions"])

    def test_topics_and_rights_are_those_of_the_configuration(self):
        objects = list(yaml.safe_load_all((K8S / "examples/topics.yaml").read_text()))
        inputs = [i["topic"] for i in process_config(overlay("production"))["inputs"]]
        outputs = {"lead.transitions", "lead.state", "lead.alerts", "lead.dead-letter", "lead.merges"}
        topics = {o["metadata"]["name"]: o["spec"] for o in objects if o["kind"] == "KafkaTopic"}
        self.assertEqual(set(topics), {*inputs, *outputs})
        self.assertEqual(len({t["partitions"] for t in topics.values()}), 1)
        rights = {(a["resource"]["type"], a["resource"]["name"]): set(a["operations"]) for a in pick(objects, "KafkaUser")["spec"]["authorization"]["acls"]}
        wanted = {("topic", t): {"Read"} for t in inputs} | {("topic", t): {"Write"} for t in outputs}
        wanted |= {("topic", "lead.state"): {"Read", "Write"}, ("topic", "lead.merges"): {"Read", "Write"}, ("group", "hotlead"): {"Read"}, ("transactionalId", "hotlead-hotlead-"): {"Describe", "Write"}}
        self.assertEqual(rights, wanted)


def process_config(objects):
    return yaml.safe_load(next(o for o in objects if o["kind"] == "ConfigMap" and "hotlead.yaml" in o["data"])["data"]["hotlead.yaml"])


def environment(sts):
    """The variables of the first pod, as the kubelet would make them."""
    container, env = sts["spec"]["template"]["spec"]["containers"][0], {}
    for e in container["env"]:
        source = e.get("valueFrom", {})
        if "fieldRef" in source:
            assert source["fieldRef"]["fieldPath"] == "metadata.name"
            env[e["name"]] = f"{sts['metadata']['name']}-0"
        elif "resourceFieldRef" in source:
            section, resource = source["resourceFieldRef"]["resource"].split(".")
            cpu = container["resources"][section][resource]
            env[e["name"]] = str(-(-int(cpu[:-1]) // 1000) if cpu.endswith("m") else int(cpu))
        else:
            env[e["name"]] = e["value"]
    return env


class Program(unittest.TestCase):
    """The manifests against the program that they run."""

    def test_hotlead_accepts_each_configuration(self):
        for name in OVERLAYS:
            objects = overlay(name)
            sts = pick(objects, "StatefulSet")
            with tempfile.TemporaryDirectory() as folder:
                secrets = pathlib.Path(folder) / "secrets"
                secrets.mkdir()
                for key in ("http-token", "kafka-password", "redis-password", "kafka-ca.crt"):
                    (secrets / key).write_text("x\n")
                config_map = next(o for o in objects if o["kind"] == "ConfigMap" and "hotlead.yaml" in o["data"])
                for file, text in config_map["data"].items():
                    text = text.replace("/run/secrets/hotlead", str(secrets)).replace("/usr/share/hotlead/schemas", str(ROOT / "schemas"))
                    (pathlib.Path(folder) / file).write_text(text)
                done = subprocess.run([binary(), "check", "--strict", "-c", f"{folder}/hotlead.yaml"], capture_output=True, text=True,
                                      env={**os.environ, **environment(sts)}, timeout=30)
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_the_model_is_the_sample(self):
        self.assertEqual((K8S / "base/config/model.yaml").read_text(), (ROOT / "config/model.yaml").read_text())

    def test_identity_is_the_pods_name_and_secrets_are_files(self):
        for name in OVERLAYS:
            sts = pick(overlay(name), "StatefulSet")
            self.assertEqual(environment(sts)["HOTLEAD_KAFKA__INSTANCE"], "hotlead-0")
            for e in sts["spec"]["template"]["spec"]["containers"][0]["env"]:
                self.assertNotIn("secretKeyRef", json.dumps(e))

    def test_the_probes_ask_what_they_should(self):
        """A Redis or Kafka that is away must never restart a process: liveness is the heartbeat of the threads alone."""
        for name in OVERLAYS:
            c = pick(overlay(name), "StatefulSet")["spec"]["template"]["spec"]["containers"][0]
            asked = {p: c[p]["httpGet"]["path"] for p in ("startupProbe", "livenessProbe", "readinessProbe")}
            self.assertEqual(asked, {"startupProbe": "/livez", "livenessProbe": "/livez", "readinessProbe": "/readyz"})
            default = re.search(r"`kafka.startup_timeout` \| duration \| `(\d+)s`", (ROOT / "config/CONFIGURATION.md").read_text())
            self.assertGreater(c["startupProbe"]["periodSeconds"] * c["startupProbe"]["failureThreshold"], int(default[1]) + 15)

    def test_there_is_time_to_drain(self):
        transaction = max(int(ms) for ms in re.findall(r"kept at (\d+) s", (ROOT / "config/CONFIGURATION.md").read_text()))
        redis = int(re.search(r"MIRROR_CATCH_UP_MS (\d+)", (ROOT / "src/app/engine.c").read_text())[1]) / 1000
        for name in OVERLAYS:
            grace = pick(overlay(name), "StatefulSet")["spec"]["template"]["spec"]["terminationGracePeriodSeconds"]
            self.assertGreaterEqual(grace, 2 * transaction + redis + 10)

    def test_a_changed_model_is_a_roll_out(self):
        if kustomize() is None:
            self.skipTest("no kustomize")
        names = []
        for text in ("", "\n# changed\n"):
            with tempfile.TemporaryDirectory() as folder:
                shutil.copytree(K8S, f"{folder}/k8s")
                with open(f"{folder}/k8s/base/config/model.yaml", "a") as f:
                    f.write(text)
                objects = render(pathlib.Path(folder) / "k8s/overlays/production")
            volumes = pick(objects, "StatefulSet")["spec"]["template"]["spec"]["volumes"]
            names.append(volumes[0]["configMap"]["name"])
        self.assertNotEqual(*names)
        self.assertRegex(names[0], r"^hotlead-config-\w{10}$")


class Restricted(unittest.TestCase):
    """The profile `restricted` of the Pod Security Standards, and what is beyond it."""

    def test_every_pod_keeps_to_it(self):
        objects = [(n, o) for n in OVERLAYS for o in overlay(n)] + [("redis-cluster", o) for o in render(K8S / "examples/redis-cluster")]
        checked = 0
        for name, o in objects:
            for _, template in pods([o]):
                spec, where = template["spec"], f"{name}: {o['metadata']['name']}"
                self.assertFalse({"hostNetwork", "hostPID", "hostIPC"} & spec.keys(), where)
                self.assertLessEqual({k for v in spec.get("volumes", []) for k in v} - {"name"}, {"configMap", "secret", "emptyDir"}, where)
                self.assertEqual((spec["securityContext"]["runAsNonRoot"], spec["securityContext"]["seccompProfile"]), (True, {"type": "RuntimeDefault"}), where)
                self.assertGreater(spec["securityContext"]["runAsUser"], 0, where)
                self.assertFalse(spec["automountServiceAccountToken"], where)
                for c in spec["containers"]:
                    self.assertEqual(c["securityContext"], {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}, where)
                    self.assertTrue(c["resources"]["requests"]["cpu"] and c["resources"]["requests"]["memory"] and c["resources"]["limits"]["memory"], where)
                    checked += 1
        self.assertGreaterEqual(checked, 6)

    def test_the_namespace_enforces_it(self):
        for name in OVERLAYS:
            self.assertEqual(pick(overlay(name), "Namespace")["metadata"]["labels"]["pod-security.kubernetes.io/enforce"], "restricted")

    def test_traffic_is_named(self):
        for name in OVERLAYS:
            policy = pick(overlay(name), "NetworkPolicy")["spec"]
            self.assertEqual(policy["policyTypes"], ["Ingress", "Egress"])
            for rule in policy["ingress"] + policy["egress"]:
                self.assertTrue(rule.get("ports") and (rule.get("from") or rule.get("to")), rule)


if __name__ == "__main__":
    unittest.main()
