#include "limits.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct hl_latency_text hl_latency_texts[HL_LATENCY_COUNT] = {
#define X(id, prefix, json, what, why) {prefix, json, what, why},
    HL_LATENCIES(X)
#undef X
};

static const char *const FIGURE_NAMES[] = {
#define X(name, what) #name,
    HL_FIGURES(X)
#undef X
};

const char *hl_figure_name(enum hl_figure f)
{
    return FIGURE_NAMES[f];
}

double hl_latency_mean(const struct hl_hist *h)
{
    return h->count ? (double)h->sum / (double)h->count : 0;
}

/* ---- reading ---- */

static enum hl_status wrong(const char *text, const char *why, struct hl_error *err)
{
    return hl_error_set(err, HL_E_USAGE, HL_STOP, "--fail-if '%s': %s", text, why);
}

/* "p99", "p99.9", "max", "mean" behind the prefix. */
static bool parse_latency(const char *name, size_t len, struct hl_limit *l)
{
    if (len == 3 && memcmp(name, "max", 3) == 0) {
        l->what = HL_WHAT_MAX;
        return true;
    }
    if (len == 4 && memcmp(name, "mean", 4) == 0) {
        l->what = HL_WHAT_MEAN;
        return true;
    }
    char *end;
    if (len < 2 || name[0] != 'p' || !isdigit((unsigned char)name[1])) return false;
    l->quantile = strtod(name + 1, &end) / 100;
    l->what = HL_WHAT_QUANTILE;
    return end == name + len && l->quantile <= 1;
}

static bool parse_name(const char *name, size_t len, struct hl_limit *l)
{
    for (size_t i = 0; i < HL_FIGURE_COUNT; i++) {
        if (strlen(FIGURE_NAMES[i]) != len || memcmp(FIGURE_NAMES[i], name, len) != 0) continue;
        l->what = HL_WHAT_NUMBER;
        l->figure = (enum hl_figure)i;
        return true;
    }
    if (len == 6 && memcmp(name, "behind", 6) == 0) {
        l->what = HL_WHAT_BEHIND;
        return true;
    }
    for (size_t i = HL_LATENCY_COUNT; i-- > 0;) { /* the first has no prefix */
        size_t n = strlen(hl_latency_texts[i].prefix);
        if (len <= n || memcmp(name, hl_latency_texts[i].prefix, n) != 0) continue;
        l->latency = (enum hl_latency)i;
        return parse_latency(name + n, len - n, l);
    }
    return false;
}

static bool parse_time(const char *unit, double *ns)
{
    static const struct {
        const char *unit;
        double ns;
    } UNITS[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
    for (size_t i = 0; i < HL_ARRAY_LEN(UNITS); i++) {
        if (strcmp(unit, UNITS[i].unit) != 0) continue;
        *ns *= UNITS[i].ns;
        return true;
    }
    return false;
}

bool hl_limit_is_time(const struct hl_limit *l)
{
    return l->what != HL_WHAT_NUMBER;
}

enum hl_status hl_limit_parse(const char *text, struct hl_limit *out, struct hl_error *err)
{
    *out = (struct hl_limit){.text = text};
    size_t len = strcspn(text, "<>");
    const char *p = text + len;
    while (len && text[len - 1] == ' ') len--;
    if (!*p) return wrong(text, "wants NAME>VALUE or NAME<VALUE, such as p99>50ms or lost>0", err);
    if (!parse_name(text, len, out))
        return wrong(text, "no such figure; there are p50, p99.9 (any number), max, mean, each also with uncorrected., service. or ack. in front, "
                           "and behind, lost, repeated, gaps, failed, unsent, rate", err);
    out->op[0] = *p++;
    if (*p == '=') out->op[1] = *p++;
    char *unit;
    out->bound = strtod(p, &unit);
    if (unit == p || !isfinite(out->bound)) return wrong(text, "there is no number behind the sign", err);
    if (hl_limit_is_time(out) && !parse_time(unit, &out->bound)) return wrong(text, "a time needs its unit: ns, us, ms, s, m or h", err);
    if (!hl_limit_is_time(out) && *unit) return wrong(text, "this figure is a plain number, without a unit", err);
    return HL_OK;
}

bool hl_limit_needs_transitions(const struct hl_limit *l)
{
    if (l->what == HL_WHAT_NUMBER) return l->figure == HL_FIGURE_lost || l->figure == HL_FIGURE_repeated || l->figure == HL_FIGURE_gaps;
    return l->what != HL_WHAT_BEHIND && l->latency != HL_LATENCY_ACK;
}

/* ---- judging ---- */

static double value_of(const struct hl_limit *l, const struct hl_figures *f)
{
    const struct hl_hist *h = f->latencies[l->latency];
    switch (l->what) {
    case HL_WHAT_QUANTILE: return (double)hl_hist_quantile(h, l->quantile);
    case HL_WHAT_MAX: return (double)h->max;
    case HL_WHAT_MEAN: return hl_latency_mean(h);
    case HL_WHAT_BEHIND: return f->behind_ns;
    default: return f->numbers[l->figure];
    }
}

bool hl_limit_broken(const struct hl_limit *l, const struct hl_figures *f, double *value, bool *known)
{
    bool latency = l->what != HL_WHAT_NUMBER && l->what != HL_WHAT_BEHIND;
    *known = !latency || f->latencies[l->latency]->count > 0;
    *value = value_of(l, f);
    if (!*known) return true;
    if (*value == l->bound) return l->op[1] == '=';
    return l->op[0] == '>' ? *value > l->bound : *value < l->bound;
}
