/* What a contact touched: how often, what last, and what first, with its source. Kept only where the model asks for it (`touches`).
 *
 * A touch is an event of a type in hl_model.touches_on. Touches of one type and about the same thing (asset, form, page or campaign, the first
 * that the event has) are counted together; of these kinds the `touches_keep` that were touched last are kept, each with its count.
 *
 * It lies in the block of attributes, under a key that no event can set: a contact without touches pays nothing, and the stored form (state.c)
 * is that of an attribute, so it can be read and passed on by versions that do not know it. */
#ifndef HOTLEAD_CORE_TOUCHES_H
#define HOTLEAD_CORE_TOUCHES_H

#include "hotlead/core/contact.h"

#define HL_TOUCHES_MAX 32      /* kinds */
#define HL_TOUCH_TEXT_MAX 60   /* bytes of a text that are kept */
/* The first byte of keys that events cannot set. */
#define HL_OWN_KEY '\1'

struct hl_touch {
    int64_t last_at;
    struct hl_slice what;    /* empty: the event said nothing */
    uint32_t type;           /* hl_name_hash of the name of its type */
    uint32_t count;          /* saturates; from anew when the kind was forgotten in between */
};

struct hl_touches {
    uint32_t count;          /* of all touches */
    int64_t first_at;
    uint32_t first_type;
    struct hl_slice first_what, source, campaign; /* of the first touch; empty: it said none */
    struct hl_touch last[HL_TOUCHES_MAX];         /* the newest first */
    unsigned n;
};

static inline bool hl_is_own_key(struct hl_slice key)
{
    return key.len > 0 && key.data[0] == HL_OWN_KEY;
}

/* False: none are kept. Texts are borrowed from the contact. */
bool hl_touches_get(const struct hl_contact *c, struct hl_touches *out);
/* The name of a type by its hash; NULL: this version has none such. */
const char *hl_touch_type_name(uint32_t type);
/* One more. Late ones count and find their place by their own time. HL_E_NOMEM; a contact whose attributes are full keeps none. */
enum hl_status hl_touches_add(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, const struct hl_event *ev) HL_WARN_UNUSED;
/* Those of another contact, as if all had been its own. HL_E_NOMEM. */
enum hl_status hl_touches_join(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, const struct hl_contact *other) HL_WARN_UNUSED;

#endif
