/* Private: the page and the paths under /v1. Each fills the response. */
#ifndef HL_APP_HTTP_V1_H
#define HL_APP_HTTP_V1_H

#include "census.h"
#include "flow.h"
#include "history.h"
#include "hotlead/app/http_api.h"

#define HL_HTTP_CONTACTS "/v1/contacts/"
void hl_http_get_contact(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r);
void hl_http_get_rank(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r);
void hl_http_get_funnel(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r);
void hl_http_get_transitions(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r);
void hl_http_get_status(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r);
void hl_http_get_page(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r);
void hl_http_get_model(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r);
void hl_http_get_shadow(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r);

#define HL_HTTP_GATHER_MS 500 /* how long an answer waits for figures of the census */
/* Member "source" of an object that is open: which partitions the figures are of, from where, and how old they are. */
void hl_http_put_census_source(const struct hl_census_source *s, struct hl_buf *b);

/* Problems with a sentence of their own. */
void hl_http_bad_request(struct hl_http_response *r, const char *detail);
void hl_http_not_found(struct hl_http_response *r, const char *detail);
void hl_http_not_now(struct hl_http_response *r, const char *detail);
void hl_http_our_fault(struct hl_http_response *r, const char *detail);

#endif
