/* GET /v1/shadow?limit=50: what the shadow model would do, beside what the live one does; of the partitions of this process.
 *
 * Who differs is looked for in the shadow's table, stripe by stripe, until `limit` are found, or all that there are. */
#include <inttypes.h>
#include <stdlib.h>

#include "compare.h"
#include "hotlead/base/clock.h"
#include "hotlead/core/score.h"
#include "http_query.h"
#include "http_v1.h"
#include "json_text.h"
#include "shadow.h"

#define LIMIT 50
#define LIMIT_MAX 1000

/* A contact on its way out of the table. */
struct differing {
    struct hl_slice id; /* in ids */
    size_t at;
    uint64_t hash;
    uint16_t worker;
    uint8_t live, shadow;
    hl_fixed score;
};

struct search {
    const struct hl_http_api *api;
    struct differing *items;
    size_t n, limit;
    struct hl_buf ids;
    int64_t now;
};

/* @locks the table holds the stripe */
static bool look(void *ctx, struct hl_contact *c)
{
    struct search *s = ctx;
    if (c->stamp == c->stage || s->n == s->limit) return false;
    const struct hl_model *m = hl_models_of(s->api->shadow->models, c->worker);
    struct hl_slice id = hl_contact_id(c);
    s->items[s->n++] = (struct differing){.id = {NULL, id.len}, .at = s->ids.len, .hash = c->hash, .worker = c->worker, .live = c->stamp, .shadow = c->stage,
                                          .score = hl_score_at(c, m, s->now > c->clock ? s->now : c->clock).total};
    hl_buf_put(&s->ids, id.data, id.len);
    return false;
}

static bool live_score(const struct search *s, const struct differing *d, hl_fixed *score)
{
    const struct hl_http_api *api = s->api;
    hl_table_acquire(api->table, d->worker, d->hash);
    const struct hl_contact *c = hl_table_find(api->table, d->worker, d->hash, d->id);
    if (c) *score = hl_score_at(c, hl_models_of(api->models, d->worker), s->now > c->clock ? s->now : c->clock).total;
    hl_table_release(api->table, d->worker, d->hash);
    return c;
}

static void put_differing(struct search *s, struct hl_buf *b)
{
    struct hl_table *t = s->api->shadow->table;
    const char *comma = "";
    for (unsigned i = 0; i < hl_table_stripes(t) && s->n < s->limit; i++) hl_table_scan_stripe(t, i, look, s);
    hl_json_put_key(b, "differing");
    hl_json_put_raw(b, "[");
    for (size_t i = 0; i < s->n && !s->ids.failed; i++) {
        struct differing *d = &s->items[i];
        hl_fixed score;
        d->id.data = (const char *)s->ids.data + d->at;
        if (!live_score(s, d, &score)) continue; /* it has just left */
        hl_buf_printf(b, "%s{\"contact_id\":", comma);
        hl_json_put_text(b, d->id);
        hl_buf_printf(b, ",\"live\":\"%s\",\"shadow\":\"%s\",\"score\":", hl_stage_name((enum hl_stage)d->live), hl_stage_name((enum hl_stage)d->shadow));
        hl_json_put_points(b, score);
        hl_json_put_raw(b, ",\"shadow_score\":");
        hl_json_put_points(b, d->score);
        hl_json_put_raw(b, "}");
        comma = ",";
    }
    hl_json_put_raw(b, "]");
    b->failed |= s->ids.failed;
}

static void put_pairs(const struct hl_shadow_counts *c, struct hl_buf *b)
{
    const char *comma = "";
    hl_json_put_key(b, "pairs");
    hl_json_put_raw(b, "[");
    for (int live = 0; live < HL_STAGE_COUNT; live++)
        for (int shadow = 0; shadow < HL_STAGE_COUNT; shadow++) {
            if (!c->contacts[live][shadow]) continue;
            hl_buf_printf(b, "%s{\"live\":\"%s\",\"shadow\":\"%s\",\"contacts\":%" PRIu64 "}", comma, hl_stage_name((enum hl_stage)live),
                          hl_stage_name((enum hl_stage)shadow), c->contacts[live][shadow]);
            comma = ",";
        }
    hl_json_put_raw(b, "]");
}

static void put_moves(const struct hl_shadow_counts *c, struct hl_buf *b)
{
    const char *comma = "";
    hl_json_put_key(b, "transitions");
    hl_json_put_raw(b, "[");
    for (int from = 0; from < HL_STAGE_COUNT; from++)
        for (int to = 0; to < HL_STAGE_COUNT; to++) {
            uint64_t both = c->moves[HL_UNDER_BOTH][from][to], live = c->moves[HL_UNDER_LIVE][from][to], shadow = c->moves[HL_UNDER_SHADOW][from][to];
            if (!both && !live && !shadow) continue;
            hl_buf_printf(b, "%s{\"from\":\"%s\",\"to\":\"%s\",\"both\":%" PRIu64 ",\"live_only\":%" PRIu64 ",\"shadow_only\":%" PRIu64 "}", comma,
                          hl_stage_name((enum hl_stage)from), hl_stage_name((enum hl_stage)to), both, live, shadow);
            comma = ",";
        }
    hl_json_put_raw(b, "]");
}

static void put_counts(const struct hl_shadow_counts *c, struct hl_buf *b)
{
    uint64_t stages[2][HL_STAGE_COUNT] = {0}, all = 0, differ = 0;
    for (int live = 0; live < HL_STAGE_COUNT; live++)
        for (int shadow = 0; shadow < HL_STAGE_COUNT; shadow++) {
            uint64_t n = c->contacts[live][shadow];
            stages[0][live] += n;
            stages[1][shadow] += n;
            all += n;
            differ += live == shadow ? 0 : n;
        }
    hl_json_put_member_int(b, "contacts", (int64_t)all);
    hl_json_put_member_int(b, "differ", (int64_t)differ);
    hl_json_put_raw(b, ",");
    hl_compare_put_stages(b, stages[0], stages[1], "live", "shadow");
    put_pairs(c, b);
    put_moves(c, b);
}

static void put_model(struct hl_buf *b, const char *key, const struct hl_model *m)
{
    hl_buf_printf(b, "\"%s\":{\"model\":", key);
    hl_json_put_text(b, hl_slice_of(m->name));
    hl_json_put_member(b, "version", hl_slice_of(m->version));
    hl_json_put_raw(b, "}");
}

static void put_json(struct search *s, struct hl_buf *b)
{
    const struct hl_http_api *api = s->api;
    struct hl_shadow_counts counts;
    struct hl_models_news news;
    int64_t since;
    const struct hl_model *shadow = hl_models_acquire(api->shadow->models);
    hl_metrics_shadow(api->metrics, &counts, &since);
    hl_models_news(api->shadow->models, &news);
    hl_json_put_raw(b, "{");
    put_model(b, "live", api->model);
    hl_json_put_raw(b, ",");
    put_model(b, "shadow", shadow);
    hl_json_put_member(b, "refused", hl_slice_of(news.refused[0] ? news.refused : NULL));
    hl_json_put_key(b, "since");
    if (since)
        hl_json_put_int(b, since);
    else
        hl_json_put_raw(b, "null");
    hl_json_put_member_int(b, "as_of", s->now);
    put_counts(&counts, b);
    put_differing(s, b);
    hl_json_put_raw(b, "}\n");
    hl_models_release(api->shadow->models, shadow);
}

void hl_http_get_shadow(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    struct hl_http_param p[] = {{.name = "limit"}};
    struct hl_error err;
    struct search s = {.api = api, .limit = LIMIT, .now = hl_clock_wall_ms()};
    bool good = hl_http_query_read(q->query, p, HL_ARRAY_LEN(p), &err);
    if (good && p[0].given) good = hl_rank_parse_limit(p[0].value, LIMIT_MAX, &s.limit, &err);
    if (!good) {
        hl_http_bad_request(r, err.message);
        return;
    }
    if (!api->shadow) {
        hl_http_not_found(r, "no second model is tried; shadow.model of the configuration names one");
        return;
    }
    hl_buf_init(&s.ids);
    s.items = calloc(s.limit, sizeof(*s.items));
    r->content_type = "application/json";
    if (s.items)
        put_json(&s, &r->body);
    else
        hl_http_our_fault(r, "out of memory");
    free(s.items);
    hl_buf_fini(&s.ids);
}
