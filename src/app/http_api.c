/* DESIGN  A table of paths; what is under /v1 lives in http_contact.c, http_rank.c and its like. Everything is read: nothing that a
 * client does reaches the workers, but for the lock of one stripe at a time.
 * THREADS  The server's one thread. So an answer that takes long keeps the others waiting: Redis gets half a second, as do figures that are
 * still being gathered; a history is read by a thread of its own. */
#include "hotlead/app/http_api.h"

#include <stdlib.h>
#include <string.h>

#include "hotlead/base/clock.h"
#include "hotlead/port/store.h"
#include "http_v1.h"
#include "models.h"

static void get_livez(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    char why[200];
    (void)q;
    if (hl_health_is_live(api->health, hl_clock_mono_ns(), why, sizeof(why)))
        hl_buf_printf(&r->body, "ok\n");
    else
        hl_http_not_now(r, why);
}

static void get_readyz(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    char why[200];
    (void)q;
    if (hl_health_is_ready(api->health, why, sizeof(why)))
        hl_buf_printf(&r->body, "ok\n");
    else
        hl_http_not_now(r, why);
}

/* Prometheus names OpenMetrics in Accept when it would rather have it. */
static void get_metrics(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    bool open = strstr(q->accept, "application/openmetrics-text") != NULL;
    enum hl_metrics_format format = open ? HL_METRICS_OPENMETRICS : HL_METRICS_PROMETHEUS;
    struct hl_table_stats stats;
    if (api->table) stats = hl_table_stats(api->table);
    r->content_type = hl_metrics_content_type(format);
    hl_metrics_print(api->metrics, api->table ? &stats : NULL, format, &r->body);
}

static const struct {
    const char *path;
    void (*get)(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r);
} routes[] = {
    {"/", hl_http_get_page},
    {"/livez", get_livez},
    {"/readyz", get_readyz},
    {"/metrics", get_metrics},
    {"/v1/rank", hl_http_get_rank},
    {"/v1/funnel", hl_http_get_funnel},
    {"/v1/transitions", hl_http_get_transitions},
    {"/v1/status", hl_http_get_status},
    {"/v1/model", hl_http_get_model},
    {"/v1/shadow", hl_http_get_shadow},
};

static void answer(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    if (strncmp(q->raw_path, HL_HTTP_CONTACTS, sizeof(HL_HTTP_CONTACTS) - 1) == 0) {
        hl_http_get_contact(api, q, r);
        return;
    }
    for (size_t i = 0; i < HL_ARRAY_LEN(routes); i++) {
        if (strcmp(q->path, routes[i].path) != 0) continue;
        routes[i].get(api, q, r);
        return;
    }
    hl_http_not_found(r, "known paths: /, /livez, /readyz, /metrics, /v1/contacts/{id}, /v1/contacts/{id}/explain, /v1/contacts/{id}/history, "
                         "/v1/rank, /v1/funnel, /v1/transitions, /v1/status, /v1/model, /v1/shadow");
}

void hl_http_api_handle(void *ctx, const struct hl_http_request *q, struct hl_http_response *r)
{
    struct hl_http_api *api = ctx;
    api->model = api->models ? hl_models_acquire(api->models) : NULL;
    answer(api, q, r);
    if (api->model) hl_models_release(api->models, api->model);
}

void hl_http_api_fini(struct hl_http_api *api)
{
    hl_buf_fini(&api->state);
    free(api->window);
    if (api->store) api->store->free(api->store);
    api->store = NULL;
}

void hl_http_bad_request(struct hl_http_response *r, const char *detail)
{
    hl_http_problem(r, 400, "Bad Request", detail);
}

void hl_http_not_found(struct hl_http_response *r, const char *detail)
{
    hl_http_problem(r, 404, "Not Found", detail);
}

void hl_http_not_now(struct hl_http_response *r, const char *detail)
{
    hl_http_problem(r, 503, "Service Unavailable", detail);
}

void hl_http_our_fault(struct hl_http_response *r, const char *detail)
{
    hl_http_problem(r, 500, "Internal Server Error", detail);
}
