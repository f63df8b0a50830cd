#include "report.h"

#include <math.h>
#include <stdio.h>

#include "app/json_text.h"
#include "hotlead/base/iso8601.h"

static const struct {
    const char *name, *key;
    double q;
} QUANTILES[] = {{"p50", "p50", 0.5}, {"p90", "p90", 0.9}, {"p99", "p99", 0.99}, {"p99.9", "p999", 0.999}};

/* ---- the end of a run ---- */

void hl_load_result_finish(struct hl_load_result *r, const struct hl_probes *probes)
{
    struct hl_meter *m = r->meter;
    struct hl_figures *f = &r->figures;
    if (probes) hl_probes_sum(probes, &r->probes, &m->latencies[HL_LATENCY_SERVICE]);
    r->seconds = (double)m->last_sent_ns / 1e9;
    if (r->options->backlog_ms) r->seconds = fmax(r->seconds, (double)m->last_acked_ns / 1e9); /* as fast as Kafka takes it, not as the client's queue does */
    if (r->options->backlog_ms == 0) {
        double length = (double)hl_schedule_length_ns(r->schedule) / 1e9;
        r->planned_rate = (double)hl_schedule_count(r->schedule, INT64_MAX) / length;
        if (m->sent > 1 && r->options->events == UINT64_MAX && !r->interrupted) r->seconds = fmax(r->seconds, length);
    }
    for (size_t i = 0; i < HL_LATENCY_COUNT; i++) f->latencies[i] = &m->latencies[i];
    f->numbers[HL_FIGURE_lost] = (double)r->probes.lost;
    f->numbers[HL_FIGURE_repeated] = (double)r->probes.repeated;
    f->numbers[HL_FIGURE_gaps] = (double)r->probes.gaps;
    f->numbers[HL_FIGURE_failed] = (double)m->failed;
    f->numbers[HL_FIGURE_unsent] = (double)m->unsent;
    f->numbers[HL_FIGURE_rate] = r->seconds > 0 ? (double)m->sent / r->seconds : 0;
    f->behind_ns = (double)m->behind_ns;
    f->measured = probes != NULL;
}

bool hl_load_result_failed(const struct hl_load_result *r)
{
    bool failed = false, known;
    double value;
    for (size_t i = 0; i < r->options->n_limits; i++) failed |= hl_limit_broken(&r->options->limits[i], &r->figures, &value, &known);
    return failed;
}

/* ---- words ---- */

const char *hl_time_text(double ns, char out[HL_TIME_TEXT])
{
    static const struct {
        const char *unit;
        double ns;
    } UNITS[] = {{"s", 1e9}, {"ms", 1e6}, {"us", 1e3}, {"ns", 1}};
    size_t i = 0;
    while (i + 1 < HL_ARRAY_LEN(UNITS) && ns < UNITS[i].ns) i++;
    double v = ns / UNITS[i].ns;
    snprintf(out, HL_TIME_TEXT, "%.*f %s", v < 10 ? 2 : v < 100 ? 1 : 0, v, UNITS[i].unit);
    return out;
}

const char *hl_number_text(double v, char out[HL_TIME_TEXT])
{
    char digits[HL_TIME_TEXT];
    int n = snprintf(digits, sizeof(digits), "%.*f", v < 100 && v != floor(v) ? 1 : 0, v), at = 0;
    int whole = (int)strcspn(digits, ".");
    for (int i = 0; i < n && at + 2 < HL_TIME_TEXT; i++) {
        if (i && i < whole && (whole - i) % 3 == 0) out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = '\0';
    return out;
}

static const char *limit_value(const struct hl_limit *l, double value, char out[HL_TIME_TEXT])
{
    return hl_limit_is_time(l) ? hl_time_text(value, out) : hl_number_text(value, out);
}

/* ---- text ---- */

static void text_head(struct hl_buf *b, const struct hl_load_result *r)
{
    const struct hl_load_options *o = r->options;
    char x[HL_TIME_TEXT], y[HL_TIME_TEXT];
    hl_buf_printf(b, "%s, %s, to ", o->backlog_ms ? "backlog" : hl_profile_name(o->profile), hl_time_text(r->seconds * 1e9, x));
    for (size_t i = 0; i < o->n_topics; i++) hl_buf_printf(b, "%s%s", i ? ", " : "", o->topics[i].name);
    hl_buf_printf(b, " at %s%s\n\n", o->bootstrap, r->interrupted ? " (interrupted)" : "");
    hl_buf_printf(b, "rate      %s events/s reached", hl_number_text(r->figures.numbers[HL_FIGURE_rate], x));
    if (!o->backlog_ms) hl_buf_printf(b, ", %s planned; the sender was %s late at most", hl_number_text(r->planned_rate, x), hl_time_text(r->figures.behind_ns, y));
    hl_buf_printf(b, "\nevents    %s sent, ", hl_number_text((double)r->meter->sent, x));
    hl_buf_printf(b, "%s acknowledged, ", hl_number_text((double)r->meter->acked, x));
    hl_buf_printf(b, "%s failed, ", hl_number_text((double)r->meter->failed, x));
    hl_buf_printf(b, "%s not sent; %.1f MB\n", hl_number_text((double)r->meter->unsent, x), (double)r->meter->bytes / 1e6);
    if (r->meter->duplicates + r->meter->late + r->meter->broken)
        hl_buf_printf(b, "          among them %llu duplicates, %llu late, %llu broken\n", (unsigned long long)r->meter->duplicates,
                      (unsigned long long)r->meter->late, (unsigned long long)r->meter->broken);
}

static void text_moves(struct hl_buf *b, const struct hl_load_result *r)
{
    char x[HL_TIME_TEXT];
    const struct hl_probe_sums *p = &r->probes;
    hl_buf_printf(b, "moves     %s had to come, ", hl_number_text((double)p->acked, x));
    hl_buf_printf(b, "%s were seen, ", hl_number_text((double)p->seen, x));
    hl_buf_printf(b, "%s lost, ", hl_number_text((double)p->lost, x));
    hl_buf_printf(b, "%s repeated, ", hl_number_text((double)p->repeated, x));
    hl_buf_printf(b, "%s missing between others; ", hl_number_text((double)p->gaps, x));
    hl_buf_printf(b, "%s of other contacts\n", hl_number_text((double)r->meter->others, x));
    if (r->meter->unreadable) hl_buf_printf(b, "          %llu records of %s are no transitions\n", (unsigned long long)r->meter->unreadable, r->options->transitions);
}

static void text_latency(struct hl_buf *b, const struct hl_latency_text *t, const struct hl_hist *h)
{
    char x[HL_TIME_TEXT];
    hl_buf_printf(b, "  %-46s", t->what);
    for (size_t i = 0; i < HL_ARRAY_LEN(QUANTILES); i++) hl_buf_printf(b, "%9s", hl_time_text((double)hl_hist_quantile(h, QUANTILES[i].q), x));
    hl_buf_printf(b, "%9s", hl_time_text((double)h->max, x));
    hl_buf_printf(b, "%9s", hl_time_text(hl_latency_mean(h), x));
    hl_buf_printf(b, "%12s\n", hl_number_text((double)h->count, x));
}

bool hl_load_has_latencies(const struct hl_load_result *r)
{
    bool has = false;
    for (size_t i = 0; i < HL_LATENCY_COUNT; i++) has |= r->figures.latencies[i]->count > 0;
    return has;
}

static void text_latencies(struct hl_buf *b, const struct hl_load_result *r)
{
    if (!hl_load_has_latencies(r)) return;
    hl_buf_printf(b, "\nlatency%41s", "");
    for (size_t i = 0; i < HL_ARRAY_LEN(QUANTILES); i++) hl_buf_printf(b, "%9s", QUANTILES[i].name);
    hl_buf_printf(b, "%9s%9s%12s\n", "max", "mean", "events");
    for (size_t i = 0; i < HL_LATENCY_COUNT; i++)
        if (r->figures.latencies[i]->count) text_latency(b, &hl_latency_texts[i], r->figures.latencies[i]);
}

/* A quarter of the run, from its windows. */
static const struct hl_hist *quarter(const struct hl_load_result *r, unsigned which, struct hl_hist *h)
{
    size_t n = r->meter->n_windows;
    hl_hist_init(h);
    for (size_t i = n * which / 4; i < n * (which + 1) / 4; i++) hl_hist_merge(h, &r->meter->windows[i].latency);
    return h;
}

static void text_soak(struct hl_buf *b, const struct hl_load_result *r)
{
    static struct hl_hist first, last;
    char x[HL_TIME_TEXT], y[HL_TIME_TEXT];
    if (r->options->profile != HL_PROFILE_soak || r->meter->n_windows < 4) return;
    quarter(r, 0, &first);
    quarter(r, 3, &last);
    hl_buf_printf(b, "\nsoak      p99 of the first quarter %s, of the last %s\n", hl_time_text((double)hl_hist_quantile(&first, 0.99), x),
                  hl_time_text((double)hl_hist_quantile(&last, 0.99), y));
}

static void text_limits(struct hl_buf *b, const struct hl_load_result *r)
{
    for (size_t i = 0; i < r->options->n_limits; i++) {
        const struct hl_limit *l = &r->options->limits[i];
        char x[HL_TIME_TEXT];
        double value;
        bool known, broken = hl_limit_broken(l, &r->figures, &value, &known);
        hl_buf_printf(b, "%s%s  fail-if %s: %s\n", i ? "" : "\n", broken ? "FAILED" : "ok    ", l->text, known ? limit_value(l, value, x) : "nothing was measured");
    }
}

void hl_load_report_text(struct hl_buf *out, const struct hl_load_result *r)
{
    text_head(out, r);
    if (r->figures.measured) text_moves(out, r);
    text_latencies(out, r);
    text_soak(out, r);
    text_limits(out, r);
    if (*r->trouble && (r->meter->failed || r->meter->unsent || r->probes.lost)) hl_buf_printf(out, "\nThe Kafka client said last: %s\n", r->trouble);
}

/* ---- JSON ---- */

static void put_double(struct hl_buf *b, const char *key, double v)
{
    hl_json_put_key(b, key);
    hl_buf_printf(b, "%.12g", v);
}

/* Times are seconds. */
static void json_latency(struct hl_buf *b, const char *key, const struct hl_hist *h)
{
    hl_json_put_key(b, key);
    hl_json_put_raw(b, "{");
    hl_json_put_member_int(b, "count", (int64_t)h->count);
    for (size_t i = 0; i < HL_ARRAY_LEN(QUANTILES); i++) put_double(b, QUANTILES[i].key, (double)hl_hist_quantile(h, QUANTILES[i].q) / 1e9);
    put_double(b, "max", (double)h->max / 1e9);
    put_double(b, "mean", hl_latency_mean(h) / 1e9);
    hl_json_put_raw(b, "}");
}

static void json_settings(struct hl_buf *b, const struct hl_load_result *r)
{
    const struct hl_load_options *o = r->options;
    hl_json_put_member(b, "profile", hl_slice_of(o->backlog_ms ? "backlog" : hl_profile_name(o->profile)));
    hl_json_put_member(b, "bootstrap", hl_slice_of(o->bootstrap));
    hl_json_put_key(b, "topics");
    hl_json_put_raw(b, "[");
    for (size_t i = 0; i < o->n_topics; i++) {
        if (i) hl_json_put_raw(b, ",");
        hl_json_put_text(b, hl_slice_of(o->topics[i].name));
    }
    hl_json_put_raw(b, "]");
    hl_json_put_member(b, "transitions", hl_slice_of(o->transitions));
    hl_json_put_member_int(b, "contacts", (int64_t)o->contacts);
    hl_json_put_member_int(b, "seed", (int64_t)o->seed);
    put_double(b, "skew", o->skew);
    put_double(b, "probes_share", o->probes);
}

static void json_counts(struct hl_buf *b, const struct hl_load_result *r)
{
    const struct hl_meter *m = r->meter;
    put_double(b, "seconds", r->seconds);
    if (!r->options->backlog_ms) put_double(b, "planned_rate", r->planned_rate);
    hl_json_put_member_int(b, "events", (int64_t)m->sent);
    hl_json_put_member_int(b, "value_bytes", (int64_t)m->bytes);
    hl_json_put_member_int(b, "acknowledged", (int64_t)m->acked);
    hl_json_put_member_int(b, "duplicates", (int64_t)m->duplicates);
    hl_json_put_member_int(b, "late", (int64_t)m->late);
    hl_json_put_member_int(b, "broken", (int64_t)m->broken);
    put_double(b, "behind_seconds", r->figures.behind_ns / 1e9);
    for (size_t i = 0; i < HL_FIGURE_COUNT; i++) put_double(b, hl_figure_name((enum hl_figure)i), r->figures.numbers[i]);
    if (!r->figures.measured) return;
    hl_json_put_member_int(b, "probes", (int64_t)r->probes.acked);
    hl_json_put_member_int(b, "seen", (int64_t)r->probes.seen);
    hl_json_put_member_int(b, "other_transitions", (int64_t)m->others);
}

static void json_windows(struct hl_buf *b, const struct hl_load_result *r)
{
    const struct hl_meter *m = r->meter;
    put_double(b, "window_seconds", (double)m->window_ns / 1e9);
    hl_json_put_key(b, "windows");
    hl_json_put_raw(b, "[");
    for (size_t i = 0, n = hl_meter_used(m); i < n; i++) {
        const struct hl_meter_window *w = &m->windows[i];
        hl_json_put_raw(b, i ? ",\n  {" : "\n  {");
        put_double(b, "at", (double)((int64_t)i * m->window_ns) / 1e9);
        hl_json_put_member_int(b, "sent", (int64_t)w->sent);
        hl_json_put_member_int(b, "acknowledged", (int64_t)w->acked);
        if (w->latency.count) json_latency(b, "latency", &w->latency);
        hl_json_put_raw(b, "}");
    }
    hl_json_put_raw(b, "]");
}

static void json_limits(struct hl_buf *b, const struct hl_load_result *r)
{
    hl_json_put_key(b, "limits");
    hl_json_put_raw(b, "[");
    for (size_t i = 0; i < r->options->n_limits; i++) {
        double value;
        bool known, broken = hl_limit_broken(&r->options->limits[i], &r->figures, &value, &known);
        hl_json_put_raw(b, i ? ",{" : "{");
        hl_json_put_member(b, "fail_if", hl_slice_of(r->options->limits[i].text));
        hl_json_put_key(b, "broken");
        hl_json_put_raw(b, broken ? "true" : "false");
        hl_json_put_key(b, "value");
        if (known) hl_buf_printf(b, "%.12g", hl_limit_is_time(&r->options->limits[i]) ? value / 1e9 : value);
        else hl_json_put_raw(b, "null");
        hl_json_put_raw(b, "}");
    }
    hl_json_put_raw(b, "]");
}

void hl_load_report_json(struct hl_buf *out, const struct hl_load_result *r)
{
    char when[HL_ISO8601_SIZE];
    hl_json_put_raw(out, "{");
    hl_json_put_member(out, "version", hl_slice_of(HL_VERSION));
    hl_json_put_member(out, "started_at", hl_slice_of(hl_iso8601_format(r->started_ms, when)));
    hl_json_put_key(out, "interrupted");
    hl_json_put_raw(out, r->interrupted ? "true" : "false");
    json_settings(out, r);
    json_counts(out, r);
    for (size_t i = 0; i < HL_LATENCY_COUNT; i++)
        if (r->figures.latencies[i]->count) json_latency(out, hl_latency_texts[i].json, r->figures.latencies[i]);
    json_limits(out, r);
    json_windows(out, r);
    hl_json_put_raw(out, "}\n");
}
