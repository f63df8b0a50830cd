/* Any bytes as a traceparent: what is taken are hexadecimal digits, since they become a label as they are. */
#include <stdlib.h>
#include <string.h>

#include "hotlead/app/trace.h"
#include "hotlead/base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    struct hl_trace t;
    char *copy = malloc(size ? size : 1); /* of the exact size, so that a sanitizer sees a read too far */
    HL_BUG_ON(!copy);
    memcpy(copy, data, size);
    if (hl_trace_parse((struct hl_slice){copy, size}, &t)) {
        HL_BUG_ON(strlen(t.trace_id) != 32 || strspn(t.trace_id, digits) != 32);
        HL_BUG_ON(strlen(t.span_id) != 16 || strspn(t.span_id, digits) != 16);
    }
    free(copy);
    return 0;
}
