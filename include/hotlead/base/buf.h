/* A growable byte buffer, and a bounded reader. Both know the Avro binary encodings (Apache Avro specification 1.11,
 * "Binary Encoding") because those are what the project writes most.
 *
 * Errors: growth failure sets `failed` and later puts do nothing; check once at the end. A reader that runs past its
 * end, or meets an invalid varint, sets `failed` and returns zeros. */
#ifndef HOTLEAD_BASE_BUF_H
#define HOTLEAD_BASE_BUF_H

#include "hotlead/base/slice.h"

struct hl_buf {
    uint8_t *data;
    size_t len;
    size_t cap;
    bool failed;
    bool fixed; /* memory of somebody else: it does not grow */
};

void hl_buf_init(struct hl_buf *b);
/* Over memory of the caller's: a put for which there is no room sets `failed`. Nothing to be freed. */
static inline struct hl_buf hl_buf_over(void *data, size_t cap)
{
    return (struct hl_buf){.data = data, .cap = cap, .fixed = true};
}
void hl_buf_fini(struct hl_buf *b);  /* frees; safe on a zeroed buffer */
void hl_buf_clear(struct hl_buf *b); /* len = 0, keeps the memory, clears failed */

/* Room for n more bytes at the end; NULL after a failure. */
uint8_t *hl_buf_grow(struct hl_buf *b, size_t n);
static inline uint8_t *hl_buf_room(struct hl_buf *b, size_t n)
{
    return __builtin_expect(b->cap - b->len >= n && !b->failed, 1) ? b->data + b->len : hl_buf_grow(b, n);
}

static inline void hl_buf_put(struct hl_buf *b, const void *data, size_t len)
{
    uint8_t *p = len ? hl_buf_room(b, len) : NULL;
    if (!p) return;
    memcpy(p, data, len);
    b->len += len;
}

static inline void hl_buf_put_u8(struct hl_buf *b, uint8_t v)
{
    hl_buf_put(b, &v, 1);
}

static inline void hl_buf_put_u32be(struct hl_buf *b, uint32_t v)
{
    v = __builtin_bswap32(v);
    hl_buf_put(b, &v, sizeof v);
}

static inline void hl_buf_put_u64le(struct hl_buf *b, uint64_t v)
{
    hl_buf_put(b, &v, sizeof v);
}

/* LEB128, unsigned */
static inline void hl_buf_put_varint(struct hl_buf *b, uint64_t v)
{
    uint8_t *p = hl_buf_room(b, 10), *start = p;
    if (!p) return;
    for (; v >= 0x80; v >>= 7) *p++ = (uint8_t)(v | 0x80);
    *p++ = (uint8_t)v;
    b->len += (size_t)(p - start);
}

/* Avro int/long: zigzag varint */
static inline void hl_buf_put_long(struct hl_buf *b, int64_t v)
{
    hl_buf_put_varint(b, ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0));
}

/* Avro double: 8 bytes little endian IEEE 754 */
static inline void hl_buf_put_double(struct hl_buf *b, double v)
{
    hl_buf_put(b, &v, sizeof v);
}

/* Avro string/bytes: long length, then the bytes */
static inline void hl_buf_put_bytes(struct hl_buf *b, struct hl_slice s)
{
    hl_buf_put_long(b, (int64_t)s.len);
    hl_buf_put(b, s.data, s.len);
}

void hl_buf_put_plain(struct hl_buf *b, struct hl_slice s); /* for people: what could steer a terminal becomes '?' */
void hl_buf_printf(struct hl_buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static inline struct hl_slice hl_buf_slice(const struct hl_buf *b)
{
    return (struct hl_slice){b->data ? (const char *)b->data : "", b->len};
}

struct hl_reader {
    const uint8_t *p;
    const uint8_t *end;
    bool failed;
};

static inline struct hl_reader hl_reader_of(struct hl_slice s)
{
    const uint8_t *p = (const uint8_t *)(s.data ? s.data : ""); /* no arithmetic on NULL */
    return (struct hl_reader){p, p + s.len, false};
}

/* The next n bytes, or NULL and the failed state, in which nothing is left to read. */
static inline const uint8_t *hl_reader_next(struct hl_reader *r, size_t n)
{
    if (__builtin_expect(r->failed || (size_t)(r->end - r->p) < n, 0)) {
        r->failed = true;
        r->p = r->end;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p += n;
    return p;
}

static inline uint8_t hl_reader_u8(struct hl_reader *r)
{
    const uint8_t *p = hl_reader_next(r, 1);
    return p ? *p : 0;
}

uint32_t hl_reader_u32be(struct hl_reader *r);
uint64_t hl_reader_u64le(struct hl_reader *r);
uint64_t hl_reader_long_varint(struct hl_reader *r); /* the general case of the next one */
/* At most 10 bytes. Most numbers that are stored take one. */
static inline uint64_t hl_reader_varint(struct hl_reader *r)
{
    return r->p < r->end && *r->p < 0x80 ? *r->p++ : hl_reader_long_varint(r);
}

static inline int64_t hl_reader_long(struct hl_reader *r)
{
    uint64_t v = hl_reader_varint(r);
    return (int64_t)((v >> 1) ^ (0 - (v & 1)));
}

/* The next n bytes, borrowed; null at a failure. */
static inline struct hl_slice hl_reader_take(struct hl_reader *r, size_t n)
{
    const uint8_t *p = hl_reader_next(r, n);
    return p ? (struct hl_slice){(const char *)p, n} : HL_SLICE_NULL;
}

/* Borrowed from the reader's bytes; a negative length fails: no input is SIZE_MAX long. */
static inline struct hl_slice hl_reader_bytes(struct hl_reader *r)
{
    int64_t n = hl_reader_long(r);
    return hl_reader_take(r, n < 0 ? SIZE_MAX : (size_t)n);
}

#endif
