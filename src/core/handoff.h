/* Private: who gets a contact, and by when sales must answer (decision 0008). */
#ifndef HL_CORE_HANDOFF_H
#define HL_CORE_HANDOFF_H

#include "lifecycle.h"

/* owner_assigned: the newer of the two owners. HL_E_NOMEM. */
enum hl_status hl_handoff_assign(struct hl_step *s) HL_WARN_UNUSED;
/* An owner for a contact that has none, if a route deals it one. HL_E_NOMEM. */
enum hl_status hl_handoff_route(struct hl_step *s) HL_WARN_UNUSED;
/* The contact came from `from`, of kind `from_kind`: the deadlines of where it was end, those of where it is start, and `t` names what
 * runs then. HL_E_NOMEM. */
enum hl_status hl_handoff_moved(struct hl_step *s, struct hl_transition *t, enum hl_kind from_kind) HL_WARN_UNUSED;
/* Sales answered at `answered`: every deadline that runs ends. */
void hl_handoff_answered(struct hl_step *s, int64_t answered);
/* Time has come to `moment`: deadlines up to it are breached. */
void hl_handoff_breach(struct hl_step *s, int64_t moment);

/* True when the deadline runs for contacts in this stage, of this kind. */
bool hl_sla_applies(const struct hl_sla *sla, enum hl_stage stage, enum hl_kind kind);
/* A place for one more clock, in the order of the model. NULL: no memory. */
struct hl_sla_clock *hl_handoff_clock(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, uint16_t sla);
/* Set the owner as of `at`; an empty name: none. Cut at 255 bytes. HL_E_NOMEM. */
enum hl_status hl_handoff_set_owner(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, struct hl_slice name,
                                    int64_t at) HL_WARN_UNUSED;

#endif
