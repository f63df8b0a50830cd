/* The edges that are described are those that contacts take: random lives through random models take no other, and all of
 * them. */
#include <string.h>

#include "hotlead/core/edges.h"
#include "random_life.h"

#define LIVES 16000
#define EVENTS 40
#define MAX_EDGES 64

static bool is_edge(const struct hl_edge *e, const struct hl_transition *t)
{
    bool by_time = t->cause == HL_CAUSE_DECAY && e->cause == HL_CAUSE_SCORE && e->direction == HL_DIRECTION_REGRESS;
    return (e->from >> t->from & 1) && e->to == t->to && (e->kind == HL_KIND_NONE || e->kind == t->kind) &&
           e->direction == t->direction && (e->cause == t->cause || by_time);
}

static void assert_is_edge(const struct hl_model *m, const struct hl_transition *t, uint64_t *seen)
{
    struct hl_edge edges[MAX_EDGES];
    size_t n = hl_edges(m, edges, MAX_EDGES);
    bool found = t->cause == HL_CAUSE_MANUAL || (!m->sal && t->from == HL_STAGE_SAL); /* put there by hand */
    for (size_t i = 0; i < n && i < MAX_EDGES; i++) {
        if (!is_edge(&edges[i], t)) continue;
        found = true;
        *seen |= UINT64_C(1) << i;
    }
    if (!found)
        fail_msg("%s to %s, %s by %s, is described by no edge", hl_stage_name(t->from), hl_stage_name(t->to),
                 hl_direction_name(t->direction), hl_cause_name(t->cause));
}

/* One life; the edges that it takes are noted for the kind of model that it goes through. */
static void live(uint64_t *r, uint64_t seen[4])
{
    struct fx f;
    struct hl_kv kv[2];
    fx_random_model(&f, r);
    unsigned model = f.m->sal * 2u + f.m->score_driven;
    for (int i = 0, day = 10; i < EVENTS; i++, day += fx_random(r) % 8 ? 2 : 40) { /* now and then long enough to cool down */
        struct hl_event ev = fx_random_event(&f, day, kv, r);
        if (fx_random(r) % 32 == 0) kv[1] = (struct hl_kv){HL_SLICE_LIT("title"), HL_SLICE_LIT("student")};
        if (fx_random(r) % 8 == 0)
            ev.type = fx_random(r) % 2 ? HL_EVENT_LEAD_ACCEPTED : HL_EVENT_FILE_DOWNLOADED; /* the way to row 6 is long */
        fx_apply(&f, &ev, HL_APPLY_LIVE);
        for (unsigned k = 0; k < f.out.n_transitions; k++) assert_is_edge(f.m, &f.out.transitions[k], &seen[model]);
    }
    fx_fini(&f);
}

static void random_lives_take_the_edges_described_and_no_others(void **state)
{
    (void)state;
    uint64_t r = fx_seed(), seen[4] = {0};
    struct hl_edge edges[MAX_EDGES];
    for (int i = 0; i < LIVES; i++) live(&r, seen);
    struct fx f;
    fx_random_model(&f, &r);
    for (unsigned model = 0; model < 4; model++) {
        f.m->sal = model & 2;
        f.m->score_driven = model & 1;
        size_t n = hl_edges(f.m, edges, MAX_EDGES);
        for (size_t i = 0; i < n; i++)
            if (!(seen[model] >> i & 1))
                fail_msg("model %u: no life took row %s to %s", model, edges[i].row, hl_stage_name(edges[i].to));
    }
    fx_fini(&f);
}

static void edges_that_a_model_switches_off_are_left_out(void **state)
{
    (void)state;
    struct fx f;
    struct hl_edge edges[MAX_EDGES];
    fx_init(&f);
    fx_seal(&f);
    size_t n = hl_edges(f.m, edges, MAX_EDGES);
    for (size_t i = 0; i < n; i++) {
        assert_false(edges[i].to == HL_STAGE_MQL || edges[i].to == HL_STAGE_SAL);
        assert_false(edges[i].from & FX_STAGE(SAL));
    }
    assert_true(hl_edges(f.m, edges, 0) == n && n > 0);
    fx_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_lives_take_the_edges_described_and_no_others),
        cmocka_unit_test(edges_that_a_model_switches_off_are_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
