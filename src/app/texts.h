/* Private: texts, each once, by number. One owner. */
#ifndef HL_APP_TEXTS_H
#define HL_APP_TEXTS_H

#include "hotlead/base/arena.h"
#include "hotlead/base/status.h"

#define HL_NO_TEXT UINT32_MAX

struct hl_texts {
    struct hl_arena arena;
    struct hl_slice *items; /* [n of cap], NUL behind each */
    uint32_t *slots;        /* [n_slots], a power of two; HL_NO_TEXT: free */
    size_t n, cap, n_slots;
};

void hl_texts_init(struct hl_texts *t);
void hl_texts_fini(struct hl_texts *t);
/* The number of the text, which is copied when it is new: then it is the n of before. HL_NO_TEXT: no memory. */
uint32_t hl_texts_put(struct hl_texts *t, struct hl_slice text);
/* HL_NO_TEXT: it is not there. */
uint32_t hl_texts_find(const struct hl_texts *t, struct hl_slice text);

#endif
