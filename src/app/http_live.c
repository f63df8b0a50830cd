/* GET /v1/transitions: what has just been committed, as server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html).
 *
 * A window to look through, of the partitions that this process holds: an event for each transition, at most MOST_AT_ONCE every HL_HTTP_ASK_MS. What is
 * passed over is told by an event `missed` with the number. Who needs every transition of every partition reads lead.transitions.
 * The id of an event is the epoch of the process and the number of the transition in it: who comes back with Last-Event-ID goes on where it was, as far as
 * the flow's ring reaches back; a `missed` of null says that another process, or life, answers now. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hotlead/adapter/avro.h"
#include "hotlead/base/clock.h"
#include "http_query.h"
#include "http_v1.h"
#include "json_text.h"
#include "view_json.h"

#define MOST_AT_ONCE 100
#define MOST_RECENT 256
#define ALIVE_NS INT64_C(15000000000)
#define RETRY_MS 2000

struct live {
    struct hl_flow *flow;
    int64_t epoch;
    uint64_t next;
    int64_t told_ns;
    struct hl_buf entries;
};

static void put_missed(struct hl_buf *out, const char *number)
{
    hl_buf_printf(out, "event: missed\ndata: {\"missed\":%s}\n\n", number);
}

static void put_entry(const struct live *l, struct hl_reader *r, struct hl_buf *out)
{
    struct hl_transition_view v;
    uint64_t number = hl_reader_varint(r);
    hl_reader_varint(r); /* the partition */
    struct hl_slice value = hl_reader_bytes(r);
    if (r->failed || hl_avro_get_transition(value, &v) != HL_OK) return;
    hl_buf_printf(out, "id: %" PRIx64 "-%" PRIu64 "\nevent: transition\ndata: ", (uint64_t)l->epoch, number);
    hl_view_put_json(out, &v); /* JSON has no line ends but escaped ones */
    hl_json_put_raw(out, "\n\n");
}

static bool more(void *source, struct hl_buf *out)
{
    struct live *l = source;
    uint64_t missed = 0;
    char number[24];
    hl_buf_clear(&l->entries);
    hl_flow_read(l->flow, &l->next, MOST_AT_ONCE, &l->entries, &missed);
    snprintf(number, sizeof(number), "%" PRIu64, missed);
    if (missed) put_missed(out, number);
    for (struct hl_reader r = hl_reader_of(hl_buf_slice(&l->entries)); r.p != r.end && !r.failed;) put_entry(l, &r, out);
    int64_t now = hl_clock_mono_ns();
    if (out->len == 0 && now - l->told_ns > ALIVE_NS) hl_json_put_raw(out, ": alive\n\n");
    if (out->len) l->told_ns = now;
    return true;
}

static void end(void *source)
{
    struct live *l = source;
    hl_buf_fini(&l->entries);
    free(l);
}

/* "18c2f3a9-17": the epoch, then the number. False: none of this process. */
static bool parse_id(const char *id, int64_t epoch, uint64_t *number)
{
    char mine[24];
    int64_t n;
    int len = snprintf(mine, sizeof(mine), "%" PRIx64 "-", (uint64_t)epoch);
    if (strncmp(id, mine, (size_t)len) != 0 || !hl_slice_parse_i64(hl_slice_of(id + len), &n) || n < 0) return false;
    *number = (uint64_t)n;
    return true;
}

static void begin(struct hl_http_api *api, const char *last_id, uint64_t recent, struct live *l, struct hl_buf *out)
{
    uint64_t last, next = hl_flow_next(api->flow);
    l->flow = api->flow;
    l->epoch = api->epoch;
    l->told_ns = hl_clock_mono_ns();
    l->next = next > recent ? next - recent : 1;
    hl_buf_printf(out, "retry: %d\n\n", RETRY_MS);
    if (!*last_id) return;
    if (parse_id(last_id, api->epoch, &last) && last < next)
        l->next = last + 1;
    else
        put_missed(out, "null");
}

void hl_http_get_transitions(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    struct hl_http_param recent = {.name = "recent"};
    struct hl_error err;
    int64_t n = 0;
    bool good = hl_http_query_read(q->query, &recent, 1, &err);
    if (good && recent.given && (!hl_slice_parse_i64(hl_slice_of(recent.value), &n) || n < 0 || n > MOST_RECENT)) {
        good = false;
        hl_error_set(&err, HL_E_USAGE, HL_STOP, "recent is a number from 0 to %d, not '%s'", MOST_RECENT, recent.value);
    }
    struct live *l = good ? calloc(1, sizeof(*l)) : NULL;
    if (!good) {
        hl_http_bad_request(r, err.message);
    } else if (!l) {
        hl_http_our_fault(r, "out of memory");
    } else {
        r->content_type = "text/event-stream";
        begin(api, q->last_event_id, (uint64_t)n, l, &r->body);
        r->more = more;
        r->end = end;
        r->source = l;
    }
}
