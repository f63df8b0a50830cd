#include "compare.h"

#include <inttypes.h>

#include "json_text.h"

void hl_compare_put_stages(struct hl_buf *b, const uint64_t one[HL_STAGE_COUNT], const uint64_t other[HL_STAGE_COUNT], const char *name,
                           const char *other_name)
{
    hl_json_put_raw(b, "\"stages\":[");
    for (unsigned s = 0; s < HL_STAGE_COUNT; s++)
        hl_buf_printf(b, "%s{\"stage\":\"%s\",\"%s\":%" PRIu64 ",\"%s\":%" PRIu64 ",\"change\":%" PRId64 "}", s ? "," : "",
                      hl_stage_name((enum hl_stage)s), name, one[s], other_name, other[s], (int64_t)(other[s] - one[s]));
    hl_json_put_raw(b, "]");
}
