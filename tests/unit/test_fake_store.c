/* The fake must keep the port's promises, or the tests that stand on it prove nothing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "fake_store.h"

static struct hl_error err;

static struct hl_store_record record(const char *id, const char *value)
{
    struct hl_slice s = hl_slice_of(id);
    return (struct hl_store_record){s, hl_hash64(s), value ? hl_slice_of(value) : HL_SLICE_NULL};
}

static bool holds(struct hl_store *s, const char *id, const char *expected)
{
    char *value;
    size_t len;
    assert_int_equal(s->get(s, 0, hl_slice_of(id), &value, &len, &err), HL_OK);
    bool same = expected ? value && len == strlen(expected) && memcmp(value, expected, len) == 0 : !value;
    free(value);
    return same;
}

static enum hl_status count(void *ctx, const struct hl_store_record *records, size_t n)
{
    (void)records;
    for (; n; n--)
        if (++*(size_t *)ctx == 3) return HL_E_ABORT;
    return HL_OK;
}

static void it_writes_fences_and_sees_gaps(void **state)
{
    struct fake_server *f = fake_server_new();
    struct hl_store *a = fake_store_new(f), *b = fake_store_new(f);
    uint64_t ta, tb;
    size_t seen = 0;
    (void)state;
    const struct hl_store_record rs[] = {record("x", "1"), record("y", "2"), record("x", "3"), record("y", NULL)};
    assert_int_equal(a->write(a, 0, 0, -1, 1, rs, 4, &err), HL_E_FENCED); /* nobody owns it */
    assert_int_equal(a->own(a, 0, &ta, &err), HL_OK);
    assert_int_equal(a->write(a, 0, ta, -1, 1, rs, 4, &err), HL_OK);
    assert_true(holds(b, "x", "3"));
    assert_true(holds(b, "y", NULL));
    assert_int_equal(a->write(a, 0, ta, 0, 2, rs, 1, &err), HL_E_GAP);
    assert_int_equal(b->own(b, 0, &tb, &err), HL_OK);
    assert_int_equal(a->write(a, 0, ta, 1, 2, rs, 1, &err), HL_E_FENCED);
    assert_int_equal(b->write(b, 0, tb, 1, 2, rs, 3, &err), HL_OK);
    assert_int_equal(b->load(b, 0, -1, count, &seen, &err), HL_OK);
    assert_int_equal(seen, 2);
    assert_int_equal(b->load(b, 0, -1, count, &seen, &err), HL_E_ABORT);
    assert_int_equal(fake_server_records(f, 1), 0);
    assert_int_equal(a->discard(a, 0, ta, &err), HL_E_FENCED);
    assert_int_equal(b->discard(b, 0, tb, &err), HL_OK);
    assert_int_equal(fake_server_marker(f, 0), -1);
    assert_int_equal(fake_server_records(f, 0), 0);
    a->free(a);
    b->free(b);
    fake_server_free(f);
}

static void it_forgets_the_last_changes_as_one_suffix(void **state)
{
    struct fake_server *f = fake_server_new();
    struct hl_store *s = fake_store_new(f);
    uint64_t token, again;
    (void)state;
    const struct hl_store_record one = record("x", "1"), two = record("x", "2"), gone = record("x", NULL);
    assert_int_equal(s->own(s, 0, &token, &err), HL_OK);
    assert_int_equal(s->write(s, 0, token, -1, 1, &one, 1, &err), HL_OK);
    assert_int_equal(s->write(s, 0, token, 1, 2, &two, 1, &err), HL_OK);
    assert_int_equal(s->write(s, 0, token, 2, 3, &gone, 1, &err), HL_OK);
    assert_int_equal(fake_server_changes(f), 4);
    fake_server_forget(f, 1);
    assert_true(holds(s, "x", "2"));
    assert_int_equal(s->write(s, 0, token, 3, 4, &one, 1, &err), HL_E_GAP);
    fake_server_forget(f, 1);
    assert_true(holds(s, "x", "1"));
    assert_int_equal(fake_server_marker(f, 0), 1);
    fake_server_forget(f, SIZE_MAX);
    assert_int_equal(s->write(s, 0, token, -1, 1, &one, 1, &err), HL_E_FENCED);
    assert_int_equal(s->own(s, 0, &again, &err), HL_OK);
    assert_int_not_equal(token, again);
    s->free(s);
    fake_server_free(f);
}

static void it_fails_when_told(void **state)
{
    struct fake_server *f = fake_server_new();
    struct hl_store *s = fake_store_new(f);
    uint64_t token;
    int64_t at;
    (void)state;
    const struct hl_store_record one = record("x", "1");
    fake_server_fail(f, 2);
    assert_int_equal(s->own(s, 0, &token, &err), HL_E_UNAVAILABLE);
    assert_int_equal(s->marker(s, 0, &at, &err), HL_E_UNAVAILABLE);
    assert_int_equal(s->own(s, 0, &token, &err), HL_OK);
    fake_server_lose_answers(f, 1);
    assert_int_equal(s->write(s, 0, token, -1, 1, &one, 1, &err), HL_E_UNAVAILABLE);
    assert_int_equal(s->write(s, 0, token, -1, 1, &one, 1, &err), HL_E_GAP); /* it had happened */
    fake_server_fail(f, -1);
    for (int i = 0; i < 3; i++) assert_int_equal(s->marker(s, 0, &at, &err), HL_E_UNAVAILABLE);
    fake_server_fail(f, 0);
    assert_int_equal(s->marker(s, 0, &at, &err), HL_OK);
    assert_int_equal(at, 1);
    s->free(s);
    fake_server_free(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_writes_fences_and_sees_gaps),
        cmocka_unit_test(it_forgets_the_last_changes_as_one_suffix),
        cmocka_unit_test(it_fails_when_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
