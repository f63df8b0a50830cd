/* GET /v1/funnel: how many contacts are in each stage, how many went on, and how long it took them; of all partitions. */
#include "hotlead/base/clock.h"
#include "http_query.h"
#include "http_v1.h"
#include "json_text.h"

#include <stdlib.h>

static void put_json(const struct hl_http_api *api, const struct hl_funnel *f, const uint64_t now[HL_STAGE_COUNT],
                     const struct hl_census_source *source, struct hl_buf *b)
{
    uint64_t contacts = 0;
    for (int s = 0; s < HL_STAGE_COUNT; s++) contacts += now[s];
    hl_json_put_raw(b, "{");
    hl_json_put_member(b, "model", hl_slice_of(api->model->name));
    hl_json_put_member(b, "model_version", hl_slice_of(api->model->version));
    hl_json_put_member_int(b, "as_of", hl_clock_wall_ms());
    hl_json_put_key(b, "since");
    if (f->since)
        hl_json_put_int(b, f->since);
    else
        hl_json_put_raw(b, "null");
    hl_json_put_member_int(b, "contacts", (int64_t)contacts);
    hl_funnel_put_json(f, now, api->model->sal, false, b);
    hl_http_put_census_source(source, b);
    hl_json_put_raw(b, "}\n");
}

void hl_http_get_funnel(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    struct hl_error err;
    struct hl_census_source source = {0};
    uint64_t now[HL_STAGE_COUNT] = {0};
    if (!hl_http_query_read(q->query, NULL, 0, &err)) {
        hl_http_bad_request(r, err.message);
        return;
    }
    struct hl_funnel *f = calloc(1, sizeof(*f));
    enum hl_status status = f ? hl_census_source_init(&source, api->census) : HL_E_NOMEM;
    if (!status) status = hl_census_funnel(api->census, HL_HTTP_GATHER_MS, f, now, &source);
    r->content_type = "application/json";
    if (!status)
        put_json(api, f, now, &source, &r->body);
    else if (status == HL_E_PENDING)
        hl_http_not_now(r, "the contacts are still being looked through; try again");
    else
        hl_http_our_fault(r, "out of memory");
    hl_census_source_fini(&source);
    free(f);
}
