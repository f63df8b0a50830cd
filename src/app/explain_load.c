#include "explain_load.h"

#include <stdio.h>
#include <stdlib.h>

#include "hotlead/adapter/avro.h"
#include "hotlead/base/hash.h"
#include "hotlead/core/due.h"
#include "hotlead/core/state.h"
#include "hotlead/port/store.h"
#include "sim_batch.h"

enum hl_status hl_subject_init(struct hl_subject *s, const char *id)
{
    struct hl_slice name = hl_slice_of(id);
    *s = (struct hl_subject){.stream = HL_NO_TIME};
    hl_slab_init(&s->slab);
    return hl_contact_init(&s->c, &s->slab, hl_hash64(name), name, 0);
}

void hl_subject_fini(struct hl_subject *s)
{
    if (s->c.id) hl_contact_fini(&s->c, &s->slab);
    hl_slab_fini(&s->slab);
    free(s->event_id);
}

/* --- from events --- */

static enum hl_status note_move(struct hl_subject *s, const struct hl_outcome *out, const struct hl_event *ev)
{
    if (out->n_transitions == 0) return HL_OK;
    s->last = out->transitions[out->n_transitions - 1];
    s->last.owner = HL_SLICE_NULL; /* it was borrowed */
    s->has_last = true;
    free(s->event_id);
    s->event_id = ev ? strndup(ev->event_id.data, ev->event_id.len) : NULL;
    s->event_type = ev ? hl_event_type_name(ev->type) : NULL;
    return ev && !s->event_id ? HL_E_NOMEM : HL_OK;
}

static enum hl_status let_time_act(struct hl_subject *s, const struct hl_model *m, int64_t now)
{
    struct hl_outcome out;
    for (int64_t t; s->found && (t = hl_due_next(&s->c, m)) != HL_NO_TIME && t <= now;) {
        enum hl_status status = hl_due_act(&s->c, &s->slab, m, t, &out);
        if (status == HL_OK) status = note_move(s, &out, NULL);
        if (status != HL_OK) return status;
    }
    return HL_OK;
}

static enum hl_status take_event(struct hl_subject *s, const struct hl_model *m, const struct hl_event *ev)
{
    if (ev->occurred_at > s->stream) s->stream = ev->occurred_at;
    if (ev->type == HL_EVENT_UNKNOWN || !hl_slice_eq(ev->contact_id, hl_contact_id(&s->c))) return HL_OK;
    struct hl_outcome out;
    enum hl_status status = let_time_act(s, m, s->stream);
    s->found = true;
    if (status == HL_OK) status = hl_apply(&s->c, &s->slab, m, NULL, ev, HL_APPLY_LIVE, &out);
    if (status == HL_OK) status = note_move(s, &out, ev);
    return status == HL_OK ? let_time_act(s, m, s->stream) : status;
}

/* The first few are told; simulate tells more. */
static void tell_problems(struct hl_subject *s, const struct hl_sim_batch *b)
{
    struct hl_reader reader = hl_reader_of(hl_buf_slice(&b->problems));
    for (; s->n_bad < 5 && reader.p != reader.end && !reader.failed; s->n_bad++) {
        long long record = hl_reader_long(&reader);
        struct hl_slice what = hl_reader_bytes(&reader);
        fprintf(stderr, "%s:%lld: %.*s\n", b->unit.file->path, (long long)b->unit.file->records + record, HL_SLICE_ARG(what));
    }
    s->n_bad += b->n_bad;
    b->unit.file->records += b->records;
}

static enum hl_status take_units(struct hl_subject *s, const struct hl_model *m, struct hl_sim_input *in, struct hl_sim_batch *b,
                                 struct hl_error *err)
{
    for (;;) {
        const struct hl_sim_file *bad;
        enum hl_status status = hl_sim_input_next(in, &b->unit, &bad, err);
        if (status == HL_E_END) return HL_OK;
        if (status != HL_OK) return status;
        hl_sim_batch_decode(b, in);
        tell_problems(s, b);
        status = b->status;
        for (size_t i = 0; status == HL_OK && i < b->n; i++) status = take_event(s, m, &b->events[i]);
        if (status != HL_OK) return hl_error_set(err, status, HL_STOP, "out of memory");
    }
}

enum hl_status hl_subject_read_events(struct hl_subject *s, const struct hl_model *m, char *const *paths, size_t n,
                                      const struct hl_input *mapping, int64_t until, struct hl_error *err)
{
    struct hl_sim_input in;
    struct hl_sim_batch b;
    hl_sim_batch_init(&b);
    enum hl_status status = hl_sim_input_open(&in, paths, n, mapping, err);
    if (status == HL_OK) status = take_units(s, m, &in, &b, err);
    if (status == HL_OK && until > s->stream) s->stream = until;
    if (status == HL_OK) status = let_time_act(s, m, s->stream);
    hl_sim_batch_fini(&b);
    hl_sim_input_close(&in);
    return status;
}

/* --- from Redis --- */

/* The store does not know how many partitions there are, so all are asked, up to a run of numbers that have no copy. */
#define MAX_GAP 256

/* *value malloc'ed, NULL: in no partition. */
static enum hl_status find(struct hl_store *store, struct hl_slice id, char **value, size_t *len, struct hl_error *err)
{
    *value = NULL;
    for (int32_t p = 0, gap = 0; !*value && gap < MAX_GAP; p++) {
        int64_t marker;
        enum hl_status status = store->marker(store, p, &marker, err);
        if (status == HL_OK && marker >= 0) status = store->get(store, p, id, value, len, err);
        if (status != HL_OK) return status;
        gap = marker >= 0 ? 0 : gap + 1;
    }
    return HL_OK;
}

enum hl_status hl_subject_read_store(struct hl_subject *s, const struct hl_model *m, struct hl_store *store, struct hl_error *err)
{
    char *value;
    size_t len, n;
    struct hl_slice engine;
    struct hl_applied_slice applied[64];
    enum hl_status status = find(store, hl_contact_id(&s->c), &value, &len, err);
    if (status != HL_OK || !value) return status;
    s->found = true;
    status = hl_avro_get_state((struct hl_slice){value, len}, &engine, applied, HL_ARRAY_LEN(applied), &n);
    if (status == HL_OK) status = hl_state_decode(&s->c, &s->slab, m, engine);
    free(value);
    if (status == HL_OK) return HL_OK;
    return hl_error_set(err, status, HL_STOP, "the record of this contact in Redis cannot be read (%s)", hl_status_name(status));
}
