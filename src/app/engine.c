/* Puts the parts together, and takes them apart in the reverse order. */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "census.h"
#include "flow.h"
#include "history.h"
#include "hotlead/adapter/http.h"
#include "hotlead/adapter/json.h"
#include "hotlead/adapter/redis.h"
#include "hotlead/app/http_api.h"
#include "hotlead/app/schemas.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/log.h"
#include "shadow.h"
#include "warm.h"
#include "worker.h"

#define STRIPE_BYTES (256 << 10)
#define MIRROR_CATCH_UP_MS 5000

/* A setting that was left empty is not there. */
static const char *given(const char *s)
{
    return s && *s ? s : NULL;
}

size_t hl_engine_threads(const struct hl_config *c)
{
    if (c->threads > 0) return (size_t)c->threads;
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0) return (size_t)CPU_COUNT(&set);
    return 1;
}

/* Where memory is bounded, a stripe's part must hold a good number of contacts, or it is always too full or too empty. */
/* Of each worker. */
static unsigned stripe_count(const struct hl_config *c, size_t workers)
{
    unsigned n = HL_STRIPES, least = workers < 4 ? 64 : 16;
    while (n > least && n * workers > HL_STRIPES) n /= 2;
    while (c->memory_max_bytes && n > least && (size_t)c->memory_max_bytes / (n * workers) < STRIPE_BYTES) n /= 2;
    return n;
}

static enum hl_status decoder_open(struct hl_engine *e, const struct hl_input *in, struct hl_decoder **out, struct hl_error *err)
{
    switch (in->format) {
    case HL_FORMAT_AVRO:
        return hl_avro_decoder_new(HL_AVRO_CONFLUENT, e->schemas, &in->fields, in->aliases, in->n_aliases, out, err);
    case HL_FORMAT_AVRO_SINGLE_OBJECT:
        return hl_avro_decoder_new(HL_AVRO_SINGLE_OBJECT, e->schemas, &in->fields, in->aliases, in->n_aliases, out, err);
    case HL_FORMAT_CLOUDEVENTS: /* see cloudevents_in.c */
    case HL_FORMAT_JSON: return hl_json_decoder_new(HL_JSON_CANONICAL, &in->fields, in->aliases, in->n_aliases, out, err);
    case HL_FORMAT_MERGES: return hl_onward_decoder_new(out, err);
    case HL_FORMAT_JSON_SEGMENT: return hl_json_decoder_new(HL_JSON_SEGMENT, &in->fields, in->aliases, in->n_aliases, out, err);
    }
    return hl_error_set(err, HL_E_INTERNAL, HL_STOP, "format %d", (int)in->format);
}

enum hl_status hl_engine_codecs_open(struct hl_engine *e, struct hl_error *err)
{
    const struct hl_config *c = e->config;
    enum hl_status status = hl_schemas_open_configured(c, &e->schemas, err);
    bool avro = c->outputs_format == HL_WIRE_AVRO;
    if (!status && avro) status = e->schemas->id_of(e->schemas, c->transitions, "stage_transition.avsc", &e->transition_schema, err);
    if (!status) status = e->schemas->id_of(e->schemas, c->state, "contact_state.avsc", &e->state_schema, err);
    if (!status && avro) status = e->schemas->id_of(e->schemas, c->alerts, "alert.avsc", &e->alert_schema, err);
    if (status) return status;
    e->decoders = calloc(c->n_inputs, sizeof(*e->decoders));
    if (!e->decoders) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    for (size_t i = 0; i < c->n_inputs && !status; i++) {
        status = decoder_open(e, &c->inputs[i], &e->decoders[i], err);
        if (!status && c->inputs[i].format == HL_FORMAT_AVRO_SINGLE_OBJECT) status = hl_schemas_teach(c->schemas_dir, e->decoders[i], err);
    }
    return status;
}

void hl_engine_codecs_close(struct hl_engine *e)
{
    for (size_t i = 0; e->decoders && i < e->config->n_inputs; i++)
        if (e->decoders[i]) e->decoders[i]->free(e->decoders[i]);
    free(e->decoders);
    if (e->schemas) e->schemas->free(e->schemas);
}

static void beat(void *ctx, unsigned worker, const char *call, int64_t limit_ms)
{
    const struct hl_engine *e = ctx;
    if (call)
        hl_health_enter(e->health, (int)worker, call, limit_ms, hl_clock_mono_ns());
    else
        hl_health_leave(e->health, (int)worker, hl_clock_mono_ns());
}

static enum hl_status kafka_open(struct hl_engine *e, struct hl_error *err)
{
    enum hl_status status = hl_kafka_setup_init(&e->kafka_setup, e->config, err);
    if (status) return status;
    struct hl_kafka_config *k = &e->kafka_setup.k;
    k->stop = e->stop;
    k->alive = beat;
    k->alive_ctx = e;
    status = hl_kafka_new(k, &e->kafka, err);
    return status ? status : hl_kafka_prepare(e->kafka, &e->n_partitions, err);
}

static enum hl_status metrics_open(struct hl_engine *e, struct hl_error *err)
{
    struct hl_metrics_label build[] = {{"version", HL_VERSION}, {"librdkafka", hl_kafka_version()}};
    struct hl_metrics_config c = {
        .topics = e->kafka_setup.inputs,
        .n_topics = e->config->n_inputs,
        .partitions = e->n_partitions,
        .threads = (int)e->n_workers + 1, /* the mirror's comes last */
        .build = build,
        .n_build = HL_ARRAY_LEN(build),
    };
    e->metrics = hl_metrics_new(&c);
    e->health = hl_health_new((int)e->n_workers + 1, e->config->http_hung_after_ms, hl_clock_mono_ns());
    e->holdings = hl_holdings_new(e->n_partitions);
    if (!e->metrics || !e->health || !e->holdings) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    hl_health_set_partitions(e->health, (int)e->n_workers, 0, 0); /* nobody is to wait for the mirror */
    hl_metrics_set_model(e->metrics, HL_MODEL_LIVE, e->model->name, e->model->version);
    if (e->shadow) {
        if (hl_metrics_add_shadow(e->metrics)) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
        hl_metrics_set_model(e->metrics, HL_MODEL_SHADOW, e->options.shadow->name, e->options.shadow->version);
    }
    if (e->config->memory_max_bytes) hl_metrics_set_bound(e->metrics, (uint64_t)e->config->memory_max_bytes);
    return HL_OK;
}

static void log_lines(enum hl_log_level level, char *lines)
{
    char quoted[800];
    for (char *rest, *line = strtok_r(lines, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        hl_log(level, "redis_settings", "reason=%s", hl_log_quote(quoted, sizeof(quoted), line));
}

static enum hl_status mirror_open(struct hl_engine *e, struct hl_error *err)
{
    char warning[2048] = "", quoted[800];
    struct hl_error away;
    struct hl_store *store;
    if (!given(e->config->redis_url)) {
        hl_health_finish(e->health, (int)e->n_workers); /* there is no such thread */
        return HL_OK;
    }
    enum hl_status status = hl_warm_open(e->config, 0, &store, err);
    if (status) return status;
    status = hl_redis_check(store, warning, sizeof(warning), &away);
    if (status == HL_E_CONFIG) { /* will not mend itself, and concerns no server that may be away */
        store->free(store);
        return hl_error_set(err, status, HL_STOP, "%s", away.message);
    }
    if (status) { /* a login that is refused, too: a password that changes must not stop the scoring */
        hl_metrics_set_redis_up(e->metrics, false);
        hl_log(status == HL_E_PERMISSION ? HL_LOG_ERROR : HL_LOG_WARN, "redis_away",
               "reason=%s effect=\"state is kept in the state topic; the copy in Redis follows when it is back\"",
               hl_log_quote(quoted, sizeof(quoted), away.message));
    }
    if (!status) log_lines(HL_LOG_WARN, warning);
    if (!status && !hl_redis_advise(store, warning, sizeof(warning), &away)) log_lines(HL_LOG_INFO, warning);
    return hl_mirror_start(e, store, &e->mirror, err);
}

/* What is shown to those who look. */
static enum hl_status views_open(struct hl_engine *e, struct hl_error *err)
{
    struct hl_store *notes = NULL;
    e->flow = hl_flow_new(e->n_partitions);
    e->history = hl_history_new(e->kafka);
    struct hl_census_config c = {.table = e->table, .holdings = e->holdings, .models = e->models, .flow = e->flow};
    if (e->flow) e->census = hl_census_new(&c);
    if (!e->census || !e->history) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    enum hl_status status = e->mirror ? hl_warm_open(e->config, 0, &notes, err) : HL_OK;
    return status ? status : hl_census_start(e->census, notes, err);
}

static enum hl_status http_open(struct hl_engine *e, struct hl_error *err)
{
    if (!given(e->config->http_listen)) return HL_OK;
    e->api = calloc(1, sizeof(*e->api));
    if (!e->api) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    *e->api = (struct hl_http_api){.metrics = e->metrics, .health = e->health, .table = e->table,
                                   .config = e->config, .models = e->models, .shadow = e->shadow, .holdings = e->holdings,
                                   .census = e->census, .flow = e->flow, .history = e->history, .epoch = hl_clock_wall_ms()};
    struct hl_http_config c = {.listen = e->config->http_listen, .token_file = given(e->config->http_token_file),
                               .hosts = e->config->http_hosts};
    enum hl_status status = hl_http_start(&c, hl_http_api_handle, e->api, &e->http, err);
    if (!status) hl_log(HL_LOG_INFO, "http_listening", "port=%d", hl_http_port(e->http));
    return status;
}

static enum hl_status worker_open(struct hl_engine *e, unsigned index, struct hl_error *err)
{
    struct hl_worker *w = &e->workers[index];
    enum hl_status status = hl_worker_init(w, e, index, err);
    if (!status && e->mirror) status = hl_warm_open(e->config, 0, &w->store, err);
    return status ? status : hl_kafka_stream_new(e->kafka, index, &w->stream, err);
}

static enum hl_status workers_start(struct hl_engine *e, struct hl_error *err)
{
    e->workers = aligned_alloc(64, (e->n_workers * sizeof(*e->workers) + 63) / 64 * 64);
    if (!e->workers) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    memset(e->workers, 0, e->n_workers * sizeof(*e->workers));
    enum hl_status status = HL_OK;
    for (unsigned i = 0; i < e->n_workers && !status; i++) status = worker_open(e, i, err);
    for (unsigned i = 0; i < e->n_workers && !status; i++) {
        e->workers[i].started = pthread_create(&e->workers[i].thread, NULL, hl_worker_main, &e->workers[i]) == 0;
        if (!e->workers[i].started) status = hl_error_set(err, HL_E_INTERNAL, HL_STOP, "a worker's thread does not start");
    }
    return status;
}

static enum hl_status start(struct hl_engine *e, struct hl_error *err)
{
    e->n_workers = hl_engine_threads(e->config);
    e->table = hl_table_new_for((unsigned)e->n_workers, stripe_count(e->config, e->n_workers));
    e->models = hl_models_new(e->model, e->n_workers);
    if (!e->table || !e->models) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    enum hl_status status = e->options.shadow ? hl_shadow_open(e, e->options.shadow, stripe_count(e->config, e->n_workers), err) : HL_OK;
    if (!status) status = hl_engine_codecs_open(e, err);
    if (!status) status = kafka_open(e, err);
    if (!status) status = metrics_open(e, err);
    if (!status) status = mirror_open(e, err);
    if (!status) status = views_open(e, err);
    if (!status) status = http_open(e, err);
    if (!status) status = workers_start(e, err);
    if (!status)
        hl_log(HL_LOG_INFO, "started", "version=%s workers=%zu partitions=%d inputs=%zu delivery=%s model=%s model_version=%s", HL_VERSION,
               e->n_workers, e->n_partitions, e->config->n_inputs, e->config->delivery == HL_EXACTLY_ONCE ? "exactly_once" : "low_latency",
               e->model->name, e->model->version);
    return status;
}

enum hl_status hl_engine_start(const struct hl_engine_options *options, struct hl_engine **out, struct hl_error *err)
{
    struct hl_engine *e = calloc(1, sizeof(*e));
    if (!e) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    e->options = *options;
    e->config = options->config;
    e->model = options->model;
    e->stop = options->stop;
    enum hl_status status = start(e, err);
    if (status) {
        *e->stop = true;
        hl_engine_free(e);
        return status;
    }
    *out = e;
    return HL_OK;
}

static void join(struct hl_engine *e)
{
    for (size_t i = 0; e->workers && i < e->n_workers; i++) {
        if (e->workers[i].started) pthread_join(e->workers[i].thread, NULL);
        e->workers[i].started = false;
    }
}

enum hl_status hl_engine_wait(struct hl_engine *e, struct hl_error *err)
{
    join(e);
    hl_mirror_stop(e->mirror, MIRROR_CATCH_UP_MS);
    e->mirror = NULL;
    for (size_t i = 0; i < e->n_workers; i++) {
        if (!e->workers[i].status) continue;
        *err = e->workers[i].error;
        return e->workers[i].status;
    }
    return HL_OK;
}

void hl_engine_free(struct hl_engine *e)
{
    if (!e) return;
    join(e);
    hl_mirror_stop(e->mirror, 0);
    hl_http_stop(e->http);
    if (e->api) hl_http_api_fini(e->api);
    hl_census_free(e->census);
    hl_history_free(e->history);
    for (size_t i = 0; e->workers && i < e->n_workers; i++) hl_worker_fini(&e->workers[i]);
    free(e->workers);
    hl_engine_codecs_close(e);
    hl_kafka_free(e->kafka);
    hl_table_free(e->table);
    hl_flow_free(e->flow);
    hl_metrics_free(e->metrics);
    hl_health_free(e->health);
    hl_holdings_free(e->holdings);
    free(e->api);
    hl_models_free(e->models);
    hl_shadow_close(e);
    hl_kafka_setup_fini(&e->kafka_setup);
    free(e);
}

/* Those of the shadow only where there is one. */
static struct hl_models *models_of(const struct hl_engine *e, enum hl_model_role role)
{
    return role == HL_MODEL_SHADOW ? e->shadow->models : e->models;
}

enum hl_status hl_engine_set_model(struct hl_engine *e, enum hl_model_role role, struct hl_model *m)
{
    return hl_models_put(models_of(e, role), m);
}

void hl_engine_refuse_model(struct hl_engine *e, enum hl_model_role role, const char *why)
{
    hl_models_refuse(models_of(e, role), why);
}

bool hl_engine_has_refused(const struct hl_engine *e, enum hl_model_role role, char *why, size_t cap)
{
    struct hl_models_news news;
    hl_models_news(models_of(e, role), &news);
    snprintf(why, cap, "%s", news.refused);
    return news.refused[0];
}

bool hl_engine_has_adopted(const struct hl_engine *e, enum hl_model_role role)
{
    for (size_t i = 0; i < e->n_workers; i++)
        if (hl_models_is_behind(models_of(e, role), i)) return false;
    return true;
}

struct hl_table *hl_engine_table(struct hl_engine *e)
{
    return e->table;
}

struct hl_metrics *hl_engine_metrics(struct hl_engine *e)
{
    return e->metrics;
}

int hl_engine_http_port(const struct hl_engine *e)
{
    return e->http ? hl_http_port(e->http) : 0;
}

bool hl_engine_is_live(const struct hl_engine *e, char *why, size_t cap)
{
    return hl_health_is_live(e->health, hl_clock_mono_ns(), why, cap);
}

bool hl_engine_is_ready(const struct hl_engine *e, char *why, size_t cap)
{
    return hl_health_is_ready(e->health, why, cap);
}
