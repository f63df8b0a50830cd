/* Private: what contacts did and were before they bought, read from events, for `hotlead calibrate`.
 *
 * An act is one thing that a contact did, of a sort that a rule of behaviour can name: a type of event, narrowed by the first part of the
 * path, by the folder of the asset, or by the form. A trait is the value of an attribute.
 *
 * What counts ends before the purchase, so that nothing is learned from what came with it or after it. Who did not buy gets an end that
 * compares: as long after the first event as a buyer, drawn by the hash of the id, took to buy (sampling of those at risk, matched by time
 * since entry: Lubin and Gail, Biometrics 40, 1984). Who has not been there for as long as the quickest buyer took says nothing yet.
 *
 * One owner; call in the order init, add..., close. */
#ifndef HL_APP_PAST_H
#define HL_APP_PAST_H

#include "hotlead/core/contact.h"
#include "texts.h"

enum hl_part {
    HL_PART_NONE,    /* not used: see the counts of struct hl_past */
    HL_PART_FIT,     /* what the model is made from */
    HL_PART_HOLDOUT, /* what it is tried on */
    HL_PART_COUNT,
};

enum hl_sort_by { HL_BY_TYPE, HL_BY_PATH, HL_BY_ASSET, HL_BY_FORM };

/* A sort of acts. */
struct hl_sort {
    enum hl_event_type type;
    enum hl_sort_by by;
    struct hl_slice what;  /* the glob or form; of HL_BY_TYPE null */
    uint32_t whole;        /* the sort of all events of the type; of HL_BY_TYPE itself */
    uint32_t within;       /* the sort whose glob takes this one in; else itself */
};

struct hl_act {
    int64_t at;
    uint32_t contact, sort;
};

struct hl_trait {
    int64_t at;
    uint32_t contact, key, value; /* value: of `values`; HL_NO_TEXT: one of too many */
    uint32_t order;               /* of arrival, where `at` is the same */
};

struct hl_past_contact {
    int64_t first_at, bought_at;  /* HL_NO_TIME: did not */
    int64_t from, end;            /* what was done in [from, end) is evidence */
    size_t first_act, n_acts;     /* before end, in the order of time; without repeats at one moment */
    size_t first_trait, n_traits; /* at end: the values that hold, one for each key */
    enum hl_part part;
    uint32_t into; /* whom it went into, and is one with; HL_NO_TEXT: nobody */
    bool erased;
};

struct hl_past_options {
    enum hl_event_type bought;
    int64_t window_ms, ahead_ms; /* ahead: what is so close before the purchase does not count */
    unsigned holdout;            /* per cent of the contacts */
};

struct hl_past {
    struct hl_past_options o;
    struct hl_texts ids, names, keys, values; /* names: of sorts */
    struct hl_past_contact *contacts;         /* [ids.n] */
    struct hl_sort *sorts;                    /* [names.n] */
    struct hl_act *acts;
    struct hl_trait *traits;
    uint32_t *n_values;                       /* for each key, different ones */
    uint32_t *key_of;                         /* for each value */
    size_t cap_contacts, cap_sorts, n_acts, cap_acts, n_traits, cap_traits, cap_keys, cap_values;
    int64_t from, to; /* first and last moment; HL_NO_TIME: no event */
    uint64_t n_events;
    /* after close: who is in, by part, and who is not */
    uint64_t n[HL_PART_COUNT], bought[HL_PART_COUNT];
    uint64_t n_unseen;  /* bought, and nothing is known of before */
    uint64_t n_young;   /* did not buy, and had less time than any buyer took */
    uint64_t n_erased;
};

void hl_past_init(struct hl_past *p, const struct hl_past_options *o);
void hl_past_fini(struct hl_past *p);
/* Machines and unknown types are passed over. HL_E_NOMEM. */
enum hl_status hl_past_add(struct hl_past *p, const struct hl_event *ev) HL_WARN_UNUSED;
enum hl_status hl_past_close(struct hl_past *p) HL_WARN_UNUSED;

/* The text of a value, behind its key. */
struct hl_slice hl_past_value(const struct hl_past *p, uint32_t value);
static inline bool hl_past_has_bought(const struct hl_past_contact *c)
{
    return c->bought_at != HL_NO_TIME;
}
/* The sort that stands for this one. */
static inline uint32_t hl_past_within(const struct hl_past *p, uint32_t sort)
{
    return p->sorts[sort].within;
}

#endif
