/* GET /v1/rank?stage=mql&limit=50: the hottest contacts of the partitions that this process holds.
 *
 * DESIGN  One pass over the table, a stripe at a time; under its lock the contacts of the stage are scored and most of them dropped at
 * once. An answer is kept for a second, or twenty times as long as it took: a dashboard costs at most a twentieth of the server's
 * thread, whatever the number of contacts. That other processes hold other contacts is said in the answer; a ranking of all would offer
 * the copies of their partitions to the same heap.
 *
 * WHY NOT keep an order by score: all scores fall all the time, each at its own pace. */
#include <inttypes.h>
#include <stdlib.h>

#include "hotlead/base/clock.h"
#include "http_query.h"
#include "http_v1.h"
#include "rank.h"

#define KEPT_NS INT64_C(1000000000)
#define KEPT_TIMES 20

struct ranking {
    struct hl_http_api *api;
    int32_t n_partitions;
    uint64_t *tickets; /* of before the pass */
    struct hl_rank top;
};

/* @locks the table holds the stripe */
static bool on_contact(void *ctx, struct hl_contact *c)
{
    struct ranking *x = ctx;
    uint64_t ticket = x->tickets[c->partition];
    if (hl_holdings_of(ticket) == HL_HOLD_LIVE && hl_holdings_worker(ticket) == c->worker) hl_rank_offer(&x->top, c);
    return false;
}

static bool read_tickets(struct ranking *x, struct hl_http_response *r)
{
    for (int32_t p = 0; p < x->n_partitions; p++) {
        x->tickets[p] = hl_holdings_ticket(x->api->holdings, p);
        if (hl_holdings_of(x->tickets[p]) != HL_HOLD_RESTORING) continue;
        hl_http_not_now(r, "partitions are being restored; try again");
        return false;
    }
    return true;
}

static bool tickets_hold(const struct ranking *x, struct hl_http_response *r)
{
    for (int32_t p = 0; p < x->n_partitions; p++) {
        if (hl_holdings_ticket(x->api->holdings, p) == x->tickets[p]) continue;
        hl_http_not_now(r, "partitions are changing hands; try again");
        return false;
    }
    return true;
}

static void put_source(const struct ranking *x, struct hl_buf *b)
{
    const char *comma = "";
    hl_buf_printf(b, ",\"source\":{\"from\":\"memory\",\"partitions\":[");
    for (int32_t p = 0; p < x->n_partitions; p++) {
        if (hl_holdings_of(x->tickets[p]) != HL_HOLD_LIVE) continue;
        hl_buf_printf(b, "%s%" PRId32, comma, p);
        comma = ",";
    }
    hl_buf_printf(b, "],\"of\":%" PRId32 "}}\n", x->n_partitions);
}

/* A process that does not know yet what it will hold has nothing to say. */
static bool is_ready(const struct hl_http_api *api, struct hl_http_response *r)
{
    char why[200];
    if (hl_health_is_ready(api->health, why, sizeof(why))) return true;
    hl_http_not_now(r, why);
    return false;
}

static void put_ranking(struct ranking *x, struct hl_http_response *r)
{
    if (!is_ready(x->api, r) || !read_tickets(x, r)) return;
    hl_table_scan(x->api->table, on_contact, x);
    if (!tickets_hold(x, r)) return;
    if (x->top.failed) {
        hl_http_our_fault(r, "out of memory");
        return;
    }
    hl_rank_sort(&x->top);
    hl_rank_put_json(&x->top, &r->body);
    put_source(x, &r->body);
}

static void make_ranking(struct hl_http_api *api, int stage, size_t limit, struct hl_http_response *r)
{
    struct ranking x = {.api = api, .n_partitions = hl_holdings_partitions(api->holdings)};
    x.tickets = malloc((size_t)x.n_partitions * sizeof(*x.tickets));
    enum hl_status status = hl_rank_init(&x.top, api->model, stage, limit, hl_clock_wall_ms());
    if (!x.tickets || status)
        hl_http_our_fault(r, "out of memory");
    else
        put_ranking(&x, r);
    hl_rank_fini(&x.top);
    free(x.tickets);
}

/* Another limit makes a new answer: there is one dashboard, not many. */
static void answer(struct hl_http_api *api, int stage, size_t limit, struct hl_http_response *r)
{
    struct hl_http_ranked *kept = &api->ranked[stage == HL_RANK_ANY ? HL_STAGE_COUNT : stage];
    int64_t began = hl_clock_mono_ns();
    if (began < kept->until_ns && kept->limit == limit) {
        hl_buf_put(&r->body, kept->body.data, kept->body.len);
        return;
    }
    make_ranking(api, stage, limit, r);
    if (r->status != 200) return;
    int64_t now = hl_clock_mono_ns(), times = KEPT_TIMES * (now - began);
    hl_buf_clear(&kept->body);
    hl_buf_put(&kept->body, r->body.data, r->body.len);
    kept->limit = limit;
    kept->until_ns = kept->body.failed ? 0 : now + (times > KEPT_NS ? times : KEPT_NS);
}

void hl_http_get_rank(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    struct hl_http_param p[] = {{.name = "stage"}, {.name = "limit"}};
    struct hl_error err;
    int stage = HL_RANK_ANY;
    size_t limit = HL_RANK_DEFAULT;
    bool good = hl_http_query_read(q->query, p, HL_ARRAY_LEN(p), &err);
    if (good && p[0].given) good = hl_rank_parse_stage(p[0].value, &stage, &err);
    if (good && p[1].given) good = hl_rank_parse_limit(p[1].value, &limit, &err);
    if (!good) {
        hl_http_bad_request(r, err.message);
        return;
    }
    r->content_type = "application/json";
    answer(api, stage, limit, r);
}
