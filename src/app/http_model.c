/* GET /v1/model: the model that scores, as JSON or, asked for by Accept, as the page that `hotlead describe` writes. */
#include <stdlib.h>
#include <string.h>

#include "hotlead/app/describe.h"
#include "http_query.h"
#include "http_v1.h"
#include "json_text.h"
#include "models.h"
#include "words.h"

static void put_points(struct hl_buf *b, const char *key, bool has, hl_fixed v)
{
    hl_buf_printf(b, "\"%s\":", key);
    if (has)
        hl_json_put_points(b, v);
    else
        hl_json_put_raw(b, "null");
}

static void put_threshold(struct hl_buf *b, const char *stage, const struct hl_threshold *t)
{
    hl_buf_printf(b, "\"%s\":{", stage);
    put_points(b, "enter", t->has_enter, t->enter);
    hl_json_put_raw(b, ",");
    put_points(b, "exit", t->has_exit, t->exit);
    hl_json_put_raw(b, "}");
}

static void put_from(uint32_t from, struct hl_buf *b)
{
    const char *comma = "";
    hl_json_put_key(b, "from");
    hl_json_put_raw(b, "[");
    for (int s = 0; s < HL_STAGE_COUNT; s++) {
        if (!(from >> s & 1)) continue;
        hl_buf_printf(b, "%s\"%s\"", comma, hl_stage_name((enum hl_stage)s));
        comma = ",";
    }
    hl_json_put_raw(b, "]");
}

static void put_edge(const struct hl_model *m, const struct hl_edge *e, struct hl_buf *b)
{
    struct hl_buf when;
    hl_buf_init(&when);
    hl_words_edge(&(struct hl_words){&when, false}, m, e, true);
    hl_json_put_raw(b, "{");
    put_from(e->from, b);
    hl_json_put_member(b, "to", hl_slice_of(hl_stage_name(e->to)));
    hl_json_put_member(b, "kind", hl_slice_of(hl_kind_name(e->kind)));
    hl_json_put_member(b, "direction", hl_slice_of(hl_direction_name(e->direction)));
    hl_json_put_member(b, "row", hl_slice_of(e->row));
    hl_json_put_member(b, "when", hl_buf_slice(&when));
    hl_json_put_raw(b, "}");
    b->failed |= when.failed;
    hl_buf_fini(&when);
}

/* The moves that the model allows, in order of precedence, as `describe` draws them. */
static void put_edges(const struct hl_model *m, struct hl_buf *b)
{
    size_t n = hl_edges(m, NULL, 0);
    struct hl_edge *edges = calloc(n + 1, sizeof(*edges));
    if (!edges) {
        b->failed = true;
        return;
    }
    hl_edges(m, edges, n);
    hl_json_put_key(b, "edges");
    hl_json_put_raw(b, "[");
    for (size_t i = 0; i < n; i++) {
        if (i) hl_json_put_raw(b, ",");
        put_edge(m, &edges[i], b);
    }
    hl_json_put_raw(b, "]");
    free(edges);
}

static void put_json(const struct hl_model *m, const struct hl_models_news *news, struct hl_buf *b)
{
    struct hl_buf page;
    hl_buf_init(&page);
    hl_describe_markdown(m, &page);
    b->failed |= page.failed;
    hl_json_put_raw(b, "{\"model\":");
    hl_json_put_text(b, hl_slice_of(m->name));
    hl_json_put_raw(b, ",\"model_version\":");
    hl_json_put_text(b, hl_slice_of(m->version));
    hl_json_put_member_int(b, "since", news->since_ms);
    hl_json_put_member(b, "refused", hl_slice_of(news->refused[0] ? news->refused : NULL));
    hl_buf_printf(b, ",\"preset\":\"%s\",\"sal\":%s,\"thresholds\":{", m->score_driven ? "score-driven" : "sales-touch",
                  m->sal ? "true" : "false");
    put_threshold(b, "mql", &m->mql);
    hl_json_put_raw(b, ",");
    put_threshold(b, "sql", &m->sql);
    hl_json_put_raw(b, "}");
    put_edges(m, b);
    hl_json_put_raw(b, ",\"markdown\":");
    hl_json_put_text(b, hl_buf_slice(&page));
    hl_json_put_raw(b, "}\n");
    hl_buf_fini(&page);
}

void hl_http_get_model(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    struct hl_error err;
    if (!hl_http_query_read(q->query, NULL, 0, &err)) {
        hl_http_bad_request(r, err.message);
        return;
    }
    bool markdown = strstr(q->accept, "text/markdown") != NULL;
    r->content_type = markdown ? "text/markdown; charset=utf-8" : "application/json";
    if (markdown) {
        hl_describe_markdown(api->model, &r->body);
        return;
    }
    struct hl_models_news news;
    hl_models_news(api->models, &news);
    put_json(api->model, &news, &r->body);
}
