/* GET /v1/rank?stage=mql&limit=50: the hottest contacts of all partitions, whoever holds them.
 *
 * DESIGN  The census knows who may be among them; those of this process are looked at anew for each answer, and those who moved since are among them. So
 * scores are of this moment, and a contact that just raised its hand is there at once; one that became hot without a move is there after the next walk.
 * The others' contacts are as their holders have noted them, which the answer dates.
 *
 * WHY NOT a pass over the table for each answer: at ten million contacts it takes seconds, in which nobody else is answered. WHY NOT keep an order by
 * score: all scores fall all the time, each at its own pace. */
#include <inttypes.h>

#include "hotlead/base/clock.h"
#include "http_query.h"
#include "http_v1.h"
#include "json_text.h"

static void put_partitions(const struct hl_census_source *s, const char *key, enum hl_census_from from, struct hl_buf *b)
{
    const char *comma = "";
    hl_json_put_key(b, key);
    hl_json_put_raw(b, "[");
    for (int32_t p = 0; p < s->n; p++) {
        if (s->from[p] != from) continue;
        hl_buf_printf(b, "%s%" PRId32, comma, p);
        comma = ",";
    }
    hl_json_put_raw(b, "]");
}

static void put_age(const char *key, int64_t at, struct hl_buf *b)
{
    int64_t age = hl_clock_wall_ms() - at;
    hl_json_put_key(b, key);
    if (at)
        hl_json_put_int(b, age > 0 ? age : 0);
    else
        hl_json_put_raw(b, "null");
}

void hl_http_put_census_source(const struct hl_census_source *s, struct hl_buf *b)
{
    hl_json_put_key(b, "source");
    hl_json_put_raw(b, "{");
    put_partitions(s, "memory", HL_CENSUS_MEMORY, b);
    put_age("memory_age_ms", s->own_at, b);
    put_partitions(s, "redis", HL_CENSUS_REDIS, b);
    put_age("redis_age_ms", s->others_at, b);
    put_partitions(s, "missing", HL_CENSUS_NOT_KNOWN, b);
    hl_buf_printf(b, ",\"of\":%" PRId32 "}", s->n);
}

/* Contacts of partitions that are held here, and of the stage, that left memory for Redis (memory.max_bytes). */
static uint64_t not_ranked(const struct hl_holdings *h, int stage)
{
    uint64_t counts[HL_STAGE_COUNT] = {0}, sum = 0;
    for (int32_t p = 0; p < hl_holdings_partitions(h); p++)
        if (hl_holdings_of(hl_holdings_ticket(h, p)) == HL_HOLD_LIVE) hl_holdings_count_away(h, p, counts);
    for (int s = 0; s < HL_STAGE_COUNT; s++) sum += stage == s || (stage == HL_RANK_ANY && s != HL_STAGE_DISQUALIFIED) ? counts[s] : 0;
    return sum;
}

static void answer(struct hl_http_api *api, int stage, size_t limit, struct hl_http_response *r)
{
    struct hl_rank top;
    struct hl_census_source source = {0};
    enum hl_status status = hl_rank_init(&top, api->model, stage, limit, hl_clock_wall_ms());
    if (!status) status = hl_census_source_init(&source, api->census);
    if (!status) status = hl_census_rank(api->census, HL_HTTP_GATHER_MS, &top, &source);
    if (status == HL_E_PENDING) {
        hl_http_not_now(r, "the contacts are still being looked through; try again");
    } else if (status) {
        hl_http_our_fault(r, "out of memory");
    } else {
        hl_rank_put_json(&top, &r->body);
        hl_http_put_census_source(&source, &r->body);
        if (api->config->memory_max_bytes) hl_buf_printf(&r->body, ",\"not_ranked\":%" PRIu64, not_ranked(api->holdings, stage));
        hl_json_put_raw(&r->body, "}\n");
    }
    hl_census_source_fini(&source);
    hl_rank_fini(&top);
}

void hl_http_get_rank(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    struct hl_http_param p[] = {{.name = "stage"}, {.name = "limit"}};
    struct hl_error err;
    int stage = HL_RANK_ANY;
    size_t limit = HL_RANK_DEFAULT;
    bool good = hl_http_query_read(q->query, p, HL_ARRAY_LEN(p), &err);
    if (good && p[0].given) good = hl_rank_parse_stage(p[0].value, &stage, &err);
    if (good && p[1].given) good = hl_rank_parse_limit(p[1].value, HL_CENSUS_TOP, &limit, &err);
    if (!good) {
        hl_http_bad_request(r, err.message);
        return;
    }
    r->content_type = "application/json";
    answer(api, stage, limit, r);
}
