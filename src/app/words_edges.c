/* When each edge of the life cycle is taken: one line for each row of the table, in words. A test holds the lines against the
 * rows. */
#include "words.h"

typedef void put_words(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief);

static void put_fit_names(struct hl_words *w, const struct hl_fit_rule *rules, size_t n, const char *last)
{
    for (size_t i = 0; i < n; i++) {
        hl_buf_printf(w->b, "%s", i == 0 ? "" : i + 1 == n ? last : ", ");
        hl_words_quote(w, rules[i].name);
    }
}

static void put_latch_names(struct hl_words *w, const struct hl_latch_rule *rules, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        hl_buf_printf(w->b, "%s", i == 0 ? "" : i + 1 == n ? " or " : ", ");
        hl_words_quote(w, rules[i].name);
    }
}

static void put_score_of(struct hl_words *w, hl_fixed enter)
{
    hl_buf_printf(w->b, "score of ");
    hl_words_points(w, enter, 4);
    hl_buf_printf(w->b, " or more");
}

static void put_disqualified(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    (void)m, (void)e;
    hl_buf_printf(w->b, brief ? "sales rules it out" : "Sales rules the contact out (lead disqualified).");
}

static void put_trait(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    (void)e;
    hl_buf_printf(w->b, brief ? "disqualifying trait: " : "A disqualifying trait is known: ");
    put_fit_names(w, m->disqualify, m->n_disqualify, " or ");
    if (!brief) hl_buf_printf(w->b, ".");
}

static void put_rejected(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    (void)e;
    hl_buf_printf(w->b, brief ? "sales gives it back"
                              : "Sales gives the contact back (lead rejected), or the deal is lost (opportunity "
                                "lost, from SQL and Opportunity).");
    if (!brief && m->reset_behavior) hl_buf_printf(w->b, " Its behavior points start anew.");
}

static void put_lost_fit(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    (void)e;
    if (brief) {
        hl_buf_printf(w->b, "no longer fits");
        return;
    }
    hl_buf_printf(w->b, "A must-have no longer holds: ");
    put_fit_names(w, m->must_have, m->n_must_have, " or ");
    hl_buf_printf(w->b, ".");
}

static void put_suspect(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    (void)e;
    hl_buf_printf(w->b, brief ? "suspect: " : "It turns out to be suspect: ");
    put_fit_names(w, m->suspect, m->n_suspect, " or ");
    if (!brief) hl_buf_printf(w->b, ".");
}

static void put_mql_cooled(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    (void)e;
    hl_buf_printf(w->b, brief ? "score below " : "The score falls below ");
    hl_words_points(w, m->mql.exit, 4);
    hl_buf_printf(w->b, brief ? " (if passive)"
                              : ", by what the contact does or by time alone. Passive MQLs only: who raised a hand stays.");
}

static void put_sql_cooled(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    hl_buf_printf(w->b, brief ? "score below " : "The score falls below ");
    hl_words_points(w, m->sql.exit, 4);
    if (brief)
        hl_buf_printf(w->b, e->to == HL_STAGE_SAL ? " (if accepted)" : "");
    else
        hl_buf_printf(
            w->b,
            ", by what the contact does or by time alone%s. Only if the score made it an SQL, and sales has not talked to it.",
            e->to == HL_STAGE_SAL ? ", and sales had accepted it" : "");
}

static void put_opt_in(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    (void)e;
    if (brief) {
        hl_buf_printf(w->b, "opts in");
        return;
    }
    hl_buf_printf(w->b, "It opts in: ");
    hl_words_types(w, m, m->subscribe_on);
    hl_buf_printf(w->b, ".");
}

static void put_won_fit(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    (void)e;
    if (m->n_must_have == 0) {
        hl_buf_printf(w->b, brief ? "at once" : "At once: there is no must-have.");
        return;
    }
    hl_buf_printf(w->b, brief ? "fits: " : "Every must-have holds: ");
    put_fit_names(w, m->must_have, m->n_must_have, " and ");
    if (!brief) hl_buf_printf(w->b, ".");
}

static void put_hand(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    bool suspect = m->n_suspect > 0 && e->from != 1u << HL_STAGE_MQL;
    if (brief) {
        hl_buf_printf(w->b, e->from == 1u << HL_STAGE_MQL ? "passive one raises a hand" : "raises a hand: active");
        return;
    }
    hl_buf_printf(w->b, e->from == 1u << HL_STAGE_MQL ? "A passive MQL raises a hand and is active from then on: "
                                                      : "It raises a hand: ");
    put_latch_names(w, m->hand_raise, m->n_hand_raise);
    if (e->from == 1u << HL_STAGE_UNQUALIFIED) hl_buf_printf(w->b, ", while every must-have holds");
    hl_buf_printf(w->b, ".%s", suspect ? " Not if suspect." : "");
}

static void put_scored(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    bool recycled = e->from == 1u << HL_STAGE_UNQUALIFIED;
    if (!brief) hl_buf_printf(w->b, "A ");
    put_score_of(w, m->mql.enter);
    if (brief) hl_buf_printf(w->b, ": passive");
    if (recycled && m->cooldown_ms > 0) {
        hl_buf_printf(w->b, brief ? ", after " : ", at the earliest ");
        hl_words_duration(w, m->cooldown_ms);
        hl_buf_printf(w->b, brief ? "" : " after it was given back");
    }
    if (brief) return;
    hl_buf_printf(w->b, "%s.%s Fires once: the score must be seen below ", recycled ? ", while every must-have holds" : "",
                  m->n_suspect ? " Not if suspect." : "");
    hl_words_points(w, m->mql.has_exit ? m->mql.exit : m->mql.enter, 4);
    hl_buf_printf(w->b, " before it can fire again.");
}

static void put_accepted(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    (void)m, (void)e;
    hl_buf_printf(w->b, brief ? "sales accepts it" : "Sales accepts the contact (lead accepted).");
}

static void put_contacted(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    (void)m, (void)e;
    hl_buf_printf(w->b, brief ? "sales talks to it" : "Sales has talked to the contact (sales contact made).");
}

static void put_qualified(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    (void)e;
    if (m->sql.has_enter) {
        if (!brief) hl_buf_printf(w->b, "A ");
        put_score_of(w, m->sql.enter);
    }
    if (m->n_qualify) {
        hl_buf_printf(w->b, m->sql.has_enter ? ", or " : "");
        put_latch_names(w, m->qualify, m->n_qualify);
    }
    if (!brief) hl_buf_printf(w->b, ".");
}

static void put_opportunity(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    (void)m, (void)e;
    hl_buf_printf(w->b, brief ? "quote or deal opened"
                              : "A quote is asked for or a deal is opened (quote requested, opportunity opened).");
}

static void put_won(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    (void)m, (void)e;
    hl_buf_printf(w->b, brief ? "deal won" : "The deal is won (opportunity won).");
}

static void put_advocates(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    (void)m, (void)e;
    hl_buf_printf(w->b,
                  brief ? "speaks for us, or buys again" : "It speaks for us (advocacy given), or buys again (opportunity won).");
}

static void put_extra(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    if (!brief) hl_buf_printf(w->b, "Rule ");
    hl_words_quote(w, e->extra->name);
    if (brief) return;
    hl_buf_printf(w->b, ": ");
    hl_words_match(w, m, &e->extra->match);
    hl_buf_printf(w->b, ".");
}

static const struct {
    const char *row;
    put_words *put;
} rows[] = {
    {"1a", put_disqualified}, {"1b", put_trait},      {"2", put_rejected},     {"3", put_lost_fit}, {"4", put_suspect},
    {"5", put_mql_cooled},    {"6", put_sql_cooled},  {"7", put_opt_in},       {"8", put_won_fit},  {"9", put_hand},
    {"10", put_scored},       {"11", put_hand},       {"12", put_hand},        {"13", put_scored},  {"14", put_accepted},
    {"15a", put_contacted},   {"15b", put_qualified}, {"16", put_opportunity}, {"17", put_won},     {"18", put_advocates},
    {"19", put_extra},
};

static put_words *find(const char *row)
{
    for (size_t i = 0; i < HL_ARRAY_LEN(rows); i++)
        if (strcmp(rows[i].row, row) == 0) return rows[i].put;
    return NULL;
}

bool hl_words_knows_row(const char *row)
{
    return find(row) != NULL;
}

void hl_words_edge(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e, bool brief)
{
    put_words *put = find(e->row);
    HL_BUG_ON(!put);
    put(w, m, e, brief);
}

const char *hl_words_stage(const struct hl_model *m, enum hl_stage stage)
{
    static const char *const meanings[HL_STAGE_COUNT] = {
        [HL_STAGE_ANONYMOUS] = "Seen, and no more: it has not given its address yet.",
        [HL_STAGE_SUBSCRIBER] = "Has opted in: we may write to it.",
        [HL_STAGE_LEAD] = "Fits: it is somebody we want as a customer.",
        [HL_STAGE_MQL] =
            "Marketing qualified lead: worth the time of sales. Active if it raised a hand, passive if its score says so.",
        [HL_STAGE_SAL] = "Sales accepted lead: sales has taken it on.",
        [HL_STAGE_SQL] = "Sales qualified lead: sales has talked to it.",
        [HL_STAGE_OPPORTUNITY] = "A deal is on the table.",
        [HL_STAGE_CUSTOMER] = "Has bought.",
        [HL_STAGE_EVANGELIST] = "A customer who speaks for us.",
        [HL_STAGE_UNQUALIFIED] = "Given back by sales. Still scored, and can become an MQL again.",
        [HL_STAGE_DISQUALIFIED] = "Left out for good. Only a stage set by hand leads back.",
    };
    if (stage == HL_STAGE_MQL && m->n_hand_raise == 0) return "Marketing qualified lead: its score says that it is interested.";
    if (stage == HL_STAGE_SQL && m->score_driven)
        return "Sales qualified lead: its score or a rule says that sales should act now, or sales has talked to it.";
    return meanings[stage];
}
