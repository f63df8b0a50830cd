/* DESIGN  Framing, and a cache from schema id (or fingerprint) to plan. Nearly every record finds its plan in the cache: an immutable
 * sorted array behind one atomic pointer. A new schema makes a new array, one longer; old arrays stay until the decoder goes, so a
 * reader never has to say that it is done. That costs n^2 / 2 entries for n schemas, and schemas are few.
 *
 *   cache -> [ 1 plan | 4 plan | 17 plan ]      old: [ 1 | 4 ], [ 4 ]
 *
 * What cannot be used (no such id, or a schema that does not resolve) is remembered for RETRY_NS in a small table under the mutex,
 * where two ids may push each other out; so a flood of unknown ids takes no memory, and a schema that is registered late is found.
 *
 * THREADS  decode: any number; only a miss takes the mutex. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "hotlead/base/clock.h"
#include "schema.h"

#define RETRY_NS 5000000000LL
#define REFUSED_SLOTS 64
#define MAX_PLANS 4096

struct entry {
    uint64_t key;
    struct hl_avro_plan *plan;
};

struct cache {
    struct cache *old;
    size_t n;
    struct entry entries[];
};

struct refused {
    uint64_t key;
    int64_t until_ns; /* 0: unused */
    struct hl_error why;
};

struct avro_decoder {
    struct hl_decoder base;
    enum hl_avro_framing framing;
    struct hl_schemas *schemas;
    struct hl_field_map map;
    struct hl_type_table *types;
    _Atomic(struct cache *) cache;
    pthread_mutex_t mutex; /* guards what follows, and writing `cache` */
    struct refused refused[REFUSED_SLOTS];
};

static struct hl_avro_plan *find(const struct cache *c, uint64_t key)
{
    size_t lo = 0, hi = c ? c->n : 0;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (c->entries[mid].key == key) return c->entries[mid].plan;
        if (c->entries[mid].key < key) lo = mid + 1;
        else hi = mid;
    }
    return NULL;
}

/* Under the mutex. */
static enum hl_status publish(struct avro_decoder *d, uint64_t key, struct hl_avro_plan *plan, struct hl_error *err)
{
    struct cache *old = atomic_load_explicit(&d->cache, memory_order_relaxed);
    size_t n = old ? old->n : 0, at = 0;
    if (n >= MAX_PLANS) return hl_error_set(err, HL_E_SCHEMA, HL_SKIP, "more than %d schemas in one topic", MAX_PLANS);
    struct cache *c = malloc(sizeof(*c) + (n + 1) * sizeof(c->entries[0]));
    if (!c) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "no memory for a decoding plan");
    while (at < n && old->entries[at].key < key) at++;
    if (at) memcpy(c->entries, old->entries, at * sizeof(c->entries[0]));
    c->entries[at] = (struct entry){key, plan};
    if (at < n) memcpy(c->entries + at + 1, old->entries + at, (n - at) * sizeof(c->entries[0]));
    c->n = n + 1;
    c->old = old;
    atomic_store_explicit(&d->cache, c, memory_order_release);
    return HL_OK;
}

static void prefix(const struct avro_decoder *d, uint64_t key, const struct hl_error *why, struct hl_error *err)
{
    if (!err) return;
    struct hl_error copy = *why;
    if (d->framing == HL_AVRO_CONFLUENT)
        hl_error_set(err, copy.code, copy.action, "schema %llu: %.480s", (unsigned long long)key, copy.message);
    else hl_error_set(err, copy.code, copy.action, "schema %016llx: %.470s", (unsigned long long)key, copy.message);
}

/* Under the mutex. The text of the schema, compiled. */
static enum hl_status compile(struct avro_decoder *d, uint64_t key, struct hl_avro_plan **plan, struct hl_error *why)
{
    char *json = NULL;
    if (d->framing == HL_AVRO_SINGLE_OBJECT) return hl_error_set(why, HL_E_SCHEMA, HL_SKIP, "no schema with this fingerprint is known");
    *why = (struct hl_error){HL_E_SCHEMA, HL_SKIP, "cannot be had"};
    enum hl_status st = d->schemas->get(d->schemas, (uint32_t)key, &json, why);
    if (st != HL_OK) return st;
    st = hl_avro_plan_compile(json, &d->map, plan, why);
    free(json);
    if (st != HL_OK) return st;
    st = publish(d, key, *plan, why);
    if (st != HL_OK) hl_avro_plan_free(*plan);
    return st;
}

static enum hl_status miss_locked(struct avro_decoder *d, uint64_t key, struct hl_avro_plan **plan, struct hl_error *err)
{
    struct refused *slot = &d->refused[(key * 0x9e3779b97f4a7c15u) >> 58];
    struct hl_error why;
    int64_t now = hl_clock_mono_ns();
    *plan = find(atomic_load_explicit(&d->cache, memory_order_relaxed), key);
    if (*plan) return HL_OK;
    if (slot->until_ns > now && slot->key == key) {
        prefix(d, key, &slot->why, err);
        return slot->why.code;
    }
    enum hl_status st = compile(d, key, plan, &why);
    if (st == HL_OK) return st;
    why.code = st;
    prefix(d, key, &why, err);
    if (st == HL_E_SCHEMA) *slot = (struct refused){key, now + RETRY_NS, why};
    return st;
}

static enum hl_status __attribute__((noinline)) miss(struct avro_decoder *d, uint64_t key, struct hl_avro_plan **plan, struct hl_error *err)
{
    pthread_mutex_lock(&d->mutex);
    enum hl_status st = miss_locked(d, key, plan, err);
    pthread_mutex_unlock(&d->mutex);
    return st;
}

/* A record in a frame that is not the topic's: say which one it looks like. */
static enum hl_status __attribute__((cold)) bad_frame(const struct avro_decoder *d, struct hl_slice v, struct hl_error *err)
{
    unsigned first = v.len ? (uint8_t)v.data[0] : 0, second = v.len > 1 ? (uint8_t)v.data[1] : 0;
    size_t head = d->framing == HL_AVRO_CONFLUENT ? 5 : 10;
    const char *hint = "";
    if (first == '{') hint = "; it looks like JSON: set the topic's format to json";
    else if (d->framing == HL_AVRO_CONFLUENT && first == 0xc3 && second == 1) hint = "; set the topic's format to avro-single-object";
    else if (d->framing == HL_AVRO_CONFLUENT && first == 1) hint = "; schema ids in record headers are not supported";
    else if (d->framing == HL_AVRO_SINGLE_OBJECT && v.len && first == 0) hint = "; set the topic's format to avro";
    if (v.len < head && !*hint)
        return hl_error_set(err, HL_E_DECODE, HL_SKIP, "framing: %zu bytes, the head alone is %zu", v.len, head);
    return hl_error_set(err, HL_E_DECODE, HL_SKIP, "framing: starts with byte 0x%02x, not with %s%s", first,
                        d->framing == HL_AVRO_CONFLUENT ? "0x00 and a schema id" : "0xc3 0x01 and a fingerprint", hint);
}

/* Key of the schema and the datum behind the head. */
static inline bool split(const struct avro_decoder *d, struct hl_slice v, uint64_t *key, struct hl_slice *datum)
{
    struct hl_reader r = hl_reader_of(v);
    if (d->framing == HL_AVRO_CONFLUENT) {
        if (v.len < 5 || v.data[0] != 0) return false;
        hl_reader_u8(&r);
        *key = hl_reader_u32be(&r);
    } else {
        if (v.len < 10 || (uint8_t)v.data[0] != 0xc3 || v.data[1] != 1) return false;
        hl_reader_u8(&r);
        hl_reader_u8(&r);
        *key = hl_reader_u64le(&r);
    }
    *datum = (struct hl_slice){(const char *)r.p, (size_t)(r.end - r.p)};
    return true;
}

static enum hl_status decode(struct hl_decoder *base, struct hl_slice value, struct hl_arena *arena, struct hl_event *ev, struct hl_error *err)
{
    struct avro_decoder *d = (struct avro_decoder *)base;
    struct hl_slice datum;
    struct hl_error why;
    uint64_t key;
    if (hl_slice_is_null(value)) return hl_error_set(err, HL_E_DECODE, HL_SKIP, "the record has no value");
    if (!split(d, value, &key, &datum)) return bad_frame(d, value, err);
    struct hl_avro_plan *plan = find(atomic_load_explicit(&d->cache, memory_order_acquire), key);
    enum hl_status st = plan ? HL_OK : miss(d, key, &plan, err);
    if (st != HL_OK) return st;
    st = hl_avro_plan_run(plan, datum, arena, ev, &why);
    if (__builtin_expect(st == HL_OK, 1)) {
        ev->type = hl_type_table_find(d->types, ev->type_name);
        if (ev->type != HL_EVENT_UNKNOWN) ev->type_name = hl_slice_of(hl_event_type_name(ev->type));
        st = hl_event_check(ev, &why);
    }
    if (__builtin_expect(st != HL_OK, 0)) prefix(d, key, &why, err);
    return st;
}

static void avro_decoder_free(struct hl_decoder *base)
{
    struct avro_decoder *d = (struct avro_decoder *)base;
    struct cache *c = atomic_load_explicit(&d->cache, memory_order_relaxed);
    for (size_t i = 0; c && i < c->n; i++) hl_avro_plan_free(c->entries[i].plan);
    while (c) {
        struct cache *old = c->old;
        free(c);
        c = old;
    }
    pthread_mutex_destroy(&d->mutex);
    hl_type_table_free(d->types);
    hl_field_map_fini(&d->map);
    free(d);
}

enum hl_status hl_avro_decoder_new(enum hl_avro_framing framing, struct hl_schemas *schemas, const struct hl_field_map *map,
                                   const struct hl_type_alias *aliases, size_t n_aliases, struct hl_decoder **out, struct hl_error *err)
{
    struct avro_decoder *d = calloc(1, sizeof(*d));
    if (!d) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "no memory for a decoder");
    d->base = (struct hl_decoder){decode, avro_decoder_free};
    d->framing = framing;
    d->schemas = schemas;
    atomic_init(&d->cache, NULL);
    pthread_mutex_init(&d->mutex, NULL);
    if (hl_field_map_copy(&d->map, map) != HL_OK || hl_type_table_new(aliases, n_aliases, &d->types) != HL_OK) {
        avro_decoder_free(&d->base);
        return hl_error_set(err, HL_E_NOMEM, HL_STOP, "no memory for a decoder");
    }
    *out = &d->base;
    return HL_OK;
}

enum hl_status hl_avro_decoder_add(struct hl_decoder *base, const char *schema_json, struct hl_error *err)
{
    struct avro_decoder *d = (struct avro_decoder *)base;
    struct hl_avro_plan *plan;
    uint64_t key;
    enum hl_status st = hl_avro_fingerprint(schema_json, &key, err);
    if (st == HL_OK) st = hl_avro_plan_compile(schema_json, &d->map, &plan, err);
    if (st != HL_OK) return st;
    pthread_mutex_lock(&d->mutex);
    bool known = find(atomic_load_explicit(&d->cache, memory_order_relaxed), key) != NULL;
    if (!known) st = publish(d, key, plan, err);
    pthread_mutex_unlock(&d->mutex);
    if (known || st != HL_OK) hl_avro_plan_free(plan);
    return st;
}
