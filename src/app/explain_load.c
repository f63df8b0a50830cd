#include "explain_load.h"

#include <stdio.h>
#include <stdlib.h>

#include "hotlead/base/hash.h"
#include "hotlead/core/due.h"
#include "hotlead/core/state.h"
#include "sim_run.h"
#include "warm.h"

enum hl_status hl_subject_init(struct hl_subject *s, struct hl_slice id)
{
    *s = (struct hl_subject){.stream = HL_NO_TIME};
    hl_slab_init(&s->slab);
    return hl_contact_init(&s->c, &s->slab, hl_hash64(id), id, 0);
}

void hl_subject_fini(struct hl_subject *s)
{
    if (s->c.body) hl_contact_fini(&s->c, &s->slab);
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

static bool merges(const struct hl_event *ev)
{
    return ev->type == HL_EVENT_CONTACT_MERGED ||
           (ev->type == HL_EVENT_CONTACT_IDENTIFIED && hl_event_attribute(ev, HL_SLICE_LIT("anonymous_id")).len);
}

static enum hl_status take_event(struct hl_subject *s, const struct hl_model *m, const struct hl_event *ev)
{
    if (ev->occurred_at > s->stream) s->stream = ev->occurred_at;
    s->merges |= merges(ev);
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
        hl_sim_batch_decode(b);
        tell_problems(s, b);
        status = b->status;
        for (size_t i = 0; status == HL_OK && i < b->n; i++) status = take_event(s, m, &b->events[i]);
        if (status != HL_OK) return hl_error_set(err, status, HL_STOP, "out of memory");
    }
}

static enum hl_status copy_state(struct hl_subject *s, const struct hl_model *m, const struct hl_sim *sim)
{
    struct hl_buf b;
    struct hl_table *t = sim->shards[0].sides[0].t;
    hl_buf_init(&b);
    hl_table_acquire(t, 0, s->c.hash);
    const struct hl_contact *c = hl_table_find(t, 0, s->c.hash, hl_contact_id(&s->c));
    s->found = c && !(c->flags & HL_C_ERASED);
    if (s->found) hl_state_encode(c, m, &b);
    hl_table_release(t, 0, s->c.hash);
    hl_contact_restart(&s->c, &s->slab);
    enum hl_status status = b.failed ? HL_E_NOMEM : s->found ? hl_state_decode(&s->c, &s->slab, m, hl_buf_slice(&b)) : HL_OK;
    hl_buf_fini(&b);
    return status;
}

/* Contacts became one: what others did may be this one's, so all of them are looked at. Which move was the last is not told then. */
static enum hl_status simulate(struct hl_subject *s, const struct hl_model *m, const struct hl_sim_sources *files, int64_t until, struct hl_error *err)
{
    struct hl_sim sim;
    struct hl_sim_options o = {.model = m, .sources = files, .threads = 1, .until = until, .quiet = true, .bought = HL_EVENT_OPPORTUNITY_WON};
    enum hl_status status = hl_sim_run(&sim, &o, err);
    if (status == HL_OK && copy_state(s, m, &sim) != HL_OK) status = hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    s->has_last = false;
    hl_sim_fini(&sim);
    return status;
}

enum hl_status hl_subject_read_events(struct hl_subject *s, const struct hl_model *m, const struct hl_sim_sources *files,
                                      int64_t until, struct hl_error *err)
{
    struct hl_sim_input in;
    struct hl_sim_batch b;
    hl_sim_batch_init(&b);
    enum hl_status status = hl_sim_input_open(&in, files, err);
    if (status == HL_OK) status = take_units(s, m, &in, &b, err);
    if (status == HL_OK && until > s->stream) s->stream = until;
    if (status == HL_OK) status = let_time_act(s, m, s->stream);
    if (s->c.flags & HL_C_ERASED) s->found = false;
    hl_sim_batch_fini(&b);
    hl_sim_input_close(&in);
    if (status == HL_OK && s->merges) status = simulate(s, m, files, until, err);
    return status;
}

/* --- from Redis --- */

/* *value malloc'ed, NULL: in no partition. */
static enum hl_status find(struct hl_store *store, struct hl_slice id, char **value, size_t *len, struct hl_error *err)
{
    *value = NULL;
    int64_t position;
    for (int32_t p = 0; !*value; p++) {
        enum hl_status status = hl_warm_next(store, &p, &position, err);
        if (status == HL_OK) status = store->get(store, p, id, value, len, err);
        if (status != HL_OK) return status == HL_E_END ? HL_OK : status;
    }
    return HL_OK;
}

static enum hl_status take_value(struct hl_subject *s, const struct hl_model *m, struct hl_slice value, struct hl_error *err)
{
    s->found = true;
    enum hl_status status = hl_warm_decode(&s->c, &s->slab, m, value);
    if (status == HL_OK) return HL_OK;
    return hl_error_set(err, status, HL_STOP, "the record of this contact in Redis cannot be read (%s)", hl_status_name(status));
}

enum hl_status hl_subject_read_store(struct hl_subject *s, const struct hl_model *m, struct hl_store *store, struct hl_error *err)
{
    char *value;
    size_t len = 0;
    enum hl_status status = find(store, hl_contact_id(&s->c), &value, &len, err);
    if (status == HL_OK && value) status = take_value(s, m, (struct hl_slice){value, len}, err);
    free(value);
    return status;
}

enum hl_status hl_subject_read_partition(struct hl_subject *s, const struct hl_model *m, struct hl_store *store, int32_t partition,
                                         int64_t *position, struct hl_error *err)
{
    char *value = NULL;
    size_t len = 0;
    enum hl_status status = store->marker(store, partition, position, err);
    if (status == HL_OK && *position >= 0) status = store->get(store, partition, hl_contact_id(&s->c), &value, &len, err);
    if (status == HL_OK && value) status = take_value(s, m, (struct hl_slice){value, len}, err);
    free(value);
    return status;
}
