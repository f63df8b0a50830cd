/* A transition as it was written, for those who read it back: from lead.transitions (adapter/avro) or from a file of simulate
 * (adapter/json). All slices are borrowed from what was read; null where the record has null. */
#ifndef HOTLEAD_PORT_TRANSITION_VIEW_H
#define HOTLEAD_PORT_TRANSITION_VIEW_H

#include "hotlead/base/slice.h"
#include "hotlead/core/model.h"

#define HL_VIEW_REASONS 8 /* more are left out */

struct hl_view_reason {
    struct hl_slice rule;
    double points;
};

struct hl_transition_view {
    struct hl_slice transition_id, contact_id;
    struct hl_slice kind, direction, cause, rule, trigger_event_id, grade, owner, model, model_version;
    struct hl_slice source; /* of the event that caused it */
    enum hl_stage from, to;
    int64_t seq, visit;
    int64_t occurred_at, emitted_at; /* ms since 1970 */
    int64_t time_in_from_ms;         /* -1: not known */
    int64_t sla_due;                 /* -1: none */
    double score, fit, behavior;
    struct hl_view_reason reasons[HL_VIEW_REASONS];
    unsigned n_reasons;
    bool suspect;
};

#endif
