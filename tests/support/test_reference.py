"""Cases worked out by hand against the reference, so that the oracle itself is not taken on trust."""
import pathlib
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import reference  # noqa: E402

DAY = 86_400_000
T0 = 1_700_000_000_000

MODEL = """
model: t
version: "1"
lists: {free: [gmail.com]}
fit:
  must_have:
    - {name: business, attribute: email_domain, not_in: $free}
    - {name: country, attribute: country, in: [US, NO]}
  disqualify: [{name: student, attribute: job_title, matches: "(?i)student"}]
  suspect: [{name: rival, attribute: email_domain, in: [rival.example]}]
  rules: [{name: size, attribute: company_size, between: [50, 100], points: 20}]
  grades: {A: 20, B: 10}
behavior:
  half_life: 10d
  groups: {web: {max: 25}}
  rules:
    - {name: pricing, on: page_viewed, path: "/pricing*", points: 10, group: web, max_times: 2 per 1d}
    - {name: ebook, on: file_downloaded, asset: "ebook/*", points: 30}
    - {name: bye, on: email_unsubscribed, points: -20}
hand_raise: [{name: demo, on: form_submitted, form: demo, valid_for: 5d}]
thresholds: {mql: {enter: 40, exit: 20}, sql: {enter: 60, exit: 35}}
stages: {sal: true, extra: [{name: vip, from: [lead], to: opportunity, on: meeting_booked, where: {attribute: vip, equals: "yes"}}]}
recycle: {cooldown: 2d, reset_behavior: true}
"""
GOOD = {"email": "Ann@Acme.Example", "country": "no", "company_size": "60"}


class Case(unittest.TestCase):
    def setUp(self):
        self.begin()

    def begin(self, model=MODEL, **kw):
        self.s = reference.Scorer(model, **kw)
        self.n = 0

    def send(self, kind, at=0, contact="c", **fields):
        self.n += 1
        ev = {"event_id": f"e{self.n}", "contact_id": contact, "occurred_at": T0 + at, "type": kind, **fields}
        return self.s.apply(ev)

    def path(self, contact="c"):
        return [(t["from"], t["to"], t["cause"]) for t in self.s.transitions if t["contact_id"] == contact]

    def lead(self, **more):
        self.send("form_submitted", form="newsletter", attributes={**GOOD, **more})


class Moves(Case):
    # -- gates

    def test_one_event_moves_a_contact_up_several_stages(self):
        self.send("form_submitted", form="demo", attributes=GOOD)
        self.assertEqual(self.path(), [("anonymous", "subscriber", "opt_in"), ("subscriber", "lead", "fit"),
                                       ("lead", "mql", "hand_raise")])
        last = self.s.transitions[-1]
        self.assertEqual((last["seq"], last["kind"], last["rule"], last["grade"], last["score"]), (3, "active", "demo", "A", 20.0))

    def test_a_hand_raise_waits_for_fit_and_ends_after_its_time(self):
        self.send("form_submitted", form="demo", attributes={"email": "a@acme.example"})
        self.send("contact_identified", 5 * DAY, attributes={"country": "US"})
        self.assertEqual(self.path()[-1], ("lead", "mql", "hand_raise"))
        self.begin()
        self.send("form_submitted", form="demo", attributes={"email": "a@acme.example"})
        self.send("contact_identified", 5 * DAY + 1, attributes={"country": "US"})
        self.assertEqual(self.path()[-1], ("subscriber", "lead", "fit"))

    def test_free_mail_is_no_lead_and_a_trait_is_the_end(self):
        self.send("form_submitted", attributes={**GOOD, "email": "a@gmail.com"})
        self.assertEqual(self.path(), [("anonymous", "subscriber", "opt_in")])
        self.send("contact_identified", 1, attributes={"job_title": "PhD Student"})
        self.assertEqual(self.path()[-1], ("subscriber", "disqualified", "fit"))
        self.assertEqual(self.send("form_submitted", 2, form="demo"), "ignored")

    def test_a_suspect_is_scored_but_stays_lead(self):
        self.send("form_submitted", form="demo", attributes={**GOOD, "email": "x@rival.example"})
        self.assertEqual(self.path()[-1][1], "lead")
        self.assertTrue(self.s.transitions[-1]["suspect"])

    # -- score

    def test_points_halve_every_half_life_and_the_group_is_cut(self):
        self.send("page_viewed", url="https://x.example/pricing?a=1")
        self.send("page_viewed", url="/pricing/eu#b")
        self.send("page_viewed", url="/pricing")                     # third of the day: nothing
        self.assertAlmostEqual(self.s.state("c", T0)["score"], 20)
        self.send("page_viewed", DAY, url="/pricing")
        self.send("page_viewed", DAY, url="/pricing")
        self.assertAlmostEqual(self.s.state("c", T0 + DAY)["score"], 25)   # 38.66 cut at 25
        self.assertAlmostEqual(self.s.state("c", T0 + 11 * DAY)["score"], 10 + 20 * 2 ** -1.1)

    def test_order_of_arrival_does_not_change_the_sum(self):
        self.send("file_downloaded", 10 * DAY, asset="ebook/a")
        self.send("file_downloaded", 0, asset="ebook/b")
        self.assertAlmostEqual(self.s.state("c")["score"], 45)

    def test_the_total_is_never_below_zero_and_the_sum_is(self):
        self.send("email_unsubscribed")
        state = self.s.state("c")
        self.assertEqual((state["score"], state["behavior"]), (0, -20))

    def test_repeated_ids_machines_and_unknown_types_do_nothing(self):
        ev = {"event_id": "x", "contact_id": "c", "occurred_at": T0, "type": "file_downloaded", "asset": "ebook/a"}
        self.assertEqual([self.s.apply(ev), self.s.apply(ev)], ["scored", "duplicate"])
        self.assertEqual(self.send("file_downloaded", asset="ebook/a", machine=True), "ignored")
        self.assertEqual(self.send("danced", contact="nobody"), "ignored")
        self.assertNotIn("nobody", self.s.contacts)
        self.assertAlmostEqual(self.s.state("c")["score"], 30)

    def test_the_ninth_id_is_forgotten(self):
        for i in range(9):
            self.s.apply({"event_id": f"d{i}", "contact_id": "c", "occurred_at": T0, "type": "email_sent"})
        again = lambda i: self.s.apply({"event_id": f"d{i}", "contact_id": "c", "occurred_at": T0, "type": "email_sent"})
        self.assertEqual([again(1), again(0)], ["duplicate", "scored"])

    # -- arms

    def test_a_crossing_fires_once_until_exit_was_crossed(self):
        self.lead()                                                  # fit 20
        self.send("file_downloaded", asset="ebook/a")                # 50: passive
        self.assertEqual(self.path()[-1], ("lead", "mql", "score"))
        self.send("lead_rejected", 1)
        self.assertEqual(self.path()[-1], ("mql", "unqualified", "sales"))
        self.send("file_downloaded", DAY, asset="ebook/a")           # in the cool-down
        self.assertEqual(self.path()[-1][1], "unqualified")
        self.send("page_viewed", 2 * DAY + 1, url="/")               # cool-down over: 20 + 27.99 by itself is enough
        self.assertEqual(self.path()[-1], ("unqualified", "mql", "score"))
        self.assertEqual(self.s.transitions[-1]["visit"], 2)

    def test_passive_mql_falls_to_lead_below_exit(self):
        self.lead(company_size="10")
        self.send("file_downloaded", asset="ebook/a")
        self.send("file_downloaded", asset="ebook/a")                # 60, fit 0
        self.send("page_viewed", 16 * DAY, url="/")                  # 60 * 2^-1.6 = 19.79 < 20
        self.assertEqual(self.path()[-1], ("mql", "lead", "score"))

    # -- sales

    def test_an_early_fact_waits_at_its_gate(self):
        self.send("opportunity_opened")
        self.send("sales_contact_made")
        self.send("form_submitted", 1, form="demo", attributes=GOOD)
        self.assertEqual([to for _, to, _ in self.path()], ["subscriber", "lead", "mql", "sql", "opportunity"])

    def test_a_fact_survives_the_loss_of_fit_as_a_lead_but_not_as_an_mql(self):
        self.lead()
        self.send("sales_contact_made", 1)
        self.send("contact_identified", 2, attributes={"country": "FR"})
        self.assertEqual((self.path()[-1][1], list(self.s.contacts["c"].facts)), ("subscriber", ["contacted"]))
        self.begin(MODEL.replace("sal: true", "sal: false"))
        self.send("form_submitted", form="demo", attributes=GOOD)
        self.send("lead_accepted", 1)                                # no gate for it: stays mql
        self.send("contact_identified", 2, attributes={"country": "FR"})
        self.assertEqual((self.path()[-1][1], list(self.s.contacts["c"].facts)), ("subscriber", []))

    def test_the_newest_hand_raise_is_the_cause(self):
        self.begin(MODEL.replace("hand_raise: [", "hand_raise: [{name: chat, on: chat_started}, "))
        self.send("chat_started")
        self.send("form_submitted", 1, form="demo", attributes=GOOD)
        self.assertEqual(self.s.transitions[-1]["rule"], "demo")

    def test_sal_when_accepted(self):
        self.send("form_submitted", form="demo", attributes=GOOD)
        self.send("lead_accepted", 1)
        self.assertEqual(self.path()[-1], ("mql", "sal", "sales"))

    def test_a_second_win_is_advocacy(self):
        self.send("form_submitted", form="demo", attributes=GOOD)
        self.send("sales_contact_made", 1)
        self.send("opportunity_won", 2)
        self.assertEqual(self.path()[-1], ("opportunity", "customer", "sales"))
        self.send("opportunity_won", 3)
        self.assertEqual(self.path()[-1], ("customer", "evangelist", "sales"))

    def test_a_rejection_clears_the_rows_and_old_events_stay_out(self):
        self.send("form_submitted", form="demo", attributes=GOOD)
        self.send("file_downloaded", 5, asset="ebook/a")
        self.send("lead_rejected", 10)
        self.assertAlmostEqual(self.s.transitions[-1]["score"], 50, places=6)
        self.assertEqual(self.s.state("c")["score"], 20)
        self.send("file_downloaded", 9, asset="ebook/a")
        self.send("form_submitted", 10, form="demo")
        self.assertEqual((self.s.state("c")["score"], self.path()[-1][1]), (20, "unqualified"))
        self.send("form_submitted", 11, form="demo")
        self.assertEqual(self.path()[-1], ("unqualified", "mql", "hand_raise"))

    def test_an_extra_edge_needs_its_own_event(self):
        self.lead()
        self.send("meeting_booked", 1, attributes={"vip": "no"})
        self.assertEqual(self.path()[-1][1], "lead")
        self.send("meeting_booked", 2, attributes={"vip": " YES "})
        self.assertEqual(self.path()[-1], ("lead", "opportunity", "rule"))

    def test_score_driven_goes_up_and_down_by_score(self):
        self.begin(MODEL + "preset: score-driven\nqualify: [{name: guide, on: file_downloaded, asset: guide}]\n")
        self.lead()
        self.send("file_downloaded", asset="ebook/a")
        self.send("file_downloaded", 1, asset="ebook/a")             # 80
        self.assertEqual(self.path()[-1], ("mql", "sql", "score"))
        self.send("email_sent", 21 * DAY)                            # 20 + 60 * 2^-2.1 = 33.99 < 35
        self.assertEqual(self.path()[-1], ("sql", "mql", "score"))
        self.send("file_downloaded", 22 * DAY, asset="guide")
        self.assertEqual((self.path()[-1], self.s.transitions[-1]["rule"]), (("mql", "sql", "score"), "guide"))
        self.send("email_sent", 80 * DAY)                            # reached by latch: stays
        self.assertEqual(self.path()[-1][1], "sql")

    # -- by hand

    def test_a_stage_set_by_hand_is_held(self):
        self.lead(company_size="10")
        self.send("stage_set", 1, attributes={"stage": "mql"})
        self.assertEqual((self.path()[-1], self.s.transitions[-1]["kind"]), (("lead", "mql", "manual"), "passive"))
        self.send("email_sent", 2)                                   # score 0 < exit, but held
        self.assertEqual(self.path()[-1][1], "mql")
        self.send("form_submitted", 3, form="demo")
        self.assertEqual(self.path()[-1], ("mql", "mql", "hand_raise"))
        self.assertEqual(self.s.transitions[-1]["visit"], 1)

    def test_back_from_disqualified_by_hand_despite_the_trait(self):
        self.send("contact_identified", attributes={**GOOD, "job_title": "student"})
        self.send("stage_set", 1, attributes={"stage": "lead"})
        self.send("email_sent", 2)
        self.assertEqual(self.path()[-1], ("disqualified", "lead", "manual"))
        self.send("contact_identified", 3, attributes={"x": "y"})
        self.assertEqual(self.path()[-1], ("lead", "disqualified", "fit"))

    # -- attributes

    def test_the_newer_value_wins_and_an_empty_one_removes(self):
        self.send("contact_identified", 10, attributes={"email": "a@acme.example", "country": "US"})
        self.send("contact_identified", 5, attributes={"country": "FR"})
        c = self.s.contacts["c"]
        self.assertEqual((c.attribute("country"), c.attribute("email_domain")), ("US", "acme.example"))
        self.send("contact_identified", 10, attributes={"email_domain": "given.example"})
        self.assertEqual(c.attribute("email_domain"), "given.example")
        self.send("contact_identified", 11, attributes={"email_domain": "", "country": ""})
        self.assertEqual((c.attribute("country"), c.attribute("email_domain")), (None, "acme.example"))

    # -- time

    def test_time_alone_takes_away_at_the_millisecond(self):
        self.begin(time_acts=True)
        self.lead(company_size="10")
        self.send("file_downloaded", asset="ebook/a")
        self.send("file_downloaded", asset="ebook/a")                # 60 falls below 20 after 10 d * log2(3) = 1,369,407,600.6 ms
        self.send("email_sent", 40 * DAY, contact="other")
        self.assertEqual(self.path()[-1], ("mql", "lead", "decay"))
        last = self.s.transitions[-1]
        self.assertEqual(last["occurred_at"] - T0, 1_369_407_601)
        self.assertIsNone(last["trigger_event_id"])
        self.assertLess(last["score"], 20)

    def test_urls(self):
        path = reference.url_path
        self.assertEqual([path("https://a.example"), path("https://a.example?x"), path("/a/b?c"), path("a/b"), path(None)],
                         ["/", "/", "/a/b", None, None])


MINUTE = 60_000
HAND_OFF = MODEL.replace("sal: true", "sal: false") + """
sla:
  - {name: call, stage: mql, kind: active, within: 5m}
  - {name: look, stage: mql, within: 2d}
  - {name: plan, stage: sql, within: 1w}
  - {name: again, stage: unqualified, within: 30d}
routing:
  - {when: [{attribute: country, in: [NO]}, {attribute: company_size, at_least: 500}], to: [olaf]}
  - {when: {attribute: country, in: [NO]}, to: [kari, per, liv], by: weight, weights: [2, 1, 1]}
"""


class HandOff(Case):
    def begin(self, model=HAND_OFF, time_acts=True, **kw):
        super().begin(model, time_acts=time_acts, **kw)

    def hand(self, at=0, contact="c", **more):
        self.send("form_submitted", at, contact, form="demo", attributes={**GOOD, **more})

    def told(self, contact="c"):
        """Alerts as (name, event, at - T0)."""
        return [(a["sla"], a["event"], a["at"] - T0) for a in self.s.alerts if a["contact_id"] == contact]

    def last(self):
        t = self.s.transitions[-1]
        return t["from"], t["to"], t["owner"], t["sla_due"] and t["sla_due"] - T0

    # -- owner

    def test_the_hash_is_fnv_with_the_finalizer_of_murmur(self):
        self.assertEqual(reference.mixed_hash("a"), 0x82a2a958a9bece5b)
        self.assertEqual(reference.mixed_hash("Zo\u00eb"), 0x3f8a1b8741a8d7b9)

    def test_an_mql_is_dealt_by_its_place_among_the_weights(self):
        for contact, owner in (("a", "per"), ("bo", "kari"), ("ann", "kari")):   # 0.51, 0.11, 0.43 of the way: 2 1 1
            self.hand(contact=contact)
            self.assertEqual(self.last()[:3], ("lead", "mql", owner))
        self.assertEqual([t["owner"] for t in self.s.transitions[:3]], [None, None, "per"])
        self.hand(contact="big", company_size="500")
        self.assertEqual(self.last()[2], "olaf")
        self.hand(contact="us", country="US")
        self.assertIsNone(self.last()[2])

    def test_round_robin_gives_even_shares(self):
        self.begin(HAND_OFF.replace("by: weight, weights: [2, 1, 1]", "by: round_robin"))
        for contact, owner in (("a", "per"), ("bo", "kari"), ("ann", "per"), ("chris", "per"), ("Zo\u00eb", "kari")):
            self.hand(contact=contact)
            self.assertEqual(self.last()[2], owner)

    def test_who_has_an_owner_keeps_him_at_every_visit(self):
        self.send("owner_assigned", attributes={"owner": "rep"})
        self.hand(1)
        self.send("lead_rejected", 2)
        self.hand(3)
        self.assertEqual([t["owner"] for t in self.s.transitions if t["to"] == "mql"], ["rep", "rep"])

    def test_the_newer_name_wins_on_a_tie_the_later_and_an_empty_one_leaves_its_time(self):
        owner = lambda: self.s.state("c")["owner"]
        self.send("owner_assigned", 10, attributes={"owner": "x"})
        self.send("owner_assigned", 9, attributes={"owner": "y"})
        self.send("owner_assigned", 11)
        self.assertEqual(owner(), "x")
        self.send("owner_assigned", 10, attributes={"owner": "z"})
        self.assertEqual(owner(), "z")
        self.send("owner_assigned", 20, attributes={"owner": ""})
        self.assertIsNone(owner())
        self.send("owner_assigned", 19, attributes={"owner": "w"})
        self.assertIsNone(owner())
        self.send("owner_assigned", 20, attributes={"owner": "\u00e6" * 200})
        self.assertEqual(owner(), "\u00e6" * 127)

    def test_a_routed_owner_has_the_time_of_the_hand_off(self):
        self.hand(10)
        self.send("owner_assigned", 9, attributes={"owner": "x"})
        self.assertEqual(self.s.state("c")["owner"], "kari")
        self.send("owner_assigned", 10, attributes={"owner": "x"})
        self.assertEqual(self.s.state("c")["owner"], "x")

    def test_without_an_owner_each_way_into_mql_is_routed_and_row_11_is_not(self):
        self.send("contact_identified", attributes=GOOD)
        self.send("stage_set", 1, attributes={"stage": "mql"})
        self.assertEqual(self.last()[:3], ("anonymous", "mql", "kari"))
        self.send("owner_assigned", 2, attributes={"owner": ""})
        self.hand(3)
        self.assertEqual(self.last()[:3], ("mql", "mql", None))

    # -- deadlines

    def test_a_clock_that_no_one_answers_is_breached_before_the_event_that_brings_the_time(self):
        self.hand()
        self.assertEqual(self.last()[3], 5 * MINUTE)
        self.assertEqual(self.told(), [("call", "due", 0), ("look", "due", 0)])
        self.send("owner_assigned", 5 * MINUTE, attributes={"owner": "late"})
        self.assertEqual(self.told()[2:], [("call", "breached", 5 * MINUTE)])
        self.assertEqual(self.s.alerts[2], {"alert_id": "c:3:call:breached", "contact_id": "c", "sla": "call", "event": "breached",
                                            "stage": "mql", "due_at": T0 + 5 * MINUTE, "at": T0 + 5 * MINUTE, "owner": "kari",
                                            "score": 20.0})
        self.send("sales_contact_made", 6 * MINUTE)                  # too late for call, in time for look
        self.assertEqual(self.told()[3:], [("look", "met", 6 * MINUTE), ("plan", "due", 6 * MINUTE)])
        self.s.advance_to(T0 + 30 * DAY)
        self.assertEqual(self.told()[5:], [("plan", "breached", 6 * MINUTE + 7 * DAY)])

    def test_the_score_of_a_breach_is_that_of_the_deadline(self):
        self.hand()
        self.send("file_downloaded", 1, asset="ebook/a")
        self.s.advance_to(T0 + 60 * DAY)
        self.assertEqual(self.told()[-1], ("look", "breached", 2 * DAY))
        self.assertAlmostEqual(self.s.alerts[-1]["score"], 20 + 30 * 2 ** -0.2, places=6)

    def test_an_mql_that_stays_one_is_answered_by_accepted_at_its_time(self):
        self.hand(10)
        self.send("lead_accepted", 7)                                # before the clock started: at its start
        self.assertEqual(self.told()[2:], [("call", "met", 10), ("look", "met", 10)])
        self.assertEqual(self.last()[1], "mql")
        self.send("email_sent", 3 * DAY)
        self.assertEqual(len(self.s.alerts), 4)

    def test_an_early_answer_meets_at_once(self):
        self.send("lead_accepted")
        self.hand(10)
        self.assertEqual(self.last(), ("lead", "mql", "kari", 10 + 5 * MINUTE))
        self.assertEqual(self.told(), [("call", "due", 10), ("look", "due", 10), ("call", "met", 10), ("look", "met", 10)])

    def test_without_stream_time_the_times_of_the_events_decide(self):
        self.begin(follow=False)
        self.hand()
        self.send("lead_accepted", 5 * MINUTE)
        self.assertEqual(self.told()[2:], [("call", "breached", 5 * MINUTE), ("look", "met", 5 * MINUTE)])
        self.send("contact_identified", 1, "other", attributes=GOOD)
        self.hand(2, "other")
        self.send("contact_identified", 3 * DAY, "other", attributes={"country": "FR"})
        self.assertEqual(self.told("other")[2:], [("call", "breached", 2 + 5 * MINUTE), ("look", "breached", 2 + 2 * DAY)])

    def test_lost_fit_ends_a_clock_without_a_word(self):
        self.hand()
        self.send("contact_identified", MINUTE, attributes={"country": "FR"})
        self.assertEqual((self.last(), self.told()[2:]), (("mql", "subscriber", "kari", None), []))
        self.s.advance_to(T0 + 30 * DAY)
        self.assertEqual(len(self.s.alerts), 2)

    def test_an_advance_is_an_answer_whoever_causes_it(self):
        self.begin(HAND_OFF.replace("stage: sql, within: 1w", "stage: lead, within: 1h"))
        self.lead()
        self.hand(MINUTE)
        self.assertEqual(self.told()[:2], [("plan", "due", 0), ("plan", "met", MINUTE)])

    def test_a_rejection_is_an_answer_and_its_alert_has_the_score_before_the_reset(self):
        self.hand()
        self.send("file_downloaded", 0, asset="ebook/a")
        self.send("lead_rejected", MINUTE)
        self.assertEqual(self.told()[2:], [("call", "met", MINUTE), ("look", "met", MINUTE), ("again", "due", MINUTE)])
        self.assertEqual([round(a["score"]) for a in self.s.alerts[2:]], [50, 50, 50])
        self.assertEqual(self.last(), ("mql", "unqualified", "kari", MINUTE + 30 * DAY))

    def test_row_11_leaves_the_clock_for_any_kind_and_starts_that_for_its_own(self):
        self.lead()
        self.send("file_downloaded", asset="ebook/a")
        self.assertEqual((self.last()[1], self.told()), ("mql", [("look", "due", 0)]))
        self.send("form_submitted", MINUTE, form="demo")
        self.assertEqual(self.last(), ("mql", "mql", "kari", 6 * MINUTE))
        self.assertEqual(self.told()[1:], [("call", "due", MINUTE)])
        self.send("sales_contact_made", 2 * MINUTE)
        self.assertEqual([a["alert_id"] for a in self.s.alerts[2:4]], ["c:4:call:met", "c:3:look:met"])

    def test_row_11_does_not_wake_a_clock_that_has_ended_and_ends_that_of_another_kind(self):
        self.begin(HAND_OFF.replace("kind: active, within: 5m", "kind: passive, within: 5d"))
        self.lead()
        self.send("file_downloaded", asset="ebook/a")
        self.send("form_submitted", 3 * DAY, form="demo")
        self.assertEqual(self.told(), [("call", "due", 0), ("look", "due", 0), ("look", "breached", 2 * DAY)])
        self.assertEqual(self.last(), ("mql", "mql", "kari", None))
        self.s.advance_to(T0 + 9 * DAY)
        self.assertEqual(len(self.s.alerts), 3)

    def test_a_deadline_comes_before_the_move_of_the_same_moment(self):
        fall = 1_369_407_601                                         # see test_time_alone_takes_away_at_the_millisecond
        self.begin(HAND_OFF.replace("within: 2d", f"within: {fall}ms"))
        self.lead(company_size="10")
        self.send("file_downloaded", asset="ebook/a")
        self.send("file_downloaded", asset="ebook/a")
        self.s.advance_to(T0 + fall)
        self.assertEqual(self.told(), [("look", "due", 0), ("look", "breached", fall)])
        self.assertEqual(self.path()[-1], ("mql", "lead", "decay"))
        self.begin(HAND_OFF.replace("within: 2d", f"within: {fall + 1}ms"))
        self.lead(company_size="10")
        self.send("file_downloaded", asset="ebook/a")
        self.send("file_downloaded", asset="ebook/a")
        self.s.advance_to(T0 + fall + 1)
        self.assertEqual(self.told(), [("look", "due", 0)])

    def test_deadlines_come_in_the_order_of_time_then_of_contact(self):
        for contact in ("b", "a"):
            self.hand(0, contact)
        self.hand(-1, "z")
        self.s.advance_to(T0 + 5 * MINUTE)
        ends = [a["contact_id"] for a in self.s.alerts if a["event"] == "breached"]
        self.assertEqual(ends, ["z", "a", "b"])

    def test_a_late_contact_is_breached_at_once(self):
        self.send("email_sent", DAY, contact="other")
        self.hand()
        self.assertEqual(self.told(), [("call", "due", 0), ("look", "due", 0), ("call", "breached", 5 * MINUTE)])
        self.assertEqual(self.last()[3], 5 * MINUTE)


class Voids(Case):
    def begin(self, model=MODEL + "voids: {keep: 3}\n", **kw):
        super().begin(model, **kw)

    def undo(self, event_id, at=DAY):
        return self.send("event_voided", at, attributes={"event_id": event_id})

    def test_points_and_the_place_in_the_window_come_back(self):
        for _ in range(3):
            self.send("page_viewed", url="/pricing")
        row = self.s.contacts["c"].rows["pricing"]
        self.assertEqual((row.count, self.undo("e3", 0), self.undo("e1", 0)), (2, "ignored", "scored"))   # the third scored nothing
        self.assertAlmostEqual(row.value(T0, 1), 10.0)
        self.send("page_viewed", url="/pricing")
        self.assertEqual(row.count, 2)

    def test_who_moved_by_it_goes_back_and_the_older_are_not_known(self):
        self.lead()
        self.send("form_submitted", 1, form="demo")
        self.assertEqual(self.undo("e2", 2), "scored")
        last = self.s.transitions[-1]
        self.assertEqual((last["from"], last["to"], last["direction"], last["cause"], last["kind"]), ("mql", "lead", "retract", "void", None))
        self.assertEqual(self.undo("e2", 2), "ignored")
        for at in range(3, 6):
            self.send("file_downloaded", at, asset="ebook/x")
        self.assertEqual(self.undo("e1", 9), "ignored")

    def test_what_carried_the_score_over_the_threshold_takes_it_back(self):
        self.lead()
        self.send("file_downloaded", asset="ebook/x")
        self.assertEqual(self.path()[-1], ("lead", "mql", "score"))          # 20 + 30 >= 40
        self.send("page_viewed", url="/pricing")
        self.undo("e2", 0)
        self.assertEqual(self.path()[-1], ("mql", "lead", "void"))           # 30 are left


class Merges(Case):
    def merge(self, contact, into, at=DAY):
        return self.send("contact_merged", at, contact, attributes={"into": into})

    def test_rows_are_added_and_the_further_stage_stays(self):
        self.send("page_viewed", contact="v", url="/pricing")
        self.send("page_viewed", 10 * DAY, "c", url="/pricing")
        self.send("form_submitted", 10 * DAY, "v", form="demo", attributes=GOOD)
        self.assertEqual(self.merge("v", "c", 10 * DAY), "scored")
        c = self.s.contacts["c"]
        self.assertAlmostEqual(c.rows["pricing"].value(T0 + 10 * DAY, 10 * DAY), 15.0)
        self.assertEqual((self.path(), c.kind, c.merged), ([("anonymous", "mql", "merge")], "active", {"v"}))
        self.assertEqual(self.s.living(), {"c"})

    def test_later_events_and_repetitions_follow(self):
        self.send("file_downloaded", contact="v", asset="ebook/x")
        self.merge("v", "c")
        self.send("file_downloaded", DAY, "v", asset="ebook/x")
        self.n = 0
        self.assertEqual(self.send("file_downloaded", contact="v", asset="ebook/x"), "duplicate")
        self.assertEqual(self.s.contacts["c"].rows["ebook"].count, 2)
        self.n = 9
        self.assertEqual((self.merge("c", "v"), self.merge("c", "c"), self.merge("v", "c")), ("ignored",) * 3)

    def test_a_visitor_joins_once(self):
        self.send("file_downloaded", contact="v", asset="ebook/x")
        for who in ("ann", "bob"):
            self.send("contact_identified", DAY, who, attributes={"anonymous_id": "v"})
        self.assertEqual([who for who in ("ann", "bob") if self.s.contacts[who].rows], ["ann"])

    def test_all_that_are_one_are_erased(self):
        self.send("file_downloaded", contact="v", asset="ebook/x")
        self.merge("v", "c")
        self.merge("c", "d", 2 * DAY)
        self.send("contact_erased", 3 * DAY, "v")
        self.assertEqual(self.s.contacts, {})
        self.assertEqual(self.send("file_downloaded", DAY, "d", asset="ebook/x"), "ignored")

    def test_what_does_not_say_into_whom_is_a_dead_letter(self):
        self.assertEqual((self.send("contact_merged"), self.send("event_voided")), ("dead_letter", "dead_letter"))


if __name__ == "__main__":
    unittest.main()
