/* hotlead-load: made-up events at a set rate, and how long hotlead takes to tell what came of them. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "hotlead/app/schemas.h"
#include "hotlead/app/signals.h"
#include "hotlead/base/clock.h"
#include "hotlead/core/model.h"
#include "report.h"
#include "sender.h"
#include "watcher.h"

#define TICK_NS 50000000
#define DISPLAY_NS INT64_C(500000000)
#define REUSE_S 2 /* a contact has so long to move before it has to move again */
#define LEAST_CIRCLE 16
#define MOST_CIRCLE 200000

/* As in hotlead: a million messages that wait must not cost a page fault each. */
extern const char *malloc_conf;
const char *malloc_conf = "oversize_threshold:0,dirty_decay_ms:30000";

struct load {
    struct hl_load_options o;
    struct hl_schedule schedule;
    struct hl_meter meter;
    struct hl_probes *probes;
    struct hl_watcher *watcher;
    struct hl_sender *sender;
    int partitions[HL_LOAD_TOPICS];
    uint32_t schema_id, run;
    struct hl_load_result result;
    bool display;
};

static void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
}

static bool stopped(void)
{
    return *hl_signals_stop();
}

/* ---- before the start ---- */

static enum hl_status find_topics(struct load *l, struct hl_error *err)
{
    static struct hl_trouble trouble;
    rd_kafka_t *rk;
    enum hl_status status = hl_consumer_new(&l->o, &trouble, &rk, err);
    if (status) return status;
    for (size_t i = 0; i < l->o.n_topics && !status; i++)
        status = hl_clients_partitions(&l->o, rk, l->o.topics[i].name, &trouble, &l->partitions[i], err);
    rd_kafka_destroy(rk);
    return status;
}

/* A setting that was left empty is not there. */
static const char *given(const char *s)
{
    return s && *s ? s : NULL;
}

/* As the service finds it: in the registry, or in ids.yaml. */
static enum hl_status find_schema(struct load *l, struct hl_error *err)
{
    const struct hl_config *c = l->o.config;
    l->schema_id = l->o.schema_id ? l->o.schema_id : 1;
    if (!c || l->o.schema_id || !given(c->schemas_registry)) return HL_OK;
    struct hl_registry_config r = {.url = c->schemas_registry,
                                   .user_file = given(c->schemas_user_file),
                                   .token_file = given(c->schemas_token_file),
                                   .ca_file = given(c->schemas_ca_file),
                                   .schemas_dir = c->schemas_dir};
    struct hl_schemas *schemas;
    enum hl_status status = hl_schemas_open(&r, &schemas, err);
    if (status) return status;
    status = schemas->id_of(schemas, l->o.topics[0].name, "event.avsc", &l->schema_id, err);
    schemas->free(schemas);
    return status;
}

static uint32_t circle_size(const struct load *l)
{
    double n = ceil(hl_schedule_top_rate(&l->schedule) * l->o.probes * REUSE_S);
    return n < LEAST_CIRCLE ? LEAST_CIRCLE : n > MOST_CIRCLE ? MOST_CIRCLE : (uint32_t)n;
}

static enum hl_status open_all(struct load *l, struct hl_error *err)
{
    int64_t length = l->o.backlog_ms ? 600000000000 : hl_schedule_length_ns(&l->schedule);
    if (hl_meter_init(&l->meter, length)) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    l->run = (uint32_t)(hl_random_at((uint64_t)hl_clock_wall_ms(), (uint64_t)getpid()) >> 32);
    if (l->o.backlog_ms) l->run = (uint32_t)hl_random_at(l->o.seed, 0); /* the same events again */
    if (l->o.measure && hl_probes_new(circle_size(l), &l->probes)) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    const struct hl_watcher_config wc = {&l->o, l->run, &l->meter, l->probes};
    if (l->o.measure && hl_watcher_new(&wc, &l->watcher, err)) return err->code;
    const struct hl_sender_config sc = {&l->o, &l->schedule, l->partitions, l->schema_id, l->run, &l->meter, l->probes, hl_signals_stop()};
    return hl_sender_new(&sc, &l->sender, err);
}

/* ---- contacts that can be moved ---- */

static bool wait_for_stage(const struct load *l, uint32_t contact, uint32_t stages)
{
    for (int64_t end = hl_clock_mono_ns() + l->o.drain_ms * 1000000; hl_clock_mono_ns() < end && !stopped(); nap()) {
        int stage = hl_probes_stage(l->probes, contact);
        if (stage >= 0 && (stages >> stage & 1)) return true;
    }
    return false;
}

static void traits_text(const struct load *l, char *out, size_t cap)
{
    size_t n = 0;
    for (size_t i = 0; i < l->o.n_traits && n < cap; i++)
        n += (size_t)snprintf(out + n, cap - n, "%s%s=%s", i ? ", " : "", l->o.traits[i].key, l->o.traits[i].value);
}

static enum hl_status no_lead(const struct load *l, uint32_t contact, struct hl_error *err)
{
    char traits[200];
    int stage = hl_probes_stage(l->probes, contact);
    if (stage < 0)
        return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP,
                            "hotlead does not answer: a form that a new contact sent in %s led to no transition in %s within %" PRId64 " s. "
                            "Does 'hotlead run' read that topic, in that format? Its log and its dead letters tell", l->o.topics[contact % l->o.n_topics].name,
                            l->o.transitions, l->o.drain_ms / 1000);
    traits_text(l, traits, sizeof(traits));
    return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP,
                        "the model makes a %s of a contact with %s, and this test needs Leads: give it what fit.must_have of your model wants with --trait NAME=VALUE",
                        hl_stage_name((enum hl_stage)stage), traits);
}

#define LEAD_OR_MORE (1u << HL_STAGE_LEAD | 1u << HL_STAGE_MQL)

/* One contact goes the way of all, so that what does not work is told by name. */
static enum hl_status trial(struct load *l, struct hl_error *err)
{
    uint32_t contact = hl_probes_contacts(l->probes);
    enum hl_status status = hl_sender_put_extra(l->sender, HL_MIX_PREPARE, contact, err);
    if (status) return status;
    if (!wait_for_stage(l, contact, LEAD_OR_MORE)) return stopped() ? HL_OK : no_lead(l, contact, err);
    status = hl_sender_put_extra(l->sender, HL_MIX_RAISE, contact, err);
    if (status) return status;
    if (!wait_for_stage(l, contact, 1u << HL_STAGE_MQL) && !stopped())
        return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "form '%s' does not make an MQL of a Lead: name a form of your model's hand_raise with --form", l->o.form);
    status = hl_sender_put_extra(l->sender, HL_MIX_REJECT, contact, err);
    if (status) return status;
    if (!wait_for_stage(l, contact, 1u << HL_STAGE_UNQUALIFIED) && !stopped())
        return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "a lead_rejected of an MQL led to no transition within %" PRId64 " s", l->o.drain_ms / 1000);
    return HL_OK;
}

static enum hl_status prepare_circle(struct load *l, struct hl_error *err)
{
    uint32_t n = hl_probes_contacts(l->probes), ready = 0;
    for (uint32_t i = 0; i < n && !stopped(); i++) {
        enum hl_status status = hl_sender_put_extra(l->sender, HL_MIX_PREPARE, i, err);
        if (status) return status;
    }
    for (int64_t end = hl_clock_mono_ns() + l->o.drain_ms * 1000000; hl_clock_mono_ns() < end && !stopped(); nap()) {
        ready = hl_probes_in_stage(l->probes, HL_STAGE_LEAD) + hl_probes_in_stage(l->probes, HL_STAGE_MQL);
        if (ready == n) return HL_OK;
    }
    if (stopped()) return HL_OK;
    return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "%u of %u contacts were made Leads within %" PRId64 " s: hotlead is slow, is still busy with a backlog, or some partitions stand still (hotlead_consumer_lag_records tells)", ready, n,
                        l->o.drain_ms / 1000);
}

static enum hl_status prepare(struct load *l, struct hl_error *err)
{
    if (!l->o.measure) return HL_OK;
    if (l->display) fprintf(stderr, "preparing %u contacts ...", hl_probes_contacts(l->probes));
    enum hl_status status = trial(l, err);
    if (!status && !stopped()) status = prepare_circle(l, err);
    if (l->display) fputs("\r\033[K", stderr);
    return status;
}

/* ---- while it runs ---- */

struct ticker {
    int64_t next_ns;
    uint64_t sent, moment_ns;
};

static void show(struct load *l, struct ticker *t, int64_t now)
{
    char rate[HL_TIME_TEXT], sent[HL_TIME_TEXT], a[HL_TIME_TEXT], b[HL_TIME_TEXT], c[HL_TIME_TEXT];
    if (!l->display || now < t->next_ns) return;
    double passed = (double)(now - (int64_t)t->moment_ns) / 1e9, total = (double)hl_schedule_length_ns(&l->schedule) / 1e9;
    uint64_t n = l->meter.sent;
    fprintf(stderr, "\r\033[K%.0f", (double)now / 1e9);
    if (!l->o.backlog_ms) fprintf(stderr, "/%.0f", total);
    fprintf(stderr, " s  %s/s  %s sent", hl_number_text((double)(n - t->sent) / passed, rate), hl_number_text((double)n, sent));
    if (l->o.measure) {
        const struct hl_hist *h = hl_meter_recent(&l->meter);
        fprintf(stderr, "  p50 %s  p99 %s  max %s  %" PRIu64 " awaited", hl_time_text((double)hl_hist_quantile(h, 0.5), a),
                hl_time_text((double)hl_hist_quantile(h, 0.99), b), hl_time_text((double)h->max, c), hl_probes_waiting(l->probes));
    } else {
        fprintf(stderr, "  %" PRIu64 " on the way", hl_sender_outstanding(l->sender));
    }
    if (l->meter.failed) fprintf(stderr, "  %" PRIu64 " failed", l->meter.failed);
    *t = (struct ticker){now + DISPLAY_NS, n, (uint64_t)now};
}

static int64_t since_start(const struct load *l)
{
    return hl_clock_mono_ns() - l->meter.start_ns;
}

/* Send, and then wait for what is on its way: to Kafka, and back from hotlead. */
static enum hl_status run(struct load *l, struct hl_error *err)
{
    struct ticker t = {0};
    l->result.started_ms = hl_clock_wall_ms();
    if (l->watcher) hl_watcher_measure(l->watcher);
    enum hl_status status = hl_sender_start(l->sender, err);
    while (!status && !hl_sender_done(l->sender)) {
        nap();
        show(l, &t, since_start(l));
        if (l->watcher && hl_watcher_failed(l->watcher, l->result.trouble, sizeof(l->result.trouble))) {
            status = hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "reading %s: %s", l->o.transitions, l->result.trouble);
            *hl_signals_stop() = true;
        }
    }
    l->result.interrupted = hl_signals_received();
    for (int64_t end = hl_clock_mono_ns() + l->o.drain_ms * 1000000; !status && hl_clock_mono_ns() < end; nap()) {
        if (hl_sender_outstanding(l->sender) == 0 && (!l->probes || hl_probes_waiting(l->probes) == 0)) break;
        show(l, &t, since_start(l));
    }
    if (l->display) fputs("\r\033[K", stderr);
    return status;
}

/* ---- afterwards ---- */

static int write_file(const char *path, void (*report)(struct hl_buf *, const struct hl_load_result *), const struct hl_load_result *r)
{
    struct hl_buf b;
    hl_buf_init(&b);
    report(&b, r);
    FILE *f = b.failed ? NULL : strcmp(path, "-") == 0 ? stdout : fopen(path, "w");
    bool ok = f && fwrite(b.data, 1, b.len, f) == b.len;
    if (f) ok = (f == stdout ? fflush(f) : fclose(f)) == 0 && ok;
    if (!ok) fprintf(stderr, "hotlead-load: %s cannot be written: %s\n", path, b.failed ? "out of memory" : strerror(errno));
    hl_buf_fini(&b);
    return ok ? 0 : hl_status_exit_code(HL_E_IO);
}

static int report(struct load *l)
{
    struct hl_load_result *r = &l->result;
    int code = write_file("-", l->o.json ? hl_load_report_json : hl_load_report_text, r), other = 0;
    if (l->o.json_path) other = write_file(l->o.json_path, hl_load_report_json, r);
    if (code == 0) code = other;
    if (l->o.html_path) other = write_file(l->o.html_path, hl_load_report_html, r);
    if (code == 0) code = other;
    return code ? code : hl_load_result_failed(r) ? 1 : 0;
}

static enum hl_status work(struct load *l, struct hl_error *err)
{
    enum hl_status status = hl_clients_may_send(&l->o, err);
    if (!status) status = find_topics(l, err);
    if (!status) status = find_schema(l, err);
    if (!status) status = open_all(l, err);
    if (!status) status = prepare(l, err);
    if (!status && stopped()) return hl_error_set(err, HL_E_TIMEOUT, HL_STOP, "stopped before the first event was sent");
    if (!status) status = run(l, err);
    if (status) return status;
    hl_sender_trouble(l->sender, l->result.trouble, sizeof(l->result.trouble));
    hl_sender_finish(l->sender);
    hl_watcher_free(l->watcher);
    l->watcher = NULL;
    hl_load_result_finish(&l->result, l->probes);
    return HL_OK;
}

int main(int argc, char **argv)
{
    static struct load l;
    struct hl_error err = {.code = HL_OK};
    int code = hl_load_options_read(&l.o, argc, argv);
    if (code < 0) {
        hl_signals_install();
        l.display = !l.o.quiet && isatty(STDERR_FILENO);
        hl_schedule_init(&l.schedule, l.o.profile, &l.o.shape);
        l.result = (struct hl_load_result){.options = &l.o, .schedule = &l.schedule, .meter = &l.meter};
        enum hl_status status = work(&l, &err);
        if (status) fprintf(stderr, "hotlead-load: %s\n", err.message);
        code = status ? hl_status_exit_code(status) : report(&l);
        hl_watcher_free(l.watcher);
        hl_sender_free(l.sender);
        hl_probes_free(l.probes);
        hl_meter_fini(&l.meter);
    }
    hl_load_options_fini(&l.o);
    return code;
}
