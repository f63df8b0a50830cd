/* A report as a table, as Markdown, as JSON. */
#include <stdio.h>

#include "hotlead/base/iso8601.h"
#include "hotlead/core/contact.h"
#include "json_text.h"
#include "report.h"

#define NAME 24

/* --- for people --- */

static const char *span(int64_t ms, char buf[32])
{
    static const struct {
        int64_t ms;
        const char *unit, *smaller;
        int64_t part;
    } units[] = {{86400000, "d", "h", 3600000}, {3600000, "h", "min", 60000}, {60000, "min", "s", 1000}};
    if (ms <= 0) return ms ? "-" : "at once";
    for (size_t i = 0; i < HL_ARRAY_LEN(units); i++) {
        if (ms < units[i].ms) continue;
        long long rest = (long long)(ms % units[i].ms / units[i].part);
        if (rest) snprintf(buf, 32, "%lld %s %lld %s", (long long)(ms / units[i].ms), units[i].unit, rest, units[i].smaller);
        else snprintf(buf, 32, "%lld %s", (long long)(ms / units[i].ms), units[i].unit);
        return buf;
    }
    snprintf(buf, 32, ms < 1000 ? "%.0f ms" : "%.0f s", ms < 1000 ? (double)ms : (double)ms / 1000);
    return buf;
}

static const char *percent(double share, char buf[16])
{
    if (share < 0) return "-";
    snprintf(buf, 16, "%.1f %%", 100 * share);
    return buf;
}

static bool is_told(const struct hl_report *r, int s)
{
    return s != HL_STAGE_SAL || r->sal;
}

/* Names are other people's: what could steer a terminal, or end a cell, becomes '?'. At most NAME bytes, in whole characters. */
static const char *plain(const char *name, char buf[NAME + 1])
{
    size_t n = strnlen(name, NAME);
    while (n && name[n] && ((unsigned char)name[n] & 0xc0) == 0x80) n--;
    for (size_t i = 0; i < n; i++) buf[i] = (unsigned char)name[i] < ' ' || name[i] == 0x7f || name[i] == '|' ? '?' : name[i];
    buf[n] = '\0';
    return buf;
}

/* A line of cells: the first one to the left, the others to the right. */
static void put_line(bool markdown, const char *const *cells, size_t n, struct hl_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        if (markdown)
            hl_buf_printf(out, "%s%s%s", i ? " " : "| ", cells[i], i + 1 < n ? " |" : " |\n");
        else
            hl_buf_printf(out, i ? "%*s%s" : "%-*s%s", i ? 13 : 16, cells[i], i + 1 < n ? "" : "\n");
    }
}

static void put_rule(size_t n, struct hl_buf *out)
{
    hl_buf_printf(out, "|---|");
    for (size_t i = 1; i < n; i++) hl_buf_printf(out, "--:|");
    hl_buf_printf(out, "\n");
}

static void put_stage_line(const struct hl_report *r, int s, bool markdown, struct hl_buf *out)
{
    char n[5][24], rate[16], median[32], p90[32];
    struct hl_funnel_stage x = hl_funnel_stage(&r->all.f, (enum hl_stage)s, r->all.open[s]);
    bool leads_on = hl_funnel_next((enum hl_stage)s, r->sal) != HL_STAGE_COUNT, exit = hl_stage_rank((enum hl_stage)s) < 0;
    uint64_t values[] = {x.forward + x.back + x.out + x.open, x.forward, x.back, x.out, x.open};
    for (size_t i = 0; i < 5; i++) snprintf(n[i], sizeof(n[i]), "%llu", (unsigned long long)values[i]);
    const char *cells[] = {hl_stage_name((enum hl_stage)s), n[0], exit ? "" : n[1], exit ? "" : n[2], exit ? "" : n[3], n[4],
                           leads_on ? percent(x.conversion, rate) : "", leads_on ? span(x.median_ms, median) : "", leads_on ? span(x.p90_ms, p90) : ""};
    put_line(markdown, cells, HL_ARRAY_LEN(cells), out);
}

static void put_verdict(const struct hl_report *r, bool markdown, struct hl_buf *out)
{
    struct hl_funnel_verdict v = hl_funnel_judge(&r->all.f, r->all.open, r->sal);
    const char *strong = markdown ? "**" : "";
    char rate[16], time[32];
    if (v.bottleneck == HL_STAGE_COUNT) {
        hl_buf_printf(out, "\nNo bottleneck can be named: no stage has %d stays.\n", HL_FUNNEL_MIN_STAYS);
        return;
    }
    struct hl_funnel_stage b = hl_funnel_stage(&r->all.f, v.bottleneck, r->all.open[v.bottleneck]);
    hl_buf_printf(out, "\n%sBottleneck: %s to %s%s, %s go on.", strong, hl_stage_name(v.bottleneck), hl_stage_name(hl_funnel_next(v.bottleneck, r->sal)), strong,
                  percent(b.conversion, rate));
    if (v.slowest != HL_STAGE_COUNT)
        hl_buf_printf(out, " Slowest: %s to %s, half take %s or more.", hl_stage_name(v.slowest), hl_stage_name(hl_funnel_next(v.slowest, r->sal)),
                      span(hl_funnel_stage(&r->all.f, v.slowest, 0).median_ms, time));
    hl_buf_printf(out, "\n");
}

/* Steps whose conversion is compared between cohorts: from Subscriber to Customer. */
static bool is_compared(const struct hl_report *r, int s)
{
    return s >= HL_STAGE_SUBSCRIBER && s < HL_STAGE_CUSTOMER && is_told(r, s);
}

static void put_cohort_line(const struct hl_report *r, const struct hl_cohort *c, bool markdown, struct hl_buf *out)
{
    char name[NAME + 1], texts[HL_STAGE_COUNT][64], rate[16], time[32];
    const char *cells[HL_STAGE_COUNT + 1] = {plain(c->name, name)};
    size_t n = 1;
    for (int s = 0; s < HL_STAGE_COUNT; s++) {
        if (!is_compared(r, s)) continue;
        struct hl_funnel_stage x = hl_funnel_stage(&c->f, (enum hl_stage)s, c->open[s]);
        if (markdown && x.median_ms >= 0) snprintf(texts[s], sizeof(texts[s]), "%s, %s", percent(x.conversion, rate), span(x.median_ms, time));
        else snprintf(texts[s], sizeof(texts[s]), "%s", percent(x.conversion, rate));
        cells[n++] = texts[s];
    }
    put_line(markdown, cells, n, out);
}

static void put_cohorts(const struct hl_report *r, const char *title, const struct hl_cohorts *all, bool markdown, struct hl_buf *out)
{
    const char *cells[HL_STAGE_COUNT + 1] = {title};
    size_t n = 1;
    for (int s = 0; s < HL_STAGE_COUNT; s++)
        if (is_compared(r, s)) cells[n++] = hl_stage_name((enum hl_stage)s);
    hl_buf_printf(out, "\n%sWent on from each stage%s, by %s%s:\n\n", markdown ? "**" : "", markdown ? ", and the median time" : "", title, markdown ? "**" : "");
    put_line(markdown, cells, n, out);
    if (markdown) put_rule(n, out);
    for (size_t i = 0; i < all->n; i++) put_cohort_line(r, all->items[i], markdown, out);
}

static void put_text(const struct hl_report *r, bool markdown, struct hl_buf *out)
{
    static const char *const head[] = {"stage", "stays", "went on", "back", "out", "there now", "conversion", "median time", "9 of 10"};
    char first[HL_ISO8601_SIZE] = "-", last[HL_ISO8601_SIZE] = "-";
    if (r->first != HL_NO_TIME) hl_iso8601_format(r->first, first);
    if (r->last != HL_NO_TIME) hl_iso8601_format(r->last, last);
    hl_buf_printf(out, "%sFunnel of %zu contacts, %llu transitions, %s to %s\n\n", markdown ? "# " : "", r->n_contacts, (unsigned long long)r->transitions, first, last);
    put_line(markdown, head, HL_ARRAY_LEN(head), out);
    if (markdown) put_rule(HL_ARRAY_LEN(head), out);
    for (int s = 0; s < HL_STAGE_COUNT; s++)
        if (s != HL_STAGE_ANONYMOUS && is_told(r, s)) put_stage_line(r, s, markdown, out);
    put_verdict(r, markdown, out);
    put_cohorts(r, "model version", &r->versions, markdown, out);
    put_cohorts(r, "source", &r->sources, markdown, out);
}

/* --- for programs --- */

static void put_time(const char *key, int64_t at, struct hl_buf *out)
{
    hl_json_put_key(out, key);
    if (at == HL_NO_TIME)
        hl_json_put_raw(out, "null");
    else
        hl_json_put_int(out, at);
}

static void put_json_cohorts(const struct hl_report *r, const char *key, const struct hl_cohorts *all, struct hl_buf *out)
{
    hl_json_put_key(out, key);
    hl_json_put_raw(out, "[");
    for (size_t i = 0; i < all->n; i++) {
        const struct hl_cohort *c = all->items[i];
        hl_json_put_raw(out, i ? ",{" : "{");
        hl_json_put_member(out, "name", hl_slice_of(c->name));
        hl_funnel_put_json(&c->f, c->open, r->sal, true, out);
        hl_json_put_raw(out, "}");
    }
    hl_json_put_raw(out, "]");
}

static void put_json(const struct hl_report *r, struct hl_buf *out)
{
    hl_json_put_raw(out, "{");
    hl_json_put_member_int(out, "contacts", (int64_t)r->n_contacts);
    hl_json_put_member_int(out, "transitions", (int64_t)r->transitions);
    hl_json_put_member_int(out, "repeated", (int64_t)r->repeated);
    put_time("first", r->first, out);
    put_time("last", r->last, out);
    hl_funnel_put_json(&r->all.f, r->all.open, r->sal, false, out);
    put_json_cohorts(r, "by_version", &r->versions, out);
    put_json_cohorts(r, "by_source", &r->sources, out);
    hl_json_put_raw(out, "}\n");
}

void hl_report_put(const struct hl_report *r, enum hl_report_form form, struct hl_buf *out)
{
    if (form == HL_REPORT_JSON)
        put_json(r, out);
    else
        put_text(r, form == HL_REPORT_MARKDOWN, out);
}
