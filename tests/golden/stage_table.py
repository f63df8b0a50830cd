"""The table of stage x event: what each event does to a contact in each stage, under both presets, with SAL and without.

    stage_table.py HOTLEAD             stage_table.md says what `hotlead simulate` does, and what the plain reference does
    stage_table.py HOTLEAD --update    write stage_table.md anew from the reference; read the difference before you commit it

Exit 77 (skipped): PyYAML is not there for the reference; the file is then compared with hotlead alone before.
"""
import collections
import difflib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

FOLDER = pathlib.Path(__file__).parent
FILE = FOLDER / "stage_table.md"
sys.path.insert(0, str(FOLDER.parent / "support"))
try:
    import reference
except ImportError:
    reference = None

MINUTE, DAY = 60_000, 86_400_000
T0 = 1_780_000_000_000
FITS = {"attributes": {"country": "US"}}


def identified(**attributes):
    return {"attributes": attributes}


def by_hand(*stages):
    return [("stage_set", stage, {"attributes": {"stage": stage}}) for stage in stages]


EVENTS = [   # every event type of contract, and after it what makes another case of it, with the fields of that case
    # web
    "page_viewed", ("page_viewed", "/pricing", {"url": "/pricing"}), "form_submitted", ("form_submitted", "fits", FITS),
    "file_downloaded", "link_clicked", "video_watched", "site_searched", "chat_started", "webinar_registered",
    ("webinar_registered", "fits", FITS), "webinar_attended", "demo_requested", ("demo_requested", "fits", FITS),
    ("demo_requested", "late", {"occurred_at": T0 - DAY}), ("demo_requested", "machine", {"machine": True}), "trial_started",
    ("trial_started", "fits", FITS), "meeting_booked",
    # e-mail
    "email_sent", "email_delivered", "email_opened", "email_clicked", "email_replied", "email_bounced", "email_complained",
    "email_unsubscribed",
    # offline, profile
    "event_attended", ("event_attended", "fits", FITS), "list_imported", ("list_imported", "fits", FITS),
    "contact_identified", ("contact_identified", "fits", FITS), ("contact_identified", "fits no more", identified(country="FR")),
    ("contact_identified", "suspect", identified(company="rival")),
    ("contact_identified", "student", identified(job_title="student")),
    # CRM
    "lead_accepted", "lead_rejected", "sales_contact_made", "lead_disqualified", "quote_requested", "opportunity_opened",
    "opportunity_won", "opportunity_lost", "advocacy_given", ("owner_assigned", "", identified(owner="rep-1")),
    # control
    *(("score_adjusted", n, identified(points=n)) for n in ("5", "200", "-500")),
    *by_hand("anonymous", "subscriber", "lead", "mql"), ("stage_set", "mql, active", identified(stage="mql", kind="active")),
    *by_hand("sal", "sql", "opportunity", "customer", "evangelist", "unqualified", "disqualified", "champion"),
    ("event_voided", "", identified(event_id="never came")), "contact_merged", "contact_erased",
    # neither
    ("ad_impression", "unknown type", {}), ("its last event again", "", {"again": True}),
    ("a year of silence", "", {"silence": True}),
]
ROWS = [(e, "", {}) if isinstance(e, str) else e for e in EVENTS]
KNOWN = re.findall(r'X\(\w+, "(\w+)"', (FOLDER.parents[1] / "include" / "hotlead" / "core" / "event.h").read_text())

MODELS = [("sales-touch", False), ("sales-touch", True), ("score-driven", False), ("score-driven", True)]



def ways(preset, sal):
    """How a contact comes into each stage: {column: events}."""
    lead, demo, pricing = ("form_submitted", FITS), ("demo_requested", {}), ("page_viewed", {"url": "/pricing"})
    accepted = ("lead_accepted", {}) if sal else ("stage_set", {"attributes": {"stage": "sal"}})
    sold = [lead, demo, ("sales_contact_made", {}), ("opportunity_opened", {}), ("opportunity_won", {})]
    found = {"anonymous": [("email_sent", {})], "subscriber": [("form_submitted", {})], "lead": [lead], "mql-a": [lead, demo],
             "mql-p": [lead, pricing], "sal": [lead, demo, accepted], "sql": sold[:3], "sql-s": [lead, pricing, pricing],
             "opportunity": sold[:4], "customer": sold, "evangelist": [*sold, ("advocacy_given", {})],
             "unqualified": [lead, demo, ("lead_rejected", {})], "disqualified": [lead, ("lead_disqualified", {})]}
    return {column: way for column, way in found.items() if column != "sql-s" or preset == "score-driven"}


def model(preset, sal):
    return f"""\
model: stage-table
version: "1"
preset: {preset}
fit:
  must_have: [{{name: served, attribute: country, in: [US]}}]
  disqualify: [{{name: student, attribute: job_title, equals: student}}]
  suspect: [{{name: competitor, attribute: company, equals: rival}}]
behavior:
  half_life: 30d
  rules:
    - {{name: pricing, on: page_viewed, path: /pricing, points: 70}}
    - {{name: taken-in, on: [{', '.join(KNOWN)}], points: 0.001}}
hand_raise: [{{name: demo, on: demo_requested, valid_for: 30d}}]
qualify: [{{name: meeting, on: meeting_booked, valid_for: 30d}}]
thresholds: {{mql: {{enter: 60, exit: 30}}, sql: {{enter: 120, exit: 80}}}}
stages:
  sal: {str(sal).lower()}
  extra: [{{name: win-back, from: [customer, evangelist], to: lead, on: chat_started}}]
recycle: {{cooldown: 1h, reset_behavior: true}}
"""


class Case:
    """One cell: a contact that is brought into its stage, and one event."""

    def __init__(self, column, row, kind, way, fields):
        self.column, self.row, self.id = column, row, f"{column} | {row}"
        self.silence = fields.get("silence", False)
        self.setup = [self.event(t, f"{self.id} {i}", T0 + i * MINUTE, **f) for i, (t, f) in enumerate(way)]
        self.name = f"{self.id} !"
        if kind == "contact_merged":
            fields = identified(into=f"{self.id}, known better")
        rest = {k: v for k, v in fields.items() if k not in ("again", "silence")}
        self.tested = self.setup[-1] if fields.get("again") else self.event(kind, self.name, **{"occurred_at": T0 + DAY, **rest})

    def event(self, kind, event_id, occurred_at, attributes=None, **fields):
        return {"event_id": event_id, "contact_id": self.id, "type": kind, "occurred_at": occurred_at,
                "attributes": attributes or {}, **fields}


def cases(preset, sal):
    for column, way in ways(preset, sal).items():
        for kind, what, fields in ROWS:
            yield Case(column, f"{kind}: {what}" if what else kind, kind, way, fields)


# ---------------------------------------------------------------- two programs that fill the table: (transitions, events counted)

def by_reference(text, events, until):
    scorer = reference.run(text, events, time_acts=True, until=until)
    return scorer.transitions, {c.id: c.rows["taken-in"].count if "taken-in" in c.rows else 0 for c in map(scorer.contacts.get, scorer.living())}


def by_hotlead(text, events, until):
    with tempfile.TemporaryDirectory() as folder:
        files = [pathlib.Path(folder) / name for name in ("model.yaml", "events.jsonl", "state.jsonl")]
        files[0].write_text(text)
        files[1].write_text("".join(json.dumps(ev) + "\n" for ev in events))
        command = [sys.argv[1], "simulate", "-m", files[0], "-o", "json", "--state", files[2], files[1]]
        got = subprocess.run(command + (["--until", str(until)] if until else []), capture_output=True, text=True, timeout=60)
        assert got.returncode == 0, got.stderr
        states = [json.loads(line) for line in files[2].read_text().splitlines()]
    counted = {s["contact_id"]: sum(row["count"] for row in s["rows"] if row["rule"] == "taken-in") for s in states}
    return [json.loads(line) for line in got.stdout.splitlines()], counted


# ---------------------------------------------------------------- the page

SHORT = {"anonymous": "anon", "subscriber": "sub", "opportunity": "opp", "customer": "cust", "evangelist": "evan",
         "unqualified": "unq", "disqualified": "dis"}
STAGES = ["anonymous", "subscriber", "lead", "mql", "sal", "sql", "opportunity", "customer", "evangelist", "unqualified",
          "disqualified"]
LEGEND = """\
# What each event does in each stage

Written by `stage_table.py`, and compared cell by cell with `hotlead simulate` and with the plain reference of tests/support.

**How to read it.** A row is an event, a column the stage in which it finds a contact, a cell the way that the contact then
goes. `sub lead mql-a`: three transitions, to Subscriber, to Lead, to MQL of kind active (`mql-p`: passive; `#2`: its second
visit). `.`: the event counts (for the score, as a fact, as a hand raised), and nothing moves. `-`: it counts for nothing. `gone`:
nothing is left of the contact, or it is another's. `opp` is Opportunity, `cust` Customer, `evan` Evangelist, `unq` Unqualified, `dis` Disqualified,
`sql-s` an SQL that the score has made.

**The contacts.** Each has come to its stage by the usual events, a few minutes apart: MQL active by a demo request, passive by
70 points, SAL by acceptance (by hand where SAL is off), SQL by a sales contact, Unqualified by a rejection, and so on. From
Lead on they have what they must have; of the anonymous and the subscribers nothing is known. The event comes a day later.
*fits*: it brings the attribute that must be there. *late*: it occurred a day before all others.

**The model.** Country US is a must, students are disqualified, people of a rival are suspect. A view of /pricing gives 70
points, half of them after 30 days. A demo request raises a hand, a booked meeting qualifies (score-driven only). MQL from 60
points, until below 30; SQL from 120, until below 80 (score-driven only). A rejection wipes out the points, and keeps the score
from acting for an hour. chat_started takes Customers and Evangelists back to Lead.
"""


def short(t):
    visit = f"#{t['visit']}" if t["to"] == "mql" and t["visit"] > 1 else ""
    return SHORT.get(t["to"], t["to"]) + (f"-{t['kind'][0]}" if t["to"] == "mql" else "") + visit


def table(head, rows):
    widths = [max(len(r[i]) for r in [head, *rows]) for i in range(len(head))]
    line = lambda cells: "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths)) + " |"
    return [line(head), "|" + "|".join("-" * (w + 2) for w in widths) + "|", *map(line, rows)]


def fill(program, preset, sal):
    """{row: {column: cell}}, and the moves made: {(row, from, to, direction, cause, rule)}."""
    cells, moves, all_cases, text = collections.defaultdict(dict), set(), list(cases(preset, sal)), model(preset, sal)
    setup = [ev for c in all_cases for ev in c.setup]
    arrived, counted = program(text, setup, None)
    later, counted_later = program(text, setup + [c.tested for c in all_cases if not c.silence], None)
    aged, _ = program(text, [ev for c in all_cases if c.silence for ev in c.setup], T0 + 365 * DAY)
    before, after = ({c.id: [] for c in all_cases} for _ in range(2))
    for t in arrived:
        before[t["contact_id"]].append(t)
    for t in [t for t in later if t["trigger_event_id"].endswith("!")] + [t for t in aged if t["trigger_event_id"] is None]:
        if t["contact_id"] in after:   # else it is whom one went into
            after[t["contact_id"]].append(t)
    for c in all_cases:
        check_way(c, before[c.id])
        takes = c.silence or counted_later.get(c.id, 0) > counted.get(c.id, 0)
        cells[c.row][c.column] = " ".join(map(short, after[c.id])) or ("gone" if c.id not in counted_later else "." if takes else "-")
        moves |= {(c.row, t["from"], t["to"], t["direction"], t["cause"], t["rule"] or "") for t in after[c.id]}
    return cells, moves


def check_way(case, transitions):
    """The contact is where its column says."""
    at = transitions[-1] if transitions else {"to": "anonymous", "kind": None}
    wanted = {"mql-a": ("mql", "active"), "mql-p": ("mql", "passive"), "sql-s": ("sql", "passive")}
    assert (at["to"], at["kind"]) == wanted.get(case.column, (case.column, at["kind"])), f"{case.id}: the way led to {at}"


def all_moves(moves):
    """Lines: moves that differ only in where they come from are one."""
    order, together = {c.row: i for i, c in enumerate(cases(*MODELS[-1]))}, collections.defaultdict(list)
    for (row, *move), where in moves.items():
        together[(row, *move[1:], "" if len(where) == len(MODELS) else " ".join(map(str, where)))].append(move[0])
    lines = []
    for (row, to, direction, cause, rule, where), of in together.items():
        of.sort(key=STAGES.index)
        names = ", ".join(SHORT.get(s, s) for s in of)
        lines.append((order[row], STAGES.index(of[0]), [row, names, SHORT.get(to, to), direction, cause, rule, where]))
    return [line for *_, line in sorted(lines)]


def page(program):
    out, moves = [LEGEND], collections.defaultdict(list)
    for n, (preset, sal) in enumerate(MODELS, 1):
        cells, made = fill(program, preset, sal)
        columns = list(ways(preset, sal))
        rows = [[row, *(cells[row][c] for c in columns)] for row in cells]
        heads = ["event", *(SHORT.get(c, c) for c in columns)]
        out += [f"## {n}. {preset}, SAL {'on' if sal else 'off'}\n", *table(heads, rows), ""]
        for m in made:
            moves[m].append(n)
    out += ["## The moves above, one by one\n", "The last column: the tables in which the move is made, where not in all four.\n",
            *table(["event", "from", "to", "direction", "cause", "rule", "tables"], all_moves(moves))]
    return "\n".join(out) + "\n"


def main():
    assert set(KNOWN) == {kind for kind, *_ in ROWS} - {kind for kind, *_ in ROWS[-3:]}, "a row for each event type, please"
    if "--update" in sys.argv:
        FILE.write_text(page(by_reference), encoding="utf-8")
        return 0
    want, wrong = FILE.read_text(encoding="utf-8"), 0
    for name, program in (("hotlead simulate", by_hotlead), ("the reference", by_reference if reference else None)):
        if program:
            lines = list(difflib.unified_diff(want.splitlines(True), page(program).splitlines(True), FILE.name, name, n=0))
            sys.stdout.writelines(lines)
            wrong += bool(lines)
    print(f"{sum(len(list(cases(*m))) for m in MODELS)} cells: {'DIFFERENT' if wrong else 'ok'}")
    return 1 if wrong else 0 if reference else 77


if __name__ == "__main__":
    sys.exit(main())
