/* Where writer schemas come from: a folder (app/schemas) or a Schema Registry (adapter/registry). */
#ifndef HOTLEAD_PORT_SCHEMAS_H
#define HOTLEAD_PORT_SCHEMAS_H

#include "hotlead/base/status.h"

struct hl_schemas {
    /* Text of the schema with this id, malloc'ed, NUL-terminated. HL_E_SCHEMA: there is no such id (final for now; may be asked again
     * later). HL_E_PENDING: being fetched, or the registry cannot be reached: ask again. Never blocks. Thread-safe. */
    enum hl_status (*get)(struct hl_schemas *s, uint32_t id, char **json, struct hl_error *err);
    /* Id under which values of `topic` are written with this schema: registered in a registry when needed (blocks; start-up only), else from
     * ids.yaml by file name (`file`, for instance "stage_transition.avsc"). HL_E_UNAVAILABLE, HL_E_SCHEMA. */
    enum hl_status (*id_of)(struct hl_schemas *s, const char *topic, const char *file, uint32_t *id, struct hl_error *err);
    void (*free)(struct hl_schemas *s);
};

#endif
