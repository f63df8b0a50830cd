/* Private: the packed block of a contact. */
#ifndef HL_CORE_LEDGER_H
#define HL_CORE_LEDGER_H

#include "hotlead/core/contact.h"

/* What a contact has of one rule. */
struct hl_entry {
    struct hl_row row;       /* zero but for the rule where there is none */
    struct hl_window window; /* window[0] -1: none */
    bool has_row;
};

/* The block of a new contact. HL_E_NOMEM, HL_E_TOO_LARGE. */
enum hl_status hl_body_new(struct hl_contact *c, struct hl_slab *slab, struct hl_slice id) HL_WARN_UNUSED;
/* Bytes as they were asked for; 0: there is none. */
size_t hl_body_bytes(const struct hl_contact *c);
void hl_body_free(struct hl_contact *c, struct hl_slab *slab);
/* Room for so many bytes more, of event ids and entries. HL_E_NOMEM: nothing is changed. */
enum hl_status hl_body_reserve(struct hl_contact *c, struct hl_slab *slab, size_t more) HL_WARN_UNUSED;
/* Give back what is not used. */
void hl_body_shrink(struct hl_contact *c, struct hl_slab *slab);

void hl_event_ids_clear(struct hl_contact *c);
bool hl_event_ids_has(const struct hl_contact *c, uint64_t hash);
/* Keep it, in place of the oldest where there are HL_EVENT_IDS. HL_E_NOMEM: nothing is changed. */
enum hl_status hl_event_ids_add(struct hl_contact *c, struct hl_slab *slab, uint64_t hash) HL_WARN_UNUSED;
/* The i-th, oldest first. */
uint64_t hl_event_ids_at(const struct hl_contact *c, unsigned i);

/* Entries come by rule. *pos, 0 first, is where one begins, with those of lower rules before it: so rules that come in their order are found in
 * one pass. */
bool hl_ledger_next(const struct hl_contact *c, size_t *pos, struct hl_entry *e);
/* Go on to the place of the rule; the entry there, or an empty one. */
void hl_ledger_seek(const struct hl_contact *c, size_t *pos, uint16_t rule, struct hl_entry *e);
/* Put it where seek found its place, and go on behind it; one with neither row nor window goes. HL_E_NOMEM: nothing is changed. */
enum hl_status hl_ledger_put(struct hl_contact *c, struct hl_slab *slab, size_t *pos, const struct hl_entry *e) HL_WARN_UNUSED;
/* Windows stay. */
void hl_ledger_drop_rows(struct hl_contact *c);
void hl_ledger_clear(struct hl_contact *c);

#endif
