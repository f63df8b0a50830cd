#include "problem.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

/* A wall of problems helps nobody and costs time on hostile input. */
enum { MAX_SHOWN = 200, MAX_NAME = 64 };

static void blank_control_bytes(char *s)
{
    for (; *s; s++) {
        if ((unsigned char)*s < 0x20 || *s == 0x7f) *s = '?';
    }
}

static void add_line(struct hl_problems *p, const char *place, const char *level, const char *message)
{
    bool is_error = level[0] == 'e';
    if (is_error && p->errors++ == 0) hl_error_set(p->err, HL_E_CONFIG, HL_STOP, "%s: %s", place, message);
    if (!is_error) p->warnings++;
    if (!p->lines) return;
    size_t nth = is_error ? p->errors : p->warnings; /* warnings leave errors their room */
    if (nth <= MAX_SHOWN)
        hl_buf_printf(p->lines, "%s: %s: %s\n", place, level, message);
    else if (nth == MAX_SHOWN + 1)
        hl_buf_printf(p->lines, "%s: %s: more problems follow, not shown\n", p->file, level);
}

static void add(struct hl_problems *p, const struct hl_yaml_node *at, const char *level, const char *fmt, va_list ap)
{
    char place[300], message[400];
    if (at && at->line)
        snprintf(place, sizeof(place), "%.250s:%u:%u", p->file, at->line, at->column);
    else
        snprintf(place, sizeof(place), "%.250s", p->file);
    vsnprintf(message, sizeof(message), fmt, ap);
    blank_control_bytes(message);
    add_line(p, place, level, message);
}

void hl_problem_error(struct hl_problems *p, const struct hl_yaml_node *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(p, at, "error", fmt, ap);
    va_end(ap);
}

void hl_problem_warning(struct hl_problems *p, const struct hl_yaml_node *at, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    add(p, at, "warning", fmt, ap);
    va_end(ap);
}

void hl_problem_yaml(struct hl_problems *p, const struct hl_error *yaml)
{
    char place[512];
    snprintf(place, sizeof(place), "%s", yaml->message);
    blank_control_bytes(place);
    /* Behind the file's name, the first ": " ends the place. */
    size_t name = strlen(p->file);
    char *end = strlen(place) > name ? strstr(place + name, ": ") : NULL;
    if (!end) {
        add_line(p, p->file, "error", place);
        return;
    }
    *end = 0;
    add_line(p, place, "error", end + 2);
}

enum hl_status hl_problems_status(struct hl_problems *p)
{
    if (p->no_memory || (p->lines && p->lines->failed))
        return hl_error_set(p->err, HL_E_NOMEM, HL_STOP, "%s: out of memory", p->file);
    return p->errors ? HL_E_CONFIG : HL_OK;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Levenshtein, one row at a time. Both lengths at most MAX_NAME. */
static unsigned distance_of(struct hl_slice a, struct hl_slice b)
{
    unsigned row[MAX_NAME + 1];
    for (unsigned j = 0; j <= b.len; j++) row[j] = j;
    for (size_t i = 0; i < a.len; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t j = 0; j < b.len; j++) {
            unsigned best = diagonal + (lower(a.data[i]) != lower(b.data[j]));
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j + 1] + 1 < best) best = row[j + 1] + 1;
            diagonal = row[j + 1];
            row[j + 1] = best;
        }
    }
    return row[b.len];
}

void hl_nearest_init(struct hl_nearest *n, struct hl_slice wanted)
{
    *n = (struct hl_nearest){.wanted = wanted, .distance = wanted.len > 12 ? 5 : (unsigned)((wanted.len + 2) / 3 + 1)};
}

void hl_nearest_offer(struct hl_nearest *n, const char *name)
{
    struct hl_slice s = hl_slice_of(name);
    size_t apart = s.len > n->wanted.len ? s.len - n->wanted.len : n->wanted.len - s.len;
    if (s.len > MAX_NAME || n->wanted.len > MAX_NAME || apart >= n->distance) return;
    unsigned d = distance_of(n->wanted, s);
    if (d >= n->distance) return;
    n->distance = d;
    n->best = name;
}

const char *hl_nearest_hint(struct hl_nearest *n)
{
    if (n->best) snprintf(n->hint, sizeof(n->hint), ", did you mean '%.100s'?", n->best);
    return n->hint;
}
