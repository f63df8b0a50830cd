"""`hotlead simulate` and the plain reference (tests/support/reference.py) say the same: random models on random streams, with
late, repeated and machine events, unknown types and gaps of weeks, so that time acts, and answers before and after deadlines.
Usage: test_against_reference.py HOTLEAD. HL_SEED: the first case; HL_CASES: how many. Exit 77 (skipped): PyYAML is not there.
A case that differs is made small and printed as a model and its events."""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
try:
    import reference
except ImportError as why:
    print("skipped:", why, "for", sys.executable, "(HL_PYTHON names the interpreter of a virtual environment that has it)")
    sys.exit(77)

SECOND, HOUR, DAY = 1000, 3_600_000, 86_400_000
START = 1_767_225_600_000
ANY_PATH = ["/", "/pricing", "/pricing/enterprise?x=1", "/docs/start#top", "https://www.example.com",
            "https://a.example/pricing?q", "no path", "//host/pricing", ""]
GLOBS = {"path": ["/pricing*", "/", "*", "/docs/?tart", "/*/*", "/Pricing"], "asset": ["ebook/*", "*.pdf", "*", "guide?"],
         "campaign": ["spring-*", "*", "autumn"], "source": ["google", "*", "partner/*"]}
TEXTS = {"asset": ["ebook/a.pdf", "guide1", "guide\u00e9", "", None], "campaign": ["spring-1", "autumn", None, None],
         "source": ["google", "partner/acme", "", None], "form": ["demo", "quote", "news", None], "url": ANY_PATH + [None]}
VALUES = {"email": ["ann@acme.example", "bo@GMAIL.com", "chris@rival.example", "no-at-sign", "@", "x@ spaced.example ", ""],
          "country": ["US", "us ", "GB", "NO", "ZZ", ""],
          "title": ["VP Sales", "Student", "vp", "student of law", "Chief \u00c9tudes", ""],
          "size": ["1", "50", "100.5", " 250 ", "+7", "many", "1e3", "-3", ""],
          "email_domain": ["given.example", "gmail.com", ""],
          "budget": ["10", "20000", "none"]}
STREAM_TYPES = ("page_viewed form_submitted file_downloaded link_clicked video_watched webinar_registered demo_requested "
                "trial_started meeting_booked email_opened email_clicked email_unsubscribed event_attended list_imported "
                "contact_identified").split()
SALES_TYPES = ("lead_accepted lead_rejected sales_contact_made quote_requested opportunity_opened opportunity_won "
               "opportunity_lost advocacy_given owner_assigned owner_assigned").split()
OWNERS = ["rep-1", "rep-2", "rep-3", "", "", "", "J\u00f8rgen", "\u00e6" * 127 + "xy", "r" * 254 + "\u00e6", " "]
SCORABLE = sorted(reference.SCORABLE)


class Maker:
    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.names = 0

    def chance(self, p):
        return self.rng.random() < p

    def name(self, what):
        self.names += 1
        return f"{what}-{self.names}"

    def duration(self):
        return self.rng.choice(["1h", "12h", "1d", "3d", "7d", "14d", "30d", "90d", "90s"])

    # -- the model

    def condition(self, attributes=("email", "country", "title", "size", "email_domain")):
        rng, c = self.rng, {"attribute": self.rng.choice(list(attributes))}
        pool = VALUES[c["attribute"]]
        tests = ["in", "not_in", "equals", "exists", "between", "at_least", "at_most", "matches"]
        for test in rng.sample(tests, rng.choice([1, 1, 1, 2])):
            if test in ("in", "not_in"):
                c[test] = rng.choice(["$words", rng.sample([v for v in pool if v], 2), ["$words", "US"], "ann@acme.example"])
            elif test == "equals":
                c[test] = rng.choice([v for v in pool if v]).upper()
            elif test == "exists":
                c[test] = rng.choice(["true", "true", "false"])
            elif test == "matches":
                c[test] = rng.choice(["(?i)\\bstudent\\b", "^VP", "e", "[0-9]{2}", "@.*\\.example$", "^.?$"])
            elif test == "between" and not {"at_least", "at_most"} & c.keys():
                c[test] = [1, rng.choice([50, 250])]
            elif test in ("at_least", "at_most") and "between" not in c:
                c[test] = {"at_least": 7, "at_most": 100}[test]
        return c if len(c) > 1 else {**c, "exists": "true"}

    def match(self, crm=0.05):
        rng, m = self.rng, {}
        if self.chance(0.85):
            types = ["page_viewed", "form_submitted", "file_downloaded", "email_clicked"] * 2 + STREAM_TYPES
            m["on"] = rng.choice(types) if self.chance(0.7) else rng.sample(sorted(set(types)), 3)
            if self.chance(crm):
                m["on"] = rng.choice(["score_adjusted", "stage_set", "lead_rejected", "owner_assigned", "sales_contact_made"])
        for key, globs in GLOBS.items():
            if self.chance(0.15):
                m[key] = rng.choice(globs)
        if self.chance(0.15):
            m["form"] = rng.choice(["demo", ["demo", "quote"]])
        if self.chance(0.12):
            one = self.chance(0.7)
            m["where"] = self.condition(("budget", "country", "size")) if one else [self.condition(), self.condition()]
        return m

    def score_rule(self, groups):
        rng = self.rng
        rule = {"name": self.name("rule"), **self.match(), "points": rng.choice([1, 3, 5, 10, 10, 20, 40, 2.25, -5, -20])}
        if groups and self.chance(0.4):
            rule["group"] = rng.choice(sorted(groups))
        if self.chance(0.25):
            rule["half_life"] = self.duration()
        if self.chance(0.25):
            rule["max_times"] = f"{rng.choice([1, 2, 3])} per {rng.choice(['1h', '1d', '7d'])}"
        return rule

    def thresholds(self):
        """Beside what sums of points can be, so that no rounding decides."""
        rng, out = self.rng, {}
        for key, enters in (("mql", [5, 15, 30]), ("sql", [20, 40, 60])):
            if self.chance(0.85):
                enter = rng.choice(enters) + 0.517
                out[key] = {"enter": enter}
                if self.chance(0.75):
                    out[key]["exit"] = round(enter - rng.choice([0, 2, 3, enter / 2 // 1]), 3)
        return out

    def edge(self):
        to = self.rng.choice(reference.STAGES)
        stages = [s for s in reference.STAGES if s not in (to, "disqualified")]
        match = self.match(crm=0.2)
        return {"name": self.name("edge"), "from": self.rng.sample(stages, self.rng.choice([1, 2, 5])), "to": to, **match}

    def latches(self, what, p):
        rules = []
        while self.chance(p) and len(rules) < 3:
            rules.append({"name": self.name(what), **self.match()})
            if self.chance(0.7):
                rules[-1]["valid_for"] = self.duration()
        return rules

    def fit(self):
        rng, fit = self.rng, {}
        for key, p in (("must_have", 0.45), ("disqualify", 0.12), ("suspect", 0.2)):
            if self.chance(p):
                fit[key] = [{"name": self.name(key), **self.condition()} for _ in range(rng.choice([1, 1, 2]))]
        if self.chance(0.8):
            fit["rules"] = [{"name": self.name("fit"), **self.condition(), "points": rng.choice([5, 10, 15, -10, 0.5])}
                            for _ in range(3)]
        if self.chance(0.6):
            fit["grades"] = {"A": 20, "B": 10, "C": 0.25}
        return fit

    def agreement(self):
        """within: from shorter than most gaps between events to longer than all."""
        rng, rule = self.rng, {"name": self.name("sla"), "stage": "mql"}
        if self.chance(0.4):
            rule["stage"] = rng.choice([stage for stage in reference.STAGES if stage not in ("anonymous", "disqualified")])
        elif self.chance(0.5):
            rule["kind"] = rng.choice(["active", "passive"])
        return {**rule, "within": rng.choice(["1s", "90s", "5m", "1h", "8h", "1d", "3d", "14d", "8w"])}

    def desk(self):
        rng = self.rng
        rule = {"to": rng.sample([name for name in OWNERS if name.strip() and len(name.encode()) < 256], rng.choice([1, 2, 3]))}
        if self.chance(0.6):
            rule["when"] = self.condition() if self.chance(0.6) else [self.condition(), self.condition()]
        if self.chance(0.6):
            rule["by"] = rng.choice(["weight", "weight", "round_robin"])
        if rule.get("by") == "weight":
            rule["weights"] = [rng.choice([1, 2, 7, 1_000_000]) for _ in rule["to"]]
        return rule

    def model(self):
        rng = self.rng
        groups = {name: rng.choice([{"max": 12}, {"max": 30}, {}]) for name in ("web", "mail") if self.chance(0.6)}
        behavior = {"groups": groups, "rules": [self.score_rule(groups) for _ in range(rng.choice([1, 3, 6, 10]))]}
        if self.chance(0.85):
            behavior["half_life"] = self.duration()
        words = ["US", " gb", "acme.example", "Student", "50"]
        m = {"model": "random", "version": "1", "lists": {"words": words}, "fit": self.fit(), "behavior": behavior,
             "hand_raise": self.latches("hand", 0.6), "thresholds": self.thresholds()}
        if self.chance(0.5):
            m.update(preset="score-driven", qualify=self.latches("qualify", 0.5))
            if not m["qualify"] and "sql" not in m["thresholds"]:
                m["thresholds"]["sql"] = {"enter": 25.517, "exit": 20.517}
        stages = {"sal": rng.choice(["true", "false"])}
        if self.chance(0.5):
            stages["facts_valid_for"] = self.duration()
        if self.chance(0.35):
            stages["extra"] = [self.edge() for _ in range(rng.choice([1, 2]))]
        m["stages"] = stages
        if self.chance(0.6):
            m["recycle"] = {"cooldown": self.duration(), "reset_behavior": rng.choice(["true", "false"])}
        if self.chance(0.3):
            m["subscribe"] = {"on": rng.sample(SCORABLE, 3)}
        m["sla"] = [self.agreement() for _ in range(rng.choice([0, 1, 1, 2, 3, 6]))]
        if self.chance(0.6):
            m["voids"] = {"keep": rng.choice([1, 3, 8, 32])}
        m["routing"] = [self.desk() for _ in range(rng.choice([0, 1, 1, 2, 3]))]
        if not groups:
            del behavior["groups"]
        return {k: v for k, v in m.items() if v not in ({}, [])}

    # -- the stream

    def stream(self):
        rng, now, events, recent = self.rng, START + self.rng.randrange(DAY), [], {}
        contacts = [f"c{i}" for i in range(rng.choice([1, 3, 6]))]
        sales, voids = rng.choice([0.05, 0.15, 0.3]), rng.choice([0, 0.05, 0.3])
        merges = rng.choice([0, 0, 0.02, 0.1])
        for i in range(rng.choice([20, 60, 120])):
            now += int(rng.choice([0, 1, 60 * SECOND, HOUR, 8 * HOUR, DAY, DAY, 3 * DAY, 21 * DAY]) * rng.random())
            contact = rng.choice(contacts)
            old = recent.setdefault(contact, [])
            ev = dict(rng.choice(old)) if old and self.chance(0.05) else self.event(f"e{i}", contact, now, sales)
            if old and self.chance(voids):
                ev = {"event_id": f"e{i}", "contact_id": contact, "occurred_at": now, "type": "event_voided",
                      "attributes": {"event_id": rng.choice(old[-4:])["event_id"]}}
            elif self.chance(merges):
                ev = {"event_id": f"e{i}", "contact_id": contact, "occurred_at": now, "type": "contact_merged", "attributes": {"into": rng.choice(contacts)}}
            elif ev["type"] == "contact_identified" and self.chance(merges * 5):
                ev["attributes"] = {**(ev.get("attributes") or {}), "anonymous_id": rng.choice(contacts + ["never seen", ""])}
            old.append(ev)
            del old[:-12]
            events.append(ev)
        until = now + rng.choice([0, DAY, 40 * DAY]) if self.chance(0.6) else None
        return events, until

    def event(self, event_id, contact, now, sales):
        rng, own = self.rng, {}
        kind = rng.choice(SALES_TYPES) if self.chance(sales) else rng.choice(STREAM_TYPES + ["page_viewed", "form_submitted"] * 3)
        if self.chance(0.06):
            kind = rng.choice(["stage_set"] * 2 + ["score_adjusted"] * 3 + ["lead_disqualified", "not_a_type", "contact_erased"])
        late = int(rng.choice([SECOND, HOUR, 2 * DAY, 20 * DAY]) * rng.random()) if self.chance(0.2) else 0
        ev = {"event_id": event_id, "contact_id": contact, "occurred_at": now - late, "type": kind, "machine": self.chance(0.03)}
        for key, pool in TEXTS.items():
            value = rng.choice(pool) if self.chance(0.5) else None
            if value is not None:
                ev[key] = value
        if self.chance(sales / 3):
            ev["type"] = kind = "owner_assigned"
        if kind in reference.SETS_ATTRIBUTES or self.chance(0.1):
            own = {key: rng.choice(pool) for key, pool in VALUES.items() if self.chance(0.4)}
        if kind == "score_adjusted":
            own["points"] = rng.choice(["5", "-7.25", " 12.5", "-20", "oops", "1e2"])
        if kind == "owner_assigned" and self.chance(0.9):
            own["owner"] = rng.choice(OWNERS)
        if kind == "stage_set":
            own["stage"] = rng.choice(reference.STAGES + ["mql"] * 3 + ["champion", "MQL"])
            if self.chance(0.4):
                own["kind"] = rng.choice(["active", "passive"])
        if own:
            ev["attributes"] = own
        return ev


# ---------------------------------------------------------------- the two programs

ROWS = set("1a 1b 2 3 4 5 6 7 8 9 10 11 12 13 14 15a 15b 16-18 19".split()) | {"time 5", "time 6", "void 5", "void 6", "void back", "merge"}
ENDS = {"breached", "met: moved", "met: stays mql", "met: at once", "no word", "runs on"}
fired, ended = set(), set()


class Watched(reference.Scorer):
    """Notes the rows that fire, the ways in which clocks end, and how fast the score falls (points a millisecond) where time moves
    a contact: the two may differ by 0.001 points' worth of time."""

    def _make(self, c, move, ev):
        fired.add("void " + move.row if move.cause == "void" else move.row if ev else "time " + move.row)
        fall = None if ev else c.score(self.m, c.clock - 500) - c.score(self.m, c.clock + 500)
        super()._make(c, move, ev)
        self.transitions[-1]["may_differ_ms"] = None if fall is None else max(1.0, 0.001 / max(fall / 1000, 1e-12))
        self.transitions[-1]["due_seq"] = min(c.running, key=lambda run: run.due).seq if c.running else None

    def _end_clocks(self, c, stage, move, ev, score):
        running, told = len(c.running), len(self.alerts)
        super()._end_clocks(c, stage, move, ev, score)
        if c.stage == stage and c.running:
            ended.add("runs on")
        if running - len(c.running) > len(self.alerts) - told:
            ended.add("no word")

    def _answered(self, c, run, at, score):
        super()._answered(c, run, at, score)
        ended.add("met: at once" if at < run.since else "met: stays mql" if c.stage == "mql" == run.rule.stage else "met: moved")

    def _alert(self, c, run, event, at, score):
        super()._alert(c, run, event, at, score)
        self.alerts[-1]["seq"] = run.seq
        if event == "breached":
            ended.add(event)


def run_reference(model, events, until):
    scorer = Watched(json.dumps(model), time_acts=True)
    for ev in events:
        scorer.apply(ev)
    if until is not None:
        scorer.advance_to(until)
    return scorer


class Binary:
    def __init__(self, path, folder):
        self.path, self.folder = path, pathlib.Path(folder)

    def run(self, model, events, until):
        """transitions, alerts, states by contact"""
        model_file, events_file, states, alerts = (self.folder / n for n in ("model.yaml", "events.jsonl", "state.jsonl", "alerts.jsonl"))
        model_file.write_text(json.dumps(model))
        events_file.write_text("".join(json.dumps(ev) + "\n" for ev in events))
        command = [self.path, "simulate", "-m", model_file, "-o", "json", "--state", states, "--alerts", alerts]
        command += ["-t", str(1 + len(events) % 3)] + (["--until", str(until)] if until is not None else [])
        got = subprocess.run(command + [events_file], capture_output=True, text=True, encoding="utf-8", timeout=120)
        assert got.returncode == 0, f"exit {got.returncode}: {got.stderr}"
        lines = lambda text: [json.loads(line) for line in text.splitlines()]
        return lines(got.stdout), lines(alerts.read_text("utf-8")), {s["contact_id"]: s for s in lines(states.read_text("utf-8"))}


SAME = ["seq", "from", "to", "kind", "direction", "cause", "rule", "visit", "trigger_event_id", "grade", "suspect", "owner"]
SAME_ALERT = ["alert_id", "contact_id", "sla", "event", "stage", "owner"]


def close(want, got, keys, where):
    for key in keys:
        if abs(want[key] - got[key]) > 0.01:
            return f"{where}: {key} is {got[key]}, the reference says {want[key]}"
    return None


def compare_contact(name, want, got, shift):
    """shift: becomes, for each seq, by how much the clocks of the two are apart."""
    slack = 0.0   # ms by which the clocks of the two may be apart since time moved the contact
    for w, g in zip(want, got):
        where = f"transition {name}:{w['seq']}"
        for key in SAME:
            if w[key] != g[key]:
                return f"{where}: {key} is {g[key]!r}, the reference says {w[key]!r}\n  {g}\n  {w}"
        slack = w["may_differ_ms"] or slack
        if w["occurred_at"] != g["occurred_at"] and abs(w["occurred_at"] - g["occurred_at"]) > slack:
            return f"{where}: occurred_at is {g['occurred_at']}, the reference says {w['occurred_at']} (may differ by {slack} ms)"
        wrong = close(w, g, ["score", "fit", "behavior"], where)
        if wrong:
            return wrong
        shift[w["seq"]] = g["occurred_at"] - w["occurred_at"]
        due = w["sla_due"] and w["sla_due"] + shift[w["due_seq"]]
        if due != g["sla_due"]:
            return f"{where}: sla_due is {g['sla_due']}, the reference says {due}\n  {g}\n  {w}"
    if len(want) != len(got):
        more = max(want, got, key=len)[min(len(want), len(got))]
        return f"{name} has {len(got)} transitions, the reference says {len(want)}; the first one more: {more}"
    return None


def compare_alerts(name, want, got, shift):
    for w, g in zip(want, got):
        where = f"alert {w['alert_id']}"
        for key in SAME_ALERT:
            if w[key] != g[key]:
                return f"{where}: {key} is {g[key]!r}, the reference says {w[key]!r}\n  {g}\n  {w}"
        apart = shift[w["seq"]]
        for key in ("due_at", "at"):
            if g[key] - w[key] != apart and not (w["event"] == "met" and key == "at" and g[key] == w[key]):
                return f"{where}: {key} is {g[key]}, the reference says {w[key] + apart}\n  {g}\n  {w}"
        wrong = close(w, g, ["score"], where)
        if wrong or g.keys() != w.keys() - {"seq"}:
            return wrong or f"{where}: fields are {sorted(g)}"
    if len(want) != len(got):
        more = max(want, got, key=len)[min(len(want), len(got))]
        return f"{name} has {len(got)} alerts, the reference says {len(want)}; the first one more: {more}"
    return None


def compare_state(name, scorer, got):
    want = scorer.state(name, max(scorer.stream_time, 0))
    for key in ("stage", "kind", "visit", "seq", "grade", "owner", "suspect"):
        if want[key] != got[key]:
            return f"state of {name}: {key} is {got[key]!r}, the reference says {want[key]!r}"
    rows = {row["rule"]: row for row in got["rows"]}
    if rows.keys() != want["rows"].keys():
        return f"state of {name}: rows {sorted(rows)}, the reference says {sorted(want['rows'])}"
    for rule, points in want["rows"].items():
        if abs(rows[rule]["points"] - points) > 0.01 or rows[rule]["count"] != scorer.contacts[name].rows[rule].count:
            return f"state of {name}: {rows[rule]}, the reference says {points} of {scorer.contacts[name].rows[rule].count}"
    return close(want, got, ["score", "fit", "behavior"], f"state of {name}")


def difference(binary, model, events, until):
    """What the two programs say differently; None: nothing."""
    scorer = run_reference(model, events, until)
    transitions, alerts, states = binary.run(model, events, until)
    if states.keys() != scorer.living():
        return f"contacts {sorted(states)}, the reference says {sorted(scorer.living())}"
    of = lambda them, name: [t for t in them if t["contact_id"] == name]
    for name in sorted(states):
        shift = {}
        wrong = (compare_contact(name, of(scorer.transitions, name), of(transitions, name), shift)
                 or compare_alerts(name, of(scorer.alerts, name), of(alerts, name), shift)
                 or compare_state(name, scorer, states[name]))
        if wrong:
            return wrong
    by_events = lambda them: [(t["contact_id"], t["seq"]) for t in them if t["trigger_event_id"] is not None]
    if by_events(transitions) != by_events(scorer.transitions):
        return "the transitions come in another order"
    moved = {t["contact_id"] for t in scorer.transitions if t["trigger_event_id"] is None}   # their moments may differ
    in_order = lambda them: [a["alert_id"] for a in them if a["contact_id"] not in moved]
    return None if in_order(alerts) == in_order(scorer.alerts) else "the alerts come in another order"


# ---------------------------------------------------------------- making a case small

def fails(binary, case):
    try:
        return difference(binary, *case) is not None
    except (AssertionError, KeyError, ValueError):   # no valid model any more
        return False


def without(items, i, n):
    return items[:i] + items[i + n:]


def smaller_models(model):
    for key in [k for k in model if k not in ("model", "version")]:
        yield {k: v for k, v in model.items() if k != key}
        part = model[key]
        for inner in (part if isinstance(part, dict) else ()):
            yield {**model, key: {k: v for k, v in part.items() if k != inner}}
            if isinstance(part[inner], list):
                for i in range(len(part[inner])):
                    yield {**model, key: {**part, inner: without(part[inner], i, 1)}}
        for i in range(len(part) if isinstance(part, list) else 0):
            yield {**model, key: without(part, i, 1)}


def shrink(binary, model, events, until):
    changed = True
    while changed:
        changed = False
        n = max(1, len(events) // 2)
        while n:
            i = 0
            while i < len(events):
                if fails(binary, (model, without(events, i, n), until)):
                    events, changed = without(events, i, n), True
                else:
                    i += n
            n //= 2
        for smaller in smaller_models(model):
            if fails(binary, (smaller, events, until)):
                model, changed = smaller, True
                break
        if until is not None and fails(binary, (model, events, None)):
            until, changed = None, True
    return model, events, until


def main():
    seed, cases = int(os.environ.get("HL_SEED", "20261122"), 0), int(os.environ.get("HL_CASES", "130"))
    print("HL_SEED =", seed, "HL_CASES =", cases, flush=True)
    seen = set()
    with tempfile.TemporaryDirectory() as folder:
        binary = Binary(sys.argv[1], folder)
        for case in range(seed, seed + cases):
            maker = Maker(case)
            model, (events, until) = maker.model(), maker.stream()
            wrong = difference(binary, model, events, until)
            if wrong:
                print(f"case HL_SEED={case} HL_CASES=1: {wrong}\nmaking it small ...", flush=True)
                small = shrink(binary, model, events, until)
                print(f"{difference(binary, *small)}\nmodel: {json.dumps(small[0])}\nuntil: {small[2]}")
                print("\n".join(json.dumps(ev) for ev in small[1]))
                return 1
            with open(binary.folder / "state.jsonl", encoding="utf-8") as states:
                seen.update(json.loads(line)["stage"] for line in states)
    if cases >= 130:
        assert seen == set(reference.STAGES), f"the streams do not reach every stage, only {sorted(seen)}"
    if cases >= 1000:
        assert ROWS <= fired, f"rows that never fire: {sorted(ROWS - fired)}"
        assert ENDS <= ended, f"ways in which no clock ends: {sorted(ENDS - ended)}"
    print("no difference in", cases, "cases")
    return 0


if __name__ == "__main__":
    sys.exit(main())
