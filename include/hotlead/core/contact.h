/* The state of one contact. Lives in the table; every access under the lock of its stripe.
 *
 *   struct hl_contact --body-----> id, hashes of the last events, ledger, packed     see core/ledger.c
 *                     --attributes> packed entries, see core/contact.c; NULL: none, as of most contacts
 *                     --ext-------> latches, facts, manual points, owner, deadlines; NULL: none, as of most contacts
 *
 * All blocks come from the stripe's slab. The address of a contact is stable until it is removed; what it points to moves when it grows, so
 * slices of it (its id, too) last until the next change of the contact. */
#ifndef HOTLEAD_CORE_CONTACT_H
#define HOTLEAD_CORE_CONTACT_H

#include "hotlead/base/slab.h"
#include "hotlead/core/model.h"

/* A ledger row: the decayed sum of the points of one rule, exactly, whatever the order of arrival.
 *
 * Time is cut into epochs of HL_EPOCH_HALF_LIVES half-lives from 1970 on. An event at t in epoch e = floor(t / (D h)) is worth, in
 * units of 2^-32 points,
 *     near(t) = points * 2^((t - e D h)/h)            seen from the start of its own epoch, and
 *     far(t)  = points * 2^((t - (e + 1) D h)/h)      seen from the start of the next one,
 * both rounded on their own, to the nearest unit, ties away from zero. A row holds, for the newest epoch E that has an event,
 *     near = sum of near(t) over the events of E + sum of far(t) over those of E - 1
 *     far  = sum of far(t) over the events of E
 * and older events are gone (worth less than points * 2^-40). Each of these is a sum of integers over a set that does not depend on
 * the order, so any order gives the same bits. Value at time T: near * 2^-((T - E D h)/h).
 * Without a half-life, epoch = 0 and near is the plain sum. */
#define HL_EPOCH_HALF_LIVES 40

struct hl_row {
    int64_t near_hi;  /* near = near_hi * 2^32 + near_lo: 96 bits, two's complement */
    int64_t far;
    uint32_t near_lo;
    uint32_t epoch;
    uint32_t count;   /* matches that were scored, for explain; saturates */
    uint16_t rule;    /* index into the model's rules */
    uint16_t spare;
};

/* Matches in the two newest windows that have any, for a rule with max_times. window[0] is the newer; -1: unused. */
struct hl_window {
    int64_t window[2];
    uint32_t count[2];
    uint16_t rule;
};

enum hl_fact {
    HL_FACT_ACCEPTED,
    HL_FACT_CONTACTED,
    HL_FACT_OPPORTUNITY,
    HL_FACT_WON,
    HL_FACT_ADVOCACY,
    HL_FACT_COUNT,
};

#define HL_NO_TIME INT64_MIN

/* A deadline of the model's `sla` that runs (decision 0008). */
struct hl_sla_clock {
    int64_t since, due; /* ms */
    uint32_t seq;       /* of the transition that started it */
    uint16_t sla;       /* index into the model's */
};

struct hl_contact_ext {
    int64_t facts[HL_FACT_COUNT]; /* time of the event, HL_NO_TIME: none */
    int64_t rejected_at;          /* HL_NO_TIME: never */
    hl_fixed manual;
    int64_t erased_at;            /* what occurred until then is ignored; HL_NO_TIME: never erased */
    int64_t owner_at;             /* when the owner came, or went; HL_NO_TIME: never had one */
    char *owner;                  /* NULL: none */
    struct hl_sla_clock *clocks;  /* [n_clocks of cap_clocks]; NULL: none yet */
    uint8_t owner_len, n_clocks, cap_clocks;
    uint16_t n_hand_raise, n_qualify; /* sizes of the model that made it */
    int64_t latches[];                /* hand-raise, then qualify; HL_NO_TIME: off */
};

/* contact flags */
enum {
    HL_C_SUBSCRIBED = 1 << 0,
    HL_C_ARMED_MQL = 1 << 1, /* starts set */
    HL_C_ARMED_SQL = 1 << 2, /* starts set */
    HL_C_HELD = 1 << 3,
    HL_C_HELD_FIT = 1 << 4,
    HL_C_WAS_MQL = 1 << 5,
    HL_C_SQL_BY_SCORE = 1 << 6,
    HL_C_ERASED = 1 << 10, /* nothing is left but ext->erased_at; the next newer event starts a new contact */
    HL_C_GRAVE = 1 << 11,  /* no contact: see grave.h */
    HL_C_MERGED = 1 << 12, /* went into another contact: a pointer, see join.h */
    /* cached from attributes and model by hl_contact_refit */
    HL_C_MUST_HAVE = 1 << 7,
    HL_C_DISQUALIFIED_TRAIT = 1 << 8,
    HL_C_SUSPECT = 1 << 9,
};

#define HL_EVENT_IDS 8

/* The block of a contact, as core/ledger.c keeps it. */
struct hl_body {
    uint32_t cap;     /* bytes of data that there is room for */
    uint32_t ledger;  /* bytes of the entries */
    uint16_t n_rows, n_windows;
    uint16_t id_len;
    uint8_t n_event_ids, next_event_id;
    uint8_t data[];   /* id, event ids, entries of the ledger */
};

/* The block of a contact that has attributes, or had some. */
struct hl_attributes {
    hl_fixed fit;     /* cached */
    uint32_t cap, len; /* bytes of data */
    uint8_t data[];
};

struct hl_contact {
    uint64_t hash; /* hl_hash64 of the id */
    struct hl_body *body;
    struct hl_attributes *attributes;
    struct hl_contact_ext *ext;
    int64_t clock;       /* ms; 0 before the first event */
    int64_t timer;       /* the engine's, never stored: moment of its entry in the timers; HL_NO_TIME: none */
    int64_t stage_since; /* ms; time of entry into the stage (of the first event for anonymous) */
    uint32_t seq;
    /* For the engine, never stored: index of the applied-offsets vector this contact was restored with, 0: none. */
    uint32_t applied;
    uint16_t flags;
    uint16_t visit;
    uint16_t partition;
    uint16_t worker; /* whose it is: two workers may hold a contact of the same id for a while, see table.h */
    uint16_t refs;   /* the engine's: entries of its lists and timers that point here; at UINT16_MAX it is no longer counted, and stays */
    uint8_t stage;   /* enum hl_stage */
    uint8_t kind;    /* enum hl_kind */
    uint8_t grade;   /* letter, cached; 0: never seen a model */
    uint8_t dirty;   /* the engine's: which dirty list holds it, 0: clean */
    uint8_t stamp;   /* the engine's: when its state was last written, see app/bound.c */
    uint8_t spare;
};

static inline struct hl_slice hl_contact_id(const struct hl_contact *c)
{
    return c->body ? (struct hl_slice){(const char *)c->body->data, c->body->id_len} : HL_SLICE_NULL;
}

/* A fresh contact in caller's storage: anonymous, seq 0, visit 1, both arms set; copies the id. HL_E_NOMEM; HL_E_TOO_LARGE: an id of more than
 * 65,535 bytes. */
enum hl_status hl_contact_init(struct hl_contact *c, struct hl_slab *slab, uint64_t hash, struct hl_slice id, uint16_t partition)
    HL_WARN_UNUSED;
/* As hl_contact_init left it, with the same id, partition and worker, for a newer state to be read into. */
void hl_contact_restart(struct hl_contact *c, struct hl_slab *slab);
/* Give all its blocks back to the slab. */
void hl_contact_fini(struct hl_contact *c, struct hl_slab *slab);
/* Bytes of the blocks it owns, the struct itself included. */
size_t hl_contact_bytes(const struct hl_contact *c);

/* The ledger: rows and windows, by rule. Iterate with *pos = 0 first; false at the end. */
bool hl_contact_next_row(const struct hl_contact *c, size_t *pos, struct hl_row *row);
bool hl_contact_next_window(const struct hl_contact *c, size_t *pos, struct hl_window *window);
unsigned hl_contact_n_rows(const struct hl_contact *c);
/* The row of a rule; false: there is none. */
bool hl_contact_row(const struct hl_contact *c, uint16_t rule, struct hl_row *row);
/* Keep this row as that of its rule. HL_E_NOMEM: nothing is changed. */
enum hl_status hl_contact_put_row(struct hl_contact *c, struct hl_slab *slab, const struct hl_row *row) HL_WARN_UNUSED;

/* Attributes: per key the larger time wins, on a tie the later call. An empty value removes (and is remembered with its time).
 * Keys are at most 255 bytes, values at most 4096 (longer ones are cut at a UTF-8 boundary), at most 64 keys; a new key beyond that
 * is dropped (HL_E_TOO_LARGE). *changed is set to true where a condition may see another value than before, and left alone else. */
enum hl_status hl_contact_set_attribute(struct hl_contact *c, struct hl_slab *slab, struct hl_slice key, struct hl_slice value,
                                        int64_t time, bool *changed) HL_WARN_UNUSED;
/* HL_SLICE_NULL when absent; "email_domain" may be derived from "email" (see semantics). Borrowed from the contact, except that a
 * derived domain may have been lower-cased into `scratch` (256 bytes). */
struct hl_slice hl_contact_attribute(const struct hl_contact *c, struct hl_slice key, char *scratch);
/* Iterate over the stored entries: start with *pos = 0; false at the end. Removed ones have a null value. */
bool hl_contact_next_attribute(const struct hl_contact *c, size_t *pos, struct hl_slice *key, struct hl_slice *value, int64_t *time);

/* Points for who it is, as the last refit left them. */
hl_fixed hl_contact_fit(const struct hl_contact *c, const struct hl_model *m);
/* Recompute fit, grade, must-have, disqualifying trait and suspect from the attributes. */
void hl_contact_refit(struct hl_contact *c, const struct hl_model *m);

/* Empty it, as of `at`: as fresh as hl_contact_init made it, but for its place in the engine, HL_C_ERASED and erased_at. HL_E_NOMEM: nothing
 * is changed. */
enum hl_status hl_contact_erase(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, int64_t at) HL_WARN_UNUSED;

/* Empty it but for id, clock, seq, event ids, the time of its erasure, and its place in the engine. */
void hl_contact_clear(struct hl_contact *c, struct hl_slab *slab);

/* HL_SLICE_NULL: none. Borrowed from the contact. */
struct hl_slice hl_contact_owner(const struct hl_contact *c);
/* Earliest deadline that runs; HL_NO_TIME: none does. */
int64_t hl_contact_sla_due(const struct hl_contact *c);

/* The ext block, made on first use with room for the model's latches. NULL: no memory. */
struct hl_contact_ext *hl_contact_ext(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m);

#endif
