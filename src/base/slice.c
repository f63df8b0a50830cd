#include "hotlead/base/slice.h"

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct hl_slice hl_slice_trim(struct hl_slice s)
{
    while (s.len && is_space(s.data[0])) {
        s.data++;
        s.len--;
    }
    while (s.len && is_space(s.data[s.len - 1])) s.len--;
    return s;
}

static unsigned char lower(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

bool hl_slice_eq_nocase(struct hl_slice a, struct hl_slice b)
{
    if (a.len != b.len) return false;
    for (size_t i = 0; i < a.len; i++)
        if (lower(a.data[i]) != lower(b.data[i])) return false;
    return true;
}

bool hl_slice_parse_i64(struct hl_slice s, int64_t *out)
{
    size_t i = 0;
    bool negative = s.len && s.data[0] == '-';
    if (s.len && (s.data[0] == '-' || s.data[0] == '+')) i = 1;
    if (i == s.len) return false;
    int64_t v = 0; /* counts downwards: INT64_MIN has no positive twin */
    for (; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') return false;
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, s.data[i] - '0', &v)) return false;
    }
    if (!negative && v == INT64_MIN) return false;
    *out = negative ? v : -v;
    return true;
}

/* Length of the sequence that starts at p, 0 if malformed. Table 3-7 of the Unicode standard: only the second byte's
 * range depends on the first. */
static size_t utf8_sequence(const unsigned char *p, size_t left)
{
    unsigned char lo = 0x80, hi = 0xbf;
    size_t n;
    if (p[0] < 0x80) return 1;
    if (p[0] < 0xc2 || p[0] > 0xf4) return 0;
    if (p[0] < 0xe0) {
        n = 2;
    } else if (p[0] < 0xf0) {
        n = 3;
        if (p[0] == 0xe0) lo = 0xa0; /* overlong */
        if (p[0] == 0xed) hi = 0x9f; /* surrogates */
    } else {
        n = 4;
        if (p[0] == 0xf0) lo = 0x90; /* overlong */
        if (p[0] == 0xf4) hi = 0x8f; /* above U+10FFFF */
    }
    if (left < n || p[1] < lo || p[1] > hi) return 0;
    for (size_t i = 2; i < n; i++)
        if ((p[i] & 0xc0) != 0x80) return 0;
    return n;
}

bool hl_utf8_is_valid(struct hl_slice s)
{
    const unsigned char *p = (const unsigned char *)s.data;
    for (size_t i = 0; i < s.len;) {
        uint64_t eight;
        if (s.len - i >= 8 && (memcpy(&eight, p + i, 8), (eight & 0x8080808080808080u) == 0)) {
            i += 8; /* most text is ASCII */
            continue;
        }
        size_t n = utf8_sequence(p + i, s.len - i);
        if (n == 0) return false;
        i += n;
    }
    return true;
}
