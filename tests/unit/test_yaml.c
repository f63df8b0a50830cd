#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "hotlead/adapter/yaml.h"
#include "hotlead/base/buf.h"

static struct hl_yaml *load(const char *text)
{
    struct hl_yaml *y = NULL;
    struct hl_error err = {0};
    enum hl_status st = hl_yaml_load_text("t.yaml", hl_slice_of(text), &y, &err);
    if (st != HL_OK) print_error("%s\n", err.message);
    assert_int_equal(st, HL_OK);
    return y;
}

static void refuses_slice(struct hl_slice text, const char *message)
{
    struct hl_yaml *y = NULL;
    struct hl_error err = {0};
    assert_int_equal(hl_yaml_load_text("t.yaml", text, &y, &err), HL_E_CONFIG);
    assert_string_equal(err.message, message);
    assert_null(y);
}

static void refuses(const char *text, const char *message)
{
    refuses_slice(hl_slice_of(text), message);
}

static void a_tree_has_kinds_texts_and_places(void **state)
{
    (void)state;
    struct hl_yaml *y = load("a: 1\nb:\n  - x\n  - \"y z\"\nc: {d: 'no'}\n");
    const struct hl_yaml_node *root = hl_yaml_root(y), *b = hl_yaml_get(root, "b"), *c = hl_yaml_get(root, "c");
    assert_int_equal(root->kind, HL_YAML_MAP);
    assert_int_equal(root->n, 3);
    assert_string_equal(hl_yaml_get(root, "a")->text.data, "1");
    assert_true(hl_yaml_get(root, "a")->plain);
    assert_int_equal(b->kind, HL_YAML_LIST);
    assert_int_equal(b->n, 2);
    assert_null(b->keys);
    assert_string_equal(b->values[1]->text.data, "y z");
    assert_false(b->values[1]->plain);
    assert_int_equal(b->values[1]->line, 4);
    assert_int_equal(b->values[1]->column, 5);
    assert_int_equal(root->keys[2]->line, 5);
    assert_int_equal(hl_yaml_get(c, "d")->column, 8);
    assert_null(hl_yaml_get(root, "z"));
    assert_null(hl_yaml_get(b, "a"));
    assert_null(hl_yaml_get(NULL, "a"));
    assert_string_equal(hl_yaml_name(y), "t.yaml");
    hl_yaml_free(y);
}

static void scalars_are_text_even_those_that_yaml_takes_for_something_else(void **state)
{
    (void)state;
    struct hl_yaml *y = load("on: NO\nversion: 2026.10\nempty:\n");
    assert_string_equal(hl_yaml_get(hl_yaml_root(y), "on")->text.data, "NO");
    assert_string_equal(hl_yaml_get(hl_yaml_root(y), "version")->text.data, "2026.10");
    assert_int_equal(hl_yaml_get(hl_yaml_root(y), "empty")->text.len, 0);
    hl_yaml_free(y);
}

static void an_empty_file_is_an_empty_map(void **state)
{
    (void)state;
    static const char *const empty[] = {"", "# nothing\n", "---\n", "\xEF\xBB\xBF"};
    for (size_t i = 0; i < HL_ARRAY_LEN(empty); i++) {
        struct hl_yaml *y = load(empty[i]);
        assert_int_equal(hl_yaml_root(y)->kind, HL_YAML_MAP);
        assert_int_equal(hl_yaml_root(y)->n, 0);
        hl_yaml_free(y);
    }
}

static void an_empty_collection_may_be_all_there_is(void **state)
{
    (void)state;
    struct hl_yaml *y = load("[]");
    assert_int_equal(hl_yaml_root(y)->kind, HL_YAML_LIST);
    assert_int_equal(hl_yaml_root(y)->n, 0);
    hl_yaml_free(y);
    y = load("{}");
    assert_int_equal(hl_yaml_root(y)->kind, HL_YAML_MAP);
    assert_int_equal(hl_yaml_root(y)->n, 0);
    hl_yaml_free(y);
}

static void aliases_are_what_they_stand_for(void **state)
{
    (void)state;
    struct hl_yaml *y = load("a: &x [1, 2]\nb: *x\nc: &t text\nd: *t\ne: &x again\nf: *x\n");
    assert_int_equal(hl_yaml_get(hl_yaml_root(y), "b")->n, 2);
    assert_string_equal(hl_yaml_get(hl_yaml_root(y), "d")->text.data, "text");
    assert_string_equal(hl_yaml_get(hl_yaml_root(y), "f")->text.data, "again");
    hl_yaml_free(y);
}

static void broken_text_is_refused_with_its_place(void **state)
{
    (void)state;
    refuses("a: [1, 2\nb: 3\n", "t.yaml:2:2: while parsing a flow sequence, did not find expected ',' or ']'");
    refuses("a: 1\n\tb: 2\n", "t.yaml:2:1: while scanning a plain scalar, found a tab character that violates indentation");
    refuses("a: 1\nb: 2\na: 3\n", "t.yaml:3:1: 'a' is written twice, first in line 1");
    refuses("? [a, b]\n: 1\n", "t.yaml:1:3: a key must be a plain word, not a list or a map");
    refuses("a: 1\n---\nb: 2\n", "t.yaml:3:1: a second document in the file");
    refuses("a: \"x\\0y\"\n", "t.yaml:1:4: a NUL character in a text");
    refuses("a: *nowhere\n", "t.yaml:1:4: an alias without its anchor");
    refuses("a: &x [1, *x]\n", "t.yaml:1:11: an anchor that contains itself");
    refuses("a: \xff\n", "t.yaml:1:1: invalid leading UTF-8 octet");
}

static void nesting_is_bounded(void **state)
{
    (void)state;
    char text[200];
    memset(text, '[', 64);
    memset(text + 64, ']', 64);
    text[128] = 0;
    hl_yaml_free(load(text));
    memset(text, '[', 65);
    memset(text + 65, ']', 65);
    text[130] = 0;
    refuses(text, "t.yaml:1:65: nested more than 64 deep");
}

static void aliases_count_as_if_written_out(void **state)
{
    (void)state;
    struct hl_buf b;
    hl_buf_init(&b);
    hl_buf_printf(&b, "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 9; i++)
        hl_buf_printf(&b, "a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, i - 1, i - 1, i - 1, i - 1,
                      i - 1, i - 1, i - 1, i - 1, i - 1, i - 1);
    refuses_slice(hl_buf_slice(&b), "t.yaml:5:38: more than 100000 nodes");
    hl_buf_clear(&b);
    /* each level of aliases adds one of depth */
    hl_buf_printf(&b, "a0: &a0 [x]\n");
    for (int i = 1; i < 64; i++) hl_buf_printf(&b, "a%d: &a%d [*a%d]\n", i, i, i - 1);
    refuses_slice(hl_buf_slice(&b), "t.yaml:64:12: nested more than 64 deep");
    hl_buf_fini(&b);
}

static void nodes_and_bytes_are_bounded(void **state)
{
    (void)state;
    struct hl_buf b;
    hl_buf_init(&b);
    for (int i = 0; i < 100001; i++) hl_buf_printf(&b, "- x\n");
    refuses_slice(hl_buf_slice(&b), "t.yaml:100000:3: more than 100000 nodes");
    hl_buf_clear(&b);
    for (int i = 0; i < 1001; i++) hl_buf_printf(&b, "- &a%d x\n", i);
    refuses_slice(hl_buf_slice(&b), "t.yaml:1001:3: more than 1000 anchors");
    hl_buf_clear(&b);
    for (int i = 0; i < (4 << 20) + 1; i++) hl_buf_put_u8(&b, '#');
    refuses_slice(hl_buf_slice(&b), "t.yaml:1:1: larger than 4 MiB");
    hl_buf_fini(&b);
}

static void a_file_that_cannot_be_read_says_why(void **state)
{
    (void)state;
    struct hl_yaml *y = NULL;
    struct hl_error err = {0};
    assert_int_equal(hl_yaml_load_file("/nonexistent/x.yaml", &y, &err), HL_E_IO);
    assert_string_equal(err.message, "/nonexistent/x.yaml: No such file or directory");
    assert_int_equal(hl_yaml_load_file("/", &y, &err), HL_E_IO);
    assert_string_equal(err.message, "/: Is a directory");
    char path[] = "/tmp/hl_yaml_XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "a: b\n", 5), 5);
    close(fd);
    assert_int_equal(hl_yaml_load_file(path, &y, &err), HL_OK);
    unlink(path);
    assert_string_equal(hl_yaml_get(hl_yaml_root(y), "a")->text.data, "b");
    hl_yaml_free(y);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_has_kinds_texts_and_places),
        cmocka_unit_test(scalars_are_text_even_those_that_yaml_takes_for_something_else),
        cmocka_unit_test(an_empty_file_is_an_empty_map),
        cmocka_unit_test(an_empty_collection_may_be_all_there_is),
        cmocka_unit_test(aliases_are_what_they_stand_for),
        cmocka_unit_test(broken_text_is_refused_with_its_place),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(aliases_count_as_if_written_out),
        cmocka_unit_test(nodes_and_bytes_are_bounded),
        cmocka_unit_test(a_file_that_cannot_be_read_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
