#include "transition_read.h"

#include "hotlead/adapter/avro.h"
#include "hotlead/adapter/json.h"

enum hl_status hl_transition_read(struct hl_slice value, struct hl_arena *arena, struct hl_transition_view *v, struct hl_error *err)
{
    if (value.len && value.data[0] != '\0') return hl_json_get_transition(value, arena, v, err);
    if (hl_avro_get_transition(value, v) == HL_OK) return HL_OK;
    return hl_error_set(err, HL_E_DECODE, HL_SKIP, "not an Avro transition of ours");
}
