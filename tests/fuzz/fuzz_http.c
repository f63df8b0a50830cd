/* What a client may write: the first byte picks the path of a contact, or a query. */
#include <stdlib.h>

#include "app/http_query.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_path(const char *text)
{
    char decoded[256];
    const char *rest;
    struct hl_slice id;
    struct hl_error err;
    bool good = hl_http_path_id(text, decoded, sizeof(decoded), &id, &rest, &err);
    HL_BUG_ON(*rest && *rest != '/');
    HL_BUG_ON(good && (id.len == 0 || id.len >= sizeof(decoded) || !hl_utf8_is_valid(id)));
    HL_BUG_ON(!good && !memchr(err.message, 0, sizeof(err.message)));
}

static void read_query(const char *text)
{
    struct hl_http_param p[] = {{.name = "stage"}, {.name = "limit"}, {.name = "at"}};
    struct hl_error err;
    bool good = hl_http_query_read(text, p, HL_ARRAY_LEN(p), &err);
    for (size_t i = 0; i < HL_ARRAY_LEN(p); i++) HL_BUG_ON(!memchr(p[i].value, 0, sizeof(p[i].value)));
    HL_BUG_ON(!good && !hl_utf8_is_valid(hl_slice_of(err.message)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    char *text = strndup((const char *)data + 1, size - 1);
    HL_BUG_ON(!text);
    (data[0] & 1 ? read_path : read_query)(text);
    free(text);
    return 0;
}
