#include "demo_report.h"

#include <inttypes.h>
#include <stdio.h>

#include "hotlead/core/score.h"

/* --- collecting --- */

struct scan {
    struct hl_demo_report *r;
    int64_t now;
};

static void add_reason(struct hl_demo_hot *h, struct hl_reason reason)
{
    if (reason.points < HL_FIXED_ONE / 100) return;
    unsigned i = h->n_reasons;
    if (i < HL_DEMO_REASONS)
        h->n_reasons++;
    else if (h->reasons[--i].points >= reason.points)
        return;
    for (; i > 0 && h->reasons[i - 1].points < reason.points; i--) h->reasons[i] = h->reasons[i - 1];
    h->reasons[i] = reason;
}

/* A hot one is on its way, and nothing speaks against it. */
static bool can_be_hot(const struct hl_contact *c)
{
    int rank = hl_stage_rank((enum hl_stage)c->stage);
    return rank >= 0 && rank < hl_stage_rank(HL_STAGE_CUSTOMER) && (c->flags & (HL_C_MUST_HAVE | HL_C_SUSPECT)) == HL_C_MUST_HAVE;
}

static void add_hot(struct hl_demo_report *r, const struct hl_contact *c, const struct hl_score *s, int64_t now)
{
    struct hl_demo_hot h = {.stage = (enum hl_stage)c->stage,
                            .kind = (enum hl_kind)c->kind,
                            .grade = (char)c->grade,
                            .score = s->total,
                            .fit = s->fit};
    if (!hl_demo_day_find(r->day, hl_contact_id(c), &h.contact)) return;
    unsigned i = r->n_hottest;
    if (i < HL_DEMO_HOTTEST)
        r->n_hottest++;
    else if (r->hottest[--i].score >= h.score)
        return;
    struct hl_row row;
    for (size_t pos = 0; hl_contact_next_row(c, &pos, &row);) {
        const struct hl_score_rule *rule = &r->model->rules[row.rule];
        add_reason(&h, (struct hl_reason){rule->name, hl_row_value(&row, rule, now)});
    }
    for (; i > 0 && r->hottest[i - 1].score < h.score; i--) r->hottest[i] = r->hottest[i - 1];
    r->hottest[i] = h;
}

static bool look_at(void *ctx, struct hl_contact *c)
{
    struct scan *s = ctx;
    s->r->now[c->stage]++;
    s->r->contacts++;
    if (!can_be_hot(c)) return false;
    int64_t now = c->clock > s->now ? c->clock : s->now;
    struct hl_score score = hl_score_at(c, s->r->model, now);
    add_hot(s->r, c, &score, now);
    return false;
}

void hl_demo_report_fill(struct hl_demo_report *r, struct hl_engine *e, struct hl_demo_feed *f)
{
    struct scan s = {r, hl_demo_feed_clock(f)};
    r->totals = hl_metrics_totals(hl_engine_metrics(e));
    hl_demo_feed_reached(f, r->reached);
    hl_table_scan(hl_engine_table(e), look_at, &s);
    r->reached[HL_STAGE_ANONYMOUS] = r->contacts; /* where everybody starts */
}

/* --- as text --- */

const char *hl_demo_count(uint64_t n, char buf[32])
{
    char digits[24];
    int len = snprintf(digits, sizeof(digits), "%" PRIu64, n), at = 0;
    for (int i = 0; i < len; i++) {
        if (i && (len - i) % 3 == 0) buf[at++] = ',';
        buf[at++] = digits[i];
    }
    buf[at] = '\0';
    return buf;
}

#define BAR 30

static void put_funnel_line(const struct hl_demo_report *r, enum hl_stage s, uint64_t before, struct hl_buf *out)
{
    char now[32], ever[32], share[16] = "", bar[BAR + 1] = "";
    size_t width = r->contacts ? (size_t)((r->reached[s] * BAR + r->contacts - 1) / r->contacts) : 0;
    if (hl_stage_rank(s) < 0) width = 0; /* an exit is no step of the funnel */
    memset(bar, '#', width < BAR ? width : BAR);
    if (hl_stage_rank(s) > 0 && before)
        snprintf(share, sizeof(share), "%5.1f %%", 100.0 * (double)r->reached[s] / (double)before);
    hl_buf_printf(out, "  %-13s %9s %13s", hl_stage_name(s), hl_demo_count(r->now[s], now), hl_demo_count(r->reached[s], ever));
    if (width) hl_buf_printf(out, "   %8s   %s", share, bar);
    hl_buf_printf(out, "\n");
}

static void put_funnel(const struct hl_demo_report *r, struct hl_buf *out)
{
    uint64_t before = 0;
    hl_buf_printf(out, "  %-13s %9s %13s   %8s\n", "stage", "now", "ever reached", "of those");
    for (int s = 0; s < HL_STAGE_COUNT; s++) {
        if (s == HL_STAGE_SAL && !r->model->sal) continue;
        put_funnel_line(r, (enum hl_stage)s, before, out);
        before = r->reached[s];
    }
}

static const char *stage_text(enum hl_stage s, enum hl_kind kind, char buf[40])
{
    const char *name = s == HL_STAGE_MQL ? hl_kind_name(kind) : NULL;
    snprintf(buf, 40, name ? "%s %s" : "%s", hl_stage_name(s), name);
    return buf;
}

static void put_hot(const struct hl_demo_report *r, unsigned i, struct hl_buf *out)
{
    const struct hl_demo_hot *h = &r->hottest[i];
    char who[80], person[160], stage[40];
    hl_demo_day_who(r->day, h->contact, who, sizeof(who));
    snprintf(person, sizeof(person), "%s (%s)", who, hl_demo_day_title(r->day, h->contact));
    hl_buf_printf(out, "  %5.1f  %c  %-12s %s\n                        fit %+.0f", hl_fixed_to_double(h->score), h->grade,
                  stage_text(h->stage, h->kind, stage), person, hl_fixed_to_double(h->fit));
    for (unsigned k = 0; k < h->n_reasons; k++)
        hl_buf_printf(out, ", %s %+.0f", h->reasons[k].rule, hl_fixed_to_double(h->reasons[k].points));
    hl_buf_printf(out, "\n");
}

static void put_balance(const struct hl_demo_report *r, struct hl_buf *out)
{
    char sent[32], n[HL_TALLY_COUNT + 1][32];
    const uint64_t *t = r->totals.results;
    bool balances = hl_metrics_balanced(&r->totals) && r->sent == r->totals.consumed;
    hl_buf_printf(out, "%s events sent, %s read = %s scored + %s ignored + %s duplicates + %s dead letters: %s\n",
                  hl_demo_count(r->sent, sent), hl_demo_count(r->totals.consumed, n[HL_TALLY_COUNT]),
                  hl_demo_count(t[HL_TALLY_SCORED], n[0]), hl_demo_count(t[HL_TALLY_IGNORED], n[1]),
                  hl_demo_count(t[HL_TALLY_DUPLICATE], n[2]), hl_demo_count(t[HL_TALLY_DEAD_LETTER], n[3]),
                  balances ? "balances" : "DOES NOT BALANCE");
    hl_buf_printf(out,
                  "%s changes of stage in %.1f s; from an event in Kafka to its answer in Kafka: half within %.0f ms, 99 %% "
                  "within %.0f ms\n",
                  hl_demo_count(r->totals.transitions_sum, sent), r->seconds, (double)r->totals.latency_p50_ns / 1e6,
                  (double)r->totals.latency_p99_ns / 1e6);
}

void hl_demo_report_print(const struct hl_demo_report *r, bool colour, struct hl_buf *out)
{
    const char *bold = colour ? "\033[1m" : "", *plain = colour ? "\033[0m" : "";
    hl_buf_printf(out, "\n%sThe funnel%s%s\n", bold, r->whole ? " after the day" : ", as far as the day went", plain);
    put_funnel(r, out);
    hl_buf_printf(out, "\n%sThe hottest contacts%s who are not customers yet\n", bold, plain);
    for (unsigned i = 0; i < r->n_hottest; i++) put_hot(r, i, out);
    hl_buf_printf(out, "\n");
    put_balance(r, out);
}

/* --- as JSON: names are the model's, which may hold anything --- */

static void put_json_text(struct hl_buf *out, const char *s)
{
    hl_buf_put_u8(out, '"');
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20)
            hl_buf_printf(out, "\\u%04x", (unsigned)*s);
        else
            hl_buf_printf(out, *s == '"' || *s == '\\' ? "\\%c" : "%c", *s);
    }
    hl_buf_put_u8(out, '"');
}

static void put_json_funnel(const struct hl_demo_report *r, struct hl_buf *out)
{
    uint64_t before = 0;
    for (int s = 0; s < HL_STAGE_COUNT; s++) {
        if (s == HL_STAGE_SAL && !r->model->sal) continue;
        hl_buf_printf(out, "%s\n    {\"stage\": \"%s\", \"now\": %" PRIu64 ", \"reached\": %" PRIu64 ", \"conversion\": ",
                      s ? "," : "", hl_stage_name((enum hl_stage)s), r->now[s], r->reached[s]);
        if (hl_stage_rank((enum hl_stage)s) > 0 && before)
            hl_buf_printf(out, "%.4f}", (double)r->reached[s] / (double)before);
        else
            hl_buf_printf(out, "null}");
        before = r->reached[s];
    }
}

static void put_json_hot(const struct hl_demo_report *r, unsigned i, struct hl_buf *out)
{
    const struct hl_demo_hot *h = &r->hottest[i];
    const char *kind = hl_kind_name(h->kind);
    char id[HL_DEMO_ID_SIZE], who[80];
    hl_buf_printf(out, "%s\n    {\"contact_id\": \"%s\", \"who\": \"%s\", \"title\": \"%s\", \"stage\": \"%s\", \"kind\": ",
                  i ? "," : "", hl_demo_contact_id(h->contact, id), hl_demo_day_who(r->day, h->contact, who, sizeof(who)),
                  hl_demo_day_title(r->day, h->contact), hl_stage_name(h->stage));
    if (kind)
        hl_buf_printf(out, "\"%s\"", kind);
    else
        hl_buf_printf(out, "null");
    hl_buf_printf(out, ", \"grade\": \"%c\", \"score\": %.2f, \"fit\": %.2f, \"reasons\": [", h->grade,
                  hl_fixed_to_double(h->score), hl_fixed_to_double(h->fit));
    for (unsigned k = 0; k < h->n_reasons; k++) {
        hl_buf_printf(out, "%s{\"rule\": ", k ? ", " : "");
        put_json_text(out, h->reasons[k].rule);
        hl_buf_printf(out, ", \"points\": %.2f}", hl_fixed_to_double(h->reasons[k].points));
    }
    hl_buf_printf(out, "]}");
}

void hl_demo_report_print_json(const struct hl_demo_report *r, struct hl_buf *out)
{
    const uint64_t *t = r->totals.results;
    hl_buf_printf(out, "{\n  \"model\": ");
    put_json_text(out, r->model->name);
    hl_buf_printf(out, ",\n  \"model_version\": ");
    put_json_text(out, r->model->version);
    hl_buf_printf(
        out, ",\n  \"whole_day\": %s,\n  \"seconds\": %.3f,\n  \"contacts\": %" PRIu64 ",\n  \"transitions\": %" PRIu64 ",\n",
        r->whole ? "true" : "false", r->seconds, r->contacts, r->totals.transitions_sum);
    hl_buf_printf(out,
                  "  \"events\": {\"sent\": %" PRIu64 ", \"consumed\": %" PRIu64 ", \"scored\": %" PRIu64
                  ", \"ignored\": %" PRIu64 ", \"duplicates\": %" PRIu64 ", \"dead_letters\": %" PRIu64 ", \"balanced\": %s},\n",
                  r->sent, r->totals.consumed, t[HL_TALLY_SCORED], t[HL_TALLY_IGNORED], t[HL_TALLY_DUPLICATE],
                  t[HL_TALLY_DEAD_LETTER], hl_metrics_balanced(&r->totals) ? "true" : "false");
    hl_buf_printf(out, "  \"latency_ms\": {\"p50\": %.3f, \"p99\": %.3f},\n  \"funnel\": [",
                  (double)r->totals.latency_p50_ns / 1e6, (double)r->totals.latency_p99_ns / 1e6);
    put_json_funnel(r, out);
    hl_buf_printf(out, "\n  ],\n  \"hottest\": [");
    for (unsigned i = 0; i < r->n_hottest; i++) put_json_hot(r, i, out);
    hl_buf_printf(out, "\n  ]\n}\n");
}
