/* StageTransition and ContactState as JSON, one object a line; the names are those of schemas/. */
#ifndef HL_APP_SIM_JSON_H
#define HL_APP_SIM_JSON_H

#include "hotlead/base/buf.h"
#include "hotlead/core/apply.h"

struct hl_sim_transition {
    struct hl_slice contact_id, trigger_event_id;
    const struct hl_transition *t;
    int64_t emitted_at;
    const struct hl_model *m;
    struct hl_slice source; /* of the trigger event */
};

void hl_sim_put_transition(struct hl_buf *b, const struct hl_sim_transition *r);
/* The record Alert of schemas/. */
void hl_sim_put_alert(struct hl_buf *b, struct hl_slice contact_id, const struct hl_alert *a);
/* Scores as of `at`. */
void hl_sim_put_state(struct hl_buf *b, const struct hl_contact *c, const struct hl_model *m, int64_t at);

/* Members: merged_into, of a pointer; merged, the ids of those that went into the contact. None where there are none. */
void hl_sim_put_merges(struct hl_buf *b, const struct hl_contact *c);

#endif
