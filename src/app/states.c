#include "states.h"

#include <inttypes.h>
#include <stdlib.h>

#include "hotlead/base/hash.h"
#include "warm.h"

/* --- the state topic ---
 *
 * DESIGN  A partition is read to its end into a table of the latest record of each key: `records` in the order of their first appearance, `places` an
 * open-addressed index into it. A tombstone leaves a record without a block. */

struct record {
    uint64_t hash;
    char *block; /* id, then value; NULL: a tombstone came last */
    uint32_t id_len, value_len;
};

struct latest {
    struct record *records;
    size_t n, cap;
    uint32_t *places; /* index into records + 1; 0: free */
    size_t mask;      /* places - 1 */
    struct hl_bar *bar;
    uint64_t seen; /* of all partitions */
};

static void latest_clear(struct latest *l)
{
    for (size_t i = 0; i < l->n; i++) free(l->records[i].block);
    l->n = 0;
    if (l->places) memset(l->places, 0, (l->mask + 1) * sizeof(*l->places));
}

static void latest_fini(struct latest *l)
{
    latest_clear(l);
    free(l->records);
    free(l->places);
}

static void place(struct latest *l, uint32_t index)
{
    size_t i = l->records[index].hash & l->mask;
    while (l->places[i]) i = (i + 1) & l->mask;
    l->places[i] = index + 1;
}

/* Room for one more, with at most half of the places taken. */
static bool grow(struct latest *l)
{
    if (l->n == l->cap) {
        size_t cap = l->cap ? l->cap * 2 : 1024;
        struct record *records = realloc(l->records, cap * sizeof(*records));
        if (!records) return false;
        l->records = records;
        l->cap = cap;
    }
    if (l->places && l->n * 2 < l->mask) return true;
    size_t size = l->places ? (l->mask + 1) * 2 : 4096;
    uint32_t *places = calloc(size, sizeof(*places));
    if (!places) return false;
    free(l->places);
    l->places = places;
    l->mask = size - 1;
    for (size_t i = 0; i < l->n; i++) place(l, (uint32_t)i);
    return true;
}

static struct record *latest_find(struct latest *l, uint64_t hash, struct hl_slice id)
{
    for (size_t i = hash & l->mask; l->places && l->places[i]; i = (i + 1) & l->mask) {
        struct record *r = &l->records[l->places[i] - 1];
        if (r->hash == hash && (!r->block || hl_slice_eq((struct hl_slice){r->block, r->id_len}, id))) return r;
    }
    return NULL;
}

/* With 64 bits of hash, a tombstone that is taken for that of another id is out of the question. */
static bool latest_put(struct latest *l, struct hl_slice id, struct hl_slice value)
{
    uint64_t hash = hl_hash64(id);
    struct record *r = latest_find(l, hash, id);
    if (!r && hl_slice_is_null(value)) return true;
    if (!r) {
        if (l->n == UINT32_MAX - 1 || !grow(l)) return false;
        r = &l->records[l->n];
        *r = (struct record){.hash = hash};
        place(l, (uint32_t)l->n++);
    }
    free(r->block);
    r->block = NULL;
    if (hl_slice_is_null(value)) return true;
    r->block = malloc(id.len + value.len + 1);
    if (!r->block) return false;
    r->id_len = (uint32_t)id.len;
    r->value_len = (uint32_t)value.len;
    memcpy(r->block, id.data, id.len);
    memcpy(r->block + id.len, value.data, value.len);
    return true;
}

static enum hl_status on_records(void *ctx, const struct hl_record *r, size_t n)
{
    struct latest *l = ctx;
    for (; n; n--, r++) {
        if (++l->seen % 1024 == 0) hl_bar_at(l->bar, l->seen);
        if (r->key.len && !latest_put(l, r->key, r->value)) return HL_E_NOMEM;
    }
    return HL_OK;
}

static enum hl_status hand_out(const struct latest *l, int32_t partition, hl_state_record_fn *fn, void *ctx)
{
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < l->n && !status; i++) {
        const struct record *r = &l->records[i];
        struct hl_state_record out = {partition, {r->block, r->id_len}, {r->block + r->id_len, r->value_len}};
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
    struct latest l = {.bar = &bar};
    enum hl_status status = survey(k, ranges, n, &total, err);
    hl_bar_begin(&bar, "records", total);
    for (int32_t p = 0; p < n && !status; p++) {
        err->message[0] = 0;
        latest_clear(&l);
        if (ranges[p].to > ranges[p].from) status = hl_kafka_admin_read(k->admin, n, &ranges[p], 1, on_records, &l, err);
        if (!status) status = hand_out(&l, p, fn, ctx);
    }
    hl_bar_end(&bar);
    latest_fini(&l);
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
