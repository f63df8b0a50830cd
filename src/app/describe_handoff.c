/* The hand-off in plain words: who gets an MQL, and by when sales must answer. */
#include "describe_handoff.h"

static void put(struct hl_words *w, const char *text)
{
    hl_buf_printf(w->b, "%s", text);
}

static uint64_t shares_of(const struct hl_route *route)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < route->n_to; i++) sum += route->weights ? route->weights[i] : 1;
    return sum;
}

static void put_owners(struct hl_words *w, const struct hl_route *route)
{
    uint64_t sum = shares_of(route);
    for (size_t i = 0; i < route->n_to; i++) {
        put(w, i == 0 ? "" : i + 1 < route->n_to ? ", " : " and ");
        hl_words_quote(w, route->to[i]);
        if (!route->weights || route->n_to == 1) continue;
        double share = 100.0 * route->weights[i] / (double)sum;
        hl_buf_printf(w->b, " (%.*f %%)", share < 10 ? 1 : 0, share);
    }
    if (!route->weights && route->n_to > 1) put(w, ", the same share each");
}

static void put_route(struct hl_words *w, const struct hl_route *route, size_t number)
{
    hl_buf_printf(w->b, "%zu. ", number);
    if (route->name) {
        hl_words_quote(w, route->name);
        put(w, ": ");
    }
    if (route->n_when == 0) put(w, number == 1 ? "everyone" : "everyone else");
    for (size_t i = 0; i < route->n_when; i++) {
        put(w, i ? ", and " : "whose ");
        hl_words_condition(w, &route->when[i]);
    }
    put(w, ": to ");
    put_owners(w, route);
    put(w, "\n");
}

static void put_routing(struct hl_words *w, const struct hl_model *m)
{
    if (m->n_routing == 0) return;
    put(w, "## Who gets a new MQL\n\nA contact that becomes an MQL and has no owner gets one by the first of these that fits. An owner stays, also "
           "when the contact\ncomes back later; only sales change it (`owner_assigned`). Who of several is drawn from the contact's id, so that it "
           "is the\nsame in every replay.\n\n");
    for (size_t i = 0; i < m->n_routing; i++) put_route(w, &m->routing[i], i + 1);
    put(w, "\n");
}

static void put_sla(struct hl_words *w, const struct hl_sla *sla)
{
    put(w, "| ");
    hl_words_quote(w, sla->name);
    put(w, " | ");
    hl_words_stage_name(w, sla->stage);
    if (sla->kind != HL_KIND_NONE) hl_buf_printf(w->b, ", %s", hl_kind_name(sla->kind));
    put(w, " | ");
    hl_words_duration(w, sla->within_ms);
    put(w, sla->stage == HL_STAGE_MQL ? " | sales accept it, talk to it, or give it back |\n" : " | it moves on, or sales give it back |\n");
}

static void put_deadlines(struct hl_words *w, const struct hl_model *m)
{
    if (m->n_sla == 0) return;
    put(w, "## By when sales must answer\n\n| deadline | starts with | time | met when |\n|---|---|---:|---|\n");
    for (size_t i = 0; i < m->n_sla; i++) put_sla(w, &m->sla[i]);
    put(w, "\nThe topic of alerts says when a deadline starts (`due`), passes (`breached`) or is `met`; the transition names the earliest one "
           "(`sla_due`).\nA contact that leaves the stage by itself, for instance because its points decayed, ends the deadline without an "
           "alert.\n\n");
}

void hl_describe_handoff(struct hl_words *w, const struct hl_model *m)
{
    put_routing(w, m);
    put_deadlines(w, m);
}
