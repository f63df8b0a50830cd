/* The packed block of a contact against arrays: whatever is put is what comes back, whatever its numbers are, and nothing else moves. */
#include "core/ledger.h"
#include "core_fixture.h"

#define RULES 40
#define STEPS 3000

struct model {
    struct hl_entry entries[RULES]; /* by rule; one with neither row nor window is not there */
    uint64_t ids[HL_EVENT_IDS];
    unsigned n_ids;
};

/* Of any length, and near its limits. */
static uint64_t number(uint64_t *r, unsigned bits)
{
    uint64_t v = fx_random(r) >> (fx_random(r) % 64) >> (64 - bits);
    return fx_random(r) % 4 ? v : (UINT64_MAX >> (64 - bits)) - v;
}

static struct hl_entry random_entry(uint64_t *r, uint16_t rule)
{
    struct hl_entry e = {{.rule = rule}, {{-1, -1}, {0, 0}, rule}, fx_random(r) % 4 > 0};
    if (e.has_row) {
        bool small = fx_random(r) % 2;
        e.row.near_hi = small ? (int32_t)number(r, 32) : (int64_t)number(r, 64);
        e.row.near_lo = (uint32_t)number(r, 32);
        e.row.far = (int64_t)number(r, 64);
        e.row.epoch = (uint32_t)number(r, 32);
        e.row.count = (uint32_t)number(r, 32);
    }
    unsigned windows = (unsigned)(fx_random(r) % 3);
    if (windows > 0) {
        e.window.window[0] = (int64_t)number(r, 63);
        e.window.count[0] = (uint32_t)number(r, 32);
    }
    if (windows > 1 && e.window.window[0] > 0) {
        e.window.window[1] = e.window.window[0] - 1 - (int64_t)(number(r, 63) % (uint64_t)e.window.window[0]);
        e.window.count[1] = (uint32_t)number(r, 32);
    }
    return e;
}

static bool is_there(const struct hl_entry *e)
{
    return e->has_row || e->window.window[0] >= 0;
}

static void assert_same_entry(const struct hl_entry *a, const struct hl_entry *b)
{
    assert_int_equal(a->has_row, b->has_row);
    fx_same_rows(a->row, b->row);
    assert_int_equal(a->window.rule, b->window.rule);
    for (int k = 0; k < 2; k++) {
        assert_int_equal(a->window.window[k], b->window.window[k]);
        assert_int_equal(a->window.count[k], b->window.count[k]);
    }
}

static void assert_same(const struct hl_contact *c, const struct model *m)
{
    struct hl_entry e;
    struct hl_row row;
    struct hl_window w;
    size_t next = 0, rows = 0, windows = 0;
    unsigned n_rows = 0, n_windows = 0;
    for (unsigned i = 0; i < RULES; i++) {
        const struct hl_entry *want = &m->entries[i];
        hl_ledger_seek(c, &(size_t){0}, (uint16_t)i, &e);
        assert_same_entry(&e, want);
        if (is_there(want)) assert_true(hl_ledger_next(c, &next, &e));
        if (is_there(want)) assert_same_entry(&e, want);
        assert_int_equal(hl_contact_row(c, (uint16_t)i, &row), want->has_row);
        if (want->has_row) assert_true(hl_contact_next_row(c, &rows, &row));
        if (want->has_row) fx_same_rows(row, want->row);
        if (want->window.window[0] >= 0) assert_true(hl_contact_next_window(c, &windows, &w));
        if (want->window.window[0] >= 0) assert_int_equal(w.rule, i);
        n_rows += want->has_row;
        n_windows += want->window.window[0] >= 0;
    }
    assert_false(hl_ledger_next(c, &next, &e) || hl_contact_next_row(c, &rows, &row) || hl_contact_next_window(c, &windows, &w));
    assert_int_equal(c->body->n_rows, n_rows);
    assert_int_equal(c->body->n_windows, n_windows);
    assert_int_equal(c->body->n_event_ids, m->n_ids);
    for (unsigned i = 0; i < m->n_ids; i++) {
        assert_true(hl_event_ids_at(c, i) == m->ids[i]);
        assert_true(hl_event_ids_has(c, m->ids[i]));
    }
    assert_true(hl_slice_eq_cstr(hl_contact_id(c), FX_CONTACT));
}

static void put(struct fx *f, struct model *m, uint64_t *r)
{
    uint16_t rule = (uint16_t)(fx_random(r) % RULES);
    size_t pos = 0;
    /* several in the order of their rules, as those of an event come */
    for (unsigned n = 1 + (unsigned)(fx_random(r) % 3); n > 0 && rule < RULES; n--, rule = (uint16_t)(rule + 1 + fx_random(r) % 5)) {
        struct hl_entry was;
        hl_ledger_seek(&f->c, &pos, rule, &was);
        assert_same_entry(&was, &m->entries[rule]);
        m->entries[rule] = random_entry(r, rule);
        assert_int_equal(hl_ledger_put(&f->c, &f->slab, &pos, &m->entries[rule]), HL_OK);
    }
}

static void remember(struct fx *f, struct model *m, uint64_t *r)
{
    uint64_t hash = fx_random(r) | 1;
    assert_false(hl_event_ids_has(&f->c, hash));
    assert_int_equal(hl_event_ids_add(&f->c, &f->slab, hash), HL_OK);
    if (m->n_ids == HL_EVENT_IDS) memmove(m->ids, m->ids + 1, sizeof m->ids - sizeof m->ids[0]);
    else m->n_ids++;
    m->ids[m->n_ids - 1] = hash;
}

static void what_is_put_comes_back(void **state)
{
    uint64_t r = fx_seed();
    (void)state;
    struct fx f;
    struct model m = {.n_ids = 0};
    fx_init(&f);
    fx_seal(&f);
    for (uint16_t i = 0; i < RULES; i++) m.entries[i] = (struct hl_entry){{.rule = i}, {{-1, -1}, {0, 0}, i}, false};
    for (int step = 0; step < STEPS; step++) {
        unsigned what = (unsigned)(fx_random(&r) % 64);
        if (what < 40) put(&f, &m, &r);
        else if (what < 60) remember(&f, &m, &r);
        else if (what == 60) hl_body_shrink(&f.c, &f.slab);
        else if (what == 61) {
            hl_ledger_drop_rows(&f.c);
            for (uint16_t i = 0; i < RULES; i++) m.entries[i].has_row = false, m.entries[i].row = (struct hl_row){.rule = i};
        } else if (what == 62) {
            hl_event_ids_clear(&f.c);
            m.n_ids = 0;
        }
        assert_same(&f.c, &m);
    }
    fx_fini(&f);
}

static size_t left;

static void *failing_alloc(size_t n)
{
    return left && left-- ? malloc(n) : NULL;
}

static void without_memory_nothing_is_changed(void **state)
{
    uint64_t r = fx_seed();
    (void)state;
    struct fx f;
    fx_init(&f);
    fx_seal(&f);
    struct hl_entry e = random_entry(&r, 7), there;
    e.has_row = true;
    e.window.window[0] = 1;
    size_t pos = 0;
    assert_int_equal(hl_ledger_put(&f.c, &f.slab, &pos, &e), HL_OK);
    hl_body_shrink(&f.c, &f.slab);
    memset(f.slab.free, 0, sizeof f.slab.free);
    f.slab.p = f.slab.end;
    hl_slab_system_alloc = failing_alloc;
    unsigned refused = 0;
    for (uint16_t rule = 8; rule < 16; rule++) { /* the block has a few bytes to spare */
        struct hl_entry more = e;
        more.row.rule = more.window.rule = rule;
        pos = 0;
        hl_ledger_seek(&f.c, &pos, rule, &there);
        refused += hl_ledger_put(&f.c, &f.slab, &pos, &more) == HL_E_NOMEM;
    }
    unsigned n = hl_contact_n_rows(&f.c);
    assert_true(refused > 0);
    for (unsigned i = 0; i < 4; i++) assert_in_range(hl_event_ids_add(&f.c, &f.slab, 1 + i), HL_OK, HL_E_NOMEM);
    hl_slab_system_alloc = malloc;
    assert_int_equal(hl_contact_n_rows(&f.c), n);
    assert_true(hl_contact_row(&f.c, 7, &there.row));
    fx_same_rows(there.row, e.row);
    fx_fini(&f);
}

static void an_id_may_be_long_and_empty_but_not_without_end(void **state)
{
    struct hl_slab slab;
    struct hl_contact c;
    static char long_id[UINT16_MAX + 1];
    (void)state;
    hl_slab_init(&slab);
    memset(long_id, 'x', sizeof long_id);
    assert_int_equal(hl_contact_init(&c, &slab, 1, (struct hl_slice){long_id, sizeof long_id}, 0), HL_E_TOO_LARGE);
    for (size_t len = 0; len <= UINT16_MAX; len += UINT16_MAX / 5) {
        assert_int_equal(hl_contact_init(&c, &slab, 1, (struct hl_slice){long_id, len}, 0), HL_OK);
        assert_int_equal(hl_event_ids_add(&c, &slab, 5), HL_OK);
        struct hl_row row = {.near_hi = -1, .near_lo = 3, .count = 1, .rule = 2}, back;
        assert_int_equal(hl_contact_put_row(&c, &slab, &row), HL_OK);
        assert_true(hl_contact_row(&c, 2, &back));
        fx_same_rows(back, row);
        assert_int_equal(hl_contact_id(&c).len, len);
        hl_contact_fini(&c, &slab);
    }
    hl_slab_fini(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_comes_back),
        cmocka_unit_test(without_memory_nothing_is_changed),
        cmocka_unit_test(an_id_may_be_long_and_empty_but_not_without_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
