/* Any bytes, percent-decoded into rooms of several sizes, against a plain reading of the rule. */
#include <ctype.h>
#include <stdlib.h>

#include "hotlead/base/percent.h"
#include "hotlead/base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Length of what it stands for, or -1. */
static int64_t expected(const uint8_t *data, size_t size, uint8_t *out)
{
    int64_t n = 0;
    for (size_t i = 0; i < size; i++, n++) {
        out[n] = data[i];
        if (data[i] != '%') continue;
        if (i + 2 >= size || !isxdigit(data[i + 1]) || !isxdigit(data[i + 2])) return -1;
        char digits[3] = {(char)data[i + 1], (char)data[i + 2], 0};
        out[n] = (uint8_t)strtol(digits, NULL, 16);
        i += 2;
    }
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *want = malloc(size + 1);
    HL_BUG_ON(!want);
    int64_t n = expected(data, size, want);
    const size_t rooms[] = {1, 2, 17, size, size + 1};
    for (size_t i = 0; i < HL_ARRAY_LEN(rooms); i++) {
        char *out = malloc(rooms[i] ? rooms[i] : 1); /* of the exact size, so that a sanitizer sees a write too far */
        size_t len = 0;
        HL_BUG_ON(!out);
        bool good = rooms[i] && hl_percent_decode((struct hl_slice){(const char *)data, size}, out, rooms[i], &len);
        HL_BUG_ON(rooms[i] && good != (n >= 0 && (size_t)n < rooms[i]));
        HL_BUG_ON(good && (len != (size_t)n || memcmp(out, want, len) != 0 || out[len] != 0));
        free(out);
    }
    free(want);
    return 0;
}
