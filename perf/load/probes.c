#include "probes.h"

#include <stdlib.h>

#define CHUNK 4096
#define CHUNKS 65536
#define FAILED UINT32_MAX

/* Times behind `planned` in us, at least 1 so that 0 can mean: not yet. */
struct slot {
    int64_t planned_ns;
    uint32_t sent_us;
    _Atomic uint32_t acked_us; /* FAILED: it was not written */
    _Atomic uint32_t seen_us;
};

struct contact {
    int64_t seq;
    _Atomic int stage;
};

struct hl_probes {
    uint32_t n_contacts;
    struct contact *contacts;
    struct slot *_Atomic chunks[CHUNKS];
    _Atomic uint64_t n, n_acked, n_failed, n_seen;
    uint64_t repeated, gaps;
};

enum hl_status hl_probes_new(uint32_t contacts, struct hl_probes **out)
{
    struct hl_probes *p = calloc(1, sizeof(*p));
    if (p) p->contacts = calloc((size_t)contacts + 1, sizeof(*p->contacts));
    if (!p || !p->contacts) {
        free(p);
        return HL_E_NOMEM;
    }
    p->n_contacts = contacts;
    for (uint32_t i = 0; i <= contacts; i++) p->contacts[i].stage = -1;
    *out = p;
    return HL_OK;
}

void hl_probes_free(struct hl_probes *p)
{
    if (!p) return;
    for (size_t i = 0; i < CHUNKS && p->chunks[i]; i++) free(p->chunks[i]);
    free(p->contacts);
    free(p);
}

uint32_t hl_probes_contacts(const struct hl_probes *p)
{
    return p->n_contacts;
}

static struct slot *slot_of(const struct hl_probes *p, uint64_t n)
{
    return n < p->n ? &p->chunks[n / CHUNK][n % CHUNK] : NULL;
}

static uint32_t us_behind(int64_t planned_ns, int64_t at_ns)
{
    int64_t us = (at_ns - planned_ns) / 1000;
    return us < 1 ? 1 : us >= FAILED ? FAILED - 1 : (uint32_t)us;
}

int64_t hl_probes_add(struct hl_probes *p, int64_t planned_ns, int64_t sent_ns)
{
    uint64_t n = p->n;
    if (n / CHUNK >= CHUNKS) return -1;
    if (n % CHUNK == 0) p->chunks[n / CHUNK] = calloc(CHUNK, sizeof(struct slot));
    struct slot *chunk = p->chunks[n / CHUNK];
    if (!chunk) return -1;
    chunk[n % CHUNK].planned_ns = planned_ns;
    chunk[n % CHUNK].sent_us = us_behind(planned_ns, sent_ns);
    p->n = n + 1; /* from here on the others look at it */
    return (int64_t)n;
}

int64_t hl_probes_acked(struct hl_probes *p, uint64_t n, int64_t at_ns)
{
    struct slot *s = slot_of(p, n);
    if (!s) return at_ns;
    s->acked_us = us_behind(s->planned_ns, at_ns);
    p->n_acked++;
    return s->planned_ns;
}

void hl_probes_failed(struct hl_probes *p, uint64_t n)
{
    struct slot *s = slot_of(p, n);
    if (!s) return;
    s->acked_us = FAILED;
    p->n_failed++;
}

void hl_probes_moved(struct hl_probes *p, uint64_t contact, int64_t seq, int stage)
{
    if (contact > p->n_contacts) return;
    struct contact *c = &p->contacts[contact];
    if (seq <= c->seq) {
        p->repeated++;
        return;
    }
    p->gaps += (uint64_t)(seq - c->seq - 1);
    c->seq = seq;
    c->stage = stage;
}

bool hl_probes_seen(struct hl_probes *p, uint64_t n, int64_t at_ns, struct hl_probe_moment *m)
{
    struct slot *s = slot_of(p, n);
    if (!s || s->seen_us) return false;
    s->seen_us = us_behind(s->planned_ns, at_ns);
    p->n_seen++;
    *m = (struct hl_probe_moment){s->planned_ns, s->planned_ns + (int64_t)s->sent_us * 1000};
    return true;
}

int hl_probes_stage(const struct hl_probes *p, uint64_t contact)
{
    return p->contacts[contact].stage;
}

uint32_t hl_probes_in_stage(const struct hl_probes *p, int stage)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < p->n_contacts; i++) n += p->contacts[i].stage == stage;
    return n;
}

/* A transition may be seen before its event is known to be written, so the difference of the counters does not do at the end. */
uint64_t hl_probes_waiting(const struct hl_probes *p)
{
    uint64_t acked = p->n_acked, seen = p->n_seen;
    return acked > seen ? acked - seen : 0;
}

void hl_probes_sum(const struct hl_probes *p, struct hl_probe_sums *sums, struct hl_hist *from_ack)
{
    *sums = (struct hl_probe_sums){.sent = p->n, .acked = p->n_acked, .failed = p->n_failed, .seen = p->n_seen, .repeated = p->repeated, .gaps = p->gaps};
    for (uint64_t i = 0; i < p->n; i++) {
        const struct slot *s = slot_of(p, i);
        uint32_t acked = s->acked_us, seen = s->seen_us;
        bool written = acked && acked != FAILED;
        if (written && !seen) sums->lost++;
        if (written && seen) hl_hist_put(from_ack, seen > acked ? (uint64_t)(seen - acked) * 1000 : 0);
    }
}
