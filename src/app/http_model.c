/* GET /v1/model: the model that scores, as JSON or, asked for by Accept, as the page that `hotlead describe` writes. */
#include <string.h>

#include "hotlead/app/describe.h"
#include "http_query.h"
#include "http_v1.h"
#include "json_text.h"

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

static void put_json(const struct hl_model *m, struct hl_buf *b)
{
    struct hl_buf page;
    hl_buf_init(&page);
    hl_describe_markdown(m, &page);
    b->failed |= page.failed;
    hl_json_put_raw(b, "{\"model\":");
    hl_json_put_text(b, hl_slice_of(m->name));
    hl_json_put_raw(b, ",\"model_version\":");
    hl_json_put_text(b, hl_slice_of(m->version));
    hl_buf_printf(b, ",\"preset\":\"%s\",\"sal\":%s,\"thresholds\":{", m->score_driven ? "score-driven" : "sales-touch",
                  m->sal ? "true" : "false");
    put_threshold(b, "mql", &m->mql);
    hl_json_put_raw(b, ",");
    put_threshold(b, "sql", &m->sql);
    hl_json_put_raw(b, "},\"markdown\":");
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
    (markdown ? hl_describe_markdown : put_json)(api->model, &r->body);
}
