#!/usr/bin/env python3
"""A seeded generator of realistic events, and their way onto Kafka.

Order between topics is not defined, so every contact lives in one topic: all its events, of whatever type, go there (topic_of).
The order within the topic is the order of arrival; occurred_at may be late. The same seed gives the same events.
"""
import argparse
import bisect
import io
import itertools
import json
import pathlib
import random
import sys
import uuid
import zlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOPICS = ["web.engagement", "email.engagement", "crm.activity", "contact.profile"]
DAY = 86_400_000

# What a contact of a kind does, as weights. "profile" and "demo" stand for events with attributes, see Generator._fields.
EVERYDAY = {"page_viewed": 50, "email_sent": 8, "email_delivered": 6, "email_opened": 10, "email_clicked": 6, "link_clicked": 4,
            "video_watched": 3, "site_searched": 2, "file_downloaded": 5, "email_bounced": 0.5, "email_unsubscribed": 1,
            "chat_started": 1, "newsletter_read_aloud": 1, "ad_impression": 1}
PERSONAS = {
    "visitor": (40, EVERYDAY),
    "reader": (25, {**EVERYDAY, "file_downloaded": 20, "newsletter": 4, "profile": 6, "webinar_registered": 3, "webinar_attended": 3}),
    "buyer": (25, {**EVERYDAY, "file_downloaded": 12, "profile": 8, "demo": 5, "lead_accepted": 3, "sales_contact_made": 3,
                   "quote_requested": 1.5, "opportunity_opened": 1.5, "opportunity_won": 2, "opportunity_lost": 1.5,
                   "lead_rejected": 3, "advocacy_given": 1, "event_voided": 1.5, "owner_assigned": 2, "meeting_booked": 1, "trial_started": 1}),
    "noise": (10, {**EVERYDAY, "profile": 10, "demo": 5, "list_imported": 2, "event_attended": 2, "lead_disqualified": 0.3,
                   "lead_rejected": 2, "score_adjusted": 2, "stage_set": 2, "event_voided": 4, "opportunity_won": 1}),
}
PATHS = ["/", "/pricing", "/pricing/enterprise", "/blog/how-to-score", "/blog/funnel?utm_source=mail", "/docs/start#install",
         "/product", "/careers/engineer", "/careers", "/contact", "/case-studies/acme"]
ASSETS = ["ebook/lead-scoring.pdf", "ebook/funnel.pdf", "whitepaper/decay.pdf", "datasheet.pdf", "buyers-guide.pdf"]
CAMPAIGNS = [None, None, "spring-launch", "spring-retarget", "autumn"]
SOURCES = [None, "google", "newsletter", "partner/acme", "linkedin"]
TITLES = ["VP Marketing", "Head of Sales", "Engineer", "CTO", "Student", "Marketing Intern", "Account Executive", "Analyst", ""]
COUNTRIES = ["US", "us", "GB", "NO", "DE", "CA", "FR", "BR", "ZZ"]
MAILS = ["acme.example", "Initech.Example", "umbrella.example", "gmail.com", "yahoo.com", "rival.example", "corp.example"]
SIZES = ["1", "20", "50", "250", "1000", "1001", "20000", "many", "99.5"]
STAGES = ["subscriber", "lead", "mql", "sql", "opportunity", "customer", "unqualified", "disqualified", "champion"]


def topic_of(contact_id, topics=TOPICS):
    return topics[zlib.crc32(contact_id.encode()) % len(topics)]


class Generator:
    def __init__(self, seed=1, contacts=8000, start=1_767_225_600_000, span_ms=30 * DAY, n=200_000):
        self.rng = random.Random(seed)
        self.n, self.start, self.span_ms = n, start, span_ms
        self.ids = [str(uuid.UUID(int=self.rng.getrandbits(128), version=4)) for _ in range(contacts)]
        names, weights = zip(*((name, w) for name, (w, _) in PERSONAS.items()))
        self.persona = dict(zip(self.ids, self.rng.choices(names, weights, k=contacts)))
        self.popularity = list(itertools.accumulate(1.0 / (rank + 20) ** 0.9 for rank in range(contacts)))
        self.kinds = {p: (list(w), list(itertools.accumulate(w.values()))) for p, (_, w) in PERSONAS.items()}
        self.recent = {}   # contact -> its last events, for repeats

    def __iter__(self):
        for i in range(self.n):
            yield self._repeat_or_new(self.start + self.span_ms * i // self.n, i)

    def _pick(self, values, cumulative):
        return values[bisect.bisect(cumulative, self.rng.random() * cumulative[-1])]

    def _repeat_or_new(self, now, i):
        rng = self.rng
        contact = self._pick(self.ids, self.popularity)
        recent = self.recent.setdefault(contact, [])
        if recent and rng.random() < 0.02:
            return rng.choice(recent)
        kind = self._pick(*self.kinds[self.persona[contact]])
        ev = {"event_id": f"{i:x}-{rng.getrandbits(32):08x}", "contact_id": contact, "occurred_at": now - self._lateness(),
              "type": kind, "url": None, "asset": None, "form": None, "campaign": None, "source": None, "actor": None,
              "reason": None, "machine": kind.startswith("email_") and rng.random() < 0.05, "attributes": {}}
        self._fields(ev, kind)
        if kind == "event_voided":   # mostly of one that is known still, sometimes of one that never was
            ev["attributes"]["event_id"] = rng.choice(recent)["event_id"] if recent and rng.random() < 0.95 else "never"
            ev["actor"], ev["reason"] = "ops@example.com", "a bot"
        recent.append(ev)
        del recent[:-12]   # further back than the eight that are remembered
        return ev

    def _lateness(self):
        r = self.rng.random()
        return self.rng.randrange(2_000 if r < 0.90 else 3_600_000 if r < 0.98 else 3 * DAY)

    def _fields(self, ev, kind):
        rng, own = self.rng, ev["attributes"]
        if kind in ("page_viewed", "link_clicked", "site_searched"):
            ev["url"] = rng.choice(["https://www.example.com", "http://example.com", ""]) + rng.choice(PATHS)
            ev["source"], ev["campaign"] = rng.choice(SOURCES), rng.choice(CAMPAIGNS)
        elif kind in ("file_downloaded", "video_watched"):
            ev["asset"] = rng.choice(ASSETS)
        elif kind.startswith("email_"):
            ev["campaign"] = rng.choice(CAMPAIGNS)
        elif kind == "profile":
            ev["type"] = "contact_identified"
            self._profile(own)
        elif kind in ("demo", "newsletter"):
            ev["type"], ev["form"] = "form_submitted", rng.choice(["demo", "contact-sales"]) if kind == "demo" else "newsletter"
            if rng.random() < 0.4:   # else the hand-raise comes before the fit is known
                self._profile(own)
            own["budget"] = str(rng.randrange(0, 90_000, 1000))
        elif kind in ("list_imported", "event_attended", "webinar_registered", "trial_started"):
            self._profile(own)
        elif kind == "score_adjusted":
            own["points"] = rng.choice(["5", "-7.25", "12.5", "-20", "oops"])
            ev["actor"] = "ops@example.com"
        elif kind == "stage_set":
            own["stage"] = rng.choice(STAGES)
            if rng.random() < 0.3:
                own["kind"] = "active"
            ev["actor"], ev["reason"] = "ops@example.com", "by hand"
        elif kind in ("lead_rejected", "lead_disqualified", "opportunity_lost"):
            ev["actor"], ev["reason"] = "rep-7", rng.choice(["no budget", "wrong timing", "no answer – twice"])
        elif kind == "owner_assigned":
            own["owner"] = rng.choice(["rep-1", "rep-2", "J\u00f8rgen", ""])   # empty: nobody any more

    def _profile(self, own):
        rng = self.rng
        name = rng.choice(["ann", "bo", "chris", "dee"])
        for key, values, share in (("email", [f"{name}@{m}" for m in MAILS] + ["no-at-sign"], 0.8), ("country", COUNTRIES, 0.8),
                                   ("job_title", TITLES, 0.5), ("company_size", SIZES, 0.6),
                                   ("email_domain", ["given.example", "gmail.com", ""], 0.05)):
            if rng.random() < share:
                weights = [6] * min(4, len(values)) + [1] * max(0, len(values) - 4)
                own[key] = rng.choices(values, weights)[0]


# ---------------------------------------------------------------- onto Kafka

class AvroEncoder:
    """Confluent framing: 0, the schema id in four bytes, the datum."""

    def __init__(self, schema=None, schema_id=1):
        import fastavro
        if schema is None:
            schema = json.loads((ROOT / "schemas" / "event.avsc").read_text())
        self.schema = fastavro.parse_schema(schema)
        self.head = b"\0" + schema_id.to_bytes(4, "big")
        self.write = fastavro.schemaless_writer

    def __call__(self, ev):
        out = io.BytesIO()
        out.write(self.head)
        self.write(out, self.schema, ev)
        return out.getvalue()


def producer(bootstrap, **more):
    from confluent_kafka import Producer
    return Producer({"bootstrap.servers": bootstrap, "partitioner": "murmur2_random", "enable.idempotence": True,
                     "linger.ms": 20, "log_level": 3, "queue.buffering.max.messages": 500_000, **more})


def produce(bootstrap, records, **more):
    """records: (topic, key, value) or (topic, key, value, extra arguments of Producer.produce). Returns when all are acknowledged."""
    out, failed = producer(bootstrap, **more), []

    def report(err, _):
        if err is not None:
            failed.append(err)

    for topic, key, value, *extra in records:
        while True:
            try:
                out.produce(topic, value, key, on_delivery=report, **(extra[0] if extra else {}))
                break
            except BufferError:
                out.poll(0.1)
        out.poll(0)
    left = out.flush(60)
    if left or failed:
        raise RuntimeError(f"{left} records not acknowledged, {len(failed)} refused: {failed[:1]}")


def avro_records(events, topics=TOPICS):
    encode = AvroEncoder()
    return ((topic_of(ev["contact_id"], topics), ev["contact_id"], encode(ev)) for ev in events)


def main():
    parser = argparse.ArgumentParser(description="Print made-up events as JSON Lines, in order of arrival.")
    parser.add_argument("--events", type=int, default=10_000)
    parser.add_argument("--contacts", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--days", type=float, default=30)
    args = parser.parse_args()
    for ev in Generator(args.seed, args.contacts, span_ms=int(args.days * DAY), n=args.events):
        sys.stdout.write(json.dumps(ev) + "\n")


if __name__ == "__main__":
    main()
