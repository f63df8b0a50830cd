#include "chart.h"

#include <math.h>
#include <stdio.h>

#define WIDTH 860.0
#define HEIGHT 280.0
#define LEFT 76.0
#define RIGHT 16.0
#define TOP 12.0
#define BOTTOM 30.0

void hl_html_put_text(struct hl_buf *out, const char *text)
{
    for (; *text; text++) {
        const char *as = *text == '<' ? "&lt;" : *text == '>' ? "&gt;" : *text == '&' ? "&amp;" : *text == '"' ? "&quot;" : NULL;
        if (as) hl_buf_put(out, as, strlen(as));
        else hl_buf_put(out, text, 1);
    }
}

struct frame {
    double x0, x1, y0, y1; /* of the values; y in the logarithm when it is one */
    bool log_y;
};

static double x_at(const struct frame *f, double x)
{
    return LEFT + (WIDTH - LEFT - RIGHT) * (f->x1 > f->x0 ? (x - f->x0) / (f->x1 - f->x0) : 0);
}

static double y_at(const struct frame *f, double y)
{
    double v = f->log_y ? log10(y) : y;
    return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (v - f->y0) / (f->y1 - f->y0);
}

/* 1, 2 or 5 times a power of ten, so that there are about `want` of them in the span. */
static double round_step(double span, double want)
{
    double raw = span / want, power = pow(10, floor(log10(raw))), m = raw / power;
    return power * (m <= 1 ? 1 : m <= 2 ? 2 : m <= 5 ? 5 : 10);
}

static struct frame frame_of(const struct hl_chart *c)
{
    double least = INFINITY, most = -INFINITY;
    for (size_t l = 0; l < c->n_lines; l++)
        for (size_t i = 0; i < c->n; i++) {
            double y = c->lines[l].y[i];
            if (isnan(y) || (c->log_y && y <= 0)) continue;
            least = fmin(least, y);
            most = fmax(most, y);
        }
    if (!isfinite(least)) least = c->log_y ? 1 : 0, most = c->log_y ? 10 : 1;
    struct frame f = {.x0 = c->x[0], .x1 = c->x[c->n - 1], .log_y = c->log_y};
    f.y0 = c->log_y ? floor(log10(least)) : 0;
    f.y1 = c->log_y ? ceil(log10(most)) : most;
    if (!c->log_y && f.y1 > 0) f.y1 = ceil(f.y1 / round_step(f.y1, 5)) * round_step(f.y1, 5);
    if (f.y1 <= f.y0) f.y1 = f.y0 + 1;
    return f;
}

static void put_y_tick(struct hl_buf *b, const struct hl_chart *c, const struct frame *f, double y)
{
    char text[32];
    c->y_text(y, text);
    hl_buf_printf(b, "<line class=\"grid\" x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>", LEFT, WIDTH - RIGHT, y_at(f, y), y_at(f, y));
    hl_buf_printf(b, "<text class=\"tick\" text-anchor=\"end\" x=\"%.0f\" y=\"%.1f\">%s</text>\n", LEFT - 8, y_at(f, y) + 4, text);
}

static void put_x_tick(struct hl_buf *b, const struct frame *f, double x, const char *text)
{
    hl_buf_printf(b, "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"%.0f\" y2=\"%.0f\"/>", x_at(f, x), x_at(f, x), TOP, HEIGHT - BOTTOM);
    hl_buf_printf(b, "<text class=\"tick\" text-anchor=\"middle\" x=\"%.1f\" y=\"%.0f\">%s</text>\n", x_at(f, x), HEIGHT - 10, text);
}

static void put_grid(struct hl_buf *b, const struct hl_chart *c, const struct frame *f)
{
    char text[32];
    double y_step = f->log_y ? 1 : round_step(f->y1, 5), x_step = round_step(fmax(f->x1 - f->x0, 1), 8);
    for (double y = f->y0; y <= f->y1 + y_step / 1e6; y += y_step) put_y_tick(b, c, f, f->log_y ? pow(10, y) : y);
    for (size_t i = 0; c->x_ticks && c->x_ticks[i]; i++)
        if (c->tick_at[i] <= f->x1) put_x_tick(b, f, c->tick_at[i], c->x_ticks[i]);
    for (double x = f->x0; !c->x_ticks && x <= f->x1 + x_step / 1e6; x += x_step) {
        snprintf(text, sizeof(text), "%.10g s", x);
        put_x_tick(b, f, x, text);
    }
}

static bool drawable(const struct frame *f, double y)
{
    return !isnan(y) && (!f->log_y || y > 0);
}

static void put_line(struct hl_buf *b, const struct hl_chart *c, const struct frame *f, size_t which)
{
    const struct hl_chart_line *l = &c->lines[which];
    bool pen = false;
    hl_buf_printf(b, "<path class=\"line line-%zu%s\" d=\"", which, l->dashed ? " dashed" : "");
    for (size_t i = 0; i < c->n; i++) {
        bool draw = drawable(f, l->y[i]);
        if (draw) hl_buf_printf(b, "%c%.1f %.1f", pen ? 'L' : 'M', x_at(f, c->x[i]), y_at(f, l->y[i]));
        pen = draw;
    }
    hl_buf_printf(b, "\"/>\n");
    for (size_t i = 0; i < c->n; i++) { /* a point without neighbours would not be seen */
        bool alone = (i == 0 || !drawable(f, l->y[i - 1])) && (i + 1 == c->n || !drawable(f, l->y[i + 1]));
        if (alone && drawable(f, l->y[i])) hl_buf_printf(b, "<circle class=\"dot dot-%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"3\"/>\n", which, x_at(f, c->x[i]), y_at(f, l->y[i]));
    }
}

static void put_hover(struct hl_buf *b, const struct hl_chart *c, const struct frame *f)
{
    for (size_t i = 0; i < c->n && c->hover; i++) {
        double at = x_at(f, c->x[i]), left = i ? (at + x_at(f, c->x[i - 1])) / 2 : LEFT;
        double right = i + 1 < c->n ? (at + x_at(f, c->x[i + 1])) / 2 : WIDTH - RIGHT;
        hl_buf_printf(b, "<rect class=\"hover\" x=\"%.1f\" y=\"%.0f\" width=\"%.1f\" height=\"%.0f\"><title>", left, TOP, fmax(right - left, 0.5),
                      HEIGHT - TOP - BOTTOM);
        hl_html_put_text(b, c->hover[i]);
        hl_buf_printf(b, "</title></rect>\n");
    }
}

void hl_chart_put(struct hl_buf *out, const struct hl_chart *c)
{
    struct frame f = frame_of(c);
    hl_buf_printf(out, "<figure>\n<figcaption><strong>%s</strong><span class=\"legend\">", c->title);
    for (size_t i = 0; i < c->n_lines; i++) hl_buf_printf(out, "<span class=\"key key-%zu%s\">%s</span>", i, c->lines[i].dashed ? " dashed" : "", c->lines[i].name);
    hl_buf_printf(out, "</span></figcaption>\n<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-labelledby=\"%s-about\">\n<desc id=\"%s-about\">", WIDTH, HEIGHT,
                  c->id, c->id);
    hl_html_put_text(out, c->about);
    hl_buf_printf(out, "</desc>\n");
    put_grid(out, c, &f);
    for (size_t i = 0; i < c->n_lines; i++) put_line(out, c, &f, i);
    put_hover(out, c, &f);
    hl_buf_printf(out, "</svg>\n</figure>\n");
}
