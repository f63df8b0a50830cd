/* GET /v1/contacts/{id} and /v1/contacts/{id}/explain.
 *
 * DESIGN  Where the contact's partition is held here, its state is copied out of the table by the codec of the stored form, which is all
 * that happens under the lock; the answer is made from the copy. What is read may be ahead of the last commit by the transaction that
 * is under way. Where the partition is held elsewhere, the warm copy in Redis answers, as of the last checkpoint.
 *
 * WHY NOT ask the process that holds it: it would have to be found, reached and authenticated, and its answer would be a few seconds
 * newer. */
#include <inttypes.h>
#include <stdio.h>

#include "explain_load.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/hash.h"
#include "hotlead/base/iso8601.h"
#include "hotlead/core/state.h"
#include "http_query.h"
#include "http_v1.h"
#include "sim_json.h"
#include "warm.h"

#define REDIS_TIMEOUT_MS 500
#define REDIS_PAUSE_NS INT64_C(2000000000) /* a Redis that is away would take its time with each request */
#define ID_BYTES 8192                      /* what fits in a path */

struct look {
    struct hl_http_api *api;
    struct hl_subject s;
    int32_t partition;
    bool from_redis;
    int64_t position; /* of the state topic, that the copy reflects */
};

/* --- from the table --- */

static enum hl_status copy_out(struct look *l, uint16_t worker)
{
    struct hl_http_api *api = l->api;
    struct hl_subject *s = &l->s;
    hl_buf_clear(&api->state);
    hl_table_acquire(api->table, s->c.hash);
    const struct hl_contact *c = hl_table_find(api->table, worker, s->c.hash, hl_contact_id(&s->c));
    if (c && (c->flags & HL_C_ERASED)) c = NULL;
    if (c) hl_state_encode(c, api->model, &api->state);
    hl_table_release(api->table, s->c.hash);
    s->found = c != NULL;
    if (!c) return HL_OK;
    return api->state.failed ? HL_E_NOMEM : hl_state_decode(&s->c, &s->slab, api->model, hl_buf_slice(&api->state));
}

static void from_table(struct look *l, uint64_t ticket, struct hl_http_response *r)
{
    enum hl_status status = copy_out(l, hl_holdings_worker(ticket));
    if (hl_holdings_ticket(l->api->holdings, l->partition) != ticket)
        hl_http_not_now(r, "the contact's partition is changing hands; try again");
    else if (status)
        hl_http_our_fault(r, status == HL_E_NOMEM ? "out of memory" : "the contact's state does not survive its own encoding");
    else if (!l->s.found)
        hl_http_not_found(r, "no such contact; its partition is held by this process");
}

/* --- from Redis --- */

static enum hl_status ask_redis(struct look *l)
{
    struct hl_http_api *api = l->api;
    if (hl_clock_mono_ns() < api->store_retry_ns) return api->store_error.code;
    enum hl_status status = api->store ? HL_OK : hl_warm_open(api->config, REDIS_TIMEOUT_MS, &api->store, &api->store_error);
    if (!status)
        status = hl_subject_read_partition(&l->s, api->model, api->store, l->partition, &l->position, &api->store_error);
    if (status && !l->s.found) api->store_retry_ns = hl_clock_mono_ns() + REDIS_PAUSE_NS;
    return status;
}

static void from_redis(struct look *l, struct hl_http_response *r)
{
    char why[700];
    l->from_redis = true;
    enum hl_status status = ask_redis(l);
    if (status && l->s.found) {
        hl_http_our_fault(r, l->api->store_error.message);
    } else if (status) {
        snprintf(why, sizeof(why), "the contact's partition %" PRId32 " is not held by this process, and the copy cannot be read: %s",
                 l->partition, l->api->store_error.message);
        hl_http_not_now(r, why);
    } else if (!l->s.found) {
        hl_http_not_found(r, l->position < 0 ? "no such contact; its partition is not held by this process and has no copy in Redis yet"
                                             : "no such contact in Redis, as of the last checkpoint");
    }
}

static void find(struct look *l, struct hl_http_response *r)
{
    uint64_t ticket = hl_holdings_ticket(l->api->holdings, l->partition);
    switch (hl_holdings_of(ticket)) {
    case HL_HOLD_LIVE: from_table(l, ticket, r); break;
    case HL_HOLD_RESTORING: hl_http_not_now(r, "the contact's partition is being restored; try again"); break;
    case HL_HOLD_ELSEWHERE: from_redis(l, r); break;
    }
}

/* --- the answer --- */

/* The object is complete; its source becomes the last member. `clock`: the contact's, that is how new its state is. */
static void put_source(const struct look *l, struct hl_buf *b)
{
    if (b->failed) return;
    b->len -= sizeof("}\n") - 1;
    hl_buf_printf(b, ",\"source\":{\"from\":\"%s\",\"partition\":%" PRId32 ",\"clock\":%" PRId64, l->from_redis ? "redis" : "memory",
                  l->partition, l->s.c.clock);
    if (l->from_redis) hl_buf_printf(b, ",\"state_position\":%" PRId64, l->position);
    hl_buf_printf(b, "}}\n");
}

static void put_explanation(const struct look *l, int64_t at, struct hl_http_response *r)
{
    struct hl_explanation e;
    enum hl_status status = hl_explain(&l->s.c, l->api->model, at, &e);
    if (status)
        hl_http_our_fault(r, "out of memory");
    else
        hl_explain_put_json(&e, NULL, &r->body);
    hl_explanation_fini(&e);
}

static void put_answer(struct look *l, bool explain, int64_t at, struct hl_http_response *r)
{
    if (at < l->s.c.clock) at = l->s.c.clock;
    r->content_type = "application/json";
    if (explain)
        put_explanation(l, at, r);
    else
        hl_sim_put_state(&r->body, &l->s.c, l->api->model, at);
    if (r->status == 200) put_source(l, &r->body);
}

static void answer(struct hl_http_api *api, struct hl_slice id, bool explain, int64_t at, struct hl_http_response *r)
{
    struct look l = {.api = api, .partition = hl_partition_of(id, hl_holdings_partitions(api->holdings))};
    if (hl_subject_init(&l.s, id) != HL_OK)
        hl_http_our_fault(r, "out of memory");
    else
        find(&l, r);
    if (r->status == 200) put_answer(&l, explain, at, r);
    hl_subject_fini(&l.s);
}

void hl_http_get_contact(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    char decoded[ID_BYTES];
    const char *rest;
    struct hl_slice id;
    struct hl_error err;
    struct hl_http_param at = {.name = "at"};
    int64_t moment = hl_clock_wall_ms();
    bool good = hl_http_path_id(q->raw_path + sizeof(HL_HTTP_CONTACTS) - 1, decoded, sizeof(decoded), &id, &rest, &err);
    if (good) good = hl_http_query_read(q->query, &at, 1, &err);
    if (good && at.given && (!hl_time_parse(hl_slice_of(at.value), &moment) || moment < 0)) {
        good = false;
        hl_error_set(&err, HL_E_USAGE, HL_STOP, "at is a moment such as 2026-12-31T00:00:00Z, or milliseconds since 1970, not '%s'", at.value);
    }
    bool explain = strcmp(rest, "/explain") == 0;
    if (!good)
        hl_http_bad_request(r, err.message);
    else if (*rest && !explain)
        hl_http_not_found(r, "behind the contact only /explain is known; write a / in a contact id as %2F");
    else
        answer(api, id, explain, moment, r);
}
