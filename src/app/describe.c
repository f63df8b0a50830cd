/* The page that `hotlead describe` prints: from the general to the particular, each table made from the model alone. */
#include "hotlead/app/describe.h"

#include <stdlib.h>

#include "describe_handoff.h"
#include "words.h"

static void put(struct hl_words *w, const char *text)
{
    hl_buf_printf(w->b, "%s", text);
}

/* In a table a | would end the cell. */
static void cells_since(struct hl_buf *b, size_t start)
{
    struct hl_buf cell;
    hl_buf_init(&cell);
    for (size_t i = start; i < b->len; i++) {
        if (b->data[i] == '|') hl_buf_put_u8(&cell, '\\');
        hl_buf_put_u8(&cell, b->data[i]);
    }
    b->len = start;
    hl_buf_put(b, cell.data, cell.len);
    b->failed |= cell.failed;
    hl_buf_fini(&cell);
}

static void put_name_cell(struct hl_words *w, const char *name)
{
    put(w, "| ");
    size_t start = w->b->len;
    hl_words_quote(w, name);
    cells_since(w->b, start);
    put(w, " | ");
}

static void put_stages(struct hl_words *w, uint32_t stages)
{
    bool first = true;
    for (int s = 0; s < HL_STAGE_COUNT; s++) {
        if (!(stages >> s & 1)) continue;
        if (!first) put(w, ", ");
        hl_words_stage_name(w, (enum hl_stage)s);
        first = false;
    }
}

/* --- sections --- */

static void put_head(struct hl_words *w, const struct hl_model *m)
{
    hl_buf_printf(w->b, "# The scoring model %s, version %s\n\n", m->name, m->version);
    put(w, "This page says when a contact moves from one stage to the next, and what counts how much. It is printed by `hotlead "
           "describe` from the\n"
           "model itself: change the model, not this page.\n\n"
           "Every event (a page seen, a mail answered, a call made) can do three things to a contact: tell *who it is* (fit), "
           "add to *what it does*\n"
           "(behavior), or be a *signal* that counts by itself (a raised hand, an answer of sales). **Score = fit points + "
           "behavior points**, never "
           "below\n0. The moment a contact changes stage, hotlead says so, with the reason.\n\n");
    put(w,
        m->score_driven
            ? "This model is *score-driven*: the score, or a rule, can make a contact an SQL before sales has talked to it.\n\n"
            : "This model is *sales-touch*: a contact becomes an SQL when sales has talked to it, never by its score.\n\n");
}

static void put_chart(struct hl_words *w, const struct hl_model *m)
{
    put(w, "## The way of a contact\n\nSolid lines lead forward, dashed ones back or out.\n\n```mermaid\n");
    hl_describe_mermaid(m, w->b);
    put(w, "```\n\n");
}

static void put_stage_table(struct hl_words *w, const struct hl_model *m)
{
    put(w, "## Stages\n\n| stage | what it means |\n|---|---|\n");
    for (int s = 0; s < HL_STAGE_COUNT; s++) {
        if (s == HL_STAGE_SAL && !m->sal) continue;
        put(w, "| **");
        hl_words_stage_name(w, (enum hl_stage)s);
        hl_buf_printf(w->b, "** | %s |\n", hl_words_stage(m, (enum hl_stage)s));
    }
    put(w, "\n");
}

static void put_move(struct hl_words *w, const struct hl_model *m, const struct hl_edge *e)
{
    put(w, "| ");
    put_stages(w, e->from);
    put(w, " | ");
    hl_words_stage_name(w, e->to);
    put(w, e->kind == HL_KIND_NONE ? " | " : e->kind == HL_KIND_ACTIVE ? ", active | " : ", passive | ");
    size_t start = w->b->len;
    hl_words_edge(w, m, e, false);
    cells_since(w->b, start);
    hl_buf_printf(w->b, " | %s, %s | %s |\n", hl_direction_name(e->direction), hl_cause_name(e->cause), e->row);
}

static void put_moves(struct hl_words *w, const struct hl_model *m)
{
    size_t n = hl_edges(m, NULL, 0);
    struct hl_edge *edges = calloc(n + 1, sizeof(*edges));
    if (!edges) {
        w->b->failed = true;
        return;
    }
    hl_edges(m, edges, n);
    put(w, "## Moves\n\nAfter each event the first line that applies is taken, then again from the top, until none applies. So "
           "what is higher "
           "up wins,\nand one event can lead over several stages. *On record as* is what the transition says; where only time "
           "has passed, it says "
           "decay in\nplace of score.\n\n"
           "| from | to | when | on record as | row |\n|---|---|---|---|---|\n");
    for (size_t i = 0; i < n; i++) put_move(w, m, &edges[i]);
    put(w,
        "\nBy hand (an event `stage_set`) a contact can be put into any stage; it stays there until something new happens.\n\n");
    free(edges);
}

static void put_conditions(struct hl_words *w, const char *title, const char *meaning, const struct hl_fit_rule *rules, size_t n)
{
    if (n == 0) return;
    hl_buf_printf(w->b, "### %s\n\n%s\n\n", title, meaning);
    for (size_t i = 0; i < n; i++) {
        put(w, "- ");
        hl_words_quote(w, rules[i].name);
        put(w, ": ");
        hl_words_condition(w, &rules[i].when);
        put(w, "\n");
    }
    put(w, "\n");
}

static void put_signed(struct hl_words *w, hl_fixed points)
{
    if (points > 0) put(w, "+");
    hl_words_points(w, points, 6);
}

static void put_fit_points(struct hl_words *w, const struct hl_model *m)
{
    if (m->n_fit == 0) return;
    put(w, "### Points\n\n| rule | holds when | points |\n|---|---|---:|\n");
    for (size_t i = 0; i < m->n_fit; i++) {
        put_name_cell(w, m->fit[i].name);
        size_t start = w->b->len;
        hl_words_condition(w, &m->fit[i].when);
        cells_since(w->b, start);
        put(w, " | ");
        put_signed(w, m->fit[i].points);
        put(w, " |\n");
    }
    put(w, "\n");
    if (m->n_grades == 0) return;
    put(w, "The sum has a letter:");
    for (size_t i = 0; i < m->n_grades; i++) {
        hl_buf_printf(w->b, " %c from ", m->grades[i].letter);
        hl_words_points(w, m->grades[i].at_least, 6);
        put(w, ",");
    }
    put(w, " D below.\n\n");
}

static void put_fit(struct hl_words *w, const struct hl_model *m)
{
    put(w, "## Fit: who the contact is\n\nLooks at what is known of the contact, from forms, imports and profile events. What is "
           "not known "
           "yet does not hold. Capital and\nsmall letters are the same, but in patterns.\n\n");
    put_conditions(w, "Must have", "All of these hold for a Lead, and go on holding:", m->must_have, m->n_must_have);
    put_conditions(w, "Disqualified", "One of these is enough to leave the contact out for good:", m->disqualify,
                   m->n_disqualify);
    put_conditions(w, "Suspect", "One of these is enough to keep it from being an MQL. It is scored all the same:", m->suspect,
                   m->n_suspect);
    put_fit_points(w, m);
}

static void put_behavior_rule(struct hl_words *w, const struct hl_model *m, const struct hl_score_rule *rule)
{
    put_name_cell(w, rule->name);
    size_t start = w->b->len;
    hl_words_match(w, m, &rule->match);
    cells_since(w->b, start);
    put(w, " | ");
    put_signed(w, rule->points);
    put(w, " | ");
    if (rule->half_life.ms)
        hl_words_duration(w, rule->half_life.ms);
    else
        put(w, "never");
    put(w, " | ");
    if (rule->max_times) {
        hl_buf_printf(w->b, "%u in ", rule->max_times);
        hl_words_duration(w, rule->window_ms);
    }
    put(w, " | ");
    start = w->b->len;
    if (rule->group >= 0) hl_words_quote(w, m->groups[rule->group].name);
    cells_since(w->b, start);
    put(w, " |\n");
}

static void put_groups(struct hl_words *w, const struct hl_model *m)
{
    for (size_t i = 0; i < m->n_groups; i++) {
        put(w, "- The rules of group ");
        hl_words_quote(w, m->groups[i].name);
        if (m->groups[i].has_max) {
            put(w, " give at most ");
            hl_words_points(w, m->groups[i].max, 6);
            put(w, " points together.\n");
        } else {
            put(w, " are added up, without a limit.\n");
        }
    }
    if (m->n_groups) put(w, "\n");
}

static void put_behavior(struct hl_words *w, const struct hl_model *m)
{
    if (m->n_rules == 0) return;
    put(w, "## Behavior: what the contact does\n\nAn event adds the points of *every* rule that it matches. Points fade: with a "
           "half-life of 30 "
           "days, 10 points are worth 5 after 30\ndays and 2.5 after 60. *Counts at most* is per contact, in periods of fixed "
           "length (1 day: the "
           "calendar day, UTC). `*` in a page or asset\nstands for anything. What machines do (mail scanners, bots) does not "
           "count.\n\n"
           "| rule | event | points | half-life | counts at most | group |\n|---|---|---:|---|---|---|\n");
    for (size_t i = 0; i < m->n_rules; i++) put_behavior_rule(w, m, &m->rules[i]);
    put(w, "\n");
    put_groups(w, m);
    put(w, "Points given or taken by hand (an event `score_adjusted`) are added as they are, and do not fade.\n\n");
}

static void put_latches(struct hl_words *w, const struct hl_model *m, const char *title, const char *meaning,
                        const struct hl_latch_rule *rules, size_t n)
{
    if (n == 0) return;
    hl_buf_printf(w->b, "## %s\n\n%s\n\n", title, meaning);
    for (size_t i = 0; i < n; i++) {
        put(w, "- ");
        hl_words_quote(w, rules[i].name);
        put(w, ": ");
        hl_words_match(w, m, &rules[i].match);
        if (rules[i].valid_for_ms == INT64_MAX) {
            put(w, ". Holds without end.\n");
        } else {
            put(w, ". Holds for ");
            hl_words_duration(w, rules[i].valid_for_ms);
            put(w, ".\n");
        }
    }
    put(w, "\n");
}

static void put_threshold(struct hl_words *w, const char *stage, const struct hl_threshold *t)
{
    if (!t->has_enter) return;
    hl_buf_printf(w->b, "| %s | ", stage);
    hl_words_points(w, t->enter, 6);
    put(w, " | ");
    if (t->has_exit)
        hl_words_points(w, t->exit, 6);
    else
        put(w, "(never)");
    put(w, " |\n");
}

static void put_thresholds(struct hl_words *w, const struct hl_model *m)
{
    bool sql = m->score_driven && m->sql.has_enter;
    if (!m->mql.has_enter && !sql) return;
    put(w, "## Thresholds\n\n| stage | comes in at a score of | falls out below |\n|---|---:|---:|\n");
    put_threshold(w, "MQL", &m->mql);
    if (sql) put_threshold(w, "SQL", &m->sql);
    hl_buf_printf(w->b, "\nThe gap between the two keeps a contact from going in and out all the time. A threshold fires once; it is armed "
                  "again when the score was\nseen below the second number.%s\n\n",
                  m->n_hand_raise ? " Who came in by a raised hand does not fall out." : "");
}

static void put_times(struct hl_words *w, const struct hl_model *m)
{
    put(w, "## What is remembered, and how long\n\n- What sales does (accepts, talks, opens or wins a deal) counts for ");
    hl_words_duration(w, m->facts_valid_for_ms);
    put(w, ", if it comes before the contact is in the stage where it matters.\n- After sales gave a contact back, its score "
           "cannot make it an MQL ");
    if (m->cooldown_ms) {
        put(w, "for ");
        hl_words_duration(w, m->cooldown_ms);
    } else {
        put(w, "at that moment, but as soon as it crosses the threshold anew");
    }
    put(w, m->n_hand_raise ? "; a raised hand can.\n" : ".\n");
    put(w, m->reset_behavior ? "- Giving a contact back sets its behavior points to zero.\n"
                             : "- Giving a contact back leaves its points as they are.\n");
    put(w, "- A contact that comes back to MQL starts a new visit; the visits are counted.\n"
           "- An event that comes late counts at the time at which it happened. The same event twice counts once.\n");
    put(w, "- Contacts that turn out to be one are merged: points and counts are added, of attributes the newer ones count, and the further stage stays.\n");
    if (m->touches_keep)
        hl_buf_printf(w->b, "- Of each contact the first touch with its source is kept, and the %u kinds of touches (an event and what it was about) that came\n"
                            "  last, with their counts.\n", m->touches_keep);
    if (m->voids_keep)
        hl_buf_printf(w->b, "- Each of the last %u events of a contact that did something can be taken back by `event_voided`: its points go, and a move that\n"
                            "  it brought is retracted.\n", m->voids_keep);
    put(w, "\n");
}

void hl_describe_markdown(const struct hl_model *m, struct hl_buf *out)
{
    struct hl_words w = {out, true};
    put_head(&w, m);
    put_chart(&w, m);
    put_stage_table(&w, m);
    put_moves(&w, m);
    put_thresholds(&w, m);
    put_latches(&w, m, "Raised hands",
                "Each of these makes a Lead an MQL at once, whatever its score. A hand that is raised before the contact is a "
                "Lead stays up:",
                m->hand_raise, m->n_hand_raise);
    if (m->score_driven)
        put_latches(&w, m, "Qualified by what it does",
                    "Each of these makes an MQL an SQL at once, whatever its score:", m->qualify, m->n_qualify);
    hl_describe_handoff(&w, m);
    put_fit(&w, m);
    put_behavior(&w, m);
    put_times(&w, m);
    while (out->len > 1 && out->data[out->len - 1] == '\n' && out->data[out->len - 2] == '\n') out->len--;
}
