/* Part of `hotlead describe`. */
#ifndef HL_APP_DESCRIBE_HANDOFF_H
#define HL_APP_DESCRIBE_HANDOFF_H

#include "words.h"

/* Routing and deadlines as Markdown; nothing where the model has none. */
void hl_describe_handoff(struct hl_words *w, const struct hl_model *m);

#endif
