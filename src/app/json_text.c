#include "json_text.h"

void hl_json_put_raw(struct hl_buf *b, const char *text)
{
    hl_buf_put(b, text, strlen(text));
}

static void put_escaped(struct hl_buf *b, unsigned char c)
{
    static const char hex[] = "0123456789abcdef";
    char unicode[] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
    if (c < 0x20)
        hl_buf_put(b, unicode, sizeof(unicode));
    else
        hl_buf_put(b, (const char[]){'\\', (char)c}, 2);
}

void hl_json_put_text(struct hl_buf *b, struct hl_slice s)
{
    if (hl_slice_is_null(s)) {
        hl_json_put_raw(b, "null");
        return;
    }
    size_t from = 0;
    hl_buf_put_u8(b, '"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (c >= 0x20 && c != '"' && c != '\\') continue;
        hl_buf_put(b, s.data + from, i - from);
        put_escaped(b, c);
        from = i + 1;
    }
    hl_buf_put(b, s.data + from, s.len - from);
    hl_buf_put_u8(b, '"');
}

void hl_json_put_more(struct hl_buf *b, struct hl_slice s)
{
    size_t at = b->len - 1; /* of the quote that ended it */
    hl_json_put_text(b, s);
    if (b->failed) return;
    memmove(b->data + at, b->data + at + 2, b->len - at - 2);
    b->len -= 2;
}

static void put_unsigned(struct hl_buf *b, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    do digits[--at] = (char)('0' + v % 10);
    while (v /= 10);
    hl_buf_put(b, digits + at, sizeof(digits) - at);
}

static uint64_t put_sign(struct hl_buf *b, int64_t v)
{
    if (v < 0) hl_buf_put_u8(b, '-');
    return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

void hl_json_put_int(struct hl_buf *b, int64_t v)
{
    put_unsigned(b, put_sign(b, v));
}

/* v = whole * 2^32 + rest; 10^9 rest / 2^32, rounded, are the digits. */
void hl_json_put_points(struct hl_buf *b, hl_fixed v)
{
    const uint64_t billion = 1000000000;
    uint64_t magnitude = v < 0 ? 0 - (uint64_t)v : (uint64_t)v, whole = magnitude >> HL_FIXED_BITS;
    uint64_t digits = ((magnitude & (HL_FIXED_ONE - 1)) * billion + ((uint64_t)1 << (HL_FIXED_BITS - 1))) >> HL_FIXED_BITS;
    if (v < 0 && (whole | digits)) hl_buf_put_u8(b, '-');
    put_unsigned(b, whole + digits / billion);
    digits %= billion;
    if (digits == 0) return;
    char text[10] = {'.'};
    size_t n = 1;
    for (uint64_t unit = billion / 10; digits; digits %= unit, unit /= 10) text[n++] = (char)('0' + digits / unit);
    hl_buf_put(b, text, n);
}

void hl_json_put_key(struct hl_buf *b, const char *key)
{
    uint8_t before = b->len ? b->data[b->len - 1] : '{';
    hl_json_put_raw(b, before == '{' || before == '[' ? "\"" : ",\"");
    hl_json_put_raw(b, key);
    hl_json_put_raw(b, "\":");
}

void hl_json_put_member(struct hl_buf *b, const char *key, struct hl_slice text)
{
    hl_json_put_key(b, key);
    hl_json_put_text(b, text);
}

void hl_json_put_member_int(struct hl_buf *b, const char *key, int64_t v)
{
    hl_json_put_key(b, key);
    hl_json_put_int(b, v);
}
