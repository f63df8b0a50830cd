#include "demo_view.h"

#include <inttypes.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "demo_report.h"
#include "hotlead/base/iso8601.h"

#define NARROW 100                          /* columns: below that the company and the seconds are left out */
#define MOVE_COLUMNS 26                     /* "subscriber -> disqualified" */
#define TICKS_SAVED 3                       /* lines that a few quiet ticks leave to a loud one */
#define STATUS_EVERY_NS INT64_C(5000000000) /* where there is no terminal */
#define RATE_EVERY_NS INT64_C(1000000000)

#define DIM "\033[2m"
#define BOLD "\033[1m"
#define PLAIN "\033[0m"
#define ERASE_LINE "\r\033[K"

void hl_demo_view_init(struct hl_demo_view *v, FILE *out, const struct hl_demo_day *day)
{
    const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
    *v = (struct hl_demo_view){.out = out, .day = day};
    v->terminal = isatty(fileno(out)) && !(term && strcmp(term, "dumb") == 0);
    v->colour = v->terminal && !(no_color && *no_color);
}

static size_t width_of(const struct hl_demo_view *v)
{
    struct winsize w;
    if (!v->terminal) return 1000;
    if (ioctl(fileno(v->out), TIOCGWINSZ, &w) == 0 && w.ws_col >= 20) return w.ws_col;
    return 80;
}

static void clear_status(struct hl_demo_view *v)
{
    if (v->status_shown) fputs(ERASE_LINE, v->out);
    v->status_shown = false;
}

/* --- a transition in words --- */

static const char *stage_colour(enum hl_stage s)
{
    switch (s) {
    case HL_STAGE_MQL: return "\033[33m";
    case HL_STAGE_SAL:
    case HL_STAGE_SQL: return "\033[36m";
    case HL_STAGE_OPPORTUNITY: return "\033[35m";
    case HL_STAGE_CUSTOMER:
    case HL_STAGE_EVANGELIST: return "\033[1;32m";
    case HL_STAGE_UNQUALIFIED:
    case HL_STAGE_DISQUALIFIED: return "\033[31m";
    default: return "";
    }
}

static const char *sales_words(enum hl_stage to)
{
    switch (to) {
    case HL_STAGE_SAL: return "sales accepted";
    case HL_STAGE_SQL: return "sales talked to them";
    case HL_STAGE_OPPORTUNITY: return "opportunity opened";
    case HL_STAGE_CUSTOMER: return "deal won";
    case HL_STAGE_EVANGELIST: return "recommends us";
    case HL_STAGE_UNQUALIFIED: return "not now, says sales";
    case HL_STAGE_DISQUALIFIED: return "ruled out by sales";
    default: return "sales";
    }
}

static const char *cause_words(const struct hl_demo_move *m)
{
    switch (m->cause) {
    case HL_CAUSE_OPT_IN: return "opted in";
    case HL_CAUSE_HAND_RAISE: return "raised a hand";
    case HL_CAUSE_SCORE: return m->from < m->to ? "hot enough" : "cooled down";
    case HL_CAUSE_FIT: return m->to == HL_STAGE_LEAD ? "fits" : "does not fit";
    case HL_CAUSE_SALES: return sales_words(m->to);
    case HL_CAUSE_DECAY: return "interest faded";
    case HL_CAUSE_VOID: return "an event was taken back";
    default: return hl_cause_name(m->cause);
    }
}

/* Why, and behind it the rules that weigh most where the score is what matters. */
static void put_why(const struct hl_demo_move *m, struct hl_buf *out)
{
    hl_buf_printf(out, "%s", cause_words(m));
    if (m->rule) hl_buf_printf(out, " (%s)", m->rule);
    if (m->to != HL_STAGE_MQL) return;
    for (unsigned i = 0; i < m->n_reasons; i++)
        hl_buf_printf(out, "%s %s %+.0f", i ? "," : ":", m->reasons[i].rule, m->reasons[i].points);
}

static void put_time(int64_t ms, char buf[12])
{
    char text[HL_ISO8601_SIZE];
    snprintf(buf, 12, "%.8s", hl_iso8601_format(ms, text) + 11);
}

struct line {
    const struct hl_demo_view *v;
    size_t left; /* columns */
};

/* One column of a line: cut and padded; every text of the demo is ASCII. */
static void put_cell(struct line *l, const char *colour, const char *text, size_t columns)
{
    size_t n = strlen(text), take = n < columns ? n : columns, pad = columns - take;
    if (take > l->left) take = l->left;
    l->left -= take;
    if (pad > l->left) pad = l->left;
    l->left -= pad;
    const char *on = l->v->colour ? colour : "";
    fprintf(l->v->out, "%s%.*s%s%*s", on, (int)take, text, *on ? PLAIN : "", (int)pad, "");
}

static void print_move(const struct hl_demo_view *v, const struct hl_demo_move *m)
{
    char time[12], who[80], from[32], to[32], score[32];
    size_t width = width_of(v), name = width < NARROW ? 18 : width < 130 ? 32 : 38;
    const char *kind = m->to == HL_STAGE_MQL ? hl_kind_name(m->kind) : NULL;
    struct hl_buf why;
    hl_buf_init(&why);
    put_why(m, &why);
    hl_buf_put_u8(&why, '\0');
    put_time(m->occurred_at, time);
    hl_demo_day_who(v->day, m->contact, who, sizeof(who));
    if (width < NARROW) who[strcspn(who, ",")] = '\0';
    snprintf(to, sizeof(to), kind ? "%s (%s)" : "%s", hl_stage_name(m->to), kind);
    snprintf(score, sizeof(score), "%5.1f %c", m->score, m->grade);
    struct line l = {v, width - 1};
    put_cell(&l, DIM, time, width < NARROW ? 5 : 8);
    put_cell(&l, "", "", 1);
    put_cell(&l, "", who, name);
    put_cell(&l, "", "", 1);
    snprintf(from, sizeof(from), "%s -> ", hl_stage_name(m->from));
    put_cell(&l, DIM, from, strlen(from));
    put_cell(&l, stage_colour(m->to), to, strlen(from) < MOVE_COLUMNS ? MOVE_COLUMNS - strlen(from) : 0);
    put_cell(&l, "", score, 7);
    put_cell(&l, "", "", 2);
    if (!why.failed) put_cell(&l, "", (const char *)why.data, why.len < l.left ? why.len - 1 : l.left);
    fputc('\n', v->out);
    hl_buf_fini(&why);
}

/* What a watcher wants to see first: deals, then what matters to sales, then the rest; among equals, what was not seen for
 * longest. */
static uint64_t weight(const struct hl_demo_view *v, const struct hl_demo_move *m)
{
    uint64_t age = v->tick - v->shown_at[m->to];
    int rank = hl_stage_rank(m->to);
    bool sales = rank >= hl_stage_rank(HL_STAGE_MQL) || (rank < 0 && m->cause == HL_CAUSE_SALES);
    return age + (rank >= hl_stage_rank(HL_STAGE_CUSTOMER) ? UINT64_C(2) << 40 : sales ? UINT64_C(1) << 40 : 0);
}

/* Mark the weightiest move that is not chosen yet. */
static void choose(struct hl_demo_view *v, const struct hl_demo_move *moves, size_t n, bool *chosen)
{
    size_t best = n;
    for (size_t i = 0; i < n; i++)
        if (!chosen[i] && (best == n || weight(v, &moves[i]) > weight(v, &moves[best]))) best = i;
    chosen[best] = true;
    v->shown_at[moves[best].to] = v->tick;
}

void hl_demo_view_moves(struct hl_demo_view *v, const struct hl_demo_move *moves, size_t n)
{
    bool chosen[HL_DEMO_VIEW_MOVES] = {false};
    size_t shown = 0;
    if (n) clear_status(v);
    if (v->terminal) {
        v->tick++;
        if (v->budget < TICKS_SAVED) v->budget++;
        for (; v->budget && shown < n; v->budget--, shown++) choose(v, moves, n, chosen);
        v->left_out += n - shown;
    }
    for (size_t i = 0; i < n; i++)
        if (chosen[i] || !v->terminal) print_move(v, &moves[i]); /* in the order in which they happened */
}

/* --- the status line --- */

static void read_rate(struct hl_demo_view *v, uint64_t events, int64_t now_ns)
{
    int64_t passed = now_ns - v->rate_ns;
    if (v->rate_ns && passed < RATE_EVERY_NS) return;
    if (v->rate_ns) v->events_per_s = (uint64_t)((double)(events - v->rate_events) * 1e9 / (double)passed);
    v->rate_ns = now_ns;
    v->rate_events = events;
}

static void put_status(const struct hl_demo_view *v, const struct hl_demo_status *s, size_t width, struct hl_buf *out)
{
    char time[12], n[6][32];
    const struct hl_metrics_totals *t = s->totals;
    if (t->consumed == 0) {
        hl_buf_printf(out, "starting: the scorer waits for its partitions");
        return;
    }
    put_time(s->clock, time);
    hl_buf_printf(out, "%.5s %s events %s/s | %s moves", time, hl_demo_count(t->consumed, n[0]),
                  hl_demo_count(v->events_per_s, n[1]), hl_demo_count(t->transitions_sum, n[2]));
    if (v->left_out + s->lost) hl_buf_printf(out, " (%s not shown)", hl_demo_count(v->left_out + s->lost, n[3]));
    if (width >= NARROW) hl_buf_printf(out, " | %s contacts", hl_demo_count(s->contacts, n[4]));
    hl_buf_printf(out, " | %s dead letters", hl_demo_count(t->results[HL_TALLY_DEAD_LETTER], n[5]));
    hl_buf_printf(out, " | p50 %.0f p99 %.0f ms", (double)t->latency_p50_ns / 1e6, (double)t->latency_p99_ns / 1e6);
    hl_buf_printf(out, " | redis %s | Ctrl-C ends", s->redis_up ? "up" : "down");
}

void hl_demo_view_status(struct hl_demo_view *v, const struct hl_demo_status *s, int64_t now_ns)
{
    read_rate(v, s->totals->consumed, now_ns);
    if (!v->terminal && now_ns < v->status_due_ns) return;
    bool first = v->status_due_ns == 0;
    v->status_due_ns = now_ns + STATUS_EVERY_NS;
    if (!v->terminal && first) return;
    struct hl_buf text;
    hl_buf_init(&text);
    size_t width = width_of(v) - 1;
    put_status(v, s, width, &text);
    int len = (int)(text.len < width ? text.len : width);
    if (v->terminal)
        fprintf(v->out, ERASE_LINE "%s%.*s%s", v->colour ? BOLD : "", len, (const char *)text.data, v->colour ? PLAIN : "");
    else
        fprintf(v->out, "%.*s\n", len, (const char *)text.data);
    fflush(v->out);
    v->status_shown = v->terminal;
    hl_buf_fini(&text);
}

void hl_demo_view_note(struct hl_demo_view *v, const char *text)
{
    if (!v->terminal) return;
    fprintf(v->out, ERASE_LINE "%s", text);
    fflush(v->out);
    v->status_shown = true;
}

void hl_demo_view_end(struct hl_demo_view *v)
{
    clear_status(v);
    fflush(v->out);
}
