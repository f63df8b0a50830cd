/* Private: two models side by side, on history (simulate --against) and on what happens now (the shadow). */
#ifndef HL_APP_COMPARE_H
#define HL_APP_COMPARE_H

#include "hotlead/base/buf.h"
#include "hotlead/core/model.h"

/* "stages":[{"stage":"lead","one":7,"other":9,"change":2}, ...], with the names of the two. */
void hl_compare_put_stages(struct hl_buf *b, const uint64_t one[HL_STAGE_COUNT], const uint64_t other[HL_STAGE_COUNT], const char *name,
                           const char *other_name);

#endif
