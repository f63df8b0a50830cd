/* DESIGN
 * Rounds of two steps, with all threads at each:
 *     decode   each thread takes the next undecoded batch, until all of the round are done
 *     apply    each thread goes over all batches in order, and takes the events of its own contacts
 * Between them the first thread gives each event its stream time, tells what could not be read, and after them merges the
 * shards' lines.
 *
 * With arrival by time, rounds that only decode come first and leave an index, which is sorted; the events are then decoded
 * again in its order. WHY NOT keep the decoded events: they take 250 bytes each, the index 48.
 *
 * THREADS  The first thread is the caller's. Others sleep at a barrier between steps, and touch nothing then. */
#include "sim_run.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "hotlead/base/clock.h"
#include "hotlead/base/iso8601.h"
#include "sim_merge.h"

#define BATCHES_PER_THREAD 4
#define BAR_CELLS 30

struct run {
    const struct hl_sim_options *o;
    struct hl_sim *sim;
    struct hl_sim_input input;
    struct hl_sim_batch *batches;
    size_t n_batches, used; /* there are; in this round */
    struct spot {
        size_t batch, event;
    } from, to;             /* what is applied by the step that is on */
    size_t _Atomic claimed;
    struct hl_sim_ref *refs;
    size_t n_refs, cap_refs;
    struct hl_buf *kept;    /* unpacked blocks that refs point into */
    size_t n_kept;
    uint64_t n_told;
    int64_t began, shown; /* ns */
    /* the other threads */
    void (*step)(struct run *r, unsigned thread); /* NULL: go home */
    pthread_t *threads;
    unsigned n_started;
    pthread_barrier_t start, end;
};

struct seat {
    struct run *r;
    unsigned thread;
};

/* ---- steps of all threads ---- */

static void decode_step(struct run *r, unsigned thread)
{
    (void)thread;
    for (size_t i; (i = r->claimed++) < r->used;) hl_sim_batch_decode(&r->batches[i]);
}

static void apply_step(struct run *r, unsigned thread)
{
    struct hl_sim_shard *s = &r->sim->shards[thread];
    for (size_t i = r->from.batch; i <= r->to.batch && s->status == HL_OK; i++) {
        const struct hl_sim_batch *b = &r->batches[i];
        hl_sim_shard_take(s, b, i == r->from.batch ? r->from.event : 0, i == r->to.batch ? r->to.event : b->n);
    }
}

static void finish_step(struct run *r, unsigned thread)
{
    if (r->sim->shards[thread].status == HL_OK) hl_sim_shard_finish(&r->sim->shards[thread], r->o->until);
}

static void *work(void *arg)
{
    struct seat seat = *(struct seat *)arg;
    free(arg);
    for (;;) {
        pthread_barrier_wait(&seat.r->start);
        if (!seat.r->step) return NULL;
        seat.r->step(seat.r, seat.thread);
        pthread_barrier_wait(&seat.r->end);
    }
}

static void all(struct run *r, void (*step)(struct run *, unsigned))
{
    r->step = step;
    r->claimed = 0;
    if (r->o->threads > 1) pthread_barrier_wait(&r->start);
    if (step) step(r, 0);
    if (step && r->o->threads > 1) pthread_barrier_wait(&r->end);
}

/* Before there is a thread the number of threads can still be lowered; afterwards the barriers count on them. */
static enum hl_status start_threads(struct run *r, struct hl_error *err)
{
    unsigned n = r->o->threads;
    if (n == 1) return HL_OK;
    r->threads = calloc(n, sizeof(*r->threads));
    if (!r->threads) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    pthread_barrier_init(&r->start, NULL, n);
    pthread_barrier_init(&r->end, NULL, n);
    for (; r->n_started < n - 1; r->n_started++) {
        struct seat *seat = malloc(sizeof(*seat));
        if (seat) *seat = (struct seat){r, r->n_started + 1};
        if (seat && pthread_create(&r->threads[r->n_started], NULL, work, seat) == 0) continue;
        free(seat);
        return hl_error_set(err, HL_E_NOMEM, HL_STOP, "cannot start thread %u of %u", r->n_started + 1, n);
    }
    return HL_OK;
}

static void stop_threads(struct run *r)
{
    if (!r->threads) return;
    if (r->n_started == r->o->threads - 1) {
        all(r, NULL);
        for (unsigned i = 0; i < r->n_started; i++) pthread_join(r->threads[i], NULL);
        pthread_barrier_destroy(&r->start);
        pthread_barrier_destroy(&r->end);
    } else {
        for (unsigned i = 0; i < r->n_started; i++) { /* they wait for one who never came */
            pthread_cancel(r->threads[i]);
            pthread_join(r->threads[i], NULL);
        }
    }
    free(r->threads);
}

/* ---- between the steps: the first thread ---- */

static void tell(struct run *r, const char *path, int64_t record, struct hl_slice what)
{
    char number[24] = "";
    if (r->o->quiet || r->n_told++ >= HL_SIM_MAX_PROBLEMS) return;
    if (record > 0) snprintf(number, sizeof(number), ":%lld", (long long)record);
    fprintf(stderr, "%s%s: %.*s\n", path, number, HL_SLICE_ARG(what));
}

static void tell_problems(struct run *r, const struct hl_sim_batch *b)
{
    struct hl_sim_file *f = b->unit.file;
    struct hl_reader reader = hl_reader_of(hl_buf_slice(&b->problems));
    while (reader.p != reader.end && !reader.failed) {
        int64_t record = hl_reader_long(&reader);
        tell(r, f->path, f->records + record, hl_reader_bytes(&reader));
    }
    r->sim->n_bad += b->n_bad;
    if (b->n_early && f->n_early == 0) {
        f->first_early = f->records + b->first_early;
        f->first_early_at = b->first_early_at;
    }
    f->n_early += b->n_early;
    f->records += b->records;
}

/* Seconds that were taken for milliseconds: all of it can be read, and nothing of it is right. */
static void tell_early(const struct hl_sim_file *f)
{
    char at[HL_ISO8601_SIZE];
    const char *path = f->mapping ? f->mapping->fields.path[HL_FIELD_OCCURRED_AT] : NULL;
    if (f->n_early == 0) return;
    fprintf(stderr, "%s:%lld: warning: occurred_at is %s, before March 1973, in this and %llu other events; ", f->path, (long long)f->first_early,
            hl_iso8601_format(f->first_early_at, at), (unsigned long long)f->n_early - 1);
    if (f->plan || (f->mapping && f->mapping->fields.seconds))
        fprintf(stderr, "its numbers were read as %s\n", f->plan ? "milliseconds" : "seconds");
    else
        fprintf(stderr, "if the numbers in '%s' count seconds, say time_unit: s in %s\n", path ? path : hl_field_name(HL_FIELD_OCCURRED_AT),
                f->mapping ? "its mapping" : "a file for --mapping");
}

/* Fill the round's batches with input. */
static enum hl_status fill(struct run *r, bool index, struct hl_error *err)
{
    r->used = 0;
    while (r->used < r->n_batches) {
        struct hl_sim_batch *b = &r->batches[r->used];
        const struct hl_sim_file *bad;
        struct hl_error why;
        enum hl_status st = hl_sim_input_next(&r->input, &b->unit, &bad, &why);
        if (st == HL_E_END) return HL_OK;
        if (st != HL_OK && st != HL_E_DECODE) return hl_error_set(err, st, HL_STOP, "%s", why.message);
        if (st == HL_E_DECODE) {
            tell(r, bad->path, 0, hl_slice_of(why.message));
            r->sim->n_bad++;
            continue;
        }
        if (b->index != index) b->cap = 0; /* its arrays are of the other kind */
        b->index = index;
        r->used++;
    }
    return HL_OK;
}

static void set_stream(struct run *r, struct hl_sim_batch *b)
{
    struct hl_sim *sim = r->sim;
    b->first = sim->n_events;
    for (size_t i = 0; i < b->n; i++) {
        int64_t t = b->events[i].occurred_at;
        if (t > sim->stream) sim->stream = t;
        if (sim->from == HL_NO_TIME || t < sim->from) sim->from = t;
        b->stream[i] = sim->stream;
        if (b->events[i].type == HL_EVENT_UNKNOWN) hl_unknown_note(&sim->unknown, b->events[i].type_name);
    }
    sim->n_events += b->n;
}

static bool precedes(const struct hl_sim_line *a, const struct hl_sim_line *b)
{
    if (a->event != b->event) return a->event < b->event;
    if (a->by_event != b->by_event) return b->by_event;
    if (a->at != b->at) return a->at < b->at;
    return hl_slice_compare(hl_contact_id(a->c), hl_contact_id(b->c)) < 0;
}

static struct hl_sim_lines *lines_of(struct hl_sim *sim, unsigned shard, bool alerts)
{
    return alerts ? &sim->shards[shard].alerts : &sim->shards[shard].transitions;
}

/* The shards' lines of one sort, merged. */
static enum hl_status print_sort(struct hl_sim *sim, bool alerts, FILE *to, struct hl_error *err)
{
    size_t next[HL_SIM_MAX_THREADS] = {0};
    for (;;) {
        const struct hl_sim_line *first = NULL;
        unsigned from = 0;
        for (unsigned i = 0; i < sim->n_shards; i++) {
            const struct hl_sim_lines *l = lines_of(sim, i, alerts);
            if (next[i] == l->n || (first && !precedes(&l->items[next[i]], first))) continue;
            first = &l->items[next[i]];
            from = i;
        }
        if (!first) break;
        next[from]++;
        if (fwrite(lines_of(sim, from, alerts)->text.data + first->text, 1, first->len, to) != first->len)
            return hl_error_set(err, HL_E_IO, HL_STOP, "%s cannot be written", alerts ? "the file of alerts" : "standard output");
    }
    for (unsigned i = 0; i < sim->n_shards; i++) hl_sim_lines_clear(lines_of(sim, i, alerts));
    return HL_OK;
}

static enum hl_status print_lines(const struct run *r, struct hl_error *err)
{
    enum hl_status st = print_sort(r->sim, false, r->o->transitions, err);
    return st == HL_OK ? print_sort(r->sim, true, r->o->alerts, err) : st;
}

static enum hl_status check_memory(const struct run *r, struct hl_error *err)
{
    bool ok = true;
    for (size_t i = 0; i < r->used; i++) ok = ok && r->batches[i].status == HL_OK;
    for (unsigned i = 0; i < r->sim->n_shards; i++) ok = ok && r->sim->shards[i].status == HL_OK;
    return ok ? HL_OK : hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
}

static void show_progress(struct run *r, bool last)
{
    int64_t now = hl_clock_mono_ns();
    if (!r->o->progress || (r->shown == 0 ? last || now - r->began < 1000000000 : !last && now - r->shown < 200000000)) return;
    r->shown = now;
    double share = r->input.bytes ? (double)r->input.bytes_done / (double)r->input.bytes : 1;
    double seconds = (double)(now - r->began) / 1e9;
    int filled = last ? 0 : (int)(share * BAR_CELLS);
    char bar[BAR_CELLS + 1];
    for (int i = 0; i < BAR_CELLS; i++) bar[i] = i < filled ? '#' : '.';
    bar[BAR_CELLS] = 0;
    if (last)
        fputs("\r\033[K", stderr);
    else
        fprintf(stderr, "\r\033[K%s %3.0f %%  %.0f events/s  %.0f s left", bar, share * 100, (double)r->sim->n_events / seconds,
                share > 0 ? seconds / share - seconds : 0.0);
}

/* ---- arrival by time ---- */

static int compare_refs(const void *a, const void *b)
{
    const struct hl_sim_ref *x = a, *y = b;
    if (x->occurred_at != y->occurred_at) return x->occurred_at < y->occurred_at ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

static bool keep_refs(struct run *r, struct hl_sim_batch *b)
{
    if (r->n_refs + b->n > r->cap_refs) {
        size_t cap = (r->n_refs + b->n) * 2;
        struct hl_sim_ref *grown = realloc(r->refs, cap * sizeof(*grown));
        if (!grown) return false;
        r->refs = grown;
        r->cap_refs = cap;
    }
    for (size_t i = 0; i < b->n; i++) {
        r->refs[r->n_refs] = b->refs[i];
        r->refs[r->n_refs].order = r->n_refs;
        r->n_refs++;
    }
    if (b->unpacked.len == 0) return true;
    struct hl_buf *grown = realloc(r->kept, (r->n_kept + 1) * sizeof(*grown));
    if (!grown) return false;
    r->kept = grown;
    r->kept[r->n_kept++] = b->unpacked;
    hl_buf_init(&b->unpacked);
    return true;
}

/* Rounds that decode alone; then the input is the index. */
static enum hl_status index_input(struct run *r, struct hl_error *err)
{
    do {
        enum hl_status st = fill(r, true, err);
        if (st != HL_OK) return st;
        all(r, decode_step);
        st = check_memory(r, err);
        for (size_t i = 0; i < r->used && st == HL_OK; i++) {
            tell_problems(r, &r->batches[i]);
            if (!keep_refs(r, &r->batches[i])) st = hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
        }
        if (st != HL_OK) return st;
    } while (r->used > 0);
    if (r->n_refs) qsort(r->refs, r->n_refs, sizeof(*r->refs), compare_refs);
    static const struct hl_sim_ref none;
    r->input.refs = r->n_refs ? r->refs : &none;
    r->input.n_refs = r->n_refs;
    r->input.at = 0;
    r->input.bytes_done = 0;
    return HL_OK;
}

/* ---- the whole ---- */

/* All events of the round, in order. One that concerns contacts of several shards waits for what is before it, and is the first thread's. */
static void apply_all(struct run *r)
{
    r->from = (struct spot){0, 0};
    for (size_t k = 0; k < r->used; k++) {
        const struct hl_sim_batch *b = &r->batches[k];
        for (size_t i = 0; i < b->n; i++) {
            if (!hl_sim_merge_concerns(r->sim, b, i)) continue;
            r->to = (struct spot){k, i};
            all(r, apply_step);
            hl_sim_merge_take(r->sim, b, i);
            r->from = (struct spot){k, i + 1};
        }
    }
    r->to = (struct spot){r->used - 1, r->batches[r->used - 1].n};
    all(r, apply_step);
}

static enum hl_status run_round(struct run *r, struct hl_error *err)
{
    enum hl_status st = fill(r, false, err);
    if (st != HL_OK || r->used == 0) return st;
    all(r, decode_step);
    for (size_t i = 0; i < r->used; i++) {
        if (r->batches[i].unit.file) tell_problems(r, &r->batches[i]);
        set_stream(r, &r->batches[i]);
    }
    st = check_memory(r, err);
    if (st != HL_OK) return st;
    apply_all(r);
    st = check_memory(r, err);
    if (st == HL_OK) st = print_lines(r, err);
    show_progress(r, false);
    return st;
}

static enum hl_status run_all(struct run *r, struct hl_error *err)
{
    enum hl_status st = r->o->by_time ? index_input(r, err) : HL_OK;
    do
        if (st == HL_OK) st = run_round(r, err);
    while (st == HL_OK && r->used > 0);
    if (st != HL_OK || r->o->until <= r->sim->stream) return st;
    all(r, finish_step);
    if (r->sim->stream != HL_NO_TIME) r->sim->stream = r->o->until;
    st = check_memory(r, err);
    return st == HL_OK ? print_lines(r, err) : st;
}

static enum hl_status prepare(struct run *r, struct hl_error *err)
{
    const struct hl_sim_options *o = r->o;
    struct hl_sim *sim = r->sim;
    enum hl_status st = hl_sim_input_open(&r->input, o->sources, err);
    if (st != HL_OK) return st;
    r->batches = calloc((size_t)o->threads * BATCHES_PER_THREAD, sizeof(*r->batches));
    sim->shards = calloc(o->threads, sizeof(*sim->shards));
    if (!r->batches || !sim->shards) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    for (; r->n_batches < (size_t)o->threads * BATCHES_PER_THREAD; r->n_batches++) hl_sim_batch_init(&r->batches[r->n_batches]);
    while (sim->n_shards < o->threads) {
        unsigned i = sim->n_shards++;
        if (hl_sim_shard_init(&sim->shards[i], i, o->threads, o->model, o->against, o->transitions, o->alerts) != HL_OK)
            return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
        sim->shards[i].bought = o->bought;
    }
    return start_threads(r, err);
}

static void clean_up(struct run *r)
{
    stop_threads(r);
    for (size_t i = 0; i < r->n_batches; i++) hl_sim_batch_fini(&r->batches[i]);
    for (size_t i = 0; i < r->n_kept; i++) hl_buf_fini(&r->kept[i]);
    free(r->batches);
    free(r->kept);
    free(r->refs);
    hl_sim_input_close(&r->input);
}

enum hl_status hl_sim_run(struct hl_sim *sim, const struct hl_sim_options *o, struct hl_error *err)
{
    *sim = (struct hl_sim){.from = HL_NO_TIME, .stream = HL_NO_TIME};
    struct run r = {.o = o, .sim = sim, .began = hl_clock_mono_ns()};
    enum hl_status st = prepare(&r, err);
    if (st == HL_OK) st = run_all(&r, err);
    show_progress(&r, true);
    if (r.n_told > HL_SIM_MAX_PROBLEMS) fprintf(stderr, "and %llu more\n", (unsigned long long)(r.n_told - HL_SIM_MAX_PROBLEMS));
    for (size_t i = 0; i < r.input.n_files && !o->quiet; i++) tell_early(&r.input.files[i]);
    sim->seconds = (double)(hl_clock_mono_ns() - r.began) / 1e9;
    clean_up(&r);
    return st;
}

void hl_sim_fini(struct hl_sim *sim)
{
    for (unsigned i = 0; i < sim->n_shards; i++) hl_sim_shard_fini(&sim->shards[i]);
    hl_ghosts_clear(&sim->pointers);
    free(sim->shards);
}

/* ---- the contacts at the end ---- */

struct collection {
    struct hl_sim_side *side, *other;
    struct hl_sim_contact *all;
    size_t n;
};

static bool collect(void *ctx, struct hl_contact *c)
{
    struct collection *l = ctx;
    if (c->flags & (HL_C_ERASED | HL_C_MERGED)) return false; /* nobody is left, or it is another's */
    l->all[l->n++] = (struct hl_sim_contact){c, NULL, &l->side->memos[c->applied], NULL};
    return false;
}

static int compare_contacts(const void *a, const void *b)
{
    return hl_slice_compare(hl_contact_id(((const struct hl_sim_contact *)a)->c), hl_contact_id(((const struct hl_sim_contact *)b)->c));
}

/* The same events make the same contacts under both models. */
static void find_others(struct collection *l, size_t from)
{
    for (size_t i = from; l->other && i < l->n; i++) {
        struct hl_sim_contact *each = &l->all[i];
        hl_table_acquire(l->other->t, 0, each->c->hash);
        each->other = hl_table_find(l->other->t, 0, each->c->hash, hl_contact_id(each->c));
        hl_table_release(l->other->t, 0, each->c->hash);
        HL_BUG_ON(!each->other);
        each->other_memo = &l->other->memos[each->other->applied];
    }
}

enum hl_status hl_sim_contacts(const struct hl_sim *sim, struct hl_sim_contact **out, size_t *n)
{
    size_t total = 0;
    for (unsigned i = 0; i < sim->n_shards; i++) total += sim->shards[i].sides[0].n_memos - 1;
    struct collection l = {.all = malloc((total + 1) * sizeof(*l.all))};
    if (!l.all) return HL_E_NOMEM;
    for (unsigned i = 0; i < sim->n_shards; i++) {
        struct hl_sim_shard *s = &sim->shards[i];
        size_t from = l.n;
        l.side = &s->sides[0];
        l.other = s->n_sides > 1 ? &s->sides[1] : NULL;
        hl_table_scan(l.side->t, collect, &l);
        find_others(&l, from);
    }
    qsort(l.all, l.n, sizeof(*l.all), compare_contacts);
    *out = l.all;
    *n = l.n;
    return HL_OK;
}
