#!/usr/bin/env python3
"""An independent scorer: the oracle of the integration tests.

Written from the description of the semantics alone and never from the C code, in the plainest way: dictionaries, floats, one
decayed sum for each rule. Two programs that agree without having seen each other are the test.

Not here: a model that changes. What time alone does (moves and
deadlines) is a switch, off by default; stream time then follows the events, or, with follow=False, only calls of advance_to.

Where the description leaves room, this is what was chosen:
 1. `rule` of a transition: hand_raise and qualify: of the rules whose latch is on the newest; fit: the first trait
    that holds (row 1b), the first must-have that fails (row 3), the first suspect trait (row 4); row 19: its rule; else null.
 2. `kind` of a transition is the contact's kind after it, null before the first time in mql.
 3. Without `grades`, everybody is below all cut-offs: D.
 4. A contact that reaches mql by row 6 or 19 and never had a kind is passive.
 5. With recycle.reset_behavior, a score_adjusted that occurred at or before rejected_at adds nothing either.
 6. The reset clears rows and manual points, not the counts of windows.
 7. A `where` looks at the event's own attributes as they are: no email_domain is derived, an empty value is a missing one.
 8. A url, asset, form, campaign or source that is an empty text is present: `*` matches it. Only null is missing.
 9. opportunity_won of a Customer or Evangelist sets advocacy besides won and opportunity.
10. A stage_set to the present or an unknown stage does not move the clock either. `sal` is a known stage with SAL off.
11. A newer email without @ derives nothing, so an older email_domain that was given stays. `a@` derives nothing.
12. A machine event of any type, CRM and control types included, ends at step 1. A disqualified contact has no arms to look at.
13. A window is too old when two newer windows have matches.
14. A moment of row 6 at which `contacted` or a qualify latch is still on passes without effect; nothing looks again until an event.
15. A number is [+-]digits[.digits] after trimming; score_adjusted with anything else as points adds nothing.
16. `matches` has Python's syntax here; the tests use what PCRE2 has in common with it.
17. A fact is not used up at its gate: it stays on until it ends, is cleared (rows 3, 4, 5 out of mql, entering unqualified) or is set anew.
18. Stream time counts the events of unknown type, machine events and duplicates too: it is a property of the stream.
19. Text is trimmed of ASCII white space; the items of a list in the model are trimmed as well.
20. Of several `where` conditions, all must hold.
21. A stage_set passes step 3: a rule that names stage_set in `on` scores. A stage_set to the present or an unknown stage counts as ignored.
22. Alerts of a transition show the score that the transition shows, also where a reset follows. A deadline that stream time
    reaches only after the contact's clock has passed it shows the score at the clock.
23. Evaluation is over, and an answer is looked for, after a move by time as well.
25. Merging: decision 0026. Here a merge happens at once, where a scorer on Kafka takes the way through a topic. Who was merged keeps its last
    event ids, so that repetitions of its events are still duplicates; that it was taken over takes a place among those of the other.
24. Voiding: decision 0023. Kept are the last `voids.keep` events that scored, set or moved something; what is taken back once is not known any
    more. A voided event that is not kept leaves the clock alone.
"""
import argparse
import heapq
import json
import math
import re
import sys
from dataclasses import dataclass, field

import yaml

MAIN_LINE = ["anonymous", "subscriber", "lead", "mql", "sal", "sql", "opportunity", "customer", "evangelist"]
RANK = {name: i for i, name in enumerate(MAIN_LINE)}
EXITS = ("unqualified", "disqualified")
STAGES = MAIN_LINE + list(EXITS)

WEB = ("page_viewed form_submitted file_downloaded link_clicked video_watched site_searched chat_started webinar_registered "
       "webinar_attended demo_requested trial_started meeting_booked").split()
EMAIL = ("email_sent email_delivered email_opened email_clicked email_replied email_bounced email_complained "
         "email_unsubscribed").split()
OFFLINE = ["event_attended", "list_imported"]
PROFILE = ["contact_identified"]
CRM = ("lead_accepted lead_rejected sales_contact_made lead_disqualified quote_requested opportunity_opened opportunity_won "
       "opportunity_lost advocacy_given owner_assigned").split()
CONTROL = ["score_adjusted", "stage_set", "event_voided", "contact_merged", "contact_erased"]
SCORABLE = frozenset(WEB + EMAIL + OFFLINE + PROFILE)
KNOWN = SCORABLE | frozenset(CRM + CONTROL)

SETS_ATTRIBUTES = frozenset(["contact_identified", "form_submitted", "list_imported", "event_attended", "webinar_registered",
                             "demo_requested", "trial_started"])
SUBSCRIBE_ON = ["form_submitted", "webinar_registered", "demo_requested", "trial_started", "list_imported", "event_attended"]
FACTS_OF = {"lead_accepted": ["accepted"], "sales_contact_made": ["contacted"], "quote_requested": ["opportunity"],
            "opportunity_opened": ["opportunity"], "opportunity_won": ["won", "opportunity"], "advocacy_given": ["advocacy"]}
GATE = {"accepted": "sal", "contacted": "sql", "opportunity": "opportunity", "won": "customer", "advocacy": "evangelist"}

WHITE = " \t\n\v\f\r"
UPPER_TO_LOWER = {ord(c): ord(c) + 32 for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"}
UNITS_MS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000, "w": 604_800_000}


# ---------------------------------------------------------------- values

def folded(text):
    return text.strip(WHITE).translate(UPPER_TO_LOWER)


def number(text):
    text = text.strip(WHITE) if text is not None else ""
    return float(text) if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]+)?", text) else None


def duration_ms(text):
    got = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)", str(text).strip())
    if not got:
        raise ValueError(f"not a duration: {text!r}")
    return int(float(got[1]) * UNITS_MS[got[2]])


def truth(text):
    return str(text).strip().lower() in ("true", "yes", "on")


def as_list(value):
    return [] if value is None else value if isinstance(value, list) else [value]


def glob(pattern):
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(c) or re.escape(c) for c in pattern), re.DOTALL).fullmatch


def url_path(url):
    """Path of an absolute url, or of one that starts with /; None for anything else."""
    if url is None:
        return None
    url = re.split(r"[?#]", url, maxsplit=1)[0]
    if url.startswith("/"):
        return url
    got = re.match(r"[A-Za-z][A-Za-z0-9+.-]*://[^/]*", url)
    return (url[got.end():] or "/") if got else None


# ---------------------------------------------------------------- model

class Condition:
    def __init__(self, spec, lists):
        self.name = spec.get("name")
        self.attribute = spec["attribute"]
        self.tests = []
        if "in" in spec:
            self.tests.append(self._member(spec["in"], lists, True))
        if "not_in" in spec:
            self.tests.append(self._member(spec["not_in"], lists, False))
        if "equals" in spec:
            wanted = folded(spec["equals"])
            self.tests.append(lambda v: folded(v) == wanted)
        if "between" in spec:
            lo, hi = (number(x) for x in spec["between"])
            self.tests.append(lambda v: number(v) is not None and lo <= number(v) <= hi)
        if "at_least" in spec:
            least = number(spec["at_least"])
            self.tests.append(lambda v: number(v) is not None and number(v) >= least)
        if "at_most" in spec:
            most = number(spec["at_most"])
            self.tests.append(lambda v: number(v) is not None and number(v) <= most)
        if "matches" in spec:
            search = re.compile(spec["matches"]).search
            self.tests.append(lambda v: search(v) is not None)
        self.exists = truth(spec["exists"]) if "exists" in spec else None

    @staticmethod
    def _member(spec, lists, wanted):
        items = set()
        for item in as_list(spec):
            items.update(folded(x) for x in (lists[item[1:]] if item.startswith("$") else [item]))
        return lambda v: (folded(v) in items) == wanted

    def holds(self, value):
        if value is None:
            return self.exists is False and not self.tests
        return self.exists is not False and all(test(value) for test in self.tests)


class EventMatch:
    """Which events a rule is about."""

    def __init__(self, spec, lists):
        types = as_list(spec.get("on"))
        self.types = frozenset(types) if types else SCORABLE
        self.path = glob(spec["path"]) if "path" in spec else None
        self.globs = [(key, glob(spec[key])) for key in ("asset", "campaign", "source") if key in spec]
        self.forms = as_list(spec["form"]) if "form" in spec else None
        self.where = [Condition(c, lists) for c in as_list(spec.get("where"))]

    def matches(self, ev):
        if ev["type"] not in self.types:
            return False
        if self.path:
            path = url_path(ev.get("url"))
            if path is None or not self.path(path):
                return False
        for key, match in self.globs:
            if ev.get(key) is None or not match(ev[key]):
                return False
        if self.forms is not None and ev.get("form") not in self.forms:
            return False
        own = ev.get("attributes") or {}
        return all(c.holds(own.get(c.attribute) or None) for c in self.where)


class ScoreRule:
    def __init__(self, spec, lists, default_half_life):
        self.name = spec["name"]
        self.match = EventMatch(spec, lists)
        self.points = float(spec["points"])
        self.group = spec.get("group")
        self.half_life = duration_ms(spec["half_life"]) if "half_life" in spec else default_half_life
        self.max_times = self.window_ms = None
        if "max_times" in spec:
            times, window = re.fullmatch(r"(\d+)\s+per\s+(.+)", spec["max_times"].strip()).groups()
            self.max_times, self.window_ms = int(times), duration_ms(window)


class LatchRule:
    def __init__(self, spec, lists):
        self.name = spec["name"]
        self.match = EventMatch(spec, lists)
        self.valid_for = duration_ms(spec["valid_for"]) if "valid_for" in spec else math.inf


class ExtraEdge:
    def __init__(self, spec, lists):
        self.name = spec["name"]
        self.match = EventMatch(spec, lists)
        self.from_stages = as_list(spec["from"])
        self.to = spec["to"]


class Model:
    def __init__(self, text):
        doc = yaml.load(text, Loader=yaml.BaseLoader)  # every scalar stays text: `on` is a key, NO is Norway
        get = lambda *keys: self._get(doc, keys)
        lists = {k: as_list(v) for k, v in (get("lists") or {}).items()}
        self.name, self.version = doc.get("model"), doc.get("version")
        self.score_driven = doc.get("preset") == "score-driven"
        conditions = lambda *keys: [Condition(c, lists) for c in as_list(get(*keys))]
        self.must_have = conditions("fit", "must_have")
        self.disqualify = conditions("fit", "disqualify")
        self.suspect = conditions("fit", "suspect")
        self.fit_rules = [(Condition(c, lists), float(c["points"])) for c in as_list(get("fit", "rules"))]
        self.grades = sorted((letter, float(at)) for letter, at in (get("fit", "grades") or {}).items())
        half_life = get("behavior", "half_life")
        half_life = duration_ms(half_life) if half_life else None
        self.rules = [ScoreRule(r, lists, half_life) for r in as_list(get("behavior", "rules"))]
        self.group_max = {name: float(g["max"]) for name, g in (get("behavior", "groups") or {}).items() if g and "max" in g}
        self.hand_raise = [LatchRule(r, lists) for r in as_list(doc.get("hand_raise"))]
        self.qualify = [LatchRule(r, lists) for r in as_list(doc.get("qualify"))]
        self.extra = [ExtraEdge(e, lists) for e in as_list(get("stages", "extra"))]
        bound = lambda *keys: None if get("thresholds", *keys) is None else float(get("thresholds", *keys))
        self.mql_enter, self.mql_exit = bound("mql", "enter"), bound("mql", "exit")
        self.sql_enter, self.sql_exit = bound("sql", "enter"), bound("sql", "exit")
        self.sal = truth(get("stages", "sal"))
        self.facts_valid_for = duration_ms(get("stages", "facts_valid_for") or "30d")
        self.subscribe_on = frozenset(as_list(get("subscribe", "on")) or SUBSCRIBE_ON)
        self.cooldown = duration_ms(get("recycle", "cooldown") or "0s")
        self.reset_behavior = truth(get("recycle", "reset_behavior"))
        self.voids_keep = int(get("voids", "keep") or 0)
        self.sla = [Agreement(a) for a in as_list(doc.get("sla"))]
        self.routing = [Desk(r, lists) for r in as_list(doc.get("routing"))]
        self._rules_of = {t: [r for r in self.rules if t in r.match.types] for t in KNOWN}

    @staticmethod
    def _get(doc, keys):
        for key in keys:
            if not isinstance(doc, dict) or key not in doc:
                return None
            doc = doc[key]
        return None if doc == "" else doc

    def rules_for(self, event_type):
        return self._rules_of[event_type]


class Agreement:
    """A rule of `sla`."""

    def __init__(self, spec):
        self.name, self.stage, self.kind = spec["name"], spec["stage"], spec.get("kind")
        self.within = duration_ms(spec["within"])

    def applies(self, stage, kind):
        return stage == self.stage and self.kind in (None, kind)


class Desk:
    """A rule of `routing`."""

    def __init__(self, spec, lists):
        self.when = [Condition(c, lists) for c in as_list(spec.get("when"))]
        self.to = as_list(spec["to"])
        self.weights = [int(w) for w in spec["weights"]] if spec.get("by") == "weight" else [1] * len(self.to)

    def deal(self, contact_id):
        place = ((mixed_hash(contact_id) >> 32) * sum(self.weights)) >> 32
        for owner, weight in zip(self.to, self.weights):
            place -= weight
            if place < 0:
                return owner


def mixed_hash(text):
    """FNV-1a of 64 bits, then the finalizer of MurmurHash3."""
    x = 0xcbf29ce484222325
    for byte in text.encode():
        x = (x ^ byte) * 0x100000001b3 % 2 ** 64
    for factor in (0xff51afd7ed558ccd, 0xc4ceb9fe1a85ec53):
        x ^= x >> 33
        x = x * factor % 2 ** 64
    return x ^ x >> 33


# ---------------------------------------------------------------- contact

@dataclass
class Running:
    """The clock of one agreement."""
    rule: Agreement
    seq: int       # of the transition that started it
    since: int

    @property
    def due(self):
        return self.since + self.rule.within


@dataclass
class Deed:
    """What one event did."""
    event_id: str
    at: int
    rules: list = field(default_factory=list)
    manual: float = 0.0
    opted_in: bool = False
    hand_raise: set = field(default_factory=set)   # names of latches that it set
    qualify: set = field(default_factory=set)
    facts: set = field(default_factory=set)
    moved_from: tuple | None = None                # stage, kind, arms and holds before it moved the contact, and the seq after it
    seq: int = 0

    def did_something(self):
        return any((self.rules, self.manual, self.opted_in, self.hand_raise, self.qualify, self.facts, self.moved_from))


@dataclass
class Row:
    """Decayed sum of the points of one rule, as seen at `at`."""
    at: int = 0
    total: float = 0.0
    count: int = 0

    def add(self, occurred_at, points, half_life):
        self.count += 1
        if half_life is None:
            self.total += points
        elif occurred_at > self.at:
            self.total = self.value(occurred_at, half_life) + points
            self.at = occurred_at
        else:
            self.total += points * 2.0 ** (-(self.at - occurred_at) / half_life)

    def take_back(self, occurred_at, points, half_life):
        self.count -= 1
        self.total -= points if half_life is None else points * 2.0 ** (-(self.at - occurred_at) / half_life)

    def value(self, now, half_life):
        return self.total if half_life is None else self.total * 2.0 ** (-(now - self.at) / half_life)


@dataclass
class Contact:
    id: str
    stage: str = "anonymous"
    kind: str | None = None
    visit: int = 1
    seq: int = 0
    clock: int | None = None
    stage_since: int | None = None
    rows: dict = field(default_factory=dict)         # rule name -> Row
    windows: dict = field(default_factory=dict)      # rule name -> {window: matches}
    manual: float = 0.0
    attributes: dict = field(default_factory=dict)   # key -> (value, time); a removed one keeps its time
    subscribed: bool = False
    hand_raise: dict = field(default_factory=dict)   # rule name -> time
    qualify: dict = field(default_factory=dict)
    facts: dict = field(default_factory=dict)        # fact -> time
    armed_mql: bool = True
    armed_sql: bool = True
    held: bool = False
    held_fit: bool = False
    rejected_at: int | None = None
    was_mql: bool = False
    sql_by_score: bool = False
    owner: str = ""
    owner_since: int | None = None                   # kept when the owner is taken away
    running: list = field(default_factory=list)      # clocks of agreements, in the order of the model
    event_ids: list = field(default_factory=list)
    deeds: list = field(default_factory=list)        # the newest last
    merged_into: str | None = None                   # it is a pointer: no contact any more
    merged: set = field(default_factory=set)         # ids of those that went into it
    # what follows from the attributes
    fit: float = 0.0
    grade: str = "D"
    missing: str | None = None        # name of the first must-have that fails
    must_have: bool = False
    trait: str | None = None
    has_trait: bool = False
    suspect_by: str | None = None
    suspect: bool = False

    def attribute(self, key):
        value, at = self.attributes.get(key, ("", None))
        if key == "email_domain":
            mail, mail_at = self.attributes.get("email", ("", None))
            domain = mail.rpartition("@")[2].strip(WHITE).translate(UPPER_TO_LOWER) if "@" in mail else ""
            if domain and not (value and at >= mail_at):
                return domain
        return value or None

    def refit(self, m):
        first = lambda conditions, wanted: next((c for c in conditions if c.holds(self.attribute(c.attribute)) == wanted), None)
        failing, trait, suspect = first(m.must_have, False), first(m.disqualify, True), first(m.suspect, True)
        self.must_have, self.missing = failing is None, failing and failing.name
        self.has_trait, self.trait = trait is not None, trait and trait.name
        self.suspect, self.suspect_by = suspect is not None, suspect and suspect.name
        self.fit = sum(points for c, points in m.fit_rules if c.holds(self.attribute(c.attribute)))
        self.grade = next((letter for letter, at in m.grades if self.fit >= at), "D")

    def behavior(self, m, now, losses_at=None):
        """losses_at: another moment for the rows of negative points."""
        groups, total = {}, self.manual
        for rule in m.rules:
            row = self.rows.get(rule.name)
            if row is None:
                continue
            value = row.value(now if losses_at is None or rule.points >= 0 else losses_at, rule.half_life)
            if rule.group is None:
                total += value
            else:
                groups[rule.group] = groups.get(rule.group, 0.0) + value
        return total + sum(min(value, m.group_max.get(name, math.inf)) for name, value in groups.items())

    def score(self, m, now):
        return max(0.0, self.fit + self.behavior(m, now))


# ---------------------------------------------------------------- scorer

@dataclass
class Move:
    to: str
    direction: str
    cause: str
    rule: str | None = None
    kind: str | None = None   # kind to take; None: keep
    row: str = ""
    by_score: bool = False


class Scorer:
    """Feed events in order of arrival to apply(); read transitions, alerts, contacts and counts."""

    def __init__(self, model, time_acts=False, follow=True):
        self.m = model if isinstance(model, Model) else Model(model)
        self.time_acts, self.follow = time_acts, follow
        self.contacts = {}
        self.transitions = []
        self.alerts = []
        self.counts = {"scored": 0, "ignored": 0, "duplicate": 0, "dead_letter": 0}
        self.stream_time = -1
        self.moments = []     # heap of (time, contact id)
        self.moment_of = {}   # contact id -> the time in the heap that counts
        self.fall_of = {}     # contact id -> when its score falls too low
        self.deed = None      # of the event that is on
        self.before_void = None   # the score before an event was taken back, while it is
        self.erased = {}      # contact id -> the time of its erasure (decision 0011)

    # -- the five steps

    def apply(self, ev):
        """One event; returns what became of it: scored, ignored, duplicate or dead_letter."""
        result = self._steps(ev)
        self.counts[result] += 1
        return result

    def _steps(self, ev):
        if not ev.get("event_id") or not ev.get("contact_id"):
            return "dead_letter"
        if self.follow:
            self.advance_to(ev["occurred_at"])
        if ev["type"] not in KNOWN:
            return "ignored"
        for kind, key in (("contact_merged", "into"), ("event_voided", "event_id")):
            if ev["type"] == kind and not (ev.get("attributes") or {}).get(key):
                return "dead_letter"
        return self._take(ev)

    def _take(self, ev):
        c = self.contacts.get(ev["contact_id"])
        erased = self.erased.get(ev["contact_id"])
        if erased is not None and (ev["occurred_at"] <= erased or (c is None and ev.get("machine"))):
            return "ignored"
        if ev["type"] == "contact_erased" and not ev.get("machine"):
            self._erase(ev)
            return "scored"
        if c is None:
            c = self._new(ev["contact_id"])
        if ev["event_id"] in c.event_ids:
            return "duplicate"
        c.event_ids = (c.event_ids + [ev["event_id"]])[-8:]
        if ev.get("machine"):
            return "ignored"
        if ev["type"] == "contact_merged":
            return self._contact_merged(c, ev)
        if c.merged_into:
            return self._take({**ev, "contact_id": c.merged_into})
        result = self._act(c, ev)
        anonymous = (ev.get("attributes") or {}).get("anonymous_id") if ev["type"] == "contact_identified" else None
        if anonymous and anonymous != c.id and anonymous not in c.merged:
            self._claim(c, anonymous, ev)
        return result

    def _new(self, contact_id):
        c = self.contacts[contact_id] = Contact(contact_id)
        c.refit(self.m)
        return c

    # -- merging

    def _contact_merged(self, c, ev):
        into = ev["attributes"]["into"]
        if into in (c.id, c.merged_into) or into in c.merged:
            return "ignored"   # they are one already
        if c.merged_into:
            return self._take({**ev, "contact_id": c.merged_into})
        c.clock = ev["occurred_at"] if c.clock is None else max(c.clock, ev["occurred_at"])
        self._merge(c, into, ev)
        return "scored"

    def _claim(self, c, anonymous, ev):
        """The contact is who was known as `anonymous`, unless that one has gone into another already."""
        a = self.contacts.get(anonymous)
        if a is None and ev["occurred_at"] > self.erased.get(anonymous, -1):
            a = self._new(anonymous)
        if a is None or a.merged_into or c.id in a.merged or ev["event_id"] in a.event_ids or ev["occurred_at"] <= self.erased.get(anonymous, -1):
            return
        a.event_ids = (a.event_ids + [ev["event_id"]])[-8:]
        a.clock = ev["occurred_at"] if a.clock is None else max(a.clock, ev["occurred_at"])
        self._merge(a, c.id, ev)

    def _merge(self, a, into, ev):
        """a goes into another and leaves a pointer behind."""
        pointer = self.contacts[a.id] = Contact(a.id, clock=a.clock, seq=a.seq, event_ids=list(a.event_ids), merged_into=into)
        pointer.refit(self.m)
        self.moment_of.pop(a.id, None)
        self.fall_of.pop(a.id, None)
        while True:
            b = self.contacts.get(into)
            if ev["occurred_at"] <= self.erased.get(into, -1):
                for gone in [a.id, *a.merged]:   # it was erased after this: what went into it is gone, too
                    self._erase({"contact_id": gone, "occurred_at": self.erased[into]})
                return
            if b is None:
                b = self._new(into)
            if not b.merged_into:
                break
            into = b.merged_into
        b.event_ids = (b.event_ids + [(a.id, ev["event_id"])])[-8:]
        if b.clock is None:
            b.clock = b.stage_since = ev["occurred_at"]
        b.clock = max(b.clock, ev["occurred_at"], a.clock)
        self._look_at_arms(b)
        self._take_over(b, a)
        self._look_at_arms(b)
        if self._is_further(a, b):
            exits = a.stage == "disqualified"
            if not exits and a.stage != "mql" and a.kind:
                b.kind = a.kind
            self._make(b, Move(a.stage, "exit" if exits else "advance", "merge", None, a.kind if a.stage == "mql" else None, "merge", a.sql_by_score), ev)
            if not exits:
                b.armed_mql, b.armed_sql = a.armed_mql, a.armed_sql
                b.was_mql |= a.was_mql
            self._look_at_arms(b)
        self._evaluate(b, {**ev, "type": "contact_merged"})
        self._look_for_answer(b)
        self._set_moment(b)
        self._fire_due(b)

    @staticmethod
    def _is_further(a, b):
        if "disqualified" in (a.stage, b.stage):
            return b.stage != "disqualified"
        if a.stage == b.stage == "mql":
            return (a.kind, b.kind) == ("active", "passive")
        return a.stage in RANK and b.stage in RANK and RANK[a.stage] > RANK[b.stage]

    def _take_over(self, b, a):
        b.merged |= {a.id} | a.merged
        b.subscribed |= a.subscribed
        for key, (value, at) in a.attributes.items():
            if key not in b.attributes or at > b.attributes[key][1]:
                b.attributes[key] = (value, at)
        b.refit(self.m)
        for rule in self.m.rules:
            if rule.name in a.rows:
                old, more = b.rows.get(rule.name), a.rows[rule.name]
                at = max(more.at, old.at if old else 0)
                b.rows[rule.name] = Row(at, more.value(at, rule.half_life) + (old.value(at, rule.half_life) if old else 0.0),
                                        more.count + (old.count if old else 0))
            if rule.name in a.windows:
                counts = b.windows.setdefault(rule.name, {})
                for window, n in a.windows[rule.name].items():
                    counts[window] = counts.get(window, 0) + n
                for window in sorted(counts)[:-2]:
                    del counts[window]
        b.manual += a.manual
        fresh = lambda at: b.rejected_at is None or at > b.rejected_at
        for mine, others in ((b.facts, a.facts), (b.hand_raise, a.hand_raise), (b.qualify, a.qualify)):
            for name, at in others.items():
                if at > mine.get(name, -1) and fresh(at):
                    mine[name] = at
        if not b.owner and a.owner and (b.owner_since is None or a.owner_since > b.owner_since):
            b.owner, b.owner_since = a.owner, a.owner_since
        more = [Deed(**{**vars(d), "moved_from": None, "seq": 0}) for d in a.deeds]
        b.deeds = (more + b.deeds)[-self.m.voids_keep:] if self.m.voids_keep else []

    def _act(self, c, ev):
        if c.stage == "disqualified" and ev["type"] != "stage_set":
            c.clock = max(c.clock, ev["occurred_at"])
            self._set_attributes(c, ev)
            return "ignored"
        self.deed = Deed(ev["event_id"], ev["occurred_at"])
        before = (c.kind, c.armed_mql, c.armed_sql, c.held, c.held_fit)
        told = len(self.transitions)
        if ev["type"] == "event_voided":
            if not self._void(c, ev):
                return "ignored"
        elif ev["type"] == "stage_set":
            if not self._stage_set(c, ev):
                return "ignored"
        else:
            self._move_clock(c, ev)
            self._take_in(c, ev)
            self._look_at_arms(c)
            self._evaluate(c, ev)
        self._look_for_answer(c)
        if ev["type"] != "event_voided":
            self._keep_deed(c, before, self.transitions[told:])
        self._set_moment(c)
        self._fire_due(c)
        return "scored"

    def _keep_deed(self, c, before, moves):
        moves = [t for t in moves if t["contact_id"] == c.id]
        while moves and moves[0]["cause"] == "fit":   # attributes are not taken back
            moves.pop(0)
        if moves:
            self.deed.moved_from, self.deed.seq = (moves[0]["from"],) + before, c.seq
        if self.m.voids_keep and self.deed.did_something():
            c.deeds = (c.deeds + [self.deed])[-self.m.voids_keep:]

    # -- voiding

    def _void(self, c, ev):
        deed = next((d for d in reversed(c.deeds) if d.event_id == (ev.get("attributes") or {}).get("event_id")), None)
        if deed is None:
            return False
        m = self.m
        c.deeds.remove(deed)
        self._move_clock(c, ev)
        self.before_void = c.score(m, c.clock)
        self._take_back(c, deed)
        self._look_at_arms(c)
        if deed.moved_from and deed.seq == c.seq and deed.moved_from[0] != c.stage and not self._score_carries(c):
            to, kind, *flags = deed.moved_from
            self._make(c, Move(to, "retract", "void", kind=kind, row="back"), ev)
            c.armed_mql, c.armed_sql, c.held, c.held_fit = flags
            self._look_at_arms(c)
        self._evaluate(c, ev)
        self.before_void = None
        return True

    def _take_back(self, c, deed):
        for rule in deed.rules:
            if rule.max_times is not None:
                counts, window = c.windows[rule.name], deed.at // rule.window_ms
                if window in counts:
                    counts[window] -= 1
            row = c.rows[rule.name]
            row.take_back(deed.at, rule.points, rule.half_life)
            if row.count == 0:
                del c.rows[rule.name]
        c.manual -= deed.manual
        if deed.opted_in:
            c.subscribed = False
        for kept, names in ((c.hand_raise, deed.hand_raise), (c.qualify, deed.qualify), (c.facts, deed.facts)):
            for name in names:
                if kept.get(name) == deed.at:
                    del kept[name]

    def _score_carries(self, c):
        """The score alone would have brought it where it is."""
        by = {"mql": self.m.mql_enter if c.kind == "passive" else None, "sql": self.m.sql_enter if c.sql_by_score else None}.get(c.stage)
        return by is not None and c.score(self.m, c.clock) >= by

    def _erase(self, ev):
        """All that are one are erased."""
        left = [ev["contact_id"]]
        while left:
            contact_id = left.pop()
            if ev["occurred_at"] <= self.erased.get(contact_id, -1):
                continue
            self.erased[contact_id] = ev["occurred_at"]
            c = self.contacts.get(contact_id)
            for of in (self.contacts, self.moment_of, self.fall_of):
                of.pop(contact_id, None)
            if c:
                left += sorted(c.merged) + ([c.merged_into] if c.merged_into else [])

    def _move_clock(self, c, ev):
        if c.clock is None:
            c.stage_since = ev["occurred_at"]
        c.clock = ev["occurred_at"] if c.clock is None else max(c.clock, ev["occurred_at"])
        self._look_at_arms(c)

    def _look_at_arms(self, c):
        m = self.m
        if c.armed_mql and c.armed_sql:
            return
        score = c.score(m, c.clock)
        mql_low = m.mql_exit if m.mql_exit is not None else m.mql_enter
        sql_low = m.sql_exit if m.sql_exit is not None else m.sql_enter
        c.armed_mql |= mql_low is not None and score < mql_low
        c.armed_sql |= sql_low is not None and score < sql_low

    # -- step 3

    def _set_attributes(self, c, ev):
        own = ev.get("attributes") or {}
        if ev["type"] not in SETS_ATTRIBUTES or not own:
            return
        for key, value in own.items():
            if key not in c.attributes or ev["occurred_at"] >= c.attributes[key][1]:
                c.attributes[key] = (value, ev["occurred_at"])
        c.held_fit = False
        c.refit(self.m)

    def _take_in(self, c, ev):
        m, at = self.m, ev["occurred_at"]
        self._set_attributes(c, ev)
        deed = self.deed
        if ev["type"] in m.subscribe_on:
            deed.opted_in = not c.subscribed
            c.subscribed = True
        if ev["type"] == "owner_assigned":
            self._assign_owner(c, ev)
        stale = c.rejected_at is not None and at <= c.rejected_at
        if not (stale and m.reset_behavior):
            for rule in m.rules_for(ev["type"]):
                if rule.match.matches(ev) and self._window_has_room(c, rule, at):
                    c.rows.setdefault(rule.name, Row()).add(at, rule.points, rule.half_life)
                    deed.rules.append(rule)
            if ev["type"] == "score_adjusted":
                deed.manual = number((ev.get("attributes") or {}).get("points")) or 0.0
                c.manual += deed.manual
        if stale:
            return
        for rules, latches, set_by in ((m.hand_raise, c.hand_raise, deed.hand_raise), (m.qualify, c.qualify, deed.qualify)):
            for rule in rules:
                if rule.match.matches(ev) and at > latches.get(rule.name, -1):
                    latches[rule.name] = at
                    set_by.add(rule.name)
        for fact in self._facts(c, ev):
            if at > c.facts.get(fact, -1):
                c.facts[fact] = at
                deed.facts.add(fact)

    @staticmethod
    def _assign_owner(c, ev):
        name, at = (ev.get("attributes") or {}).get("owner"), ev["occurred_at"]
        if name is not None and (c.owner_since is None or at >= c.owner_since):
            c.owner, c.owner_since = name.encode()[:255].decode(errors="ignore"), at

    @staticmethod
    def _facts(c, ev):
        facts = FACTS_OF.get(ev["type"], [])
        if ev["type"] == "opportunity_won" and c.stage in ("customer", "evangelist"):
            facts = facts + ["advocacy"]
        return facts

    @staticmethod
    def _window_has_room(c, rule, at):
        if rule.max_times is None:
            return True
        counts, window = c.windows.setdefault(rule.name, {}), at // rule.window_ms
        if window not in counts and len(counts) == 2 and window < min(counts):
            return False
        if counts.get(window, 0) >= rule.max_times:
            return False
        counts[window] = counts.get(window, 0) + 1
        if len(counts) > 2:
            del counts[min(counts)]
        return True

    # -- step 4

    def _evaluate(self, c, ev):
        spent = set()
        while True:
            move = self._first_move(c, ev, spent)
            if move is None:
                return
            spent.add(move.row)
            self._make(c, move, ev)

    def _fact_on(self, c, fact):
        return fact in c.facts and c.clock <= c.facts[fact] + self.m.facts_valid_for

    @staticmethod
    def _latch_on(c, rules, latches):
        """Of the rules whose latch is on the newest, on a tie the first of the model."""
        return max((r for r in rules if r.name in latches and c.clock <= latches[r.name] + r.valid_for),
                   key=lambda r: latches[r.name], default=None)

    def _first_move(self, c, ev, spent):
        m, stage, kind_of_event = self.m, c.stage, ev["type"]
        score = c.score(m, c.clock)
        fit_acts = not c.held_fit
        fact = lambda name: self._fact_on(c, name)
        raised = self._latch_on(c, m.hand_raise, c.hand_raise)

        if ("1a" not in spent and kind_of_event == "lead_disqualified" and stage not in ("customer", "evangelist", "disqualified")):
            return Move("disqualified", "exit", "sales", row="1a")
        if stage in ("anonymous", "subscriber", "lead", "mql", "unqualified") and c.has_trait and fit_acts:
            return Move("disqualified", "exit", "fit", c.trait, row="1b")
        if "2" not in spent and ((kind_of_event == "lead_rejected" and stage in ("mql", "sal", "sql", "opportunity"))
                                 or (kind_of_event == "opportunity_lost" and stage in ("sql", "opportunity"))):
            return Move("unqualified", "recycle", "sales", row="2")
        if stage in ("lead", "mql") and not c.must_have and fit_acts:
            return Move("subscriber", "regress", "fit", c.missing, row="3")
        if stage == "mql" and c.suspect and fit_acts:
            return Move("lead", "regress", "fit", c.suspect_by, row="4")
        falls = self._falling(c, score, "score")
        if falls:
            return falls
        if stage == "anonymous" and c.subscribed and fit_acts:
            return Move("subscriber", "advance", "opt_in", row="7")
        if stage == "subscriber" and c.must_have and fit_acts:
            return Move("lead", "advance", "fit", row="8")
        by_score = c.armed_mql and m.mql_enter is not None and score >= m.mql_enter
        if stage == "lead" and not c.suspect:
            if raised:
                return Move("mql", "advance", "hand_raise", raised.name, "active", "9")
            if by_score:
                return Move("mql", "advance", "score", None, "passive", "10", True)
        if stage == "mql" and c.kind == "passive" and raised:
            return Move("mql", "advance", "hand_raise", raised.name, "active", "11")
        if stage == "unqualified" and c.must_have and not c.suspect:
            if raised:
                return Move("mql", "advance", "hand_raise", raised.name, "active", "12")
            if by_score and (c.rejected_at is None or c.clock >= c.rejected_at + m.cooldown):
                return Move("mql", "advance", "score", None, "passive", "13", True)
        if stage == "mql" and m.sal and fact("accepted"):
            return Move("sal", "advance", "sales", row="14")
        if stage in ("mql", "sal"):
            if fact("contacted"):
                return Move("sql", "advance", "sales", row="15a")
            qualified = self._latch_on(c, m.qualify, c.qualify)
            if m.score_driven and qualified:
                return Move("sql", "advance", "score", qualified.name, row="15b")
            if m.score_driven and c.armed_sql and m.sql_enter is not None and score >= m.sql_enter:
                return Move("sql", "advance", "score", row="15b", by_score=True)
        for at, to, name in (("sql", "opportunity", "opportunity"), ("opportunity", "customer", "won"),
                             ("customer", "evangelist", "advocacy")):
            if stage == at and fact(name):
                return Move(to, "advance", "sales", row="16-18")
        if "19" not in spent and stage != "disqualified":
            edge = next((e for e in m.extra if stage in e.from_stages and e.to != stage and e.match.matches(ev)), None)
            if edge:
                return Move(edge.to, self._direction(stage, edge.to), "rule", edge.name,
                            "passive" if edge.to == "mql" else None, "19")
        return None

    def _falling(self, c, score, cause):
        """Rows 5 and 6: what a score that is too low takes away."""
        m, direction = self.m, "regress"
        if c.held:
            return None
        if self.before_void is not None:
            direction, cause = "retract", "void"
        crossed = lambda enter: self.before_void is not None and enter is not None and score < enter <= self.before_void
        if c.stage == "mql" and c.kind == "passive" and (crossed(m.mql_enter) or m.mql_exit is not None and score < m.mql_exit):
            return Move("lead", direction, cause, row="5")
        if (c.stage == "sql" and c.sql_by_score and m.score_driven
                and (crossed(m.sql_enter) or m.sql_exit is not None and score < m.sql_exit) and not self._fact_on(c, "contacted") and not self._latch_on(c, m.qualify, c.qualify)):
            to = "sal" if m.sal and self._fact_on(c, "accepted") else "mql"
            return Move(to, direction, cause, row="6")
        return None

    @staticmethod
    def _direction(stage, to):
        if to in EXITS:
            return "recycle" if to == "unqualified" else "exit"
        return "advance" if stage in EXITS or RANK[to] > RANK[stage] else "regress"

    # -- what a move does

    def _make(self, c, move, ev):
        """Carry out one move. The transition shows the score from before any reset."""
        m, stage, kind = self.m, c.stage, c.kind
        shown = dict(score=c.score(m, c.clock), fit=c.fit, behavior=c.behavior(m, c.clock), grade=c.grade)
        if move.cause != "manual":
            c.held = False
        if stage == "mql" and move.row in ("3", "4", "5"):
            c.facts.pop("accepted", None)
            c.facts.pop("contacted", None)
        if move.row in ("3", "4") or (move.row == "5" and move.cause == "void"):
            c.armed_mql = True
        if move.row == "6" and move.cause == "void":
            c.armed_sql = True
        if move.row == "back":
            c.kind = move.kind   # nothing is entered anew
        elif move.to == "mql":
            self._enter_mql(c, move)
        elif move.to == "sql":
            c.qualify.clear()
            c.sql_by_score = move.by_score
            if move.by_score:
                c.armed_sql = False
        elif move.to == "unqualified":
            self._enter_unqualified(c, ev)
        if move.to == "mql" and stage != "mql" and not c.owner and move.row != "back":
            self._route(c)
        c.stage, c.stage_since, c.seq = move.to, c.clock, c.seq + 1
        self._end_clocks(c, stage, move, ev, shown["score"])
        self._start_clocks(c, stage, kind, shown["score"])
        self.transitions.append({
            "contact_id": c.id, "seq": c.seq, "from": stage, "to": move.to, "kind": c.kind, "direction": move.direction,
            "cause": move.cause, "rule": move.rule, "visit": c.visit, "trigger_event_id": ev["event_id"] if ev else None,
            "occurred_at": c.clock, "owner": c.owner or None, "sla_due": min((r.due for r in c.running), default=None),
            "suspect": c.suspect, **shown})

    def _enter_mql(self, c, move):
        higher = RANK.get(c.stage, -1) >= RANK["mql"]
        if c.was_mql and not higher:
            c.visit += 1
        c.was_mql = True
        c.kind = move.kind or c.kind or "passive"
        if move.row in ("9", "10", "11", "12", "13"):
            c.hand_raise.clear()
        if move.by_score:
            c.armed_mql = False

    def _enter_unqualified(self, c, ev):
        c.rejected_at = max(ev["occurred_at"], c.rejected_at if c.rejected_at is not None else ev["occurred_at"])
        for kept in (c.facts, c.hand_raise, c.qualify):
            for name in [n for n, at in kept.items() if at <= c.rejected_at]:
                del kept[name]
        c.armed_mql = c.armed_sql = self.m.reset_behavior
        if self.m.reset_behavior:
            c.rows.clear()
            c.manual = 0.0
            c.deeds.clear()

    def _stage_set(self, c, ev):
        own = ev.get("attributes") or {}
        to = own.get("stage")
        if to not in STAGES or to == c.stage:
            return False
        self._move_clock(c, ev)
        self._take_in(c, ev)   # nothing, unless a rule names stage_set in `on`
        kind = ("active" if own.get("kind") == "active" else "passive") if to == "mql" else None
        self._make(c, Move(to, self._direction(c.stage, to), "manual", kind=kind), ev)
        c.hand_raise.clear()
        c.qualify.clear()
        c.facts = {} if to in EXITS else {f: at for f, at in c.facts.items() if RANK[GATE[f]] <= RANK[to]}
        c.armed_mql = c.armed_sql = False
        c.held = c.held_fit = True
        return True

    # -- the hand-off

    def _route(self, c):
        desk = next((d for d in self.m.routing if all(w.holds(c.attribute(w.attribute)) for w in d.when)), None)
        if desk:
            c.owner, c.owner_since = desk.deal(c.id), c.clock

    def _start_clocks(self, c, stage, kind, score):
        """stage, kind: before the move."""
        for rule in self.m.sla:
            if rule.applies(c.stage, c.kind) and not (stage == c.stage and rule.applies(stage, kind)):
                c.running.append(Running(rule, c.seq, c.clock))
                self._alert(c, c.running[-1], "due", c.clock, score)
        c.running.sort(key=lambda r: self.m.sla.index(r.rule))

    def _end_clocks(self, c, stage, move, ev, score):
        answers = move.direction == "advance" or move.cause in ("sales", "manual")
        for run in list(c.running):
            if c.stage != stage and answers:
                self._answered(c, run, ev["occurred_at"], score)
            elif not run.rule.applies(c.stage, c.kind):
                if c.clock >= run.due:
                    self._alert(c, run, "breached", run.due, score)
                c.running.remove(run)

    def _look_for_answer(self, c):
        """Evaluation is over: what sales did with an MQL that stays one."""
        times = [c.facts[fact] for fact in ("accepted", "contacted") if self._fact_on(c, fact)]
        if c.stage == "mql" and times:
            for run in list(c.running):
                self._answered(c, run, min(times), c.score(self.m, c.clock))

    def _answered(self, c, run, at, score):
        at = max(at, run.since)
        event, at = ("met", at) if at < run.due else ("breached", run.due)
        self._alert(c, run, event, at, score)
        c.running.remove(run)

    def _alert(self, c, run, event, at, score):
        self.alerts.append({
            "alert_id": f"{c.id}:{run.seq}:{run.rule.name}:{event}", "contact_id": c.id, "sla": run.rule.name, "event": event,
            "stage": run.rule.stage, "due_at": run.due, "at": at, "owner": c.owner or None, "score": score})

    # -- time

    def advance_to(self, now):
        """Stream time: fire the moments up to `now`, in order of time, then of contact id."""
        if now <= self.stream_time:
            return
        self.stream_time = now
        while self.moments and self.moments[0][0] <= now:
            at, contact_id = heapq.heappop(self.moments)
            if self.moment_of.get(contact_id) == at:
                self._fire(self.contacts[contact_id], at)

    def _fire_due(self, c):
        while self.moment_of.get(c.id, math.inf) <= self.stream_time:
            self._fire(c, self.moment_of[c.id])

    def _fire(self, c, at):
        """One moment: deadlines of that time, or else the score that falls."""
        breached = [run for run in c.running if run.due == at]
        for run in breached:
            self._alert(c, run, "breached", at, c.score(self.m, max(at, c.clock)))
            c.running.remove(run)
        if breached:
            self._schedule(c)
        else:
            self._fall(c, at)

    def _fall(self, c, at):
        before, c.clock = c.clock, at
        move = self._falling(c, c.score(self.m, at), "decay")
        if move is None:
            c.clock = before
            del self.fall_of[c.id]
            self._schedule(c)
            return
        self._look_at_arms(c)
        while move:
            self._make(c, move, None)
            move = self._falling(c, c.score(self.m, at), "decay")
        self._look_for_answer(c)
        self._set_moment(c)

    def _set_moment(self, c):
        """After something happened to the contact."""
        if self.time_acts:
            self.fall_of[c.id] = self._next_moment(c)
            self._schedule(c)

    def _schedule(self, c):
        moments = [run.due for run in c.running]
        if self.fall_of.get(c.id) is not None:
            moments.append(self.fall_of[c.id])
        if not moments:
            self.moment_of.pop(c.id, None)
        else:
            self.moment_of[c.id] = min(moments)
            heapq.heappush(self.moments, (min(moments), c.id))

    def _next_moment(self, c):
        """First millisecond after the clock at which the score is below the exit that applies."""
        m = self.m
        exits = {"mql": m.mql_exit if c.kind == "passive" else None,
                 "sql": m.sql_exit if m.score_driven and c.sql_by_score else None}
        low = exits.get(c.stage)
        if low is None or c.held or not c.rows or c.score(m, c.clock) < low:
            return None
        longest = max((r.half_life for r in m.rules if r.half_life and r.name in c.rows), default=None)
        return None if longest is None else self._first_below(c, low, c.clock, c.clock + 100 * longest)

    def _first_below(self, c, low, lo, hi):
        """First millisecond in (lo, hi] at which the score is below `low`; None: there is none. Rows of negative points let the score
        rise again, so a look at both ends is not enough: between them it is no lower than the gains at the end with the losses at the start."""
        if max(0.0, c.fit + c.behavior(self.m, hi, lo)) >= low:
            return None
        if hi - lo == 1:
            return hi if c.score(self.m, hi) < low else None
        mid = (lo + hi) // 2
        first = self._first_below(c, low, lo, mid)
        return self._first_below(c, low, mid, hi) if first is None else first

    # -- what is left at the end

    def living(self):
        """Ids of contacts that have not gone into others."""
        return {contact_id for contact_id, c in self.contacts.items() if not c.merged_into}

    def state(self, contact_id, at=None):
        """Final state of a contact, its score as of `at` (default: its own clock)."""
        c = self.contacts[contact_id]
        at = c.clock if at is None else at
        if at is None:  # known by machine traffic only
            at = 0
        rows = {r.name: c.rows[r.name].value(at, r.half_life) for r in self.m.rules if r.name in c.rows}
        return {"contact_id": c.id, "stage": c.stage, "kind": c.kind, "visit": c.visit, "seq": c.seq, "stage_since": c.stage_since,
                "score": c.score(self.m, at), "fit": c.fit, "behavior": c.behavior(self.m, at), "grade": c.grade, "as_of": at,
                "owner": c.owner or None, "suspect": c.suspect, "rows": rows, "manual": c.manual}


def run(model, events, time_acts=False, until=None, follow=True):
    """Score all events in order of arrival. Returns the Scorer."""
    scorer = Scorer(model, time_acts, follow)
    for ev in events:
        scorer.apply(ev)
    if until is not None:
        scorer.advance_to(until)
    return scorer


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--events", required=True, help="JSON Lines, one Event a line, in order of arrival")
    parser.add_argument("--time", action="store_true", help="let time alone act, driven by the largest occurred_at so far")
    parser.add_argument("--until", type=int, help="with --time: let time run on to this moment, ms since 1970")
    parser.add_argument("--alerts", help="write the alerts here, as JSON Lines")
    parser.add_argument("--state", help="write the final state of every contact here, as JSON Lines")
    args = parser.parse_args()
    with open(args.model, encoding="utf-8") as model, open(args.events, encoding="utf-8") as events:
        scorer = run(model.read(), (json.loads(line) for line in events if line.strip()), args.time, args.until)
    for t in scorer.transitions:
        print(json.dumps(t))
    print(json.dumps(scorer.counts), file=sys.stderr)
    if args.alerts:
        with open(args.alerts, "w", encoding="utf-8") as out:
            out.writelines(json.dumps(alert) + "\n" for alert in scorer.alerts)
    if args.state:
        with open(args.state, "w", encoding="utf-8") as out:
            for contact_id in sorted(scorer.living()):
                out.write(json.dumps(scorer.state(contact_id)) + "\n")


if __name__ == "__main__":
    main()
