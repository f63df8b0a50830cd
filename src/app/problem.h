/* What is wrong with a file: every problem on a line of its own, "FILE:LINE:COLUMN: error|warning: message". */
#ifndef HOTLEAD_APP_PROBLEM_H
#define HOTLEAD_APP_PROBLEM_H

#include "hotlead/adapter/yaml.h"
#include "hotlead/base/buf.h"

struct hl_problems {
    const char *file;
    struct hl_buf *lines; /* may be NULL */
    struct hl_error *err; /* gets the first error */
    size_t errors, warnings;
    bool no_memory; /* some allocation failed: what was read is not complete */
};

/* `at` may be NULL, or of line 0: then the line names the file only. Control bytes in the message become '?'. */
void hl_problem_error(struct hl_problems *p, const struct hl_yaml_node *at, const char *fmt, ...) HL_PRINTF(3, 4);
void hl_problem_warning(struct hl_problems *p, const struct hl_yaml_node *at, const char *fmt, ...) HL_PRINTF(3, 4);
/* An error of the YAML reader, whose message has its place already. */
void hl_problem_yaml(struct hl_problems *p, const struct hl_error *yaml);
/* HL_OK, HL_E_CONFIG or HL_E_NOMEM (err filled). */
enum hl_status hl_problems_status(struct hl_problems *p) HL_WARN_UNUSED;

/* The name nearest to what was written, by Levenshtein distance without regard to ASCII case; offers farther than a third of the
 * length, rounded up, or than 4, are not taken. */
struct hl_nearest {
    struct hl_slice wanted;
    const char *best;
    unsigned distance; /* of best */
    char hint[160];
};
void hl_nearest_init(struct hl_nearest *n, struct hl_slice wanted);
void hl_nearest_offer(struct hl_nearest *n, const char *name);
/* ", did you mean 'x'?", or "" when nothing is near. Kept in n. */
const char *hl_nearest_hint(struct hl_nearest *n);

#endif
