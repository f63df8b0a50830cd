/* /v1 on a table, holdings and a model made by hand: what is answered, from where, and every way of not answering. */
#include "app/census.h"
#include "core_fixture.h"
#include "app/models.h"
#include "app/warm.h"
#include "hotlead/adapter/avro.h"
#include "hotlead/app/explain.h"
#include "hotlead/app/http_api.h"
#include "hotlead/base/clock.h"
#include "hotlead/core/state.h"
#include "redis_server.h"

#define PARTITIONS 4

struct world {
    struct fx f;
    struct hl_config config;
    struct hl_http_api api;
    int status;
    const char *content_type;
    struct hl_buf body;
};

static int make_world(void **state)
{
    static char none[] = "", group[] = "testers";
    struct world *w = calloc(1, sizeof *w);
    fx_init(&w->f);
    fx_usual(&w->f);
    fx_rule(&w->f, "page", FX_TYPE(PAGE_VIEWED), 40, 10 * FX_DAY);
    w->f.m->name = strdup("acme");
    w->f.m->version = strdup("7");
    fx_seal(&w->f);
    w->config = (struct hl_config){.group_id = group, .redis_url = none, .redis_user = none, .redis_password_file = none};
    w->api = (struct hl_http_api){.health = hl_health_new(1, 0, hl_clock_mono_ns()), .table = hl_table_new(16), .config = &w->config,
                                  .models = hl_models_new(w->f.m, 1), .holdings = hl_holdings_new(PARTITIONS)};
    w->api.flow = hl_flow_new(PARTITIONS);
    w->api.census = hl_census_new(&(struct hl_census_config){.table = w->api.table, .holdings = w->api.holdings, .models = w->api.models, .flow = w->api.flow});
    hl_health_set_partitions(w->api.health, 0, 0, 0);
    *state = w;
    return 0;
}

static int drop_world(void **state)
{
    struct world *w = *state;
    hl_http_api_fini(&w->api);
    hl_census_free(w->api.census);
    hl_flow_free(w->api.flow);
    hl_table_free(w->api.table);
    hl_models_free(w->api.models);
    hl_holdings_free(w->api.holdings);
    hl_health_free(w->api.health);
    hl_buf_fini(&w->body);
    fx_fini(&w->f);
    free(w);
    return 0;
}

static void hold_all(struct world *w, enum hl_hold hold)
{
    for (int32_t p = 0; p < PARTITIONS; p++) hl_holdings_set(w->api.holdings, p, 0, hold);
}

/* Views a page, at FX_T0; returns its partition. */
static int32_t add(struct world *w, const char *name, enum hl_stage stage)
{
    struct hl_slice id = hl_slice_of(name);
    uint64_t hash = hl_hash64(id);
    int32_t partition = hl_partition_of(id, PARTITIONS);
    struct hl_event ev = fx_event(&w->f, HL_EVENT_PAGE_VIEWED, FX_T0);
    ev.contact_id = id;
    struct hl_slab *slab = hl_table_acquire(w->api.table, 0, hash);
    struct hl_contact *c = hl_table_put(w->api.table, 0, hash, id, (uint16_t)partition, NULL);
    assert_non_null(c);
    assert_int_equal(hl_apply(c, slab, w->f.m, NULL, &ev, HL_APPLY_LIVE, &w->f.out), HL_OK);
    c->stage = (uint8_t)stage;
    hl_table_release(w->api.table, 0, hash);
    return partition;
}

/* A path as a server would give it: only what is not under contacts/ is looked at decoded. */
static const char *get(struct world *w, const char *path, const char *query, const char *accept)
{
    struct hl_http_response r = {.status = 200};
    hl_buf_init(&r.body);
    hl_http_api_handle(&w->api, &(struct hl_http_request){.path = path, .raw_path = path, .query = query, .accept = accept, .last_event_id = ""}, &r);
    assert_false(r.body.failed);
    hl_buf_put_u8(&r.body, 0);
    hl_buf_fini(&w->body);
    w->body = r.body;
    w->status = r.status;
    w->content_type = r.content_type;
    return (const char *)w->body.data;
}

static void expect(struct world *w, const char *path, const char *query, int status, const char *part)
{
    const char *body = get(w, path, query, "");
    if (w->status != status || !strstr(body, part)) fail_msg("%s?%s: %d, %d wanted with '%s': %s", path, query, w->status, status, part, body);
    assert_string_equal(w->content_type, status == 200 ? "application/json" : "application/problem+json");
}

static void a_contact_is_answered_from_the_table(void **state)
{
    struct world *w = *state;
    char source[120];
    int32_t p = add(w, "ann/b", HL_STAGE_ANONYMOUS);
    hold_all(w, HL_HOLD_LIVE);
    snprintf(source, sizeof source, "\"source\":{\"from\":\"memory\",\"partition\":%d,\"clock\":1728000000000}}\n", (int)p);
    expect(w, "/v1/contacts/ann%2Fb", "at=1728864000000", 200, source);
    expect(w, "/v1/contacts/ann%2Fb", "at=1728864000000", 200, "{\"contact_id\":\"ann/b\",\"stage\":\"anonymous\"");
    expect(w, "/v1/contacts/ann%2Fb", "at=1728864000000", 200, "\"as_of\":1728864000000,\"score\":20,");
    expect(w, "/v1/contacts/ann%2Fb", "at=2024-10-14T02:00:00%2B02:00", 200, "\"as_of\":1728864000000,\"score\":20,");
    expect(w, "/v1/contacts/ann%2Fb", "at=2024-10-14T02:00:00+02:00", 200, "\"as_of\":1728864000000,\"score\":20,");
    expect(w, "/v1/contacts/ann%2Fb", "at=5", 200, "\"as_of\":1728000000000,\"score\":40,"); /* not before its clock */
    expect(w, "/v1/contacts/ann%2Fb", "at=9223372036854775807", 200, "\"score\":0,");
    assert_true(hl_table_verify(w->api.table, NULL));
}

static void the_explanation_is_that_of_the_command(void **state)
{
    struct world *w = *state;
    struct hl_buf wanted;
    struct hl_explanation e;
    struct hl_slice id = HL_SLICE_LIT("ann");
    add(w, "ann", HL_STAGE_ANONYMOUS);
    hold_all(w, HL_HOLD_LIVE);
    const char *body = get(w, "/v1/contacts/ann/explain", "at=1728864000000", "");
    hl_buf_init(&wanted);
    assert_int_equal(hl_explain(hl_table_find(w->api.table, 0, hl_hash64(id), id), w->f.m, FX_T0 + 10 * FX_DAY, &e), HL_OK);
    hl_explain_put_json(&e, NULL, &wanted);
    assert_memory_equal(body, wanted.data, wanted.len - 2);
    assert_memory_equal(body + wanted.len - 2, ",\"source\":{\"from\":\"memory\"", 26);
    assert_non_null(strstr(body, "\"adds_up\":true"));
    hl_explanation_fini(&e);
    hl_buf_fini(&wanted);
}

static void what_is_not_there_is_told_with_where_was_looked(void **state)
{
    struct world *w = *state;
    hold_all(w, HL_HOLD_LIVE);
    expect(w, "/v1/contacts/bob", "", 404, "no such contact; its partition is held by this process");
    hold_all(w, HL_HOLD_RESTORING);
    expect(w, "/v1/contacts/bob", "", 503, "the contact's partition is being restored; try again");
    hold_all(w, HL_HOLD_ELSEWHERE);
    expect(w, "/v1/contacts/bob", "", 503, "is not held by this process, and the copy cannot be read: redis.url is empty");
    expect(w, "/v1/contacts/bob", "", 503, "the copy cannot be read: redis.url is empty");
    expect(w, "/v1/contacts/bob/explained", "", 404, "behind the contact only /explain and /history are known; write a / in a contact id as %2F");
    expect(w, "/v1/contacts/", "", 400, "which contact? /v1/contacts/{id}");
    expect(w, "/v1/contacts/%zz", "", 400, "the contact id is badly percent-encoded, or too long");
    expect(w, "/v1/contacts/bob", "when=1", 400, "parameter 'when' is not known");
    expect(w, "/v1/contacts/bob", "at=noon", 400, "at is a moment such as 2026-12-31T00:00:00Z, or milliseconds since 1970, not 'noon'");
    expect(w, "/v1/contacts/bob", "at=-1", 400, "not '-1'");
    expect(w, "/v1/contact", "", 404, "known paths: /, /livez, /readyz, /metrics, /v1/contacts/{id}, ");
}

/* Redis is asked once, and then left alone for a while: an answer comes at once and says the same. */
static void a_redis_that_is_away_is_told(void **state)
{
    struct world *w = *state;
    char why[128];
    struct redis_server server = {0};
    assert_true(redis_server_start(&server, NULL));
    redis_server_kill(&server);
    snprintf(why, sizeof why, "the copy cannot be read: redis 127.0.0.1:%d: Connection refused", server.port);
    w->config.redis_url = server.url;
    expect(w, "/v1/contacts/bob", "", 503, why);
    assert_true(w->api.store_retry_ns > hl_clock_mono_ns());
    assert_true(redis_server_restart(&server, NULL));
    int64_t until = w->api.store_retry_ns;
    expect(w, "/v1/contacts/bob", "", 503, why);
    assert_int_equal(w->api.store_retry_ns, until);
    w->api.store_retry_ns = 0;
    expect(w, "/v1/contacts/bob", "", 404, "no such contact; its partition is not held by this process and has no copy in Redis yet");
    redis_server_stop(&server);
}

/* Moves the contact's record to Redis, where it is the only one of its partition, at position 5. */
static void leaves_for_redis(struct world *w, const char *name)
{
    struct hl_slice id = hl_slice_of(name);
    uint64_t hash = hl_hash64(id), token;
    int32_t p = hl_partition_of(id, PARTITIONS);
    struct hl_buf engine, value;
    struct hl_store *store;
    struct hl_error err;
    hl_buf_init(&engine);
    hl_buf_init(&value);
    struct hl_contact *c = hl_table_find(w->api.table, 0, hash, id);
    hl_state_encode(c, w->f.m, &engine);
    hl_avro_put_state(&value, 1, c, w->f.m, hl_buf_slice(&engine), NULL, 0);
    hl_table_remove(w->api.table, c);
    assert_int_equal(hl_warm_open(&w->config, 0, &store, &err), HL_OK);
    assert_int_equal(store->own(store, p, &token, &err), HL_OK);
    const struct hl_store_record r = {id, hash, hl_buf_slice(&value)};
    assert_int_equal(store->write(store, p, token, -1, 5, &r, 1, &err), HL_OK);
    store->free(store);
    hl_buf_fini(&engine);
    hl_buf_fini(&value);
}

static const char *name_of_partition(int32_t p, char name[16])
{
    unsigned i = 0;
    do snprintf(name, 16, "bob%u", i++);
    while (hl_partition_of(hl_slice_of(name), PARTITIONS) != p);
    return name;
}

static void who_left_memory_is_answered_from_redis(void **state)
{
    struct world *w = *state;
    struct redis_server server = {0};
    char name[16], path[64];
    const uint64_t away[HL_STAGE_COUNT] = {[HL_STAGE_LEAD] = 3, [HL_STAGE_MQL] = 2, [HL_STAGE_DISQUALIFIED] = 7};
    int32_t p = add(w, "ann", HL_STAGE_LEAD);
    snprintf(path, sizeof path, "/v1/contacts/%s", name_of_partition((p + 1) % PARTITIONS, name));
    hold_all(w, HL_HOLD_LIVE);
    assert_true(redis_server_start(&server, NULL));
    w->config.redis_url = server.url;
    hl_holdings_set_away(w->api.holdings, p, 0, 5, away);
    expect(w, "/v1/contacts/ann", "", 200, "\"from\":\"memory\"");
    expect(w, path, "", 404, "no such contact; its partition is held by this process"); /* of a partition that nobody left */
    leaves_for_redis(w, "ann");
    expect(w, "/v1/contacts/ann", "", 200, "\"from\":\"redis\"");
    expect(w, "/v1/contacts/ann", "", 200, "\"score\":");
    hl_holdings_set_away(w->api.holdings, p, 0, 6, away); /* what left later is not there: who is not found may be among them, and who is may be older */
    expect(w, "/v1/contacts/ann", "", 503, "the contact is not in memory, and its partition's copy in Redis is being made anew; try again");
    hl_holdings_set_away(w->api.holdings, p, 0, 5, away);
    snprintf(path, sizeof path, "/v1/contacts/%s", name_of_partition(p, name));
    expect(w, path, "", 404, "no such contact, neither in memory nor in Redis; its partition is held by this process");
    hl_holdings_set_away(w->api.holdings, (p + 1) % PARTITIONS, 0, 0, away);
    snprintf(path, sizeof path, "/v1/contacts/%s", name_of_partition((p + 1) % PARTITIONS, name));
    expect(w, path, "", 503, "being made anew"); /* no copy at all */
    w->config.memory_max_bytes = 1 << 20;
    expect(w, "/v1/rank", "stage=mql", 200, ",\"not_ranked\":4}\n"); /* of two partitions */
    expect(w, "/v1/rank", "", 200, ",\"not_ranked\":10}\n");
    w->config.memory_max_bytes = 0;
    expect(w, "/v1/rank", "", 200, "\"of\":4}}\n");
    redis_server_kill(&server);
    expect(w, "/v1/contacts/ann", "", 503, "is held by this process, but the contact is not in memory, and the copy cannot be read: redis 127.0.0.1:");
    redis_server_stop(&server);
}

static void a_rank_covers_what_is_held_and_says_so(void **state)
{
    struct world *w = *state;
    hl_holdings_set(w->api.holdings, add(w, "ann", HL_STAGE_LEAD), 0, HL_HOLD_LIVE);
    int32_t here = hl_partition_of(HL_SLICE_LIT("ann"), PARTITIONS);
    char other[16], memory[80], missing[80];
    unsigned i = 0;
    do snprintf(other, sizeof other, "bob%u", i++);
    while (hl_partition_of(hl_slice_of(other), PARTITIONS) == here);
    int32_t there = add(w, other, HL_STAGE_LEAD);
    snprintf(memory, sizeof memory, "\"source\":{\"memory\":[%d],\"memory_age_ms\":", (int)here);
    snprintf(missing, sizeof missing, "\"redis\":[],\"redis_age_ms\":null,\"missing\":[");
    expect(w, "/v1/rank", "stage=lead", 200, memory);
    expect(w, "/v1/rank", "stage=lead", 200, missing);
    expect(w, "/v1/rank", "stage=lead", 200, "],\"of\":4}}\n");
    expect(w, "/v1/rank", "stage=lead", 200, "\"stage\":\"lead\",\"limit\":50,\"contacts\":[{\"contact_id\":\"ann\",");
    assert_null(strstr((const char *)w->body.data, other));
    expect(w, "/v1/rank", "stage=mql", 200, "\"contacts\":[],");
    hl_holdings_set(w->api.holdings, there, 0, HL_HOLD_LIVE);
    expect(w, "/v1/rank", "", 200, other);
    hl_holdings_set(w->api.holdings, there, 0, HL_HOLD_RESTORING);
    expect(w, "/v1/rank", "stage=lead&limit=2", 200, memory);
    expect(w, "/v1/rank", "stage=lead&limit=2", 200, "\"limit\":2");
    assert_null(strstr((const char *)w->body.data, other));
    hold_all(w, HL_HOLD_ELSEWHERE);
    expect(w, "/v1/rank", "", 503, "the contacts are still being looked through; try again");
}

static void a_wrong_rank_is_told(void **state)
{
    struct world *w = *state;
    expect(w, "/v1/rank", "limit=0", 400, "limit is a number from 1 to 1000, not '0'");
    expect(w, "/v1/rank", "limit=1001", 400, "not '1001'");
    expect(w, "/v1/rank", "limit=", 400, "not ''");
    expect(w, "/v1/rank", "stage=mlq", 400, "stage is one such as lead or mql, not 'mlq'");
    expect(w, "/v1/rank", "stage=disqualified", 400, "the disqualified are not ranked");
    expect(w, "/v1/rank", "stage=mql&top=5", 400, "parameter 'top' is not known");
    expect(w, "/v1/rank", "stage=%22", 400, "not '\\\"'");
}

static void the_model_is_answered_as_data_and_as_a_page(void **state)
{
    struct world *w = *state;
    expect(w, "/v1/model", "", 200, "{\"model\":\"acme\",\"model_version\":\"7\",\"since\":1");
    expect(w, "/v1/model", "", 200,
           ",\"refused\":null,\"preset\":\"sales-touch\",\"sal\":false,\"thresholds\":{"
           "\"mql\":{\"enter\":60,\"exit\":30},\"sql\":{\"enter\":120,\"exit\":80}},\"edges\":[{\"from\":[");
    hl_models_refuse(w->api.models, "model.yaml:7:3: no such key 'pionts'");
    expect(w, "/v1/model", "", 200, ",\"refused\":\"model.yaml:7:3: no such key 'pionts'\",\"preset\"");
    expect(w, "/v1/model", "", 200, ",\"direction\":\"advance\",\"row\":\"");
    expect(w, "/v1/model", "", 200, "}],\"markdown\":\"# ");
    const char *page = get(w, "/v1/model", "", "text/html, text/markdown;q=0.9");
    assert_string_equal(w->content_type, "text/markdown; charset=utf-8");
    assert_memory_equal(page, "# ", 2);
    assert_non_null(strstr(page, "acme"));
    expect(w, "/v1/model", "v=1", 400, "parameter 'v' is not known");
}

static void a_ticket_changes_whenever_a_hold_is_set(void **state)
{
    struct world *w = *state;
    struct hl_holdings *h = w->api.holdings;
    assert_int_equal(hl_holdings_partitions(h), PARTITIONS);
    uint64_t before = hl_holdings_ticket(h, 3);
    assert_int_equal(hl_holdings_of(before), HL_HOLD_ELSEWHERE);
    hl_holdings_set(h, 3, 0, HL_HOLD_LIVE);
    uint64_t live = hl_holdings_ticket(h, 3);
    assert_int_equal(hl_holdings_of(live), HL_HOLD_LIVE);
    hl_holdings_set(h, 3, 0, HL_HOLD_LIVE);
    assert_true(hl_holdings_ticket(h, 3) != live);
    assert_int_equal(hl_holdings_ticket(h, 2), before);
    hl_holdings_set(NULL, 3, 0, HL_HOLD_LIVE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_contact_is_answered_from_the_table, make_world, drop_world),
        cmocka_unit_test_setup_teardown(the_explanation_is_that_of_the_command, make_world, drop_world),
        cmocka_unit_test_setup_teardown(what_is_not_there_is_told_with_where_was_looked, make_world, drop_world),
        cmocka_unit_test_setup_teardown(a_redis_that_is_away_is_told, make_world, drop_world),
        cmocka_unit_test_setup_teardown(who_left_memory_is_answered_from_redis, make_world, drop_world),
        cmocka_unit_test_setup_teardown(a_rank_covers_what_is_held_and_says_so, make_world, drop_world),
        cmocka_unit_test_setup_teardown(a_wrong_rank_is_told, make_world, drop_world),
        cmocka_unit_test_setup_teardown(the_model_is_answered_as_data_and_as_a_page, make_world, drop_world),
        cmocka_unit_test_setup_teardown(a_ticket_changes_whenever_a_hold_is_set, make_world, drop_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
