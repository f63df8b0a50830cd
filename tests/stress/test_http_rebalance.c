/* A partition comes and goes under a reader: its contact is answered whole, or the request is refused; it is never said not to be there.
 * Threads only count; the main thread asserts. */
#include "core_fixture.h"
#include "app/census.h"
#include "hotlead/app/http_api.h"

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>

enum { LIVES = 10000, CONTACTS = 8 };

static struct fx f;
static struct hl_table *table;
static struct hl_holdings *holdings;
static struct hl_flow *flow;
static struct hl_models *models;
static struct hl_census *census;
static _Atomic bool over;
static char names[CONTACTS][16];

static void restore(void)
{
    for (int i = 0; i < CONTACTS; i++) {
        struct hl_slice id = hl_slice_of(names[i]);
        uint64_t hash = hl_hash64(id);
        struct hl_slab *slab = hl_table_acquire(table, 0, hash);
        struct hl_contact *c = hl_table_put(table, 0, hash, id, 0, NULL);
        struct hl_contact_ext *ext = c ? hl_contact_ext(c, slab, f.m) : NULL;
        if (ext) ext->manual = HL_FIXED_OF_INT(7); /* a contact without it was seen half restored */
        hl_table_release(table, 0, hash);
    }
}

/* As a worker does: see come_to_life and hl_drop_partitions. */
static void *live(void *arg)
{
    (void)arg;
    for (int i = 0; i < LIVES; i++) {
        hl_holdings_set(holdings, 0, 0, HL_HOLD_RESTORING);
        restore();
        hl_holdings_set(holdings, 0, 0, HL_HOLD_LIVE);
        for (int k = 0; k < 60; k++) (void)hl_table_stats(table); /* a moment */
        hl_holdings_set(holdings, 0, 0, HL_HOLD_ELSEWHERE);
        hl_table_drop(table, 0, 0);
    }
    over = true;
    return NULL;
}

struct tally {
    unsigned good, refused, wrong;
};

static bool contact_is_whole(const char *body)
{
    return strstr(body, "\"score\":7,");
}

/* All contacts of the partition, or none of a process that holds nothing. */
static bool rank_is_whole(const char *body)
{
    size_t n = 0;
    for (const char *at = body; (at = strstr(at, "\"score\":7,")); at++) n++;
    return strstr(body, "\"memory\":[0]") ? n == CONTACTS : n == 0;
}

static void ask(struct hl_http_api *api, const char *path, bool (*is_whole)(const char *), struct tally *t)
{
    struct hl_http_response r = {.status = 200};
    hl_buf_init(&r.body);
    hl_http_api_handle(api, &(struct hl_http_request){.path = path, .raw_path = path, .query = "", .accept = ""}, &r);
    hl_buf_put_u8(&r.body, 0);
    t->good += r.status == 200;
    t->refused += r.status == 503;
    t->wrong += r.status == 200 ? !is_whole((const char *)r.body.data) : r.status != 503;
    hl_buf_fini(&r.body);
}

static char empty[] = "";
static struct hl_config config = {.redis_url = empty};
static struct hl_http_api api;

static int make_world(void **state)
{
    (void)state;
    fx_init(&f);
    fx_seal(&f);
    table = hl_table_new(4);
    holdings = hl_holdings_new(1);
    if (!table || !holdings) return -1;
    for (int i = 0; i < CONTACTS; i++) snprintf(names[i], sizeof names[i], "c%d", i);
    struct hl_health *health = hl_health_new(1, 0, 0);
    if (!health) return -1;
    hl_health_set_partitions(health, 0, 1, 1); /* ready all the time: what is tested is what holds without it */
    flow = hl_flow_new(1);
    models = hl_models_new(f.m, 1);
    if (flow && models) census = hl_census_new(&(struct hl_census_config){.table = table, .holdings = holdings, .models = models, .flow = flow});
    if (!census) return -1;
    api = (struct hl_http_api){.health = health, .table = table, .config = &config, .models = models, .holdings = holdings, .census = census, .flow = flow};
    return 0;
}

static int drop_world(void **state)
{
    (void)state;
    hl_http_api_fini(&api);
    hl_census_free(census);
    hl_flow_free(flow);
    hl_table_free(table);
    hl_models_free(models);
    hl_holdings_free(holdings);
    hl_health_free(api.health);
    fx_fini(&f);
    return 0;
}

static void a_contact_is_never_denied_while_its_partition_moves(void **state)
{
    pthread_t thread;
    struct tally contact = {0}, rank = {0};
    (void)state;
    over = false;
    assert_int_equal(pthread_create(&thread, NULL, live, NULL), 0);
    for (unsigned n = 0; !over; n++) {
        char path[40];
        snprintf(path, sizeof path, "/v1/contacts/%s", names[n % CONTACTS]);
        ask(&api, path, contact_is_whole, &contact);
        if (n % 4) continue;
        ask(&api, "/v1/rank", rank_is_whole, &rank);
    }
    pthread_join(thread, NULL);
    print_message("contact: %u answered, %u refused; rank: %u, %u\n", contact.good, contact.refused, rank.good, rank.refused);
    assert_int_equal(contact.wrong, 0);
    assert_int_equal(rank.wrong, 0);
}

struct question {
    const char *path;
    struct tally t;
};

static bool never(const char *body)
{
    (void)body;
    return false;
}

static void *ask_once(void *arg)
{
    struct question *q = arg;
    ask(&api, q->path, never, &q->t);
    return NULL;
}

/* The reader has seen the partition live and waits for the stripe, in which the contact lies no more when its turn comes. (If it is late
 * by more than we wait, it is refused for the plainer reason.) */
static void what_left_while_the_reader_waited_is_refused(const char *path)
{
    struct hl_slice id = hl_slice_of(names[0]);
    uint64_t hash = hl_hash64(id);
    struct question q = {.path = path};
    pthread_t thread;
    restore();
    hl_holdings_set(holdings, 0, 0, HL_HOLD_LIVE);
    hl_table_acquire(table, 0, hash);
    int started = pthread_create(&thread, NULL, ask_once, &q);
    nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
    hl_holdings_set(holdings, 0, 0, HL_HOLD_RESTORING);
    hl_table_remove(table, hl_table_find(table, 0, hash, id));
    hl_table_release(table, 0, hash);
    assert_int_equal(started, 0);
    pthread_join(thread, NULL);
    assert_int_equal(q.t.refused, 1);
    assert_int_equal(q.t.wrong, 0);
}

static void a_contact_that_leaves_under_the_reader_is_refused(void **state)
{
    (void)state;
    what_left_while_the_reader_waited_is_refused("/v1/contacts/c0");
}

static void a_rank_that_loses_a_partition_on_the_way_is_refused(void **state)
{
    (void)state;
    what_left_while_the_reader_waited_is_refused("/v1/rank");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_contact_is_never_denied_while_its_partition_moves, make_world, drop_world),
        cmocka_unit_test_setup_teardown(a_contact_that_leaves_under_the_reader_is_refused, make_world, drop_world),
        cmocka_unit_test_setup_teardown(a_rank_that_loses_a_partition_on_the_way_is_refused, make_world, drop_world),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
