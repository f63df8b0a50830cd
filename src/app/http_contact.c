/* GET /v1/contacts/{id}, /v1/contacts/{id}/explain and /v1/contacts/{id}/history.
 *
 * DESIGN  Where the contact's partition is held here, its state is copied out of the table by the codec of the stored form, which is all
 * that happens under the lock; the answer is made from the copy. What is read may be ahead of the last commit by the transaction that
 * is under way. Where the partition is held elsewhere, the warm copy in Redis answers, as of the last checkpoint. It also has those that left
 * memory for it, as they were then: nothing has happened to them since.
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
#include "json_text.h"
#include "models.h"
#include "show.h"
#include "warm.h"

#define REDIS_TIMEOUT_MS 500
#define REDIS_PAUSE_NS INT64_C(2000000000) /* a Redis that is away would take its time with each request */
#define FORECAST_POINTS 60
#define FORECAST_STEP_MS INT64_C(129600000) /* a day and a half: 90 days in all */
#define ID_BYTES 8192                      /* what fits in a path */

enum what { STATE, EXPLAIN, HISTORY };
static const char *const WHAT[] = {"", "/explain", "/history"};

struct look {
    struct hl_http_api *api;
    struct hl_subject s;
    struct hl_show_source source;
    int64_t away; /* the partition is held here, but the contact may have left memory: it is in a copy of this position; -1: it cannot have */
};

/* What is asked for. */
struct wish {
    int64_t at;
    enum what what;
    bool page; /* for people, instead of JSON */
};

/* --- from the table --- */

static enum hl_status copy_out(struct look *l, uint16_t worker)
{
    struct hl_http_api *api = l->api;
    struct hl_subject *s = &l->s;
    hl_buf_clear(&api->state);
    hl_table_acquire(api->table, worker, s->c.hash);
    const struct hl_contact *c = hl_table_find(api->table, worker, s->c.hash, hl_contact_id(&s->c));
    if (c && (c->flags & HL_C_ERASED)) c = NULL;
    if (c) hl_state_encode(c, hl_models_of(api->models, worker), &api->state);
    hl_table_release(api->table, worker, s->c.hash);
    s->found = c != NULL;
    if (!c) return HL_OK;
    return api->state.failed ? HL_E_NOMEM : hl_state_decode(&s->c, &s->slab, api->model, hl_buf_slice(&api->state));
}

/* --- from Redis --- */

static enum hl_status ask_redis(struct look *l)
{
    struct hl_http_api *api = l->api;
    if (hl_clock_mono_ns() < api->store_retry_ns) return api->store_error.code;
    enum hl_status status = api->store ? HL_OK : hl_warm_open(api->config, REDIS_TIMEOUT_MS, &api->store, &api->store_error);
    if (!status)
        status = hl_subject_read_partition(&l->s, api->model, api->store, l->source.partition, &l->source.position, &api->store_error);
    if (status && !l->s.found) api->store_retry_ns = hl_clock_mono_ns() + REDIS_PAUSE_NS;
    return status;
}

static void from_redis(struct look *l, struct hl_http_response *r)
{
    char why[700];
    l->source.from_redis = true;
    enum hl_status status = ask_redis(l);
    if (status && l->s.found) {
        hl_http_our_fault(r, l->api->store_error.message);
    } else if (status) {
        snprintf(why, sizeof(why), "the contact's partition %" PRId32 " is %s, and the copy cannot be read: %s", l->source.partition,
                 l->away < 0 ? "not held by this process" : "held by this process, but the contact is not in memory", l->api->store_error.message);
        hl_http_not_now(r, why);
    } else if (l->source.position < l->away) {
        hl_http_not_now(r, "the contact is not in memory, and its partition's copy in Redis is being made anew; try again");
    } else if (!l->s.found && l->away >= 0) {
        hl_http_not_found(r, "no such contact, neither in memory nor in Redis; its partition is held by this process");
    } else if (!l->s.found) {
        hl_http_not_found(r, l->source.position < 0 ? "no such contact; its partition is not held by this process and has no copy in Redis yet"
                                             : "no such contact in Redis, as of the last checkpoint");
    }
}

static void from_table(struct look *l, uint64_t ticket, struct hl_http_response *r)
{
    int64_t before = hl_holdings_away(l->api->holdings, l->source.partition);
    enum hl_status status = copy_out(l, hl_holdings_worker(ticket));
    l->away = hl_holdings_away(l->api->holdings, l->source.partition);
    if (l->away < before) l->away = before; /* it may come back, or leave, just now */
    if (hl_holdings_ticket(l->api->holdings, l->source.partition) != ticket)
        hl_http_not_now(r, "the contact's partition is changing hands; try again");
    else if (status)
        hl_http_our_fault(r, status == HL_E_NOMEM ? "out of memory" : "the contact's state does not survive its own encoding");
    else if (!l->s.found && l->away >= 0)
        from_redis(l, r);
    else if (!l->s.found)
        hl_http_not_found(r, "no such contact; its partition is held by this process");
}

static void find(struct look *l, struct hl_http_response *r)
{
    l->away = -1;
    uint64_t ticket = hl_holdings_ticket(l->api->holdings, l->source.partition);
    switch (hl_holdings_of(ticket)) {
    case HL_HOLD_LIVE: from_table(l, ticket, r); break;
    case HL_HOLD_RESTORING: hl_http_not_now(r, "the contact's partition is being restored; try again"); break;
    case HL_HOLD_ELSEWHERE: from_redis(l, r); break;
    }
}

/* --- the answer --- */

static void put_explanation(const struct look *l, int64_t at, bool page, struct hl_http_response *r)
{
    struct hl_explanation e;
    enum hl_status status = hl_explain(&l->s.c, l->api->model, at, &e);
    if (status)
        hl_http_our_fault(r, "out of memory");
    else
        (page ? hl_explain_put_text : hl_explain_put_json)(&e, NULL, &r->body);
    hl_explanation_fini(&e);
    if (status || page || r->body.failed) return;
    r->body.len -= sizeof("}\n") - 1; /* the object is complete; its source becomes the last member */
    hl_show_put_source(&l->s.c, &l->source, &r->body);
}

/* --- history: the beginning of the answer at once, the rest when it has been read --- */

static bool more_history(void *job, struct hl_buf *out)
{
    if (!hl_history_take(job, out)) return true;
    hl_json_put_raw(out, "}\n");
    return false;
}

static void end_history(void *job)
{
    hl_history_release(job);
}

/* The score as it will be if nothing more happens. */
static void put_forecast(const struct look *l, int64_t at, struct hl_buf *b)
{
    hl_json_put_raw(b, "[");
    for (int i = 0; i <= FORECAST_POINTS; i++) {
        int64_t t = at + i * FORECAST_STEP_MS;
        hl_json_put_raw(b, i ? ",{" : "{");
        hl_json_put_member_int(b, "at", t);
        hl_json_put_key(b, "score");
        hl_json_put_points(b, hl_score_at(&l->s.c, l->api->model, t).total);
        hl_json_put_raw(b, "}");
    }
    hl_json_put_raw(b, "]");
}

static void put_history(const struct look *l, int64_t at, struct hl_http_response *r)
{
    struct hl_history_job *job = l->api->history ? hl_history_ask(l->api->history, l->source.partition, hl_contact_id(&l->s.c)) : NULL;
    if (!job) {
        hl_http_not_now(r, "too many histories are being read; try again");
        return;
    }
    hl_json_put_raw(&r->body, "{");
    hl_json_put_member(&r->body, "contact_id", hl_contact_id(&l->s.c));
    hl_json_put_member_int(&r->body, "as_of", at);
    hl_json_put_key(&r->body, "forecast");
    put_forecast(l, at, &r->body);
    hl_json_put_raw(&r->body, ","); /* more_history begins a buffer of its own */
    r->content_type = "application/json";
    r->more = more_history;
    r->end = end_history;
    r->source = job;
}

static void put_answer(struct look *l, const struct wish *w, struct hl_http_response *r)
{
    int64_t at = w->at < l->s.c.clock ? l->s.c.clock : w->at;
    r->content_type = w->page ? "text/plain; charset=utf-8" : "application/json";
    if (w->what == HISTORY)
        put_history(l, at, r);
    else if (w->what == EXPLAIN)
        put_explanation(l, at, w->page, r);
    else if (w->page)
        hl_show_put_text(&l->s.c, l->api->model, at, hl_clock_wall_ms(), &l->source, &r->body);
    else
        hl_show_put_json(&l->s.c, l->api->model, at, &l->source, &r->body);
}

static void answer(struct hl_http_api *api, struct hl_slice id, const struct wish *w, struct hl_http_response *r)
{
    struct look l = {.api = api, .source = {.partition = hl_partition_of(id, hl_holdings_partitions(api->holdings))}};
    if (hl_subject_init(&l.s, id) != HL_OK)
        hl_http_our_fault(r, "out of memory");
    else
        find(&l, r);
    if (r->status == 200) put_answer(&l, w, r);
    hl_subject_fini(&l.s);
}

void hl_http_get_contact(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    char decoded[ID_BYTES];
    const char *rest;
    struct hl_slice id;
    struct hl_error err;
    struct hl_http_param at = {.name = "at"};
    struct wish w = {.at = hl_clock_wall_ms(), .page = strstr(q->accept, "text/plain") != NULL};
    bool good = hl_http_path_id(q->raw_path + sizeof(HL_HTTP_CONTACTS) - 1, decoded, sizeof(decoded), &id, &rest, &err);
    if (good) good = hl_http_query_read(q->query, &at, 1, &err);
    if (good && at.given && (!hl_time_parse(hl_slice_of(at.value), &w.at) || w.at < 0)) {
        good = false;
        hl_error_set(&err, HL_E_USAGE, HL_STOP, "at is a moment such as 2026-12-31T00:00:00Z, or milliseconds since 1970, not '%s'", at.value);
    }
    size_t what = 0;
    while (good && what < HL_ARRAY_LEN(WHAT) && strcmp(rest, WHAT[what]) != 0) what++;
    w.what = (enum what)what;
    if (!good)
        hl_http_bad_request(r, err.message);
    else if (what == HL_ARRAY_LEN(WHAT))
        hl_http_not_found(r, "behind the contact only /explain and /history are known; write a / in a contact id as %2F");
    else
        answer(api, id, &w, r);
}
