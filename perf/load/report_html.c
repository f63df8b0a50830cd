#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "chart.h"
#include "hotlead/base/iso8601.h"
#include "report.h"

static const char STYLE[] =
    ":root{color-scheme:light dark;--bg:#fbfbfa;--card:#fff;--ink:#1c2024;--soft:#5b6470;--edge:#e1e4e8;--c0:#2563eb;--c1:#c2670a;--c2:#c62828;--c3:#087f5b;"
    "--ok:#087f5b;--bad:#c62828}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14171a;--card:#1c2024;--ink:#e8eaed;--soft:#9aa4b0;--edge:#30363d;--c0:#7aa7ff;--c1:#f0a84b;--c2:#ff7b72;"
    "--c3:#4cc38a;--ok:#4cc38a;--bad:#ff7b72}}\n"
    "*{box-sizing:border-box}body{margin:0;background:var(--bg);color:var(--ink);font:15px/1.5 system-ui,sans-serif}\n"
    "main{max-width:940px;margin:0 auto;padding:28px 20px 60px}h1{font-size:24px;margin:0 0 2px}h2{font-size:17px;margin:32px 0 10px}p{margin:0 0 10px}\n"
    ".soft{color:var(--soft)}.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(118px,1fr));gap:12px;margin:22px 0}\n"
    ".tile,figure{background:var(--card);border:1px solid var(--edge);border-radius:10px}.tile{padding:10px 12px}.tile b{display:block;font-size:20px;line-height:1.3;"
    "font-variant-numeric:tabular-nums}.tile span{color:var(--soft);font-size:13px}.bad b,td.bad{color:var(--bad)}td.ok{color:var(--ok)}\n"
    "figure{margin:14px 0;padding:14px 16px 6px}figcaption{display:flex;flex-wrap:wrap;justify-content:space-between;gap:8px}svg{width:100%;height:auto;display:block}\n"
    ".legend{color:var(--soft);font-size:13px}.key{margin-left:16px}.key::before{content:'';display:inline-block;width:16px;margin-right:6px;vertical-align:middle;"
    "border-top:3px solid}.key.dashed::before{border-top-style:dashed}.key-0::before{color:var(--c0)}.key-1::before{color:var(--c1)}.key-2::before{color:var(--c2)}"
    ".key-3::before{color:var(--c3)}\n"
    ".grid{stroke:var(--edge)}.tick{fill:var(--soft);font:12px system-ui,sans-serif}.line{fill:none;stroke-width:2;stroke-linejoin:round}.dashed{stroke-dasharray:5 4}\n"
    ".line-0{stroke:var(--c0)}.line-1{stroke:var(--c1)}.line-2{stroke:var(--c2)}.line-3{stroke:var(--c3)}.dot-0{fill:var(--c0)}.dot-1{fill:var(--c1)}.dot-2{fill:var(--c2)}"
    ".dot-3{fill:var(--c3)}.hover{fill:transparent}.hover:hover{fill:var(--soft);fill-opacity:.12}\n"
    ".scroll{overflow-x:auto}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{padding:6px 10px;border-bottom:1px solid var(--edge);"
    "text-align:right;white-space:nowrap}th:first-child,td:first-child{text-align:left;white-space:normal}th{color:var(--soft);font-weight:600;font-size:13px}"
    "summary{cursor:pointer;margin:10px 0}dl{display:grid;grid-template-columns:max-content 1fr;gap:4px 18px;margin:0}dt{color:var(--soft)}dd{margin:0}\n";

static void time_tick(double ns, char out[32])
{
    char text[HL_TIME_TEXT];
    snprintf(out, 32, "%s", hl_time_text(ns, text));
    char *point = strstr(out, ".00"), *one = strstr(out, ".0 ");
    if (point) memmove(point, point + 3, strlen(point + 3) + 1);
    else if (one) memmove(one, one + 2, strlen(one + 2) + 1);
}

static void number_tick(double v, char out[32])
{
    char text[HL_TIME_TEXT];
    snprintf(out, 32, "%s", hl_number_text(v, text));
}

/* ---- the row of tiles ---- */

static void tile(struct hl_buf *b, const char *value, const char *what, bool bad)
{
    hl_buf_printf(b, "<div class=\"tile%s\"><b>%s</b><span>%s</span></div>\n", bad ? " bad" : "", value, what);
}

static void put_tiles(struct hl_buf *b, const struct hl_load_result *r)
{
    char x[HL_TIME_TEXT];
    const struct hl_hist *h = r->figures.latencies[HL_LATENCY_CORRECTED];
    hl_buf_printf(b, "<div class=\"tiles\">\n");
    tile(b, hl_number_text(r->figures.numbers[HL_FIGURE_rate], x), "events/s reached", !r->options->backlog_ms && !r->interrupted && r->figures.numbers[HL_FIGURE_rate] < 0.99 * r->planned_rate);
    if (r->figures.measured && h->count) {
        tile(b, hl_time_text((double)hl_hist_quantile(h, 0.5), x), "p50 latency", false);
        tile(b, hl_time_text((double)hl_hist_quantile(h, 0.99), x), "p99 latency", false);
        tile(b, hl_time_text((double)h->max, x), "max latency", false);
    }
    if (r->figures.measured) tile(b, hl_number_text((double)r->probes.lost, x), "lost", r->probes.lost > 0);
    if (r->figures.measured) tile(b, hl_number_text((double)(r->probes.repeated + r->probes.gaps), x), "repeated or missing", r->probes.repeated + r->probes.gaps > 0);
    tile(b, hl_number_text((double)(r->meter->failed + r->meter->unsent), x), "failed or not sent", r->meter->failed + r->meter->unsent > 0);
    hl_buf_printf(b, "</div>\n");
}

/* ---- over time ---- */

struct course {
    double *x, *p50, *p99, *max, *planned, *sent, *acked;
    char (*texts)[160];
    const char **hover;
    size_t n;
};

static bool course_init(struct course *c, size_t n)
{
    double *all = malloc(7 * n * sizeof(*all));
    *c = (struct course){.n = n, .texts = malloc(n * sizeof(*c->texts)), .hover = malloc(n * sizeof(*c->hover))};
    if (!all || !c->texts || !c->hover) {
        free(all);
        return false;
    }
    c->x = all, c->p50 = all + n, c->p99 = all + 2 * n, c->max = all + 3 * n, c->planned = all + 4 * n, c->sent = all + 5 * n, c->acked = all + 6 * n;
    return true;
}

static void course_fini(struct course *c)
{
    free(c->x);
    free(c->texts);
    free((void *)c->hover);
}

static double length_of(const struct hl_load_result *r, size_t i)
{
    int64_t end = (int64_t)(i + 1) * r->meter->window_ns, begin = (int64_t)i * r->meter->window_ns;
    int64_t whole = r->options->backlog_ms ? (int64_t)(r->seconds * 1e9) : hl_schedule_length_ns(r->schedule);
    if (end <= whole || whole <= begin) return (double)r->meter->window_ns / 1e9;
    return (double)(whole - begin) / 1e9;
}

static void course_fill(struct course *c, const struct hl_load_result *r)
{
    for (size_t i = 0; i < c->n; i++) {
        const struct hl_meter_window *w = &r->meter->windows[i];
        int64_t begin = (int64_t)i * r->meter->window_ns;
        double s = length_of(r, i);
        uint64_t planned = r->options->backlog_ms ? 0 : hl_schedule_count(r->schedule, begin + r->meter->window_ns) - hl_schedule_count(r->schedule, begin);
        char x[HL_TIME_TEXT], y[HL_TIME_TEXT], z[HL_TIME_TEXT], v[HL_TIME_TEXT];
        c->x[i] = (double)begin / 1e9;
        c->p50[i] = w->latency.count ? (double)hl_hist_quantile(&w->latency, 0.5) : NAN;
        c->p99[i] = w->latency.count ? (double)hl_hist_quantile(&w->latency, 0.99) : NAN;
        c->max[i] = w->latency.count ? (double)w->latency.max : NAN;
        c->planned[i] = r->options->backlog_ms ? NAN : (double)planned / s;
        c->sent[i] = (double)w->sent / s;
        c->acked[i] = (double)w->acked / s;
        snprintf(c->texts[i], sizeof(c->texts[i]), "%.0f s: %s events/s; p50 %s, p99 %s, max %s", c->x[i], hl_number_text(c->sent[i], x),
                 w->latency.count ? hl_time_text(c->p50[i], y) : "-", w->latency.count ? hl_time_text(c->p99[i], z) : "-",
                 w->latency.count ? hl_time_text(c->max[i], v) : "-");
        c->hover[i] = c->texts[i];
    }
}

static void put_course(struct hl_buf *b, const struct hl_load_result *r, const struct course *c)
{
    struct hl_chart latency = {.id = "latency", .title = "Latency by the moment an event was due",
                               .about = "Half, 99 of 100, and the slowest of the events of each moment; the table below has the numbers.",
                               .n = c->n, .x = c->x, .log_y = true, .y_text = time_tick, .hover = c->hover, .n_lines = 3,
                               .lines = {{"p50", c->p50, false}, {"p99", c->p99, false}, {"max", c->max, false}}};
    struct hl_chart rate = {.id = "rate", .title = "Events a second",
                            .about = r->options->backlog_ms ? "Events sent and acknowledged by Kafka in each moment; the table below has the numbers."
                                                            : "Events planned, sent and acknowledged by Kafka in each moment; the table below has the numbers.",
                            .n = c->n, .x = c->x, .y_text = number_tick, .hover = c->hover};
    if (!r->options->backlog_ms) rate.lines[rate.n_lines++] = (struct hl_chart_line){"planned", c->planned, true};
    rate.lines[rate.n_lines++] = (struct hl_chart_line){"sent", c->sent, false};
    rate.lines[rate.n_lines++] = (struct hl_chart_line){"acknowledged", c->acked, false};
    if (r->figures.measured) hl_chart_put(b, &latency);
    hl_chart_put(b, &rate);
}

static void put_course_table(struct hl_buf *b, const struct hl_load_result *r, const struct course *c)
{
    hl_buf_printf(b, "<details><summary>The numbers of these pictures</summary>\n<div class=\"scroll\"><table><thead><tr><th scope=\"col\">second</th>%s"
                     "<th scope=\"col\">sent/s</th><th scope=\"col\">acknowledged/s</th>%s</tr></thead><tbody>\n",
                  r->options->backlog_ms ? "" : "<th scope=\"col\">planned/s</th>", r->figures.measured ? "<th scope=\"col\">p50</th><th scope=\"col\">p99</th><th scope=\"col\">max</th>" : "");
    for (size_t i = 0; i < c->n; i++) {
        char x[HL_TIME_TEXT];
        hl_buf_printf(b, "<tr><td>%.0f</td>", c->x[i]);
        if (!r->options->backlog_ms) hl_buf_printf(b, "<td>%s</td>", hl_number_text(c->planned[i], x));
        hl_buf_printf(b, "<td>%s</td>", hl_number_text(c->sent[i], x));
        hl_buf_printf(b, "<td>%s</td>", hl_number_text(c->acked[i], x));
        const double values[] = {c->p50[i], c->p99[i], c->max[i]};
        for (size_t k = 0; k < 3 && r->figures.measured; k++) hl_buf_printf(b, "<td>%s</td>", isnan(values[k]) ? "" : hl_time_text(values[k], x));
        hl_buf_printf(b, "</tr>\n");
    }
    hl_buf_printf(b, "</tbody></table></div></details>\n");
}

/* ---- distribution ---- */

#define POINTS 61

/* Percentiles, so that each further nine takes the same width. */
static void put_distribution(struct hl_buf *b, const struct hl_load_result *r)
{
    static const char *const TICKS[] = {"0", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %", "99.9999 %", NULL};
    static const double AT[] = {0, 1, 2, 3, 4, 5, 6};
    double x[POINTS], y[HL_LATENCY_COUNT][POINTS];
    char texts[POINTS][160], value[HL_TIME_TEXT], other[HL_TIME_TEXT];
    const char *hover[POINTS];
    uint64_t most = 0;
    struct hl_chart c = {.id = "distribution", .title = "Distribution",
                         .about = "Latency by percentile; the table of latencies has the numbers.", .x = x, .x_ticks = TICKS, .tick_at = AT, .log_y = true,
                         .y_text = time_tick, .hover = hover};
    static const char *const NAMES[] = {"corrected", "uncorrected", "hotlead's part", "Kafka's acknowledgement"};
    for (size_t i = 0; i < HL_LATENCY_COUNT; i++) {
        if (!r->figures.latencies[i]->count) continue;
        c.lines[c.n_lines++] = (struct hl_chart_line){NAMES[i], y[i], i == HL_LATENCY_UNCORRECTED};
        if (r->figures.latencies[i]->count > most) most = r->figures.latencies[i]->count;
    }
    if (c.n_lines == 0) return;
    double last = fmin(fmax(log10((double)most), 1), 6);
    for (size_t k = 0; k < POINTS; k++) {
        x[k] = last * (double)k / (POINTS - 1);
        double q = 1 - pow(10, -x[k]);
        for (size_t i = 0; i < HL_LATENCY_COUNT; i++) {
            const struct hl_hist *h = r->figures.latencies[i];
            y[i][k] = h->count && x[k] <= log10((double)h->count) + 1e-9 ? (double)hl_hist_quantile(h, q) : NAN;
        }
        snprintf(texts[k], sizeof(texts[k]), "%.6g %%: %s; Kafka's acknowledgement %s", q * 100, isnan(y[0][k]) ? "-" : hl_time_text(y[0][k], value),
                 isnan(y[HL_LATENCY_ACK][k]) ? "-" : hl_time_text(y[HL_LATENCY_ACK][k], other));
        hover[k] = texts[k];
        c.n = k + 1;
    }
    hl_chart_put(b, &c);
}

/* ---- tables ---- */

static void put_latencies(struct hl_buf *b, const struct hl_load_result *r)
{
    static const double Q[] = {0.5, 0.9, 0.99, 0.999};
    if (!hl_load_has_latencies(r)) return;
    hl_buf_printf(b, "<h2>Latency</h2>\n<div class=\"scroll\"><table><thead><tr><th scope=\"col\">from, to</th><th scope=\"col\">p50</th><th scope=\"col\">p90</th>"
                     "<th scope=\"col\">p99</th><th scope=\"col\">p99.9</th><th scope=\"col\">max</th><th scope=\"col\">mean</th><th scope=\"col\">events</th></tr></thead><tbody>\n");
    for (size_t i = 0; i < HL_LATENCY_COUNT; i++) {
        const struct hl_hist *h = r->figures.latencies[i];
        char x[HL_TIME_TEXT];
        if (!h->count) continue;
        hl_buf_printf(b, "<tr><td>%s<br><span class=\"soft\">%s</span></td>", hl_latency_texts[i].what, hl_latency_texts[i].why);
        for (size_t k = 0; k < HL_ARRAY_LEN(Q); k++) hl_buf_printf(b, "<td>%s</td>", hl_time_text((double)hl_hist_quantile(h, Q[k]), x));
        hl_buf_printf(b, "<td>%s</td>", hl_time_text((double)h->max, x));
        hl_buf_printf(b, "<td>%s</td>", hl_time_text(hl_latency_mean(h), x));
        hl_buf_printf(b, "<td>%s</td></tr>\n", hl_number_text((double)h->count, x));
    }
    hl_buf_printf(b, "</tbody></table></div>\n<p class=\"soft\">Percentiles are exact to 3 %%. Corrected latency counts from the moment an event was due, so a stall of "
                     "anything shows in full.</p>\n");
}

static void put_limits(struct hl_buf *b, const struct hl_load_result *r)
{
    if (r->options->n_limits == 0) return;
    hl_buf_printf(b, "<h2>Limits</h2>\n<table><thead><tr><th scope=\"col\">fails if</th><th scope=\"col\">found</th><th scope=\"col\"></th></tr></thead><tbody>\n");
    for (size_t i = 0; i < r->options->n_limits; i++) {
        const struct hl_limit *l = &r->options->limits[i];
        char x[HL_TIME_TEXT];
        double value;
        bool known, broken = hl_limit_broken(l, &r->figures, &value, &known);
        hl_buf_printf(b, "<tr><td>");
        hl_html_put_text(b, l->text);
        hl_buf_printf(b, "</td><td>%s</td><td class=\"%s\">%s</td></tr>\n",
                      !known ? "nothing was measured" : hl_limit_is_time(l) ? hl_time_text(value, x) : hl_number_text(value, x), broken ? "bad" : "ok",
                      broken ? "failed" : "ok");
    }
    hl_buf_printf(b, "</tbody></table>\n");
}

static void term(struct hl_buf *b, const char *name, const char *value)
{
    hl_buf_printf(b, "<dt>%s</dt><dd>", name);
    hl_html_put_text(b, value);
    hl_buf_printf(b, "</dd>\n");
}

static void put_settings(struct hl_buf *b, const struct hl_load_result *r)
{
    const struct hl_load_options *o = r->options;
    char x[HL_TIME_TEXT], text[200];
    hl_buf_printf(b, "<h2>What was sent</h2>\n<dl>\n");
    term(b, "events", hl_number_text((double)r->meter->sent, x));
    snprintf(text, sizeof(text), "%.1f MB, %.0f bytes an event", (double)r->meter->bytes / 1e6, r->meter->sent ? (double)r->meter->bytes / (double)r->meter->sent : 0);
    term(b, "size", text);
    term(b, "acknowledged", hl_number_text((double)r->meter->acked, x));
    snprintf(text, sizeof(text), "%llu duplicates, %llu late, %llu broken", (unsigned long long)r->meter->duplicates, (unsigned long long)r->meter->late,
             (unsigned long long)r->meter->broken);
    term(b, "among them", text);
    snprintf(text, sizeof(text), "%s, Zipf exponent %.2f, hot share %.2f, seed %llu", hl_number_text((double)o->contacts, x), o->skew, o->hot, (unsigned long long)o->seed);
    term(b, "contacts", text);
    if (!o->backlog_ms) term(b, "sender late at most", hl_time_text(r->figures.behind_ns, x));
    if (r->figures.measured) {
        snprintf(text, sizeof(text), "%llu had to come, %llu were seen, %llu lost, %llu repeated, %llu missing between others", (unsigned long long)r->probes.acked,
                 (unsigned long long)r->probes.seen, (unsigned long long)r->probes.lost, (unsigned long long)r->probes.repeated, (unsigned long long)r->probes.gaps);
        term(b, "transitions", text);
    }
    hl_buf_printf(b, "</dl>\n");
}

static void put_head(struct hl_buf *b, const struct hl_load_result *r)
{
    const struct hl_load_options *o = r->options;
    char when[HL_ISO8601_SIZE], x[HL_TIME_TEXT];
    const char *profile = o->backlog_ms ? "backlog" : hl_profile_name(o->profile);
    hl_buf_printf(b, "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
                     "<title>hotlead-load: %s</title>\n<style>\n%s</style></head>\n<body><main>\n<h1>Load test of hotlead: %s</h1>\n<p class=\"soft\">%s, %s to ",
                  profile, STYLE, profile, hl_iso8601_format(r->started_ms, when), hl_time_text(r->seconds * 1e9, x));
    for (size_t i = 0; i < o->n_topics; i++) {
        hl_buf_printf(b, i ? ", " : "");
        hl_html_put_text(b, o->topics[i].name);
    }
    hl_buf_printf(b, " at ");
    hl_html_put_text(b, o->bootstrap);
    hl_buf_printf(b, "%s</p>\n", r->interrupted ? "; interrupted" : "");
}

void hl_load_report_html(struct hl_buf *out, const struct hl_load_result *r)
{
    struct course c;
    put_head(out, r);
    put_tiles(out, r);
    put_limits(out, r);
    if (course_init(&c, hl_meter_used(r->meter))) {
        course_fill(&c, r);
        put_course(out, r, &c);
        put_distribution(out, r);
        put_course_table(out, r, &c);
    } else {
        out->failed = true;
    }
    course_fini(&c);
    put_latencies(out, r);
    put_settings(out, r);
    hl_buf_printf(out, "</main></body></html>\n");
}
