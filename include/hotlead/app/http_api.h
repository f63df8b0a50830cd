/* What the process answers over HTTP: /livez, /readyz, /metrics, and /v1: contacts, their explanations, the hottest, the model. */
#ifndef HOTLEAD_APP_HTTP_API_H
#define HOTLEAD_APP_HTTP_API_H

#include "hotlead/adapter/http.h"
#include "hotlead/app/config.h"
#include "hotlead/app/health.h"
#include "hotlead/app/holdings.h"
#include "hotlead/app/metrics.h"
#include "hotlead/core/table.h"

struct hl_http_api {
    /* Borrowed; all outlive the server. */
    struct hl_metrics *metrics;
    struct hl_health *health;
    struct hl_table *table; /* NULL: none */
    const struct hl_config *config;
    const struct hl_model *model;
    struct hl_holdings *holdings;
    /* The server's thread's own; zero at first. */
    struct hl_buf state;                /* a contact on its way out of the table */
    struct hl_store *store;             /* NULL: not opened yet */
    int64_t store_retry_ns;             /* until then Redis is not asked again */
    struct hl_error store_error;        /* why */
    struct hl_http_ranked {             /* one for each stage, and one for all; kept for a while */
        struct hl_buf body;
        size_t limit;
        int64_t until_ns;
    } ranked[HL_STAGE_COUNT + 1];
};

/* An hl_http_handler; ctx is a struct hl_http_api. */
void hl_http_api_handle(void *ctx, const struct hl_http_request *q, struct hl_http_response *r);
/* After the server has ended. */
void hl_http_api_fini(struct hl_http_api *api);

#endif
