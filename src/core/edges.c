/* What of the table a model uses. The rows come from lifecycle.c; here is only what each of them needs of the model to ever
 * fire. A test sends random lives through random models and holds every transition against the edges. */
#include "hotlead/core/edges.h"

#include "lifecycle.h"

static bool disqualifies(const struct hl_model *m)
{
    return m->n_disqualify > 0;
}

static bool must_have(const struct hl_model *m)
{
    return m->n_must_have > 0;
}

static bool suspects(const struct hl_model *m)
{
    return m->n_suspect > 0;
}

static bool mql_exit(const struct hl_model *m)
{
    return m->mql.has_exit;
}

static bool sql_exit(const struct hl_model *m)
{
    return m->score_driven && m->sql.has_exit && m->sql.has_enter;
}

static bool subscribes(const struct hl_model *m)
{
    return m->subscribe_on != 0;
}

static bool hand_raise(const struct hl_model *m)
{
    return m->n_hand_raise > 0;
}

static bool mql_enter(const struct hl_model *m)
{
    return m->mql.has_enter;
}

static bool sal(const struct hl_model *m)
{
    return m->sal;
}

static bool qualifies(const struct hl_model *m)
{
    return m->score_driven && (m->sql.has_enter || m->n_qualify > 0);
}

static const struct {
    const char *row;
    bool (*possible)(const struct hl_model *m);
} needs[] = {
    {"1b", disqualifies}, {"3", must_have},  {"4", suspects},    {"5", mql_exit},    {"6", sql_exit},
    {"7", subscribes},    {"9", hand_raise}, {"10", mql_enter},  {"11", hand_raise}, {"12", hand_raise},
    {"13", mql_enter},    {"14", sal},       {"15b", qualifies},
};

static bool is_possible(const struct hl_model *m, const char *row)
{
    for (size_t i = 0; i < HL_ARRAY_LEN(needs); i++)
        if (strcmp(needs[i].row, row) == 0) return needs[i].possible(m);
    return true;
}

struct list {
    struct hl_edge *out;
    size_t n, cap;
};

static bool leads_to_sal(const struct hl_model *m)
{
    for (size_t i = 0; i < m->n_extra; i++)
        if (m->extra[i].to == HL_STAGE_SAL) return true;
    return m->sal;
}

static void add(struct list *l, const struct hl_model *m, struct hl_edge e)
{
    if (!leads_to_sal(m)) e.from &= ~(1u << HL_STAGE_SAL); /* only a hand puts a contact there */
    if (e.from == 0) return;
    if (l->n < l->cap) l->out[l->n] = e;
    l->n++;
}

static void add_extra(struct list *l, const struct hl_model *m, struct hl_edge e)
{
    for (size_t i = 0; i < m->n_extra; i++) {
        const struct hl_extra_edge *extra = &m->extra[i];
        unsigned first = (unsigned)__builtin_ctz(extra->from | 1u << 31);
        e.from = extra->from;
        e.to = extra->to;
        e.kind = extra->to == HL_STAGE_MQL ? HL_KIND_PASSIVE : HL_KIND_NONE;
        e.direction = hl_lifecycle_direction((enum hl_stage)first, extra->to);
        e.extra = extra;
        if (first < HL_STAGE_COUNT) add(l, m, e);
    }
}

size_t hl_edges(const struct hl_model *m, struct hl_edge *out, size_t cap)
{
    struct list l = {out, 0, cap};
    struct hl_edge e;
    for (unsigned i = 0; hl_lifecycle_row(i, &e); i++) {
        if (strcmp(e.row, "19") == 0) {
            add_extra(&l, m, e);
            continue;
        }
        if (!is_possible(m, e.row)) continue;
        if (strcmp(e.row, "6") == 0 && m->sal)
            add(&l, m, (struct hl_edge){e.row, e.from, HL_STAGE_SAL, e.kind, e.direction, e.cause, NULL});
        add(&l, m, e);
    }
    return l.n;
}
