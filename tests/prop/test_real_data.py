"""A real funnel, by configuration alone: 262,200 events of 13,087 loan applications (BPI Challenge 2012) go through `simulate` with the
mapping, the aliases and the model of tests/prop/loan, and come out where the published counts say. The log is not part of the project: without it
(bpi2012-loan-funnel/events.csv.gz in $HL_SHARED_DATA, or in ../shared/data) the test is skipped. Usage: test_real_data.py HOTLEAD SOURCE_DIR."""
import collections
import csv
import datetime
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HOTLEAD, SOURCE = sys.argv[1], pathlib.Path(sys.argv[2]).resolve()
DATA = pathlib.Path(os.environ.get("HL_SHARED_DATA") or SOURCE.parent / "shared" / "data") / "bpi2012-loan-funnel" / "events.csv.gz"
LOAN = SOURCE / "tests" / "prop" / "loan"
PUBLISHED = {"approved": 2246, "declined": 7635, "cancelled": 2807, "open": 399}
OUTCOME = {"customer": "approved", "disqualified": "declined", "unqualified": "cancelled"}   # of a stage; all others are open
LAST_ACT = {"A_APPROVED": "approved", "A_DECLINED": "declined", "A_CANCELLED": "cancelled"}
# The activity that opens each stage, and what it makes: as many transitions as there are of it in the log, at the very moment.
GATES = {"A_SUBMITTED": "lead", "A_PREACCEPTED": "mql", "A_ACCEPTED": "sal", "A_FINALIZED": "sql", "A_APPROVED": "customer",
         "A_DECLINED": "disqualified", "A_CANCELLED": "unqualified"}


def milliseconds(text):
    moment = datetime.datetime.fromisoformat(text)
    return round((moment - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) / datetime.timedelta(milliseconds=1))


class Loans(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with gzip.open(DATA, "rt", encoding="utf-8", newline="") as f:
            cls.rows = list(csv.DictReader(f))
        with tempfile.TemporaryDirectory() as folder:
            events, state = pathlib.Path(folder) / "loans.jsonl", pathlib.Path(folder) / "state.jsonl"
            with events.open("w", encoding="utf-8") as f:   # field for field, as it stands
                f.writelines(json.dumps(row) + "\n" for row in cls.rows)
            got = subprocess.run([HOTLEAD, "simulate", "-m", LOAN / "model.yaml", "--mapping", LOAN / "mapping.yaml", "-o", "json", "--state",
                                  state, events], capture_output=True, timeout=240, check=True)
            cls.transitions = [json.loads(line) for line in got.stdout.splitlines()]
            cls.stages = {c["contact_id"]: c["stage"] for c in map(json.loads, state.read_text(encoding="utf-8").splitlines())}

    def test_the_log_is_the_published_one(self):
        self.assertEqual((len(self.rows), len({row["case_id"] for row in self.rows})), (262_200, 13_087))
        self.assertEqual({row["timestamp"][-6:] for row in self.rows}, {"+01:00", "+02:00"})

    def test_the_counts_of_each_outcome_are_the_published_ones(self):
        counts = collections.Counter(OUTCOME.get(stage, "open") for stage in self.stages.values())
        for outcome, published in PUBLISHED.items():
            print(f"{outcome:10} {counts[outcome]:6} published {published:6}", flush=True)
        print("open, by stage:", dict(collections.Counter(s for s in self.stages.values() if s not in OUTCOME)), flush=True)
        self.assertEqual(counts, PUBLISHED)

    def test_every_application_ends_where_its_own_log_says(self):
        want = {row["case_id"]: "open" for row in self.rows}
        for row in self.rows:
            if row["activity"] in LAST_ACT:
                want[row["case_id"]] = LAST_ACT[row["activity"]]
        self.assertEqual({case: OUTCOME.get(stage, "open") for case, stage in self.stages.items()}, want)

    def test_each_stage_is_entered_when_its_activity_happens(self):
        for activity, stage in GATES.items():
            want = sorted((row["case_id"], milliseconds(row["timestamp"])) for row in self.rows if row["activity"] == activity)
            got = sorted((t["contact_id"], t["occurred_at"]) for t in self.transitions if t["to"] == stage)
            print(f"{activity:14} {len(want):6} -> {stage:13} {len(got):6}", flush=True)
            self.assertEqual(got, want, activity)


if __name__ == "__main__":
    if not DATA.exists():
        print(f"skipped: {DATA} is not there; HL_SHARED_DATA names another place")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1])
