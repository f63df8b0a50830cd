#include "hotlead/app/http_api.h"

#include <string.h>

#include "hotlead/base/clock.h"

static void get_livez(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    char why[128];
    (void)q;
    if (hl_health_is_live(api->health, hl_clock_mono_ns(), why, sizeof(why)))
        hl_buf_printf(&r->body, "ok\n");
    else
        hl_http_problem(r, 503, "Service Unavailable", why);
}

static void get_readyz(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    char why[128];
    (void)q;
    if (hl_health_is_ready(api->health, why, sizeof(why)))
        hl_buf_printf(&r->body, "ok\n");
    else
        hl_http_problem(r, 503, "Service Unavailable", why);
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
    {"/livez", get_livez},
    {"/readyz", get_readyz},
    {"/metrics", get_metrics},
};

void hl_http_api_handle(void *ctx, const struct hl_http_request *q, struct hl_http_response *r)
{
    for (size_t i = 0; i < HL_ARRAY_LEN(routes); i++) {
        if (strcmp(q->path, routes[i].path) != 0) continue;
        routes[i].get(ctx, q, r);
        return;
    }
    hl_http_problem(r, 404, "Not Found", "known paths: /livez, /readyz, /metrics");
}
