/* What leaves the scorer: each record carries where its cause came from. */
#include <inttypes.h>
#include <stdio.h>

#include "flow.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/failpoint.h"
#include "hotlead/base/log.h"
#include "hotlead/core/state.h"
#include "shadow.h"
#include "sim_json.h"
#include "worker.h"

#define MAX_HEADERS 7 /* beside those of a CloudEvent */

const char *hl_dead_letter_class(enum hl_status code)
{
    switch (code) {
    case HL_E_SCHEMA:
    case HL_E_MISSING:
    case HL_E_TOO_LARGE:
    case HL_E_CLOCK: return hl_status_name(code);
    default: return hl_status_name(HL_E_DECODE);
    }
}

struct headers {
    struct hl_header items[MAX_HEADERS + HL_CLOUDEVENT_HEADERS];
    size_t n;
    struct hl_slice trace; /* null: the cause has none */
    char partition[16], offset[24];
};

static void add(struct headers *h, const char *name, struct hl_slice value)
{
    h->items[h->n++] = (struct hl_header){name, value};
}

/* source.*, model.version, and the trace of the cause, which is returned; null: it has none. */
static struct hl_slice source_headers(const struct hl_worker *w, const struct hl_record *r, struct headers *h)
{
    *h = (struct headers){.n = 0};
    snprintf(h->partition, sizeof(h->partition), "%" PRId32, r->partition);
    snprintf(h->offset, sizeof(h->offset), "%" PRId64, r->offset);
    add(h, "source.topic", hl_slice_of(w->e->config->inputs[r->topic].topic));
    add(h, "source.partition", hl_slice_of(h->partition));
    add(h, "source.offset", hl_slice_of(h->offset));
    add(h, "model.version", hl_slice_of(w->model->version));
    struct hl_slice trace = w->stream->header ? w->stream->header(w->stream, r, "traceparent") : HL_SLICE_NULL;
    if (hl_slice_is_null(trace) && w->stream->header) trace = w->stream->header(w->stream, r, "ce_traceparent");
    if (!hl_slice_is_null(trace)) add(h, "traceparent", trace);
    h->trace = trace;
    return trace;
}

/* One record, whose value is in w->record_buf, or, for JSON, whose data is: with outputs.cloudevents as a CloudEvent. */
static enum hl_status produce(struct hl_worker *w, enum hl_output out, int32_t partition, const struct hl_cloudevent *ce, struct headers *h,
                              struct hl_error *err)
{
    size_t n = h->n;
    enum hl_cloudevents mode = w->e->config->outputs_cloudevents;
    struct hl_slice value = hl_buf_slice(&w->record_buf);
    if (value.len && value.data[value.len - 1] == '\n' && w->e->config->outputs_format == HL_WIRE_JSON) value.len--;
    bool avro = w->e->config->outputs_format == HL_WIRE_AVRO;
    hl_buf_clear(&w->engine_buf);
    if (mode == HL_CLOUDEVENTS_STRUCTURED) value = hl_cloudevent_put_structured(ce, value, &w->engine_buf, h->items, &n);
    if (mode == HL_CLOUDEVENTS_BINARY) hl_cloudevent_put_headers(ce, avro, &w->engine_buf, h->items, &n);
    if (w->record_buf.failed || w->engine_buf.failed) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    return w->stream->produce(w->stream, out, partition, ce->contact_id, value, h->items, n, err);
}

static enum hl_status emit_alerts(struct hl_worker *w, int32_t partition, struct hl_slice contact_id, struct headers *h,
                                  const struct hl_outcome *o, struct hl_error *err)
{
    struct hl_cloudevent ce = {.type = HL_CLOUDEVENT_ALERT, .group = w->e->config->group_id, .contact_id = contact_id, .trace = h->trace};
    for (unsigned i = 0; i < o->n_alerts; i++) {
        hl_buf_clear(&w->record_buf);
        if (w->e->config->outputs_format == HL_WIRE_AVRO) hl_avro_put_alert(&w->record_buf, w->e->alert_schema, contact_id, &o->alerts[i]);
        else hl_sim_put_alert(&w->record_buf, contact_id, &o->alerts[i]);
        ce.seq = o->alerts[i].seq;
        ce.time = o->alerts[i].at;
        ce.alert = &o->alerts[i];
        enum hl_status status = produce(w, HL_OUT_ALERTS, partition, &ce, h, err);
        if (status) return status;
        hl_metrics_count_alert(w->metrics, o->alerts[i].event);
    }
    w->outputs_since += o->n_alerts;
    return HL_OK;
}

static void put_json(struct hl_worker *w, const struct hl_transition_record *r)
{
    hl_sim_put_transition(&w->record_buf, &(struct hl_sim_transition){.contact_id = r->contact_id, .trigger_event_id = r->trigger_event_id,
                                                                      .t = r->transition, .emitted_at = r->emitted_at, .m = w->model, .source = r->source});
}

/* For those who look it is Avro, whatever goes to Kafka. */
static void note_flow(struct hl_worker *w, int32_t partition, const struct hl_transition_record *r)
{
    struct hl_buf *b = &w->record_buf;
    if (w->e->config->outputs_format != HL_WIRE_AVRO) {
        b = &w->engine_buf;
        hl_buf_clear(b);
        hl_avro_put_transition(b, 0, r);
    }
    if (!b->failed) hl_flow_note(w->flow, partition, r->transition->from, r->transition->to, r->transition->time_in_from_ms, hl_buf_slice(b));
}

static enum hl_status emit_outcome(struct hl_worker *w, int32_t partition, struct hl_slice contact_id, const struct hl_event *ev,
                                   struct headers *h, const struct hl_outcome *o, struct hl_error *err)
{
    struct hl_cloudevent ce = {.type = HL_CLOUDEVENT_TRANSITION, .group = w->e->config->group_id, .contact_id = contact_id, .trace = h->trace};
    struct hl_transition_record record = {
        .contact_id = contact_id,
        .trigger_event_id = ev ? ev->event_id : HL_SLICE_NULL,
        .source = ev ? ev->source : HL_SLICE_NULL,
        .emitted_at = hl_clock_wall_ms(),
        .model = w->model->name,
        .model_version = w->model->version,
    };
    for (unsigned i = 0; i < o->n_transitions; i++) {
        record.transition = &o->transitions[i];
        hl_buf_clear(&w->record_buf);
        if (w->e->config->outputs_format == HL_WIRE_AVRO) hl_avro_put_transition(&w->record_buf, w->e->transition_schema, &record);
        else put_json(w, &record);
        ce.seq = record.transition->seq;
        ce.time = record.transition->occurred_at;
        enum hl_status status = produce(w, HL_OUT_TRANSITIONS, partition, &ce, h, err);
        if (status) return status;
        HL_FAILPOINT(EMIT_TRANSITION);
        hl_metrics_count_transition(w->metrics, record.transition->from, record.transition->to);
        note_flow(w, partition, &record);
        if (w->shadow) hl_shadow_moved(w, contact_id, record.transition->from, record.transition->to);
        if (w->e->options.observer) w->e->options.observer(w->e->options.observer_ctx, &record);
    }
    w->outputs_since += o->n_transitions;
    return emit_alerts(w, partition, contact_id, h, o, err);
}

static void note_trace(struct hl_worker *w, const struct hl_record *r, struct hl_slice traceparent, const struct hl_outcome *o)
{
    if (w->traced.timestamp_ms || r->timestamp_ms <= 0 || o->n_transitions == 0 || !hl_trace_parse(traceparent, &w->traced.trace)) return;
    w->traced.timestamp_ms = r->timestamp_ms;
    w->traced.from = o->transitions[0].from;
    w->traced.to = o->transitions[0].to;
}

enum hl_status hl_emit_outcome(struct hl_worker *w, const struct hl_record *r, const struct hl_event *ev, const struct hl_outcome *o,
                               struct hl_error *err)
{
    struct headers h;
    note_trace(w, r, source_headers(w, r, &h), o);
    return emit_outcome(w, r->partition, ev->contact_id, ev, &h, o, err);
}

enum hl_status hl_emit_by_time(struct hl_worker *w, const struct hl_partition *p, const struct hl_record *r, struct hl_slice contact_id,
                               const struct hl_outcome *o, struct hl_error *err)
{
    struct headers h = {.n = 0};
    if (r) source_headers(w, r, &h);
    else add(&h, "model.version", hl_slice_of(w->model->version));
    return emit_outcome(w, p->id, contact_id, NULL, &h, o, err);
}

enum hl_status hl_emit_dead_letter(struct hl_worker *w, const struct hl_record *r, const struct hl_error *why, struct hl_error *err)
{
    struct headers h;
    source_headers(w, r, &h);
    add(&h, "error.class", hl_slice_of(hl_dead_letter_class(why->code)));
    add(&h, "error.message", hl_slice_of(why->message));
    enum hl_status status = w->stream->produce(w->stream, HL_OUT_DEAD_LETTER, r->partition, r->key, r->value, h.items, h.n, err);
    if (status) return status;
    char quoted[400];
    hl_log(HL_LOG_WARN, "dead_letter", "topic=%s partition=%" PRId32 " offset=%" PRId64 " class=%s reason=%s",
           w->e->config->inputs[r->topic].topic, r->partition, r->offset, hl_dead_letter_class(why->code),
           hl_log_quote(quoted, sizeof(quoted), why->message));
    hl_metrics_count_dead_letter(w->metrics, r->topic, why->code);
    w->outputs_since++;
    return HL_OK;
}

enum hl_status hl_emit_onward(struct hl_worker *w, const struct hl_record *r, int32_t partition, struct hl_slice key, struct hl_error *err)
{
    struct headers h;
    source_headers(w, r, &h);
    enum hl_status status = w->stream->produce(w->stream, HL_OUT_MERGES, partition, key, hl_buf_slice(&w->record_buf), h.items, h.n, err);
    w->outputs_since++; /* low latency: it must not be outlived by the state of the one that left */
    HL_FAILPOINT(EMIT_ONWARD);
    return status;
}

enum hl_status hl_emit_state(struct hl_worker *w, struct hl_partition *p, struct hl_contact *c, struct hl_error *err)
{
    struct hl_engine *e = w->e;
    struct hl_applied applied[64];
    size_t inputs = hl_engine_inputs(e), n = 0;
    for (size_t i = 0; i < inputs; i++) {
        int64_t until = c->flags & HL_C_GRAVE ? p->applied[(c->applied - 1) * inputs + i] : hl_partition_applied_below(p, c, inputs, i);
        if (until > 0) applied[n++] = (struct hl_applied){e->config->inputs[i].topic, until};
    }
    hl_buf_clear(&w->engine_buf);
    hl_buf_clear(&w->record_buf);
    hl_table_acquire(e->table, c->worker, c->hash);
    bool erased = c->flags & HL_C_ERASED;
    if (!erased) {
        hl_state_encode(c, w->model, &w->engine_buf);
        hl_avro_put_state(&w->record_buf, e->state_schema, c, w->model, hl_buf_slice(&w->engine_buf), applied, n);
    }
    c->dirty &= HL_DIRTY_ERASED;
    c->stamp = p->away.stamp;
    hl_table_release(e->table, c->worker, c->hash);
    if (w->engine_buf.failed || w->record_buf.failed) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    struct hl_header version = {"model.version", hl_slice_of(w->model->version)};
    /* the id's bytes are stable while the partition is ours */
    struct hl_slice value = erased ? HL_SLICE_NULL : hl_buf_slice(&w->record_buf); /* a tombstone */
    if (p->state_end < 1) p->state_end = 1;
    return w->stream->produce(w->stream, HL_OUT_STATE, p->id, hl_contact_id(c), value, &version, 1, err);
}
