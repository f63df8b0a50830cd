/* Private: the paths under /v1. Each fills the response. */
#ifndef HL_APP_HTTP_V1_H
#define HL_APP_HTTP_V1_H

#include "hotlead/app/http_api.h"

#define HL_HTTP_CONTACTS "/v1/contacts/"
void hl_http_get_contact(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r);
void hl_http_get_rank(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r);
void hl_http_get_model(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r);

/* Problems with a sentence of their own. */
void hl_http_bad_request(struct hl_http_response *r, const char *detail);
void hl_http_not_found(struct hl_http_response *r, const char *detail);
void hl_http_not_now(struct hl_http_response *r, const char *detail);
void hl_http_our_fault(struct hl_http_response *r, const char *detail);

#endif
