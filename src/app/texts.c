#include "texts.h"

#include <stdlib.h>

#include "hotlead/base/hash.h"

void hl_texts_init(struct hl_texts *t)
{
    *t = (struct hl_texts){0};
    hl_arena_init(&t->arena, 0);
}

void hl_texts_fini(struct hl_texts *t)
{
    hl_arena_fini(&t->arena);
    free(t->items);
    free(t->slots);
}

/* Of the text, or the free one where it belongs. */
static uint32_t *slot_of(const struct hl_texts *t, struct hl_slice text)
{
    size_t at = hl_hash64(text) & (t->n_slots - 1);
    while (t->slots[at] != HL_NO_TEXT && !hl_slice_eq(t->items[t->slots[at]], text)) at = (at + 1) & (t->n_slots - 1);
    return &t->slots[at];
}

/* Twice the room; half of the slots at least are free. */
static bool grow(struct hl_texts *t)
{
    size_t cap = t->cap ? t->cap * 2 : 1024;
    struct hl_slice *items = realloc(t->items, cap * sizeof(*items));
    if (items) t->items = items;
    uint32_t *slots = items ? realloc(t->slots, cap * 2 * sizeof(*slots)) : NULL;
    if (!slots) return false;
    t->slots = slots;
    t->cap = cap;
    t->n_slots = cap * 2;
    memset(slots, 0xff, t->n_slots * sizeof(*slots));
    for (size_t i = 0; i < t->n; i++) *slot_of(t, t->items[i]) = (uint32_t)i;
    return true;
}

uint32_t hl_texts_put(struct hl_texts *t, struct hl_slice text)
{
    if (t->n == t->cap && (t->n >= HL_NO_TEXT / 4 || !grow(t))) return HL_NO_TEXT;
    uint32_t *slot = slot_of(t, text);
    if (*slot != HL_NO_TEXT) return *slot;
    struct hl_slice copy = hl_arena_copy(&t->arena, text);
    if (hl_slice_is_null(copy)) return HL_NO_TEXT;
    t->items[t->n] = copy;
    *slot = (uint32_t)t->n++;
    return *slot;
}

uint32_t hl_texts_find(const struct hl_texts *t, struct hl_slice text)
{
    return t->n_slots ? *slot_of(t, text) : HL_NO_TEXT;
}
