#include "sim_report.h"

#include <errno.h>
#include <inttypes.h>

#include "compare.h"
#include "hotlead/base/iso8601.h"
#include "json_text.h"
#include "sim_json.h"

static const struct hl_model *model_of(const struct hl_sim *sim, unsigned side)
{
    return sim->shards[0].sides[side].m;
}

static struct hl_sim_counts sum_counts(const struct hl_sim *sim)
{
    struct hl_sim_counts sum = {.unknown = 0};
    for (unsigned i = 0; i < sim->n_shards; i++) {
        const struct hl_sim_counts *c = &sim->shards[i].sides[0].counts;
        sum.unknown += c->unknown;
        for (unsigned r = 0; r < HL_RESULT_COUNT; r++) sum.results[r] += c->results[r];
        for (unsigned k = 0; k < HL_MAX_SLA * HL_ALERT_COUNT; k++)
            sum.alerts[k / HL_ALERT_COUNT][k % HL_ALERT_COUNT] += c->alerts[k / HL_ALERT_COUNT][k % HL_ALERT_COUNT];
        for (unsigned k = 0; k < HL_STAGE_COUNT * HL_STAGE_COUNT; k++)
            sum.moves[k / HL_STAGE_COUNT][k % HL_STAGE_COUNT] += c->moves[k / HL_STAGE_COUNT][k % HL_STAGE_COUNT];
    }
    return sum;
}

static void count_stages(const struct hl_sim_contact *contacts, size_t n, bool other, uint64_t stages[HL_STAGE_COUNT])
{
    memset(stages, 0, HL_STAGE_COUNT * sizeof(*stages));
    for (size_t i = 0; i < n; i++) stages[other ? contacts[i].other->stage : contacts[i].c->stage]++;
}

#define UNKNOWN_TOLD 10

void hl_sim_report_unknown(FILE *to, const char *label, struct hl_sim *sim)
{
    struct hl_buf b;
    if (sim->unknown.n == 0) return;
    hl_buf_init(&b);
    hl_unknown_put(&sim->unknown, UNKNOWN_TOLD, &b);
    hl_buf_printf(&b, " (ignored; an alias in a mapping says which known type one is)");
    fprintf(to, "%s%.*s\n", label, HL_SLICE_ARG(hl_buf_slice(&b)));
    hl_buf_fini(&b);
}

static void print_head(FILE *to, struct hl_sim *sim, const struct hl_sim_counts *counts, size_t n)
{
    char from[HL_ISO8601_SIZE], end[HL_ISO8601_SIZE];
    const struct hl_model *m = model_of(sim, 0);
    fprintf(to, "model     %s, version %s\n", m->name, m->version);
    fprintf(to, "events    %" PRIu64 ": ", sim->n_events);
    for (unsigned r = 0; r < HL_RESULT_COUNT; r++)
        fprintf(to, "%" PRIu64 " %s, ", counts->results[r], hl_result_name((enum hl_result)r));
    fprintf(to, "%" PRIu64 " of unknown type; %" PRIu64 " could not be read\n", counts->unknown, sim->n_bad);
    hl_sim_report_unknown(to, "unknown   ", sim);
    if (sim->stream != HL_NO_TIME)
        fprintf(to, "time      %s to %s\n", hl_iso8601_format(sim->from, from), hl_iso8601_format(sim->stream, end));
    fprintf(to, "contacts  %zu\n", n);
}

static void print_stages(FILE *to, const uint64_t stages[HL_STAGE_COUNT], size_t n)
{
    fprintf(to, "\n%-14s %12s %8s\n", "stage", "contacts", "share");
    for (unsigned s = 0; s < HL_STAGE_COUNT; s++)
        fprintf(to, "%-14s %12" PRIu64 " %7.1f%%\n", hl_stage_name((enum hl_stage)s), stages[s],
                n ? 100.0 * (double)stages[s] / (double)n : 0.0);
}

/* Rows and columns of stages that nobody left, or entered, are left out. */
static void print_moves(FILE *to, const struct hl_sim_counts *c)
{
    bool left[HL_STAGE_COUNT] = {false}, entered[HL_STAGE_COUNT] = {false};
    for (unsigned k = 0; k < HL_STAGE_COUNT * HL_STAGE_COUNT; k++)
        if (c->moves[k / HL_STAGE_COUNT][k % HL_STAGE_COUNT]) left[k / HL_STAGE_COUNT] = entered[k % HL_STAGE_COUNT] = true;
    if (!memchr(left, true, sizeof(left))) return;
    fprintf(to, "\nfrom / to     ");
    for (unsigned s = 0; s < HL_STAGE_COUNT; s++)
        if (entered[s]) fprintf(to, " %12s", hl_stage_name((enum hl_stage)s));
    for (unsigned f = 0; f < HL_STAGE_COUNT; f++) {
        if (!left[f]) continue;
        fprintf(to, "\n%-14s", hl_stage_name((enum hl_stage)f));
        for (unsigned t = 0; t < HL_STAGE_COUNT; t++) {
            if (entered[t] && c->moves[f][t]) fprintf(to, " %12" PRIu64, c->moves[f][t]);
            if (entered[t] && !c->moves[f][t]) fprintf(to, " %12s", ".");
        }
    }
    fputc('\n', to);
}

static void print_deadlines(FILE *to, const struct hl_model *m, const struct hl_sim_counts *c)
{
    if (m->n_sla) fprintf(to, "\n%-14s %12s %12s %12s %12s\n", "deadline", "started", "met", "breached", "met share");
    for (size_t i = 0; i < m->n_sla; i++) {
        const uint64_t *n = c->alerts[i];
        uint64_t ended = n[HL_ALERT_MET] + n[HL_ALERT_BREACHED];
        fprintf(to, "%-14s %12" PRIu64 " %12" PRIu64 " %12" PRIu64 " %11.1f%%\n", m->sla[i].name, n[HL_ALERT_DUE], n[HL_ALERT_MET],
                n[HL_ALERT_BREACHED], ended ? 100.0 * (double)n[HL_ALERT_MET] / (double)ended : 0.0);
    }
}

void hl_sim_report_summary(FILE *to, struct hl_sim *sim, const struct hl_sim_contact *contacts, size_t n)
{
    struct hl_sim_counts counts = sum_counts(sim);
    uint64_t stages[HL_STAGE_COUNT];
    count_stages(contacts, n, false, stages);
    print_head(to, sim, &counts, n);
    print_stages(to, stages, n);
    print_moves(to, &counts);
    print_deadlines(to, model_of(sim, 0), &counts);
}

/* ---- two models ---- */

/* Became an MQL under exactly one of them. */
static bool differs(const struct hl_sim_contact *c)
{
    return (c->memo->first_mql_at == HL_NO_TIME) != (c->other_memo->first_mql_at == HL_NO_TIME);
}

static int64_t first_mql_at(const struct hl_sim_contact *c)
{
    return c->memo->first_mql_at != HL_NO_TIME ? c->memo->first_mql_at : c->other_memo->first_mql_at;
}

/* What the two models come to, over all contacts. */
struct comparison {
    size_t other_stage, one_only[2], buyers;
    size_t mqls[2], bought[2]; /* MQLs; of them those that bought at the same time or later */
    enum hl_event_type is_bought;
};

static void compare_side(struct comparison *k, unsigned side, const struct hl_sim_memo *memo, int64_t bought_at)
{
    if (memo->first_mql_at == HL_NO_TIME) return;
    k->mqls[side]++;
    k->bought[side] += bought_at != HL_NO_TIME && bought_at >= memo->first_mql_at;
}

/* A purchase counts under both where one model has the contact disqualified by then. */
static int64_t bought_at(const struct hl_sim_contact *c)
{
    return c->memo->bought_at != HL_NO_TIME ? c->memo->bought_at : c->other_memo->bought_at;
}

static struct comparison compare_sides(const struct hl_sim *sim, const struct hl_sim_contact *contacts, size_t n)
{
    struct comparison k = {.is_bought = sim->shards[0].bought};
    for (size_t i = 0; i < n; i++) {
        const struct hl_sim_contact *c = &contacts[i];
        k.other_stage += c->c->stage != c->other->stage;
        if (differs(c)) k.one_only[c->memo->first_mql_at == HL_NO_TIME]++;
        k.buyers += bought_at(c) != HL_NO_TIME;
        compare_side(&k, 0, c->memo, bought_at(c));
        compare_side(&k, 1, c->other_memo, bought_at(c));
    }
    return k;
}

static double share(size_t part, size_t whole)
{
    return whole ? (double)part / (double)whole : 0;
}

static void print_comparison(FILE *to, const struct comparison *k, size_t n)
{
    size_t one_only = k->one_only[0] + k->one_only[1];
    fprintf(to, "\n%zu of %zu contacts (%.1f%%) end in another stage; %zu (%.1f%%) become an MQL under one model only: %zu under A, %zu under B\n", k->other_stage, n,
            100 * share(k->other_stage, n), one_only, 100 * share(one_only, n), k->one_only[0], k->one_only[1]);
    fprintf(to, "\n%-30s %12s %12s\n%-30s %12zu %12zu\n%-30s %12zu %12zu\n", "MQLs and purchases", "A", "B", "contacts that became an MQL", k->mqls[0], k->mqls[1],
            "of them bought then or later", k->bought[0], k->bought[1]);
    fprintf(to, "%-30s %11.1f%% %11.1f%%\n%-30s %11.1f%% %11.1f%%\n", "share of MQLs that bought", 100 * share(k->bought[0], k->mqls[0]),
            100 * share(k->bought[1], k->mqls[1]), "share of buyers found", 100 * share(k->bought[0], k->buyers), 100 * share(k->bought[1], k->buyers));
    fprintf(to, "A purchase is the first %s; %zu contacts bought.\n", hl_event_type_name(k->is_bought), k->buyers);
}

static void print_differences(FILE *to, const struct comparison *k, const struct hl_sim_contact *contacts, size_t n, size_t most)
{
    char at[HL_ISO8601_SIZE];
    size_t all = k->one_only[0] + k->one_only[1], told = 0;
    fputs("\nMQL under one model only", to);
    if (all > most) fprintf(to, ", the first %zu of %zu (--first)", most, all);
    fputc('\n', to);
    for (size_t i = 0; i < n && told < most; i++) {
        const struct hl_sim_contact *c = &contacts[i];
        if (!differs(c)) continue;
        told++;
        fprintf(to, "  %c  %s  %.*s%s\n", c->memo->first_mql_at != HL_NO_TIME ? 'A' : 'B', hl_iso8601_format(first_mql_at(c), at), HL_SLICE_ARG(hl_contact_id(c->c)),
                bought_at(c) != HL_NO_TIME ? ", bought" : "");
    }
}

static void print_against(FILE *to, const struct hl_sim *sim, const struct hl_sim_contact *contacts, size_t n, size_t most)
{
    uint64_t stages[2][HL_STAGE_COUNT];
    const struct hl_model *m[2] = {model_of(sim, 0), model_of(sim, 1)};
    struct comparison compared = compare_sides(sim, contacts, n);
    for (unsigned k = 0; k < 2; k++) {
        count_stages(contacts, n, k, stages[k]);
        fprintf(to, "%smodel %c is %s, version %s\n", k ? "" : "\n", "AB"[k], m[k]->name, m[k]->version);
    }
    fprintf(to, "\n%-14s %12s %12s %12s\n", "stage", "A", "B", "change");
    for (unsigned s = 0; s < HL_STAGE_COUNT; s++)
        fprintf(to, "%-14s %12" PRIu64 " %12" PRIu64 " %+12" PRId64 "\n", hl_stage_name((enum hl_stage)s), stages[0][s],
                stages[1][s], (int64_t)(stages[1][s] - stages[0][s]));
    print_comparison(to, &compared, n);
    print_differences(to, &compared, contacts, n, most);
}

static void put_model(struct hl_buf *b, const char *key, const struct hl_model *m)
{
    hl_buf_printf(b, "\"%s\":{\"model\":", key);
    hl_json_put_text(b, hl_slice_of(m->name));
    hl_json_put_raw(b, ",\"version\":");
    hl_json_put_text(b, hl_slice_of(m->version));
    hl_json_put_raw(b, "},");
}

static void put_stages(struct hl_buf *b, const struct hl_sim_contact *contacts, size_t n)
{
    uint64_t one[HL_STAGE_COUNT], other[HL_STAGE_COUNT];
    count_stages(contacts, n, false, one);
    count_stages(contacts, n, true, other);
    hl_compare_put_stages(b, one, other, "a", "b");
    hl_json_put_raw(b, ",");
}

static void put_side(struct hl_buf *b, const struct comparison *k, unsigned side)
{
    hl_buf_printf(b, "\"%c\":{\"mqls\":%zu,\"bought\":%zu,\"precision\":%.6g,\"recall\":%.6g}", "ab"[side], k->mqls[side], k->bought[side],
                  share(k->bought[side], k->mqls[side]), share(k->bought[side], k->buyers));
}

static void put_comparison(struct hl_buf *b, const struct comparison *k, size_t n)
{
    hl_buf_printf(b, "\"contacts\":%zu,\"differ\":{\"stage\":%zu,\"mql_under_a_only\":%zu,\"mql_under_b_only\":%zu},", n, k->other_stage, k->one_only[0],
                  k->one_only[1]);
    hl_buf_printf(b, "\"mql_to_customer\":{\"bought_is\":\"%s\",\"buyers\":%zu,", hl_event_type_name(k->is_bought), k->buyers);
    put_side(b, k, 0);
    hl_buf_put_u8(b, ',');
    put_side(b, k, 1);
    hl_json_put_raw(b, "},");
}

static void put_differences(struct hl_buf *b, const struct hl_sim_contact *contacts, size_t n, size_t most)
{
    size_t told = 0;
    hl_json_put_raw(b, "\"mql_under_one_only\":[");
    for (size_t i = 0; i < n && told < most; i++) {
        if (!differs(&contacts[i])) continue;
        hl_json_put_raw(b, told++ ? ",{\"contact_id\":" : "{\"contact_id\":");
        hl_json_put_text(b, hl_contact_id(contacts[i].c));
        hl_buf_printf(b, ",\"under\":\"%c\",\"at\":%" PRId64 "}", contacts[i].memo->first_mql_at != HL_NO_TIME ? 'a' : 'b',
                      first_mql_at(&contacts[i]));
    }
    hl_json_put_raw(b, "]}\n");
}

void hl_sim_report_against(FILE *to, const struct hl_sim *sim, const struct hl_sim_contact *contacts, size_t n, size_t most, bool json)
{
    if (!json) {
        print_against(to, sim, contacts, n, most);
        return;
    }
    struct comparison compared = compare_sides(sim, contacts, n);
    struct hl_buf b;
    hl_buf_init(&b);
    hl_buf_put_u8(&b, '{');
    put_model(&b, "a", model_of(sim, 0));
    put_model(&b, "b", model_of(sim, 1));
    put_stages(&b, contacts, n);
    put_comparison(&b, &compared, n);
    put_differences(&b, contacts, n, most);
    fwrite(b.data, 1, b.len, to);
    hl_buf_fini(&b);
}

/* ---- states ---- */

enum hl_status hl_sim_write_states(const char *path, const struct hl_sim *sim, const struct hl_sim_contact *contacts, size_t n,
                                   struct hl_error *err)
{
    FILE *f = fopen(path, "we");
    if (!f) return hl_error_set(err, HL_E_IO, HL_STOP, "%s: %s", path, strerror(errno));
    struct hl_buf b;
    hl_buf_init(&b);
    bool ok = true;
    for (size_t i = 0; ok && i < n; i++) {
        hl_buf_clear(&b);
        hl_sim_put_state(&b, contacts[i].c, model_of(sim, 0), sim->stream);
        ok = !b.failed && fwrite(b.data, 1, b.len, f) == b.len;
    }
    hl_buf_fini(&b);
    if (fclose(f) != 0 || !ok) return hl_error_set(err, HL_E_IO, HL_STOP, "%s: cannot be written", path);
    return HL_OK;
}
