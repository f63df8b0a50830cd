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

/* Step 1: false when this is the hash of one of the last ids; else it is one of them now. */
bool hl_contact_remember(struct hl_contact *c, uint64_t hash);
/* Step 2. */
void hl_contact_advance_clock(struct hl_contact *c, int64_t t);

/* Room for what is about to come, at once instead of by and by: so many rows, windows, attributes of so many bytes of keys and values. HL_E_NOMEM. */
enum hl_status hl_contact_reserve_rows(struct hl_contact *c, struct hl_slab *slab, size_t n) HL_WARN_UNUSED;
enum hl_status hl_contact_reserve_windows(struct hl_contact *c, struct hl_slab *slab, size_t n) HL_WARN_UNUSED;
enum hl_status hl_contact_reserve_attributes(struct hl_contact *c, struct hl_slab *slab, size_t n, size_t bytes) HL_WARN_UNUSED;

/* Window counts of a capped rule; made when absent. NULL: no memory. */
struct hl_window *hl_contact_window(struct hl_contact *c, struct hl_slab *slab, uint16_t rule);

#endif
