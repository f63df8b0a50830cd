/* config/model.yaml -> struct hl_model. */
#ifndef HOTLEAD_APP_MODEL_FILE_H
#define HOTLEAD_APP_MODEL_FILE_H

#include "hotlead/base/buf.h"
#include "hotlead/core/model.h"

/* Every problem goes into `problems` (may be NULL), one a line: "FILE:LINE:COLUMN: error|warning: message"; the first error into err.
 * Warnings do not fail. HL_E_CONFIG, or HL_E_IO when the file cannot be read. */
enum hl_status hl_model_load(const char *path, struct hl_model **out, struct hl_buf *problems, struct hl_error *err) HL_WARN_UNUSED;
enum hl_status hl_model_load_text(const char *name, struct hl_slice text, struct hl_model **out, struct hl_buf *problems,
                                  struct hl_error *err) HL_WARN_UNUSED;

/* The same, and what the model means is looked at, too: what can never happen, what says the same twice, what is costly. Errors of that
 * kind refuse the model here; a scorer runs with it all the same. */
enum hl_status hl_model_check(const char *path, struct hl_model **out, struct hl_buf *problems, struct hl_error *err) HL_WARN_UNUSED;
enum hl_status hl_model_check_text(const char *name, struct hl_slice text, struct hl_model **out, struct hl_buf *problems,
                                   struct hl_error *err) HL_WARN_UNUSED;

/* "30d", "5m", "100ms", "2h", "1w", "10s" -> ms. A number without a unit is refused. */
bool hl_duration_parse(struct hl_slice s, int64_t *ms);

#endif
