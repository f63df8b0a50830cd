#include "field.h"

#include <string.h>

enum { UUID = 1, PLAIN = 2 };

static bool is_dash(size_t i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

static bool pack_uuid(struct hl_slice id, char *out)
{
    size_t n = 0;
    if (id.len != HL_REDIS_UUID_TEXT) return false;
    out[n++] = UUID;
    for (size_t i = 0; i < id.len;) {
        if (is_dash(i)) {
            if (id.data[i++] != '-') return false;
            continue;
        }
        int high = hl_hex_digit(id.data[i]), low = hl_hex_digit(id.data[i + 1]);
        if (high < 0 || low < 0) return false;
        out[n++] = (char)(high << 4 | low);
        i += 2;
    }
    return true;
}

struct hl_slice hl_redis_field(struct hl_slice id, char *room)
{
    if (pack_uuid(id, room)) return (struct hl_slice){room, HL_REDIS_UUID_FIELD};
    if (id.len == 0 || (id.data[0] != UUID && id.data[0] != PLAIN)) return id;
    room[0] = PLAIN;
    memcpy(room + 1, id.data, id.len);
    return (struct hl_slice){room, id.len + 1};
}

struct hl_slice hl_redis_field_id(struct hl_slice field, char text[HL_REDIS_UUID_TEXT])
{
    static const char digits[] = "0123456789abcdef";
    if (field.len && field.data[0] == PLAIN) return (struct hl_slice){field.data + 1, field.len - 1};
    if (field.len != HL_REDIS_UUID_FIELD || field.data[0] != UUID) return field;
    for (size_t i = 0, n = 1; i < HL_REDIS_UUID_TEXT;) {
        if (is_dash(i)) {
            text[i++] = '-';
            continue;
        }
        unsigned char byte = (unsigned char)field.data[n++];
        text[i++] = digits[byte >> 4];
        text[i++] = digits[byte & 15];
    }
    return (struct hl_slice){text, HL_REDIS_UUID_TEXT};
}
