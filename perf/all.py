"""Every target, its figure and the verdict: runs the benchmarks one after the other, or takes what they wrote before (--from), and writes
a table in Markdown, a picture (SVG) and all measurements (JSON) into perf/results, under the day's date. What has been measured is written after
each part. --brief takes half an hour instead of hours: fewer rounds of fewer events, so that more of each run is its beginning."""
import argparse
import datetime
import html
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from measured import write
from system import ROOT, heading

# what, measurement, field of it, at least or at most, target
TARGETS = [
    ("exactly_once, checkpoints every 30 s, to raw consume", "score_exactly_once", "ratio", ">=", 0.85),
    ("low_latency, to raw consume", "score_low_latency", "ratio", ">=", 0.90),
    ("CPU of an event, to raw consume", "cpu_per_event_ratio", "median", "<=", 1.35),
    ("rate to Flink's, warm halves", "flink", "median", ">=", 2),
    ("CPU of an event to Flink's", "flink_cpu", "median", "<=", 1 / 3),
    ("memory to Flink's", "flink_memory", "median", "<=", 0.25),
    ("rate to that of Kafka Streams exactly_once_v2", "kafka_streams", "median", ">=", 20),
    ("exactly_once, event to transition, p50, ms", "latency_exactly_once_p50", "median", "<=", 15),
    ("exactly_once, p99, ms", "latency_exactly_once_p99", "median", "<=", 40),
    ("exactly_once, p99.9, ms", "latency_exactly_once_p999", "median", "<=", 100),
    ("low_latency, event to transition, p50, ms", "latency_low_latency_p50", "median", "<=", 3),
    ("low_latency, p99, ms", "latency_low_latency_p99", "median", "<=", 10),
    ("low_latency, p99.9, ms", "latency_low_latency_p999", "median", "<=", 30),
    ("memory of a contact, 10 M contacts, bytes", "table_bytes_per_contact", "median", "<=", 240),
    ("Redis memory of a contact, bytes", "redis_bytes_per_contact", "median", "<=", 160),
    ("rate at 10 M contacts, to 100 k", "scale_contacts_many_ratio", "median", ">=", 0.8),
    ("rate with 1,000 rules, to 10", "growth_rules_simulate", "ratio", ">=", 0.85),
    ("rate at a Zipf 1.1 skew, to uniform", "scale_zipf_1.1_ratio", "median", ">=", 0.9),
    ("rate with one contact that has a tenth of the events, to uniform", "scale_hot_ratio", "median", ">=", 0.9),
    ("start to live after kill -9, 10 M contacts, s", "live_after_kill_seconds", "median", "<=", 15),
]
PARTS = {"system": ["--curve"], "latency": [], "restore": ["--contacts", "10000000", "--sources", "live,redis"], "micro": [], "peers": [], "scale": []}
BRIEF = {   # rounds, and what else is different
    "system": (3, []), "latency": (3, ["--seconds", "10"]), "restore": (1, PARTS["restore"]), "micro": (3, []), "peers": (2, []),
    "scale": (1, ["--events", "16000000"]),
}


def run(part, build, rounds, brief):
    """What a benchmark measured; an empty list, said aloud, when it failed."""
    own_rounds, words = BRIEF[part] if brief else (5, PARTS[part])
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "measured.json"
        command = [sys.executable, ROOT / f"perf/{part}.py", "--build", build, "--rounds", rounds or own_rounds, "--json", out, *words]
        began = time.monotonic()
        done = subprocess.run([str(word) for word in command])
        print(f"perf: {part} took {time.monotonic() - began:.0f} s", file=sys.stderr)
        if done.returncode or not out.exists():
            print(f"perf: {part} ended with {done.returncode}", file=sys.stderr)
            return []
        return json.loads(out.read_text())


def rows(measured):
    """(what, target, figure or None, spread, verdict) of each target."""
    by_name = {m["name"]: m for m in measured}
    for what, name, field, relation, target in TARGETS:
        m = by_name.get(name)
        figure = m and m[field]
        met = figure is not None and (figure >= target if relation == ">=" else figure <= target)
        spread = f"{m['min']:,.4g} to {m['max']:,.4g}" if m and field == "median" else f"{m['rounds']} rounds" if m else ""
        yield what, f"{relation} {target:.3g}", figure, spread, "not measured" if figure is None else "met" if met else "missed"


def table(measured):
    lines = ["| what | target | figure | spread | verdict |", "|---|---|---:|---|---|"]
    for what, target, figure, spread, verdict in rows(measured):
        lines.append(f"| {what} | {target} | {'' if figure is None else format(figure, ',.4g')} | {spread} | {verdict} |")
    return "\n".join(lines)


def picture(measured):
    """A bar for each target: how much of it is reached. 100% is the line."""
    found = [(what, figure / target if relation == ">=" else target / figure, figure)
             for (what, name, _, relation, target), (_, _, figure, _, _) in zip(TARGETS, rows(measured)) if figure]
    width, row, left = 900, 26, 430
    scale = (width - left - 90) / 2   # 200% is the end
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {row * len(found) + 40}" font-family="sans-serif" font-size="13">',
           '<title>How much of each target is reached</title>']
    for i, (what, share, figure) in enumerate(found):
        y, colour = 30 + i * row, "#2a7f4f" if share >= 1 else "#b5532a"
        out.append(f'<text x="{left - 8}" y="{y + 14}" text-anchor="end">{html.escape(what)}</text>'
                   f'<rect x="{left}" y="{y}" width="{min(share, 2) * scale:.1f}" height="{row - 8}" fill="{colour}"/>'
                   f'<text x="{left + min(share, 2) * scale + 6:.1f}" y="{y + 14}">{share:.0%} ({figure:,.3g})</text>')
    out.append(f'<line x1="{left + scale}" y1="22" x2="{left + scale}" y2="{30 + row * len(found)}" stroke="#444" stroke-dasharray="4 3"/>'
               f'<text x="{left + scale}" y="16" text-anchor="middle">target</text></svg>')
    return "\n".join(out) + "\n"


def report(measured, args):
    """Write what there is; the text of the page."""
    args.out.mkdir(parents=True, exist_ok=True)
    out = args.out / f"{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d}-all.md"
    text = "\n".join(heading("perf/run.sh all" + " --brief" * args.brief, args.build) +
                     ["", table(measured), "", f"![how much of each target is reached]({out.with_suffix('.svg').name})", ""])
    out.write_text(text)
    out.with_suffix(".svg").write_text(picture(measured))
    write(out.with_suffix(".json"), measured)
    return text


def main():
    p = argparse.ArgumentParser(prog="perf/run.sh all", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, help="of each benchmark (5; with --brief 1 or 3)")
    p.add_argument("--brief", action="store_true", help="half an hour: fewer rounds, fewer events")
    p.add_argument("--only", action="append", choices=PARTS, default=[], help="may be repeated")
    p.add_argument("--from", action="append", dest="files", type=pathlib.Path, default=[], metavar="FILE", help="measurements (JSON) of an earlier run; nothing is run but what --only names")
    p.add_argument("--out", type=pathlib.Path, default=ROOT / "perf/results", help="folder (perf/results)")
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "perf", help=argparse.SUPPRESS)
    args = p.parse_args()
    measured = [m for f in args.files for m in json.loads(f.read_text())]
    for part in args.only or ([] if args.files else PARTS):
        measured += run(part, args.build, args.rounds, args.brief)
        report(measured, args)
    print(report(measured, args))


if __name__ == "__main__":
    main()
