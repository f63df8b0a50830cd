"""What it costs that people look: how fast `hotlead run` scores a backlog while nobody looks, and while several have the page open.

One broker and one redis-server on loopback, one topic, written once; scoring runs as in perf/run.sh system, delivery exactly_once. Each round has
one run without pages and one with, in an order that turns from round to round; ratios are taken within a round.

A page is what src/app/web/page.js asks for, by a client that reads the answers and shows nothing: /v1/status every 2 s, /v1/rank?limit=15
every 3 s, /v1/funnel every 5 s, each so long after the answer before, and /v1/transitions all the time. The pages are a process of their own. Its
CPU time is told, since it has to come from the same machine; it is not in that of hotlead. The rate of a run depends on how long the broker takes for
its commits, by ten per cent and more; what the pages take of hotlead itself is seen in its threads: looking_..., from their CPU time.
A run with pages in which a page was not answered, or saw no transition, ends the benchmark with status 1, and so does all that ends perf/run.sh system."""
import argparse
import contextlib
import http.client
import multiprocessing
import os
import pathlib
import resource
import shutil
import signal
import statistics
import sys
import threading
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests" / "support"))
import servers  # noqa: E402
import system  # noqa: E402
from measured import write  # noqa: E402
from system import measurement  # noqa: E402

QUESTIONS = {"/v1/status": 2, "/v1/rank?limit=15": 3, "/v1/funnel": 5}   # seconds between an answer and the next question


class Pages:
    """In a process of its own: what the pages have seen."""

    def __init__(self, port, n, end):
        self.port, self.end = port, end
        self.answers = {path: [] for path in QUESTIONS}   # seconds each took
        self.seen = [0] * n                               # transitions
        self.threads = [threading.Thread(target=self.ask, args=(path, pause), daemon=True) for path, pause in QUESTIONS.items() for _ in range(n)]
        self.threads += [threading.Thread(target=self.follow, args=(i,), daemon=True) for i in range(n)]

    def ask(self, path, pause):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        while not self.end.is_set():
            try:
                began = time.monotonic()
                connection.request("GET", path)
                answer = connection.getresponse()
                answer.read()
                if answer.status == 200:
                    self.answers[path].append(time.monotonic() - began)
            except (OSError, http.client.HTTPException):   # it starts, or has ended
                connection.close()
            self.end.wait(pause if self.answers[path] else 0.05)

    def follow(self, i):
        while not self.end.is_set():
            try:
                connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
                connection.request("GET", "/v1/transitions?recent=40")
                answer = connection.getresponse()
                while answer.status == 200 and (data := answer.read1(1 << 16)):
                    self.seen[i] += data.count(b"event: transition")
            except (OSError, http.client.HTTPException):
                pass
            self.end.wait(0.05)


def be_pages(port, n, end, out):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pages = Pages(port, n, end)
    for t in pages.threads:
        t.start()
    end.wait()
    used = resource.getrusage(resource.RUSAGE_SELF)
    out.put({"answers": pages.answers, "seen": pages.seen, "cpu_seconds": used.ru_utime + used.ru_stime})


@contextlib.contextmanager
def looking(port, n, found):
    """n open pages; what they saw is appended to `found`."""
    end, out = multiprocessing.Event(), multiprocessing.Queue()
    child = multiprocessing.Process(target=be_pages, args=(port, n, end, out), daemon=True)
    child.start()
    try:
        yield
    finally:
        end.set()
        found.append(out.get(timeout=30))
        child.join(30)


def check(saw):
    silent = [path for path, seconds in saw["answers"].items() if not seconds]
    if silent or not all(saw["seen"]):
        raise system.Failed(f"the pages had no answer to {silent}, and saw {saw['seen']} transitions")


def round_of(bench, i, pages):
    """{"alone": Run, "pages": Run, "saw": what the pages saw}"""
    found, runs = [], {}
    for name in ("alone", "pages") if i % 2 == 0 else ("pages", "alone"):
        runs[name] = bench.score("exactly_once", looking=(lambda port: looking(port, pages, found)) if name == "pages" else None)
        r = runs[name]
        print(f"round {i + 1} {name}: {r.rate:,.0f}/s, {r.cpu_ns:,.0f} ns, {r.details}", file=sys.stderr)
    check(found[0])
    return {**runs, "saw": found[0]}


def share_of_a_core(run):
    """What answers and gathers for those who look: the threads http and census."""
    threads = run.details["thread_seconds"]
    return (threads["http"] + threads["census"]) / run.details["seconds"]


def measurements(rounds):
    ratio = lambda field: statistics.median(getattr(r["pages"], field) / getattr(r["alone"], field) for r in rounds)
    out = [measurement("score_alone", "events/s", [r["alone"].rate for r in rounds]),
           measurement("score_with_pages", "events/s", [r["pages"].rate for r in rounds], "score_alone", ratio("rate")),
           measurement("cpu_alone", "ns/event", [r["alone"].cpu_ns for r in rounds]),
           measurement("cpu_with_pages", "ns/event", [r["pages"].cpu_ns for r in rounds], "cpu_alone", ratio("cpu_ns")),
           measurement("looking_alone", "cores", [share_of_a_core(r["alone"]) for r in rounds]),
           measurement("looking_with_pages", "cores", [share_of_a_core(r["pages"]) for r in rounds]),
           measurement("transitions_seen_by_a_page", "1", [statistics.mean(r["saw"]["seen"]) for r in rounds]),
           measurement("cpu_of_the_pages", "s", [r["saw"]["cpu_seconds"] for r in rounds])]
    for path in QUESTIONS:
        name = path.split("/")[2].split("?")[0]
        out.append(measurement(f"answer_{name}", "ms", [1e3 * statistics.median(r["saw"]["answers"][path]) for r in rounds]))
        out.append(measurement(f"slowest_answer_{name}", "ms", [1e3 * max(r["saw"]["answers"][path]) for r in rounds]))
    return out


def markdown(results, rounds, args, load):
    by_name = {m["name"]: m for m in results}
    details = rounds[0]["alone"].details
    lines = system.heading("perf/run.sh page", args.build) + [
        f"{args.events:,} events, {details['contacts']:,} contacts, {details['transitions']:,} transitions, {system.PARTITIONS} partitions, {system.WORKERS} workers; "
        f"{len(rounds)} rounds; {args.pages} open pages. Broker, Redis and the pages on the same machine; load average {load[0]:.1f} before, {os.getloadavg()[0]:.1f} after.", "",
        f"With {args.pages} pages open it scores {by_name['score_with_pages']['ratio']:.1%} of the events a second that it scores alone, with "
        f"{by_name['cpu_with_pages']['ratio']:.1%} of the CPU time of an event (medians of rounds; the runs without pages are "
        f"{by_name['score_alone']['max'] / by_name['score_alone']['min'] - 1:.0%} apart among themselves). The threads that answer and gather for them (http, census) took "
        f"{by_name['looking_with_pages']['median']:.1%} of a core, {by_name['looking_alone']['median']:.1%} without pages, where /metrics alone is read.", "",
        "| | median | min | max | unit | to alone |", "|---|---:|---:|---:|---|---:|"]
    lines += [f"| {m['name']} | {m['median']:,.5g} | {m['min']:,.5g} | {m['max']:,.5g} | {m['unit']} | {m['ratio'] or ''} |" for m in results]
    lines += ["", "| round | alone, events/s | with pages, events/s | ratio | CPU ratio |", "|---:|---:|---:|---:|---:|"]
    lines += [f"| {i + 1} | {r['alone'].rate:,.0f} | {r['pages'].rate:,.0f} | {r['pages'].rate / r['alone'].rate:.3f} | {r['pages'].cpu_ns / r['alone'].cpu_ns:.3f} |"
              for i, r in enumerate(rounds)]
    return "\n".join(lines + ["", "What was measured:", "", "```", __doc__.strip(), "```"])


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))   # so that servers are stopped
    p = argparse.ArgumentParser(prog="perf/run.sh page", description="Scoring while the page is open, and while it is not.")
    p.add_argument("--rounds", type=int, default=5)
    p.add_argument("--events", type=int, default=12_000_000)
    p.add_argument("--contacts", type=int, default=500_000)
    p.add_argument("--pages", type=int, default=3)
    p.add_argument("--json", type=pathlib.Path, help="write the measurements here")
    p.add_argument("--build", type=pathlib.Path, default=ROOT / "build" / "perf", help=argparse.SUPPRESS)
    args = p.parse_args()
    load = os.getloadavg()
    with system.broker() as kafka, servers.Redis() as redis:
        bench = system.Bench(args.build, kafka, redis, args.events)
        kafka.create_topics(system.TOPIC, partitions=system.PARTITIONS)
        bench.write(args.events, args.contacts, 1)
        try:
            bench.score("exactly_once")   # warms the broker and the page cache
            rounds = [round_of(bench, i, args.pages) for i in range(args.rounds)]
        except system.Failed as e:
            sys.exit(f"perf: {e}")
        finally:
            shutil.rmtree(bench.dir, ignore_errors=True)
    results = measurements(rounds)
    write(args.json, results)
    print(markdown(results, rounds, args, load))


if __name__ == "__main__":
    main()
