#include "show.h"

#include <inttypes.h>

#include "hotlead/base/iso8601.h"
#include "hotlead/core/score.h"
#include "hotlead/core/join.h"
#include "hotlead/core/touches.h"
#include "json_text.h"
#include "sim_json.h"
#include "words.h"

#define DECIMALS 4

static const char *const FACTS[HL_FACT_COUNT] = {[HL_FACT_ACCEPTED] = "accepted", [HL_FACT_CONTACTED] = "contacted",
                                                 [HL_FACT_OPPORTUNITY] = "opportunity", [HL_FACT_WON] = "won",
                                                 [HL_FACT_ADVOCACY] = "advocacy"};

/* --- JSON --- */

static void put_attributes(const struct hl_contact *c, struct hl_buf *out)
{
    struct hl_slice key, value;
    int64_t time;
    bool first = true;
    hl_json_put_raw(out, ",\"attributes\":{");
    for (size_t pos = 0; hl_contact_next_attribute(c, &pos, &key, &value, &time);) {
        if (hl_slice_is_null(value) || hl_is_own_key(key)) continue;
        if (!first) hl_json_put_raw(out, ",");
        first = false;
        hl_json_put_text(out, key);
        hl_json_put_raw(out, ":");
        hl_json_put_text(out, value);
    }
    hl_json_put_raw(out, "}");
}

static void put_facts(const struct hl_contact *c, struct hl_buf *out)
{
    hl_json_put_raw(out, ",\"facts\":{");
    for (int f = 0; c->ext && f < HL_FACT_COUNT; f++)
        if (c->ext->facts[f] != HL_NO_TIME) hl_json_put_member_int(out, FACTS[f], c->ext->facts[f]);
    hl_json_put_raw(out, "}");
}

static void put_hand_raises(const struct hl_contact *c, const struct hl_model *m, struct hl_buf *out)
{
    hl_json_put_raw(out, ",\"hand_raises\":[");
    bool first = true;
    for (size_t i = 0; c->ext && i < m->n_hand_raise && i < c->ext->n_hand_raise; i++) {
        if (c->ext->latches[i] == HL_NO_TIME) continue;
        hl_json_put_raw(out, first ? "{" : ",{");
        first = false;
        hl_json_put_member(out, "rule", hl_slice_of(m->hand_raise[i].name));
        hl_json_put_member_int(out, "at", c->ext->latches[i]);
        hl_json_put_raw(out, "}");
    }
    hl_json_put_raw(out, "]");
}

static void put_deadlines(const struct hl_contact *c, const struct hl_model *m, struct hl_buf *out)
{
    hl_json_put_raw(out, ",\"deadlines\":[");
    for (unsigned i = 0; c->ext && i < c->ext->n_clocks; i++) {
        const struct hl_sla_clock *k = &c->ext->clocks[i];
        hl_json_put_raw(out, i ? ",{" : "{");
        hl_json_put_member(out, "sla", hl_slice_of(m->sla[k->sla].name));
        hl_json_put_member_int(out, "since", k->since);
        hl_json_put_member_int(out, "due", k->due);
        hl_json_put_raw(out, "}");
    }
    hl_json_put_raw(out, "]");
}

void hl_show_put_source(const struct hl_contact *c, const struct hl_show_source *s, struct hl_buf *out)
{
    hl_buf_printf(out, ",\"source\":{\"from\":\"%s\",\"partition\":%" PRId32 ",\"clock\":%" PRId64, s->from_redis ? "redis" : "memory", s->partition,
                  c->clock);
    if (s->from_redis) hl_buf_printf(out, ",\"state_position\":%" PRId64, s->position);
    hl_json_put_raw(out, "}}\n");
}

void hl_show_put_json(const struct hl_contact *c, const struct hl_model *m, int64_t at, const struct hl_show_source *source, struct hl_buf *out)
{
    hl_sim_put_state(out, c, m, at > c->clock ? at : c->clock);
    if (out->failed) return;
    out->len -= sizeof("}\n") - 1; /* it goes on */
    put_attributes(c, out);
    put_facts(c, out);
    put_hand_raises(c, m, out);
    put_deadlines(c, m, out);
    hl_show_put_source(c, source, out);
}

/* --- the page --- */

static void put_time(struct hl_buf *out, int64_t ms)
{
    char text[HL_ISO8601_SIZE];
    hl_buf_printf(out, "%s", hl_iso8601_format(ms, text));
}

/* "2 d 3 h": the two largest units. */
static void put_span(struct hl_buf *out, int64_t ms)
{
    static const struct {
        const char *unit;
        int64_t ms;
    } units[] = {{"d", 86400000}, {"h", 3600000}, {"min", 60000}, {"s", 1000}};
    size_t i = 0;
    while (i + 1 < HL_ARRAY_LEN(units) && ms < units[i].ms) i++;
    hl_buf_printf(out, "%" PRId64 " %s", ms / units[i].ms, units[i].unit);
    if (i + 1 < HL_ARRAY_LEN(units) && ms % units[i].ms >= units[i + 1].ms)
        hl_buf_printf(out, " %" PRId64 " %s", ms % units[i].ms / units[i + 1].ms, units[i + 1].unit);
}

/* "MOMENT (2 h ago)", "MOMENT (in 3 min)" */
static void put_moment(struct hl_buf *out, int64_t ms, int64_t now)
{
    put_time(out, ms);
    hl_buf_printf(out, ms > now ? " (in " : " (");
    put_span(out, ms > now ? ms - now : now - ms);
    hl_buf_printf(out, ms > now ? ")" : " ago)");
}

static void put_points(struct hl_buf *out, hl_fixed v)
{
    struct hl_words w = {out, false};
    hl_words_points(&w, v, DECIMALS);
}

static void put_head(const struct hl_contact *c, const struct hl_model *m, int64_t at, int64_t now, struct hl_buf *out)
{
    const char *kind = hl_kind_name((enum hl_kind)c->kind);
    struct hl_score score = hl_score_at(c, m, at);
    struct hl_words w = {out, false};
    hl_buf_put_plain(out, hl_contact_id(c));
    hl_buf_printf(out, "\n\nstage     ");
    hl_words_stage_name(&w, (enum hl_stage)c->stage);
    if (c->stage == HL_STAGE_MQL && kind) hl_buf_printf(out, ", %s", kind);
    hl_buf_printf(out, ", since ");
    put_moment(out, c->stage_since, now);
    hl_buf_printf(out, "; move %u, visit %u\nscore     ", c->seq, c->visit);
    put_points(out, score.total);
    hl_buf_printf(out, " = fit ");
    put_points(out, score.fit);
    hl_buf_printf(out, " (grade %c) + behavior ", c->grade ? c->grade : '-');
    put_points(out, score.behavior);
    hl_buf_printf(out, ", as of ");
    put_time(out, at);
    hl_buf_printf(out, " under %s %s\n", m->name, m->version);
    if (c->flags & HL_C_SUSPECT) hl_buf_printf(out, "label     suspect: scored, but never an MQL\n");
}

static void put_handoff(const struct hl_contact *c, const struct hl_model *m, int64_t now, struct hl_buf *out)
{
    if (!hl_slice_is_null(hl_contact_owner(c))) {
        hl_buf_printf(out, "owner     ");
        hl_buf_put_plain(out, hl_contact_owner(c));
        hl_buf_printf(out, "\n");
    }
    for (unsigned i = 0; c->ext && i < c->ext->n_clocks; i++) {
        hl_buf_printf(out, "deadline  %s: due ", m->sla[c->ext->clocks[i].sla].name);
        put_moment(out, c->ext->clocks[i].due, now);
        hl_buf_printf(out, "\n");
    }
    if (c->ext && c->ext->rejected_at != HL_NO_TIME) {
        hl_buf_printf(out, "rejected  ");
        put_moment(out, c->ext->rejected_at, now);
        hl_buf_printf(out, "\n");
    }
}

static void put_attribute_lines(const struct hl_contact *c, struct hl_buf *out)
{
    struct hl_slice key, value;
    int64_t time;
    bool first = true;
    for (size_t pos = 0; hl_contact_next_attribute(c, &pos, &key, &value, &time);) {
        if (hl_slice_is_null(value) || hl_is_own_key(key)) continue;
        if (first) hl_buf_printf(out, "\nattributes\n");
        first = false;
        hl_buf_printf(out, "  ");
        hl_buf_put_plain(out, key);
        hl_buf_printf(out, "%*s", key.len < 20 ? (int)(22 - key.len) : 2, "");
        hl_buf_put_plain(out, value);
        hl_buf_printf(out, "\n");
    }
}

static void put_row_lines(const struct hl_contact *c, const struct hl_model *m, int64_t at, struct hl_buf *out)
{
    struct hl_row row;
    if (hl_contact_n_rows(c)) hl_buf_printf(out, "\nrules of behavior that count%26s  %s\n", "points", "times");
    for (size_t pos = 0; hl_contact_next_row(c, &pos, &row);) {
        const struct hl_score_rule *rule = &m->rules[row.rule];
        hl_buf_printf(out, "  %-40.40s%12.*f  %5u\n", rule->name, DECIMALS, hl_fixed_to_double(hl_row_value(&row, rule, at)), row.count);
    }
}

static void put_touch_line(struct hl_buf *out, uint32_t type, struct hl_slice what)
{
    const char *name = hl_touch_type_name(type);
    hl_buf_printf(out, "%s", name ? name : "?");
    if (what.len) hl_buf_printf(out, ", ");
    hl_buf_put_plain(out, what);
}

static void put_touches(const struct hl_contact *c, int64_t now, struct hl_buf *out)
{
    struct hl_touches t;
    if (!hl_touches_get(c, &t)) return;
    hl_buf_printf(out, "\ntouches: %u, the first ", t.count);
    put_moment(out, t.first_at, now);
    hl_buf_printf(out, "\n  ");
    put_touch_line(out, t.first_type, t.first_what);
    hl_buf_printf(out, "; source ");
    hl_buf_put_plain(out, t.source.len ? t.source : HL_SLICE_LIT("not said"));
    if (t.campaign.len) hl_buf_printf(out, ", campaign ");
    hl_buf_put_plain(out, t.campaign);
    hl_buf_printf(out, "\n\nwhat was touched last      times\n");
    for (unsigned i = 0; i < t.n; i++) {
        hl_buf_printf(out, "  ");
        put_time(out, t.last[i].last_at);
        hl_buf_printf(out, "  %5u  ", t.last[i].count);
        put_touch_line(out, t.last[i].type, t.last[i].what);
        hl_buf_printf(out, "\n");
    }
}

/* What waits for its gate: sales' word, and raised hands. */
static void put_merges(const struct hl_contact *c, struct hl_buf *out)
{
    struct hl_slice id = hl_merged_into(c);
    size_t pos = 0;
    if (id.len) {
        hl_buf_printf(out, "\nmerged into ");
        hl_buf_put_plain(out, id);
        hl_buf_printf(out, ": its history is there, and what comes for it goes there\n");
    }
    if (!hl_merged_next(c, &pos, &id)) return;
    hl_buf_printf(out, "\ntook over: ");
    do hl_buf_put_plain(out, id);
    while (hl_merged_next(c, &pos, &id) && (hl_buf_printf(out, ", "), true));
    hl_buf_printf(out, "\n");
}

static void put_waiting(const struct hl_contact *c, const struct hl_model *m, int64_t now, struct hl_buf *out)
{
    if (!c->ext) return;
    for (int f = 0; f < HL_FACT_COUNT; f++) {
        if (c->ext->facts[f] == HL_NO_TIME) continue;
        hl_buf_printf(out, "\nsales said: %s, ", FACTS[f]);
        put_moment(out, c->ext->facts[f], now);
    }
    for (size_t i = 0; i < m->n_hand_raise && i < c->ext->n_hand_raise; i++) {
        if (c->ext->latches[i] == HL_NO_TIME) continue;
        hl_buf_printf(out, "\nhand raised: %s, ", m->hand_raise[i].name);
        put_moment(out, c->ext->latches[i], now);
    }
    if (out->len && out->data[out->len - 1] != '\n') hl_buf_printf(out, "\n");
}

void hl_show_put_text(const struct hl_contact *c, const struct hl_model *m, int64_t at, int64_t now, const struct hl_show_source *source,
                      struct hl_buf *out)
{
    if (at < c->clock) at = c->clock;
    put_head(c, m, at, now, out);
    put_merges(c, out);
    put_handoff(c, m, now, out);
    put_attribute_lines(c, out);
    put_row_lines(c, m, at, out);
    put_touches(c, now, out);
    put_waiting(c, m, now, out);
    hl_buf_printf(out, "\nlast event of ");
    put_moment(out, c->clock, now);
    if (source->from_redis)
        hl_buf_printf(out, "; read from Redis, partition %" PRId32 ", as of position %" PRId64 " of the state topic\n", source->partition,
                      source->position);
    else
        hl_buf_printf(out, "; read from the memory of the process that holds partition %" PRId32 "\n", source->partition);
}
