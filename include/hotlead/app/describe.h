/* A model for people: what every stage, rule and threshold means, and a chart of the moves. Made from the model and from the
 * table of the life cycle, so that it cannot tell anything else than what happens. */
#ifndef HOTLEAD_APP_DESCRIBE_H
#define HOTLEAD_APP_DESCRIBE_H

#include "hotlead/base/buf.h"
#include "hotlead/core/model.h"

/* Each appends; a failed growth shows in out->failed. */
void hl_describe_markdown(const struct hl_model *m, struct hl_buf *out); /* with the Mermaid chart in it */
void hl_describe_mermaid(const struct hl_model *m, struct hl_buf *out);  /* https://mermaid.js.org, flowchart */
void hl_describe_dot(const struct hl_model *m, struct hl_buf *out);      /* https://graphviz.org/doc/info/lang.html */

#endif
