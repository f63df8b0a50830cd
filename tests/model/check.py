"""Run spin over the variants of commit.pml: what should hold must hold, and what should break must break as foreseen.

    check.py              all variants
    check.py NAME ...     these, each broken one with its trace in words
Status 0: all as foreseen; 1: not; 77: spin or a C compiler is missing."""
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

MODEL = Path(__file__).resolve().with_name("commit.pml")
MEGABYTES = 700

# name, flags, the promise that breaks (None: all hold)
ONCE, LATENCY, REDIS = [], ["LOW_LATENCY"], ["LOW_LATENCY", "REDIS"]
LOST = "P1: no transition is lost"
HELD = "what was counted below the low-water is held"
BEFORE = "P1: the contact holds exactly what came before"
RESTORED = "P1: what is restored is what was committed"
SILENT = "what is replayed moved no stage"
REPEAT = "P2: no repeat"
ZOMBIE = "a zombie commits nothing"
PREFIX = "the copy is a prefix of the state topic"
OLD_ID = "a repeat has its old id"
VARIANTS = [
    ("exactly_once", ONCE, None),
    ("exactly_once.late_move", [*ONCE, "MOVES=4", "FAULTS=1"], None),
    ("exactly_once.one_contact", [*ONCE, "WHO=0", "MOVES=2", "FAULTS=1"], None),
    ("exactly_once.two_inputs", [*ONCE, "N0=2", "FAULTS=1"], None),
    ("exactly_once.end_txn_sent_twice", [*ONCE, "RESENT", "N=2", "MOVES=3"], None),
    ("exactly_once.redis", [*ONCE, "REDIS", "N=2", "FAULTS=1"], None),
    ("low_latency", LATENCY, None),
    ("low_latency.three_faults", [*LATENCY, "FAULTS=3"], None),
    ("low_latency.two_inputs", [*LATENCY, "N0=2", "IDS_MAY_CHANGE"], None),
    ("low_latency.redis", REDIS, None),
    # holes: an assumption taken away
    ("hole.low_latency_expulsion", [*LATENCY, "EXPEL"], HELD),
    ("hole.low_latency_ids_of_two_inputs", [*LATENCY, "N0=2"], OLD_ID),
    # mutations: mistakes that the design avoids
    ("bad.offsets_outside_the_transaction", [*ONCE, "BAD_OFFSETS_OUTSIDE"], HELD),
    ("bad.low_water_of_the_other_worker", [*ONCE, "BAD_LOW_OF_OTHER"], HELD),
    ("bad.low_water_is_next", [*ONCE, "BAD_LOW_IS_NEXT"], HELD),
    ("bad.applied_offsets_not_checked", [*ONCE, "BAD_NO_APPLIED_CHECK"], BEFORE),
    ("bad.moved_contact_not_written", [*ONCE, "BAD_MOVED_NOT_WRITTEN"], SILENT),
    ("bad.generation_not_checked", [*ONCE, "BAD_NO_GENERATION"], ZOMBIE),
    ("bad.producer_not_renewed_in_doubt", [*ONCE, "BAD_NO_EPOCH", "N=2", "MOVES=3"], REPEAT),
    ("bad.end_txn_sent_twice_unnoticed", [*ONCE, "RESENT", "BAD_RESENT_UNNOTICED", "N=2", "MOVES=3"], REPEAT),
    ("bad.unstable_offsets_read", [*ONCE, "BAD_UNSTABLE_OFFSETS"], ZOMBIE),
    ("bad.state_read_to_last_stable_only", [*ONCE, "BAD_STOP_AT_LAST_STABLE"], RESTORED),
    ("bad.low_latency_state_first", [*LATENCY, "BAD_STATE_FIRST"], LOST),
    ("bad.low_latency_offsets_of_now", [*LATENCY, "BAD_OFFSETS_OF_NOW"], LOST),
    ("bad.low_latency_applied_not_checked", [*LATENCY, "BAD_NO_APPLIED_CHECK"], BEFORE),
    ("bad.low_latency_applied_is_next", [*LATENCY, "N0=2", "IDS_MAY_CHANGE", "BAD_APPLIED_IS_NEXT"], RESTORED),
    ("bad.redis_marker_not_checked", [*REDIS, "BAD_NO_MARKER_CHECK"], PREFIX),
    ("bad.redis_not_checked_after_load", [*REDIS, "BAD_COPY_NOT_CHECKED"], RESTORED),
]


def run(command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def broken_promise(trace):
    said = re.search(r"BROKEN: (.*)", trace)
    return said[1].strip() if said else "something without a name"


def search(flags, folder):
    """What the variant does: (None or the promise it breaks, states, trace)."""
    shutil.copy(MODEL, folder)
    defines = [f"-D{flag}" for flag in flags]
    status, text = run(["spin", "-a", *defines, "commit.pml"], folder)
    if status or "Error" in text:
        return f"spin: {text}", 0, ""
    status, text = run(["cc", "-Werror=int-conversion", "-O1", "-w", "-DSAFETY", "-DCOLLAPSE", f"-DMEMLIM={MEGABYTES}", "-o", "pan", "pan.c"], folder)
    if status:
        return f"cc: {text}", 0, ""
    _, text = run(["./pan", "-m20000", "-w21"], folder)
    count = re.search(r"(\d+) states, stored", text)
    states = int(count[1]) if count else 0
    errors = re.search(r"errors: (\d+)", text)
    if "max search depth too small" in text or "out of memory" in text or not errors:
        return f"pan did not finish: {text}", states, ""
    if errors[1] == "0":
        return None, states, ""
    _, trace = run(["spin", "-t", *defines, "commit.pml"], folder)
    if "assertion violated" not in text:
        return "invalid end state: it stands still before all is out", states, trace
    return broken_promise(trace), states, trace


def words(trace):
    return "\n".join("    " + line.strip() for line in trace.split("#processes")[0].splitlines() if line.strip())


def check(name, flags, expected, talk):
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        broken, states, trace = search(flags, folder)
    good = broken == expected
    print(f"{'ok  ' if good else 'FAIL'} {name}: {'breaks: ' + broken if broken else 'holds'} "
          f"({states} states, {time.monotonic() - began:.1f} s)", flush=True)
    if not good:
        print(f"     expected: {'breaks: ' + expected if expected else 'holds'}; flags: {' '.join(flags)}")
    if trace and (talk or not good):
        print(words(trace))
    return good


def main(names):
    if not shutil.which("spin") or not shutil.which("cc"):
        print("skipped: spin or cc is missing")
        return 77
    unknown = set(names) - {v[0] for v in VARIANTS}
    if unknown:
        print(f"unknown variants: {' '.join(sorted(unknown))}; there are: {' '.join(v[0] for v in VARIANTS)}")
        return 1
    chosen = [v for v in VARIANTS if not names or v[0] in names]
    bad = [v[0] for v in chosen if not check(*v, bool(names))]
    print(f"{len(chosen) - len(bad)} of {len(chosen)} variants as foreseen")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
