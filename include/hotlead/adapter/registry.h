/* Schema Registry over HTTP (Confluent API: GET /schemas/ids/{id}, POST /subjects/{subject}/versions). A thread of its own fetches, so that
 * `get` never blocks; answers are cached for good, a 404 for 30 s. */
#ifndef HOTLEAD_ADAPTER_REGISTRY_H
#define HOTLEAD_ADAPTER_REGISTRY_H

#include "hotlead/port/schemas.h"

struct hl_registry_config {
    const char *url;
    const char *user_file;      /* "user:password" for basic auth, NULL: none */
    const char *token_file;     /* bearer token, NULL: none */
    const char *ca_file;        /* NULL: the system's */
    const char *schemas_dir;    /* where output schemas are read from for id_of */
    int timeout_ms;             /* of one request; 0: 5000 */
};
enum hl_status hl_registry_new(const struct hl_registry_config *config, struct hl_schemas **out, struct hl_error *err) HL_WARN_UNUSED;

#endif
