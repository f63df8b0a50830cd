/* Private: a record of lead.transitions as it may have been written: Avro, JSON, or JSON within a CloudEvent. */
#ifndef HL_APP_TRANSITION_READ_H
#define HL_APP_TRANSITION_READ_H

#include "hotlead/base/arena.h"
#include "hotlead/base/status.h"
#include "hotlead/port/transition_view.h"

/* Slices are borrowed from value and arena. HL_E_DECODE, HL_E_MISSING with a message. */
enum hl_status hl_transition_read(struct hl_slice value, struct hl_arena *arena, struct hl_transition_view *v, struct hl_error *err) HL_WARN_UNUSED;

#endif
