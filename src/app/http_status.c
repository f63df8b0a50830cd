/* GET /v1/status: how this process is doing, at a glance. Rates and latencies are of the last seconds, between two looks that somebody took; what is in
 * /metrics counts from the start. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hotlead/base/clock.h"
#include "http_query.h"
#include "http_v1.h"
#include "json_text.h"
#include "models.h"
#include "shadow.h"

#define WINDOW_NS INT64_C(4000000000)
#define LEAST_S 0.5

struct look {
    int64_t at_ns;
    uint64_t consumed, transitions;
    struct hl_hist latency;
};

struct hl_http_window {
    struct look older, newer;
};

static void look_at(const struct hl_metrics_glance *g, int64_t now, struct look *l)
{
    l->at_ns = now;
    l->consumed = g->totals.consumed;
    l->transitions = g->totals.transitions_sum;
    hl_hist_init(&l->latency);
    hl_hist_merge(&l->latency, &g->latency);
}

/* The look to compare with: four seconds old or more, as long as somebody asks that often. */
static const struct look *window(struct hl_http_api *api, const struct hl_metrics_glance *g, int64_t now)
{
    if (!api->window) {
        api->window = calloc(1, sizeof(*api->window));
        if (!api->window) return NULL;
        look_at(g, now, &api->window->older);
        look_at(g, now, &api->window->newer);
    } else if (now - api->window->newer.at_ns >= WINDOW_NS) {
        api->window->older = api->window->newer;
        look_at(g, now, &api->window->newer);
    }
    return &api->window->older;
}

static void put_number(struct hl_buf *b, const char *key, double v)
{
    hl_json_put_key(b, key);
    hl_buf_printf(b, "%.6g", v);
}

/* Over too short a time there is no rate to tell. */
static void put_rate(struct hl_buf *b, const char *key, uint64_t n, double seconds)
{
    if (seconds >= LEAST_S) {
        put_number(b, key, (double)n / seconds);
        return;
    }
    hl_json_put_key(b, key);
    hl_json_put_raw(b, "null");
}

static void put_rates(const struct hl_metrics_glance *g, const struct look *before, int64_t now, struct hl_buf *b)
{
    static const struct {
        const char *key;
        double q;
    } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p999", 0.999}};
    struct hl_hist recent;
    double seconds = (double)(now - before->at_ns) / 1e9;
    hl_hist_init(&recent);
    for (size_t i = 0; i < HL_HIST_BUCKETS; i++) recent.buckets[i] = g->latency.buckets[i] - before->latency.buckets[i];
    recent.count = g->latency.count - before->latency.count;
    recent.max = g->latency.max; /* of all times; the last one is not known */
    put_number(b, "window_s", seconds);
    put_rate(b, "events_per_s", g->totals.consumed - before->consumed, seconds);
    put_rate(b, "transitions_per_s", g->totals.transitions_sum - before->transitions, seconds);
    hl_json_put_key(b, "latency_ms");
    if (recent.count == 0) {
        hl_json_put_raw(b, "null");
        return;
    }
    hl_json_put_raw(b, "{");
    for (size_t i = 0; i < HL_ARRAY_LEN(quantiles); i++)
        put_number(b, quantiles[i].key, (double)hl_hist_quantile(&recent, quantiles[i].q) / 1e6);
    hl_json_put_raw(b, "}");
}

static void put_events(const struct hl_metrics_totals *t, struct hl_buf *b)
{
#define X(code, name) name,
    static const char *const names[] = {HL_TALLIES(X)};
#undef X
    hl_json_put_key(b, "events");
    hl_json_put_raw(b, "{");
    hl_json_put_member_int(b, "consumed", (int64_t)t->consumed);
    for (size_t i = 0; i < HL_TALLY_COUNT; i++) hl_json_put_member_int(b, names[i], (int64_t)t->results[i]);
    hl_json_put_raw(b, "}");
    hl_json_put_member_int(b, "transitions", (int64_t)t->transitions_sum);
}

static void put_lag(struct hl_http_api *api, struct hl_buf *b)
{
    const char *comma = "";
    hl_json_put_key(b, "lag");
    hl_json_put_raw(b, "[");
    for (size_t t = 0; t < api->config->n_inputs; t++) {
        int64_t lag = hl_metrics_topic_lag(api->metrics, t);
        hl_buf_printf(b, "%s{", comma);
        hl_json_put_member(b, "topic", hl_slice_of(api->config->inputs[t].topic));
        hl_json_put_key(b, "records");
        if (lag < 0)
            hl_json_put_raw(b, "null");
        else
            hl_json_put_int(b, lag);
        hl_json_put_raw(b, "}");
        comma = ",";
    }
    hl_json_put_raw(b, "]");
}

static void put_partitions(const struct hl_holdings *h, struct hl_buf *b)
{
    static const char *const names[] = {"elsewhere", "restoring", "live"};
    uint64_t n[3] = {0};
    for (int32_t p = 0; p < hl_holdings_partitions(h); p++) n[hl_holdings_of(hl_holdings_ticket(h, p))]++;
    hl_json_put_key(b, "partitions");
    hl_json_put_raw(b, "{");
    for (size_t i = 0; i < HL_ARRAY_LEN(names); i++) hl_json_put_member_int(b, names[i], (int64_t)n[i]);
    hl_json_put_raw(b, "}");
}

static void put_health(const struct hl_http_api *api, struct hl_buf *b)
{
    char why[200] = "";
    bool live = hl_health_is_live(api->health, hl_clock_mono_ns(), why, sizeof(why));
    bool ready = live && hl_health_is_ready(api->health, why, sizeof(why));
    hl_json_put_member(b, "state", hl_slice_of(!live ? "hung" : ready ? "ready" : "restoring"));
    hl_json_put_member(b, "why", ready ? HL_SLICE_NULL : hl_slice_of(why));
}

static void put_model(struct hl_http_api *api, struct hl_buf *b)
{
    struct hl_models_news news;
    hl_models_news(api->models, &news);
    hl_json_put_member(b, "model", hl_slice_of(api->model->name));
    hl_json_put_member(b, "model_version", hl_slice_of(api->model->version));
    hl_json_put_member(b, "model_refused", hl_slice_of(news.refused[0] ? news.refused : NULL));
    const struct hl_model *shadow = api->shadow ? hl_models_acquire(api->shadow->models) : NULL;
    hl_json_put_member(b, "shadow_version", hl_slice_of(shadow ? shadow->version : NULL));
    if (shadow) hl_models_release(api->shadow->models, shadow);
}

static void put_status(struct hl_http_api *api, const struct hl_metrics_glance *g, const struct look *before, int64_t now, struct hl_buf *b)
{
    static const char *const redis[] = {"none", "down", "up"};
    struct hl_table_stats table = hl_table_stats(api->table);
    hl_json_put_raw(b, "{");
    hl_json_put_member(b, "version", hl_slice_of(HL_VERSION));
    put_model(api, b);
    hl_json_put_member(b, "group", hl_slice_of(api->config->group_id));
    hl_json_put_member(b, "delivery", hl_slice_of(api->config->delivery == HL_EXACTLY_ONCE ? "exactly_once" : "low_latency"));
    hl_json_put_member_int(b, "as_of", hl_clock_wall_ms());
    put_number(b, "uptime_s", (double)hl_clock_wall_ms() / 1000 - g->start_time);
    put_health(api, b);
    put_partitions(api->holdings, b);
    put_events(&g->totals, b);
    put_rates(g, before, now, b);
    put_lag(api, b);
    hl_json_put_key(b, "checkpoint_age_s");
    hl_buf_printf(b, g->checkpoint_age_s < 0 ? "null" : "%.3f", g->checkpoint_age_s);
    hl_json_put_member(b, "redis", hl_slice_of(redis[g->redis_up + 1]));
    hl_json_put_member_int(b, "contacts", (int64_t)table.contacts);
    hl_json_put_member_int(b, "table_bytes", (int64_t)table.bytes);
    hl_json_put_raw(b, "}\n");
}

void hl_http_get_status(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    struct hl_error err;
    if (!hl_http_query_read(q->query, NULL, 0, &err)) {
        hl_http_bad_request(r, err.message);
        return;
    }
    int64_t now = hl_clock_mono_ns();
    struct hl_metrics_glance *g = malloc(sizeof(*g));
    const struct look *before = NULL;
    if (g) hl_metrics_glance(api->metrics, g);
    if (g) before = window(api, g, now);
    r->content_type = "application/json";
    if (before)
        put_status(api, g, before, now, &r->body);
    else
        hl_http_our_fault(r, "out of memory");
    free(g);
}
