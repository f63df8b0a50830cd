/* Private: parts of a contact that only apply and the state codec touch. */
#ifndef HL_CORE_CONTACT_PRIVATE_H
#define HL_CORE_CONTACT_PRIVATE_H

#include "hotlead/core/contact.h"

/* The first rule whose condition holds (wanted) or does not hold (not wanted) for the contact; NULL when there is none. */
const struct hl_fit_rule *hl_contact_first_rule(const struct hl_contact *c, const struct hl_fit_rule *rules, size_t n,
                                                bool wanted);

/* Fills m->bare. */
void hl_contact_fit_bare(struct hl_model *m);

bool hl_contact_holds(const struct hl_contact *c, const struct hl_condition *when);
/* The longest start of `s` of at most `max` bytes that ends between two characters of UTF-8. */
struct hl_slice hl_contact_cut(struct hl_slice s, size_t max);

/* Step 1: *known when this is the hash of one of the last ids; else it is one of them now. HL_E_NOMEM: nothing is changed. */
enum hl_status hl_contact_remember(struct hl_contact *c, struct hl_slab *slab, uint64_t hash, bool *known) HL_WARN_UNUSED;
/* Step 2. */
void hl_contact_advance_clock(struct hl_contact *c, int64_t t);

/* Room for what is about to come, at once instead of by and by: attributes of so many bytes of keys and values. HL_E_NOMEM. */
enum hl_status hl_contact_reserve_attributes(struct hl_contact *c, struct hl_slab *slab, size_t n, size_t bytes) HL_WARN_UNUSED;

#define HL_OWN_MAX 4096 /* bytes of a value */
#define HL_OWN_ROOM (HL_OWN_MAX + 10) /* to write one: a put of a number asks for ten bytes, whatever it takes */
/* The value of a key that no event can set, as of the contact's clock; an empty one removes it. HL_E_NOMEM; a contact whose attributes are full keeps
 * none, which is no error. */
enum hl_status hl_contact_set_own(struct hl_contact *c, struct hl_slab *slab, struct hl_slice key, struct hl_slice value) HL_WARN_UNUSED;

/* It occurred before the contact was erased. */
bool hl_contact_is_buried(const struct hl_contact *c, int64_t occurred_at);

/* The count of this window, which is opened where it is one of the two newest; NULL: it is too old. */
uint32_t *hl_window_slot(struct hl_window *w, int64_t window);
#endif
