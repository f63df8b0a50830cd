/* A borrowed run of bytes. `data == NULL` means absent (null); an empty string has data != NULL and len 0. */
#ifndef HOTLEAD_BASE_SLICE_H
#define HOTLEAD_BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct hl_slice {
    const char *data;
    size_t len;
};

#define HL_SLICE_NULL ((struct hl_slice){NULL, 0})
#define HL_SLICE_LIT(s) ((struct hl_slice){"" s, sizeof(s) - 1})
/* printf("%.*s", HL_SLICE_ARG(s)) */
#define HL_SLICE_ARG(s) (int)((s).len > 100000 ? 100000 : (s).len), ((s).data ? (s).data : "")

static inline struct hl_slice hl_slice_of(const char *s)
{
    return (struct hl_slice){s, s ? strlen(s) : 0};
}

static inline bool hl_slice_is_null(struct hl_slice s)
{
    return s.data == NULL;
}

static inline bool hl_slice_eq(struct hl_slice a, struct hl_slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

/* Below 0, 0, above 0: in the order of their bytes, a slice before those that it is the start of. */
static inline int hl_slice_compare(struct hl_slice a, struct hl_slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.data, b.data, n) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* The value of a hexadecimal digit in lower case; -1: it is none. */
static inline int hl_hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline bool hl_slice_eq_cstr(struct hl_slice a, const char *b)
{
    return hl_slice_eq(a, hl_slice_of(b));
}

/* Without leading and trailing ASCII white space (space, \t, \n, \v, \f, \r). */
struct hl_slice hl_slice_trim(struct hl_slice s);

/* ASCII case-insensitive equality; bytes above 0x7f compare as they are. */
bool hl_slice_eq_nocase(struct hl_slice a, struct hl_slice b);

/* Whole slice is a decimal integer, optional sign; false on overflow, blanks or anything else. */
bool hl_slice_parse_i64(struct hl_slice s, int64_t *out);

/* Whole slice is well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool hl_utf8_is_valid(struct hl_slice s);

#endif
