#include "warm.h"

#include "hotlead/adapter/avro.h"
#include "hotlead/adapter/redis.h"
#include "hotlead/core/state.h"

/* The store does not know how many partitions there are, so all are asked, up to a run of numbers that have no copy. */
#define MAX_GAP 256

static const char *given(const char *s)
{
    return s && s[0] ? s : NULL;
}

enum hl_status hl_warm_open(const struct hl_config *c, int timeout_ms, struct hl_store **out, struct hl_error *err)
{
    if (!c->redis_url[0]) return hl_error_set(err, HL_E_CONFIG, HL_STOP, "redis.url is empty: there is no warm copy to look into");
    struct hl_redis_config redis = {.url = c->redis_url,
                                    .name = c->group_id,
                                    .cluster = c->redis_cluster,
                                    .user = given(c->redis_user),
                                    .password_file = given(c->redis_password_file),
                                    .ca_file = given(c->redis_ca_file),
                                    .cert_file = given(c->redis_cert_file),
                                    .key_file = given(c->redis_key_file),
                                    .timeout_ms = timeout_ms};
    return hl_redis_new(&redis, out, err);
}

enum hl_status hl_warm_next(struct hl_store *store, int32_t *partition, int64_t *position, struct hl_error *err)
{
    for (int32_t end = *partition + MAX_GAP; *partition < end; ++*partition) {
        enum hl_status status = store->marker(store, *partition, position, err);
        if (status || *position >= 0) return status;
    }
    return HL_E_END;
}

enum hl_status hl_warm_decode(struct hl_contact *c, struct hl_slab *slab, const struct hl_model *m, struct hl_slice value)
{
    size_t n;
    struct hl_slice engine;
    struct hl_applied_slice applied[64];
    enum hl_status status = hl_avro_get_state(value, &engine, applied, HL_ARRAY_LEN(applied), &n);
    return status ? status : hl_state_decode(c, slab, m, engine);
}

enum hl_status hl_warm_discard_all(const struct hl_config *c, bool dry, int *n, struct hl_error *err)
{
    struct hl_store *store;
    int64_t position;
    uint64_t token;
    *n = 0;
    if (!c->redis_url[0]) return HL_OK;
    enum hl_status status = hl_warm_open(c, 0, &store, err);
    if (status) return status;
    for (int32_t p = 0; !status; p++) {
        status = hl_warm_next(store, &p, &position, err);
        if (status) break;
        ++*n;
        if (dry) continue;
        status = store->own(store, p, &token, err);
        if (!status) status = store->discard(store, p, token, err);
    }
    store->free(store);
    return status == HL_E_END ? HL_OK : status;
}
