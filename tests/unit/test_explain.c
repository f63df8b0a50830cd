/* hotlead explain: what it says of contacts in known positions, from files and from Redis, and its exit codes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "hotlead/adapter/avro.h"
#include "hotlead/adapter/redis.h"
#include "hotlead/app/model_file.h"
#include "hotlead/base/hash.h"
#include "hotlead/core/state.h"
#include "redis_server.h"

static char folder[] = "/tmp/hl-explain-XXXXXX";

static void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

/* A shell command in the test's folder; what it prints, errors too, malloc'ed. */
static char *run(const char *command, int *code)
{
    char *out = calloc(1, 1 << 16);
    setenv("HOTLEAD", getenv("HL_BINARY") ? getenv("HL_BINARY") : "hotlead", 1);
    setenv("SOURCE", HL_SOURCE_DIR, 1);
    setenv("FOLDER", folder, 1);
    char line[1024];
    snprintf(line, sizeof line, "cd \"$FOLDER\" && { %s; } 2>&1", command);
    FILE *f = popen(line, "r");
    assert_non_null(f);
    assert_true(fread(out, 1, (1 << 16) - 1, f) < (1 << 16) - 1);
    int status = pclose(f);
    assert_true(WIFEXITED(status));
    *code = WEXITSTATUS(status);
    return out;
}

/* Runs, wants the exit code, and each of the texts, up to NULL, in what is printed. */
static void expect(const char *command, int wanted, ...)
{
    int code;
    char *out = run(command, &code);
    if (code != wanted) fail_msg("%s: exit code %d, not %d:\n%s", command, code, wanted, out);
    va_list texts;
    va_start(texts, wanted);
    for (const char *text; (text = va_arg(texts, const char *));)
        if (!strstr(out, text)) fail_msg("%s: no '%s' in:\n%s", command, text, out);
    va_end(texts);
    free(out);
}

#define ANN "\"contact_id\":\"ann\",\"occurred_at\":"
#define EXPLAIN "\"$HOTLEAD\" explain -m \"$SOURCE/config/model.yaml\" -e events.jsonl "

static int make_folder(void **state)
{
    (void)state;
    if (!mkdtemp(folder)) return -1;
    write_file(
        "events.jsonl",
        "{\"event_id\":\"1\"," ANN "\"2026-11-01T09:00:00Z\",\"type\":\"form_submitted\",\"form\":\"newsletter\",\"attributes\":"
        "{\"email\":\"ann@corp.example\",\"country\":\"DE\",\"seniority\":\"vp\"}}\n"
        "{\"event_id\":\"2\"," ANN "\"2026-11-02T09:00:00Z\",\"type\":\"file_downloaded\",\"asset\":\"guide/a\"}\n"
        "{\"event_id\":\"3\",\"contact_id\":\"bob\",\"occurred_at\":\"2026-11-02T10:00:00Z\",\"type\":\"demo_requested\","
        "\"attributes\":{\"email\":\"bob@gmail.com\"}}\n"
        "{\"event_id\":\"4\",\"contact_id\":\"cal\",\"occurred_at\":\"2026-11-02T10:00:00Z\",\"type\":\"trial_started\","
        "\"attributes\":{\"email\":\"cal@corp.example\",\"country\":\"US\"}}\n"
        "{\"event_id\":\"5\",\"contact_id\":\"cal\",\"occurred_at\":\"2026-11-02T10:00:00Z\",\"type\":\"event_attended\"}\n");
    write_file("broken.jsonl", "{\"event_id\":\"1\"," ANN "1,\"type\":\"page_viewed\"}\n{oops\n");
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command);
}

static void a_lead_is_told_its_missing_points_and_the_hands_it_can_raise(void **state)
{
    (void)state;
    expect(EXPLAIN "ann --at 2026-11-02T09:00:00Z", 0, "stage   lead", "decision-maker", "buyers-guide", ": equal",
           "20 points (60 are needed)", "a raised hand: sales-form, demo or meeting", NULL);
}

static void what_points_are_there_is_counted_at_the_moment_asked_for(void **state)
{
    (void)state;
    /* a half-life later the guide's 20 points are worth 10 */
    expect(EXPLAIN "ann --at 2026-12-02T09:00:00Z", 0, "-10.0000", "score   30 ", "30 points (60 are needed)", NULL);
}

static void a_subscriber_is_told_which_must_haves_fail_and_why(void **state)
{
    (void)state;
    expect(EXPLAIN "bob", 0, "stage   subscriber", "cause opt_in; with event 3 (demo_requested)", "business-mail",
           "it is gmail.com", "served-country", "it is not known", NULL);
}

static void an_mql_is_told_when_decay_moves_it_and_that_it_has(void **state)
{
    (void)state;
    expect(EXPLAIN "cal", 0, "stage   mql, passive", "cause score: the score was 60", "decay   back to lead at 20", NULL);
    expect(EXPLAIN "cal --at 2027-06-01T00:00:00Z", 0, "stage   lead", "cause decay", "by time alone", NULL);
}

static void json_says_the_same_in_integers_that_add_up(void **state)
{
    (void)state;
    expect(EXPLAIN "ann --at 2026-11-02T09:00:00Z -o json", 0, "\"contact_id\":\"ann\"",
           "\"score\":40,\"score_units\":171798691840", "\"sum_units\":171798691840,\"adds_up\":true",
           "\"rule\":\"buyers-guide\",\"group\":\"web\",\"times\":1,\"raw\":20", NULL);
}

static void an_unknown_contact_is_bad_data(void **state)
{
    (void)state;
    expect(EXPLAIN "nobody", 65, "no contact 'nobody' in these events", NULL);
}

static void events_that_cannot_be_read_are_told_and_the_others_count(void **state)
{
    (void)state;
    expect("\"$HOTLEAD\" explain ann -m \"$SOURCE/config/model.yaml\" -e broken.jsonl", 65, "any-page",
           "broken.jsonl:2:", "some events could not be read", NULL);
    expect("\"$HOTLEAD\" explain ann -m \"$SOURCE/config/model.yaml\" -e none.jsonl", 65, "none.jsonl", NULL);
}

static void wrong_use_is_told(void **state)
{
    (void)state;
    expect("\"$HOTLEAD\" explain --help", 0, "Usage: hotlead explain", NULL);
    expect("\"$HOTLEAD\" explain", 64, "which contact?", NULL);
    expect("\"$HOTLEAD\" explain a b", 64, "one contact at a time", NULL);
    expect("\"$HOTLEAD\" explain a --at noon", 64, "not noon", NULL);
    expect("\"$HOTLEAD\" explain a -e x -c y", 64, "either --events or --config", NULL);
    expect("\"$HOTLEAD\" explain a -o xml", 64, "not xml", NULL);
    expect("\"$HOTLEAD\" explain a -c none.yaml", 78, "none.yaml", NULL);
}

/* A configuration next to the model, for the Redis at `url`. */
static void write_config(const char *url)
{
    char text[600];
    snprintf(text, sizeof text,
             "kafka: {bootstrap.servers: 'localhost:9092', group.id: testers}\ninputs: [{topic: web}]\nredis: {url: \"%s\"}\n"
             "schemas: {dir: " HL_SOURCE_DIR "/schemas}\nmodel: " HL_SOURCE_DIR "/config/model.yaml\n",
             url);
    write_file("hotlead.yaml", text);
}

static void no_redis_is_told(void **state)
{
    (void)state;
    char url[64];
    snprintf(url, sizeof url, "redis://127.0.0.1:%d", redis_server_free_port());
    write_config(url);
    expect("\"$HOTLEAD\" explain ann -c hotlead.yaml", 69, "hotlead explain: redis 127.0.0.1", NULL);
    write_config("");
    expect("\"$HOTLEAD\" explain ann -c hotlead.yaml", 78, "redis.url is empty", NULL);
}

/* Write the state of one contact as the scorer does, into a partition beyond some that have no copy. */
static void store_contact(const char *url, const char *id, int32_t partition)
{
    struct hl_error err = {0};
    struct hl_model *m = NULL;
    struct hl_store *store = NULL;
    struct hl_contact c;
    struct hl_slab slab;
    struct hl_outcome out;
    struct hl_slice name = hl_slice_of(id);
    hl_slab_init(&slab);
    assert_int_equal(hl_model_load(HL_SOURCE_DIR "/config/model.yaml", &m, NULL, &err), HL_OK);
    assert_int_equal(hl_contact_init(&c, &slab, hl_hash64(name), name, (uint16_t)partition), HL_OK);
    struct hl_event ev = {.event_id = HL_SLICE_LIT("e1"),
                          .contact_id = name,
                          .type = HL_EVENT_TRIAL_STARTED,
                          .occurred_at = INT64_C(1793527200000)};
    assert_int_equal(hl_apply(&c, &slab, m, NULL, &ev, HL_APPLY_LIVE, &out), HL_OK);
    struct hl_buf engine, value;
    hl_buf_init(&engine);
    hl_buf_init(&value);
    hl_state_encode(&c, m, &engine);
    struct hl_applied applied[] = {{"web", 7}, {"mail", 9}};
    hl_avro_put_state(&value, 3, &c, m, hl_buf_slice(&engine), applied, 2);
    struct hl_redis_config config = {.url = url, .name = "testers"};
    struct hl_store_record record = {name, hl_hash64(name), hl_buf_slice(&value)};
    uint64_t token;
    assert_int_equal(hl_redis_new(&config, &store, &err), HL_OK);
    assert_int_equal(store->own(store, partition, &token, &err), HL_OK);
    assert_int_equal(store->write(store, partition, token, -1, 5, &record, 1, &err), HL_OK);
    store->free(store);
    hl_buf_fini(&engine);
    hl_buf_fini(&value);
    hl_contact_fini(&c, &slab);
    hl_slab_fini(&slab);
    hl_model_free(m);
}

static void a_contact_in_redis_is_found_in_whatever_partition(void **state)
{
    (void)state;
    struct redis_server server = {0};
    assert_true(redis_server_start(&server, NULL));
    store_contact(server.url, "ann", 11);
    write_config(server.url);
    /* 35 points with a half-life of 60 days, 60 days later */
    expect("\"$HOTLEAD\" explain ann -c hotlead.yaml --at 1798711200000", 0, "stage   subscriber", "why     opts in",
           "score   17.5 ", "-17.5000", ": equal", NULL);
    expect("\"$HOTLEAD\" explain bob -c hotlead.yaml", 65, "no contact 'bob' in Redis", NULL);
    redis_server_stop(&server);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_lead_is_told_its_missing_points_and_the_hands_it_can_raise),
        cmocka_unit_test(what_points_are_there_is_counted_at_the_moment_asked_for),
        cmocka_unit_test(a_subscriber_is_told_which_must_haves_fail_and_why),
        cmocka_unit_test(an_mql_is_told_when_decay_moves_it_and_that_it_has),
        cmocka_unit_test(json_says_the_same_in_integers_that_add_up),
        cmocka_unit_test(an_unknown_contact_is_bad_data),
        cmocka_unit_test(events_that_cannot_be_read_are_told_and_the_others_count),
        cmocka_unit_test(wrong_use_is_told),
        cmocka_unit_test(no_redis_is_told),
        cmocka_unit_test(a_contact_in_redis_is_found_in_whatever_partition),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
