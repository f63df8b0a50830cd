/* Where schemas come from, by configuration: a Schema Registry when it has an address, else the schemas folder with its ids.yaml. */
#ifndef HOTLEAD_APP_SCHEMAS_H
#define HOTLEAD_APP_SCHEMAS_H

#include "hotlead/adapter/avro.h"
#include "hotlead/adapter/registry.h"

/* config->url NULL or "": the folder config->schemas_dir. The folder's ids.yaml is checked now (HL_E_CONFIG, HL_E_IO), and read again for
 * each id that is asked for, so a schema may be added while the program runs. */
enum hl_status hl_schemas_open(const struct hl_registry_config *config, struct hl_schemas **out, struct hl_error *err) HL_WARN_UNUSED;
/* The text of a file of the folder; malloc'ed. HL_E_SCHEMA: it cannot be read. */
enum hl_status hl_schemas_read_file(const char *dir, const char *file, char **json, struct hl_error *err) HL_WARN_UNUSED;
/* The registry or the folder that the configuration names. */
struct hl_config;
enum hl_status hl_schemas_open_configured(const struct hl_config *c, struct hl_schemas **out, struct hl_error *err) HL_WARN_UNUSED;
/* Make every schema of the folder known to a decoder of single-object records, by its fingerprint. */
enum hl_status hl_schemas_teach(const char *dir, struct hl_decoder *d, struct hl_error *err) HL_WARN_UNUSED;

#endif
