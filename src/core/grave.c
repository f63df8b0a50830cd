#include "hotlead/core/grave.h"

#include <stdio.h>

#include "hotlead/base/hash.h"

struct hl_slice hl_grave_id(struct hl_slice id, uint64_t hash, char out[HL_GRAVE_ID_BYTES])
{
    char text[33];
    snprintf(text, sizeof(text), "%016llx%016llx", (unsigned long long)hash, (unsigned long long)hl_hash64_other(id));
    memcpy(out, HL_GRAVE_MARK.data, HL_GRAVE_MARK.len);
    memcpy(out + HL_GRAVE_MARK.len, text, 32);
    return (struct hl_slice){out, HL_GRAVE_ID_BYTES};
}

bool hl_grave_read_id(struct hl_slice id, uint64_t *hash)
{
    uint64_t v = 0;
    if (id.len != HL_GRAVE_ID_BYTES || memcmp(id.data, HL_GRAVE_MARK.data, HL_GRAVE_MARK.len) != 0) return false;
    for (size_t i = HL_GRAVE_MARK.len; i < HL_GRAVE_ID_BYTES; i++) {
        int digit = hl_hex_digit(id.data[i]);
        if (digit < 0) return false;
        if (i < HL_GRAVE_MARK.len + 16) v = v << 4 | (unsigned)digit;
    }
    *hash = v;
    return true;
}

struct hl_contact *hl_grave_find(struct hl_table *t, uint16_t worker, uint64_t hash, struct hl_slice id)
{
    char text[HL_GRAVE_ID_BYTES];
    return hl_table_find(t, worker, hash, hl_grave_id(id, hash, text));
}

struct hl_contact *hl_grave_put(struct hl_table *t, const struct hl_contact *erased, bool *created)
{
    char text[HL_GRAVE_ID_BYTES];
    struct hl_slice id = hl_grave_id(hl_contact_id(erased), erased->hash, text);
    struct hl_contact *grave = hl_table_put(t, erased->worker, erased->hash, id, erased->partition, created);
    if (!grave) return NULL;
    grave->flags |= HL_C_GRAVE;
    grave->clock = grave->stage_since = erased->ext->erased_at;
    return grave;
}

enum hl_status hl_grave_adopt(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, const struct hl_contact *grave)
{
    struct hl_contact_ext *ext = hl_contact_ext(c, slab, m);
    if (!ext) return HL_E_NOMEM;
    ext->erased_at = grave->clock;
    c->flags |= HL_C_ERASED;
    c->applied = grave->applied;
    return HL_OK;
}
