/* The events of one unit of input, decoded. Filled by one thread, then read by all. */
#ifndef HL_APP_SIM_BATCH_H
#define HL_APP_SIM_BATCH_H

#include "hotlead/port/decoder.h"
#include "sim_input.h"

struct hl_sim_batch {
    struct hl_sim_unit unit;
    bool index;               /* make refs, keep no events */
    struct hl_event *events;
    uint64_t *hashes;         /* of the contact ids */
    int64_t *stream;          /* stream time with each event; made by the thread that runs the show */
    struct hl_sim_ref *refs;  /* in index mode; occurred_at, bytes and file are set */
    size_t n, cap;
    uint64_t first;           /* number of the first event in the stream */
    int64_t records;          /* lines or records, bad ones too */
    uint64_t n_bad, n_early;  /* could not be read; see hl_event_is_early */
    int64_t first_early, first_early_at; /* number in the unit, and its time; where there is one */
    struct hl_buf problems;   /* of the first ones: number in the unit (long), text (bytes) */
    struct hl_arena arena;
    struct hl_buf unpacked;   /* of a compressed block; refs and events point into it */
    enum hl_status status;    /* HL_E_NOMEM, else HL_OK */
};

#define HL_SIM_MAX_PROBLEMS 20 /* texts kept of a unit, and told of a run */

void hl_sim_batch_init(struct hl_sim_batch *b);
void hl_sim_batch_fini(struct hl_sim_batch *b);
/* Decode b->unit. The texts of events borrow from the files, the arena and `unpacked`, and hold until the next call. */
void hl_sim_batch_decode(struct hl_sim_batch *b);

#endif
