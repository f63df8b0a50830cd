/* Stored contact states from anywhere: decode, score, encode, decode again. */
#include <stdlib.h>

#include "hotlead/core/score.h"
#include "hotlead/core/state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct hl_model *make_model(void)
{
    static const char *const names[] = {"page", "file", "click", "gone", "any"}; /* as in the seeds */
    struct hl_model *m = hl_model_new();
    HL_BUG_ON(!m);
    m->rules = calloc(HL_ARRAY_LEN(names), sizeof *m->rules);
    m->hand_raise = calloc(1, sizeof *m->hand_raise);
    m->qualify = calloc(1, sizeof *m->qualify);
    HL_BUG_ON(!m->rules || !m->hand_raise || !m->qualify);
    for (size_t i = 0; i < HL_ARRAY_LEN(names); i++) {
        const int64_t day = 86400000, half_lives[] = {30 * day, 30 * day, 14 * day, 0, 7 * day};
        m->rules[i] = (struct hl_score_rule){.name = strdup(names[i]), .points = HL_FIXED_OF_INT(10), .group = -1,
                                             .half_life = hl_half_life_of(half_lives[i]), .max_times = i == 4 ? 3 : 0, .window_ms = day};
    }
    m->n_rules = HL_ARRAY_LEN(names);
    *m->hand_raise = (struct hl_latch_rule){.name = strdup("demo"), .valid_for_ms = INT64_MAX};
    *m->qualify = (struct hl_latch_rule){.name = strdup("meeting"), .valid_for_ms = INT64_MAX};
    m->n_hand_raise = m->n_qualify = 1;
    m->sla = calloc(3, sizeof *m->sla);
    HL_BUG_ON(!m->sla);
    m->sla[m->n_sla++] = (struct hl_sla){strdup("call"), 0, HL_STAGE_MQL, HL_KIND_ACTIVE, 86400000};
    m->sla[m->n_sla++] = (struct hl_sla){strdup("look"), 0, HL_STAGE_MQL, HL_KIND_NONE, 432000000};
    m->sla[m->n_sla++] = (struct hl_sla){strdup("talk"), 0, HL_STAGE_SQL, HL_KIND_NONE, 777600000};
    HL_BUG_ON(hl_model_seal(m) != HL_OK);
    return m;
}

static bool load(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, struct hl_slice bytes)
{
    HL_BUG_ON(hl_contact_init(c, slab, 1, HL_SLICE_LIT("a"), 0) != HL_OK);
    return hl_state_decode(c, slab, m, bytes) == HL_OK;
}

/* A state that was read and written once must read and write the same from then on. */
static void check(const struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m)
{
    struct hl_buf once, twice;
    struct hl_contact again;
    hl_buf_init(&once);
    hl_buf_init(&twice);
    (void)hl_score_at(c, m, c->clock);
    hl_state_encode(c, m, &once);
    HL_BUG_ON(!load(&again, slab, m, hl_buf_slice(&once)));
    hl_state_encode(&again, m, &twice);
    HL_BUG_ON(!hl_slice_eq(hl_buf_slice(&once), hl_buf_slice(&twice)));
    hl_contact_fini(&again, slab);
    hl_buf_fini(&once);
    hl_buf_fini(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hl_model *m;
    struct hl_slab slab;
    struct hl_contact c;
    if (!m) m = make_model();
    hl_slab_init(&slab);
    if (load(&c, &slab, m, (struct hl_slice){(const char *)data, size})) check(&c, &slab, m);
    hl_contact_fini(&c, &slab);
    hl_slab_fini(&slab);
    return 0;
}
