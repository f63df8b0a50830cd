/* What a worker has of its own, made and given back. */
#include <stdlib.h>

#include "flow.h"
#include "shadow.h"
#include "worker.h"

enum hl_status hl_worker_adopt_model(struct hl_worker *w, struct hl_error *err)
{
    struct hl_models *ms = w->e->models;
    const struct hl_model *m = ms ? hl_models_acquire(ms) : w->e->model;
    struct hl_match_cache *matches = hl_match_cache_new(m, HL_MATCH_CACHE_BYTES);
    if (matches) {
        hl_match_cache_free(w->matches);
        w->matches = matches;
        w->model = m;
        w->time_acts = hl_timers_needed(m) || (w->shadow && hl_shadow_needs_time(w));
        if (ms) hl_models_adopt(ms, w->index, m);
    }
    if (ms) hl_models_release(ms, m);
    return matches ? HL_OK : hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
}

enum hl_status hl_worker_init(struct hl_worker *w, struct hl_engine *e, unsigned index, struct hl_error *err)
{
    size_t partitions = (size_t)e->n_partitions;
    *w = (struct hl_worker){.e = e, .index = (uint16_t)index};
    w->metrics = hl_metrics_thread(e->metrics, (int)index);
    if (e->flow) {
        w->flow = hl_flow_batch_new();
        w->flight.flow = hl_flow_batch_new();
    }
    w->checkpoint_due_ns = INT64_MAX;
    hl_arena_init(&w->arena, 1 << 20);
    hl_buf_init(&w->engine_buf);
    hl_buf_init(&w->record_buf);
    w->records = calloc(HL_BATCH, sizeof(*w->records));
    w->events = calloc(HL_GROUP, sizeof(*w->events));
    w->outcome = calloc(1, sizeof(*w->outcome));
    w->by_id = calloc(partitions, sizeof(struct hl_partition *));
    w->parts = calloc(partitions, sizeof(struct hl_partition *));
    w->assigned = calloc(partitions, sizeof(*w->assigned));
    w->positions = calloc(partitions * e->config->n_inputs, sizeof(*w->positions));
    if ((e->flow && (!w->flow || !w->flight.flow)) || !w->records || !w->events || !w->outcome || !w->by_id || !w->parts || !w->assigned || !w->positions)
        return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    enum hl_status status = hl_worker_adopt_model(w, err);
    if (!status) status = hl_shadow_init(w, err);
    return status ? status : hl_bound_init(w, err);
}

void hl_worker_fini(struct hl_worker *w)
{
    if (w->stream) w->stream->free(w->stream);
    if (w->store) w->store->free(w->store);
    hl_arena_fini(&w->arena);
    hl_buf_fini(&w->engine_buf);
    hl_buf_fini(&w->record_buf);
    free(w->records);
    free(w->events);
    free(w->outcome);
    hl_match_cache_free(w->matches);
    hl_flow_batch_free(w->flow);
    hl_flow_batch_free(w->flight.flow);
    hl_bound_fini(w);
    hl_shadow_fini(w);
    free(w->by_id);
    free(w->parts);
    free(w->assigned);
    free(w->positions);
    free(w->waiting);
}
