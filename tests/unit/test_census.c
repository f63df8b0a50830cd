/* Two processes, made by hand, that share a store: each knows the counts, the hottest and the funnel of both. */
#include "app/census.h"
#include "app/census_note.h"
#include "core_fixture.h"
#include "fake_store.h"
#include "hotlead/adapter/avro.h"
#include "hotlead/base/clock.h"

#include <time.h>

#define PARTITIONS 4
#define WAIT_MS 10000

struct process {
    struct hl_table *table;
    struct hl_holdings *holdings;
    struct hl_flow *flow;
    struct hl_flow_batch *batch;
    struct hl_census *census;
    struct hl_models *models;
};

struct world {
    struct fx f;
    struct fake_server *server;
    struct process one, two;
};

static void process_make(struct world *w, struct process *p)
{
    p->table = hl_table_new(16);
    p->holdings = hl_holdings_new(PARTITIONS);
    p->flow = hl_flow_new(PARTITIONS);
    p->batch = hl_flow_batch_new();
    p->models = hl_models_new(w->f.m, 1);
    p->census = hl_census_new(&(struct hl_census_config){.table = p->table, .holdings = p->holdings, .models = p->models, .flow = p->flow});
    assert_non_null(p->census);
}

static void process_drop(struct process *p)
{
    hl_census_free(p->census);
    hl_flow_batch_free(p->batch);
    hl_flow_free(p->flow);
    hl_holdings_free(p->holdings);
    hl_table_free(p->table);
    hl_models_free(p->models);
}

static int make_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    fx_init(&w->f);
    fx_usual(&w->f);
    fx_rule(&w->f, "page", FX_TYPE(PAGE_VIEWED), 40, 10 * FX_DAY);
    w->f.m->name = strdup("acme");
    w->f.m->version = strdup("7");
    fx_seal(&w->f);
    w->server = fake_server_new();
    process_make(w, &w->one);
    process_make(w, &w->two);
    *state = w;
    return 0;
}

static int drop_world(void **state)
{
    struct world *w = *state;
    process_drop(&w->one);
    process_drop(&w->two);
    fake_server_free(w->server);
    fx_fini(&w->f);
    free(w);
    return 0;
}

static void hold(struct process *p, int32_t partition, enum hl_hold hold)
{
    hl_holdings_set(p->holdings, partition, 0, hold);
    if (hold == HL_HOLD_LIVE) assert_int_equal(hl_flow_begin(p->flow, partition, 77), HL_OK);
}

/* The n-th id that begins like this and belongs to the partition. */
static const char *id_in(const char *prefix, int32_t partition, unsigned n, char id[32])
{
    for (unsigned i = 0;; i++) {
        snprintf(id, 32, "%s%u", prefix, i);
        if (hl_partition_of(hl_slice_of(id), PARTITIONS) == partition && n-- == 0) return id;
    }
}

/* A contact who viewed that many pages just now. */
static void add(struct world *w, struct process *p, const char *name, enum hl_stage stage, unsigned views)
{
    struct hl_slice id = hl_slice_of(name);
    uint64_t hash = hl_hash64(id);
    struct hl_slab *slab = hl_table_acquire(p->table, 0, hash);
    struct hl_contact *c = hl_table_put(p->table, 0, hash, id, (uint16_t)hl_partition_of(id, PARTITIONS), NULL);
    assert_non_null(c);
    for (unsigned i = 0; i < views; i++) {
        struct hl_event ev = fx_event(&w->f, HL_EVENT_PAGE_VIEWED, hl_clock_wall_ms());
        ev.contact_id = id;
        assert_int_equal(hl_apply(c, slab, w->f.m, NULL, &ev, HL_APPLY_LIVE, &w->f.out), HL_OK);
    }
    c->stage = (uint8_t)stage;
    hl_table_release(p->table, 0, hash);
}

/* A committed transition of the contact. */
static void moves(struct process *p, const char *name, enum hl_stage from, enum hl_stage to)
{
    struct hl_transition t = {.from = from, .to = to, .seq = 1, .time_in_from_ms = 5000, .sla_due = HL_NO_TIME};
    struct hl_transition_record r = {.contact_id = hl_slice_of(name), .transition = &t, .model = "acme", .model_version = "7"};
    struct hl_buf b;
    hl_buf_init(&b);
    hl_avro_put_transition(&b, 2, &r);
    hl_flow_note(p->batch, hl_partition_of(r.contact_id, PARTITIONS), from, to, 5000, hl_buf_slice(&b));
    hl_flow_commit(p->flow, p->batch);
    hl_buf_fini(&b);
}

static void start(struct world *w, struct process *p)
{
    struct hl_error err = {0};
    assert_int_equal(hl_census_start(p->census, fake_store_new(w->server), &err), HL_OK);
}

static enum hl_status ask_rank(struct world *w, struct process *p, int stage, struct hl_rank *r, struct hl_census_source *s)
{
    assert_int_equal(hl_rank_init(r, w->f.m, stage, 50, hl_clock_wall_ms()), HL_OK);
    assert_int_equal(hl_census_source_init(s, p->census), HL_OK);
    return hl_census_rank(p->census, 100, r, s);
}

/* Waits until the ranking of the stage is these names, in order. */
static void expect_rank(struct world *w, struct process *p, int stage, const char *wanted, const char *from)
{
    char got[400] = "", where[PARTITIONS + 1] = "";
    int64_t until = hl_clock_mono_ns() + WAIT_MS * INT64_C(1000000);
    do {
        struct hl_rank r;
        struct hl_census_source s;
        size_t n = 0;
        got[0] = '\0';
        if (ask_rank(w, p, stage, &r, &s) == HL_OK)
            for (size_t i = 0; i < r.n; i++)
                n += (size_t)snprintf(got + n, sizeof got - n, "%s%.*s", i ? " " : "", HL_SLICE_ARG(r.items[i].id));
        for (int i = 0; i < PARTITIONS; i++) where[i] = "-mr"[s.from[i]];
        hl_rank_fini(&r);
        hl_census_source_fini(&s);
        if (strcmp(got, wanted) == 0 && strcmp(where, from) == 0) return;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    } while (hl_clock_mono_ns() < until);
    fail_msg("'%s' from %s, wanted '%s' from %s", got, where, wanted, from);
}

static uint64_t moved_to_mql(struct process *p, uint64_t now[HL_STAGE_COUNT], int64_t *since)
{
    struct hl_funnel *f = calloc(1, sizeof *f);
    struct hl_census_source s;
    memset(now, 0, HL_STAGE_COUNT * sizeof *now);
    assert_int_equal(hl_census_source_init(&s, p->census), HL_OK);
    (void)!hl_census_funnel(p->census, 100, f, now, &s);
    uint64_t n = f->moves[HL_STAGE_LEAD][HL_STAGE_MQL];
    *since = f->since;
    hl_census_source_fini(&s);
    free(f);
    return n;
}

static void expect_funnel(struct process *p, uint64_t leads, uint64_t mqls, uint64_t moved)
{
    uint64_t now[HL_STAGE_COUNT], n = 0;
    int64_t until = hl_clock_mono_ns() + WAIT_MS * INT64_C(1000000), since = 0;
    do {
        n = moved_to_mql(p, now, &since);
        if (now[HL_STAGE_LEAD] == leads && now[HL_STAGE_MQL] == mqls && n == moved && since == 77) return;
        nanosleep(&(struct timespec){.tv_nsec = 20000000}, NULL);
    } while (hl_clock_mono_ns() < until);
    fail_msg("%d leads, %d mqls, %d moved since %d", (int)now[HL_STAGE_LEAD], (int)now[HL_STAGE_MQL], (int)n, (int)since);
}

static void each_process_knows_the_figures_of_all(void **state)
{
    struct world *w = *state;
    char a[32], b[32], c[32], wanted[100];
    for (int p = 0; p < PARTITIONS; p++) hold(p < 2 ? &w->one : &w->two, p, HL_HOLD_LIVE);
    add(w, &w->one, id_in("ann", 0, 0, a), HL_STAGE_MQL, 1);
    add(w, &w->two, id_in("bob", 2, 0, b), HL_STAGE_MQL, 3);
    add(w, &w->two, id_in("cat", 3, 0, c), HL_STAGE_LEAD, 2);
    moves(&w->one, a, HL_STAGE_LEAD, HL_STAGE_MQL);
    moves(&w->two, b, HL_STAGE_LEAD, HL_STAGE_MQL);
    start(w, &w->one);
    start(w, &w->two);
    snprintf(wanted, sizeof wanted, "%s %s", b, a);
    expect_rank(w, &w->one, HL_STAGE_MQL, wanted, "mmrr");
    expect_rank(w, &w->two, HL_STAGE_MQL, wanted, "rrmm");
    snprintf(wanted, sizeof wanted, "%s %s %s", b, c, a);
    expect_rank(w, &w->one, HL_RANK_ANY, wanted, "mmrr");
    expect_funnel(&w->one, 1, 2, 2);
    expect_funnel(&w->two, 1, 2, 2);
}

/* The figures of a partition go with it to its next holder, and count on there. */
static void who_left_memory_counts(void **state)
{
    struct world *w = *state;
    char a[32];
    const uint64_t away[HL_STAGE_COUNT] = {[HL_STAGE_LEAD] = 3, [HL_STAGE_MQL] = 2};
    for (int p = 0; p < PARTITIONS; p++) hold(p < 2 ? &w->one : &w->two, p, HL_HOLD_LIVE);
    add(w, &w->one, id_in("ann", 0, 0, a), HL_STAGE_MQL, 1);
    moves(&w->one, a, HL_STAGE_LEAD, HL_STAGE_MQL);
    hl_holdings_set_away(w->one.holdings, 1, 0, 55, away);
    hl_holdings_set_away(w->one.holdings, 2, 1, 55, away); /* by a worker that does not hold it */
    start(w, &w->one);
    start(w, &w->two);
    expect_funnel(&w->one, 3, 3, 1);
    expect_funnel(&w->two, 3, 3, 1);
}

static void figures_follow_their_partition(void **state)
{
    struct world *w = *state;
    char a[32];
    id_in("ann", 0, 0, a);
    start(w, &w->one);
    for (int p = 0; p < PARTITIONS; p++) hold(&w->one, p, HL_HOLD_LIVE);
    add(w, &w->one, a, HL_STAGE_MQL, 1);
    moves(&w->one, a, HL_STAGE_LEAD, HL_STAGE_MQL);
    expect_funnel(&w->one, 0, 1, 1);
    for (int p = 0; p < PARTITIONS; p++) hold(&w->one, p, HL_HOLD_ELSEWHERE);
    hl_census_stop(w->one.census); /* writes them */
    start(w, &w->two);
    hold(&w->two, 0, HL_HOLD_LIVE);
    add(w, &w->two, a, HL_STAGE_MQL, 1);
    expect_funnel(&w->two, 0, 1, 1); /* not yet two: it moved once */
    moves(&w->two, a, HL_STAGE_LEAD, HL_STAGE_MQL);
    expect_funnel(&w->two, 0, 1, 2);
}

static void who_moved_since_the_walk_is_there_at_once(void **state)
{
    struct world *w = *state;
    char a[32], b[32], wanted[100];
    id_in("ann", 0, 0, a);
    id_in("bob", 1, 0, b);
    for (int p = 0; p < PARTITIONS; p++) hold(&w->one, p, HL_HOLD_LIVE);
    add(w, &w->one, a, HL_STAGE_LEAD, 1);
    start(w, &w->one);
    expect_rank(w, &w->one, HL_STAGE_LEAD, a, "mmmm");
    hl_census_stop(w->one.census); /* no other walk by itself */
    add(w, &w->one, b, HL_STAGE_MQL, 1);
    moves(&w->one, b, HL_STAGE_LEAD, HL_STAGE_MQL);
    snprintf(wanted, sizeof wanted, "%s", b);
    expect_rank(w, &w->one, HL_STAGE_MQL, wanted, "mmmm");
}

static void without_a_store_the_own_figures_are_there(void **state)
{
    struct world *w = *state;
    struct hl_error err = {0};
    char a[32];
    hold(&w->one, 0, HL_HOLD_LIVE);
    add(w, &w->one, id_in("ann", 0, 0, a), HL_STAGE_MQL, 1);
    assert_int_equal(hl_census_start(w->one.census, NULL, &err), HL_OK);
    moves(&w->one, a, HL_STAGE_LEAD, HL_STAGE_MQL);
    expect_rank(w, &w->one, HL_STAGE_MQL, a, "m---");
    expect_funnel(&w->one, 0, 1, 1);
}

/* A store that is away costs the others' figures only, and they come when it is back. */
static void a_store_that_is_away_is_waited_for(void **state)
{
    struct world *w = *state;
    char a[32], b[32], wanted[100];
    fake_server_fail(w->server, -1);
    hold(&w->one, 0, HL_HOLD_LIVE);
    hold(&w->two, 2, HL_HOLD_LIVE);
    add(w, &w->one, id_in("ann", 0, 0, a), HL_STAGE_MQL, 1);
    add(w, &w->two, id_in("bob", 2, 0, b), HL_STAGE_MQL, 2);
    start(w, &w->one);
    start(w, &w->two);
    expect_rank(w, &w->one, HL_STAGE_MQL, a, "m---");
    fake_server_fail(w->server, 0);
    snprintf(wanted, sizeof wanted, "%s %s", b, a);
    struct hl_rank r;
    struct hl_census_source s;
    (void)!ask_rank(w, &w->two, HL_STAGE_MQL, &r, &s); /* it is wanted: it walks every second */
    hl_rank_fini(&r);
    hl_census_source_fini(&s);
    expect_rank(w, &w->one, HL_STAGE_MQL, wanted, "m-r-");
}

static void notes_come_back_and_damage_is_refused(void **state)
{
    uint64_t counts[HL_STAGE_COUNT] = {1, 2, 3}, got[HL_STAGE_COUNT];
    struct hl_rank_item i = {.id = HL_SLICE_LIT("ann"), .owner = HL_SLICE_LIT("us-1"), .score = -5, .since = 9, .sla_due = HL_NO_TIME,
                             .stage = HL_STAGE_MQL, .kind = HL_KIND_ACTIVE, .grade = 'A', .suspect = true}, back;
    struct hl_reader r;
    struct hl_buf b;
    int64_t at;
    (void)state;
    hl_buf_init(&b);
    hl_census_note_begin(&b, 1234, counts);
    hl_census_note_item(&b, &i);
    i.owner = HL_SLICE_NULL;
    i.sla_due = 99;
    hl_census_note_item(&b, &i);
    hl_census_note_end(&b);
    assert_int_equal(hl_census_note_open(&r, hl_buf_slice(&b), &at, got), HL_OK);
    assert_int_equal(at, 1234);
    assert_memory_equal(got, counts, sizeof got);
    assert_true(hl_census_note_next(&r, &back));
    assert_true(back.score == -5 && back.grade == 'A' && back.suspect && back.sla_due == HL_NO_TIME && back.kind == HL_KIND_ACTIVE);
    assert_true(hl_slice_eq_cstr(back.id, "ann") && hl_slice_eq_cstr(back.owner, "us-1"));
    assert_true(hl_census_note_next(&r, &back));
    assert_true(hl_slice_is_null(back.owner) && back.sla_due == 99);
    assert_false(hl_census_note_next(&r, &back));
    assert_false(r.failed);
    for (size_t cut = 0; cut < b.len; cut++) {
        if (hl_census_note_open(&r, (struct hl_slice){(const char *)b.data, cut}, &at, got) != HL_OK) continue;
        while (hl_census_note_next(&r, &back)) continue;
        assert_true(r.failed);
    }
    hl_buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_process_knows_the_figures_of_all, make_world, drop_world),
        cmocka_unit_test_setup_teardown(who_left_memory_counts, make_world, drop_world),
        cmocka_unit_test_setup_teardown(figures_follow_their_partition, make_world, drop_world),
        cmocka_unit_test_setup_teardown(who_moved_since_the_walk_is_there_at_once, make_world, drop_world),
        cmocka_unit_test_setup_teardown(without_a_store_the_own_figures_are_there, make_world, drop_world),
        cmocka_unit_test_setup_teardown(a_store_that_is_away_is_waited_for, make_world, drop_world),
        cmocka_unit_test(notes_come_back_and_damage_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
