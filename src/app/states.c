#include "states.h"

#include <inttypes.h>
#include <stdlib.h>

#include "hotlead/base/hash.h"
#include "latest.h"
#include "warm.h"

/* --- the state topic --- */

struct reading {
    struct hl_latest latest; /* of the partition that is read */
    struct hl_bar *bar;
    uint64_t seen; /* of all partitions */
};

static enum hl_status on_records(void *ctx, const struct hl_record *r, size_t n)
{
    struct reading *x = ctx;
    for (; n; n--, r++) {
        if (++x->seen % 1024 == 0) hl_bar_at(x->bar, x->seen);
        if (r->key.len && !hl_latest_put(&x->latest, r->key, r->value)) return HL_E_NOMEM;
    }
    return HL_OK;
}

static enum hl_status hand_out(const struct hl_latest *l, int32_t partition, hl_state_record_fn *fn, void *ctx)
{
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < l->n && !status; i++) {
        const struct hl_latest_record *r = &l->records[i];
        struct hl_state_record out = {partition, hl_latest_id(r), hl_latest_value(r)};
        if (r->block) status = fn(ctx, &out);
    }
    return status;
}

static enum hl_status survey(struct hl_cli_kafka *k, struct hl_range *ranges, int32_t n, uint64_t *total, struct hl_error *err)
{
    enum hl_status status = HL_OK;
    *total = 0;
    for (int32_t p = 0; p < n && !status; p++) {
        ranges[p] = (struct hl_range){.topic = HL_STATE_TOPIC, .partition = p, .to_end = true};
        status = hl_kafka_admin_bounds(k->admin, HL_STATE_TOPIC, p, &ranges[p].from, &ranges[p].to, err);
        *total += (uint64_t)(ranges[p].to - ranges[p].from);
    }
    return status;
}

static enum hl_status read_partitions(struct hl_cli_kafka *k, struct hl_range *ranges, int32_t n, hl_state_record_fn *fn, void *ctx, struct hl_error *err)
{
    struct hl_bar bar;
    uint64_t total;
    struct reading x = {.bar = &bar};
    enum hl_status status = survey(k, ranges, n, &total, err);
    hl_bar_begin(&bar, "records", total);
    for (int32_t p = 0; p < n && !status; p++) {
        err->message[0] = 0;
        hl_latest_clear(&x.latest);
        if (ranges[p].to > ranges[p].from) status = hl_kafka_admin_read(k->admin, n, &ranges[p], 1, on_records, &x, err);
        if (!status) status = hand_out(&x.latest, p, fn, ctx);
    }
    hl_bar_end(&bar);
    hl_latest_fini(&x.latest);
    if (status == HL_E_NOMEM) hl_error_set(err, status, HL_STOP, "out of memory");
    return status;
}

enum hl_status hl_states_each_in_topic(struct hl_cli_kafka *k, const struct hl_config *c, hl_state_record_fn *fn, void *ctx, struct hl_error *err)
{
    int32_t n;
    int replication;
    enum hl_status status = hl_kafka_admin_topic(k->admin, c->state, &n, &replication, err);
    if (status) return status;
    if (n == 0) return hl_error_set(err, HL_E_MISSING, HL_STOP, "topic '%s' does not exist: has this group run?", c->state);
    struct hl_range *ranges = calloc((size_t)n, sizeof(*ranges));
    if (!ranges) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    status = read_partitions(k, ranges, n, fn, ctx, err);
    free(ranges);
    return status;
}

/* --- Redis --- */

struct redis {
    hl_state_record_fn *fn;
    void *ctx;
    int32_t partition;
    struct hl_bar bar;
    uint64_t seen;
};

static enum hl_status on_copy(void *ctx, const struct hl_store_record *records, size_t n)
{
    struct redis *r = ctx;
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < n && !status; i++) {
        if (++r->seen % 1024 == 0) hl_bar_at(&r->bar, r->seen);
        status = r->fn(r->ctx, &(struct hl_state_record){r->partition, records[i].id, records[i].value});
    }
    return status;
}

enum hl_status hl_states_each_in_redis(const struct hl_config *c, hl_state_record_fn *fn, void *ctx, struct hl_error *err)
{
    struct hl_store *store;
    struct redis r = {.fn = fn, .ctx = ctx};
    int64_t position;
    int copies = 0;
    enum hl_status status = hl_warm_open(c, 0, &store, err);
    if (status) return status;
    hl_bar_begin(&r.bar, "contacts", 0);
    for (; !status; r.partition++, copies++) {
        status = hl_warm_next(store, &r.partition, &position, err);
        if (!status) status = store->load(store, r.partition, -1, on_copy, &r, err);
        if (status) break;
    }
    hl_bar_end(&r.bar);
    store->free(store);
    if (status == HL_E_END) status = HL_OK;
    if (status || copies) return status;
    return hl_error_set(err, HL_E_MISSING, HL_STOP, "nothing of group %.200s in Redis: has it run, and has a checkpoint passed?", c->group_id);
}

/* --- one record --- */

enum hl_status hl_state_record_read(const struct hl_state_record *r, struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m,
                                    struct hl_error *err)
{
    enum hl_status status = hl_contact_init(c, slab, hl_hash64(r->id), r->id, 0);
    if (status) return hl_error_set(err, status, HL_STOP, "out of memory");
    status = hl_warm_decode(c, slab, m, r->value);
    if (!status) return HL_OK;
    hl_contact_fini(c, slab);
    return hl_error_set(err, status, HL_STOP, "a record of partition %" PRId32 " cannot be read: %s", r->partition, hl_status_name(status));
}
