/* DESIGN
 * One blocking connection, made by the first call that needs it. Any trouble with it (I/O, timeout, a reply of a wrong type, an
 * error reply) frees it, so that no later call can read an answer that belongs to an earlier one; the next call connects again.
 *
 *   write: records -> chunks (10,000 records or 8 MiB) -> sorted by bucket, the newest of an id kept -> runs of sets or deletes
 *          -> one EVALSHA a chunk
 *   load:  HGETALL of all buckets, WINDOW of them on the way at a time; seals and their sum checked, see seal.h
 *
 * Only the last chunk moves the marker. A reader between two chunks sees records newer than the marker: harmless, since what
 * follows the marker in the state topic is applied over them. A write whose answer got lost may have happened; the next one then
 * meets HL_E_GAP and its caller reads the marker.
 *
 * WHY NOT
 * An owner counter (INCR): a server that lost its last writes would hand out the same number twice. Tokens are random.
 * MULTI instead of a script: the checks and the writes would need WATCH and two round trips.
 *
 * THREADS: none of its own; a store is used by one thread at a time. SIGPIPE must be ignored by the program: hiredis 0.14
 * write()s. */
#include "hotlead/adapter/redis.h"

#include <errno.h>
#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/time.h>
#include <unistd.h>

#include "hotlead/base/buf.h"
#include "hotlead/base/clock.h"
#include "scripts.h"
#include "seal.h"
#include "url.h"

#define DEFAULT_TIMEOUT_MS 2000
#define PATIENCE 10 /* a reply that keeps trickling is given up after so many timeouts */
#define MAX_REPLY_BYTES ((size_t)256 << 20)
#define MAX_ELEMENTS (1 << 20)
#define WINDOW 64
#define CHUNK_RECORDS 10000
#define CHUNK_BYTES ((size_t)8 << 20)
#define RUN_RECORDS 1000 /* 2,000 arguments of unpack(); Lua's limit is near 8,000 */
#define NUMBER_CAP 24

enum { OWNER_KEY = HL_REDIS_BUCKETS, MARKER_KEY, KEY_COUNT };

struct script {
    const char *text;
    char sha[41]; /* as the server answered SCRIPT LOAD; "": not loaded by us yet */
};

struct redis_store {
    struct hl_store base;
    struct hl_redis_url url;
    char *name;
    char *password_file; /* NULL: none. Read at each connect, so a rotated password is taken up */
    int timeout_ms;
    char where[300]; /* host:port, for messages */
    redisContext *c; /* NULL: not connected */
    redisReplyObjectFunctions reply_functions, *hiredis_functions;
    struct script write_script, discard_script;

    int32_t keys_of; /* partition whose keys stand in `keys`, -1: none */
    char *keys;      /* KEY_COUNT names, key_cap bytes each */
    size_t key_cap;

    /* one command */
    const char **argv;
    size_t *argv_len;
    int argc, argv_cap;
    uint32_t *order;            /* records of a chunk by bucket: CHUNK_RECORDS */
    char (*counts)[NUMBER_CAP]; /* of runs, as text: CHUNK_RECORDS */
    char *sealed;               /* values of a chunk */
    size_t sealed_cap;
};

static struct redis_store *store_of(struct hl_store *s)
{
    return (struct redis_store *)s;
}

/* --- connection --- */

static void disconnect(struct redis_store *s)
{
    if (s->c) redisFree(s->c);
    s->c = NULL;
}

/* What the connection says went wrong; frees it. */
static enum hl_status lost(struct redis_store *s, struct hl_error *err)
{
    const char *why = s->c && s->c->errstr[0] ? s->c->errstr : "connection lost";
    if (s->c && s->c->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK)) why = "timed out";
    if (s->c && s->c->err == REDIS_ERR_OOM) why = "reply too large, or out of memory";
    bool garbled = s->c && (s->c->err == REDIS_ERR_PROTOCOL || s->c->err == REDIS_ERR_OOM);
    enum hl_status code = garbled ? HL_E_DECODE : HL_E_UNAVAILABLE;
    hl_error_set(err, code, HL_RETRY, "redis %s: %s", s->where, why);
    disconnect(s);
    return code;
}

static enum hl_status wrong_reply(struct redis_store *s, const char *what, struct hl_error *err)
{
    disconnect(s);
    return hl_error_set(err, HL_E_DECODE, HL_RETRY, "redis %s: unexpected reply to %s", s->where, what);
}

static enum hl_status no_memory(struct redis_store *s, struct hl_error *err)
{
    disconnect(s);
    return hl_error_set(err, HL_E_NOMEM, HL_RETRY, "redis %s: out of memory", s->where);
}

/* Error replies start with a code; inside a script Redis before 7 wraps it, so it is looked for anywhere. The rest means "not
 * now". */
static const struct {
    const char *text;
    enum hl_status code;
    enum hl_action action;
} error_codes[] = {
    {"WRONGTYPE", HL_E_DECODE, HL_STOP},
    {"NOAUTH", HL_E_PERMISSION, HL_STOP},
    {"WRONGPASS", HL_E_PERMISSION, HL_STOP},
    {"NOPERM", HL_E_PERMISSION, HL_STOP},
    {"invalid password", HL_E_PERMISSION, HL_STOP},
    {"no password is set", HL_E_PERMISSION, HL_STOP},
    {"without any password configured", HL_E_PERMISSION, HL_STOP},
    {"DB index is out of range", HL_E_CONFIG, HL_STOP},
};

static enum hl_status refused(struct redis_store *s, const char *what, const redisReply *r, struct hl_error *err)
{
    enum hl_status code = HL_E_UNAVAILABLE;
    enum hl_action action = HL_RETRY;
    for (size_t i = 0; i < HL_ARRAY_LEN(error_codes); i++) {
        if (!strstr(r->str, error_codes[i].text)) continue;
        code = error_codes[i].code;
        action = error_codes[i].action;
        break;
    }
    disconnect(s);
    return hl_error_set(err, code, action, "redis %s: %s: %.300s", s->where, what, r->str);
}

/* hiredis allocates an array before its elements have come, so an array that claims too much is refused before that. */
#if HIREDIS_MAJOR < 1
typedef int element_count;
#else
typedef size_t element_count;
#endif

static void *create_bounded_array(const redisReadTask *task, element_count n)
{
    struct redis_store *s = task->privdata;
    return n > MAX_ELEMENTS ? NULL : s->hiredis_functions->createArray(task, n);
}

static void bound_replies(struct redis_store *s)
{
    s->hiredis_functions = s->c->reader->fn;
    s->reply_functions = *s->hiredis_functions;
    s->reply_functions.createArray = create_bounded_array;
    s->c->reader->fn = &s->reply_functions;
    s->c->reader->privdata = s;
}

/* Write what waits. */
static enum hl_status flush(struct redis_store *s, struct hl_error *err)
{
    int done = 0;
    while (!done) {
        if (redisBufferWrite(s->c, &done) != REDIS_OK) return lost(s, err);
    }
    return HL_OK;
}

/* The next reply. Like redisGetReply, with an end to how long and how large. */
static enum hl_status next_reply(struct redis_store *s, redisReply **out, struct hl_error *err)
{
    int64_t deadline = hl_clock_mono_ns() + (int64_t)s->timeout_ms * PATIENCE * 1000000;
    size_t bytes = 0;
    void *reply = NULL;
    errno = 0;
    enum hl_status status = flush(s, err);
    if (status) return status;
    if (redisGetReplyFromReader(s->c, &reply) != REDIS_OK) return lost(s, err);
    while (!reply) {
        size_t before = s->c->reader->len;
        if (redisBufferRead(s->c) != REDIS_OK) return lost(s, err);
        bytes += s->c->reader->len - before;
        if (redisGetReplyFromReader(s->c, &reply) != REDIS_OK) return lost(s, err);
        if (!reply && bytes > MAX_REPLY_BYTES) return wrong_reply(s, "a command: too large", err);
        if (!reply && hl_clock_mono_ns() > deadline) {
            disconnect(s);
            return hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "redis %s: reply too slow", s->where);
        }
    }
    *out = reply;
    return HL_OK;
}

/* Send one command, take one reply of the type wanted (0: any but an error). The caller frees it. `what` names it in messages. */
static enum hl_status ask(struct redis_store *s, const char *what, int argc, const char **argv, const size_t *argv_len, int type,
                          redisReply **out, struct hl_error *err)
{
    redisReply *r = NULL;
    if (redisAppendCommandArgv(s->c, argc, argv, argv_len) != REDIS_OK) return no_memory(s, err);
    enum hl_status status = next_reply(s, &r, err);
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

/* A command of words whose answer does not matter beyond not being an error. */
static enum hl_status tell(struct redis_store *s, const char *what, int argc, const char **argv, struct hl_error *err)
{
    redisReply *r;
    enum hl_status status = ask(s, what, argc, argv, NULL, 0, &r, err);
    if (!status) freeReplyObject(r);
    return status;
}

/* First line of the password file, or the url's password. */
static enum hl_status read_password(const struct redis_store *s, char *out, size_t cap, struct hl_error *err)
{
    if (!s->password_file) {
        snprintf(out, cap, "%s", s->url.password);
        return HL_OK;
    }
    int fd = open(s->password_file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, cap - 1);
    int error = errno;
    if (fd >= 0) close(fd);
    if (n < 0) return hl_error_set(err, HL_E_CONFIG, HL_STOP, "redis password file %s: %s", s->password_file, strerror(error));
    if ((size_t)n == cap - 1)
        return hl_error_set(err, HL_E_CONFIG, HL_STOP, "redis password file %s: too long", s->password_file);
    out[n] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    return HL_OK;
}

static enum hl_status authenticate(struct redis_store *s, struct hl_error *err)
{
    char password[sizeof(s->url.password)];
    enum hl_status status = read_password(s, password, sizeof(password), err);
    if (status) {
        disconnect(s);
        return status;
    }
    const char *argv[] = {"AUTH", s->url.user, password};
    if (s->url.user[0]) {
        status = tell(s, "AUTH", 3, argv, err);
    } else if (password[0]) {
        argv[1] = password;
        status = tell(s, "AUTH", 2, argv, err);
    }
    explicit_bzero(password, sizeof(password));
    return status;
}

/* CLIENT SETNAME takes no blanks. A server that forbids the command is no trouble: the name only serves its operator. */
static enum hl_status announce(struct redis_store *s, struct hl_error *err)
{
    char name[128];
    const char *argv[] = {"CLIENT", "SETNAME", name};
    redisReply *r;
    snprintf(name, sizeof(name), "hotlead-%s", s->name);
    for (char *p = name; *p; p++) {
        if (*p < '!' || *p > '~') *p = '-';
    }
    if (redisAppendCommandArgv(s->c, 3, argv, NULL) != REDIS_OK) return no_memory(s, err);
    enum hl_status status = next_reply(s, &r, err);
    if (!status) freeReplyObject(r);
    return status;
}

static enum hl_status greet(struct redis_store *s, struct hl_error *err)
{
    enum hl_status status = authenticate(s, err);
    if (!status && s->url.db != 0) {
        char db[NUMBER_CAP];
        snprintf(db, sizeof(db), "%d", s->url.db);
        status = tell(s, "SELECT", 2, (const char *[]){"SELECT", db}, err);
    }
    return status ? status : announce(s, err);
}

static enum hl_status connect_server(struct redis_store *s, struct hl_error *err)
{
    if (s->c) return HL_OK;
    struct timeval timeout = {s->timeout_ms / 1000, s->timeout_ms % 1000 * 1000};
    errno = 0;
    s->c = s->url.is_unix ? redisConnectUnixWithTimeout(s->url.host, timeout)
                          : redisConnectWithTimeout(s->url.host, s->url.port, timeout);
    if (!s->c) return no_memory(s, err);
    if (s->c->err) return lost(s, err);
    if (redisSetTimeout(s->c, timeout) != REDIS_OK) return lost(s, err);
    if (!s->url.is_unix && redisEnableKeepAlive(s->c) != REDIS_OK) return lost(s, err);
    bound_replies(s);
    return greet(s, err);
}

/* --- keys and commands --- */

static const char *key_of(const struct redis_store *s, size_t i)
{
    return s->keys + i * s->key_cap;
}

/* Make the key names of a partition stand in s->keys. */
static void name_keys(struct redis_store *s, int32_t partition)
{
    if (s->keys_of == partition) return;
    for (size_t i = 0; i < HL_REDIS_BUCKETS; i++) {
        snprintf(s->keys + i * s->key_cap, s->key_cap, "{%s:%d}:b%zu", s->name, (int)partition, i);
    }
    snprintf(s->keys + OWNER_KEY * s->key_cap, s->key_cap, "{%s:%d}:owner", s->name, (int)partition);
    snprintf(s->keys + MARKER_KEY * s->key_cap, s->key_cap, "{%s:%d}:marker", s->name, (int)partition);
    s->keys_of = partition;
}

static enum hl_status ready(struct redis_store *s, int32_t partition, struct hl_error *err)
{
    name_keys(s, partition);
    return connect_server(s, err);
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
    redisReply *r;
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
        return hl_error_set(err, HL_E_FENCED, HL_STOP, "redis %s: partition %d has another owner", s->where, (int)s->keys_of);
    }
    if (hl_slice_eq_cstr(text, "GAP")) {
        return hl_error_set(err, HL_E_GAP, HL_RETRY, "redis %s: partition %d: the marker is not where it was left", s->where,
                            (int)s->keys_of);
    }
    return wrong_reply(s, what, err);
}

/* Run the command that stands in s->argv (argv[1] is the script's digest); load the script when the server does not know it. */
static enum hl_status run_script(struct redis_store *s, struct script *script, struct hl_error *err)
{
    for (int attempt = 0;; attempt++) {
        redisReply *r = NULL;
        enum hl_status status = script->sha[0] && attempt == 0 ? HL_OK : load_script(s, script, err);
        if (status) return status;
        s->argv[1] = script->sha;
        s->argv_len[1] = sizeof(script->sha) - 1;
        if (redisAppendCommandArgv(s->c, s->argc, s->argv, s->argv_len) != REDIS_OK) return no_memory(s, err);
        if ((status = next_reply(s, &r, err))) return status;
        bool unknown = r->type == REDIS_REPLY_ERROR && strncmp(r->str, "NOSCRIPT", 8) == 0;
        if (!unknown || attempt > 0) status = script_answer(s, r, err);
        freeReplyObject(r);
        if (!unknown || attempt > 0) return status;
    }
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
    status = tell(s, key_of(s, OWNER_KEY), 3, (const char *[]){"SET", key_of(s, OWNER_KEY), text}, err);
    if (!status) *token = fresh;
    return status;
}

/* The marker of the partition whose keys stand in s->keys; position -1 when there is none. */
static enum hl_status read_marker(struct redis_store *s, struct hl_redis_marker *out, struct hl_error *err)
{
    redisReply *r = NULL;
    const char *key = key_of(s, MARKER_KEY);
    enum hl_status status = ask(s, key, 2, (const char *[]){"GET", key}, NULL, 0, &r, err);
    if (status) return status;
    *out = (struct hl_redis_marker){.position = -1};
    bool ok = r->type == REDIS_REPLY_NIL;
    if (r->type == REDIS_REPLY_STRING) ok = hl_redis_marker_parse((struct hl_slice){r->str, r->len}, out);
    freeReplyObject(r);
    if (ok) return HL_OK;
    disconnect(s);
    return hl_error_set(err, HL_E_DECODE, HL_RETRY, "redis %s: %s is not a marker", s->where, key);
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

static int compare_ids(struct hl_slice a, struct hl_slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.data, b.data, n) : 0;
    return order ? order : (a.len > b.len) - (a.len < b.len);
}

/* By bucket, then id, then age. */
static int compare_places(const void *pa, const void *pb, void *ctx)
{
    uint32_t a = *(const uint32_t *)pa, b = *(const uint32_t *)pb;
    const struct hl_store_record *x = (const struct hl_store_record *)ctx + a, *y = (const struct hl_store_record *)ctx + b;
    uint64_t bx = x->hash % HL_REDIS_BUCKETS, by = y->hash % HL_REDIS_BUCKETS;
    if (bx != by) return bx < by ? -1 : 1;
    if (x->hash != y->hash) return x->hash < y->hash ? -1 : 1;
    int order = compare_ids(x->id, y->id);
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

/* Room for the sealed values of the chunk. */
static bool reserve_sealed(struct redis_store *s, const struct hl_store_record *records, size_t n)
{
    size_t bytes = 0;
    for (size_t i = 0; i < n; i++) bytes += HL_REDIS_SEAL + records[i].value.len;
    if (bytes <= s->sealed_cap) return true;
    char *sealed = realloc(s->sealed, bytes);
    if (!sealed) return false;
    s->sealed = sealed;
    s->sealed_cap = bytes;
    return true;
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

/* Values are sealed from `sealed` on; where it ends. */
static char *put_run_fields(struct redis_store *s, const struct hl_store_record *records, size_t i, size_t end, size_t run,
                            char *sealed)
{
    bool set = !hl_slice_is_null(records[s->order[i]].value);
    snprintf(s->counts[run], NUMBER_CAP, "%s%zu", set ? "" : "-", end - i);
    arg_text(s, s->counts[run]);
    for (; i < end; i++) {
        const struct hl_store_record *r = &records[s->order[i]];
        arg(s, r->id);
        if (!set) continue;
        hl_redis_seal(sealed, r->hash, r->value);
        arg(s, (struct hl_slice){sealed, HL_REDIS_SEAL + r->value.len});
        sealed += HL_REDIS_SEAL + r->value.len;
    }
    return sealed;
}

/* One chunk (n <= CHUNK_RECORDS) by one EVALSHA. */
static enum hl_status write_chunk(struct redis_store *s, const char *token, int64_t from, int64_t to,
                                  const struct hl_store_record *records, size_t n, struct hl_error *err)
{
    char text[3][NUMBER_CAP];
    size_t runs = 0;
    if (!command_begin(s, 8 + 4 * n) || !reserve_sealed(s, records, n)) return no_memory(s, err);
    n = sort_by_bucket(s, records, n);
    for (size_t i = 0; i < n; i = run_end(s, records, i, n)) runs++;
    snprintf(text[0], NUMBER_CAP, "%zu", 2 + runs);
    snprintf(text[1], NUMBER_CAP, "%lld", (long long)from);
    snprintf(text[2], NUMBER_CAP, "%lld", (long long)to);
    arg_text(s, "EVALSHA");
    arg_text(s, "");
    arg_text(s, text[0]);
    arg_text(s, key_of(s, OWNER_KEY));
    arg_text(s, key_of(s, MARKER_KEY));
    for (size_t i = 0; i < n; i = run_end(s, records, i, n)) arg_text(s, key_of(s, records[s->order[i]].hash % HL_REDIS_BUCKETS));
    arg_text(s, token);
    arg_text(s, text[1]);
    arg_text(s, text[2]);
    char *sealed = s->sealed;
    for (size_t i = 0, run = 0; i < n; run++) {
        size_t end = run_end(s, records, i, n);
        sealed = put_run_fields(s, records, i, end, run, sealed);
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

struct loading {
    enum hl_status (*fn)(void *ctx, struct hl_slice id, struct hl_slice value);
    void *ctx;
    struct hl_redis_sum sum; /* of what has come */
};

/* One record that came from `bucket`. */
static enum hl_status give_pair(struct redis_store *s, const redisReply *id, const redisReply *stored, size_t bucket,
                                struct loading *l, struct hl_error *err)
{
    struct hl_slice value, name = {id->str, id->len};
    if (id->type != REDIS_REPLY_STRING || stored->type != REDIS_REPLY_STRING) return wrong_reply(s, "HGETALL", err);
    if (!hl_redis_unseal(stored->str, stored->len, hl_hash64(name), &value, &l->sum)) {
        disconnect(s); /* replies of the window are still on their way */
        return hl_error_set(err, HL_E_DECODE, HL_STOP, "redis %s: %s holds a record that was altered", s->where, key_of(s, bucket));
    }
    enum hl_status status = l->fn(l->ctx, name, value);
    if (!status) return HL_OK;
    disconnect(s);
    return hl_error_set(err, status, HL_STOP, "redis %s: load of partition %d: a record was refused: %s", s->where,
                        (int)s->keys_of, hl_status_name(status));
}

/* Hand the pairs of one HGETALL over. */
static enum hl_status give_pairs(struct redis_store *s, const redisReply *r, size_t bucket, struct loading *l, struct hl_error *err)
{
    enum hl_status status = HL_OK;
    if (r->type == REDIS_REPLY_ERROR) return refused(s, key_of(s, bucket), r, err);
    if (r->type != REDIS_REPLY_ARRAY || r->elements % 2 != 0) return wrong_reply(s, "HGETALL", err);
    for (size_t i = 0; i < r->elements && !status; i += 2) status = give_pair(s, r->element[i], r->element[i + 1], bucket, l, err);
    return status;
}

static enum hl_status load_window(struct redis_store *s, size_t first, struct loading *l, struct hl_error *err)
{
    for (size_t b = first; b < first + WINDOW; b++) {
        if (redisAppendCommandArgv(s->c, 2, (const char *[]){"HGETALL", key_of(s, b)}, NULL) != REDIS_OK)
            return no_memory(s, err);
    }
    for (size_t b = first; b < first + WINDOW; b++) {
        redisReply *r;
        enum hl_status status = next_reply(s, &r, err);
        if (status) return status;
        status = give_pairs(s, r, b, l, err);
        freeReplyObject(r);
        if (status) return status;
    }
    return HL_OK;
}

/* Whether all that the marker counts has come, and nothing else. */
static enum hl_status check_sum(struct redis_store *s, const struct hl_redis_sum *want, const struct hl_redis_sum *got,
                                struct hl_error *err)
{
    if (got->count != want->count) {
        return hl_error_set(err, HL_E_DECODE, HL_STOP, "redis %s: the copy of partition %d has %llu records, its marker counts %llu",
                            s->where, (int)s->keys_of, (unsigned long long)got->count, (unsigned long long)want->count);
    }
    if (got->low != want->low || got->high != want->high) {
        return hl_error_set(err, HL_E_DECODE, HL_STOP,
                            "redis %s: the records of partition %d are as many as its marker counts, but others", s->where,
                            (int)s->keys_of);
    }
    return HL_OK;
}

static enum hl_status redis_load(struct hl_store *base, int32_t partition, int64_t position,
                                 enum hl_status (*fn)(void *ctx, struct hl_slice id, struct hl_slice value), void *ctx,
                                 struct hl_error *err)
{
    _Static_assert(HL_REDIS_BUCKETS % WINDOW == 0, "windows cover the buckets");
    struct redis_store *s = store_of(base);
    struct loading l = {.fn = fn, .ctx = ctx};
    struct hl_redis_marker marker;
    enum hl_status status = ready(s, partition, err);
    if (!status && position >= 0) {
        status = read_marker(s, &marker, err);
        if (!status && marker.position != position)
            status = hl_error_set(err, HL_E_GAP, HL_RETRY, "redis %s: the marker of partition %d has moved", s->where, (int)partition);
    }
    for (size_t first = 0; !status && first < HL_REDIS_BUCKETS; first += WINDOW) status = load_window(s, first, &l, err);
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
        return hl_error_set(err, HL_E_DECODE, HL_STOP, "redis %s: a record of partition %d was altered", s->where, (int)s->keys_of);
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
    redisReply *r;
    enum hl_status status = ready(s, partition, err);
    if (status) return status;
    if (!command_begin(s, 3)) return no_memory(s, err);
    const char *key = key_of(s, hl_hash64(id) % HL_REDIS_BUCKETS);
    arg_text(s, "HGET");
    arg_text(s, key);
    arg(s, id);
    status = ask(s, key, s->argc, s->argv, s->argv_len, 0, &r, err);
    if (status) return status;
    *value = NULL;
    *len = 0;
    status = copy_value(s, r, id, value, len, err);
    freeReplyObject(r);
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

static void redis_free(struct hl_store *base)
{
    struct redis_store *s = store_of(base);
    disconnect(s);
    explicit_bzero(s->url.password, sizeof(s->url.password));
    free(s->name);
    free(s->password_file);
    free(s->keys);
    free(s->argv);
    free(s->argv_len);
    free(s->order);
    free(s->counts);
    free(s->sealed);
    free(s);
}

static const struct hl_store redis_functions = {
    .own = redis_own,
    .marker = redis_marker,
    .write = redis_write,
    .load = redis_load,
    .get = redis_get,
    .discard = redis_discard,
    .free = redis_free,
};

static void name_server(struct redis_store *s)
{
    bool v6 = strchr(s->url.host, ':') != NULL;
    if (s->url.is_unix)
        snprintf(s->where, sizeof(s->where), "%s", s->url.host);
    else
        snprintf(s->where, sizeof(s->where), "%s%s%s:%d", v6 ? "[" : "", s->url.host, v6 ? "]" : "", s->url.port);
}

static bool allocate(struct redis_store *s, const struct hl_redis_config *config)
{
    s->name = strdup(config->name);
    s->password_file = config->password_file ? strdup(config->password_file) : NULL;
    s->key_cap = strlen(config->name) + 32;
    s->keys = malloc(KEY_COUNT * s->key_cap);
    s->order = malloc(CHUNK_RECORDS * sizeof(*s->order));
    s->counts = malloc(CHUNK_RECORDS * sizeof(*s->counts));
    return s->name && (s->password_file || !config->password_file) && s->keys && s->order && s->counts;
}

enum hl_status hl_redis_new(const struct hl_redis_config *config, struct hl_store **out, struct hl_error *err)
{
    struct hl_redis_url url;
    enum hl_status status = hl_redis_url_parse(config->url, &url, err);
    if (status) return status;
    if (config->user && strlen(config->user) >= sizeof(url.user))
        return hl_error_set(err, HL_E_CONFIG, HL_STOP, "redis user: too long");
    if (config->user) snprintf(url.user, sizeof(url.user), "%s", config->user);

    struct redis_store *s = calloc(1, sizeof(*s));
    if (!s) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "redis store: out of memory");
    s->base = redis_functions;
    s->url = url;
    s->timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : DEFAULT_TIMEOUT_MS;
    s->keys_of = -1;
    s->write_script.text = HL_REDIS_SCRIPT_WRITE;
    s->discard_script.text = HL_REDIS_SCRIPT_DISCARD;
    name_server(s);
    if (!allocate(s, config)) {
        redis_free(&s->base);
        return hl_error_set(err, HL_E_NOMEM, HL_STOP, "redis store: out of memory");
    }
    char password[sizeof(url.password)];
    status = read_password(s, password, sizeof(password), err); /* an unreadable file is said at start */
    explicit_bzero(password, sizeof(password));
    explicit_bzero(url.password, sizeof(url.password));
    if (status) {
        redis_free(&s->base);
        return status;
    }
    *out = &s->base;
    return HL_OK;
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

static void warn_about(struct hl_slice info, struct hl_buf *out)
{
    struct hl_slice version = info_field(info, "redis_version"), policy = info_field(info, "maxmemory_policy");
    struct hl_slice major = {version.data, version.len ? strcspn(version.data, ".\r\n") : 0};
    int64_t number;
    if (!hl_slice_parse_i64(major, &number) || number < 4) {
        hl_buf_printf(out, "version \"%.*s\" is older than 4.0 or unknown\n", HL_SLICE_ARG(version));
    }
    if (!hl_slice_eq_cstr(policy, "noeviction")) {
        hl_buf_printf(out, "maxmemory-policy is \"%.*s\": contacts may be evicted, set noeviction\n", HL_SLICE_ARG(policy));
    }
    if (hl_slice_eq_cstr(info_field(info, "loading"), "1")) hl_buf_printf(out, "still loading its data set\n");
    if (hl_slice_eq_cstr(info_field(info, "role"), "slave")) hl_buf_printf(out, "is a replica: writes will be refused\n");
    if (hl_slice_eq_cstr(info_field(info, "redis_mode"), "cluster")) {
        hl_buf_printf(out, "is a cluster node: partitions whose slots other nodes hold will be refused\n");
    }
}

enum hl_status hl_redis_check(struct hl_store *base, char *warning, size_t cap, struct hl_error *err)
{
    struct redis_store *s = store_of(base);
    struct hl_buf out;
    redisReply *r;
    enum hl_status status = connect_server(s, err);
    if (!status) status = ask(s, "INFO", 1, (const char *[]){"INFO"}, NULL, REDIS_REPLY_STRING, &r, err);
    if (status) return status;
    hl_buf_init(&out);
    warn_about((struct hl_slice){r->str, r->len}, &out);
    freeReplyObject(r);
    snprintf(warning, cap, "%.*s", HL_SLICE_ARG(hl_buf_slice(&out)));
    hl_buf_fini(&out);
    return HL_OK;
}
