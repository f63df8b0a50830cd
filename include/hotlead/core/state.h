/* Stored form of a contact: what goes into ContactState.engine and into Redis. Versioned, self-delimiting, independent of the order
 * of rules in the model (rows and latches are keyed by the hash of the rule's name; what the model no longer has is dropped on load).
 *
 * Layout: byte version (1), then varints and length-prefixed bytes in the order of state.c's DESIGN comment. */
#ifndef HOTLEAD_CORE_STATE_H
#define HOTLEAD_CORE_STATE_H

#include "hotlead/base/buf.h"
#include "hotlead/core/contact.h"

/* Stage and kind in a byte, in codes that never change; false: no such code. */
uint8_t hl_state_pack_stage(enum hl_stage stage, enum hl_kind kind);
bool hl_state_unpack_stage(uint8_t packed, enum hl_stage *stage, enum hl_kind *kind);

/* Appends. The contact id is not part of it (it is the key). */
void hl_state_encode(const struct hl_contact *c, const struct hl_model *m, struct hl_buf *out);

/* Fill a contact that hl_contact_init made (id, hash and partition stay), then refit. HL_E_DECODE on any malformed byte; HL_E_NOMEM.
 * On failure the contact is still valid for hl_contact_fini. Bounded: never allocates more than the input could describe. */
enum hl_status hl_state_decode(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, struct hl_slice bytes)
    HL_WARN_UNUSED;

#endif
