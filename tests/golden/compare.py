#!/usr/bin/env python3
"""The golden files: what simulate says of each model and its events, byte for byte, and the stories, written by hand, line for line.
Usage: compare.py HOTLEAD [--update]: with --update the files that simulate makes are written anew; stories never are."""
import datetime
import difflib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).resolve().parent
EXAMPLES = FOLDER.parent.parent / "config" / "examples"


def simulate(hotlead, model, name, until):
    """Transitions and alerts, as text."""
    with tempfile.TemporaryDirectory() as folder:
        alerts = pathlib.Path(folder) / "alerts"
        got = subprocess.run([hotlead, "simulate", "-m", model, "-o", "json", "--alerts", alerts, *until, FOLDER / f"{name}.events.jsonl"],
                             capture_output=True, text=True, encoding="utf-8", timeout=60)
        if got.returncode != 0:
            sys.exit(f"{name}: exit {got.returncode}\n{got.stderr}")
        return got.stdout, alerts.read_text(encoding="utf-8")


def differ(want, got, name):
    """True, and the difference printed, where they are not the same."""
    sys.stdout.writelines(line.rstrip("\n") + "\n" for line in difflib.unified_diff(want, got, name, "simulate", lineterm=""))
    return want != got


def compare_file(path, got, update):
    if update:
        path.write_text(got, encoding="utf-8")
        return False
    return differ(path.read_text(encoding="utf-8").splitlines(), got.splitlines(), path.name)


# ---- stories

def moment(ms):
    at = datetime.datetime(1970, 1, 1) + datetime.timedelta(milliseconds=ms)
    return at.strftime("%Y-%m-%d %H:%M:%S" if at.second else "%Y-%m-%d %H:%M")   # what time brings about is known to a ms or so


def transition_line(t):
    kind = f" {t['kind']}" if t["to"] == "mql" else ""
    owner = f" {t['owner']}" if t["owner"] else ""
    due = f", due {moment(t['sla_due'])}" if t["sla_due"] is not None else ""
    return " ".join(f"{moment(t['occurred_at'])} {t['from']} -> {t['to']}{kind} {t['cause']} {t['rule'] or ''} [{round(t['score'], 2):g} {t['grade']}]"
                    f"{' suspect' if t['suspect'] else ''}{' visit %d' % t['visit'] if t['visit'] > 1 else ''}{owner}{due}".split())


def alert_line(a):
    return f"{moment(a['at'])} ! {a['sla']} {a['event']}"


def read_story(path):
    """(until, {contact: lines})"""
    until, told, contact = [], {}, None
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.startswith("until "):
            until = ["--until", line.split()[1] + "T00:00:00Z"]
        elif re.match(r"[a-z]+: ", line):
            contact = told.setdefault(line.split(":")[0], [])
        elif line and not line.startswith("#"):
            contact.append(" ".join(line.split()))
    return until, told


def compare_story(path, told, transitions, alerts):
    """Transitions and alerts each in their order; how the two are interleaved at one moment is the story's choice."""
    wrong = False
    contacts = {t["contact_id"] for t in transitions}
    wrong |= differ(sorted(told), sorted(contacts), f"{path.name}: who is in it")
    for contact in sorted(contacts & told.keys()):
        for kind, lines, line_of in (("", transitions, transition_line), (" ! ", alerts, alert_line)):
            want = [line for line in told[contact] if (" ! " in line) == bool(kind)]
            wrong |= differ(want, [line_of(one) for one in lines if one["contact_id"] == contact], f"{path.name}: {contact}{kind}")
    return wrong


def is_clean(hotlead, model):
    got = subprocess.run([hotlead, "check", "--model", model], capture_output=True, text=True, encoding="utf-8", timeout=60)
    clean = got.returncode == 0 and got.stdout.startswith(f"{model}: ok") and "warning" not in got.stdout + got.stderr
    print("" if clean else f"{got.stdout}{got.stderr}", end="")
    return clean


def check_example(hotlead, model, update):
    name = model.stem
    story = FOLDER / f"{name}.story.txt"
    until, told = read_story(story)
    transitions, alerts = simulate(hotlead, model, name, until)
    wrong = compare_file(FOLDER / f"{name}.transitions.jsonl", transitions, update)
    wrong |= compare_file(FOLDER / f"{name}.alerts.jsonl", alerts, update)
    wrong |= compare_story(story, told, [json.loads(t) for t in transitions.splitlines()], [json.loads(a) for a in alerts.splitlines()])
    wrong |= not is_clean(hotlead, model)
    return wrong, len(transitions.splitlines()), len(alerts.splitlines())


def check_small(hotlead, model, update):
    name = model.name.removesuffix(".model.yaml")
    transitions, alerts = simulate(hotlead, model, name, [])
    return compare_file(FOLDER / f"{name}.transitions.jsonl", transitions, update), len(transitions.splitlines()), len(alerts.splitlines())


def main():
    update, wrong = "--update" in sys.argv, 0
    for check, models in ((check_small, sorted(FOLDER.glob("*.model.yaml"))), (check_example, sorted(EXAMPLES.glob("*.yaml")))):
        assert models, "there are no golden files"
        for model in models:
            different, transitions, alerts = check(sys.argv[1], model, update)
            wrong += different
            print(f"{model.name}: {'DIFFERENT' if different else 'ok'}, {transitions} transitions, {alerts} alerts")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
