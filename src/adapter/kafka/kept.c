/* DESIGN  A queue for each output and partition: what is handed over together comes to the producer in runs, and goes out in large requests, even with a
 * linger.ms of 0. In the order in which they came, each partition got a few at a time.
 *
 *     record:  | key | value | n | headers: name, value ... |, lengths before the bytes, -1 for null */
#include "kept.h"

#include <stdlib.h>
#include <string.h>

#include "stream.h"

#define MAX_HEADERS 16

enum hl_status hl_kafka_kept_init(struct hl_kafka_kept *k, size_t n_partitions, struct hl_error *err)
{
    *k = (struct hl_kafka_kept){.of = calloc(HL_OUT_COUNT * n_partitions + 1, sizeof(*k->of)), .n_partitions = n_partitions};
    return k->of ? HL_OK : hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
}

void hl_kafka_kept_fini(struct hl_kafka_kept *k)
{
    for (size_t i = 0; k->of && i < HL_OUT_COUNT * k->n_partitions; i++) hl_buf_fini(&k->of[i]);
    free(k->of);
    *k = (struct hl_kafka_kept){0};
}

void hl_kafka_kept_clear(struct hl_kafka_kept *k)
{
    for (size_t i = 0; k->bytes && i < HL_OUT_COUNT * k->n_partitions; i++) hl_buf_clear(&k->of[i]);
    k->bytes = 0;
}

static void put_slice(struct hl_buf *b, struct hl_slice s)
{
    hl_buf_put_long(b, hl_slice_is_null(s) ? -1 : (int64_t)s.len);
    if (s.len) hl_buf_put(b, s.data, s.len);
}

static struct hl_slice take_slice(struct hl_reader *r)
{
    int64_t len = hl_reader_long(r);
    return len < 0 ? HL_SLICE_NULL : hl_reader_take(r, (size_t)len);
}

enum hl_status hl_kafka_kept_put(struct hl_kafka_kept *k, enum hl_output out, int32_t partition, struct hl_slice key, struct hl_slice value,
                                 const struct hl_header *headers, size_t n_headers, struct hl_error *err)
{
    HL_BUG_ON(n_headers > MAX_HEADERS);
    struct hl_buf *b = &k->of[(size_t)out * k->n_partitions + (size_t)partition];
    size_t before = b->len;
    put_slice(b, key);
    put_slice(b, value);
    hl_buf_put_long(b, (int64_t)n_headers);
    for (size_t i = 0; i < n_headers; i++) {
        hl_buf_put(b, headers[i].name, strlen(headers[i].name) + 1);
        put_slice(b, headers[i].value);
    }
    k->bytes += b->len - before;
    return b->failed ? hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory") : HL_OK;
}

static enum hl_status hand_over_one(struct hl_kafka_stream *s, enum hl_output out, int32_t partition, struct hl_reader *r, struct hl_error *err)
{
    struct hl_header headers[MAX_HEADERS];
    struct hl_slice key = take_slice(r), value = take_slice(r);
    size_t n = (size_t)hl_reader_long(r);
    for (size_t i = 0; i < n; i++) {
        headers[i].name = (const char *)r->p;
        hl_reader_take(r, strlen(headers[i].name) + 1);
        headers[i].value = take_slice(r);
    }
    return hl_kafka_produce_now(s, out, partition, key, value, headers, n, err);
}

enum hl_status hl_kafka_kept_hand_over(struct hl_kafka_kept *k, struct hl_kafka_stream *s, struct hl_error *err)
{
    enum hl_status status = HL_OK;
    for (size_t i = 0; k->bytes && !status && i < HL_OUT_COUNT * k->n_partitions; i++) {
        struct hl_reader r = hl_reader_of(hl_buf_slice(&k->of[i]));
        while (r.p < r.end && !status)
            status = hand_over_one(s, (enum hl_output)(i / k->n_partitions), (int32_t)(i % k->n_partitions), &r, err);
    }
    hl_kafka_kept_clear(k);
    return status;
}
