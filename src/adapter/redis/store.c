/* DESIGN
 * One blocking connection, or one to each node of a cluster, made by the first call that needs it. Any trouble with it (I/O, timeout,
 * a reply of a wrong type, an error reply) closes it; the next call connects again, see link.c.
 *
 *   write: records -> chunks (10,000 records or 8 MiB) -> sorted by bucket, the newest of an id kept -> runs of sets or deletes
 *          -> one EVALSHA a chunk
 *   load:  HGETALL of all buckets, WINDOW of them on the way at a time; their strings are copied once, from the connection's
 *          buffer to the group that is handed over; seals and their sum checked, see seal.h
 *   fetch: one EVALSHA for each run of ids of a partition, all of them on the way at once; one by one in a cluster
 *
 * Only the last chunk moves the marker. A reader between two chunks sees records newer than the marker: harmless, since what
 * follows the marker in the state topic is applied over them. A write whose answer got lost may have happened; the next one then
 * meets HL_E_GAP and its caller reads the marker.
 *
 * WHY NOT
 * An owner counter (INCR): a server that lost its last writes would hand out the same number twice. Tokens are random.
 * MULTI instead of a script: the checks and the writes would need WATCH and two round trips.
 *
 * THREADS: none of its own; a store is used by one thread at a time. */
#include "hotlead/adapter/redis.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "cluster.h"
#include "field.h"
#include "hotlead/base/buf.h"
#include "link.h"
#include "scripts.h"
#include "seal.h"
#include "tls.h"

#define DEFAULT_TIMEOUT_MS 2000
#define MAX_HOPS 5 /* redirections of one command */
#define WINDOW 256 /* commands on their way: of a few dozen contacts each, half of them asked for in one round trip */
#define CHUNK_RECORDS 10000
#define CHUNK_BYTES ((size_t)8 << 20)
#define RUN_RECORDS 1000 /* 2,000 arguments of unpack(); Lua's limit is near 8,000 */
#define FETCH_IDS ((size_t)500)
#define FETCH_RUNS 64 /* on the way at a time */
#define NUMBER_CAP 24
#define NOTE_NAME 12 /* key_cap has room for it */

enum { OWNER_KEY = HL_REDIS_BUCKETS, MARKER_KEY, KEY_COUNT };

struct script {
    const char *text;
    char sha[41]; /* as the server answered SCRIPT LOAD; "": not loaded by us yet */
};

struct redis_store {
    struct hl_store base;
    struct hl_redis_access access;
    struct hl_redis_link server;      /* without a cluster */
    struct hl_redis_cluster *cluster; /* NULL: none */
    struct hl_redis_link *link;       /* to the server of the partition in hand */
    struct script write_script, discard_script, fetch_script;

    int32_t keys_of;   /* partition in hand, -1: none */
    char *keys;        /* KEY_COUNT names, key_cap bytes each, made when they are asked for */
    int32_t *names_of; /* partition that each is of, -1: none */
    size_t key_cap;
    char *note_key;

    /* one command */
    const char **argv;
    size_t *argv_len;
    int argc, argv_cap;
    uint32_t *order;            /* records of a chunk by bucket: CHUNK_RECORDS */
    char (*counts)[NUMBER_CAP]; /* of runs, as text: CHUNK_RECORDS */
    char *made; /* fields and sealed values of a chunk */
    size_t made_cap;
};

static struct redis_store *store_of(struct hl_store *s)
{
    return (struct redis_store *)s;
}

/* --- keys and commands --- */

/* A key of the partition in hand. Good until it is asked for of another one. */
static const char *key_of(const struct redis_store *s, size_t i)
{
    char *name = s->keys + i * s->key_cap;
    if (s->names_of[i] == s->keys_of) return name;
    if (i < HL_REDIS_BUCKETS)
        snprintf(name, s->key_cap, "{%s:%d}:b%zu", s->access.name, (int)s->keys_of, i);
    else
        snprintf(name, s->key_cap, "{%s:%d}:%s", s->access.name, (int)s->keys_of, i == OWNER_KEY ? "owner" : "marker");
    s->names_of[i] = s->keys_of;
    return name;
}

static enum hl_status ready(struct redis_store *s, int32_t partition, struct hl_error *err)
{
    s->keys_of = partition;
    s->link = &s->server;
    if (!s->cluster) return hl_redis_link_open(s->link, err);
    return hl_redis_cluster_link(s->cluster, hl_redis_slot(key_of(s, OWNER_KEY)), &s->link, err);
}

/* What befell a command, once no redirection helps. */
static enum hl_status troubled(struct redis_store *s, enum hl_status status)
{
    if (s->cluster && status) hl_redis_cluster_doubt(s->cluster);
    return status;
}

static enum hl_status refused(struct redis_store *s, const char *what, const redisReply *r, struct hl_error *err)
{
    return troubled(s, hl_redis_link_refused(s->link, what, r, err));
}

static enum hl_status wrong_reply(struct redis_store *s, const char *what, struct hl_error *err)
{
    return troubled(s, hl_redis_link_odd(s->link, what, err));
}

static enum hl_status no_memory(struct redis_store *s, struct hl_error *err)
{
    return hl_redis_link_no_memory(s->link, err);
}

static enum hl_status next_reply(struct redis_store *s, redisReply **out, struct hl_error *err)
{
    return troubled(s, hl_redis_link_next(s->link, out, err));
}

/* Send one command to where the cluster says, take its reply, whatever it is but a redirection. The caller frees it. */
static enum hl_status call(struct redis_store *s, int argc, const char **argv, const size_t *argv_len, redisReply **out,
                           struct hl_error *err)
{
    for (int hop = 0;; hop++) {
        redisReply *r = NULL;
        enum hl_status status = hl_redis_link_append(s->link, argc, argv, argv_len, err);
        if (!status) status = next_reply(s, &r, err);
        if (status) return status;
        *out = r;
        if (!s->cluster || r->type != REDIS_REPLY_ERROR || hop == MAX_HOPS) return HL_OK;
        unsigned slot = hl_redis_slot(key_of(s, OWNER_KEY));
        status = hl_redis_cluster_redirect(s->cluster, s->link, (struct hl_slice){r->str, r->len}, slot, &s->link, err);
        if (status == HL_E_END) return HL_OK;
        freeReplyObject(r);
        if (status) return troubled(s, status);
    }
}

/* One command, a reply of the type wanted (0: any but an error). The caller frees it. `what` names it in messages. */
static enum hl_status ask(struct redis_store *s, const char *what, int argc, const char **argv, const size_t *argv_len, int type,
                          redisReply **out, struct hl_error *err)
{
    redisReply *r = NULL;
    enum hl_status status = call(s, argc, argv, argv_len, &r, err);
    if (status) return status;
    if (r->type == REDIS_REPLY_ERROR) {
        status = refused(s, what, r, err);
    } else if (type && r->type != type) {
        status = wrong_reply(s, what, err);
    } else {
        *out = r;
        return HL_OK;
    }
    freeReplyObject(r);
    return status;
}

/* Room for n arguments; the command starts empty. */
static bool command_begin(struct redis_store *s, size_t n)
{
    s->argc = 0;
    if ((int)n <= s->argv_cap) return true;
    const char **argv = realloc(s->argv, n * sizeof(*argv));
    if (argv) s->argv = argv;
    size_t *len = realloc(s->argv_len, n * sizeof(*len));
    if (len) s->argv_len = len;
    if (!argv || !len) return false;
    s->argv_cap = (int)n;
    return true;
}

static void arg(struct redis_store *s, struct hl_slice v)
{
    HL_BUG_ON(s->argc >= s->argv_cap);
    s->argv[s->argc] = v.data;
    s->argv_len[s->argc++] = v.len;
}

static void arg_text(struct redis_store *s, const char *v)
{
    arg(s, hl_slice_of(v));
}

static enum hl_status load_script(struct redis_store *s, struct script *script, struct hl_error *err)
{
    redisReply *r = NULL;
    enum hl_status status =
        ask(s, "SCRIPT LOAD", 3, (const char *[]){"SCRIPT", "LOAD", script->text}, NULL, REDIS_REPLY_STRING, &r, err);
    if (status) return status;
    bool ok = r->len == sizeof(script->sha) - 1;
    if (ok) memcpy(script->sha, r->str, sizeof(script->sha));
    freeReplyObject(r);
    return ok ? HL_OK : wrong_reply(s, "SCRIPT LOAD", err);
}

/* What a script answered. FENCED and GAP are answers, not trouble: the connection stays. */
static enum hl_status script_answer(struct redis_store *s, const redisReply *r, struct hl_error *err)
{
    struct hl_slice text = {r->str, r->len};
    char what[64];
    snprintf(what, sizeof(what), "script on partition %d", (int)s->keys_of);
    if (r->type == REDIS_REPLY_ERROR) return refused(s, what, r, err);
    if (r->type != REDIS_REPLY_STRING) return wrong_reply(s, what, err);
    if (hl_slice_eq_cstr(text, "OK")) return HL_OK;
    if (hl_slice_eq_cstr(text, "FENCED")) {
        return hl_error_set(err, HL_E_FENCED, HL_STOP, "redis %s: partition %d has another owner", s->link->where, (int)s->keys_of);
    }
    if (hl_slice_eq_cstr(text, "GAP")) {
        return hl_error_set(err, HL_E_GAP, HL_RETRY, "redis %s: partition %d: the marker is not where it was left", s->link->where,
                            (int)s->keys_of);
    }
    return wrong_reply(s, what, err);
}

static bool is_unknown_script(const redisReply *r)
{
    return r->type == REDIS_REPLY_ERROR && strncmp(r->str, "NOSCRIPT", 8) == 0;
}

/* Run the command that stands in s->argv (argv[1] is the script's digest), and load the script when the server does not know it. The caller frees the
 * reply, whatever it is. */
static enum hl_status call_script(struct redis_store *s, struct script *script, redisReply **out, struct hl_error *err)
{
    for (int attempt = 0;; attempt++) {
        redisReply *r = NULL;
        enum hl_status status = script->sha[0] && attempt == 0 ? HL_OK : load_script(s, script, err);
        if (status) return status;
        s->argv[1] = script->sha;
        s->argv_len[1] = sizeof(script->sha) - 1;
        if ((status = call(s, s->argc, s->argv, s->argv_len, &r, err))) return status;
        *out = r;
        if (!is_unknown_script(r) || attempt > 0) return HL_OK;
        freeReplyObject(r);
    }
}

static enum hl_status run_script(struct redis_store *s, struct script *script, struct hl_error *err)
{
    redisReply *r = NULL;
    enum hl_status status = call_script(s, script, &r, err);
    if (status) return status;
    status = script_answer(s, r, err);
    freeReplyObject(r);
    return status;
}

/* --- the port --- */

static enum hl_status redis_own(struct hl_store *base, int32_t partition, uint64_t *token, struct hl_error *err)
{
    struct redis_store *s = store_of(base);
    uint64_t fresh;
    if (getrandom(&fresh, sizeof(fresh), 0) != (ssize_t)sizeof(fresh)) {
        return hl_error_set(err, HL_E_IO, HL_RETRY, "getrandom: %s", strerror(errno));
    }
    enum hl_status status = ready(s, partition, err);
    if (status) return status;
    char text[NUMBER_CAP];
    snprintf(text, sizeof(text), "%llu", (unsigned long long)fresh);
    redisReply *r = NULL;
    status = ask(s, key_of(s, OWNER_KEY), 3, (const char *[]){"SET", key_of(s, OWNER_KEY), text}, NULL, 0, &r, err);
    if (status) return status;
    freeReplyObject(r);
    *token = fresh;
    return HL_OK;
}

/* The marker of the partition in hand; position -1 when there is none. */
static enum hl_status read_marker(struct redis_store *s, struct hl_redis_marker *out, struct hl_error *err)
{
    redisReply *r = NULL;
    const char *key = key_of(s, MARKER_KEY);
    enum hl_status status = ask(s, key, 2, (const char *[]){"GET", key}, NULL, 0, &r, err);
    if (status) return status;
    *out = (struct hl_redis_marker){.position = -1};
    bool ok = r->type == REDIS_REPLY_NIL;
    if (r->type == REDIS_REPLY_STRING) ok = hl_redis_marker_parse((struct hl_slice){r->str, r->len}, HL_REDIS_LAYOUT, out);
    freeReplyObject(r);
    if (ok) return HL_OK;
    hl_redis_link_close(s->link);
    return hl_error_set(err, HL_E_DECODE, HL_RETRY, "redis %s: %s is not a marker", s->link->where, key);
}

static enum hl_status redis_marker(struct hl_store *base, int32_t partition, int64_t *position, struct hl_error *err)
{
    struct redis_store *s = store_of(base);
    struct hl_redis_marker marker;
    enum hl_status status = ready(s, partition, err);
    if (!status) status = read_marker(s, &marker, err);
    if (!status) *position = marker.position;
    return status;
}

/* By bucket, then id, then age. */
static int compare_places(const void *pa, const void *pb, void *ctx)
{
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
    const struct hl_store_record *x = (const struct hl_store_record *)ctx + a, *y = (const struct hl_store_record *)ctx + b;
    uint64_t bx = x->hash % HL_REDIS_BUCKETS, by = y->hash % HL_REDIS_BUCKETS;
    if (bx != by) return bx < by ? -1 : 1;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    int order = hl_slice_compare(x->id, y->id);
    return order ? order : (a > b) - (a < b);
}

/* Sort the chunk into s->order, of each id only the newest record; how many are left. */
static size_t sort_by_bucket(struct redis_store *s, const struct hl_store_record *records, size_t n)
{
    union {
        const struct hl_store_record *from;
        void *to;
    } ctx = {.from = records};
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) s->order[i] = (uint32_t)i;
    qsort_r(s->order, n, sizeof(*s->order), compare_places, ctx.to);
    for (size_t i = 0; i < n; i++) {
        const struct hl_store_record *r = &records[s->order[i]], *next = i + 1 < n ? &records[s->order[i + 1]] : NULL;
        if (!next || next->hash != r->hash || !hl_slice_eq(next->id, r->id)) s->order[kept++] = s->order[i];
    }
    return kept;
}

/* Room for what is made of ids and values; nothing of it is in use. */
static bool reserve_made(struct redis_store *s, size_t bytes)
{
    if (bytes <= s->made_cap) return true;
    char *made = realloc(s->made, bytes);
    if (!made) return false;
    s->made = made;
    s->made_cap = bytes;
    return true;
}

static size_t made_of(const struct hl_store_record *records, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) bytes += hl_redis_field_room(records[i].id) + HL_REDIS_SEAL + records[i].value.len;
    return bytes;
}

/* The field of an id, made at *at, which goes on behind it. */
static void arg_field(struct redis_store *s, struct hl_slice id, char **at)
{
    arg(s, hl_redis_field(id, *at));
    *at += hl_redis_field_room(id);
}

/* End of the run that starts at `i` of the order: same bucket, same kind. */
static size_t run_end(const struct redis_store *s, const struct hl_store_record *records, size_t i, size_t n)
{
    const struct hl_store_record *first = &records[s->order[i]];
    size_t end = i;
    while (end < n && end - i < RUN_RECORDS) {
        const struct hl_store_record *r = &records[s->order[end]];
        if (r->hash % HL_REDIS_BUCKETS != first->hash % HL_REDIS_BUCKETS) break;
        if (hl_slice_is_null(r->value) != hl_slice_is_null(first->value)) break;
        end++;
    }
    return end;
}

/* Fields are made, and values sealed, from `at` on; where it ends. */
static char *put_run_fields(struct redis_store *s, const struct hl_store_record *records, size_t i, size_t end, size_t run, char *at)
{
    bool set = !hl_slice_is_null(records[s->order[i]].value);
    snprintf(s->counts[run], NUMBER_CAP, "%s%zu", set ? "" : "-", end - i);
    arg_text(s, s->counts[run]);
    for (; i < end; i++) {
        const struct hl_store_record *r = &records[s->order[i]];
        arg_field(s, r->id, &at);
        if (!set) continue;
        hl_redis_seal(at, r->hash, r->value);
        arg(s, (struct hl_slice){at, HL_REDIS_SEAL + r->value.len});
        at += HL_REDIS_SEAL + r->value.len;
    }
    return at;
}

/* One chunk (n <= CHUNK_RECORDS) by one EVALSHA. */
static enum hl_status write_chunk(struct redis_store *s, const char *token, int64_t from, int64_t to,
                                  const struct hl_store_record *records, size_t n, struct hl_error *err)
{
    char text[4][NUMBER_CAP];
    size_t runs = 0;
    if (!command_begin(s, 9 + 4 * n) || !reserve_made(s, made_of(records, n))) return no_memory(s, err);
    n = sort_by_bucket(s, records, n);
    for (size_t i = 0; i < n; i = run_end(s, records, i, n)) runs++;
    snprintf(text[0], NUMBER_CAP, "%zu", 2 + runs);
    snprintf(text[1], NUMBER_CAP, "%lld", (long long)from);
    snprintf(text[2], NUMBER_CAP, "%lld", (long long)to);
    snprintf(text[3], NUMBER_CAP, "%d", HL_REDIS_LAYOUT);
    arg_text(s, "EVALSHA");
    arg_text(s, "");
    arg_text(s, text[0]);
    arg_text(s, key_of(s, OWNER_KEY));
    arg_text(s, key_of(s, MARKER_KEY));
    for (size_t i = 0; i < n; i = run_end(s, records, i, n)) arg_text(s, key_of(s, records[s->order[i]].hash % HL_REDIS_BUCKETS));
    arg_text(s, token);
    arg_text(s, text[1]);
    arg_text(s, text[2]);
    arg_text(s, text[3]);
    char *at = s->made;
    for (size_t i = 0, run = 0; i < n; run++) {
        size_t end = run_end(s, records, i, n);
        at = put_run_fields(s, records, i, end, run, at);
        i = end;
    }
    return run_script(s, &s->write_script, err);
}

/* How many of the records the next chunk takes: at least one, if there is one. */
static size_t chunk_size(const struct hl_store_record *records, size_t n)
{
    size_t bytes = 0, i = 0;
    for (; i < n && i < CHUNK_RECORDS; i++) {
        bytes += records[i].id.len + records[i].value.len;
        if (bytes > CHUNK_BYTES && i > 0) break;
    }
    return i;
}

static enum hl_status redis_write(struct hl_store *base, int32_t partition, uint64_t token, int64_t from, int64_t to,
                                  const struct hl_store_record *records, size_t n, struct hl_error *err)
{
    struct redis_store *s = store_of(base);
    char token_text[NUMBER_CAP];
    enum hl_status status = ready(s, partition, err);
    if (status) return status;
    snprintf(token_text, sizeof(token_text), "%llu", (unsigned long long)token);
    for (;;) {
        size_t take = chunk_size(records, n);
        bool last = take == n;
        status = write_chunk(s, token_text, from, last ? to : from, records, take, err);
        if (status || last) return status;
        records += take;
        n -= take;
    }
}

/* A load under way. */
struct loading {
    struct redis_store *s;
    hl_store_fn *fn;
    void *ctx;
    struct hl_redis_sum sum; /* of what has come */
    size_t bucket;           /* whose reply is read */
    struct hl_buf bytes;     /* of the group: id, value, id, value ... */
    size_t id_len[HL_STORE_GROUP], value_len[HL_STORE_GROUP];
    uint64_t hash[HL_STORE_GROUP];
    size_t n;
    bool has_id; /* of one more; its value is to come */
    size_t next; /* bucket to ask for */
    size_t asked[WINDOW], n_asked;   /* those on their way, in the order of their replies */
    size_t missed[WINDOW], n_missed; /* redirected */
};

/* Hand the group over. */
static enum hl_status give_group(struct loading *l, struct hl_error *err)
{
    struct hl_store_record group[HL_STORE_GROUP];
    const char *at = (const char *)l->bytes.data;
    if (l->bytes.failed) return hl_error_set(err, HL_E_NOMEM, HL_RETRY, "redis store: out of memory");
    for (size_t i = 0; i < l->n; i++) {
        group[i] = (struct hl_store_record){{at, l->id_len[i]}, l->hash[i], {at + l->id_len[i], l->value_len[i]}};
        at += l->id_len[i] + l->value_len[i];
    }
    enum hl_status status = l->n ? l->fn(l->ctx, group, l->n) : HL_OK;
    l->n = 0;
    hl_buf_clear(&l->bytes);
    if (!status) return HL_OK;
    return hl_error_set(err, status, HL_STOP, "redis %s: load of partition %d: a record was refused: %s", l->s->link->where, (int)l->s->keys_of,
                        hl_status_name(status));
}

/* An id and its value, by turns. */
static enum hl_status take_string(void *ctx, char *text, size_t len, struct hl_error *err)
{
    struct loading *l = ctx;
    struct hl_slice value;
    l->has_id = !l->has_id;
    if (l->has_id) {
        char uuid[HL_REDIS_UUID_TEXT];
        struct hl_slice id = hl_redis_field_id((struct hl_slice){text, len}, uuid);
        hl_buf_put(&l->bytes, id.data, l->id_len[l->n] = id.len);
        l->hash[l->n] = hl_hash64(id);
        return HL_OK;
    }
    if (!hl_redis_unseal(text, len, l->hash[l->n], &value, &l->sum))
        return hl_error_set(err, HL_E_DECODE, HL_STOP, "redis %s: %s holds a record that was altered", l->s->link->where,
                            key_of(l->s, l->bucket));
    hl_buf_put(&l->bytes, value.data, l->value_len[l->n++] = value.len);
    return l->n < HL_STORE_GROUP ? HL_OK : give_group(l, err);
}

static bool is_redirection(const struct redis_store *s, const redisReply *r)
{
    return s->cluster && r->type == REDIS_REPLY_ERROR && (strncmp(r->str, "MOVED ", 6) == 0 || strncmp(r->str, "ASK ", 4) == 0);
}

/* The reply to one HGETALL; its records have been handed over when it has come. */
static enum hl_status take_bucket(struct loading *l, size_t bucket, bool *redirected, struct hl_error *err)
{
    struct redis_store *s = l->s;
    redisReply *r = NULL;
    l->bucket = bucket;
    enum hl_status status = troubled(s, hl_redis_link_strings(s->link, take_string, l, &r, err));
    if (status) return status;
    *redirected = is_redirection(s, r);
    if (r->type == REDIS_REPLY_ERROR && !*redirected)
        status = refused(s, key_of(s, bucket), r, err);
    else if (!*redirected && (r->type != REDIS_REPLY_ARRAY || l->has_id))
        status = wrong_reply(s, "HGETALL", err);
    freeReplyObject(r);
    return status;
}

static enum hl_status ask_bucket(struct loading *l, size_t bucket, struct hl_error *err)
{
    l->asked[l->n_asked++] = bucket;
    return hl_redis_link_append(l->s->link, 2, (const char *[]){"HGETALL", key_of(l->s, bucket)}, NULL, err);
}

/* Ask for buckets and take them, until all are asked for or one is elsewhere. Half a window is asked for at once, while the other half is still
 * on its way: the server works on, and few calls are made. */
static enum hl_status load_run(struct loading *l, struct hl_error *err)
{
    enum hl_status status = ready(l->s, l->s->keys_of, err);
    while (!status && (l->n_asked || (l->next < HL_REDIS_BUCKETS && !l->n_missed))) {
        bool redirected;
        bool more = l->n_asked <= WINDOW / 2 && !l->n_missed;
        while (more && l->n_asked < WINDOW && l->next < HL_REDIS_BUCKETS && !status) status = ask_bucket(l, l->next++, err);
        if (!status) status = take_bucket(l, l->asked[0], &redirected, err);
        if (status) return status;
        if (redirected) l->missed[l->n_missed++] = l->asked[0];
        memmove(l->asked, l->asked + 1, --l->n_asked * sizeof(*l->asked));
    }
    return status;
}

/* The strings of a whole reply. */
static enum hl_status take_reply(struct loading *l, const redisReply *r, struct hl_error *err)
{
    struct redis_store *s = l->s;
    enum hl_status status = HL_OK;
    if (r->type == REDIS_REPLY_ERROR) return refused(s, key_of(s, l->bucket), r, err);
    if (r->type != REDIS_REPLY_ARRAY || r->elements % 2 != 0) return wrong_reply(s, "HGETALL", err);
    for (size_t i = 0; i < r->elements && !status; i++) {
        redisReply *e = r->element[i];
        status = e->type == REDIS_REPLY_STRING ? take_string(l, e->str, e->len, err) : wrong_reply(s, "HGETALL", err);
    }
    return status;
}

/* A bucket that is elsewhere, or on its way there; the next one is asked of the slot's node again. */
static enum hl_status load_moved(struct loading *l, size_t bucket, struct hl_error *err)
{
    redisReply *r = NULL;
    struct redis_store *s = l->s;
    const char *key = key_of(s, bucket);
    enum hl_status status = ready(s, s->keys_of, err);
    if (!status) status = ask(s, key, 2, (const char *[]){"HGETALL", key}, NULL, 0, &r, err);
    if (status) return status;
    l->bucket = bucket;
    status = take_reply(l, r, err);
    freeReplyObject(r);
    return status;
}

static enum hl_status load_all(struct loading *l, struct hl_error *err)
{
    enum hl_status status = HL_OK;
    while (!status && l->next < HL_REDIS_BUCKETS) {
        status = load_run(l, err);
        for (size_t i = 0; i < l->n_missed && !status; i++) status = load_moved(l, l->missed[i], err);
        l->n_missed = 0;
    }
    return status ? status : give_group(l, err);
}

/* Whether all that the marker counts has come, and nothing else. */
static enum hl_status check_sum(struct redis_store *s, const struct hl_redis_sum *want, const struct hl_redis_sum *got,
                                struct hl_error *err)
{
    if (got->count != want->count) {
        return hl_error_set(err, HL_E_DECODE, HL_STOP, "redis %s: the copy of partition %d has %llu records, its marker counts %llu",
                            s->link->where, (int)s->keys_of, (unsigned long long)got->count, (unsigned long long)want->count);
    }
    if (got->low != want->low || got->high != want->high) {
        return hl_error_set(err, HL_E_DECODE, HL_STOP,
                            "redis %s: the records of partition %d are as many as its marker counts, but others", s->link->where,
                            (int)s->keys_of);
    }
    return HL_OK;
}

static enum hl_status redis_load(struct hl_store *base, int32_t partition, int64_t position, hl_store_fn *fn, void *ctx, struct hl_error *err)
{
    struct redis_store *s = store_of(base);
    struct loading l = {.s = s, .fn = fn, .ctx = ctx};
    struct hl_redis_marker marker;
    enum hl_status status = ready(s, partition, err);
    if (!status && position >= 0) {
        status = read_marker(s, &marker, err);
        if (!status && marker.position != position)
            status = hl_error_set(err, HL_E_GAP, HL_RETRY, "redis %s: the marker of partition %d has moved", s->link->where, (int)partition);
    }
    if (!status && (status = load_all(&l, err))) hl_redis_link_close(s->link); /* replies may still be on their way */
    hl_buf_fini(&l.bytes);
    return status || position < 0 ? status : check_sum(s, &marker.sum, &l.sum, err);
}

/* The value of a stored record, malloc'ed. */
static enum hl_status copy_value(struct redis_store *s, const redisReply *r, struct hl_slice id, char **value, size_t *len,
                                 struct hl_error *err)
{
    struct hl_redis_sum sum;
    struct hl_slice v;
    if (r->type == REDIS_REPLY_NIL) return HL_OK;
    if (r->type != REDIS_REPLY_STRING) return wrong_reply(s, "HGET", err);
    if (!hl_redis_unseal(r->str, r->len, hl_hash64(id), &v, &sum)) {
        return hl_error_set(err, HL_E_DECODE, HL_STOP, "redis %s: a record of partition %d was altered", s->link->where, (int)s->keys_of);
    }
    *value = malloc(v.len + 1);
    if (!*value) return no_memory(s, err);
    memcpy(*value, v.data, v.len + 1); /* with the NUL that hiredis puts behind */
    *len = v.len;
    return HL_OK;
}

static enum hl_status redis_get(struct hl_store *base, int32_t partition, struct hl_slice id, char **value, size_t *len,
                                struct hl_error *err)
{
    struct redis_store *s = store_of(base);
    redisReply *r = NULL;
    enum hl_status status = ready(s, partition, err);
    if (status) return status;
    if (!command_begin(s, 3) || !reserve_made(s, hl_redis_field_room(id))) return no_memory(s, err);
    const char *key = key_of(s, hl_hash64(id) % HL_REDIS_BUCKETS);
    char *at = s->made;
    arg_text(s, "HGET");
    arg_text(s, key);
    arg_field(s, id, &at);
    status = ask(s, key, s->argc, s->argv, s->argv_len, 0, &r, err);
    if (status) return status;
    *value = NULL;
    *len = 0;
    status = copy_value(s, r, id, value, len, err);
    freeReplyObject(r);
    return status;
}

/* --- fetch --- */

struct fetching {
    const struct hl_store_wanted *wanted;
    size_t n;
    enum hl_status (*fn)(void *ctx, size_t i, struct hl_slice value);
    void *ctx;
};

/* End of the run that starts at i: one partition, one position. */
static size_t fetch_end(const struct fetching *f, size_t i)
{
    size_t end = i + 1;
    while (end < f->n && end - i < FETCH_IDS && f->wanted[end].partition == f->wanted[i].partition && f->wanted[end].position == f->wanted[i].position)
        end++;
    return end;
}

/* The command for a run stands in s->argv; `text` holds its numbers. */
static bool put_fetch(struct redis_store *s, const struct fetching *f, size_t i, size_t end, char text[2][NUMBER_CAP])
{
    size_t bytes = 0;
    for (size_t k = i; k < end; k++) bytes += hl_redis_field_room(f->wanted[k].id);
    if (!command_begin(s, 5 + 2 * (end - i)) || !reserve_made(s, bytes)) return false;
    char *at = s->made;
    snprintf(text[0], NUMBER_CAP, "%zu", 1 + end - i);
    snprintf(text[1], NUMBER_CAP, "%lld", (long long)f->wanted[i].position);
    arg_text(s, "EVALSHA");
    arg_text(s, s->fetch_script.sha);
    arg_text(s, text[0]);
    arg_text(s, key_of(s, MARKER_KEY));
    for (size_t k = i; k < end; k++) arg_text(s, key_of(s, f->wanted[k].hash % HL_REDIS_BUCKETS));
    arg_text(s, text[1]);
    for (size_t k = i; k < end; k++) arg_field(s, f->wanted[k].id, &at);
    return true;
}

static enum hl_status give_fetched(struct redis_store *s, const struct fetching *f, size_t i, const redisReply *r, struct hl_error *err)
{
    struct hl_redis_sum sum;
    struct hl_slice value = HL_SLICE_NULL;
    if (r->type != REDIS_REPLY_STRING && r->type != REDIS_REPLY_NIL) return wrong_reply(s, "HGET", err);
    if (r->type == REDIS_REPLY_STRING && !hl_redis_unseal(r->str, r->len, f->wanted[i].hash, &value, &sum)) {
        hl_redis_link_close(s->link);
        return hl_error_set(err, HL_E_DECODE, HL_RETRY, "redis %s: a record of partition %d was altered", s->link->where, (int)s->keys_of);
    }
    enum hl_status status = f->fn(f->ctx, i, value);
    if (!status) return HL_OK;
    hl_redis_link_close(s->link);
    return hl_error_set(err, status, HL_STOP, "redis %s: a record of partition %d was refused: %s", s->link->where, (int)s->keys_of,
                        hl_status_name(status));
}

static enum hl_status take_fetched(struct redis_store *s, const struct fetching *f, size_t i, size_t end, const redisReply *r, struct hl_error *err)
{
    enum hl_status status = HL_OK;
    if (r->type != REDIS_REPLY_ARRAY) {
        status = script_answer(s, r, err);
        return status ? status : wrong_reply(s, "the fetch", err);
    }
    if (r->elements != end - i) return wrong_reply(s, "the fetch", err);
    for (size_t k = i; k < end && !status; k++) status = give_fetched(s, f, k, r->element[k - i], err);
    return status;
}

/* One run, whatever it takes: a redirection, a script that is not known. */
static enum hl_status fetch_run(struct redis_store *s, const struct fetching *f, size_t i, size_t end, struct hl_error *err)
{
    char text[2][NUMBER_CAP];
    redisReply *r = NULL;
    enum hl_status status = ready(s, f->wanted[i].partition, err);
    if (status) return status;
    if (!put_fetch(s, f, i, end, text)) return no_memory(s, err);
    status = call_script(s, &s->fetch_script, &r, err);
    if (status) return status;
    status = take_fetched(s, f, i, end, r, err);
    freeReplyObject(r);
    return status;
}

/* Several runs, all on the way at once. After an answer that ends the call the others are taken, too, unless the link was closed. *again: a bit for
 * each for which the script was not known there (any more). */
static enum hl_status fetch_window(struct redis_store *s, const struct fetching *f, const size_t *from, size_t runs, uint64_t *again, struct hl_error *err)
{
    char text[2][NUMBER_CAP];
    enum hl_status status = ready(s, f->wanted[from[0]].partition, err);
    for (size_t k = 0; k < runs && !status; k++) {
        s->keys_of = f->wanted[from[k]].partition;
        if (!put_fetch(s, f, from[k], from[k + 1], text)) return no_memory(s, err);
        status = hl_redis_link_append(s->link, s->argc, s->argv, s->argv_len, err);
    }
    for (size_t k = 0; k < runs && s->link->c; k++) {
        redisReply *r = NULL;
        struct hl_error ignored;
        enum hl_status one = next_reply(s, &r, status ? &ignored : err);
        if (one) return status ? status : one;
        s->keys_of = f->wanted[from[k]].partition;
        if (is_unknown_script(r))
            *again |= UINT64_C(1) << k;
        else if (!status)
            status = take_fetched(s, f, from[k], from[k + 1], r, err);
        freeReplyObject(r);
    }
    return status;
}

static enum hl_status fetch_one_by_one(struct redis_store *s, const struct fetching *f, const size_t *from, size_t runs, uint64_t which,
                                       struct hl_error *err)
{
    enum hl_status status = HL_OK;
    for (size_t k = 0; k < runs && !status; k++)
        if (which >> k & 1) status = fetch_run(s, f, from[k], from[k + 1], err);
    return status;
}

static enum hl_status redis_fetch(struct hl_store *base, const struct hl_store_wanted *wanted, size_t n,
                                  enum hl_status (*fn)(void *ctx, size_t i, struct hl_slice value), void *ctx, struct hl_error *err)
{
    struct redis_store *s = store_of(base);
    struct fetching f = {wanted, n, fn, ctx};
    enum hl_status status = HL_OK;
    for (size_t i = 0; i < n && !status;) {
        size_t from[FETCH_RUNS + 1], runs = 0;
        uint64_t again = s->cluster || !s->fetch_script.sha[0] ? UINT64_MAX : 0;
        for (from[0] = i; i < n && runs < FETCH_RUNS; from[++runs] = i) i = fetch_end(&f, i);
        if (!again) status = fetch_window(s, &f, from, runs, &again, err);
        if (again && !status) status = fetch_one_by_one(s, &f, from, runs, again, err);
    }
    return status;
}

static enum hl_status redis_discard(struct hl_store *base, int32_t partition, uint64_t token, struct hl_error *err)
{
    struct redis_store *s = store_of(base);
    char count[NUMBER_CAP], token_text[NUMBER_CAP];
    enum hl_status status = ready(s, partition, err);
    if (status) return status;
    if (!command_begin(s, 4 + KEY_COUNT)) return no_memory(s, err);
    snprintf(count, sizeof(count), "%d", KEY_COUNT);
    snprintf(token_text, sizeof(token_text), "%llu", (unsigned long long)token);
    arg_text(s, "EVALSHA");
    arg_text(s, "");
    arg_text(s, count);
    arg_text(s, key_of(s, OWNER_KEY));
    arg_text(s, key_of(s, MARKER_KEY));
    for (size_t b = 0; b < HL_REDIS_BUCKETS; b++) arg_text(s, key_of(s, b));
    arg_text(s, token_text);
    return run_script(s, &s->discard_script, err);
}

/* {NAME:p}:<note>; into s->note_key. */
static enum hl_status name_note(struct redis_store *s, int32_t partition, const char *note, struct hl_error *err)
{
    HL_BUG_ON(strlen(note) > NOTE_NAME);
    snprintf(s->note_key, s->key_cap, "{%s:%d}:%s", s->access.name, (int)partition, note);
    return ready(s, partition, err);
}

static enum hl_status redis_note_put(struct hl_store *base, int32_t partition, const char *note, struct hl_slice value, struct hl_error *err)
{
    struct redis_store *s = store_of(base);
    redisReply *r = NULL;
    enum hl_status status = name_note(s, partition, note, err);
    if (status) return status;
    const char *argv[] = {"SET", s->note_key, value.data};
    const size_t lengths[] = {3, strlen(s->note_key), value.len};
    status = ask(s, s->note_key, 3, argv, lengths, 0, &r, err);
    if (!status) freeReplyObject(r);
    return status;
}

static enum hl_status redis_note_get(struct hl_store *base, int32_t partition, const char *note, char **value, size_t *len,
                                     struct hl_error *err)
{
    struct redis_store *s = store_of(base);
    redisReply *r = NULL;
    *value = NULL;
    *len = 0;
    enum hl_status status = name_note(s, partition, note, err);
    if (!status) status = ask(s, s->note_key, 2, (const char *[]){"GET", s->note_key}, NULL, 0, &r, err);
    if (status) return status;
    if (r->type == REDIS_REPLY_STRING) {
        *value = malloc(r->len + 1);
        if (*value) memcpy(*value, r->str, r->len + 1);
        *len = r->len;
        if (!*value) status = no_memory(s, err);
    } else if (r->type != REDIS_REPLY_NIL) {
        status = wrong_reply(s, s->note_key, err);
    }
    freeReplyObject(r);
    return status;
}

static void redis_free(struct hl_store *base)
{
    struct redis_store *s = store_of(base);
    hl_redis_link_close(&s->server);
    hl_redis_cluster_free(s->cluster);
    hl_redis_tls_free(s->access.tls);
    explicit_bzero(s->access.url.password, sizeof(s->access.url.password));
    free(s->access.name);
    free(s->access.password_file);
    free(s->keys);
    free(s->names_of);
    free(s->note_key);
    free(s->argv);
    free(s->argv_len);
    free(s->order);
    free(s->counts);
    free(s->made);
    free(s);
}

static const struct hl_store redis_functions = {
    .own = redis_own,
    .marker = redis_marker,
    .write = redis_write,
    .load = redis_load,
    .get = redis_get,
    .fetch = redis_fetch,
    .discard = redis_discard,
    .note_put = redis_note_put,
    .note_get = redis_note_get,
    .free = redis_free,
};

static enum hl_status allocate(struct redis_store *s, const struct hl_redis_config *config, struct hl_error *err)
{
    s->access.name = strdup(config->name);
    s->access.password_file = config->password_file ? strdup(config->password_file) : NULL;
    s->key_cap = strlen(config->name) + 32;
    s->keys = malloc(KEY_COUNT * s->key_cap);
    s->names_of = malloc(KEY_COUNT * sizeof(*s->names_of));
    if (s->names_of) memset(s->names_of, -1, KEY_COUNT * sizeof(*s->names_of));
    s->note_key = malloc(s->key_cap);
    s->order = malloc(CHUNK_RECORDS * sizeof(*s->order));
    s->counts = malloc(CHUNK_RECORDS * sizeof(*s->counts));
    if (config->cluster) s->cluster = hl_redis_cluster_new(&s->access);
    if (s->access.name && (s->access.password_file || !config->password_file) && s->keys && s->names_of && s->note_key && s->order && s->counts &&
        (s->cluster || !config->cluster))
        return HL_OK;
    return hl_error_set(err, HL_E_NOMEM, HL_STOP, "redis store: out of memory");
}

/* An unreadable file is said at start. */
static enum hl_status try_password(const struct redis_store *s, struct hl_error *err)
{
    char password[sizeof(s->access.url.password)];
    enum hl_status status = hl_redis_password(&s->access, password, sizeof(password), err);
    explicit_bzero(password, sizeof(password));
    return status;
}

static enum hl_status bad_config(struct hl_error *err, const char *what)
{
    return hl_error_set(err, HL_E_CONFIG, HL_STOP, "redis: %s", what);
}

static enum hl_status check_config(const struct hl_redis_config *config, const struct hl_redis_url *url, struct hl_error *err)
{
    bool tls_files = config->ca_file || config->cert_file || config->key_file;
    if (config->user && strlen(config->user) >= sizeof(url->user)) return bad_config(err, "redis.user is too long");
    if (tls_files && !url->tls) return bad_config(err, "ca_file, cert_file and key_file are for TLS: redis.url must start with rediss://");
    if (url->n_seeds > 1 && !url->master[0] && !config->cluster)
        return bad_config(err, "several hosts in redis.url are for a cluster (redis.cluster: true) or for sentinels (redis+sentinel://)");
    if (!config->cluster) return HL_OK;
    if (url->seeds[0].is_unix || url->master[0]) return bad_config(err, "a cluster is reached by redis:// or rediss://");
    if (url->db) return bad_config(err, "a cluster has no database but 0, see the end of redis.url");
    if (strchr(config->name, '}')) return bad_config(err, "kafka.group.id must not contain '}' with a cluster: it would cut the hash tag");
    return HL_OK;
}

enum hl_status hl_redis_new(const struct hl_redis_config *config, struct hl_store **out, struct hl_error *err)
{
    struct hl_redis_url url;
    enum hl_status status = hl_redis_url_parse(config->url, &url, err);
    if (!status) status = check_config(config, &url, err);
    if (status) return status;
    if (config->user) snprintf(url.user, sizeof(url.user), "%s", config->user);

    struct redis_store *s = calloc(1, sizeof(*s));
    if (!s) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "redis store: out of memory");
    s->base = redis_functions;
    s->access.url = url;
    explicit_bzero(url.password, sizeof(url.password));
    s->access.timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : DEFAULT_TIMEOUT_MS;
    s->keys_of = -1;
    s->write_script.text = HL_REDIS_SCRIPT_WRITE;
    s->discard_script.text = HL_REDIS_SCRIPT_DISCARD;
    s->fetch_script.text = HL_REDIS_SCRIPT_FETCH;
    hl_redis_link_init(&s->server, &s->access, &s->access.url.seeds[0]);
    s->server.by_name = s->access.url.master[0] != '\0';
    status = allocate(s, config, err);
    if (!status) status = try_password(s, err);
    if (!status && s->access.url.tls)
        status = hl_redis_tls_new(config->ca_file, config->cert_file, config->key_file, &s->access.tls, err);
    if (status)
        redis_free(&s->base);
    else
        *out = &s->base;
    return status;
}

/* --- checks at start --- */

/* Value of "name:value" in the text of INFO; null when absent. */
static struct hl_slice info_field(struct hl_slice info, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = info.data, *end = info.data + info.len; p < end;) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        if (!line_end) line_end = end;
        struct hl_slice line = hl_slice_trim((struct hl_slice){p, (size_t)(line_end - p)});
        if (line.len > n && memcmp(line.data, name, n) == 0 && line.data[n] == ':')
            return (struct hl_slice){line.data + n + 1, line.len - n - 1};
        p = line_end + 1;
    }
    return HL_SLICE_NULL;
}

static void warn_about(const struct redis_store *s, const struct hl_redis_link *l, struct hl_slice info, struct hl_buf *out)
{
    struct hl_slice version = info_field(info, "redis_version"), policy = info_field(info, "maxmemory_policy");
    struct hl_slice major = {version.data, version.len ? strcspn(version.data, ".\r\n") : 0};
    bool node = hl_slice_eq_cstr(info_field(info, "redis_mode"), "cluster");
    int64_t number;
    if (!hl_slice_parse_i64(major, &number) || number < 4) {
        hl_buf_printf(out, "%s: version \"%.*s\" is older than 4.0 or unknown\n", l->where, HL_SLICE_ARG(version));
    }
    if (!hl_slice_eq_cstr(policy, "noeviction")) {
        hl_buf_printf(out,
                      "%s: maxmemory-policy is \"%.*s\", so a full server throws contacts away: then the copy is useless and the API "
                      "misses them. Run: redis-cli CONFIG SET maxmemory-policy noeviction\n",
                      l->where, HL_SLICE_ARG(policy));
    }
    if (hl_slice_eq_cstr(info_field(info, "loading"), "1")) hl_buf_printf(out, "%s: still loading its data set\n", l->where);
    if (hl_slice_eq_cstr(info_field(info, "role"), "slave")) hl_buf_printf(out, "%s: is a replica: writes will be refused\n", l->where);
    if (node && !s->cluster) hl_buf_printf(out, "%s: is a node of a cluster: set redis.cluster: true\n", l->where);
}

static enum hl_status check_server(const struct redis_store *s, struct hl_redis_link *l, struct hl_buf *out, struct hl_error *err)
{
    redisReply *r = NULL;
    enum hl_status status = hl_redis_link_open(l, err);
    if (status) return status;
    status = hl_redis_link_ask(l, "INFO", 1, (const char *[]){"INFO"}, NULL, REDIS_REPLY_STRING, &r, err);
    if (status == HL_E_PERMISSION) { /* the right to INFO is a comfort, not a need */
        hl_buf_printf(out, "%s: its settings cannot be looked at: %s\n", l->where, err ? err->message : "");
        return HL_OK;
    }
    if (status) return status;
    warn_about(s, l, (struct hl_slice){r->str, r->len}, out);
    freeReplyObject(r);
    return HL_OK;
}

typedef enum hl_status look_fn(const struct redis_store *s, struct hl_redis_link *l, struct hl_buf *out, struct hl_error *err);

/* Look at each server of the store; what `look` says of them, a line each, into text. */
static enum hl_status look_at_servers(struct redis_store *s, look_fn *look, char *text, size_t cap, struct hl_error *err)
{
    struct hl_buf out;
    hl_buf_init(&out);
    enum hl_status status = ready(s, 0, err);
    if (!status && !s->cluster) status = look(s, s->link, &out, err);
    for (size_t i = 0; !status && s->cluster && hl_redis_cluster_node(s->cluster, i); i++)
        status = look(s, hl_redis_cluster_node(s->cluster, i), &out, err);
    if (!status) snprintf(text, cap, "%.*s", HL_SLICE_ARG(hl_buf_slice(&out)));
    hl_buf_fini(&out);
    return status;
}

enum hl_status hl_redis_check(struct hl_store *base, char *warning, size_t cap, struct hl_error *err)
{
    return look_at_servers(store_of(base), check_server, warning, cap, err);
}

/* The number of a setting in the answer to CONFIG GET, by the end of its name; *name is the whole of it, the newer one of two. INT64_MAX: it is not
 * there. */
static int64_t setting(const redisReply *r, const char *end, const char **name)
{
    int64_t n, found = INT64_MAX;
    for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i + 1 < r->elements; i += 2) {
        const redisReply *key = r->element[i], *value = r->element[i + 1];
        size_t len = strlen(end);
        if (key->type != REDIS_REPLY_STRING || value->type != REDIS_REPLY_STRING || key->len < len) continue;
        if (strcmp(key->str + key->len - len, end) != 0 || !hl_slice_parse_i64((struct hl_slice){value->str, value->len}, &n)) continue;
        if (found == INT64_MAX || strstr(key->str, "listpack")) *name = key->str;
        found = n;
    }
    return found;
}

static enum hl_status advise_on_server(const struct redis_store *s, struct hl_redis_link *l, struct hl_buf *out, struct hl_error *err)
{
    const char *argv[] = {"CONFIG", "GET", "hash-max-*"}, *entries = "", *bytes = "";
    redisReply *r = NULL;
    (void)s;
    enum hl_status status = hl_redis_link_open(l, err);
    if (!status) status = hl_redis_link_append(l, 3, argv, NULL, err);
    if (!status) status = hl_redis_link_next(l, &r, err);
    if (status) return status;
    int64_t max_entries = setting(r, "-entries", &entries), max_bytes = setting(r, "-value", &bytes);
    if (max_entries < HL_REDIS_PACKED_ENTRIES || max_bytes < HL_REDIS_PACKED_BYTES)
        hl_buf_printf(out, "%s: contacts would take less memory, and load faster, with: redis-cli CONFIG SET %s %d; redis-cli CONFIG SET %s %d\n",
                      l->where, entries, HL_REDIS_PACKED_ENTRIES, bytes, HL_REDIS_PACKED_BYTES);
    freeReplyObject(r); /* a refusal, too: the right to CONFIG GET is a comfort */
    return HL_OK;
}

enum hl_status hl_redis_advise(struct hl_store *base, char *advice, size_t cap, struct hl_error *err)
{
    return look_at_servers(store_of(base), advise_on_server, advice, cap, err);
}
