"""perf/run.sh peers without its measurements: what it refuses, when two sets of transitions are the same, and what the report makes of rounds."""
import contextlib
import io
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "perf"))
import peers  # noqa: E402


def move(seq, event, after="lead", score=10.0):
    return peers.Move(seq, "subscriber", after, event, 1000 * seq, score)


EXPECTED = {"ann": [move(1, "e1"), move(2, "e2")], "bo": [move(1, "e3")]}


class SameTransitions(unittest.TestCase):
    def test_equal_ones_have_no_difference(self):
        self.assertIsNone(peers.first_difference(EXPECTED, json.loads(json.dumps(EXPECTED), object_hook=self.moves)))
        self.assertIsNone(peers.first_difference({}, {}))

    @staticmethod
    def moves(contacts):
        return {c: [peers.Move(*m) for m in moves] for c, moves in contacts.items()}

    def test_a_missing_one_is_named(self):
        self.assertEqual(peers.first_difference(EXPECTED, {**EXPECTED, "ann": EXPECTED["ann"][:1]}),
                         "transition 2 of contact ann: subscriber to lead (seq 2, event e2, occurred_at 2000, score 10) expected, got none")

    def test_a_contact_too_many_is_named(self):
        got = peers.first_difference(EXPECTED, {**EXPECTED, "chris": [move(1, "e4")]})
        self.assertEqual(got, "transition 1 of contact chris: none expected, got subscriber to lead (seq 1, event e4, occurred_at 1000, score 10)")

    def test_another_order_is_a_difference(self):
        got = peers.first_difference(EXPECTED, {**EXPECTED, "ann": EXPECTED["ann"][::-1]})
        self.assertRegex(got, r"^transition 1 of contact ann: .*event e1.* expected, got .*event e2")

    def test_a_repeated_one_is_a_difference(self):
        got = peers.first_difference(EXPECTED, {**EXPECTED, "bo": EXPECTED["bo"] * 2})
        self.assertRegex(got, r"^transition 2 of contact bo: none expected")

    def test_another_event_stage_or_score_is_a_difference(self):
        for other in (move(1, "e9"), move(1, "e3", after="mql"), move(1, "e3", score=11.0)):
            self.assertRegex(peers.first_difference(EXPECTED, {**EXPECTED, "bo": [other]}), "^transition 1 of contact bo: ")

    def test_of_several_the_first_contact_is_named(self):
        self.assertIn("contact ann", peers.first_difference(EXPECTED, {}))


class Arguments(unittest.TestCase):
    def refused(self, *args):
        with self.assertRaises(SystemExit) as end, contextlib.redirect_stderr(io.StringIO()) as err:
            peers.arguments(list(args))
        self.assertEqual(end.exception.code, 2)
        return err.getvalue()

    def test_numbers_must_be_whole_and_above_0(self):
        for option in ("--rounds", "--events", "--streams-events", "--contacts", "--seed"):
            for wrong in ("0", "1.5", "many"):
                self.assertIn(f"argument {option}: '{wrong}' is not a whole number above 0", self.refused(option, wrong))

    def test_the_measurements_go_to_a_json_file(self):
        self.assertIn("--json: 'report.md' does not end in .json", self.refused("--json", "report.md"))

    def test_an_unknown_option_is_named(self):
        self.assertIn("unrecognized arguments: --fast", self.refused("--fast"))

    def test_the_script_refuses_what_is_no_measurement(self):
        done = subprocess.run([ROOT / "perf" / "run.sh", "pears"], capture_output=True, text=True)
        self.assertEqual(done.returncode, 64)
        self.assertIn("perf/run.sh peers [--rounds N]", done.stderr)

    def test_rounds_of_other_events_are_not_mixed(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "rounds"
            self.assertEqual(peers.kept_rounds(path, {"events": 2}), [])
            path.write_text('{"settings": {"events": 1}}\n')
            self.assertEqual(len(peers.kept_rounds(path, {"events": 1})), 1)
            with self.assertRaisesRegex(peers.Failed, r"has rounds with \{'events': 1\}, and these are \{'events': 2\}"):
                peers.kept_rounds(path, {"events": 2})


class Readings(unittest.TestCase):
    LINES = ["noise", "progress 0 1000000000 0", "progress 10 2000000000 500000000", "progress 60 3000000000 900000000",
             "end 110 4000000000 1500000000 2048"]

    def test_the_clock_runs_from_the_first_events_to_the_last(self):
        run = peers.figures(*peers.marks(self.LINES, 110))
        self.assertEqual((run["rate"], run["cpu_ns"], run["peak_mb"]), (50, 1e7, 2))
        self.assertEqual((run["warm_rate"], run["warm_cpu_ns"]), (50, 1.2e7))

    def test_events_that_are_missing_or_too_many_are_told(self):
        with self.assertRaisesRegex(peers.Failed, "it ended before all events were done"):
            peers.marks(self.LINES[:-1], 110)
        with self.assertRaisesRegex(peers.Failed, "110 events done, 100 are there"):
            peers.marks(self.LINES, 100)

    def test_a_run_within_one_reading_has_no_rate(self):
        with self.assertRaisesRegex(peers.Failed, "110 events are too few for a rate"):
            peers.marks(self.LINES[-1:], 110)


def a_run(rate, cpu, memory):
    return {"rate": rate, "warm_rate": rate, "cpu_ns": cpu, "warm_cpu_ns": cpu, "peak_mb": memory}


class Report(unittest.TestCase):
    ROUND = {"hotlead": a_run(2000, 10, 100), "flink_1": a_run(800, 25, 500), "flink_2": a_run(1000, 40, 800), "kafka_streams": a_run(50, 200, 300),
             "kafka_streams_100ms": a_run(40, 250, 300)}

    def test_targets_are_held_against_the_better_flink(self):
        by_name = {m["name"]: m for m in peers.measurements([self.ROUND])}
        self.assertEqual([by_name[t.name]["ratio"] for t in peers.TARGETS], [2, 0.4, 0.2, 40])
        self.assertEqual([row.split("|")[-2].strip() for row in peers.target_rows(by_name)], ["met", "not met", "met", "met"])

    def test_every_measurement_has_a_name_of_its_own(self):
        names = [m["name"] for m in peers.measurements([self.ROUND])]
        self.assertEqual(len(names), len(set(names)))

    def test_the_picture_is_xml_with_a_bar_for_each(self):
        tree = xml.etree.ElementTree.fromstring(peers.svg({m["name"]: m for m in peers.measurements([self.ROUND, self.ROUND])}))
        bars = [e for e in tree.iter() if e.tag.endswith("rect")][1:]
        self.assertEqual(len(bars), 3 * len(peers.VARIANTS))
        self.assertEqual(max(float(b.get("width")) for b in bars), float(bars[0].get("width")))
