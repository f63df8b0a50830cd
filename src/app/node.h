/* Reading typed values out of a YAML tree, and saying what is wrong with them. Both files are read with these.
 *
 * All take the problems first. `what` is how a message calls the value, for instance "points". A value that is absent (NULL, or
 * nothing behind the colon) leaves *out alone and is no problem, unless said otherwise. Each returns true if *out was set.
 * What is returned through char ** and arrays is malloc'ed and the caller's. */
#ifndef HOTLEAD_APP_NODE_H
#define HOTLEAD_APP_NODE_H

#include "hotlead/base/fixed.h"
#include "problem.h"

/* Memory that is missed is marked in the problems; NULL. */
void *hl_node_alloc(struct hl_problems *p, size_t n, size_t size);
char *hl_node_copy(struct hl_problems *p, struct hl_slice s);

/* NULL for a value left empty (`key:`, `key: ~`). */
const struct hl_yaml_node *hl_node_find(const struct hl_yaml_node *map, const char *key);
/* True if it is a map; every key not in `known` (NULL-terminated) is an error with the nearest name. */
bool hl_node_check_map(struct hl_problems *p, const struct hl_yaml_node *n, const char *what, const char *const *known);
bool hl_node_is(struct hl_problems *p, const struct hl_yaml_node *n, enum hl_yaml_kind kind, const char *what);

bool hl_node_text(struct hl_problems *p, const struct hl_yaml_node *n, const char *what, char **out);
bool hl_node_bool(struct hl_problems *p, const struct hl_yaml_node *n, const char *what, bool *out);
bool hl_node_fixed(struct hl_problems *p, const struct hl_yaml_node *n, const char *what, hl_fixed *out);
bool hl_node_int(struct hl_problems *p, const struct hl_yaml_node *n, const char *what, int64_t min, int64_t max, int64_t *out);
/* In min .. max milliseconds; max <= HL_DURATION_MAX. */
bool hl_node_duration(struct hl_problems *p, const struct hl_yaml_node *n, const char *what, int64_t min, int64_t max,
                      int64_t *out);

#define HL_DURATION_MAX ((int64_t)36525 * 86400000) /* 100 years of 365.25 days */

#endif
