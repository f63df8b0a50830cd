/* What the process answers over HTTP: /livez, /readyz, /metrics; /v1: contacts, their explanations and histories, the hottest, the funnel, what
 * happens, how it goes, the model; and at / the page that shows it all. */
#ifndef HOTLEAD_APP_HTTP_API_H
#define HOTLEAD_APP_HTTP_API_H

#include "hotlead/adapter/http.h"
#include "hotlead/app/config.h"
#include "hotlead/app/health.h"
#include "hotlead/app/holdings.h"
#include "hotlead/app/metrics.h"
#include "hotlead/core/table.h"

struct hl_census;
struct hl_flow;
struct hl_history;
struct hl_http_window;
struct hl_models;
struct hl_shadow;

struct hl_http_api {
    /* Borrowed; all outlive the server. */
    struct hl_metrics *metrics;
    struct hl_health *health;
    struct hl_table *table; /* NULL: none */
    const struct hl_config *config;
    struct hl_models *models; /* NULL: /v1 is not asked for (tests) */
    struct hl_shadow *shadow; /* NULL: no second model is tried */
    struct hl_holdings *holdings;
    struct hl_census *census;
    struct hl_flow *flow;
    struct hl_history *history; /* NULL: none (tests) */
    int64_t epoch;              /* of the numbers in flow; part of the ids of events */
    /* The server's thread's own; zero at first. */
    const struct hl_model *model; /* the newest, while a request is answered */
    struct hl_buf state;           /* a contact on its way out of the table */
    struct hl_store *store;        /* NULL: not opened yet */
    int64_t store_retry_ns;        /* until then Redis is not asked again */
    struct hl_error store_error;   /* why */
    struct hl_http_window *window; /* what /v1/status compares with; NULL: not yet */
};

/* An hl_http_handler; ctx is a struct hl_http_api. */
void hl_http_api_handle(void *ctx, const struct hl_http_request *q, struct hl_http_response *r);
/* After the server has ended. */
void hl_http_api_fini(struct hl_http_api *api);

#endif
