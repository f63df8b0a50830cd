/* Private: the one contact that `hotlead explain` and /v1/contacts are about, from files of events or from the warm copy in Redis. */
#ifndef HL_APP_EXPLAIN_LOAD_H
#define HL_APP_EXPLAIN_LOAD_H

#include "hotlead/app/config.h"
#include "hotlead/app/explain.h"
#include "sim_input.h"

struct hl_subject {
    struct hl_slab slab;
    struct hl_contact c;
    bool found;
    int64_t stream; /* how far time has come; HL_NO_TIME: not known */
    uint64_t n_bad; /* events that could not be read */
    /* the last move, when it was seen: events only */
    struct hl_transition last;
    char *event_id; /* NULL: time alone */
    const char *event_type;
    bool has_last;
    bool merges; /* an event made one contact of two */
};

/* HL_E_NOMEM; fini is due in any case. */
enum hl_status hl_subject_init(struct hl_subject *s, struct hl_slice id) HL_WARN_UNUSED;
void hl_subject_fini(struct hl_subject *s);
/* Apply the contact's events of the files, and let time run to `until` (HL_NO_TIME: the largest occurred_at). found: there was one. */
enum hl_status hl_subject_read_events(struct hl_subject *s, const struct hl_model *m, const struct hl_sim_sources *files,
                                      int64_t until, struct hl_error *err) HL_WARN_UNUSED;
/* Look the contact up in all partitions. HL_E_UNAVAILABLE, HL_E_DECODE, ... */
struct hl_store;
enum hl_status hl_subject_read_store(struct hl_subject *s, const struct hl_model *m, struct hl_store *store,
                                     struct hl_error *err) HL_WARN_UNUSED;
/* Look it up in this one. *position: of the state topic, which the copy reflects; -1: the partition has no copy. */
enum hl_status hl_subject_read_partition(struct hl_subject *s, const struct hl_model *m, struct hl_store *store, int32_t partition,
                                         int64_t *position, struct hl_error *err) HL_WARN_UNUSED;

#endif
