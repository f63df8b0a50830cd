/* DESIGN
 * A contact is made anew by applying its events, in the order of each topic; between topics the order may be another than it was, and then the contact
 * may end elsewhere. A transition tells where it was, but not all that goes with it. So: what move() in lifecycle.c does on entering a stage is done
 * here as far as it follows from stage, kind, cause and time; and since a contact at rest is in a stage that nothing it holds leads out of, what does is
 * taken away, if it is not newer than the move.
 *
 * WHY NOT evaluate with other orders until one agrees: events of several topics have as many orders as there are ways to riffle them, and the transitions
 * of most are gone after a while anyway.
 *
 * THREADS: pure; the contact is guarded by its stripe. */
#include "hotlead/core/follow.h"

#include "handoff.h"

/* Facts that lead out of each stage at once. */
static const uint8_t leads_out[HL_STAGE_COUNT] = {
    [HL_STAGE_MQL] = 1 << HL_FACT_ACCEPTED | 1 << HL_FACT_CONTACTED,
    [HL_STAGE_SAL] = 1 << HL_FACT_CONTACTED,
    [HL_STAGE_SQL] = 1 << HL_FACT_OPPORTUNITY,
    [HL_STAGE_OPPORTUNITY] = 1 << HL_FACT_WON,
    [HL_STAGE_CUSTOMER] = 1 << HL_FACT_ADVOCACY,
};

static void forget_latches(struct hl_contact_ext *ext, unsigned from, unsigned to, int64_t until)
{
    for (unsigned i = from; i < to; i++)
        if (ext->latches[i] <= until) ext->latches[i] = HL_NO_TIME;
}

static void forget_facts(struct hl_contact_ext *ext, unsigned facts, int64_t until)
{
    for (unsigned f = 0; f < HL_FACT_COUNT; f++)
        if ((facts >> f & 1) && ext->facts[f] <= until) ext->facts[f] = HL_NO_TIME;
}

static void forget(struct hl_contact_ext *ext, const struct hl_said *said)
{
    bool rejected = said->stage == HL_STAGE_UNQUALIFIED, by_hand = said->cause == HL_CAUSE_MANUAL;
    unsigned hand_raise = ext->n_hand_raise, all = hand_raise + ext->n_qualify;
    bool used = rejected || by_hand || hl_stage_rank(said->stage) >= hl_stage_rank(HL_STAGE_MQL);
    if (rejected && said->at > ext->rejected_at) ext->rejected_at = said->at;
    if (used) forget_latches(ext, 0, hand_raise, said->at);
    if (used && said->stage != HL_STAGE_MQL) forget_latches(ext, hand_raise, all, said->at);
    forget_facts(ext, rejected ? (1 << HL_FACT_COUNT) - 1 : leads_out[said->stage], said->at);
}

static void set_flags(struct hl_contact *c, const struct hl_said *said)
{
    uint32_t on = 0, off = 0;
    bool was_mql = said->kind != HL_KIND_NONE || hl_stage_rank(said->stage) >= hl_stage_rank(HL_STAGE_MQL) || said->stage == HL_STAGE_UNQUALIFIED;
    bool by_score = said->cause == HL_CAUSE_SCORE;
    if (was_mql) on |= HL_C_WAS_MQL;
    if (said->cause == HL_CAUSE_MANUAL) on |= HL_C_HELD | HL_C_HELD_FIT;
    else off |= HL_C_HELD;
    if (by_score && said->stage == HL_STAGE_MQL && said->kind == HL_KIND_PASSIVE) off |= HL_C_ARMED_MQL;
    if (said->stage == HL_STAGE_SQL) *(by_score ? &on : &off) |= HL_C_SQL_BY_SCORE;
    if (by_score && said->stage == HL_STAGE_SQL) off |= HL_C_ARMED_SQL;
    c->flags = (c->flags & ~off) | on;
}

/* Deadlines of where it is, from when it came there. */
static enum hl_status restart_clocks(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, const struct hl_said *said)
{
    if (c->ext) c->ext->n_clocks = 0;
    for (size_t i = 0; i < m->n_sla; i++) {
        if (!hl_sla_applies(&m->sla[i], said->stage, said->kind)) continue;
        struct hl_sla_clock *clock = hl_handoff_clock(c, slab, m, (uint16_t)i);
        if (!clock) return HL_E_NOMEM;
        clock->since = said->at;
        clock->due = hl_time_add(said->at, m->sla[i].within_ms);
        clock->seq = said->seq;
    }
    return HL_OK;
}

enum hl_status hl_contact_follow(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, const struct hl_said *said)
{
    bool moved = c->stage != said->stage || c->kind != said->kind;
    if (!hl_contact_ext(c, slab, m)) return HL_E_NOMEM;
    if (c->grade == 0) hl_contact_refit(c, m); /* nothing but this transition is known of it */
    c->stage = (uint8_t)said->stage;
    c->kind = (uint8_t)said->kind;
    c->visit = said->visit;
    c->seq = said->seq;
    c->stage_since = said->at;
    if (c->clock < said->at) c->clock = said->at;
    if (!moved) return HL_OK;
    set_flags(c, said);
    forget(c->ext, said);
    return restart_clocks(c, slab, m, said);
}
