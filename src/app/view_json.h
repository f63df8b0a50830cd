/* Private: a transition that was read back, as JSON: the names and the order of schemas/stage_transition.avsc. */
#ifndef HL_APP_VIEW_JSON_H
#define HL_APP_VIEW_JSON_H

#include "hotlead/base/buf.h"
#include "hotlead/port/transition_view.h"

/* One object, on one line, without its end. */
void hl_view_put_json(struct hl_buf *b, const struct hl_transition_view *v);

#endif
