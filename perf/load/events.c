/* hotlead-events: made-up events (made.h) as a file for `hotlead simulate`, JSON Lines or an Avro container.
 *
 *   hotlead-events [--events N] [--contacts N] [--seed N] [--avro SCHEMA] >FILE
 *
 * JSON is written as Python's json.dumps does, every field and a blank behind each comma and colon. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/json_text.h"
#include "made.h"

#define START_MS INT64_C(1767225600000)
#define BLOCK_BYTES ((size_t)64 * 1024)

static void put_member(struct hl_buf *b, const char *key, struct hl_slice text)
{
    hl_buf_printf(b, ", \"%s\": ", key);
    hl_json_put_text(b, text);
}

static void put_json(struct hl_buf *b, const struct hl_event *ev)
{
    hl_buf_printf(b, "{\"event_id\": \"%s\"", ev->event_id.data);
    put_member(b, "contact_id", ev->contact_id);
    hl_buf_printf(b, ", \"occurred_at\": %lld", (long long)ev->occurred_at);
    put_member(b, "type", ev->type_name);
    put_member(b, "url", ev->url);
    put_member(b, "asset", ev->asset);
    put_member(b, "form", ev->form);
    put_member(b, "campaign", ev->campaign);
    put_member(b, "source", ev->source);
    put_member(b, "actor", ev->actor);
    put_member(b, "reason", ev->reason);
    hl_buf_printf(b, ", \"machine\": %s, \"attributes\": {", ev->machine ? "true" : "false");
    for (size_t i = 0; i < ev->n_attributes; i++) {
        hl_buf_printf(b, "%s\"%s\": ", i ? ", " : "", ev->attributes[i].key.data);
        hl_json_put_text(b, ev->attributes[i].value);
    }
    hl_json_put_raw(b, "}}\n");
}

static const char SYNC[] = "hotlead-events 1"; /* any 16 bytes */

static bool flush(struct hl_buf *b)
{
    bool ok = !b->failed && fwrite(b->data, 1, b->len, stdout) == b->len;
    hl_buf_clear(b);
    return ok;
}

static bool put_header(const char *path)
{
    static char schema[65536];
    struct hl_buf b;
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(schema, 1, sizeof(schema), f) : 0;
    if (f) fclose(f);
    hl_buf_init(&b);
    hl_json_put_raw(&b, "Obj\1");
    hl_buf_put_long(&b, 1);
    hl_buf_put_bytes(&b, HL_SLICE_LIT("avro.schema"));
    hl_buf_put_bytes(&b, (struct hl_slice){schema, n});
    hl_buf_put_long(&b, 0);
    hl_buf_put(&b, SYNC, 16);
    bool ok = n > 0 && n < sizeof(schema) && flush(&b);
    hl_buf_fini(&b);
    return ok;
}

static bool flush_block(struct hl_buf *block, int64_t *count)
{
    struct hl_buf head;
    if (*count == 0) return true;
    hl_buf_init(&head);
    hl_buf_put_long(&head, *count);
    hl_buf_put_long(&head, (int64_t)block->len);
    *count = 0;
    bool ok = flush(&head) && flush(block) && fwrite(SYNC, 1, 16, stdout) == 16;
    hl_buf_fini(&head);
    return ok;
}

static bool write_all(const struct source *s, const char *schema)
{
    static struct made e;
    struct hl_buf b;
    int64_t count = 0;
    bool ok = !schema || put_header(schema);
    hl_buf_init(&b);
    for (uint64_t i = 0; ok && i < s->events; i++) {
        made_event(&e, s, i);
        if (schema) made_put_datum(&b, &e.ev);
        else put_json(&b, &e.ev);
        count++;
        if (b.len >= BLOCK_BYTES) ok = schema ? flush_block(&b, &count) : flush(&b);
    }
    ok = ok && (schema ? flush_block(&b, &count) : flush(&b)) && fflush(stdout) == 0;
    hl_buf_fini(&b);
    return ok;
}

int main(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"events", required_argument, NULL, 'n'}, {"contacts", required_argument, NULL, 'c'},
                                            {"seed", required_argument, NULL, 's'},   {"avro", required_argument, NULL, 'a'},
                                            {NULL, 0, NULL, 0}};
    struct source s = {.events = 10000000, .contacts = 1000000, .seed = 1, .start_ms = START_MS};
    const char *schema = NULL;
    for (int o; (o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        if (o == '?') return 64;
        if (o == 'a') schema = optarg;
        else *(o == 'n' ? &s.events : o == 'c' ? &s.contacts : &s.seed) = strtoull(optarg, NULL, 10);
    }
    if (s.events && s.contacts && write_all(&s, schema)) return 0;
    fputs("hotlead-events: the events cannot be written, or the schema cannot be read\n", stderr);
    return 74;
}
