/* DESIGN
 * Edges become links: one for each pair of stages, its label telling all the edges between them. An edge that starts in more
 * than MANY stages would draw a web of lines: it starts in a box of its own that names them. Both notations print the same
 * links. */
#include <ctype.h>
#include <stdlib.h>

#include "hotlead/app/describe.h"
#include "words.h"

enum { MANY = 4, LINE_BYTES = 24 };

struct link {
    uint32_t from; /* one stage, or more than MANY */
    enum hl_stage to;
    enum hl_direction direction;
    struct hl_buf label; /* lines end with \n */
};

struct chart {
    const struct hl_model *m;
    struct hl_edge *edges;
    size_t n_edges;
    struct link *links;
    size_t n_links;
    uint32_t stages; /* that a link touches */
};

static struct link *find_link(struct chart *k, uint32_t from, const struct hl_edge *e)
{
    for (size_t i = 0; i < k->n_links; i++)
        if (k->links[i].from == from && k->links[i].to == e->to) return &k->links[i];
    struct link *l = &k->links[k->n_links++];
    *l = (struct link){.from = from, .to = e->to, .direction = e->direction};
    hl_buf_init(&l->label);
    return l;
}

/* One more reason to take the link, in lines of about LINE_BYTES. */
static void add_label(struct chart *k, struct link *l, const struct hl_edge *e)
{
    struct hl_buf text;
    hl_buf_init(&text);
    if (l->label.len) hl_buf_printf(&text, "or ");
    hl_words_edge(&(struct hl_words){&text, false}, k->m, e, true);
    size_t column = 0;
    for (size_t i = 0; i < text.len; i++, column++) {
        bool full = text.data[i] == ' ' && column >= LINE_BYTES && text.len - i > 6;
        hl_buf_put_u8(&l->label, full ? '\n' : text.data[i]);
        if (full) column = 0;
    }
    hl_buf_put_u8(&l->label, '\n');
    hl_buf_fini(&text);
}

static void add_edge(struct chart *k, const struct hl_edge *e)
{
    uint32_t from = e->from;
    k->stages |= 1u << e->to;
    if (__builtin_popcount(from) > MANY) {
        add_label(k, find_link(k, from, e), e);
        return;
    }
    for (int s = 0; s < HL_STAGE_COUNT; s++) {
        if (!(from >> s & 1)) continue;
        k->stages |= 1u << s;
        add_label(k, find_link(k, 1u << s, e), e);
    }
}

static bool chart_init(struct chart *k, const struct hl_model *m)
{
    *k = (struct chart){.m = m, .n_edges = hl_edges(m, NULL, 0)};
    k->edges = calloc(k->n_edges + 1, sizeof(*k->edges));
    k->links = calloc((k->n_edges + 1) * MANY, sizeof(*k->links));
    if (!k->edges || !k->links) return false;
    hl_edges(m, k->edges, k->n_edges);
    for (size_t i = 0; i < k->n_edges; i++) add_edge(k, &k->edges[i]);
    return true;
}

static void chart_fini(struct chart *k)
{
    for (size_t i = 0; i < k->n_links; i++) hl_buf_fini(&k->links[i].label);
    free(k->links);
    free(k->edges);
}

/* --- what both notations say --- */

static bool is_many(const struct link *l)
{
    return __builtin_popcount(l->from) > 1;
}

static void put_title(struct hl_buf *out, enum hl_stage stage)
{
    const char *name = hl_stage_name(stage);
    bool short_name = strlen(name) == 3; /* mql, sal, sql */
    for (size_t i = 0; name[i]; i++)
        hl_buf_put_u8(out, (uint8_t)(short_name || i == 0 ? toupper((unsigned char)name[i]) : name[i]));
}

/* "any stage but Customer and Evangelist", or the names, whatever is shorter. */
static void put_many(const struct chart *k, struct hl_buf *out, uint32_t from, const char *line_end)
{
    uint32_t left_out = k->stages & ~from & ~(1u << HL_STAGE_DISQUALIFIED);
    bool but = __builtin_popcount(left_out) < __builtin_popcount(from);
    uint32_t named = but ? left_out : from;
    hl_buf_printf(out, but ? "any stage but%s" : "any of%s", line_end);
    for (int s = 0, n = 0; s < HL_STAGE_COUNT; s++) {
        if (!(named >> s & 1)) continue;
        if (n > 0) hl_buf_printf(out, ",%s", n % 3 == 0 ? line_end : " ");
        put_title(out, (enum hl_stage)s);
        n++;
    }
}

/* --- Mermaid --- */

static void put_mermaid_text(struct hl_buf *out, const struct hl_buf *text)
{
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = text->data[i];
        if (c == '\n' && i + 1 < text->len)
            hl_buf_printf(out, "<br/>");
        else if (c == '"' || c == '<' || c == '>' || c == '#' || c == '`' || c == '|')
            hl_buf_printf(out, "#%u;", c);
        else if (c != '\n')
            hl_buf_put_u8(out, c);
    }
}

static const char *color_of(enum hl_direction d)
{
    return d == HL_DIRECTION_ADVANCE   ? "#2e7d32"
           : d == HL_DIRECTION_REGRESS ? "#ef6c00"
           : d == HL_DIRECTION_RECYCLE ? "#6a1b9a"
                                       : "#b71c1c";
}

static void put_mermaid_link(const struct chart *k, struct hl_buf *out, size_t i)
{
    const struct link *l = &k->links[i];
    if (is_many(l)) {
        hl_buf_printf(out, "    many%zu[\"", i);
        put_many(k, out, l->from, "<br/>");
        hl_buf_printf(out, "\"]:::many\n    many%zu", i);
    } else {
        hl_buf_printf(out, "    %s", hl_stage_name((enum hl_stage)__builtin_ctz(l->from)));
    }
    hl_buf_printf(out, " %s|\"", l->direction == HL_DIRECTION_ADVANCE ? "-->" : "-.->");
    put_mermaid_text(out, &l->label);
    hl_buf_printf(out, "\"| %s\n", hl_stage_name(l->to));
}

/* Links are known by their numbers. */
static void put_mermaid_style(const struct chart *k, struct hl_buf *out, enum hl_direction d)
{
    size_t n = 0;
    for (size_t i = 0; i < k->n_links; i++)
        if (k->links[i].direction == d) hl_buf_printf(out, "%s%zu", n++ ? "," : "    linkStyle ", i);
    if (n) hl_buf_printf(out, " stroke:%s\n", color_of(d));
}

static void put_mermaid(const struct chart *k, struct hl_buf *out)
{
    hl_buf_printf(out, "flowchart TD\n");
    for (int s = 0; s < HL_STAGE_COUNT; s++) {
        if (!(k->stages >> s & 1)) continue;
        hl_buf_printf(out, "    %s([\"", hl_stage_name((enum hl_stage)s));
        put_title(out, (enum hl_stage)s);
        hl_buf_printf(out, "\"])%s\n", hl_stage_rank((enum hl_stage)s) < 0 ? ":::exit" : "");
    }
    for (size_t i = 0; i < k->n_links; i++) put_mermaid_link(k, out, i);
    for (int d = HL_DIRECTION_ADVANCE; d <= HL_DIRECTION_EXIT; d++) put_mermaid_style(k, out, (enum hl_direction)d);
    hl_buf_printf(out, "    classDef exit fill:#eeeeee,stroke:#9e9e9e,color:#212121\n"
                       "    classDef many fill:#ffffff,stroke:#9e9e9e,stroke-dasharray:4,color:#616161\n");
}

void hl_describe_mermaid(const struct hl_model *m, struct hl_buf *out)
{
    struct chart k;
    if (chart_init(&k, m))
        put_mermaid(&k, out);
    else
        out->failed = true;
    chart_fini(&k);
}

/* --- dot --- */

/* Each line a little away from the arrow. */
static void put_dot_text(struct hl_buf *out, const struct hl_buf *text)
{
    for (size_t i = 0; i < text->len; i++) {
        unsigned char c = text->data[i];
        if (i == 0 || text->data[i - 1] == '\n') hl_buf_printf(out, "&nbsp;");
        if (c == '\n')
            hl_buf_printf(out, "\\l"); /* left-aligned lines */
        else if (c == '"' || c == '\\')
            hl_buf_printf(out, "\\%c", c);
        else if (c == '&')
            hl_buf_printf(out, "&amp;");
        else
            hl_buf_put_u8(out, c);
    }
}

static void put_dot_link(const struct chart *k, struct hl_buf *out, size_t i)
{
    const struct link *l = &k->links[i];
    bool advance = l->direction == HL_DIRECTION_ADVANCE;
    if (is_many(l)) {
        hl_buf_printf(out, "    many%zu [label=\"", i);
        put_many(k, out, l->from, "\\n");
        hl_buf_printf(out, "\", shape=box, style=dashed, color=\"#9e9e9e\", fontcolor=\"#616161\", fontsize=11];\n    many%zu",
                      i);
    } else {
        hl_buf_printf(out, "    %s", hl_stage_name((enum hl_stage)__builtin_ctz(l->from)));
    }
    hl_buf_printf(out, " -> %s [label=\"", hl_stage_name(l->to));
    put_dot_text(out, &l->label);
    hl_buf_printf(out, "\", color=\"%s\", fontcolor=\"%s\"%s];\n", color_of(l->direction), color_of(l->direction),
                  advance ? ", weight=8" : ", style=dashed");
}

static void put_dot(const struct chart *k, struct hl_buf *out)
{
    hl_buf_printf(out, "digraph model {\n"
                       "    graph [rankdir=TB, nodesep=0.5, ranksep=0.45, fontname=\"Helvetica\", labelloc=t, label=\"");
    struct hl_buf title;
    hl_buf_init(&title);
    hl_buf_printf(&title, "%s, version %s\nsolid: forward, dashed: back or out\n", k->m->name, k->m->version);
    put_dot_text(out, &title);
    hl_buf_fini(&title);
    hl_buf_printf(
        out, "\"];\n"
             "    node [shape=box, style=\"rounded,filled\", fillcolor=\"#e3f2fd\", color=\"#1565c0\", fontname=\"Helvetica\"];\n"
             "    edge [fontname=\"Helvetica\", fontsize=11];\n");
    for (int s = 0; s < HL_STAGE_COUNT; s++) {
        if (!(k->stages >> s & 1)) continue;
        hl_buf_printf(out, "    %s [label=\"", hl_stage_name((enum hl_stage)s));
        put_title(out, (enum hl_stage)s);
        hl_buf_printf(out, "\"%s];\n", hl_stage_rank((enum hl_stage)s) < 0 ? ", fillcolor=\"#eeeeee\", color=\"#9e9e9e\"" : "");
    }
    for (size_t i = 0; i < k->n_links; i++) put_dot_link(k, out, i);
    hl_buf_printf(out, "}\n");
}

void hl_describe_dot(const struct hl_model *m, struct hl_buf *out)
{
    struct chart k;
    if (chart_init(&k, m))
        put_dot(&k, out);
    else
        out->failed = true;
    chart_fini(&k);
}
