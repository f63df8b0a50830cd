/* Private: the warm copy in Redis as the configuration names it, and reading it for those who are not its partitions' owners. */
#ifndef HL_APP_WARM_H
#define HL_APP_WARM_H

#include "hotlead/app/config.h"
#include "hotlead/core/contact.h"
#include "hotlead/port/store.h"

/* Not connected yet. HL_E_CONFIG also when redis.url is empty. timeout_ms 0: the adapter's default. */
enum hl_status hl_warm_open(const struct hl_config *c, int timeout_ms, struct hl_store **out, struct hl_error *err) HL_WARN_UNUSED;
/* The first partition from *partition on that has a copy, and the position of the state topic that it reflects. HL_E_END: none. */
enum hl_status hl_warm_next(struct hl_store *store, int32_t *partition, int64_t *position, struct hl_error *err) HL_WARN_UNUSED;
/* Copies of a state that is not there any more say nothing, and would be mixed with what comes: all are discarded; dry: only counted. HL_OK without
 * Redis. */
enum hl_status hl_warm_discard_all(const struct hl_config *c, bool dry, int *n, struct hl_error *err) HL_WARN_UNUSED;
/* A stored record into a contact that hl_contact_init made. HL_E_DECODE, HL_E_NOMEM. */
enum hl_status hl_warm_decode(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, struct hl_slice value) HL_WARN_UNUSED;

#endif
