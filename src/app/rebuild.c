/* DESIGN
 * A worker as in `run` evaluates the events, over a session that is not Kafka's: it gives it one partition, records of all inputs in the order of their
 * timestamps, up to where the group has committed, and swallows what it says. So there is one way to evaluate, and none of its own here. When all is
 * read, the worker asks for more; then, before it is told to stop, its table is compared with what was said and written to the state topic.
 *
 *   inputs --chunks--> queue of each --merged by timestamp--> worker --> table
 *   transitions --> last of each contact --> the contact follows it         --> state topic
 *   state topic --> keys that the table does not have --> tombstones, or left alone
 *
 * Applied offsets of every record are the ends of the inputs, so the group goes on there and nothing counts twice.
 *
 * Time: a scorer that keeps up finds the inputs that have nothing to say at their ends, where they count as now. Here they are made to look so, to every run
 * of records of one input; with the order by timestamp, now is where these records are.
 *
 * WHY NOT read all inputs at once: order between topics is then that of the fetches, and one topic could run a year ahead of another, which timers
 * and gates would notice. Order by timestamp is as near to the order of arrival as can be known.
 *
 * WHY NOT take the order between topics from the transitions (they name the offsets of their causes): it would be known for the events that moved
 * somebody only, for as long as the transitions are kept.
 *
 * THREADS: one for each rebuild; they share what is const. */
#include "rebuild.h"

#include <stdlib.h>
#include <time.h>

#include "hotlead/base/clock.h"
#include "hotlead/base/hash.h"
#include "hotlead/core/grave.h"
#include "hotlead/port/transition_view.h"
#include "latest.h"

#define CHUNK_OFFSETS 200000
#define CHUNK_BYTES ((size_t)32 << 20)
#define NEVER_MS (INT64_C(86400000) * 365)

/* What has been read of one input and not been given out yet. */
struct queued {
    size_t key, key_len, value, value_len; /* places in `bytes` */
    int64_t offset, timestamp_ms;
    bool no_key, no_value;
};

struct input {
    int64_t at, to; /* next to be read */
    int64_t given;  /* offset behind the last that was given out */
    struct queued *items;
    size_t head, n, cap;
    struct hl_buf bytes;
};

/* The worker's session. */
struct session {
    struct hl_stream port;
    struct hl_rebuild *r;
    struct hl_engine engine;
    struct hl_config config;
    struct hl_worker *w;
    struct input *inputs;
    size_t n_inputs;
    const char *names[64]; /* of the inputs */
    bool gained;  /* the worker has been told of its partition */
    bool live;    /* it has come to life there */
    bool writing; /* states go to the log; before, nothing goes anywhere */
    _Atomic bool stop;
    struct hl_latest latest;    /* of an output that is read */
    struct hl_latest evaluated; /* the last transition of each contact, as it was evaluated */
    enum hl_status failure; /* that ended it, with what is said of it in `why` */
    struct hl_error why;
};

static struct session *session_of(struct hl_stream *port)
{
    return (struct session *)port;
}

/* Nothing of what fails here is mended by starting over, as a worker would. */
static enum hl_status fail(struct session *s, enum hl_status status, struct hl_error *err)
{
    if (!s->failure) {
        s->failure = status;
        s->why = *err;
    }
    s->stop = true;
    return hl_error_set(err, HL_E_END, HL_STOP, "stopped");
}

/* --- reading --- */

static bool queue_put(struct input *in, const struct hl_record *rec)
{
    if (in->n == in->cap) {
        size_t cap = in->cap ? 2 * in->cap : 4096;
        struct queued *items = realloc(in->items, cap * sizeof(*items));
        if (!items) return false;
        in->items = items;
        in->cap = cap;
    }
    struct queued *q = &in->items[in->n++];
    *q = (struct queued){.key = in->bytes.len, .key_len = rec->key.len, .value_len = rec->value.len, .offset = rec->offset,
                         .timestamp_ms = rec->timestamp_ms, .no_key = hl_slice_is_null(rec->key), .no_value = hl_slice_is_null(rec->value)};
    hl_buf_put(&in->bytes, rec->key.data, rec->key.len);
    q->value = in->bytes.len;
    hl_buf_put(&in->bytes, rec->value.data, rec->value.len);
    return !in->bytes.failed;
}

/* HL_E_END: enough for now. */
static enum hl_status on_input(void *ctx, const struct hl_record *records, size_t n)
{
    struct input *in = ctx;
    for (size_t i = 0; i < n; i++) {
        if (!queue_put(in, &records[i])) return HL_E_NOMEM;
        in->at = records[i].offset + 1;
    }
    return in->bytes.len < CHUNK_BYTES ? HL_OK : HL_E_END;
}

/* The next chunk of an input whose queue is empty. */
static enum hl_status refill(struct session *s, uint16_t t, struct hl_error *err)
{
    struct input *in = &s->inputs[t];
    int64_t to = in->to - in->at > CHUNK_OFFSETS ? in->at + CHUNK_OFFSETS : in->to;
    struct hl_range range = {t, s->r->partition, in->at, to, false, -1};
    in->head = in->n = 0;
    hl_buf_clear(&in->bytes);
    enum hl_status status = s->r->log->read(s->r->log, &range, 1, on_input, in, err);
    if (status == HL_E_END) return HL_OK;
    if (status == HL_E_NOMEM) hl_error_set(err, status, HL_STOP, "out of memory");
    if (!status) in->at = to; /* the last offsets may hold no records */
    return status;
}

/* The input whose next record is the oldest; n_inputs: all are read. *hungry: one has to be read on first. */
static size_t oldest(const struct session *s, bool *hungry)
{
    size_t found = s->n_inputs;
    *hungry = false;
    for (size_t t = 0; t < s->n_inputs; t++) {
        const struct input *in = &s->inputs[t];
        if (in->head == in->n && in->at == in->to) continue;
        if (in->head == in->n) {
            *hungry = true;
            return t;
        }
        if (found == s->n_inputs || in->items[in->head].timestamp_ms < s->inputs[found].items[s->inputs[found].head].timestamp_ms) found = t;
    }
    return found;
}

static void give(struct session *s, uint16_t t, struct hl_record *out)
{
    static const char empty[1] = "";
    struct input *in = &s->inputs[t];
    const struct queued *q = &in->items[in->head++];
    const char *bytes = in->bytes.data ? (const char *)in->bytes.data : empty;
    *out = (struct hl_record){.key = {q->no_key ? NULL : bytes + q->key, q->key_len}, .value = {q->no_value ? NULL : bytes + q->value, q->value_len},
                              .offset = q->offset, .timestamp_ms = q->timestamp_ms, .partition = s->r->partition, .topic = t};
    in->given = q->offset + 1;
}

/* --- what was said --- */

static bool find_kind(struct hl_slice name, enum hl_kind *out)
{
    static const enum hl_kind kinds[] = {HL_KIND_ACTIVE, HL_KIND_PASSIVE};
    *out = HL_KIND_NONE;
    for (size_t i = 0; i < HL_ARRAY_LEN(kinds); i++)
        if (hl_slice_eq_cstr(name, hl_kind_name(kinds[i]))) *out = kinds[i];
    return *out != HL_KIND_NONE || hl_slice_is_null(name);
}

static bool find_cause(struct hl_slice name, enum hl_cause *out)
{
    static const enum hl_cause causes[] = {
#define X(code, name) HL_CAUSE_##code,
        HL_CAUSES(X)
#undef X
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(causes); i++) {
        *out = causes[i];
        if (hl_slice_eq_cstr(name, hl_cause_name(*out))) return true;
    }
    return false;
}

/* False: no transition that this program can have written. `said` has no padding that is not zero, so that it can be kept as bytes. */
static bool read_said(struct hl_slice value, struct hl_slice *id, struct hl_said *said)
{
    struct hl_transition_view v;
    if (hl_avro_get_transition(value, &v) != HL_OK) return false;
    memset(said, 0, sizeof(*said));
    *id = v.contact_id;
    said->stage = v.to;
    said->visit = (uint16_t)v.visit;
    said->seq = (uint32_t)v.seq;
    said->at = v.occurred_at;
    return find_kind(v.kind, &said->kind) && find_cause(v.cause, &said->cause) && id->len > 0 && v.seq > 0 && v.seq <= UINT32_MAX && v.visit > 0 &&
           v.visit <= UINT16_MAX && v.occurred_at >= 0;
}

/* Where it is; nobody has said why. */
static struct hl_said place_of(const struct hl_contact *c)
{
    return (struct hl_said){.stage = (enum hl_stage)c->stage, .kind = (enum hl_kind)c->kind, .visit = c->visit, .seq = c->seq, .at = c->stage_since};
}

static void note_difference(struct hl_rebuild *r, struct hl_slice id, bool known, const struct hl_said *made, const struct hl_said *said)
{
    hl_buf_put_bytes(&r->differences, id);
    hl_buf_put_u8(&r->differences, known);
    hl_buf_put(&r->differences, made, sizeof(*made));
    hl_buf_put(&r->differences, said, sizeof(*said));
    r->differ++;
    r->unknown += !known;
}

bool hl_rebuild_next_difference(struct hl_reader *reader, struct hl_rebuild_difference *out)
{
    if (reader->p == reader->end) return false;
    out->id = hl_reader_bytes(reader);
    out->known = hl_reader_u8(reader);
    struct hl_slice made = hl_reader_take(reader, sizeof(out->made)), said = hl_reader_take(reader, sizeof(out->said));
    if (reader->failed) return false;
    memcpy(&out->made, made.data, sizeof(out->made));
    memcpy(&out->said, said.data, sizeof(out->said));
    return true;
}

static enum hl_status on_transition(void *ctx, const struct hl_record *records, size_t n)
{
    struct session *s = ctx;
    for (size_t i = 0; i < n; i++) {
        struct hl_slice id;
        struct hl_said said;
        if (!read_said(records[i].value, &id, &said))
            return hl_error_set(&s->why, HL_E_DECODE, HL_STOP, "the transition at offset %lld of %s [%d] cannot be read", (long long)records[i].offset,
                                s->config.transitions, (int)s->r->partition);
        if (!hl_latest_put(&s->latest, id, (struct hl_slice){(const char *)&said, sizeof(said)})) return HL_E_NOMEM;
        if (s->r->progress) ++*s->r->progress;
    }
    return HL_OK;
}

static bool says_the_same(const struct hl_said *a, const struct hl_said *b)
{
    return a->stage == b->stage && a->kind == b->kind && a->visit == b->visit && a->seq == b->seq && a->at == b->at;
}

/* Evaluation has come to the same, whatever has become of the contact since: it may have been erased, and begun anew. */
static bool was_evaluated(const struct session *s, uint64_t hash, struct hl_slice id, const struct hl_said *said)
{
    struct hl_said last;
    const struct hl_latest_record *l = hl_latest_find(&s->evaluated, hash, id);
    if (!l) return false;
    memcpy(&last, hl_latest_value(l).data, sizeof(last));
    return says_the_same(&last, said);
}

/* It was emitted before the contact was erased: whoever was erased and has begun anew since is there. */
static bool is_buried(struct session *s, const struct hl_contact *c, uint64_t hash, struct hl_slice id, int64_t at)
{
    if (!c) return s->w->n_graves && hl_grave_find(s->engine.table, s->w->index, hash, id);
    return (c->flags & HL_C_ERASED) || (c->ext && c->ext->erased_at != HL_NO_TIME && at <= c->ext->erased_at);
}

/* @locks requires the stripe of hash. */
static enum hl_status follow(struct session *s, struct hl_slab *slab, uint64_t hash, struct hl_slice id, const struct hl_said *said)
{
    struct hl_table *t = s->engine.table;
    struct hl_contact *c = hl_table_find(t, s->w->index, hash, id);
    s->r->said++;
    if (was_evaluated(s, hash, id, said) || is_buried(s, c, hash, id, said->at)) return HL_OK;
    if (c && (c->flags & HL_C_MERGED)) return HL_OK; /* it is another's now */
    bool known = c != NULL;
    if (!c) c = hl_table_put(t, s->w->index, hash, id, (uint16_t)s->r->partition, NULL);
    if (!c) return HL_E_NOMEM;
    struct hl_said made = place_of(c);
    note_difference(s->r, id, known, &made, said);
    return hl_contact_follow(c, slab, s->r->model, said);
}

static enum hl_status follow_all(struct session *s)
{
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < s->latest.n && !status; i++) {
        const struct hl_latest_record *l = &s->latest.records[i];
        struct hl_said said;
        memcpy(&said, hl_latest_value(l).data, sizeof(said));
        struct hl_slab *slab = hl_table_acquire(s->engine.table, s->w->index, l->hash);
        status = follow(s, slab, l->hash, hl_latest_id(l), &said);
        hl_table_release(s->engine.table, s->w->index, l->hash);
    }
    return status;
}

static enum hl_status compare(struct session *s, struct hl_error *err)
{
    struct hl_rebuild *r = s->r;
    struct hl_range range = {HL_TRANSITIONS_TOPIC, r->partition, r->transitions.from, r->transitions.to, true, -1};
    if (r->transitions.from == r->transitions.to) return HL_OK;
    s->why.message[0] = 0;
    enum hl_status status = r->log->read(r->log, &range, 1, on_transition, s, err);
    if (status == HL_E_DECODE && s->why.message[0]) *err = s->why;
    if (!status) status = follow_all(s);
    hl_latest_clear(&s->latest);
    if (status == HL_E_NOMEM || r->differences.failed) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    return status;
}

/* --- the state topic --- */

static enum hl_status on_old_state(void *ctx, const struct hl_record *records, size_t n)
{
    struct session *s = ctx;
    for (size_t i = 0; i < n; i++) {
        bool gone = hl_slice_is_null(records[i].value);
        if (records[i].key.len && !hl_latest_put(&s->latest, records[i].key, gone ? HL_SLICE_NULL : HL_SLICE_LIT(""))) return HL_E_NOMEM;
    }
    return HL_OK;
}

/* Under a grave's key, too. */
static bool is_there(struct session *s, struct hl_slice key)
{
    uint64_t hash;
    if (!hl_grave_read_id(key, &hash)) hash = hl_hash64(key);
    hl_table_acquire(s->engine.table, s->w->index, hash);
    const struct hl_contact *c = hl_table_find(s->engine.table, s->w->index, hash, key);
    bool there = c && !(c->flags & HL_C_ERASED);
    hl_table_release(s->engine.table, s->w->index, hash);
    return there;
}

/* Who is in the state topic and not in the input: gone, if the input is whole; else it may be all that is left of him. */
static enum hl_status clear_old_states(struct session *s, struct hl_error *err)
{
    struct hl_rebuild *r = s->r;
    struct hl_range range = {HL_STATE_TOPIC, r->partition, r->state.from, r->state.to, true, -1};
    enum hl_status status = HL_OK;
    if (r->state.from == r->state.to) return HL_OK;
    status = r->log->read(r->log, &range, 1, on_old_state, s, err);
    for (size_t i = 0; i < s->latest.n && !status; i++) {
        const struct hl_latest_record *l = &s->latest.records[i];
        if (!l->block || is_there(s, hl_latest_id(l))) continue;
        r->kept += !r->whole;
        r->removed += r->whole;
        if (r->whole) status = r->log->put(r->log, r->partition, hl_latest_id(l), HL_SLICE_NULL, err);
    }
    hl_latest_clear(&s->latest);
    return status == HL_E_NOMEM ? hl_error_set(err, status, HL_STOP, "out of memory") : status;
}

struct listing {
    struct hl_contact **items;
    size_t n, cap;
    bool failed;
};

static bool list_contact(void *ctx, struct hl_contact *c)
{
    struct listing *l = ctx;
    if (c->flags & HL_C_ERASED) return false; /* its grave says so */
    if (l->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 4096;
        struct hl_contact **items = realloc(l->items, cap * sizeof(*items));
        l->failed |= !items;
        if (!items) return false;
        l->items = items;
        l->cap = cap;
    }
    l->items[l->n++] = c;
    return false;
}

static enum hl_status write_states(struct session *s, struct hl_error *err)
{
    struct listing l = {0};
    struct hl_partition *p = s->w->by_id[s->r->partition];
    hl_table_scan(s->engine.table, list_contact, &l);
    enum hl_status status = l.failed ? hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory") : HL_OK;
    s->writing = true;
    for (size_t i = 0; i < l.n && !status; i++) {
        status = hl_emit_state(s->w, p, l.items[i], err);
        *(l.items[i]->flags & HL_C_GRAVE ? &s->r->graves : &s->r->contacts) += 1;
    }
    s->writing = false;
    free(l.items);
    return status;
}

/* All is read. */
static enum hl_status conclude(struct session *s, struct hl_error *err)
{
    struct hl_partition *p = s->w->by_id[s->r->partition];
    for (size_t t = 0; t < s->n_inputs; t++) p->next[t] = s->inputs[t].to;
    enum hl_status status = compare(s, err);
    if (!status) status = clear_old_states(s, err);
    return status ? status : write_states(s, err);
}

/* --- the port --- */

static bool is_blocked(const struct session *s)
{
    const struct hl_partition *p = s->w->by_id[s->r->partition];
    for (size_t t = 0; p && t < s->n_inputs; t++)
        if (p->blocked[t]) return true;
    return false;
}

/* Time stands where the records of t are that follow, for all inputs. */
static void all_follow(struct session *s, size_t t)
{
    struct hl_partition *p = s->w->by_id[s->r->partition];
    for (size_t i = 0; i < s->n_inputs; i++) p->at_end[i] = i != t;
}

static enum hl_status poll(struct hl_stream *port, int timeout_ms, struct hl_record *records, size_t cap, size_t *n, struct hl_error *err)
{
    struct session *s = session_of(port);
    size_t run = s->n_inputs;
    (void)timeout_ms;
    *n = 0;
    while (s->live && *n < cap) {
        bool hungry;
        size_t t = oldest(s, &hungry);
        if (t == s->n_inputs || (hungry && *n)) break; /* records that were given out lie in the queue */
        if (s->w->time_acts && *n && t != run) break;
        run = t;
        enum hl_status status = hungry ? refill(s, (uint16_t)t, err) : HL_OK;
        if (status) return fail(s, status, err);
        if (!hungry) give(s, (uint16_t)t, &records[(*n)++]);
    }
    s->r->events += *n;
    if (s->r->progress) *s->r->progress += *n;
    if (*n && s->w->time_acts) all_follow(s, run);
    if (*n || !s->live) return HL_OK;
    if (is_blocked(s)) { /* waits for a schema */
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
        return HL_OK;
    }
    enum hl_status status = conclude(s, err);
    if (status) return fail(s, status, err);
    s->stop = true;
    return HL_OK;
}

static void release(struct hl_stream *port, struct hl_record *records, size_t n)
{
    (void)port, (void)records, (void)n;
}

static enum hl_status assignment(struct hl_stream *port, enum hl_assignment_change *change, const int32_t **partitions, size_t *n, struct hl_error *err)
{
    struct session *s = session_of(port);
    (void)err;
    *change = s->gained ? HL_ASSIGNMENT_SAME : HL_ASSIGNMENT_GAINED;
    *partitions = &s->r->partition;
    *n = 1;
    s->gained = true;
    return HL_OK;
}

static bool changed(struct hl_stream *port)
{
    (void)port;
    return false;
}

/* From here on, where that is not where it stands: an input that has waited for a schema. */
static enum hl_status assign(struct hl_stream *port, const struct hl_position *positions, size_t n, struct hl_error *err)
{
    struct session *s = session_of(port);
    (void)err;
    s->live = n > 0;
    for (size_t i = 0; i < n; i++) {
        struct input *in = &s->inputs[positions[i].topic];
        if (in->given == positions[i].offset) continue;
        in->at = in->given = positions[i].offset;
        in->head = in->n = 0;
    }
    return HL_OK;
}

static enum hl_status committed(struct hl_stream *port, struct hl_position *positions, size_t n, struct hl_error *err)
{
    const struct session *s = session_of(port);
    (void)err;
    for (size_t i = 0; i < n; i++) positions[i].offset = positions[i].low_water = s->r->inputs[positions[i].topic].from;
    return HL_OK;
}

static enum hl_status bounds(struct hl_stream *port, uint16_t topic, int32_t partition, int64_t *low, int64_t *high, struct hl_error *err)
{
    const struct session *s = session_of(port);
    (void)partition, (void)err;
    *low = topic == HL_STATE_TOPIC ? 0 : s->r->inputs[topic].from;
    *high = topic == HL_STATE_TOPIC ? 0 : s->r->inputs[topic].to;
    return HL_OK;
}

static enum hl_status read_nothing(struct hl_stream *port, struct hl_range *ranges, size_t n, hl_record_fn *fn, void *ctx, struct hl_error *err)
{
    (void)port, (void)ranges, (void)n, (void)fn, (void)ctx, (void)err;
    return HL_OK;
}

static enum hl_status note_evaluated(struct session *s, struct hl_slice id, struct hl_slice value, struct hl_error *err)
{
    struct hl_said said;
    s->r->evaluated++;
    HL_BUG_ON(!read_said(value, &id, &said));
    return hl_latest_put(&s->evaluated, id, (struct hl_slice){(const char *)&said, sizeof(said)}) ? HL_OK : hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
}

static enum hl_status produce(struct hl_stream *port, enum hl_output out, int32_t partition, struct hl_slice key, struct hl_slice value,
                              const struct hl_header *headers, size_t n_headers, struct hl_error *err)
{
    struct session *s = session_of(port);
    (void)headers, (void)n_headers;
    if (out == HL_OUT_TRANSITIONS) return note_evaluated(s, key, value, err);
    return s->writing && out == HL_OUT_STATE ? s->r->log->put(s->r->log, partition, key, value, err) : HL_OK;
}

static enum hl_status nothing_to_do(struct hl_stream *port, struct hl_error *err)
{
    (void)port, (void)err;
    return HL_OK;
}

static enum hl_status commit(struct hl_stream *port, const struct hl_position *positions, size_t n, struct hl_error *err)
{
    (void)port, (void)positions, (void)n, (void)err;
    return HL_OK;
}

static enum hl_status finish(struct hl_stream *port, bool wait, bool *done, struct hl_error *err)
{
    (void)port, (void)wait, (void)err;
    *done = true;
    return HL_OK;
}

static int64_t lag(struct hl_stream *port, uint16_t topic, int32_t partition, int64_t next)
{
    (void)port, (void)topic, (void)partition, (void)next;
    return 0;
}

static void session_end(struct hl_stream *port)
{
    (void)port; /* it is on our stack */
}

/* --- all together --- */

static enum hl_status open_engine(struct session *s, struct hl_error *err)
{
    struct hl_rebuild *r = s->r;
    for (size_t t = 0; t < s->n_inputs; t++) s->names[t] = r->config->inputs[t].topic;
    struct hl_metrics_config metrics = {.topics = s->names, .n_topics = s->n_inputs, .partitions = r->n_partitions, .threads = 1};
    s->config = *r->config;
    /* no checkpoints on the way: all is written at the end, once */
    s->config.checkpoint_interval_ms = s->config.checkpoint_max_replay_ms = NEVER_MS;
    s->config.memory_max_bytes = 0; /* there is no copy in Redis that contacts could leave for */
    s->engine = (struct hl_engine){.config = &s->config, .model = r->model, .decoders = r->codecs->decoders, .state_schema = r->codecs->state_schema,
                                   .n_partitions = r->n_partitions, .n_workers = 1, .stop = &s->stop};
    s->engine.table = hl_table_new(HL_STRIPES);
    s->engine.metrics = hl_metrics_new(&metrics);
    s->engine.health = hl_health_new(1, NEVER_MS, hl_clock_mono_ns());
    if (s->engine.table && s->engine.metrics && s->engine.health) return HL_OK;
    return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
}

static void session_init(struct session *s, struct hl_rebuild *r)
{
    s->port = (struct hl_stream){.poll = poll, .release = release, .assignment = assignment, .changed = changed, .assign = assign,
                                 .committed = committed, .bounds = bounds, .read = read_nothing, .produce = produce, .settle = nothing_to_do,
                                 .commit = commit, .finish = finish, .abort = nothing_to_do, .lag = lag, .free = session_end};
    s->r = r;
    s->n_inputs = r->config->n_inputs;
}

static enum hl_status run(struct session *s, struct hl_error *err)
{
    struct hl_worker *w = s->w;
    enum hl_status status = hl_worker_init(w, &s->engine, 0, err);
    if (status) return status;
    w->stream = &s->port;
    hl_worker_main(w);
    if (s->failure) {
        *err = s->why;
        return s->failure;
    }
    if (w->status) *err = w->error;
    return w->status;
}

enum hl_status hl_rebuild_partition(struct hl_rebuild *r, struct hl_error *err)
{
    struct session s = {.r = r};
    session_init(&s, r);
    s.inputs = calloc(s.n_inputs + 1, sizeof(*s.inputs));
    s.w = calloc(1, sizeof(*s.w));
    enum hl_status status = s.inputs && s.w ? open_engine(&s, err) : hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    for (size_t t = 0; s.inputs && t < s.n_inputs; t++) s.inputs[t] = (struct input){.at = r->inputs[t].from, .to = r->inputs[t].to, .given = r->inputs[t].from};
    if (!status) status = run(&s, err);
    if (s.w) hl_worker_fini(s.w);
    for (size_t t = 0; s.inputs && t < s.n_inputs; t++) {
        free(s.inputs[t].items);
        hl_buf_fini(&s.inputs[t].bytes);
    }
    free(s.inputs);
    free(s.w);
    hl_latest_fini(&s.latest);
    hl_latest_fini(&s.evaluated);
    hl_table_free(s.engine.table);
    hl_metrics_free(s.engine.metrics);
    hl_health_free(s.engine.health);
    return status;
}
