/* Private: everything that is kept of a contact, as a page and as JSON; what `hotlead show` and /v1/contacts/{id} say. */
#ifndef HL_APP_SHOW_H
#define HL_APP_SHOW_H

#include "hotlead/base/buf.h"
#include "hotlead/core/contact.h"

/* Where it was read. */
struct hl_show_source {
    bool from_redis;
    int32_t partition;
    int64_t position; /* of the state topic, that the copy in Redis reflects */
};

/* Both append; scores as of `at`, not before the contact's clock. The JSON: ContactState (schemas/contact_state.avsc) without what only the engine
 * reads, then attributes, facts, hand_raises, deadlines and the source. */
void hl_show_put_json(const struct hl_contact *c, const struct hl_model *m, int64_t at, const struct hl_show_source *source, struct hl_buf *out);
/* The last member of an object, and its end: ,"source":{...}}\n */
void hl_show_put_source(const struct hl_contact *c, const struct hl_show_source *s, struct hl_buf *out);
/* now: deadlines and ages are counted from it. */
void hl_show_put_text(const struct hl_contact *c, const struct hl_model *m, int64_t at, int64_t now, const struct hl_show_source *source,
                      struct hl_buf *out);

#endif
