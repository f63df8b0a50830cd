/* Decoding in one line, for tests of the Avro and JSON adapters. */
#ifndef HL_TESTS_DECODE_FIXTURE_H
#define HL_TESTS_DECODE_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "hotlead/base/buf.h"
#include "hotlead/port/decoder.h"

/* What the last decoding gave. */
struct df {
    struct hl_arena arena;
    struct hl_event ev;
    struct hl_error err;
    char *bytes; /* a copy of the very size, so that a sanitizer sees a byte too many */
};

static inline void df_init(struct df *d)
{
    memset(d, 0, sizeof *d);
    hl_arena_init(&d->arena, 0);
}

static inline void df_fini(struct df *d)
{
    hl_arena_fini(&d->arena);
    free(d->bytes);
}

static inline struct hl_slice df_exact(struct df *d, struct hl_slice s)
{
    free(d->bytes);
    d->bytes = malloc(s.len ? s.len : 1);
    assert_non_null(d->bytes);
    if (s.len) memcpy(d->bytes, s.data, s.len);
    d->err = (struct hl_error){HL_OK, HL_STOP, "none"};
    return (struct hl_slice){d->bytes, s.len};
}

#define df_assert_text(slice, text)                                                                                  \
    do {                                                                                                             \
        struct hl_slice df_s = (slice);                                                                              \
        if (!hl_slice_eq_cstr(df_s, (text))) fail_msg("%s is '%.*s', not '%s'", #slice, HL_SLICE_ARG(df_s), (text)); \
    } while (0)

/* st is the code wanted, and the message holds `part`. */
#define df_assert_error(d, st, code_wanted, part)                                                                    \
    do {                                                                                                             \
        enum hl_status df_st = (st);                                                                                 \
        if (df_st != (code_wanted) || !strstr((d)->err.message, (part)))                                             \
            fail_msg("%s: '%s', not %s: '%s'", hl_status_name(df_st), (d)->err.message, hl_status_name(code_wanted), (part)); \
        assert_int_equal((d)->err.code, (code_wanted));                                                              \
    } while (0)

static inline char *df_file(const char *name)
{
    char path[4096], *text = calloc(1, 1 << 16);
    snprintf(path, sizeof path, "%s/%s", HL_SOURCE_DIR, name);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
    fclose(f);
    return text;
}

#endif
