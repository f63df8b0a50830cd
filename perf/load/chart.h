/* Line charts as inline SVG. Colours come from the page's style sheet (classes line-0, line-1, ...), so light and dark need no second picture. */
#ifndef HL_LOAD_CHART_H
#define HL_LOAD_CHART_H

#include "hotlead/base/buf.h"

#define HL_CHART_LINES 4

struct hl_chart_line {
    const char *name;
    const double *y; /* NAN: a gap */
    bool dashed;
};

struct hl_chart {
    const char *id, *title, *about; /* about: for those who cannot see it */
    size_t n;                       /* points of each line */
    const double *x;
    const char *const *x_ticks; /* labels, NULL-terminated, at tick_at; NULL: round numbers of seconds */
    const double *tick_at;
    bool log_y; /* of values above 0 */
    void (*y_text)(double y, char out[32]);
    const char *const *hover; /* for each point what a pointer on it shows; NULL: nothing */
    struct hl_chart_line lines[HL_CHART_LINES];
    size_t n_lines;
};

void hl_chart_put(struct hl_buf *out, const struct hl_chart *c);
/* Text of HTML and XML, attributes too. */
void hl_html_put_text(struct hl_buf *out, const char *text);

#endif
