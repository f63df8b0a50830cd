"""The JSON Schemas for editors: they take the sample files, refuse broken ones, and know every event type and stage of the program."""
import copy
import json
import pathlib
import re
import unittest

import jsonschema
import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
CONFIG = ROOT / "config"
SAMPLES = sorted([*CONFIG.glob("*.yaml"), *(CONFIG / "examples").glob("*.yaml")])


class Loader(yaml.SafeLoader):
    """As editors read YAML 1.2: NO is Norway, and `on` is a key."""


Loader.yaml_implicit_resolvers = {letter: [r for r in resolvers if r[0] not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
                                  for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))


def load(name):
    return yaml.load((CONFIG / name).read_text(encoding="utf-8"), Loader)


def schema(name):
    loaded = json.loads((CONFIG / name).read_text(encoding="utf-8"))
    jsonschema.Draft7Validator.check_schema(loaded)
    return jsonschema.Draft7Validator(loaded)


def names(header, pattern):
    return re.findall(pattern, (ROOT / "include/hotlead/core" / header).read_text(encoding="utf-8"))


class FileSchemas(unittest.TestCase):
    def setUp(self):
        self.config, self.model = schema("hotlead.schema.json"), schema("model.schema.json")

    def refuses(self, validator, good, path, value):
        """The good file with one value replaced (or, for None, removed)."""
        broken = copy.deepcopy(good)
        at = broken
        for key in path[:-1]:
            at = at[key]
        if value is None:
            del at[path[-1]]
        else:
            at[path[-1]] = value
        with self.subTest(path=path, value=value):
            self.assertFalse(validator.is_valid(broken))

    def test_sample_files_are_valid(self):
        for path in SAMPLES:
            validator = self.config if path.name == "hotlead.yaml" else self.model
            with self.subTest(path.name):
                self.assertEqual([e.message for e in validator.iter_errors(load(path.relative_to(CONFIG)))], [])

    def test_sample_files_name_their_schema(self):
        for path in SAMPLES:
            wanted = "hotlead.schema.json" if path.name == "hotlead.yaml" else "model.schema.json"
            wanted = "../" * (len(path.relative_to(CONFIG).parts) - 1) + wanted
            with self.subTest(path.name):
                self.assertIn(f"# yaml-language-server: $schema={wanted}\n", path.read_text(encoding="utf-8"))

    def test_broken_configurations_are_refused(self):
        good = load("hotlead.yaml")
        for path, value in ((("outputz",), {}), (("delivery",), "twice"), (("commit", "max_interval"), 100),
                            (("commit", "max_interval"), "100"), (("checkpoint", "max_share"), 1.5), (("threads",), 0),
                            (("redis", "cluster"), "yes"), (("inputs",), []), (("inputs", 0, "topic"), None),
                            (("inputs", 0, "format"), "xml"), (("inputs", 0, "aliases"), {"Viewed": "page_seen"}),
                            (("inputs", 0, "fields"), {"colour": "x"}), (("inputs", 0, "fields"), {"attributes": {"email": 1}}), (("kafka", "acks"), "all"), (("inputs",), None),
                            (("outputs", "state"), "a topic"), (("outputs", "cloudevents"), True), (("outputs", "format"), "xml"),
                            (("inputs",), {"topic": "web"}), (("kafka", "group.id"), ["a"]), (("checkpoint", "interval"), "10"),
                            (("redis",), "redis://localhost"), (("on_gap",), "ignore"), (("log_level",), "verbose")):
            self.refuses(self.config, good, path, value)

    def test_broken_models_are_refused(self):
        good = load("model.yaml")
        rule = ("behavior", "rules", 0)
        for path, value in ((("model",), None), (("version",), None), (("preset",), "sales"), (("colour",), 1),
                            ((*rule, "points"), None), ((*rule, "points"), "ten"), ((*rule, "name"), None), ((*rule, "on"), "page_seen"),
                            ((*rule, "on"), []), ((*rule, "path"), "pricing"), ((*rule, "max_times"), "3 a day"),
                            ((*rule, "half_life"), 30), (("behavior", "groups", "web", "max"), -1), (("fit", "grades"), {"E": 1}),
                            (("fit", "must_have", 0, "not_in"), None), (("fit", "rules", 2, "between"), [1]),
                            (("fit", "disqualify", 0, "points"), 3), (("thresholds", "mql", "enter"), None),
                            (("hand_raise", 1, "valid_for"), "a month"), (("stages", "sal"), "on"), (("recycle", "cooldown"), 30),
                            (("stages", "extra"), [{"name": "x", "from": "customer", "to": "nowhere"}])):
            self.refuses(self.model, good, path, value)

    def test_every_event_type_and_stage_is_known(self):
        definitions = self.model.schema["definitions"]
        self.assertEqual(definitions["event"]["enum"], names("event.h", r'X\([A-Z_]+, "([a-z_]+)", [A-Z]+\)'))
        self.assertEqual(definitions["stage"]["enum"], names("model.h", r'X\([A-Z]+, "([a-z]+)", -?\d+\)'))


if __name__ == "__main__":
    unittest.main()
