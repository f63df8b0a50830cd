"""A real Prometheus that scrapes a running scorer: every query of the dashboard, the alert rules, and the exemplars, as a person would meet them."""
import json
import re
import subprocess
import time
import unittest
import urllib.error
import urllib.parse
import urllib.request

import yaml

import gen_events
import harness
import servers

MONITORING = harness.ROOT / "k8s" / "monitoring"
SECONDS = 8   # while events come in


class Prometheus(servers.Server):
    """Scrapes `target` twice a second as the job `hotlead`, and evaluates the rules of the project every second."""
    name = "prometheus"

    def __init__(self, target):
        super().__init__()
        (self.dir / "prometheus.yml").write_text(yaml.safe_dump({
            "global": {"scrape_interval": "500ms", "evaluation_interval": "1s"}, "rule_files": [str(MONITORING / "hotlead.rules.yaml")],
            "scrape_configs": [{"job_name": "hotlead", "static_configs": [{"targets": [target]}]}]}))

    def command(self):
        return ["prometheus", f"--config.file={self.dir}/prometheus.yml", f"--storage.tsdb.path={self.dir}/data",
                f"--web.listen-address=127.0.0.1:{self.port}", "--enable-feature=exemplar-storage", "--log.level=warn"]

    def ask(self, path, **query):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(query, doseq=True)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as r:
                return json.load(r)["data"]
        except urllib.error.HTTPError as e:
            raise AssertionError(f"{query}: {e.read().decode()}") from None


def filled_in(query):
    """As Grafana would send it: all jobs, all instances."""
    for name, value in (("$job", ".*"), ("$instance", ".*"), ("$__rate_interval", "5s")):
        query = query.replace(name, value)
    assert "$" not in query, query
    return query


def records(setup, began):
    """A workload whose events are traced, each with a trace of its own, spread over SECONDS; every fiftieth is no event, others are of no known type."""
    work = harness.workload(6000, 500)
    for i, (topic, key, value) in enumerate(work.records(setup)):
        time.sleep(max(0.0, began + SECONDS * i / 6000 - time.monotonic()))
        if i % 50 == 7:
            value = b"no event"
        elif i % 50 == 8:
            value = gen_events.AvroEncoder()(harness.event(key, "nobody_knows_this"))
        yield topic, key, value, {"headers": {"traceparent": f"00-{i + 1:032x}-{i + 1:016x}-01"}}


class Monitoring(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.setup = harness.Setup(memory={"max_bytes": "2GiB"})   # so that all there is to see of a bound is there
        cls.scorer = cls.setup.run().wait_ready()
        cls.addClassCleanup(cls.scorer.kill)
        cls.prometheus = Prometheus(cls.scorer.config["http"]["listen"]).start()
        cls.addClassCleanup(cls.prometheus.close)
        gen_events.produce(harness.kafka().bootstrap, records(cls.setup, time.monotonic()))
        cls.setup.wait_done(cls.scorer)
        servers.wait_for("a scrape of what was counted last", lambda: cls.value("sum(hotlead_consumed_total)") == 6000, 20)
        cls.at = time.time()

    @classmethod
    def value(cls, query):
        got = cls.prometheus.ask("query", query=query)["result"]
        return float(got[0]["value"][1]) if got else None

    def test_the_page_is_clean(self):
        page = self.scorer.get("/metrics")[1]
        done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True, text=True, timeout=30)
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_every_query_of_the_dashboard_has_an_answer(self):
        board = json.loads((MONITORING / "grafana-hotlead.json").read_text())
        asked = [(p["title"], t["expr"]) for p in board["panels"] for t in p.get("targets", [])]
        asked += [(a["name"], a["expr"]) for a in board["annotations"]["list"]]
        empty = set()
        for title, query in asked:
            answer = self.prometheus.ask("query_range", query=filled_in(query), start=self.at - SECONDS, end=self.at, step=1)["result"]
            values = [float(v) for series in answer for _, v in series["values"]]
            if not any(v == v for v in values):   # NaN is no answer either: 0 of 0
                empty.add(title)
        # nothing restarts or fires here, no deadline passes in eight seconds and nobody leaves memory: 0 of 0
        shadow = {title for title, _ in asked if title.startswith("Shadow")}   # below: it cannot stand with a bound
        self.assertEqual(empty & shadow, shadow)
        self.assertLessEqual(empty - shadow, {"Restarts", "Alerts that fire", "Deadlines missed", "Fetching from Redis"}, "panels without an answer")

    def test_the_variables_of_the_dashboard_have_values(self):
        for v in json.loads((MONITORING / "grafana-hotlead.json").read_text())["templating"]["list"][1:]:
            series, label = re.fullmatch(r"label_values\((.+), (\w+)\)", filled_in(v["query"]["query"])).groups()
            self.assertTrue(self.prometheus.ask(f"label/{label}/values", **{"match[]": series}), v["name"])

    def test_the_rules_are_evaluated_and_none_fires(self):
        def rules():
            found = [r for g in self.prometheus.ask("rules")["groups"] for r in g["rules"]]
            return found if all(r["health"] != "unknown" for r in found) else None
        found = servers.wait_for("evaluation of the rules", rules, 20)
        self.assertEqual({r["name"]: (r["health"], r.get("lastError")) for r in found if r["health"] != "ok"}, {})
        self.assertEqual([r["name"] for r in found if r["state"] == "firing"], [])
        self.assertGreater(len(found), 10)

    def test_exemplars_lead_to_the_traces_of_causes(self):
        for query, most in (("hotlead_event_latency_seconds_bucket", 120), ("hotlead_transitions_total", 1)):
            found = [(s["seriesLabels"], e) for s in self.prometheus.ask("query_exemplars", query=query, start=self.at - 60, end=self.at)
                     for e in s["exemplars"]]
            self.assertTrue(found, query)
            for series, e in found:
                trace, span = int(e["labels"].pop("trace_id"), 16), int(e["labels"].pop("span_id"), 16)
                self.assertEqual((trace, e["labels"]), (span, {}))
                self.assertTrue(1 <= trace <= 6000 and 0 < float(e["value"]) <= most, (series, e))

    def test_no_label_names_a_contact(self):
        text = json.dumps(self.prometheus.ask("series", **{"match[]": '{job="hotlead"}'}))
        contacts = {m.key().decode() for m in harness.read_all(self.setup.out["transitions"])}
        self.assertGreater(len(contacts), 50)
        self.assertEqual([c for c in contacts if f'"{c}"' in text], [])

    def test_what_prometheus_sums_is_what_came_out(self):
        self.assertEqual(self.value("sum(hotlead_transitions_total)"), len(self.setup.transitions()))
        self.assertEqual(self.value("sum(hotlead_dead_letters_total)"), 120)
        self.assertEqual(self.value("sum(hotlead_events_total)"), 6000)
        self.assertGreaterEqual(self.value("sum(hotlead_unknown_types_total)"), 120)   # the workload has some of its own


class OfAShadow(unittest.TestCase):
    def test_its_page_is_clean_and_its_panels_have_answers(self):
        setup, work = harness.Setup(shadow={"model": "model.yaml"}), harness.workload(6000, 500)
        with setup.run() as h:
            h.wait_ready()
            prometheus = Prometheus(h.config["http"]["listen"]).start()
            self.addCleanup(prometheus.close)
            gen_events.produce(harness.kafka().bootstrap, work.records(setup))
            setup.wait_done(h)
            done = subprocess.run(["promtool", "check", "metrics"], input=h.get("/metrics")[1], capture_output=True, text=True, timeout=30)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))
            queries = [(p["title"], t["expr"]) for p in json.loads((MONITORING / "grafana-hotlead.json").read_text())["panels"] for t in p.get("targets", [])
                       if p["title"].startswith("Shadow")]
            self.assertGreaterEqual(len(queries), 4)
            for title, query in queries:
                servers.wait_for(f"an answer for {title}", lambda: prometheus.ask("query", query=filled_in(query))["result"], 20)
            moved = lambda under: prometheus.ask("query", query=f'sum(hotlead_shadow_transitions_total{{under="{under}"}})')["result"]
            servers.wait_for("moves of both", lambda: float(moved("both")[0]["value"][1]) == h.metric("hotlead_transitions_total"), 20)
            self.assertEqual((moved("live"), moved("shadow")), ([], []))   # the same model


if __name__ == "__main__":
    unittest.main()
