/* A YAML file as a tree with positions (libyaml). Scalars are text; what they mean is the reader's business. Aliases (*x) are resolved;
 * anchors that contain themselves are refused. Depth at most 64, at most 100,000 nodes (aliases written out), 1000
 * anchors, 4 MiB, one document. Duplicate keys are errors. */
#ifndef HOTLEAD_ADAPTER_YAML_H
#define HOTLEAD_ADAPTER_YAML_H

#include "hotlead/base/slice.h"
#include "hotlead/base/status.h"

enum hl_yaml_kind { HL_YAML_SCALAR, HL_YAML_MAP, HL_YAML_LIST };

struct hl_yaml_node {
    enum hl_yaml_kind kind;
    unsigned line, column;        /* from 1 */
    struct hl_slice text;         /* scalar; NUL-terminated */
    bool plain;                   /* scalar written without quotes */
    size_t n;                     /* entries of a map, items of a list */
    struct hl_yaml_node **keys;   /* map: scalar nodes */
    struct hl_yaml_node **values; /* map values or list items */
};

struct hl_yaml;

/* Messages read "FILE:LINE:COLUMN: what". HL_E_CONFIG malformed, HL_E_IO unreadable (with the reason). */
enum hl_status hl_yaml_load_file(const char *path, struct hl_yaml **out, struct hl_error *err) HL_WARN_UNUSED;
enum hl_status hl_yaml_load_text(const char *name, struct hl_slice text, struct hl_yaml **out, struct hl_error *err) HL_WARN_UNUSED;
void hl_yaml_free(struct hl_yaml *y);
const struct hl_yaml_node *hl_yaml_root(const struct hl_yaml *y); /* an empty file is an empty map */
const char *hl_yaml_name(const struct hl_yaml *y);
uint64_t hl_yaml_fingerprint(const struct hl_yaml *y); /* of the text; never 0 */
/* Value of a key of a map; NULL when absent or not a map. */
const struct hl_yaml_node *hl_yaml_get(const struct hl_yaml_node *map, const char *key);

#endif
