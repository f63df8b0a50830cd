/* The committed JSON Schema of hotlead.yaml is what the tables say. With any argument the program prints it, to renew the file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "app/config_read.h"

static char *schema_text(void)
{
    struct hl_buf b;
    hl_buf_init(&b);
    hl_config_print_schema(&b);
    hl_buf_put_u8(&b, 0);
    assert_false(b.failed);
    return (char *)b.data;
}

static void the_committed_schema_is_current(void **state)
{
    (void)state;
    char *now = schema_text(), *committed = calloc(1, 1 << 20);
    FILE *f = fopen(HL_SOURCE_DIR "/config/hotlead.schema.json", "r");
    assert_non_null(f);
    assert_true(fread(committed, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    assert_string_equal(committed, now);
    free(committed);
    free(now);
}

static void every_key_is_in_the_schema_with_its_help(void **state)
{
    (void)state;
    char *now = schema_text(), key[100];
    for (size_t i = 0; i < hl_config_n_keys; i++) {
        snprintf(key, sizeof key, "\"%s\": {", hl_config_keys[i].key);
        if (!strstr(now, key)) fail_msg("no %s", key);
    }
    free(now);
}

int main(int argc, char **argv)
{
    (void)argv;
    if (argc > 1) {
        char *now = schema_text();
        fputs(now, stdout);
        free(now);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_committed_schema_is_current),
        cmocka_unit_test(every_key_is_in_the_schema_with_its_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
