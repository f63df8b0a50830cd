#include "cloudevents.h"

#include <inttypes.h>
#include <stdio.h>
#include <strings.h>

#include "hotlead/base/iso8601.h"
#include "hotlead/base/percent.h"
#include "json_text.h"

#define PREFIX "ce_"
#define MAX_HEADERS 100 /* that are looked at */

/* --- in --- */

/* The type and subtype of a media type, without its parameters. */
static struct hl_slice media_type(struct hl_slice s)
{
    size_t n = 0;
    while (n < s.len && s.data[n] != ';') n++;
    return hl_slice_trim((struct hl_slice){s.data, n});
}

static bool begins(struct hl_slice s, const char *with)
{
    size_t n = strlen(with);
    return s.len >= n && strncasecmp(s.data, with, n) == 0;
}

static bool ends(struct hl_slice s, const char *with)
{
    size_t n = strlen(with);
    return s.len >= n && strncasecmp(s.data + s.len - n, with, n) == 0;
}

static bool is_json(struct hl_slice type)
{
    return type.len == 0 || hl_slice_eq_nocase(type, HL_SLICE_LIT("application/json")) || hl_slice_eq_nocase(type, HL_SLICE_LIT("text/json")) ||
           ends(type, "+json");
}

static struct hl_slice attribute(const struct hl_header *h)
{
    size_t n = sizeof(PREFIX) - 1;
    bool ours = strncasecmp(h->name, PREFIX, n) == 0 && h->name[n] && !hl_slice_is_null(h->value) && strcasecmp(h->name + n, "data") != 0;
    return ours ? hl_slice_of(h->name + n) : HL_SLICE_NULL;
}

static void put_binary(struct hl_stream *s, const struct hl_record *r, struct hl_buf *b)
{
    struct hl_header h;
    hl_json_put_raw(b, "{");
    for (size_t i = 0; i < MAX_HEADERS && s->header_at(s, r, i, &h); i++) {
        struct hl_slice name = attribute(&h);
        if (hl_slice_is_null(name)) continue;
        if (b->len > 1) hl_json_put_raw(b, ",");
        hl_json_put_text(b, name);
        hl_json_put_raw(b, ":");
        hl_json_put_text(b, h.value);
    }
    hl_json_put_raw(b, b->len > 1 ? ",\"data\":" : "\"data\":");
    if (r->value.len) hl_buf_put(b, r->value.data, r->value.len);
    else hl_json_put_raw(b, "null");
    hl_json_put_raw(b, "}");
}

enum hl_status hl_cloudevent_json(struct hl_stream *s, const struct hl_record *r, struct hl_arena *arena, struct hl_slice *json, struct hl_error *err)
{
    struct hl_slice type = s->header ? media_type(s->header(s, r, "content-type")) : HL_SLICE_NULL;
    bool binary = s->header_at && !hl_slice_is_null(s->header(s, r, PREFIX "specversion"));
    *json = r->value;
    if (begins(type, "application/cloudevents-batch"))
        return hl_error_set(err, HL_E_DECODE, HL_SKIP, "a batch of CloudEvents; over Kafka each event is a record of its own");
    if (begins(type, "application/cloudevents") && !ends(type, "+json"))
        return hl_error_set(err, HL_E_DECODE, HL_SKIP, "a structured CloudEvent in the format '%.*s'; only JSON is read", (int)(type.len < 80 ? type.len : 80),
                            type.data);
    if (begins(type, "application/cloudevents") || !binary)
        return hl_slice_is_null(r->value) ? hl_error_set(err, HL_E_DECODE, HL_SKIP, "the record has no value (null) and no ce_specversion") : HL_OK;
    if (r->value.len && !is_json(type))
        return hl_error_set(err, HL_E_DECODE, HL_SKIP, "a CloudEvent with data of the type '%.*s'; only JSON is read", (int)(type.len < 80 ? type.len : 80),
                            type.data);
    struct hl_buf b;
    hl_buf_init(&b);
    put_binary(s, r, &b);
    *json = b.failed ? HL_SLICE_NULL : hl_arena_copy(arena, hl_buf_slice(&b));
    hl_buf_fini(&b);
    return json->data ? HL_OK : hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
}

/* --- out --- */

/* A run of the room; slices are made of them when it does not move any more. */
struct run {
    size_t from, to;
};

static struct run put_id(const struct hl_cloudevent *ce, struct hl_buf *b)
{
    struct run r = {.from = b->len};
    hl_buf_put(b, ce->contact_id.data, ce->contact_id.len);
    hl_buf_printf(b, ":%" PRIu32, ce->seq);
    if (ce->alert) hl_buf_printf(b, ":%s:%s", ce->alert->sla->name, hl_alert_name(ce->alert->event));
    r.to = b->len;
    return r;
}

static struct run put_source(const struct hl_cloudevent *ce, struct hl_buf *b)
{
    struct run r = {.from = b->len};
    hl_json_put_raw(b, "/hotlead/");
    hl_percent_put(b, hl_slice_of(ce->group));
    r.to = b->len;
    return r;
}

static struct run put_time(const struct hl_cloudevent *ce, struct hl_buf *b)
{
    char time[HL_ISO8601_SIZE];
    struct run r = {.from = b->len};
    hl_json_put_raw(b, hl_iso8601_format(ce->time, time));
    r.to = b->len;
    return r;
}

static struct hl_slice slice_of(const struct hl_buf *b, struct run r)
{
    return (struct hl_slice){(const char *)b->data + r.from, r.to - r.from};
}

void hl_cloudevent_put_headers(const struct hl_cloudevent *ce, bool avro, struct hl_buf *room, struct hl_header *headers, size_t *n)
{
    size_t first = *n;
    struct run id = put_id(ce, room), source = put_source(ce, room), time = put_time(ce, room);
    if (room->failed) return;
    headers[(*n)++] = (struct hl_header){"content-type", avro ? HL_SLICE_LIT("application/avro") : HL_SLICE_LIT("application/json")};
    headers[(*n)++] = (struct hl_header){"ce_specversion", HL_SLICE_LIT("1.0")};
    headers[(*n)++] = (struct hl_header){"ce_id", slice_of(room, id)};
    headers[(*n)++] = (struct hl_header){"ce_source", slice_of(room, source)};
    headers[(*n)++] = (struct hl_header){"ce_type", hl_slice_of(ce->type)};
    headers[(*n)++] = (struct hl_header){"ce_subject", ce->contact_id};
    headers[(*n)++] = (struct hl_header){"ce_time", slice_of(room, time)};
    if (!hl_slice_is_null(ce->trace)) headers[(*n)++] = (struct hl_header){"ce_traceparent", ce->trace};
    HL_BUG_ON(*n - first > HL_CLOUDEVENT_HEADERS);
}

struct hl_slice hl_cloudevent_put_structured(const struct hl_cloudevent *ce, struct hl_slice data, struct hl_buf *room, struct hl_header *headers,
                                             size_t *n)
{
    char seq[16];
    snprintf(seq, sizeof(seq), ":%" PRIu32, ce->seq);
    hl_json_put_raw(room, "{\"specversion\":\"1.0\",\"id\":");
    hl_json_put_text(room, ce->contact_id);
    hl_json_put_more(room, hl_slice_of(seq));
    if (ce->alert) {
        hl_json_put_more(room, HL_SLICE_LIT(":"));
        hl_json_put_more(room, hl_slice_of(ce->alert->sla->name));
        hl_json_put_more(room, HL_SLICE_LIT(":"));
        hl_json_put_more(room, hl_slice_of(hl_alert_name(ce->alert->event)));
    }
    hl_json_put_raw(room, ",\"source\":\"");
    put_source(ce, room);
    hl_json_put_raw(room, "\",\"time\":\"");
    put_time(ce, room);
    hl_json_put_raw(room, "\"");
    hl_json_put_member(room, "type", hl_slice_of(ce->type));
    hl_json_put_member(room, "subject", ce->contact_id);
    if (!hl_slice_is_null(ce->trace)) hl_json_put_member(room, "traceparent", ce->trace);
    hl_json_put_raw(room, ",\"datacontenttype\":\"application/json\",\"data\":");
    hl_buf_put(room, data.data, data.len);
    hl_json_put_raw(room, "}");
    headers[(*n)++] = (struct hl_header){"content-type", HL_SLICE_LIT("application/cloudevents+json; charset=UTF-8")};
    return hl_buf_slice(room);
}
