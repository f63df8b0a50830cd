/* Two contacts become one (decision 0026). The one that goes stays as a *pointer*: a contact with HL_C_MERGED that knows into whom it went, its
 * last event ids, and nothing else; what comes for it is passed on. The one that takes it over keeps the ids of those that went into it.
 *
 * Both lists lie in the block of attributes, under keys that no event can set (see touches.h). */
#ifndef HOTLEAD_CORE_JOIN_H
#define HOTLEAD_CORE_JOIN_H

#include "hotlead/core/apply.h"

/* Into whom a pointer went; null: the contact is no pointer. Borrowed from the contact. */
struct hl_slice hl_merged_into(const struct hl_contact *c);
/* The ids of those that went into the contact, the newest first: start with *pos = 0; false at the end. Borrowed. Beyond 4 KB the oldest are
 * forgotten. */
bool hl_merged_next(const struct hl_contact *c, size_t *pos, struct hl_slice *id);
bool hl_merged_has(const struct hl_contact *c, struct hl_slice id);

/* All that are one with the contact: where it went, and those that went into it. As hl_merged_next. */
bool hl_kin_next(const struct hl_contact *c, size_t *pos, struct hl_slice *id);

/* The contact becomes a pointer. Its clock, seq, event ids and the time of its erasure stay; deadlines end without a word. HL_E_NOMEM. */
enum hl_status hl_merge_away(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, struct hl_slice into) HL_WARN_UNUSED;
/* A pointer is a contact again, empty: also of event ids, since what comes back to it was passed on by itself. */
void hl_merge_back(struct hl_contact *c, struct hl_slab *slab);
/* What was sent to a pointer and is to be passed on, with all that it brings; a claim is not: who went into another stays there. Not for an
 * erasure, which is the pointer's own. */
void hl_merge_relay(const struct hl_contact *c, const struct hl_event *ev, bool is_claim, struct hl_outcome *out);
/* `from` went into c by `ev` (contact_merged, with the id and time of the event that made it so; its contact_id is c's). As hl_apply; duplicate:
 * c has taken `from` over by this event already; buried: c was erased after it, and `from` is to be erased, too. c is no pointer. */
enum hl_status hl_join(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, const struct hl_contact *from,
                       const struct hl_event *ev, enum hl_apply_mode mode, struct hl_outcome *out) HL_WARN_UNUSED;

#endif
