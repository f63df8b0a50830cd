/* The schemas folder. */
#include <unistd.h>

#include "decode_fixture.h"
#include "hotlead/app/schemas.h"

static char dir[64];

static void put_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static enum hl_status open_dir(const char *path, struct hl_schemas **s, struct hl_error *err)
{
    struct hl_registry_config config = {.url = "", .schemas_dir = path};
    return hl_schemas_open(&config, s, err);
}

static int make_dir(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/hl_schemas_XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    static const char *const names[] = {"ids.yaml", "a.avsc", "b.avsc"};
    char path[128];
    (void)state;
    for (size_t i = 0; i < HL_ARRAY_LEN(names); i++) {
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    return rmdir(dir);
}

static void the_projects_own_folder_has_the_four_records(void **state)
{
    static const char *const files[] = {"event.avsc", "stage_transition.avsc", "contact_state.avsc", "alert.avsc"};
    struct hl_schemas *s;
    struct hl_error err;
    char *json;
    uint32_t id;
    (void)state;
    assert_int_equal(open_dir(HL_SOURCE_DIR "/schemas", &s, &err), HL_OK);
    for (uint32_t i = 0; i < 4; i++) {
        assert_int_equal(s->id_of(s, "any", files[i], &id, &err), HL_OK);
        assert_int_equal(id, i + 1);
        assert_int_equal(s->get(s, id, &json, &err), HL_OK);
        assert_non_null(strstr(json, "io.hotlead"));
        free(json);
    }
    assert_int_equal(s->get(s, 99, &json, &err), HL_E_SCHEMA);
    assert_non_null(strstr(err.message, "has no such id"));
    assert_int_equal(s->id_of(s, "lead.x", "none.avsc", &id, &err), HL_E_SCHEMA);
    assert_non_null(strstr(err.message, "no id for none.avsc, which topic lead.x"));
    s->free(s);
}

static void a_schema_that_is_added_later_is_found(void **state)
{
    struct hl_schemas *s;
    struct hl_error err;
    char *json;
    (void)state;
    put_file("ids.yaml", "7: a.avsc\n");
    assert_int_equal(open_dir(dir, &s, &err), HL_OK);
    assert_int_equal(s->get(s, 7, &json, &err), HL_E_SCHEMA); /* named, but not there */
    assert_non_null(strstr(err.message, "a.avsc: No such file"));
    assert_int_equal(s->get(s, 8, &json, &err), HL_E_SCHEMA);
    put_file("ids.yaml", "7: a.avsc\n8: b.avsc\n");
    put_file("b.avsc", "\"int\"");
    assert_int_equal(s->get(s, 8, &json, &err), HL_OK);
    assert_string_equal(json, "\"int\"");
    free(json);
    s->free(s);
}

static void an_unreadable_folder_is_pending_once_it_has_been_good(void **state)
{
    struct hl_schemas *s;
    struct hl_error err;
    char *json;
    (void)state;
    put_file("ids.yaml", "7: a.avsc\n");
    assert_int_equal(open_dir(dir, &s, &err), HL_OK);
    put_file("ids.yaml", "7: [\n");
    assert_int_equal(s->get(s, 7, &json, &err), HL_E_PENDING);
    assert_int_equal(err.action, HL_RETRY);
    s->free(s);
}

static void a_bad_list_of_ids_is_refused_at_start(void **state)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"- 1\n", "a map of schema ids to files is wanted"}, {"one: a.avsc\n", "ids.yaml:1:1: 'one' is no schema id"},
        {"1: a.avsc\n-1: b.avsc\n", "ids.yaml:2:1: '-1' is no schema id"}, {"4294967296: a.avsc\n", "is no schema id"},
        {"1: ../a.avsc\n", "ids.yaml:1:4: the name of a file in this folder"}, {"1: [a]\n", "the name of a file"}, {"1: {\n", "ids.yaml:"},
    };
    struct hl_schemas *s;
    struct hl_error err;
    (void)state;
    for (size_t i = 0; i < HL_ARRAY_LEN(bad); i++) {
        put_file("ids.yaml", bad[i].text);
        enum hl_status st = open_dir(dir, &s, &err);
        if (st != HL_E_CONFIG || !strstr(err.message, bad[i].message)) fail_msg("%s: %s: %s", bad[i].text, hl_status_name(st), err.message);
    }
    assert_int_equal(open_dir("/nowhere/at/all", &s, &err), HL_E_IO);
    assert_int_equal(open_dir("", &s, &err), HL_E_CONFIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_projects_own_folder_has_the_four_records),
        cmocka_unit_test_setup_teardown(a_schema_that_is_added_later_is_found, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(an_unreadable_folder_is_pending_once_it_has_been_good, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(a_bad_list_of_ids_is_refused_at_start, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
