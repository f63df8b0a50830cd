#include "hotlead/base/percent.h"

static int hex_value(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool hl_percent_decode(struct hl_slice s, char *out, size_t cap, size_t *len)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.data[i];
        if (c == '%') {
            if (i + 2 >= s.len || hex_value(s.data[i + 1]) < 0 || hex_value(s.data[i + 2]) < 0) return false;
            c = (char)(hex_value(s.data[i + 1]) << 4 | hex_value(s.data[i + 2]));
            i += 2;
        }
        if (n + 1 >= cap) return false;
        out[n++] = c;
    }
    if (cap == 0) return false;
    out[n] = '\0';
    *len = n;
    return true;
}

void hl_percent_put(struct hl_buf *b, struct hl_slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~';
        if (plain) hl_buf_put_u8(b, c);
        else hl_buf_printf(b, "%%%02X", c);
    }
}
