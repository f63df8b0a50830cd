#include "hotlead/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void hl_buf_init(struct hl_buf *b)
{
    *b = (struct hl_buf){0};
}

void hl_buf_fini(struct hl_buf *b)
{
    if (!b->fixed) free(b->data);
    *b = (struct hl_buf){0};
}

void hl_buf_clear(struct hl_buf *b)
{
    b->len = 0;
    b->failed = false;
}

/* Doubles, so that puts are constant time on average. */
uint8_t *hl_buf_grow(struct hl_buf *b, size_t n)
{
    if (b->failed) return NULL;
    if (b->cap - b->len >= n) return b->data + b->len;
    size_t want = 0, cap = b->cap < 128 ? 256 : b->cap * 2;
    uint8_t *data = NULL;
    if (!b->fixed && !__builtin_add_overflow(b->len, n, &want)) data = realloc(b->data, cap < want ? want : cap);
    if (!data) {
        b->failed = true;
        return NULL;
    }
    b->data = data;
    b->cap = cap < want ? want : cap;
    return data + b->len;
}

void hl_buf_put_plain(struct hl_buf *b, struct hl_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        hl_buf_put_u8(b, c < 0x20 || c == 0x7f ? '?' : c);
    }
}

void hl_buf_printf(struct hl_buf *b, const char *fmt, ...)
{
    if (b->failed) return;
    va_list ap, again;
    va_start(ap, fmt);
    va_copy(again, ap);
    size_t room = b->cap - b->len;
    int n = vsnprintf(room ? (char *)b->data + b->len : NULL, room, fmt, ap);
    va_end(ap);
    if (n < 0) {
        b->failed = true;
    } else if ((size_t)n < room) {
        b->len += (size_t)n;
    } else if (hl_buf_grow(b, (size_t)n + 1)) { /* the terminating NUL needs room, but is not counted */
        vsnprintf((char *)b->data + b->len, (size_t)n + 1, fmt, again);
        b->len += (size_t)n;
    }
    va_end(again);
}

uint32_t hl_reader_u32be(struct hl_reader *r)
{
    uint32_t v = 0;
    const uint8_t *p = hl_reader_next(r, sizeof v);
    if (p) memcpy(&v, p, sizeof v);
    return __builtin_bswap32(v);
}

uint64_t hl_reader_u64le(struct hl_reader *r)
{
    uint64_t v = 0;
    const uint8_t *p = hl_reader_next(r, sizeof v);
    if (p) memcpy(&v, p, sizeof v);
    return v;
}

uint64_t hl_reader_long_varint(struct hl_reader *r)
{
    uint64_t v = 0;
    const uint8_t *p = r->p;
    for (unsigned shift = 0; shift < 70 && p < r->end; shift += 7, p++) {
        if (shift == 63 && *p > 1) break; /* the tenth byte has room for one bit */
        v |= (uint64_t)(*p & 0x7f) << shift;
        if (*p >= 0x80) continue;
        r->p = p + 1;
        return v;
    }
    r->failed = true;
    r->p = r->end;
    return 0;
}
