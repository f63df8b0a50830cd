"""Alert rules and their runbook, and what the dashboard asks, without any server: what runs against a real Prometheus is tests/integration/test_monitoring.py."""
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import yaml

ROOT = pathlib.Path(__file__).resolve().parents[2]
MONITORING = ROOT / "k8s" / "monitoring"
RULES = MONITORING / "hotlead.rules.yaml"


def alerts():
    return [r for group in yaml.safe_load(RULES.read_text())["groups"] for r in group["rules"]]


def promtool(*words):
    return subprocess.run(["promtool", *map(str, words)], capture_output=True, text=True, timeout=60)


def metric_families():
    """Names in the table of src/app/metrics.c, as Prometheus shows them."""
    table = re.findall(r'\{"(\w+)", (COUNTER|GAUGE|HISTOGRAM|SUMMARY|INFO),', (ROOT / "src/app/metrics.c").read_text())
    suffixes = {"COUNTER": ["_total"], "GAUGE": [""], "HISTOGRAM": ["_bucket", "_sum", "_count"], "SUMMARY": ["_sum", "_count"], "INFO": ["_info"]}
    return {name: {name + s for s in suffixes[kind]} for name, kind in table}


class Alerts(unittest.TestCase):
    def test_the_rules_are_valid_and_fire_when_they_should(self):
        for words in (("check", "rules", RULES), ("test", "rules", ROOT / "tests/deploy/alerts_test.yaml")):
            done = promtool(*words)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_does_not(self):
        cases = [c for t in yaml.safe_load((ROOT / "tests/deploy/alerts_test.yaml").read_text())["tests"] for c in t["alert_rule_test"]]
        names = {a["alert"] for a in alerts()}
        self.assertEqual({c["alertname"] for c in cases if c.get("exp_alerts")}, names)
        self.assertEqual({c["alertname"] for c in cases if not c.get("exp_alerts")}, names)

    def test_rules_that_never_or_always_fire_fail_their_cases(self):
        with tempfile.TemporaryDirectory() as folder:
            cases, rules = pathlib.Path(folder) / "tests/deploy/alerts_test.yaml", pathlib.Path(folder) / RULES.relative_to(ROOT)
            for path in (cases, rules):
                path.parent.mkdir(parents=True)
            shutil.copy(ROOT / "tests/deploy/alerts_test.yaml", cases)
            for expr in ("vector(1) > 2", "vector(1)"):
                rules.write_text(yaml.safe_dump({"groups": [{"name": "hotlead", "rules": [dict(a, expr=expr) for a in alerts()]}]}))
                done = promtool("test", "rules", cases)
                failed = set(re.findall(r"alertname: ?(\w+)", done.stdout + done.stderr))
                self.assertEqual(failed, {a["alert"] for a in alerts()}, f"{expr}: passes for some")

    def test_each_links_to_its_section_of_the_runbook_and_says_how_bad_it_is(self):
        text = (ROOT / "k8s/RUNBOOK.md").read_text()
        sections = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## |\Z)", text, re.S | re.M))
        self.assertEqual(list(sections), [a["alert"] for a in alerts()], "one section for each alert, in its order")
        for a in alerts():
            self.assertEqual(a["annotations"]["runbook_url"], f"k8s/RUNBOOK.md#{a['alert'].lower()}")
            self.assertIn(a["labels"]["severity"], ("critical", "warning", "info"))
            self.assertTrue(a["annotations"]["summary"] and a["annotations"]["description"])
            for part in ("**Means** ", "**Look at** ", "**Do** "):
                self.assertEqual(sections[a["alert"]].count(part), 1, f"{a['alert']}: {part}")
        for target in re.findall(r"\]\(#(\w+)\)", text):
            self.assertIn(target, [name.lower() for name in sections])

    def test_what_is_named_in_the_runbook_is_there(self):
        """Log lines, configuration keys and panels: a rename must not leave the runbook behind."""
        text = (ROOT / "k8s/RUNBOOK.md").read_text()
        source = "\n".join(p.read_text() for p in (ROOT / "src").rglob("*.c"))
        for line in ("partition_waits_for_schema", "waiting_for_kafka", "worker_starts_over", "input_gap", "member_expelled", "producer_renewed",
                     "redis_copy_discarded", "redis_copy_not_used", "redis_away", "redis_settings"):
            self.assertIn(f"`{line}`", text)
            self.assertIn(f'"{line}"', source)
        titles = {p["title"] for p in json.loads((MONITORING / "grafana-hotlead.json").read_text())["panels"]}
        for panel in re.findall(r"(?<!\*)\*([A-Z][\w ]+)\*(?!\*)", text):
            self.assertIn(panel, titles | {"Restarts"}, "a panel, or the annotation")


class Made(unittest.TestCase):
    def test_what_is_made_from_other_files_is_current(self):
        done = subprocess.run([sys.executable, MONITORING / "make.py", "--check"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_the_prometheusrule_holds_the_rules(self):
        self.assertEqual(yaml.safe_load((MONITORING / "prometheusrule.yaml").read_text())["spec"], yaml.safe_load(RULES.read_text()))


class Dashboard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.board = json.loads((MONITORING / "grafana-hotlead.json").read_text())
        cls.panels = [p for p in cls.board["panels"] if p["type"] != "row"]

    def test_every_panel_has_title_description_unit_and_the_chosen_datasource(self):
        self.assertGreater(len(self.panels), 20)
        for p in self.panels:
            self.assertTrue(p["title"] and p["description"].endswith("."), p["title"])
            self.assertTrue(p["fieldConfig"]["defaults"]["unit"], p["title"])
            for holder in [p, *p["targets"]]:
                self.assertEqual(holder["datasource"], {"type": "prometheus", "uid": "${datasource}"}, p["title"])
        self.assertEqual([v["name"] for v in self.board["templating"]["list"]], ["datasource", "job", "instance"])
        self.assertEqual(len({p["id"] for p in self.board["panels"]}), len(self.board["panels"]))

    def test_panels_lie_side_by_side(self):
        taken = set()
        for p in self.board["panels"]:
            g = p["gridPos"]
            cells = {(x, y) for x in range(g["x"], g["x"] + g["w"]) for y in range(g["y"], g["y"] + g["h"])}
            self.assertFalse(cells & taken, p["title"])
            self.assertLessEqual(g["x"] + g["w"], 24, p["title"])
            taken |= cells

    def test_names_are_those_of_the_table_and_every_metric_is_shown(self):
        families = metric_families()
        known = set().union(*families.values())
        text = "\n".join(t["expr"] for p in self.panels for t in p["targets"])
        asked = set(re.findall(r"\b(?:hotlead|process)_\w+", text))
        rules = set(re.findall(r"\b(?:hotlead|process)_\w+", "\n".join(a["expr"] for a in alerts())))
        self.assertEqual((asked | rules) - known, set())
        self.assertEqual([name for name, shown in families.items() if not shown & asked], [], "a metric that the dashboard does not show")


if __name__ == "__main__":
    unittest.main()
