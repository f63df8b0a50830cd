/* What is left of an erased contact (decision 0011): the time of the erasure, under a hash of the id.
 *
 * A grave is a contact of its own in the table and in lead.state: with the flag HL_C_GRAVE, an id made of the hash, its clock the time
 * of the erasure. It lies in the stripe of the contact that it is about. */
#ifndef HOTLEAD_CORE_GRAVE_H
#define HOTLEAD_CORE_GRAVE_H

#include "hotlead/core/table.h"

#define HL_GRAVE_ID_BYTES 39

/* Ids of contacts never begin so. */
#define HL_GRAVE_MARK HL_SLICE_LIT("\0grave:")

/* The id of the grave of `id`; hash is hl_hash64(id). */
struct hl_slice hl_grave_id(struct hl_slice id, uint64_t hash, char out[HL_GRAVE_ID_BYTES]);
/* True when it is the id of a grave; *hash is that of the contact. */
bool hl_grave_read_id(struct hl_slice id, uint64_t *hash);

/* All three: @locks requires the stripe of hash. */
/* The grave of a contact; NULL: none. */
struct hl_contact *hl_grave_find(struct hl_table *t, uint16_t worker, uint64_t hash, struct hl_slice id);
/* Make the grave of an erased contact, or bring it up to the contact's erased_at. NULL: no memory. */
struct hl_contact *hl_grave_put(struct hl_table *t, const struct hl_contact *erased, bool *created);
/* A contact that was just made takes over what its grave says. HL_E_NOMEM. */
enum hl_status hl_grave_adopt(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, const struct hl_contact *grave)
    HL_WARN_UNUSED;

#endif
