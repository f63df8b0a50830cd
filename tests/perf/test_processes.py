"""perf/run.sh processes without its measurements: several processes are read as one, and a run that consumed a record twice is no measurement."""
import pathlib
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "perf"))
import processes  # noqa: E402
import system  # noqa: E402

TEXT = 'hotlead_transitions_total{from="lead"} %d\nhotlead_contacts %d\nhotlead_events_total{result="scored"} %d'


class Process:
    def __init__(self, at, cpu, consumed, text):
        self.child, self.reading = None, system.Reading(at, cpu, consumed, text) if text else None

    def read(self):
        return self.reading

    def peak_mb(self):
        return 100


def fleet(*consumed):
    return processes.Fleet([Process(i, 1.5, n, TEXT % (1, 2, n)) for i, n in enumerate(consumed)])


class FleetReads(unittest.TestCase):
    def test_sums(self):
        reading = fleet(30, 70).read()
        self.assertEqual((reading.at, reading.cpu, reading.consumed), (1, 3.0, 100))
        self.assertEqual(system.value(reading.text, "hotlead_contacts"), 4)
        self.assertEqual(fleet(30, 70).peak_mb(), 200)

    def test_one_that_does_not_answer(self):
        self.assertIsNone(processes.Fleet([Process(0, 1, 1, TEXT % (1, 1, 1)), Process(0, 1, 1, "")]).read())


class Runs(unittest.TestCase):
    def setUp(self):
        self.bench = processes.Bench(pathlib.Path("build"), None, None, 100)
        self.addCleanup(self.bench.dir.rmdir)

    def test_each_record_once(self):
        self.bench.check(fleet(30, 70).read())
        self.bench.check(fleet(50, 50).read())
        for wrong, why in ((fleet(30, 71).read(), "101 records consumed, 100 are there"), (None, "None records consumed")):
            with self.assertRaisesRegex(system.Failed, why):
                self.bench.check(wrong)

    def test_another_outcome(self):
        self.bench.check(fleet(30, 70).read())
        with self.assertRaisesRegex(system.Failed, "the first run had"):
            self.bench.check(fleet(30, 30, 40).read())


if __name__ == "__main__":
    unittest.main()
