/* Private: what the body of a registry's answer says. Bytes from outside: nothing about them is believed. */
#ifndef HL_REGISTRY_ANSWER_H
#define HL_REGISTRY_ANSWER_H

#include "hotlead/base/slice.h"

enum state { WANTED, FOUND, REFUSED };

/* The schema in a 200 answer. FOUND: *json is malloc'ed; REFUSED: one that we cannot use; WANTED: no registry's answer, so ask again. `why` of the
 * last two. */
enum state hl_registry_read_schema(struct hl_slice body, char **json, char *why, size_t cap);
/* The id in the answer to a registration. */
bool hl_registry_read_id(struct hl_slice body, uint32_t *id);
/* "HTTP 409: Schema being registered is incompatible", on one line. */
void hl_registry_describe(long http, struct hl_slice body, char *out, size_t cap);

#endif
