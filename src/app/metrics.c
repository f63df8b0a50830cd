/* DESIGN
 * One table, `metrics`, holds each metric's name, type, unit, help and the function that prints its samples; HELP, TYPE and UNIT
 * lines and the suffixes that a type and a format ask for come from it alone. A histogram keeps 1,920 fine buckets and is shown
 * with 15 fixed bounds, so quantiles of the live line are exact to 3 % while the series stay few.
 *
 * WHY NOT a shared atomic counter: at millions of events a second its cache line would travel between the cores for every event.
 *
 * Exemplars (OpenMetrics only) lead from a latency bucket or a pair of stages to the last sampled trace that went there. They carry trace and
 * span, never a contact.
 *
 * Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ and
 * https://prometheus.io/docs/specs/om/open_metrics_spec/ */
#include "hotlead/app/metrics.h"

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "hotlead/base/clock.h"

#define NS_PER_S 1000000000.0
#define LAG_UNSET (-1)

/* Text, so that a bound reads the same in every answer. */
static const struct {
    const char *text;
    uint64_t ns;
} bounds[] = {
    {"0.001", 1000000},  {"0.0025", 2500000}, {"0.005", 5000000},    {"0.01", 10000000},    {"0.025", 25000000},
    {"0.05", 50000000},  {"0.1", 100000000},  {"0.25", 250000000},   {"0.5", 500000000},    {"1.0", 1000000000},
    {"2.5", 2500000000}, {"5.0", 5000000000}, {"10.0", 10000000000}, {"30.0", 30000000000}, {"60.0", 60000000000},
};

struct exemplar {
    struct hl_trace trace; /* trace_id empty: none yet */
    double value;
    int64_t wall_ms;
};

struct hl_metrics {
    int threads, partitions;
    size_t n_topics, n_build;
    char **topics;
    struct hl_metrics_label *build; /* name and value are ours */
    struct hl_metrics_thread **thread;
    _Atomic int64_t *lag; /* [topic][partition] */
    _Atomic int redis_up; /* -1: no Redis */
    _Atomic uint64_t bound; /* 0: none */
    double start_time;
    pthread_mutex_t model_lock;
    struct {
        char *name, *version; /* NULL: not set; under the lock */
        hl_counter reloads[HL_RELOAD_COUNT];
        _Atomic bool refused; /* the last reload was */
        _Atomic int64_t since_ms; /* wall clock: since when it is in use */
    } model[HL_MODEL_ROLE_COUNT];
    bool has_shadow;
    _Atomic int64_t shadow_since_ms;
    pthread_mutex_t exemplar_lock;
    struct exemplar slowest[HL_ARRAY_LEN(bounds) + 1]; /* by bucket of latency */
    struct exemplar moved[HL_STAGE_COUNT][HL_STAGE_COUNT];
};

#define X(code, name) name,
static const char *const result_names[] = {HL_TALLIES(X)};
static const char *const outcome_names[] = {HL_TXN_OUTCOMES(X)};
static const char *const source_names[] = {HL_RESTORE_SOURCES(X)};
#undef X

static uint64_t load(const hl_counter *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

/* --- life --- */

static struct hl_metrics_thread *thread_new(size_t n_topics)
{
    size_t size = sizeof(struct hl_metrics_thread) + n_topics * sizeof(struct hl_metrics_topic);
    size = (size + 63) & ~(size_t)63;
    struct hl_metrics_thread *mt = aligned_alloc(64, size);
    if (mt) memset(mt, 0, size); /* all-zero is the start of every member */
    return mt;
}

static bool copy_config(struct hl_metrics *m, const struct hl_metrics_config *config)
{
    for (size_t i = 0; i < config->n_topics; i++) {
        if (!(m->topics[i] = strdup(config->topics[i]))) return false;
    }
    for (size_t i = 0; i < config->n_build; i++) {
        m->build[i] = (struct hl_metrics_label){strdup(config->build[i].name), strdup(config->build[i].value)};
        if (!m->build[i].name || !m->build[i].value) return false;
    }
    for (int i = 0; i < m->threads; i++) {
        if (!(m->thread[i] = thread_new(m->n_topics))) return false;
    }
    return true;
}

struct hl_metrics *hl_metrics_new(const struct hl_metrics_config *config)
{
    struct hl_metrics *m = calloc(1, sizeof(*m));
    if (!m) return NULL;
    size_t n_lag = config->n_topics * (size_t)config->partitions;
    m->n_topics = config->n_topics;
    m->n_build = config->n_build;
    m->partitions = config->partitions;
    m->threads = config->threads;
    m->start_time = (double)hl_clock_wall_ms() / 1000;
    pthread_mutex_init(&m->model_lock, NULL);
    pthread_mutex_init(&m->exemplar_lock, NULL);
    atomic_init(&m->redis_up, -1);
    for (int r = 0; r < HL_MODEL_ROLE_COUNT; r++) atomic_init(&m->model[r].since_ms, hl_clock_wall_ms());
    m->topics = calloc(m->n_topics + 1, sizeof(*m->topics));
    m->build = calloc(m->n_build + 1, sizeof(*m->build));
    m->thread = calloc((size_t)m->threads + 1, sizeof(*m->thread));
    m->lag = calloc(n_lag + 1, sizeof(*m->lag));
    if (!m->topics || !m->build || !m->thread || !m->lag || !copy_config(m, config)) {
        hl_metrics_free(m);
        return NULL;
    }
    for (size_t i = 0; i < n_lag; i++) atomic_init(&m->lag[i], LAG_UNSET);
    return m;
}

static void free_text(const char *s)
{
    union {
        const char *from;
        void *to;
    } p = {.from = s};
    free(p.to);
}

void hl_metrics_free(struct hl_metrics *m)
{
    if (!m) return;
    for (size_t i = 0; m->topics && i < m->n_topics; i++) free(m->topics[i]);
    for (size_t i = 0; m->build && i < m->n_build; i++) {
        free_text(m->build[i].name);
        free_text(m->build[i].value);
    }
    for (int i = 0; m->thread && i < m->threads; i++) {
        if (m->thread[i]) free(m->thread[i]->shadow);
        free(m->thread[i]);
    }
    free(m->topics);
    free(m->build);
    free(m->thread);
    free(m->lag);
    for (int r = 0; r < HL_MODEL_ROLE_COUNT; r++) {
        free(m->model[r].name);
        free(m->model[r].version);
    }
    pthread_mutex_destroy(&m->model_lock);
    pthread_mutex_destroy(&m->exemplar_lock);
    free(m);
}

struct hl_metrics_thread *hl_metrics_thread(struct hl_metrics *m, int thread)
{
    HL_BUG_ON(thread < 0 || thread >= m->threads);
    return m->thread[thread];
}

/* --- gauges --- */

void hl_metrics_set_lag(struct hl_metrics *m, size_t topic, int partition, int64_t lag)
{
    HL_BUG_ON(topic >= m->n_topics || partition < 0 || partition >= m->partitions);
    atomic_store_explicit(&m->lag[topic * (size_t)m->partitions + (size_t)partition], lag < 0 ? LAG_UNSET : lag,
                          memory_order_relaxed);
}

void hl_metrics_set_redis_up(struct hl_metrics *m, bool up)
{
    atomic_store_explicit(&m->redis_up, up, memory_order_relaxed);
}

void hl_metrics_set_bound(struct hl_metrics *m, uint64_t bytes)
{
    atomic_store_explicit(&m->bound, bytes, memory_order_relaxed);
}

void hl_metrics_set_model(struct hl_metrics *m, enum hl_model_role role, const char *model, const char *version)
{
    char *a = strdup(model), *b = strdup(version);
    if (!a || !b) { /* the old name stays */
        free(a);
        free(b);
        return;
    }
    pthread_mutex_lock(&m->model_lock);
    char *old_a = m->model[role].name, *old_b = m->model[role].version;
    m->model[role].name = a;
    m->model[role].version = b;
    pthread_mutex_unlock(&m->model_lock);
    free(old_a);
    free(old_b);
}

void hl_metrics_count_reload(struct hl_metrics *m, enum hl_model_role role, enum hl_reload_result result, int64_t wall_ms)
{
    hl_counter_add(&m->model[role].reloads[result], 1);
    atomic_store(&m->model[role].refused, result == HL_RELOAD_REFUSED);
    if (result == HL_RELOAD_APPLIED) atomic_store(&m->model[role].since_ms, wall_ms);
}

enum hl_status hl_metrics_add_shadow(struct hl_metrics *m)
{
    for (int i = 0; i < m->threads; i++)
        if (!(m->thread[i]->shadow = calloc(1, sizeof(*m->thread[i]->shadow)))) return HL_E_NOMEM;
    m->has_shadow = true;
    return HL_OK;
}

void hl_metrics_set_shadow_since(struct hl_metrics *m, int64_t wall_ms)
{
    atomic_store(&m->shadow_since_ms, wall_ms);
}

bool hl_metrics_shadow(const struct hl_metrics *m, struct hl_shadow_counts *sum, int64_t *since_ms)
{
    memset(sum, 0, sizeof(*sum));
    *since_ms = atomic_load(&m->shadow_since_ms);
    for (int i = 0; i < m->threads && m->has_shadow; i++) {
        const hl_counter *from = (const hl_counter *)m->thread[i]->shadow;
        for (size_t k = 0; k < sizeof(*sum) / sizeof(*from); k++) hl_counter_add(&((hl_counter *)sum)[k], load(&from[k]));
    }
    return m->has_shadow;
}

static size_t bucket_of(uint64_t ns)
{
    size_t i = 0;
    while (i < HL_ARRAY_LEN(bounds) && ns > bounds[i].ns) i++;
    return i;
}

void hl_metrics_set_exemplar(struct hl_metrics *m, const struct hl_trace *t, uint64_t latency_ns, enum hl_stage from, enum hl_stage to)
{
    int64_t now = hl_clock_wall_ms();
    pthread_mutex_lock(&m->exemplar_lock);
    m->slowest[bucket_of(latency_ns)] = (struct exemplar){*t, (double)latency_ns / NS_PER_S, now};
    m->moved[from][to] = (struct exemplar){*t, 1, now};
    pthread_mutex_unlock(&m->exemplar_lock);
}

/* --- printing --- */

enum metric_type { COUNTER, GAUGE, HISTOGRAM, SUMMARY, INFO };

struct page; /* one answer in the making */
struct metric {
    const char *name; /* without _total and _info */
    enum metric_type type;
    const char *unit; /* "": none; the name ends with it */
    void (*print)(struct page *p);
    const char *help;
};

struct page {
    struct hl_metrics *m;
    const struct hl_table_stats *table;
    enum hl_metrics_format format;
    struct hl_buf *out;
    const struct metric *metric;
    bool first_label;
    struct exemplar exemplar; /* of the sample in hand */
};

static const char *type_name(enum metric_type type, enum hl_metrics_format format)
{
    static const char *const names[] = {"counter", "gauge", "histogram", "summary", "info"};
    return type == INFO && format == HL_METRICS_PROMETHEUS ? "gauge" : names[type];
}

static const char *type_suffix(enum metric_type type)
{
    return type == COUNTER ? "_total" : type == INFO ? "_info" : "";
}

/* A sample: begin, label ..., then its value. */
static void begin(struct page *p, const char *suffix)
{
    hl_buf_printf(p->out, "%s%s", p->metric->name, suffix);
    p->first_label = true;
}

static void label(struct page *p, const char *name, const char *value)
{
    hl_buf_printf(p->out, "%s%s=\"", p->first_label ? "{" : ",", name);
    p->first_label = false;
    for (; *value; value++) {
        if (*value == '\n')
            hl_buf_put(p->out, "\\n", 2);
        else if (*value == '"' || *value == '\\')
            hl_buf_printf(p->out, "\\%c", *value);
        else
            hl_buf_put_u8(p->out, (uint8_t)*value);
    }
    hl_buf_put_u8(p->out, '"');
}

static const char *closing(const struct page *p)
{
    return p->first_label ? "" : "}";
}

/* The sample that is begun next takes this one along, if there is one. */
static void with_exemplar(struct page *p, const struct exemplar *x)
{
    if (p->format != HL_METRICS_OPENMETRICS) return;
    pthread_mutex_lock(&p->m->exemplar_lock);
    p->exemplar = *x;
    pthread_mutex_unlock(&p->m->exemplar_lock);
}

static void value_u64(struct page *p, uint64_t v)
{
    const struct exemplar *x = &p->exemplar;
    hl_buf_printf(p->out, "%s %llu", closing(p), (unsigned long long)v);
    if (x->trace.trace_id[0])
        hl_buf_printf(p->out, " # {trace_id=\"%s\",span_id=\"%s\"} %.15g %.3f", x->trace.trace_id, x->trace.span_id, x->value,
                      (double)x->wall_ms / 1000);
    hl_buf_put_u8(p->out, '\n');
    p->exemplar.trace.trace_id[0] = '\0';
}

static void value_double(struct page *p, double v)
{
    hl_buf_printf(p->out, "%s %.15g\n", closing(p), v);
}

static void sample(struct page *p, uint64_t v)
{
    begin(p, type_suffix(p->metric->type));
    value_u64(p, v);
}

static void sample_double(struct page *p, double v)
{
    begin(p, type_suffix(p->metric->type));
    value_double(p, v);
}

static void sample_labelled(struct page *p, const char *name, const char *text, uint64_t v)
{
    begin(p, type_suffix(p->metric->type));
    label(p, name, text);
    value_u64(p, v);
}

/* Sum over the threads of a member of struct hl_metrics_thread. */
#define SUM(m, member)                                                                                                           \
    ({                                                                                                                           \
        uint64_t sum_ = 0;                                                                                                       \
        for (int i_ = 0; i_ < (m)->threads; i_++) sum_ += load(&(m)->thread[i_]->member);                                        \
        sum_;                                                                                                                    \
    })

static void print_consumed(struct page *p)
{
    for (size_t t = 0; t < p->m->n_topics; t++) sample_labelled(p, "topic", p->m->topics[t], SUM(p->m, topics[t].consumed));
}

static void print_events(struct page *p)
{
    for (size_t t = 0; t < p->m->n_topics; t++) {
        for (size_t r = 0; r < HL_TALLY_COUNT; r++) {
            begin(p, "_total");
            label(p, "topic", p->m->topics[t]);
            label(p, "result", result_names[r]);
            value_u64(p, SUM(p->m, topics[t].results[r]));
        }
    }
}

static void print_unknown_types(struct page *p)
{
    sample(p, SUM(p->m, unknown_types));
}

/* Only pairs that happened: most of the 121 never do. */
static void print_transitions(struct page *p)
{
    for (size_t from = 0; from < HL_STAGE_COUNT; from++) {
        for (size_t to = 0; to < HL_STAGE_COUNT; to++) {
            uint64_t n = SUM(p->m, transitions[from][to]);
            if (n == 0) continue;
            with_exemplar(p, &p->m->moved[from][to]);
            begin(p, "_total");
            label(p, "from", hl_stage_name((enum hl_stage)from));
            label(p, "to", hl_stage_name((enum hl_stage)to));
            value_u64(p, n);
        }
    }
}

static void print_alerts(struct page *p)
{
    for (unsigned e = 0; e < HL_ALERT_COUNT; e++) sample_labelled(p, "event", hl_alert_name((enum hl_alert_event)e), SUM(p->m, alerts[e]));
}

static void print_sla_breaches(struct page *p)
{
    sample(p, SUM(p->m, alerts[HL_ALERT_BREACHED]));
}

/* The classes of the contract always, others if they happened. */
static void print_dead_letters(struct page *p)
{
    for (unsigned c = 0; c < HL_STATUS_COUNT; c++) {
        bool known = c == HL_E_DECODE || c == HL_E_SCHEMA || c == HL_E_MISSING || c == HL_E_TOO_LARGE || c == HL_E_CLOCK;
        uint64_t n = SUM(p->m, dead_letters[c]);
        if (known || n) sample_labelled(p, "class", hl_status_name((enum hl_status)c), n);
    }
}

static void print_histogram(struct page *p, size_t offset, const struct exemplar *exemplars) /* NULL: has none */
{
    struct hl_hist all;
    hl_hist_init(&all);
    for (int i = 0; i < p->m->threads; i++) {
        hl_hist_merge(&all, (const struct hl_hist *)(const void *)((const char *)p->m->thread[i] + offset));
    }
    for (size_t i = 0; i < HL_ARRAY_LEN(bounds); i++) {
        if (exemplars) with_exemplar(p, &exemplars[i]);
        begin(p, "_bucket");
        label(p, "le", bounds[i].text);
        value_u64(p, hl_hist_count_le(&all, bounds[i].ns));
    }
    uint64_t count = hl_hist_count_le(&all, UINT64_MAX); /* not all.count: it must equal the last bucket while writers write */
    if (exemplars) with_exemplar(p, &exemplars[HL_ARRAY_LEN(bounds)]);
    begin(p, "_bucket");
    label(p, "le", "+Inf");
    value_u64(p, count);
    begin(p, "_sum");
    value_double(p, (double)load(&all.sum) / NS_PER_S);
    begin(p, "_count");
    value_u64(p, count);
}

static void print_latency(struct page *p)
{
    print_histogram(p, offsetof(struct hl_metrics_thread, latency), p->m->slowest);
}

static void print_batch(struct page *p)
{
    print_histogram(p, offsetof(struct hl_metrics_thread, batch), NULL);
}

static void print_txn_duration(struct page *p)
{
    print_histogram(p, offsetof(struct hl_metrics_thread, txn_duration), NULL);
}

static void print_redis_flush(struct page *p)
{
    print_histogram(p, offsetof(struct hl_metrics_thread, redis_flush), NULL);
}

static void print_txn(struct page *p)
{
    for (size_t o = 0; o < HL_TXN_COUNT; o++) sample_labelled(p, "outcome", outcome_names[o], SUM(p->m, txn[o]));
}

static void print_restore(struct page *p)
{
    for (size_t s = 0; s < HL_RESTORE_COUNT; s++) {
        begin(p, "_sum");
        label(p, "source", source_names[s]);
        value_double(p, (double)SUM(p->m, restore_ns[s]) / NS_PER_S);
        begin(p, "_count");
        label(p, "source", source_names[s]);
        value_u64(p, SUM(p->m, restores[s]));
    }
}

static void print_restore_records(struct page *p)
{
    for (size_t s = 0; s < HL_RESTORE_COUNT; s++) sample_labelled(p, "source", source_names[s], SUM(p->m, restore_records[s]));
}

static void print_restoring(struct page *p)
{
    sample(p, SUM(p->m, restoring));
}

static void print_restore_left(struct page *p)
{
    sample(p, SUM(p->m, restore_left));
}

static void print_lag(struct page *p)
{
    char text[16];
    for (size_t t = 0; t < p->m->n_topics; t++) {
        for (int i = 0; i < p->m->partitions; i++) {
            int64_t lag = atomic_load_explicit(&p->m->lag[t * (size_t)p->m->partitions + (size_t)i], memory_order_relaxed);
            if (lag == LAG_UNSET) continue;
            snprintf(text, sizeof(text), "%d", i);
            begin(p, "");
            label(p, "topic", p->m->topics[t]);
            label(p, "partition", text);
            value_u64(p, (uint64_t)lag);
        }
    }
}

/* Age of the oldest among the threads' last checkpoints, in seconds; -1: there was none. */
static double checkpoint_age(const struct hl_metrics *m)
{
    int64_t oldest = 0;
    for (int i = 0; i < m->threads; i++) {
        int64_t at = atomic_load_explicit(&m->thread[i]->checkpoint_ns, memory_order_relaxed);
        if (at && (!oldest || at < oldest)) oldest = at;
    }
    int64_t age = hl_clock_mono_ns() - oldest;
    return !oldest ? -1 : age > 0 ? (double)age / NS_PER_S : 0;
}

static void print_checkpoint_age(struct page *p)
{
    double age = checkpoint_age(p->m);
    if (age >= 0) sample_double(p, age);
}

static void print_redis_up(struct page *p)
{
    int up = atomic_load_explicit(&p->m->redis_up, memory_order_relaxed);
    if (up >= 0) sample(p, (uint64_t)up);
}

static void print_contacts(struct page *p)
{
    if (p->table) sample(p, p->table->contacts);
}

static void print_table_bytes(struct page *p)
{
    if (p->table) sample(p, p->table->bytes);
}

static void print_bound(struct page *p)
{
    uint64_t bound = load(&p->m->bound);
    if (bound) sample(p, bound);
}

/* These are about the bound, and absent without one. */
#define PRINT_OF_BOUND(name, member)                                                                                             \
    static void print_##name(struct page *p)                                                                                     \
    {                                                                                                                            \
        if (load(&p->m->bound)) sample(p, SUM(p->m, member));                                                                    \
    }
PRINT_OF_BOUND(ghosts, ghosts)
PRINT_OF_BOUND(ghost_bytes, ghost_bytes)
PRINT_OF_BOUND(evictions, evictions)
PRINT_OF_BOUND(fetches, fetches)
PRINT_OF_BOUND(paused, paused)

uint64_t hl_metrics_evicted(const struct hl_metrics *m)
{
    return SUM(m, ghosts);
}

static void print_redis_fetch(struct page *p)
{
    if (load(&p->m->bound)) print_histogram(p, offsetof(struct hl_metrics_thread, redis_fetch), NULL);
}

static void print_contention(struct page *p)
{
    if (p->table) sample(p, p->table->contended);
}

static void print_rebalances(struct page *p)
{
    sample(p, SUM(p->m, rebalances));
}

static void print_model_of(struct page *p, enum hl_model_role role)
{
    pthread_mutex_lock(&p->m->model_lock);
    if (p->m->model[role].name) {
        begin(p, "_info");
        label(p, "model", p->m->model[role].name);
        label(p, "version", p->m->model[role].version);
        value_u64(p, 1);
    }
    pthread_mutex_unlock(&p->m->model_lock);
}

static void print_model(struct page *p)
{
    print_model_of(p, HL_MODEL_LIVE);
}

static void print_shadow_model(struct page *p)
{
    print_model_of(p, HL_MODEL_SHADOW);
}

#define X(code, name) name,
static const char *const role_names[] = {HL_MODEL_ROLES(X)};
static const char *const under_names[] = {HL_SHADOW_UNDER(X)};
#undef X

static size_t roles(const struct page *p)
{
    return p->m->has_shadow ? HL_MODEL_ROLE_COUNT : 1;
}

static void print_reloads(struct page *p)
{
    static const char *const names[HL_RELOAD_COUNT] = {
        [HL_RELOAD_APPLIED] = "applied", [HL_RELOAD_UNCHANGED] = "unchanged", [HL_RELOAD_REFUSED] = "refused"};
    for (size_t k = 0; k < roles(p) * HL_RELOAD_COUNT; k++) {
        begin(p, type_suffix(p->metric->type));
        label(p, "role", role_names[k / HL_RELOAD_COUNT]);
        label(p, "result", names[k % HL_RELOAD_COUNT]);
        value_u64(p, load(&p->m->model[k / HL_RELOAD_COUNT].reloads[k % HL_RELOAD_COUNT]));
    }
}

static void print_reload_good(struct page *p)
{
    for (size_t r = 0; r < roles(p); r++) sample_labelled(p, "role", role_names[r], !atomic_load(&p->m->model[r].refused));
}

static void print_model_since(struct page *p)
{
    for (size_t r = 0; r < roles(p); r++) {
        begin(p, "");
        label(p, "role", role_names[r]);
        value_double(p, (double)atomic_load(&p->m->model[r].since_ms) / 1000);
    }
}

static void print_shadow_contacts(struct page *p)
{
    struct hl_shadow_counts sum;
    int64_t since;
    if (!hl_metrics_shadow(p->m, &sum, &since)) return;
    for (size_t k = 0; k < HL_STAGE_COUNT * HL_STAGE_COUNT; k++) {
        uint64_t n = sum.contacts[k / HL_STAGE_COUNT][k % HL_STAGE_COUNT];
        if (n == 0) continue;
        begin(p, "");
        label(p, "live", hl_stage_name((enum hl_stage)(k / HL_STAGE_COUNT)));
        label(p, "shadow", hl_stage_name((enum hl_stage)(k % HL_STAGE_COUNT)));
        value_u64(p, n);
    }
}

static void print_shadow_move(struct page *p, size_t from, size_t to, size_t under, uint64_t n)
{
    if (n == 0) return;
    begin(p, type_suffix(p->metric->type));
    label(p, "from", hl_stage_name((enum hl_stage)from));
    label(p, "to", hl_stage_name((enum hl_stage)to));
    label(p, "under", under_names[under]);
    value_u64(p, n);
}

static void print_shadow_moves(struct page *p)
{
    struct hl_shadow_counts sum;
    int64_t since;
    if (!hl_metrics_shadow(p->m, &sum, &since)) return;
    for (size_t from = 0; from < HL_STAGE_COUNT; from++)
        for (size_t to = 0; to < HL_STAGE_COUNT; to++)
            for (size_t u = 0; u < HL_UNDER_COUNT; u++) print_shadow_move(p, from, to, u, sum.moves[u][from][to]);
}

static void print_shadow_since(struct page *p)
{
    int64_t ms = atomic_load(&p->m->shadow_since_ms);
    if (ms) sample_double(p, (double)ms / 1000);
}

static void print_build(struct page *p)
{
    begin(p, "_info");
    for (size_t i = 0; i < p->m->n_build; i++) label(p, p->m->build[i].name, p->m->build[i].value);
    value_u64(p, 1);
}

static void print_cpu(struct page *p)
{
    struct rusage u;
    if (getrusage(RUSAGE_SELF, &u) != 0) return;
    sample_double(p, (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6);
}

/* The two first numbers of /proc/self/statm, in bytes: virtual, resident. */
static bool memory_of(uint64_t bytes[2])
{
    unsigned long long size, resident;
    uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    FILE *f = fopen("/proc/self/statm", "re");
    if (!f) return false;
    bool good = fscanf(f, "%llu %llu", &size, &resident) == 2;
    fclose(f);
    if (good) bytes[0] = size * page, bytes[1] = resident * page;
    return good;
}

static void print_virtual(struct page *p)
{
    uint64_t bytes[2];
    if (memory_of(bytes)) sample(p, bytes[0]);
}

static void print_rss(struct page *p)
{
    uint64_t bytes[2];
    if (memory_of(bytes)) sample(p, bytes[1]);
}

static void print_max_fds(struct page *p)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) sample(p, limit.rlim_cur);
}

static void print_fds(struct page *p)
{
    uint64_t n = 0;
    DIR *d = opendir("/proc/self/fd");
    if (!d) return;
    for (const struct dirent *e; (e = readdir(d));) n += e->d_name[0] != '.';
    closedir(d);
    sample(p, n - 1); /* without the directory's own */
}

static void print_start_time(struct page *p)
{
    sample_double(p, p->m->start_time);
}

static const struct metric metrics[] = {
    {"hotlead_consumed", COUNTER, "", print_consumed, "Input records taken from Kafka."},
    {"hotlead_events", COUNTER, "", print_events, "Input records by what became of them."},
    {"hotlead_unknown_types", COUNTER, "", print_unknown_types, "Ignored records whose event type is not known."},
    {"hotlead_transitions", COUNTER, "", print_transitions, "Stage transitions of contacts."},
    {"hotlead_alerts", COUNTER, "", print_alerts, "Deadlines for sales that started (due), passed (breached) or were met."},
    {"hotlead_sla_breaches", COUNTER, "", print_sla_breaches, "Deadlines for sales that passed."},
    {"hotlead_dead_letters", COUNTER, "", print_dead_letters, "Records that could not be used, by class of error."},
    {"hotlead_event_latency_seconds", HISTOGRAM, "seconds", print_latency,
     "From when an event occurred or was produced to its commit."},
    {"hotlead_batch_duration_seconds", HISTOGRAM, "seconds", print_batch, "Time to score one batch of records."},
    {"hotlead_txn_duration_seconds", HISTOGRAM, "seconds", print_txn_duration,
     "Time from the begin to the end of a transaction."},
    {"hotlead_txn", COUNTER, "", print_txn, "Transactions by outcome."},
    {"hotlead_consumer_lag_records", GAUGE, "records", print_lag, "Records of an assigned partition not yet consumed."},
    {"hotlead_contacts", GAUGE, "", print_contacts, "Contacts in the table."},
    {"hotlead_table_bytes", GAUGE, "bytes", print_table_bytes, "Memory of the table: contacts and indexes."},
    {"hotlead_table_max_bytes", GAUGE, "bytes", print_bound, "memory.max_bytes: the bound on the table and on what is remembered of contacts that left it."},
    {"hotlead_evicted_contacts", GAUGE, "", print_ghosts, "Contacts that left the table for Redis and are in Redis only."},
    {"hotlead_evicted_index_bytes", GAUGE, "bytes", print_ghost_bytes, "Memory that remembers which contacts left the table."},
    {"hotlead_evictions", COUNTER, "", print_evictions, "Contacts that left the table for Redis."},
    {"hotlead_fetches", COUNTER, "", print_fetches, "Contacts that came back from Redis."},
    {"hotlead_redis_fetch_duration_seconds", HISTOGRAM, "seconds", print_redis_fetch, "Time to fetch the contacts that a batch wants back."},
    {"hotlead_paused_workers", GAUGE, "", print_paused, "Workers that read nothing, since memory.max_bytes is reached or Redis cannot give a contact back."},
    {"hotlead_stripe_contention", COUNTER, "", print_contention, "Stripe locks that had to be waited for."},
    {"hotlead_checkpoint_age_seconds", GAUGE, "seconds", print_checkpoint_age,
     "Age of the oldest of the threads' last checkpoints."},
    {"hotlead_redis_up", GAUGE, "", print_redis_up, "1 when the last call to Redis succeeded."},
    {"hotlead_redis_flush_duration_seconds", HISTOGRAM, "seconds", print_redis_flush, "Time to write one batch to Redis."},
    {"hotlead_restore_seconds", SUMMARY, "seconds", print_restore,
     "Time that a worker took to restore its partitions, by where it read from."},
    {"hotlead_restore_records", COUNTER, "", print_restore_records, "Records read to restore partitions, by where they were read from."},
    {"hotlead_restoring_partitions", GAUGE, "", print_restoring, "Assigned partitions that are being restored."},
    {"hotlead_restore_left_offsets", GAUGE, "offsets", print_restore_left,
     "Offsets of the state topic and the inputs that are still to be read to restore them."},
    {"hotlead_rebalances", COUNTER, "", print_rebalances, "Assignments of partitions taken or given up."},
    {"hotlead_model", INFO, "", print_model, "The scoring model in use."},
    {"hotlead_model_reloads", COUNTER, "", print_reloads, "Times that the model's file was read again (SIGHUP), by what became of it."},
    {"hotlead_model_last_reload_successful", GAUGE, "", print_reload_good, "0: the model's file was refused when it was read last, and the model before it scores on."},
    {"hotlead_model_since_timestamp_seconds", GAUGE, "seconds", print_model_since, "Since when the model in use scores, in Unix time."},
    {"hotlead_shadow_model", INFO, "", print_shadow_model, "The model that is tried beside the one in use."},
    {"hotlead_shadow_contacts", GAUGE, "", print_shadow_contacts, "Contacts by their stage under the model in use and under its shadow."},
    {"hotlead_shadow_transitions", COUNTER, "", print_shadow_moves, "Moves that a contact made at the same event under both models, or under one of them only."},
    {"hotlead_shadow_since_timestamp_seconds", GAUGE, "seconds", print_shadow_since,
     "When contacts were last made equal under both models, in Unix time: what differs has come about since."},
    {"hotlead_build", INFO, "", print_build, "Versions of the program and its libraries."},
    {"process_cpu_seconds", COUNTER, "seconds", print_cpu, "User and system CPU time."},
    {"process_resident_memory_bytes", GAUGE, "bytes", print_rss, "Resident memory."},
    {"process_virtual_memory_bytes", GAUGE, "bytes", print_virtual, "Virtual memory."},
    {"process_max_fds", GAUGE, "", print_max_fds, "File descriptors that the process may open."},
    {"process_open_fds", GAUGE, "", print_fds, "Open file descriptors."},
    {"process_start_time_seconds", GAUGE, "seconds", print_start_time, "When the process began to count, in Unix time."},
};

static void print_metric(struct page *p)
{
    const struct metric *d = p->metric;
    bool open = p->format == HL_METRICS_OPENMETRICS;
    const char *suffix = open ? "" : type_suffix(d->type); /* the older format names the samples, OpenMetrics the family */
    hl_buf_printf(p->out, "# HELP %s%s %s\n", d->name, suffix, d->help);
    hl_buf_printf(p->out, "# TYPE %s%s %s\n", d->name, suffix, type_name(d->type, p->format));
    if (open && d->unit[0]) hl_buf_printf(p->out, "# UNIT %s %s\n", d->name, d->unit);
    d->print(p);
}

void hl_metrics_print(struct hl_metrics *m, const struct hl_table_stats *table, enum hl_metrics_format format, struct hl_buf *out)
{
    struct page p = {.m = m, .table = table, .format = format, .out = out};
    for (size_t i = 0; i < HL_ARRAY_LEN(metrics); i++) {
        p.metric = &metrics[i];
        print_metric(&p);
    }
    if (format == HL_METRICS_OPENMETRICS) hl_buf_printf(out, "# EOF\n");
}

const char *hl_metrics_content_type(enum hl_metrics_format format)
{
    return format == HL_METRICS_OPENMETRICS ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                            : "text/plain; version=0.0.4; charset=utf-8";
}

/* --- totals --- */

struct hl_metrics_totals hl_metrics_totals(struct hl_metrics *m)
{
    struct hl_metrics_totals t = {0};
    struct hl_hist latency;
    for (size_t i = 0; i < m->n_topics; i++) {
        for (size_t r = 0; r < HL_TALLY_COUNT; r++) t.results[r] += SUM(m, topics[i].results[r]);
        t.consumed += SUM(m, topics[i].consumed);
    }
    t.unknown_types = SUM(m, unknown_types);
    for (size_t from = 0; from < HL_STAGE_COUNT; from++) {
        for (size_t to = 0; to < HL_STAGE_COUNT; to++) {
            t.transitions[from][to] = SUM(m, transitions[from][to]);
            t.transitions_sum += t.transitions[from][to];
        }
    }
    hl_hist_init(&latency);
    for (int i = 0; i < m->threads; i++) hl_hist_merge(&latency, &m->thread[i]->latency);
    t.latency_p50_ns = hl_hist_quantile(&latency, 0.5);
    t.latency_p99_ns = hl_hist_quantile(&latency, 0.99);
    return t;
}

bool hl_metrics_balanced(const struct hl_metrics_totals *t)
{
    uint64_t sum = 0;
    for (size_t r = 0; r < HL_TALLY_COUNT; r++) sum += t->results[r];
    return sum == t->consumed;
}

void hl_metrics_glance(struct hl_metrics *m, struct hl_metrics_glance *out)
{
    out->totals = hl_metrics_totals(m);
    hl_hist_init(&out->latency);
    for (int i = 0; i < m->threads; i++) hl_hist_merge(&out->latency, &m->thread[i]->latency);
    out->redis_up = atomic_load_explicit(&m->redis_up, memory_order_relaxed);
    out->checkpoint_age_s = checkpoint_age(m);
    out->start_time = m->start_time;
}

int64_t hl_metrics_topic_lag(struct hl_metrics *m, size_t topic)
{
    int64_t sum = LAG_UNSET;
    HL_BUG_ON(topic >= m->n_topics);
    for (int i = 0; i < m->partitions; i++) {
        int64_t lag = atomic_load_explicit(&m->lag[topic * (size_t)m->partitions + (size_t)i], memory_order_relaxed);
        if (lag != LAG_UNSET) sum = (sum == LAG_UNSET ? 0 : sum) + lag;
    }
    return sum;
}
