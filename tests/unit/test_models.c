/* A model lives as long as somebody uses it: freed too early, or not at all, the sanitizers tell. */
#include "app/models.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct hl_model *model(const char *version)
{
    struct hl_model *m = hl_model_new();
    m->version = strdup(version);
    return m;
}

static void readers_keep_what_they_acquired_and_workers_what_they_adopted(void **state)
{
    (void)state;
    struct hl_model *first = model("1");
    struct hl_models *ms = hl_models_new(first, 2);
    const struct hl_model *reader = hl_models_acquire(ms);
    assert_ptr_equal(reader, first);
    assert_false(hl_models_is_behind(ms, 0));
    assert_int_equal(hl_models_put(ms, model("2")), HL_OK);
    const struct hl_model *second = hl_models_acquire(ms);
    assert_string_equal(second->version, "2");
    assert_true(hl_models_is_behind(ms, 0) && hl_models_is_behind(ms, 1));
    hl_models_adopt(ms, 0, second);
    hl_models_release(ms, second);
    assert_int_equal(hl_models_put(ms, model("3")), HL_OK); /* the second has one worker, the first the other and a reader */
    assert_string_equal(hl_models_of(ms, 0)->version, "2");
    assert_string_equal(hl_models_of(ms, 1)->version, "1");
    assert_string_equal(reader->version, "1");
    hl_models_release(ms, reader);
    for (size_t w = 0; w < 2; w++) {
        const struct hl_model *newest = hl_models_acquire(ms);
        hl_models_adopt(ms, w, newest);
        hl_models_release(ms, newest);
        assert_string_equal(hl_models_of(ms, w)->version, "3");
        assert_false(hl_models_is_behind(ms, w));
    }
    hl_models_free(ms);
    hl_model_free(first); /* borrowed: still ours */
}

static void what_was_refused_is_told_until_something_newer_comes(void **state)
{
    (void)state;
    struct hl_models_news news;
    struct hl_model *first = model("1");
    struct hl_models *ms = hl_models_new(first, 1);
    hl_models_news(ms, &news);
    assert_string_equal(news.refused, "");
    int64_t since = news.since_ms;
    hl_models_refuse(ms, "m.yaml:3:1: no");
    hl_models_news(ms, &news);
    assert_string_equal(news.refused, "m.yaml:3:1: no");
    assert_int_equal(news.since_ms, since);
    assert_int_equal(hl_models_put(ms, model("2")), HL_OK);
    hl_models_news(ms, &news);
    assert_string_equal(news.refused, "");
    assert_true(news.since_ms >= since);
    hl_models_free(ms);
    hl_model_free(first);
}

/* ---- threads: one publishes, two adopt, one reads ---- */

enum { MODELS = 2000 };
static struct hl_models *shared;
static _Atomic bool over;
static _Atomic unsigned wrong;

static void *work(void *arg)
{
    size_t index = *(const size_t *)arg;
    unsigned last = 0;
    while (!over || hl_models_is_behind(shared, index)) {
        if (!hl_models_is_behind(shared, index)) continue;
        const struct hl_model *m = hl_models_acquire(shared);
        hl_models_adopt(shared, index, m);
        hl_models_release(shared, m);
        unsigned now = (unsigned)strtoul(hl_models_of(shared, index)->version, NULL, 10); /* ours: nobody frees it */
        wrong += now < last;
        last = now;
    }
    wrong += last != MODELS;
    return NULL;
}

static void *look(void *arg)
{
    (void)arg;
    while (!over) {
        const struct hl_model *m = hl_models_acquire(shared);
        wrong += m->version[0] == 0;
        hl_models_release(shared, m);
    }
    return NULL;
}

static void threads_see_only_models_that_live(void **state)
{
    (void)state;
    pthread_t threads[3];
    size_t index[2] = {0, 1};
    char version[16];
    struct hl_model *first = model("0");
    shared = hl_models_new(first, 2);
    for (size_t i = 0; i < 2; i++) assert_int_equal(pthread_create(&threads[i], NULL, work, &index[i]), 0);
    assert_int_equal(pthread_create(&threads[2], NULL, look, NULL), 0);
    for (int i = 1; i <= MODELS; i++) {
        snprintf(version, sizeof version, "%d", i);
        if (hl_models_put(shared, model(version))) wrong++;
    }
    over = true;
    for (size_t i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    assert_int_equal(wrong, 0);
    hl_models_free(shared);
    hl_model_free(first);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_keep_what_they_acquired_and_workers_what_they_adopted),
        cmocka_unit_test(what_was_refused_is_told_until_something_newer_comes),
        cmocka_unit_test(threads_see_only_models_that_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
