/* Private: the latest record of every contact, from the state topic (the truth) or from the warm copy in Redis, for commands that go through all. */
#ifndef HL_APP_STATES_H
#define HL_APP_STATES_H

#include "cli.h"
#include "hotlead/core/contact.h"

/* A record as it is stored: framed ContactState. Ids that begin with HL_GRAVE_MARK are graves (decision 0011). */
struct hl_state_record {
    int32_t partition;
    struct hl_slice id, value;
};
typedef enum hl_status hl_state_record_fn(void *ctx, const struct hl_state_record *r);

/* Of the state topic, partition by partition; one partition's contacts are in memory at a time. In the order in which they were first written. */
enum hl_status hl_states_each_in_topic(struct hl_cli_kafka *k, const struct hl_config *c, hl_state_record_fn *fn, void *ctx, struct hl_error *err)
    HL_WARN_UNUSED;
/* Of Redis, as of the last checkpoint. HL_E_MISSING: nothing of this group is there. */
enum hl_status hl_states_each_in_redis(const struct hl_config *c, hl_state_record_fn *fn, void *ctx, struct hl_error *err) HL_WARN_UNUSED;

/* The contact of a record, to be ended with hl_contact_fini. HL_E_DECODE with the reason in err. */
enum hl_status hl_state_record_read(const struct hl_state_record *r, struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m,
                                    struct hl_error *err) HL_WARN_UNUSED;

#endif
