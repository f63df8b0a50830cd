/* What the process answers over HTTP: /livez, /readyz, /metrics; anything else is 404. */
#ifndef HOTLEAD_APP_HTTP_API_H
#define HOTLEAD_APP_HTTP_API_H

#include "hotlead/adapter/http.h"
#include "hotlead/app/health.h"
#include "hotlead/app/metrics.h"
#include "hotlead/core/table.h"

/* Borrowed; all outlive the server. */
struct hl_http_api {
    struct hl_metrics *metrics;
    struct hl_health *health;
    struct hl_table *table; /* NULL: none */
};

/* An hl_http_handler; ctx is a struct hl_http_api. */
void hl_http_api_handle(void *ctx, const struct hl_http_request *q, struct hl_http_response *r);

#endif
