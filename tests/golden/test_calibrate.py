"""`hotlead calibrate`: a small history worked out by hand, planted signals that are found and noise that is not, and every message.
Usage: test_calibrate.py HOTLEAD SOURCE_DIR [--update]: with --update calibrate.draft.yaml is written anew. Seeded: HL_SEED."""
import collections
import json
import math
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest

HOTLEAD, SOURCE = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2])
DRAFT = SOURCE / "tests" / "golden" / "calibrate.draft.yaml"
SEED = int(os.environ.get("HL_SEED", "20261126"), 0)
DAY = 86_400_000
T0 = 1_767_225_600_000   # 2026-01-01T00:00:00Z


def run(*args, ok=(0,), data=None):
    got = subprocess.run([HOTLEAD, *map(str, args)], input=data, capture_output=True, text=True, encoding="utf-8", timeout=120)
    assert got.returncode in ok, f"exit {got.returncode}: {got.stderr}"
    return got


class History:
    def __init__(self):
        self.events = []

    def add(self, contact, at, kind, **fields):
        self.events.append({"event_id": f"e{len(self.events)}", "contact_id": contact, "occurred_at": int(at), "type": kind, **fields})

    def text(self, events=None):
        return "".join(json.dumps(ev) + "\n" for ev in (self.events if events is None else events))


def page(path):
    return {"url": f"https://www.example.com{path}"}


# ---------------------------------------------------------------- worked out by hand

# Everybody comes on day 0 with a form, does what is told on day 10, and who buys does it on day 20; so the others end on day 20, too.
#        bought  pages on day 10      seniority  how many
STORY = [(True, ["/pricing/plans"], "VP", 9), (True, ["/pricing"], "staff", 6), (True, ["/blog/1"], "vp", 3), (True, ["/blog/2"], "staff", 2),
         (False, ["/pricing"], "vp", 3), (False, ["/pricing/plans"], "staff", 12), (False, ["/blog/1"], "vp", 9), (False, ["/blog/2"], "staff", 6),
         (False, [], "staff", 30)]


def story():
    h, n = History(), 0
    for bought, pages, seniority, many in STORY:
        for _ in range(many):
            who, n = f"c{n:02}", n + 1
            h.add(who, T0, "form_submitted", form="newsletter", attributes={"seniority": seniority})
            for path in pages:
                h.add(who, T0 + 10 * DAY, "page_viewed", **page(path))
            if bought and n <= 4:
                h.add(who, T0 + 11 * DAY, "webinar_attended")                  # by 4, all of whom buy: too few to say anything
            h.add(who, T0 + 12 * DAY, "page_viewed", machine=True, **page("/robots"))
            if bought:
                h.add(who, T0 + 15 * DAY, "opportunity_opened")                # what sales does is no behaviour
                h.add(who, T0 + 20 * DAY, "opportunity_won")
            h.add(who, T0 + 20 * DAY, "page_viewed", **page("/portal" if bought else "/pricing"))   # at the end, and behind it: not seen
            h.add(who, T0 + 21 * DAY, "contact_identified", attributes={"seniority": "customer" if bought else "vp"})
    h.add("unseen", T0 + 3 * DAY, "opportunity_won")                           # nothing is known from before
    h.add("young", T0 + 3 * DAY, "page_viewed", **page("/pricing"))            # 18 days, and nobody bought within 20
    h.add("gone", T0, "page_viewed", **page("/pricing"))
    h.add("gone", T0 + DAY, "contact_erased")
    return h


def weight_of_act(b, m, bought, others):
    w = math.log((b + .5) * (others - m + .5) / ((m + .5) * (bought - b + .5)))
    return w, 1 / (b + .5) + 1 / (m + .5) + 1 / (bought - b + .5) + 1 / (others - m + .5)


def weight_of_value(b, m, bought, others):
    w = math.log((b + .5) / (bought + 1)) - math.log((m + .5) / (others + 1))
    return w, 1 / (b + .5) - 1 / (bought + 1) + 1 / (m + .5) - 1 / (others + 1)


def points(weight):
    w, variance = weight
    return round(w / (1 + variance) * 10 / math.log(2))


class ByHand(unittest.TestCase):
    ARGS = ("--holdout", 0, "--min-contacts", 10, "--window", "30d", "--name", "by-hand")

    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.dir = pathlib.Path(cls.folder.name)
        cls.history = story()
        cls.file = cls.dir / "events.jsonl"
        cls.file.write_text(cls.history.text())
        cls.found = json.loads(run("calibrate", *cls.ARGS, "-o", "json", cls.file).stdout)
        cls.rules = {r["name"]: r for r in cls.found["rules"]}

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def put(self, name, text):
        (self.dir / name).write_text(text)
        return self.dir / name

    def test_the_draft_is_the_one_in_the_folder_and_passes_check_without_a_finding(self):
        got = run("calibrate", *self.ARGS, self.file)
        if "--update" in sys.argv:
            DRAFT.write_text(got.stdout)
        self.assertEqual(got.stdout, DRAFT.read_text())
        self.assertEqual(got.stderr, "3 rules from 80 contacts, 20 of whom bought; MQL from 7 points on\n")
        checked = run("check", "--strict", "--model", DRAFT)
        self.assertEqual(checked.stderr, "")

    def test_contacts_are_counted_up_to_their_end(self):
        history = self.found["history"]
        self.assertEqual([history[k] for k in ("contacts", "bought", "base_rate", "without_past", "too_young", "erased")], [80, 20, .25, 1, 1, 1])
        seen = {name: (r["contacts"], r["bought"]) for name, r in self.rules.items()}
        self.assertEqual(seen, {"page-pricing": (30, 15), "page-blog": (20, 5), "page-viewed": (50, 20), "form-newsletter": (80, 20), "form-submitted": (80, 20),
                                "webinar-attended": (4, 4), "seniority-vp": (24, 12), "seniority-staff": (56, 8)})   # no /portal, no /robots, no customer

    def test_points_are_what_the_formula_gives(self):
        # of 20 buyers 15 saw the prices, of 60 others 15: ln(15.5 * 45.5 / (15.5 * 5.5)) = 2.113, se 0.577; 2.113 / 1.333 = 1.585; x 14.43 = 23
        self.assertAlmostEqual(self.rules["page-pricing"]["log_odds"], 2.113, 3)
        self.assertAlmostEqual(self.rules["page-pricing"]["standard_error"], .577, 3)
        self.assertEqual(self.rules["page-pricing"]["points"], 23)
        self.assertEqual(points(weight_of_act(15, 15, 20, 60)), 23)
        self.assertEqual([self.rules["seniority-vp"]["points"], self.rules["seniority-staff"]["points"]], [14, -9])
        self.assertEqual([points(weight_of_value(12, 12, 20, 60)), points(weight_of_value(8, 48, 20, 60))], [14, -9])
        self.assertEqual(self.rules["page-pricing"]["lift"], 2)
        low, high = self.rules["page-pricing"]["share_low"], self.rules["page-pricing"]["share_high"]
        self.assertEqual([round(low, 3), round(high, 3)], [.332, .668])   # Wilson, 15 of 30

    def test_what_is_left_out_says_why(self):
        why = collections.defaultdict(set)
        for r in self.found["rules"]:
            why[r["verdict"]].add(r["name"])
        self.assertEqual(why, {"kept": {"page-pricing", "seniority-vp", "seniority-staff"}, "may_be_chance": {"page-blog"}, "narrower_rules_kept": {"page-viewed"},
                               "too_few": {"webinar-attended", "form-submitted", "form-newsletter"}})

    def test_ranking_and_threshold_are_those_of_the_scores(self):
        # 37 points: 9 buyers, 3 others; 14: 9 and 21; 0: 2 and 36. AUC = (9 x 58.5 + 9 x 46.5 + 2 x 18) / (20 x 60) = 0.8175
        fit = self.found["fit"]
        self.assertAlmostEqual(fit["auc"], .8175, 6)
        self.assertAlmostEqual(fit["top_tenth"], 8 / 12 * 9 / 20, 6)   # 8 contacts; 12 have 37
        # at 1 to 14: 18/20 - 24/60 = 0.5, at 15 to 37: 9/20 - 3/60 = 0.4; the middle of the first
        self.assertEqual([self.found["mql_enter"], self.found["mql_exit"]], [7, 3])
        self.assertEqual([fit["mqls_by_score"], round(fit["precision_by_score"], 4), fit["recall_by_score"]], [42, round(18 / 42, 4), .9])
        narrow = json.loads(run("calibrate", *self.ARGS, "--capacity", 20, "-o", "json", self.file).stdout)
        self.assertEqual([narrow["mql_enter"], narrow["fit"]["mqls_by_score"]], [15, 12])
        self.assertIsNone(self.found["holdout"])

    def test_half_lives_that_rank_alike_leave_the_longest_and_the_rarest(self):
        self.assertEqual({round(t["auc"], 4) for t in self.found["tried"]}, {.8175})
        self.assertEqual({t["half_life_ms"] // DAY for t in self.found["tried"]}, {30, 14, 7})
        self.assertEqual([self.found["half_life_ms"], self.found["once_per_ms"]], [30 * DAY, 30 * DAY])

    def test_what_visitors_did_is_that_of_whom_they_turned_out_to_be(self):
        h = History()
        for ev in self.history.events:
            visit = ev["type"] == "page_viewed" and not ev.get("machine") and ev["contact_id"] not in ("gone", "young")
            h.events.append({**ev, "contact_id": "visitor-" + ev["contact_id"]} if visit else ev)
        for n, who in enumerate(sorted({ev["contact_id"] for ev in h.events if ev["contact_id"].startswith("visitor-")})):
            known = who.removeprefix("visitor-")
            if n % 2:
                h.add(who, T0 + 12 * DAY, "contact_merged", attributes={"into": known})
            else:
                h.add(known, T0 + 12 * DAY, "contact_identified", attributes={"anonymous_id": who})
        found = json.loads(run("calibrate", *self.ARGS, "-o", "json", self.put("visitors.jsonl", h.text())).stdout)
        rest = lambda side: {**side, "history": {**side["history"], "events": 0}}   # it takes more events to say it
        self.assertEqual(rest(found), rest(self.found))

    def test_the_order_of_events_does_not_matter(self):
        lines = self.history.text().splitlines(keepends=True)
        for seed in range(3):
            random.Random(seed).shuffle(lines)
            self.assertEqual(run("calibrate", *self.ARGS, "-", data="".join(lines)).stdout, DRAFT.read_text())

    def test_ahead_takes_away_what_was_done_shortly_before(self):
        draft = run("calibrate", *self.ARGS, "--ahead", "10d", self.file).stdout
        self.assertIn("behavior:\n  rules: []\n", draft)   # day 10 is the end then
        self.assertIn("name: seniority-vp", draft)
        self.assertEqual(run("check", "--strict", "--model", self.put("traits.yaml", draft)).stderr, "")
        self.assertIn('on: page_viewed, path: "/pricing*"', run("calibrate", *self.ARGS, "--ahead", "9d", self.file).stdout)

    def test_an_attribute_can_be_ignored(self):
        rules = json.loads(run("calibrate", *self.ARGS, "--ignore", "seniority", "-o", "json", self.file).stdout)["rules"]
        self.assertEqual({r["of"] for r in rules}, {"behavior"})


# ---------------------------------------------------------------- planted

PLANTED = {"demo": 1.8, "pricing": 1.2, "ebook": .9, "unsubscribed": -1.5}
SENIORITY = {"vp": 1.0, "manager": 0.0, "student": -1.2}
NOISE = [f"/noise-{c}" for c in "abcdefghijkl"]


def generated(seed, n):
    r, h = random.Random(seed), History()
    for i in range(n):
        who, start, odds = f"u{i}", T0 + r.random() * 120 * DAY, -2.5
        role, size, took = r.choice(list(SENIORITY)), 10 ** r.uniform(0, 4), r.uniform(20, 60) * DAY
        odds += SENIORITY[role] + (.8 if size > 300 else 0)
        h.add(who, start, "form_submitted", form="newsletter", attributes={
            "seniority": role, "company_size": f"{size:.0f}", "email": f"{who}@example.com", "colour": r.choice(["red", "green", "blue"]),
            "shoe_size": str(r.randrange(30, 50))})
        for what, share, kind, fields in (("demo", .12, "demo_requested", {}), ("pricing", .35, "page_viewed", page("/pricing/plans")),
                                          ("ebook", .3, "file_downloaded", {"asset": "ebook/a.pdf"}), ("unsubscribed", .15, "email_unsubscribed", {})):
            if r.random() < share:
                odds += PLANTED[what]
                h.add(who, start + r.random() * 15 * DAY, kind, **fields)
        for path in NOISE:
            if r.random() < .3:
                h.add(who, start + r.random() * 15 * DAY, "page_viewed", **page(path))
        if r.random() < 1 / (1 + math.exp(-odds)):
            h.add(who, start + took, "opportunity_won")
            h.add(who, start + took + DAY, "page_viewed", **page("/customer-portal"))
    h.add("late", T0 + 200 * DAY, "page_viewed", **page("/"))
    return h


class Planted(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)

    def file(self, name, text):
        (self.dir / name).write_text(text)
        return self.dir / name

    def test_a_planted_signal_is_found_and_noise_is_not(self):
        false, kept_noise = 0, 0
        for seed in range(SEED, SEED + 4):
            events = self.file("e.jsonl", generated(seed, 4000).text())
            found = json.loads(run("calibrate", "-o", "json", events).stdout)
            rules = {r["name"]: r for r in found["rules"]}
            for name, sign in {"demo-requested": 1, "page-pricing": 1, "file-ebook": 1, "email-unsubscribed": -1, "seniority-vp": 1, "seniority-student": -1}.items():
                self.assertEqual((rules[name]["verdict"], math.copysign(1, rules[name]["points"])), ("kept", sign), (seed, name))
            sizes = [r["points"] for r in found["rules"] if r.get("attribute") == "company_size" and r["verdict"] == "kept"]
            self.assertTrue(min(sizes) < 0 < max(sizes), (seed, sizes))
            self.assertGreater(rules["demo-requested"]["points"], rules["file-ebook"]["points"])
            noise = [r for r in found["rules"] if r["name"].startswith(("page-noise", "colour", "shoe")) or r.get("attribute") == "email"]
            kept_noise += len([r for r in noise if r["verdict"] == "kept"])
            false += len(noise)
            self.assertGreaterEqual(len(noise), len(NOISE) + 3 + 4)
            self.assertNotIn("page-customer-portal", rules, "it was seen after the purchase")
            self.assertGreater(found["holdout"]["auc"], .68)
            self.assertLess(abs(found["holdout"]["auc"] - found["fit"]["auc"]), 4 * found["holdout"]["auc_standard_error"])
            self.assertGreater(found["holdout"]["top_tenth"], .2)
            self.assertEqual(found["history"]["contacts"] + found["holdout"]["contacts"] + found["history"]["too_young"], 4001)
        self.assertLessEqual(kept_noise, .05 * false, f"of {false} that say nothing")

    def test_weighed_together_what_only_comes_along_gets_little(self):
        """The keen read more of every page; four pages lead to purchases, four say nothing."""
        def keen(seed):
            r, h = random.Random(seed), History()
            for i in range(6000):
                who, eager = f"u{i}", r.gauss(0, 1)
                read = [r.random() < 1 / (1 + math.exp(1 - eager)) for _ in range(8)]
                odds = -2.5 + sum(w for w, was in zip((1.2, .8, .6, -1.0), read) if was)
                h.add(who, T0, "form_submitted", form="newsletter")
                for k, was in enumerate(read):
                    if was:
                        h.add(who, T0 + DAY + k, "page_viewed", **page(f"/page-{'abcdefgh'[k]}"))
                if r.random() < 1 / (1 + math.exp(-odds)):
                    h.add(who, T0 + 20 * DAY, "opportunity_won")
            h.add("late", T0 + 40 * DAY, "page_viewed", **page("/"))
            return h.text()
        for seed in (SEED, SEED + 1):
            events, points, ranks = self.file("e.jsonl", keen(seed)), {}, {}
            for args in ((), ("--together",)):
                found = json.loads(run("calibrate", *args, "-o", "json", events).stdout)
                points[args] = {r["name"][-1]: r["points"] for r in found["rules"] if r["name"].startswith("page-page-")}
                ranks[args] = found["holdout"]["auc"]
            alone, together = points[()], points["--together",]
            self.assertTrue(together["a"] > together["b"] > 0 > together["d"], together)
            self.assertLess(sum(abs(together[k]) for k in "efgh"), sum(abs(alone[k]) for k in "efgh") / 2, (alone, together))
            self.assertLess(together["d"], alone["d"], "what it takes away was hidden by the keen")
            self.assertGreater(ranks["--together",], ranks[()] - .03)
            draft = self.file("draft.yaml", run("calibrate", "--together", events).stdout)
            self.assertEqual(run("check", "--strict", "--model", draft).stderr, "")
            self.assertIn("# All rules were weighed together", draft.read_text())

    def test_one_rule_alone_gets_together_what_it_gets_alone(self):
        """The mode of the posterior and the shrunk estimate are two sides of one formula: with much evidence they agree."""
        h = History()
        for i in range(2000):
            h.add(f"u{i}", T0, "form_submitted", form="newsletter")
            if i % 4 == 0:
                h.add(f"u{i}", T0 + DAY, "page_viewed", **page("/pricing"))
            if i % (8 if i % 4 == 0 else 10) == 0 or i % 50 == 1:
                h.add(f"u{i}", T0 + 20 * DAY, "opportunity_won")
        h.add("late", T0 + 40 * DAY, "chat_started")
        events = self.file("e.jsonl", h.text())
        found = [next(r for r in json.loads(run("calibrate", "--ignore", "x", *args, "-o", "json", events).stdout)["rules"] if r["name"] == "page-pricing")
                 for args in ((), ("--together",))]
        self.assertAlmostEqual(found[0]["shrunk"], found[1]["shrunk"], 1)

    def test_where_there_is_nothing_nothing_is_found(self):
        r, h = random.Random(SEED), History()
        for i in range(3000):
            h.add(f"u{i}", T0, "form_submitted", form="newsletter", attributes={"colour": r.choice(["red", "green"])})
            for path in NOISE:
                if r.random() < .3:
                    h.add(f"u{i}", T0 + 5 * DAY, "page_viewed", **page(path))
            if r.random() < .1:
                h.add(f"u{i}", T0 + 20 * DAY, "opportunity_won")
        h.add("late", T0 + 90 * DAY, "page_viewed", **page("/"))
        got = run("calibrate", self.file("e.jsonl", h.text()), ok=(65,))
        self.assertEqual(got.stdout, "")
        self.assertIn("nothing tells buyers from others", got.stderr)

    def test_the_scores_are_those_of_the_scorer(self):
        """Buyers that simulate makes MQLs, given what they did before they bought, are those that calibrate counts."""
        history = generated(SEED, 3000)
        end = {ev["contact_id"]: ev["occurred_at"] for ev in history.events if ev["type"] == "opportunity_won"}
        before = [ev for ev in history.events if ev["occurred_at"] < end.get(ev["contact_id"], 0)]
        events, cut = self.file("e.jsonl", history.text()), self.file("cut.jsonl", history.text(before))
        for args in ((), ("--capacity", 8), ("--window", "30d")):
            draft = self.file("draft.yaml", run("calibrate", *args, events).stdout)
            self.assertEqual(run("check", "--strict", "--model", draft).stderr, "")
            found = json.loads(run("calibrate", *args, "-o", "json", events).stdout)
            counted = sum(round(found[part]["recall"] * found[part]["bought"]) for part in ("fit", "holdout"))
            lines = run("simulate", "-m", draft, "-o", "json", "--arrival", "time", cut).stdout.splitlines()
            mqls = {t["contact_id"] for t in map(json.loads, lines) if t["to"] == "mql"}
            if not args:
                self.assertEqual(len(mqls), counted)
            self.assertGreaterEqual(len(mqls), counted)   # with a short window some were MQLs before it

    def test_a_candidate_is_compared_with_the_model_in_use(self):
        events = self.file("e.jsonl", generated(SEED, 1500).text())
        draft, live = self.file("draft.yaml", run("calibrate", events).stdout), SOURCE / "config" / "model.yaml"
        args = ("simulate", "-m", live, "--against", draft, "--arrival", "time")
        got = json.loads(run(*args, "-o", "json", events).stdout)
        bought = {}
        for ev in map(json.loads, events.read_text().splitlines()):
            if ev["type"] == "opportunity_won":
                bought[ev["contact_id"]] = ev["occurred_at"]
        stages = []
        for side, model in (("a", live), ("b", draft)):
            lines = run("simulate", "-m", model, "-o", "json", "--arrival", "time", "--state", self.dir / side, events).stdout.splitlines()
            first = {}
            for t in map(json.loads, lines):
                if t["to"] == "mql":
                    first.setdefault(t["contact_id"], t["occurred_at"])
            stages.append([json.loads(line)["stage"] for line in (self.dir / side).read_text().splitlines()])
            found = [c for c, at in first.items() if bought.get(c, -1) >= at]
            self.assertEqual([got["mql_to_customer"][side][k] for k in ("mqls", "bought")], [len(first), len(found)])
            self.assertAlmostEqual(got["mql_to_customer"][side]["precision"], len(found) / len(first) if first else 0, 5)
            self.assertAlmostEqual(got["mql_to_customer"][side]["recall"], len(found) / len(bought), 5)
        self.assertEqual(got["differ"]["stage"], sum(a != b for a, b in zip(*stages)))
        differ = got["mql_under_one_only"]
        self.assertEqual(got["differ"]["mql_under_b_only"], len([d for d in differ if d["under"] == "b"]))
        self.assertEqual(len(json.loads(run(*args, "-o", "json", "--first", 2, events).stdout)["mql_under_one_only"]), 2)
        table = run(*args, "--first", 3, events).stdout
        self.assertIn(f"the first 3 of {len(differ)} (--first)", table)
        self.assertEqual(len([line for line in table.split("\nMQL under one model only")[1].splitlines() if line.startswith(("  A ", "  B "))]), 3)
        self.assertIn("share of MQLs that bought", table)
        other = run(*args, "--bought", "demo_requested", events).stdout
        self.assertIn("A purchase is the first demo_requested;", other)


# ---------------------------------------------------------------- what goes wrong

class Messages(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)
        self.file = self.dir / "events.jsonl"
        self.file.write_text(story().text())

    def says(self, code, message, *args, data=None):
        got = run("calibrate", *args, ok=(code,), data=data)
        self.assertEqual(got.stdout, "")
        self.assertIn(message, got.stderr)

    def test_help(self):
        got = run("calibrate", "--help")
        self.assertEqual(got.stderr, "")
        for word in ("--bought", "--window", "--ahead", "--min-contacts", "--capacity", "--holdout", "--ignore", "--mapping", "--together"):
            self.assertIn(word, got.stdout)

    def test_wrong_use(self):
        for args, message in ((("-b", "sold"), "'sold' is no type of event"), (("-b", "contact_erased"), "contact_erased can be no purchase"),
                              (("-w", "90"), "window wants a time such as 90d, a day or more, not 90"), (("-w", "1h"), "a day or more, not 1h"),
                              (("--ahead", "soon"), "ahead wants a time such as 90d, not soon"), (("--min-contacts", "0"), "min-contacts is from 1 to 1000000, not 0"),
                              (("--capacity", "100"), "capacity is a number of per cent between 0 and 100, not 100"), (("--capacity", "x"), "not x"),
                              (("--holdout", "95"), "holdout is from 0 to 90, not 95"), (("-n", ""), "a name has from 1 to 100 bytes"),
                              (("-o", "xml"), "output is yaml or json, not xml"), (("--frobnicate",), "Try 'hotlead calibrate --help'")):
            self.says(64, message, *args, self.file)
        self.says(64, "no file of events is named")

    def test_files(self):
        self.says(69, "nowhere.jsonl: No such file", self.dir / "nowhere.jsonl")
        self.says(69, "is a directory", self.dir)
        self.says(78, "nowhere.yaml", "--mapping", self.dir / "nowhere.yaml", self.file)
        broken = self.dir / "broken.avro"
        broken.write_bytes(b"Obj\1")
        got = run("calibrate", broken, ok=(65,))
        self.assertIn("broken.avro", got.stderr)

    def test_bad_events_are_told_and_the_draft_is_made_from_the_others(self):
        got = run("calibrate", *ByHand.ARGS, "-", data="nonsense\n" + story().text(), ok=(65,))
        self.assertEqual(got.stdout, DRAFT.read_text())
        self.assertIn("-:1: ", got.stderr)
        self.assertIn("hotlead calibrate: 1 events could not be read", got.stderr)

    def test_a_mapping_is_followed(self):
        def other(ev):
            return {"id": ev["event_id"], "who": ev["contact_id"], "ts": ev["occurred_at"], "what": ev["type"].replace("opportunity_won", "Closed Won"),
                    **{k: ev[k] for k in ("url", "form", "attributes", "machine") if k in ev}}
        mapping = self.dir / "shape.yaml"
        mapping.write_text("format: json\nfields: {event_id: id, contact_id: who, occurred_at: ts, type: what}\naliases: {Closed Won: opportunity_won}\n")
        mapped = self.dir / "mapped.jsonl"
        mapped.write_text("".join(json.dumps(other(ev)) + "\n" for ev in story().events))
        self.assertEqual(run("calibrate", *ByHand.ARGS, "--mapping", mapping, mapped).stdout, DRAFT.read_text())

    def test_a_history_that_teaches_nothing(self):
        self.says(65, "there are no events", "-", data="")
        self.says(65, "nobody bought: there is no event advocacy_given. --bought names another type", "-b", "advocacy_given", self.file)
        self.says(65, "20 contacts bought whose past is known and not held out: fewer than 30 teach nothing (--min-contacts)", "--min-contacts", 30,
                  "--holdout", 0, self.file)
        won = [ev for ev in story().events if ev["type"] == "opportunity_won"]
        self.says(65, "of 21 who bought nothing is known from before", "-", data=History().text(won))
        buyers = {ev["contact_id"] for ev in won}
        only = [ev for ev in story().events if ev["contact_id"] in buyers]
        self.says(65, "0 contacts that did not buy can be compared, fewer than 10 (--min-contacts): the files must hold all contacts", "--min-contacts", 10,
                  "--holdout", 0, "-", data=History().text(only))
        self.says(65, "nothing tells buyers from others: of ", "--ahead", "10d", "--holdout", 0, "--min-contacts", 10, "--ignore", "seniority", self.file)
        self.says(65, "no threshold lets so few through (--capacity)", *ByHand.ARGS, "--capacity", "1", self.file)

    def test_simulate_says_what_it_wants_to_compare(self):
        for args, message in ((("--bought", "sold"), "bought wants a type of event such as opportunity_won, not sold"),
                              (("--first", "few"), "first wants a number of contacts, not few")):
            got = run("simulate", "-m", DRAFT, "--against", DRAFT, *args, self.file, ok=(64,))
            self.assertIn(message, got.stderr)


if __name__ == "__main__":
    print("HL_SEED =", SEED, flush=True)
    unittest.main(argv=sys.argv[:1])
