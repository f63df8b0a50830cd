/* Private: the matches of a sealed model, ordered by what they ask of an event. Read-only after it is made. */
#ifndef HL_CORE_MATCH_INDEX_H
#define HL_CORE_MATCH_INDEX_H

#include "match.h"

/* A match's number, its place: score rules first, then hand-raise, qualify, extra edges, each in the order of the model. A set of
 * matches is an array of `words` words, bit place % 64 of word place / 64. */
static inline size_t hl_place_of_hand_raise(const struct hl_model *m) { return m->n_rules; }
static inline size_t hl_place_of_qualify(const struct hl_model *m) { return m->n_rules + m->n_hand_raise; }
static inline size_t hl_place_of_extra(const struct hl_model *m) { return hl_place_of_qualify(m) + m->n_qualify; }

enum hl_match_part {
    HL_PART_PATH, /* of the url */
    HL_PART_ASSET,
    HL_PART_FORM,
    HL_PART_CAMPAIGN,
    HL_PART_SOURCE,
    HL_PART_ATTRIBUTE,
};

/* A match that asks for the field, and the hl_pair_bits that every value that it takes has. */
struct hl_asker {
    uint64_t needs;
    size_t place;
};

#define HL_MAX_INDEXED_ATTRIBUTES (64 - HL_PART_ATTRIBUTE) /* with the other parts: a word of bits */

/* One thing about an event that matches may ask for. */
struct hl_match_field {
    enum hl_match_part part;
    const char *attribute; /* HL_PART_ATTRIBUTE: its name, the model's */
    uint64_t *asks;        /* the matches that ask for it */
    uint64_t *absent;      /* the matches that an event without it leaves: those that do not ask, or ask that it be absent */
    struct hl_asker *askers;
    size_t n_askers;
};

struct hl_match_index {
    size_t n, words;
    const struct hl_event_match **matches;
    uint64_t *of_type[HL_EVENT_TYPE_COUNT];
    uint64_t fields_of[HL_EVENT_TYPE_COUNT]; /* bits of the fields that the matches of the type ask for */
    struct hl_match_field *fields; /* in the order in which they are worth looking at */
    size_t n_fields;
    uint64_t *unindexed; /* matches that ask for more attributes than are indexed: what is left of them is to be tried whole */
    uint64_t *sets;      /* one block for all sets */
};

static inline bool hl_set_has(const uint64_t *set, size_t place)
{
    return set[place / 64] >> place % 64 & 1;
}

static inline void hl_set_add(uint64_t *set, size_t place)
{
    set[place / 64] |= UINT64_C(1) << place % 64;
}

static inline void hl_set_remove(uint64_t *set, size_t place)
{
    set[place / 64] &= ~(UINT64_C(1) << place % 64);
}

/* The first place of the set from `from` on; `end` when there is none below it. */
static inline size_t hl_set_next(const uint64_t *set, size_t from, size_t end)
{
    while (from < end) {
        uint64_t rest = set[from / 64] >> from % 64;
        if (rest) {
            from += (unsigned)__builtin_ctzll(rest);
            break;
        }
        from = (from / 64 + 1) * 64;
    }
    return from < end ? from : end;
}

/* NULL: no memory. */
struct hl_match_index *hl_match_index_new(const struct hl_model *m);
void hl_match_index_free(struct hl_match_index *x);

struct hl_slice hl_match_field_value(const struct hl_match_field *f, const struct hl_event *ev, struct hl_slice path);
/* Does this match, which asks for the field, take the value? HL_SLICE_NULL: absent. */
bool hl_match_field_holds(const struct hl_match_field *f, const struct hl_event_match *match, struct hl_slice value);
/* The matches that the value leaves. */
void hl_match_field_answer(const struct hl_match_index *x, const struct hl_match_field *f, struct hl_slice value, uint64_t *out);

#endif
