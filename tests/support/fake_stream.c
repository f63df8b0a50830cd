#include "fake_stream.h"

#include <string.h>

/* Produced, and not yet in the log. */
struct pending {
    enum hl_output out;
    int32_t partition;
    struct fake_record record;
};

enum member { JOINING, OWNER, LEAVING };

struct fake_stream {
    struct hl_stream port;
    struct fake_log *log;
    _Atomic bool *stop;
    struct pending *pending;
    size_t n_pending, cap_pending;
    bool in_flight; /* a commit is: of the first so many pending records and those held back behind them, and these positions */
    size_t first, held;
    bool holds; /* between `settle` and `commit` */
    struct hl_position positions[FAKE_TOPICS * FAKE_PARTITIONS];
    size_t n_positions;
    enum member member;
    enum hl_assignment_change change;
    int32_t partitions[FAKE_PARTITIONS];
    size_t n_partitions;
    int64_t position[FAKE_TOPICS][FAKE_PARTITIONS]; /* -1: not assigned */
    int64_t state_end[FAKE_PARTITIONS];
    size_t on_loan;
    bool dead;
    bool kicked;  /* out of the group */
    bool told;    /* and the worker knows */
    bool broken;  /* of no use until `abort` */
    unsigned unanswered; /* polls since it was told to give back */
    bool handing_over; /* revoked in full life, and nothing has failed since */
};

static void *must(void *p)
{
    HL_BUG_ON(!p);
    return p;
}

uint64_t fake_random(struct fake_log *l, uint64_t n)
{
    l->random ^= l->random >> 12;
    l->random ^= l->random << 25;
    l->random ^= l->random >> 27;
    return (l->random * UINT64_C(0x2545f4914f6cdd1d) >> 11) % n;
}

/* --- the log --- */

static char *copy(struct hl_slice s)
{
    char *p = must(malloc(s.len + 1));
    if (s.len) memcpy(p, s.data, s.len);
    p[s.len] = '\0';
    return p;
}

static struct fake_record record_of(struct hl_slice key, struct hl_slice value)
{
    return (struct fake_record){
        .has_key = !hl_slice_is_null(key),
        .has_value = !hl_slice_is_null(value),
        .key = copy(key),
        .value = copy(value),
        .key_len = key.len,
        .value_len = value.len,
    };
}

static void record_fini(struct fake_record *r)
{
    free(r->key);
    free(r->value);
    free(r->headers);
}

static void append(struct fake_topic *t, struct fake_record r)
{
    if (t->n == t->cap) {
        t->cap = t->cap ? 2 * t->cap : 64;
        t->records = must(realloc(t->records, t->cap * sizeof(*t->records)));
    }
    t->records[t->n++] = r;
}

static void skip(struct fake_topic *t)
{
    append(t, (struct fake_record){.kind = FAKE_SKIPPED});
}

struct hl_slice fake_key(const struct fake_record *r)
{
    return r->has_key ? (struct hl_slice){r->key, r->key_len} : HL_SLICE_NULL;
}

struct hl_slice fake_value(const struct fake_record *r)
{
    return r->has_value ? (struct hl_slice){r->value, r->value_len} : HL_SLICE_NULL;
}

void fake_log_init(struct fake_log *l, bool transactions, uint64_t seed)
{
    *l = (struct fake_log){.transactions = transactions, .random = seed ? seed : 1, .n_inputs = FAKE_INPUTS};
    for (uint16_t t = 0; t < FAKE_TOPICS; t++)
        for (int32_t p = 0; p < FAKE_PARTITIONS; p++) l->committed[t][p] = (struct hl_position){t, p, -1, -1, 0};
}

static void topic_fini(struct fake_topic *t)
{
    for (size_t i = 0; i < t->n; i++) record_fini(&t->records[i]);
    free(t->records);
}

void fake_log_fini(struct fake_log *l)
{
    for (int32_t p = 0; p < FAKE_PARTITIONS; p++) {
        for (uint16_t t = 0; t < FAKE_TOPICS; t++) topic_fini(&l->inputs[t][p]);
        for (int o = 0; o < HL_OUT_COUNT; o++) topic_fini(&l->outputs[o][p]);
    }
}

void fake_log_put(struct fake_log *l, uint16_t topic, int32_t partition, struct hl_slice key, struct hl_slice value,
                  int64_t timestamp_ms)
{
    struct fake_record r = record_of(key, value);
    r.timestamp_ms = timestamp_ms;
    append(&l->inputs[topic][partition], r);
    if (fake_random(l, 8) == 0) skip(&l->inputs[topic][partition]);
}

void fake_log_compact(struct fake_log *l)
{
    for (int32_t p = 0; p < FAKE_PARTITIONS; p++) {
        struct fake_topic *t = &l->outputs[HL_OUT_STATE][p];
        for (size_t i = 0; i < t->n; i++) {
            struct fake_record *old = &t->records[i];
            bool replaced = false;
            if (old->kind == FAKE_SKIPPED || fake_random(l, 2)) continue;
            for (size_t k = i + 1; k < t->n && !replaced; k++)
                replaced = t->records[k].kind == FAKE_DATA && hl_slice_eq(fake_key(old), fake_key(&t->records[k]));
            if (replaced) old->kind = FAKE_SKIPPED;
        }
    }
}

/* Nothing that can be read lies at or behind `offset`. */
static bool is_end(const struct fake_topic *t, int64_t offset)
{
    for (size_t i = offset < 0 ? 0 : (size_t)offset; i < t->n; i++)
        if (t->records[i].kind == FAKE_DATA) return false;
    return true;
}

bool fake_log_is_done(const struct fake_log *l)
{
    for (uint16_t t = 0; t < l->n_inputs; t++)
        for (int32_t p = 0; p < FAKE_PARTITIONS; p++)
            if (!is_end(&l->inputs[t][p], l->committed[t][p].offset)) return false;
    return true;
}

/* --- what is produced, and when it appears --- */

static bool is_held(const struct fake_stream *s, size_t i)
{
    return i >= s->first && i < s->first + s->held;
}

/* Behind what was settled: not before the commit is under way, and all that came before is in the log. */
static bool is_held_back(const struct fake_stream *s, size_t n_first, size_t i)
{
    return is_held(s, i) && (!s->in_flight || n_first);
}

/* Put those of the first n pending records for which `keep` of their partition is left into the log; the others stay pending. */
static void deliver(struct fake_stream *s, size_t n, size_t keep[HL_OUT_COUNT][FAKE_PARTITIONS])
{
    size_t left = 0, n_first = s->first, n_held = s->held;
    for (size_t i = 0; i < s->n_pending; i++) {
        struct pending *p = &s->pending[i];
        if (i >= n || keep[p->out][p->partition] == 0 || is_held_back(s, n_first, i)) {
            s->pending[left++] = *p;
            continue;
        }
        n_first -= i < s->first;
        n_held -= is_held(s, i);
        keep[p->out][p->partition]--;
        append(&s->log->outputs[p->out][p->partition], p->record);
        if (p->out == HL_OUT_MERGES) fake_log_put(s->log, FAKE_MERGES, p->partition, fake_key(&p->record), fake_value(&p->record), p->record.timestamp_ms);
        if (p->out == HL_OUT_STATE) s->state_end[p->partition] = (int64_t)s->log->outputs[p->out][p->partition].n;
    }
    s->n_pending = left;
    s->first = n_first;
    s->held = n_held;
}

static void deliver_some(struct fake_stream *s)
{
    size_t keep[HL_OUT_COUNT][FAKE_PARTITIONS];
    for (int o = 0; o < HL_OUT_COUNT; o++)
        for (int32_t p = 0; p < FAKE_PARTITIONS; p++) keep[o][p] = fake_random(s->log, 5);
    if (!s->log->transactions) deliver(s, s->n_pending, keep);
}

static void deliver_first(struct fake_stream *s, size_t n)
{
    size_t keep[HL_OUT_COUNT][FAKE_PARTITIONS];
    memset(keep, 0x7f, sizeof(keep));
    bool touched[HL_OUT_COUNT][FAKE_PARTITIONS] = {{false}};
    for (size_t i = 0; i < n; i++) touched[s->pending[i].out][s->pending[i].partition] = true;
    deliver(s, n, keep);
    for (int o = 0; o < HL_OUT_COUNT; o++)
        for (int32_t p = 0; p < FAKE_PARTITIONS; p++)
            if (touched[o][p] && s->log->transactions) skip(&s->log->outputs[o][p]); /* the commit marker */
}

/* What was held back, and is not in the log yet, is gone. */
static void drop_held(struct fake_stream *s)
{
    for (size_t i = s->first; i < s->first + s->held; i++) record_fini(&s->pending[i].record);
    size_t behind = s->n_pending - s->first - s->held;
    if (behind) memmove(s->pending + s->first, s->pending + s->first + s->held, behind * sizeof(*s->pending));
    s->n_pending -= s->held;
    s->first = s->held = 0;
    s->holds = false;
}

/* What is left of it after an abort or a crash. */
static void discard(struct fake_stream *s)
{
    deliver_some(s);
    for (size_t i = 0; i < s->n_pending; i++) {
        struct pending *p = &s->pending[i];
        if (s->log->transactions && fake_random(s->log, 2)) skip(&s->log->outputs[p->out][p->partition]);
        record_fini(&p->record);
    }
    s->n_pending = s->first = s->held = 0;
    s->in_flight = s->holds = false;
}

/* What must hold of any commit, whatever came before. */
static void commit_position(struct fake_stream *s, const struct hl_position *at)
{
    struct hl_position *c = &s->log->committed[at->topic][at->partition];
    bool owned = false;
    for (size_t i = 0; i < s->n_partitions; i++) owned |= s->partitions[i] == at->partition;
    HL_BUG_ON(!owned);
    HL_BUG_ON(at->low_water > at->offset || at->low_water < 0);
    HL_BUG_ON(at->offset < c->offset || at->low_water < c->low_water);
    s->log->stats.behind += at->low_water < at->offset;
    *c = *at;
}

/* The commit has its effect. */
static void land(struct fake_stream *s)
{
    deliver_first(s, s->first + s->held);
    s->first = s->held = 0;
    for (size_t i = 0; i < s->n_positions; i++) commit_position(s, &s->positions[i]);
    s->in_flight = false;
    s->log->stats.commits++;
}

/* Nobody hears of it any more: it may have been in time, or not. */
static void land_perhaps(struct fake_stream *s)
{
    if (!s->in_flight) return;
    if (!s->kicked && !s->broken && fake_random(s->log, 2)) land(s);
    if (s->in_flight) deliver_some(s);
    if (s->in_flight) drop_held(s);
    s->in_flight = false;
}

/* --- faults --- */

static enum hl_status crash(struct fake_stream *s, struct hl_error *err)
{
    if (!s->dead) {
        s->log->stats.crashes++;
        land_perhaps(s);
        discard(s);
    }
    s->dead = true;
    return hl_error_set(err, HL_E_FENCED, HL_STOP, "fake stream: the process is gone");
}

static void leave(struct fake_stream *s, enum fake_fault why)
{
    if (s->member != OWNER || s->kicked || s->change != HL_ASSIGNMENT_SAME) return;
    if (why == FAKE_REVOKE) {
        s->member = LEAVING;
        s->change = HL_ASSIGNMENT_REVOKED;
        s->log->stats.revoked++;
        return;
    }
    land_perhaps(s);
    s->kicked = true;
    s->log->stats.lost++;
    if (s->log->transactions) discard(s); /* the coordinator has aborted it before another one reads */
    if (s->log->away) s->log->away(s->log->ctx);
}

/* HL_OK: go on. `failure`: what this operation answers when it fails. */
static enum hl_status ask(struct fake_stream *s, enum fake_op op, bool after, enum hl_status failure, struct hl_error *err)
{
    if (s->dead) return crash(s, err);
    s->log->stats.ops++;
    enum fake_fault f = s->log->fault ? s->log->fault(s->log->ctx, op, after) : FAKE_NONE;
    if (f == FAKE_CRASH) return crash(s, err);
    if (f == FAKE_LOSE || (f == FAKE_REVOKE && op == FAKE_POLL)) leave(s, f);
    if (f != FAKE_FAIL || failure == HL_OK) return HL_OK;
    s->handing_over = false;
    return hl_error_set(err, failure, HL_RETRY, "fake stream: %s", hl_status_name(failure));
}

/* --- the consuming half --- */

static void gain(struct fake_stream *s)
{
    uint64_t all = fake_random(s->log, 2), wanted = 1 + fake_random(s->log, (1 << FAKE_PARTITIONS) - 1);
    s->n_partitions = 0;
    for (int32_t p = 0; p < FAKE_PARTITIONS; p++)
        if (all || (wanted >> p & 1)) s->partitions[s->n_partitions++] = p;
    s->member = OWNER;
    s->change = HL_ASSIGNMENT_GAINED;
}

static struct hl_record record_at(const struct fake_record *r, uint16_t topic, int32_t p, int64_t offset)
{
    return (struct hl_record){.key = fake_key(r), .value = fake_value(r), .offset = offset, .timestamp_ms = r->timestamp_ms,
                              .partition = p, .topic = topic};
}

/* A run of records of one partition. */
static void fetch(struct fake_stream *s, uint16_t topic, int32_t p, struct hl_record *records, size_t cap, size_t *n)
{
    int64_t *at = &s->position[topic][p];
    struct fake_topic *t = &s->log->inputs[topic][p];
    if (*at > 4 && fake_random(s->log, 40) == 0) *at -= 4; /* the client may repeat itself */
    for (uint64_t run = 1 + fake_random(s->log, 12); *at >= 0 && (size_t)*at < t->n && *n < cap && run; run--, (*at)++) {
        const struct fake_record *r = &t->records[*at];
        if (r->kind == FAKE_SKIPPED) continue;
        records[(*n)++] = record_at(r, topic, p, *at);
    }
}

/* Nothing to read: wait, end, or give the partitions to somebody who gets all of them. */
static void idle(struct fake_stream *s, int timeout_ms)
{
    if (s->in_flight && timeout_ms > 3) timeout_ms = 3; /* its end wakes who waits */
    *s->log->clock_ns += (int64_t)timeout_ms * 1000000;
    if (s->member != OWNER || s->kicked || s->n_pending || fake_random(s->log, 4)) return;
    for (size_t i = 0; i < s->n_partitions; i++)
        for (uint16_t t = 0; t < s->log->n_inputs; t++) {
            int32_t p = s->partitions[i];
            if (s->position[t][p] < 0 || !is_end(&s->log->inputs[t][p], s->log->committed[t][p].offset)) return;
        }
    if (s->n_partitions < FAKE_PARTITIONS)
        leave(s, FAKE_REVOKE);
    else
        *s->stop = true;
}

static enum hl_status fake_poll(struct hl_stream *port, int timeout_ms, struct hl_record *records, size_t cap, size_t *n,
                                struct hl_error *err)
{
    struct fake_stream *s = (struct fake_stream *)port;
    *n = 0;
    enum hl_status status = ask(s, FAKE_POLL, false, HL_E_UNAVAILABLE, err);
    if (status) return status;
    *s->log->clock_ns += (int64_t)fake_random(s->log, 3000000);
    deliver_some(s);
    if (s->kicked && s->change == HL_ASSIGNMENT_SAME && fake_random(s->log, 3) == 0) {
        s->member = LEAVING;
        s->change = HL_ASSIGNMENT_LOST;
    } else if (s->member == JOINING && fake_random(s->log, 2)) {
        gain(s);
    }
    if (s->change != HL_ASSIGNMENT_SAME) return HL_OK;
    HL_BUG_ON(s->member == LEAVING && ++s->unanswered > 20); /* the group waits for `assign` */
    for (uint64_t runs = fake_random(s->log, 6); runs; runs--)
        fetch(s, (uint16_t)fake_random(s->log, s->log->n_inputs), (int32_t)fake_random(s->log, FAKE_PARTITIONS), records, cap, n);
    s->on_loan += *n;
    if (*n == 0) idle(s, timeout_ms);
    return HL_OK;
}

static void fake_release(struct hl_stream *port, struct hl_record *records, size_t n)
{
    struct fake_stream *s = (struct fake_stream *)port;
    (void)records;
    HL_BUG_ON(n > s->on_loan);
    s->on_loan -= n;
}

/* What it was given, it reads. */
static bool is_live(const struct fake_stream *s)
{
    for (size_t i = 0; i < s->n_partitions; i++)
        for (uint16_t t = 0; t < s->log->n_inputs; t++)
            if (s->position[t][s->partitions[i]] < 0) return false;
    return true;
}

static enum hl_status fake_assignment(struct hl_stream *port, enum hl_assignment_change *change, const int32_t **partitions,
                                      size_t *n, struct hl_error *err)
{
    struct fake_stream *s = (struct fake_stream *)port;
    if (s->dead) return crash(s, err);
    *change = s->change;
    *partitions = s->partitions;
    *n = s->n_partitions;
    s->change = HL_ASSIGNMENT_SAME;
    s->told = *change == HL_ASSIGNMENT_LOST;
    s->handing_over = *change == HL_ASSIGNMENT_REVOKED && is_live(s);
    return HL_OK;
}

static bool fake_changed(struct hl_stream *port)
{
    const struct fake_stream *s = (const struct fake_stream *)port;
    return !s->dead && s->change != HL_ASSIGNMENT_SAME;
}

/* The next owner has nothing to replay. */
static void check_hand_over(struct fake_stream *s)
{
    for (size_t i = 0; i < s->n_partitions; i++)
        for (uint16_t t = 0; t < s->log->n_inputs; t++) {
            const struct hl_position *at = &s->log->committed[t][s->partitions[i]];
            HL_BUG_ON(at->low_water != at->offset);
        }
    s->log->stats.handed_over++;
}

static enum hl_status fake_assign(struct hl_stream *port, const struct hl_position *positions, size_t n, struct hl_error *err)
{
    struct fake_stream *s = (struct fake_stream *)port;
    enum hl_status status = ask(s, FAKE_ASSIGN, false, HL_OK, err);
    if (status) return status;
    memset(s->position, -1, sizeof(s->position));
    for (size_t i = 0; i < n; i++) s->position[positions[i].topic][positions[i].partition] = positions[i].offset;
    if (positions || s->member != LEAVING) return HL_OK;
    if (s->handing_over) check_hand_over(s);
    s->member = JOINING;
    s->unanswered = 0;
    s->kicked = s->told = s->handing_over = false;
    return HL_OK;
}

static enum hl_status fake_committed(struct hl_stream *port, struct hl_position *positions, size_t n, struct hl_error *err)
{
    struct fake_stream *s = (struct fake_stream *)port;
    enum hl_status status = ask(s, FAKE_COMMITTED, false, HL_E_TIMEOUT, err);
    for (size_t i = 0; i < n && !status; i++) positions[i] = s->log->committed[positions[i].topic][positions[i].partition];
    return status;
}

static struct fake_topic *topic_of(struct fake_stream *s, uint16_t topic, int32_t partition)
{
    return topic == HL_STATE_TOPIC ? &s->log->outputs[HL_OUT_STATE][partition] : &s->log->inputs[topic][partition];
}

static enum hl_status fake_bounds(struct hl_stream *port, uint16_t topic, int32_t partition, int64_t *low, int64_t *high,
                                  struct hl_error *err)
{
    struct fake_stream *s = (struct fake_stream *)port;
    enum hl_status status = ask(s, FAKE_BOUNDS, false, HL_E_UNAVAILABLE, err);
    if (status) return status;
    *low = 0;
    *high = (int64_t)topic_of(s, topic, partition)->n;
    return HL_OK;
}

/* A group of records of a range; some offsets hold none. */
static enum hl_status read_group(struct fake_stream *s, struct hl_range *range, int64_t to, hl_record_fn *fn, void *ctx)
{
    struct hl_record group[HL_READ_GROUP];
    size_t n = 0, most = 1 + fake_random(s->log, HL_READ_GROUP);
    for (; n < most && range->position < to; range->position++) {
        struct fake_record *r = &topic_of(s, range->topic, range->partition)->records[range->position];
        if (r->kind != FAKE_SKIPPED) group[n++] = record_at(r, range->topic, range->partition, range->position);
    }
    s->log->stats.replayed += range->topic != HL_STATE_TOPIC ? n : 0;
    return n ? fn(ctx, group, n) : HL_OK;
}

/* Runs of records, of one range after the other, round and round. */
static enum hl_status fake_read(struct hl_stream *port, struct hl_range *ranges, size_t n, hl_record_fn *fn, void *ctx, struct hl_error *err)
{
    struct fake_stream *s = (struct fake_stream *)port;
    for (size_t i = 0; i < n; i++) ranges[i].position = ranges[i].from < 0 ? 0 : ranges[i].from;
    for (size_t left = n; left;) {
        left = 0;
        for (size_t i = 0; i < n; i++) {
            const struct fake_topic *t = topic_of(s, ranges[i].topic, ranges[i].partition);
            int64_t to = ranges[i].to_end || ranges[i].to > (int64_t)t->n ? (int64_t)t->n : ranges[i].to;
            for (uint64_t run = 1 + fake_random(s->log, 12); run && ranges[i].position < to; run--) {
                enum hl_status status = ask(s, FAKE_READ, false, HL_E_UNAVAILABLE, err);
                if (!status && *s->stop) status = hl_error_set(err, HL_E_END, HL_STOP, "fake stream: stopped");
                if (!status) status = read_group(s, &ranges[i], to, fn, ctx);
                if (status) return status;
            }
            left += ranges[i].position < to;
        }
        enum hl_status status = left && fake_random(s->log, 2) ? fn(ctx, NULL, 0) : HL_OK;
        if (status) return status;
    }
    return HL_OK;
}

static int64_t fake_lag(struct hl_stream *port, uint16_t topic, int32_t partition, int64_t next)
{
    return (int64_t)topic_of((struct fake_stream *)port, topic, partition)->n - next;
}

/* --- the producing half --- */

/* The transaction, or the producer, is of no use until `abort`. */
static enum hl_status spoil(struct fake_stream *s, enum hl_status status, struct hl_error *err)
{
    s->broken = true;
    return hl_error_set(err, status, HL_RETRY, "fake stream: %s", hl_status_name(status));
}

static char *headers_of(const struct hl_header *headers, size_t n)
{
    size_t len = 1;
    for (size_t i = 0; i < n; i++) len += strlen(headers[i].name) + headers[i].value.len + 2;
    char *text = must(malloc(len)), *p = text;
    for (size_t i = 0; i < n; i++) {
        p = stpcpy(p, headers[i].name);
        *p++ = '=';
        memcpy(p, headers[i].value.data, headers[i].value.len);
        p += headers[i].value.len;
        *p++ = '\n';
    }
    *p = '\0';
    return text;
}

static enum hl_status fake_produce(struct hl_stream *port, enum hl_output out, int32_t partition, struct hl_slice key,
                                   struct hl_slice value, const struct hl_header *headers, size_t n_headers, struct hl_error *err)
{
    struct fake_stream *s = (struct fake_stream *)port;
    enum hl_status status = ask(s, FAKE_PRODUCE, false, HL_E_ABORT, err);
    HL_BUG_ON(!status && s->told); /* lost: write nothing */
    if (status == HL_E_ABORT || (!status && s->broken)) return spoil(s, HL_E_ABORT, err);
    if (status) return status;
    if (s->n_pending == s->cap_pending) {
        s->cap_pending = s->cap_pending ? 2 * s->cap_pending : 64;
        s->pending = must(realloc(s->pending, s->cap_pending * sizeof(*s->pending)));
    }
    struct pending p = {out, partition, record_of(key, value)};
    p.record.headers = headers_of(headers, n_headers);
    s->pending[s->n_pending++] = p;
    s->held += s->holds;
    HL_BUG_ON(s->holds && out != HL_OUT_STATE);
    if (fake_random(s->log, 4) == 0) deliver_some(s);
    return HL_OK;
}

static enum hl_status fake_settle(struct hl_stream *port, struct hl_error *err)
{
    struct fake_stream *s = (struct fake_stream *)port;
    enum hl_status status = ask(s, FAKE_SETTLE, false, s->log->transactions ? HL_OK : HL_E_IN_DOUBT, err);
    if (status == HL_E_IN_DOUBT) return spoil(s, status, err);
    if (status || s->log->transactions) return status;
    HL_BUG_ON(s->in_flight || s->holds);
    s->holds = true;
    s->first = s->n_pending;
    return HL_OK;
}

static enum hl_status conclude(struct fake_stream *s, struct hl_error *err)
{
    enum hl_status status = ask(s, FAKE_COMMIT, false, fake_random(s->log, 2) ? HL_E_ABORT : HL_E_IN_DOUBT, err);
    s->log->stats.in_doubt_lost += status == HL_E_IN_DOUBT;
    if (!status && (s->kicked || s->broken)) status = HL_E_ABORT;
    if (status == HL_E_ABORT || status == HL_E_IN_DOUBT) return spoil(s, status, err);
    if (status) return status;
    land(s);
    status = ask(s, FAKE_COMMIT, true, HL_E_IN_DOUBT, err);
    if (status != HL_E_IN_DOUBT) return status;
    s->log->stats.in_doubt_done++;
    return spoil(s, status, err);
}

static enum hl_status fake_commit(struct hl_stream *port, const struct hl_position *positions, size_t n, struct hl_error *err)
{
    struct fake_stream *s = (struct fake_stream *)port;
    (void)err;
    HL_BUG_ON(s->in_flight);
    s->in_flight = true;
    if (!s->holds) s->first = s->n_pending;
    s->holds = false;
    if (n) memcpy(s->positions, positions, n * sizeof(*positions));
    s->n_positions = n;
    return HL_OK;
}

static enum hl_status fake_finish(struct hl_stream *port, bool wait, bool *done, struct hl_error *err)
{
    struct fake_stream *s = (struct fake_stream *)port;
    *done = !s->in_flight;
    if (*done || (!wait && fake_random(s->log, 3) == 0)) return HL_OK;
    *done = true;
    enum hl_status status = conclude(s, err);
    s->in_flight = false;
    return status;
}

static int64_t fake_state_end(struct hl_stream *port, int32_t partition)
{
    return ((struct fake_stream *)port)->state_end[partition];
}

static enum hl_status fake_abort(struct hl_stream *port, struct hl_error *err)
{
    struct fake_stream *s = (struct fake_stream *)port;
    if (!s->dead) land_perhaps(s); /* whatever becomes of the abort: the commit under way is waited for first */
    enum hl_status status = ask(s, FAKE_ABORT, false, HL_E_UNAVAILABLE, err);
    if (status) return status;
    s->log->stats.aborts++;
    drop_held(s);
    if (!s->log->transactions && !s->broken) deliver_first(s, s->n_pending);
    discard(s);
    s->broken = false;
    return ask(s, FAKE_ABORT, true, HL_E_UNAVAILABLE, err);
}

static void fake_free(struct hl_stream *port)
{
    struct fake_stream *s = (struct fake_stream *)port;
    HL_BUG_ON(s->on_loan && !s->dead);
    discard(s);
    free(s->pending);
    free(s);
}

struct hl_stream *fake_stream_new(struct fake_log *l, _Atomic bool *stop)
{
    struct fake_stream *s = must(calloc(1, sizeof(*s)));
    s->port = (struct hl_stream){fake_poll, fake_release, NULL, NULL, fake_assignment, fake_changed, fake_assign, fake_committed, fake_bounds,
                                 fake_read, fake_produce, fake_settle, fake_commit, fake_finish, fake_abort, fake_state_end, fake_lag, NULL, fake_free};
    s->log = l;
    s->stop = stop;
    memset(s->position, -1, sizeof(s->position));
    return &s->port;
}
