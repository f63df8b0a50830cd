/* DESIGN
 * Blocking, with a timeout on each wait and an end to how long and how large a reply may be. What an error reply means is one table
 * here: what to do about it goes into the message, whether to come again into the action.
 *
 * THREADS: none of its own. SIGPIPE must be ignored by the program: hiredis 0.14 write()s. */
#include "link.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

#include "hotlead/base/clock.h"
#include "sentinel.h"
#include "tls.h"

#define PATIENCE 10 /* a reply that keeps trickling is given up after so many timeouts */
#define MAX_REPLY_BYTES ((size_t)256 << 20)
#define MAX_ELEMENTS (1 << 20)
#define NUMBER_CAP 24

static void name_server(struct hl_redis_link *l)
{
    bool v6 = strchr(l->at.host, ':') != NULL;
    if (l->at.is_unix)
        snprintf(l->where, sizeof(l->where), "%s", l->at.host);
    else
        snprintf(l->where, sizeof(l->where), "%s%s%s:%d", v6 ? "[" : "", l->at.host, v6 ? "]" : "", l->at.port);
}

void hl_redis_link_init(struct hl_redis_link *l, const struct hl_redis_access *access, const struct hl_redis_address *at)
{
    *l = (struct hl_redis_link){.access = access, .at = *at};
    name_server(l);
}

void hl_redis_link_close(struct hl_redis_link *l)
{
    if (l->c) redisFree(l->c);
    l->c = NULL;
}

/* What the connection says went wrong; frees it. */
static enum hl_status lost(struct hl_redis_link *l, struct hl_error *err)
{
    const char *why = l->c && l->c->errstr[0] ? l->c->errstr : "connection lost";
    if (l->c && l->c->err == REDIS_ERR_IO && (errno == EAGAIN || errno == EWOULDBLOCK)) why = "timed out";
    if (l->c && l->c->err == REDIS_ERR_OOM) why = "reply too large, or out of memory";
    bool garbled = l->c && (l->c->err == REDIS_ERR_PROTOCOL || l->c->err == REDIS_ERR_OOM);
    enum hl_status code = garbled ? HL_E_DECODE : HL_E_UNAVAILABLE;
    hl_error_set(err, code, HL_RETRY, "redis %s: %s", l->where, why);
    hl_redis_link_close(l);
    return code;
}

enum hl_status hl_redis_link_odd(struct hl_redis_link *l, const char *what, struct hl_error *err)
{
    hl_redis_link_close(l);
    return hl_error_set(err, HL_E_DECODE, HL_RETRY, "redis %s: unexpected reply to %s", l->where, what);
}

enum hl_status hl_redis_link_no_memory(struct hl_redis_link *l, struct hl_error *err)
{
    hl_redis_link_close(l);
    return hl_error_set(err, HL_E_NOMEM, HL_RETRY, "redis %s: out of memory", l->where);
}

#define LOGIN "see redis.user and redis.password_file"
#define RIGHTS "the ACL user lacks a right; README.md lists those needed"
#define WAITS "writes wait until it can"

/* Error replies start with a code; inside a script Redis before 7 wraps it, so it is looked for anywhere. The rest means "not
 * now". */
static const struct {
    const char *text;
    enum hl_status code;
    enum hl_action action;
    const char *advice;
} error_codes[] = {
    {"WRONGTYPE", HL_E_DECODE, HL_STOP, "a key of ours holds something else: does another program use the names {GROUP:N}:*?"},
    {"NOAUTH", HL_E_PERMISSION, HL_STOP, "the server asks for a login: " LOGIN},
    {"WRONGPASS", HL_E_PERMISSION, HL_STOP, "user or password is wrong, or the user is off: " LOGIN},
    {"NOPERM", HL_E_PERMISSION, HL_STOP, RIGHTS},
    {"The user executing the script can't", HL_E_PERMISSION, HL_STOP, RIGHTS}, /* up to Redis 7.0 */
    {"ACL failure in script", HL_E_PERMISSION, HL_STOP, RIGHTS},
    {"invalid password", HL_E_PERMISSION, HL_STOP, LOGIN},
    {"no password is set", HL_E_PERMISSION, HL_STOP, "the server has no password: leave redis.password_file empty"},
    {"without any password configured", HL_E_PERMISSION, HL_STOP, "the server has no password: leave redis.password_file empty"},
    {"DB index is out of range", HL_E_CONFIG, HL_STOP, "see the number at the end of redis.url"},
    {"cluster support disabled", HL_E_CONFIG, HL_STOP, "the server is no cluster node: set redis.cluster: false"},
    {"OOM", HL_E_UNAVAILABLE, HL_RETRY, "the server is full: raise maxmemory; " WAITS},
    {"MISCONF", HL_E_UNAVAILABLE, HL_RETRY, "the server cannot save to its disk and refuses writes, its log says why; " WAITS},
    {"READONLY", HL_E_UNAVAILABLE, HL_RETRY, "a replica: name the master, the sentinels or the cluster in redis.url"},
    {"MASTERDOWN", HL_E_UNAVAILABLE, HL_RETRY, "a replica that has lost its master"},
    {"LOADING", HL_E_UNAVAILABLE, HL_RETRY, "the server is reading its data from disk"},
    {"NOREPLICAS", HL_E_UNAVAILABLE, HL_RETRY, "too few replicas, see min-replicas-to-write; " WAITS},
    {"BUSY", HL_E_UNAVAILABLE, HL_RETRY, "a script of somebody is running too long"},
    {"CLUSTERDOWN", HL_E_UNAVAILABLE, HL_RETRY, "the cluster serves this slot not now; " WAITS},
    {"TRYAGAIN", HL_E_UNAVAILABLE, HL_RETRY, "the partition's slot is moving between nodes; " WAITS},
    {"MOVED", HL_E_UNAVAILABLE, HL_RETRY, "a node of a cluster: set redis.cluster: true; with it, the nodes do not agree yet whose the slot is"},
    {"CROSSSLOT", HL_E_CONFIG, HL_STOP, "kafka.group.id must not contain '}' with a cluster"},
};

enum hl_status hl_redis_link_refused(struct hl_redis_link *l, const char *what, const redisReply *r, struct hl_error *err)
{
    enum hl_status code = HL_E_UNAVAILABLE;
    enum hl_action action = HL_RETRY;
    const char *advice = NULL;
    for (size_t i = 0; i < HL_ARRAY_LEN(error_codes) && !advice; i++) {
        if (!strstr(r->str, error_codes[i].text)) continue;
        code = error_codes[i].code;
        action = error_codes[i].action;
        advice = error_codes[i].advice;
    }
    hl_redis_link_close(l);
    return hl_error_set(err, code, action, "redis %s: %s: %.200s%s%s%s", l->where, what, r->str, advice ? " (" : "",
                        advice ? advice : "", advice ? ")" : "");
}

/* hiredis allocates an array before its elements have come. */
#if HIREDIS_MAJOR < 1
typedef int element_count;
#else
typedef size_t element_count;
#endif

static void *create_bounded_array(const redisReadTask *task, element_count n)
{
    redisReplyObjectFunctions **theirs = task->privdata;
    return n > MAX_ELEMENTS ? NULL : (*theirs)->createArray(task, n);
}

void hl_redis_bound_replies(redisReader *reader, redisReplyObjectFunctions *own, redisReplyObjectFunctions **theirs)
{
    *theirs = reader->fn;
    *own = **theirs;
    own->createArray = create_bounded_array;
    reader->fn = own;
    reader->privdata = theirs;
}

/* --- commands and replies --- */

enum hl_status hl_redis_link_append(struct hl_redis_link *l, int argc, const char **argv, const size_t *argv_len,
                                    struct hl_error *err)
{
    return redisAppendCommandArgv(l->c, argc, argv, argv_len) == REDIS_OK ? HL_OK : hl_redis_link_no_memory(l, err);
}

/* Write what waits. */
static enum hl_status flush(struct hl_redis_link *l, struct hl_error *err)
{
    int done = 0;
    while (!done) {
        if (redisBufferWrite(l->c, &done) != REDIS_OK) return lost(l, err);
    }
    return HL_OK;
}

/* A reply whose strings are given out. What hiredis makes for us of its elements is this one stand-in. */
struct giving {
    hl_redis_string_fn *take;
    void *ctx;
    redisReplyObjectFunctions functions, *theirs;
    enum hl_status status; /* of those who take */
    struct hl_error *err;
    bool odd; /* something that is no string, or lies deeper */
    char stand_in;
};

static void *refuse(struct giving *g)
{
    g->odd = true;
    return NULL;
}

static void *give_string(const redisReadTask *task, char *s, size_t len)
{
    struct giving *g = task->privdata;
    if (!task->parent) return g->theirs->createString(task, s, len);
    if (task->type != REDIS_REPLY_STRING) return refuse(g);
    g->status = g->take(g->ctx, s, len, g->err);
    return g->status ? NULL : &g->stand_in;
}

static void *give_array(const redisReadTask *task, element_count n)
{
    struct giving *g = task->privdata;
    return task->parent || n > MAX_ELEMENTS ? refuse(g) : g->theirs->createArray(task, 0);
}

static void *give_integer(const redisReadTask *task, long long n)
{
    struct giving *g = task->privdata;
    return task->parent ? refuse(g) : g->theirs->createInteger(task, n);
}

static void *give_nil(const redisReadTask *task)
{
    struct giving *g = task->privdata;
    return task->parent ? refuse(g) : g->theirs->createNil(task);
}

#if HIREDIS_MAJOR >= 1
static void *give_double(const redisReadTask *task, double v, char *s, size_t len)
{
    (void)v, (void)s, (void)len;
    return refuse(task->privdata);
}

static void *give_bool(const redisReadTask *task, int v)
{
    (void)v;
    return refuse(task->privdata);
}
#endif

static void give_to(struct giving *g, const struct hl_redis_link *l)
{
    g->theirs = l->hiredis_functions;
    g->functions = *g->theirs;
    g->functions.createString = give_string;
    g->functions.createArray = give_array;
    g->functions.createInteger = give_integer;
    g->functions.createNil = give_nil;
#if HIREDIS_MAJOR >= 1
    g->functions.createDouble = give_double;
    g->functions.createBool = give_bool;
#endif
}

/* What can be read of the reply with what has come. */
static enum hl_status parse(struct hl_redis_link *l, struct giving *g, void **reply, struct hl_error *err)
{
    if (redisGetReplyFromReader(l->c, reply) == REDIS_OK) return HL_OK;
    if (g && g->odd) return hl_redis_link_odd(l, "a command", err);
    if (!g || !g->status) return lost(l, err);
    hl_redis_link_close(l);
    return g->status;
}

/* Like redisGetReply, with an end to how long and how large. */
static enum hl_status receive(struct hl_redis_link *l, struct giving *g, redisReply **out, struct hl_error *err)
{
    int64_t deadline = hl_clock_mono_ns() + (int64_t)l->access->timeout_ms * PATIENCE * 1000000;
    size_t bytes = 0;
    void *reply = NULL;
    errno = 0;
    enum hl_status status = flush(l, err);
    if (!status) status = parse(l, g, &reply, err);
    if (status) return status;
    while (!reply) {
        size_t before = l->c->reader->len;
        if (redisBufferRead(l->c) != REDIS_OK) return lost(l, err);
        bytes += l->c->reader->len - before;
        status = parse(l, g, &reply, err);
        if (status) return status;
        if (!reply && bytes > MAX_REPLY_BYTES) return hl_redis_link_odd(l, "a command: too large", err);
        if (!reply && hl_clock_mono_ns() > deadline) {
            hl_redis_link_close(l);
            return hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "redis %s: reply too slow", l->where);
        }
    }
    *out = reply;
    return HL_OK;
}

enum hl_status hl_redis_link_next(struct hl_redis_link *l, redisReply **out, struct hl_error *err)
{
    return receive(l, NULL, out, err);
}

enum hl_status hl_redis_link_strings(struct hl_redis_link *l, hl_redis_string_fn *take, void *ctx, redisReply **out, struct hl_error *err)
{
    struct giving g = {.take = take, .ctx = ctx, .err = err};
    redisReader *reader = l->c->reader;
    redisReplyObjectFunctions *usual = reader->fn;
    void *usual_data = reader->privdata;
    give_to(&g, l);
    reader->fn = &g.functions;
    reader->privdata = &g;
    enum hl_status status = receive(l, &g, out, err);
    if (!l->c) return status; /* the reader went with it */
    reader->fn = usual;
    reader->privdata = usual_data;
    return status;
}

enum hl_status hl_redis_link_ask(struct hl_redis_link *l, const char *what, int argc, const char **argv, const size_t *argv_len,
                                 int type, redisReply **out, struct hl_error *err)
{
    redisReply *r = NULL;
    enum hl_status status = hl_redis_link_append(l, argc, argv, argv_len, err);
    if (!status) status = hl_redis_link_next(l, &r, err);
    if (status) return status;
    if (r->type == REDIS_REPLY_ERROR) {
        status = hl_redis_link_refused(l, what, r, err);
    } else if (type && r->type != type) {
        status = hl_redis_link_odd(l, what, err);
    } else {
        *out = r;
        return HL_OK;
    }
    freeReplyObject(r);
    return status;
}

/* A command of words whose answer does not matter beyond not being an error. */
static enum hl_status tell(struct hl_redis_link *l, const char *what, int argc, const char **argv, struct hl_error *err)
{
    redisReply *r = NULL;
    enum hl_status status = hl_redis_link_ask(l, what, argc, argv, NULL, 0, &r, err);
    if (!status) freeReplyObject(r);
    return status;
}

/* --- connecting --- */

enum hl_status hl_redis_password(const struct hl_redis_access *a, char *out, size_t cap, struct hl_error *err)
{
    if (!a->password_file) {
        snprintf(out, cap, "%s", a->url.password);
        return HL_OK;
    }
    int fd = open(a->password_file, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, cap - 1);
    int error = errno;
    if (fd >= 0) close(fd);
    if (n < 0) return hl_error_set(err, HL_E_CONFIG, HL_STOP, "redis password file %s: %s", a->password_file, strerror(error));
    if ((size_t)n == cap - 1)
        return hl_error_set(err, HL_E_CONFIG, HL_STOP, "redis password file %s: too long", a->password_file);
    out[n] = '\0';
    out[strcspn(out, "\r\n")] = '\0';
    return HL_OK;
}

static enum hl_status authenticate(struct hl_redis_link *l, struct hl_error *err)
{
    char password[sizeof(l->access->url.password)];
    enum hl_status status = hl_redis_password(l->access, password, sizeof(password), err);
    if (status) {
        hl_redis_link_close(l);
        return status;
    }
    const char *argv[] = {"AUTH", l->access->url.user, password};
    if (l->access->url.user[0]) {
        status = tell(l, "AUTH", 3, argv, err);
    } else if (password[0]) {
        argv[1] = password;
        status = tell(l, "AUTH", 2, argv, err);
    }
    explicit_bzero(password, sizeof(password));
    return status;
}

/* CLIENT SETNAME takes no blanks. A server that forbids the command is no trouble: the name only serves its operator. */
static enum hl_status announce(struct hl_redis_link *l, struct hl_error *err)
{
    char name[128];
    redisReply *r = NULL;
    snprintf(name, sizeof(name), "hotlead-%s", l->access->name);
    for (char *p = name; *p; p++) {
        if (*p < '!' || *p > '~') *p = '-';
    }
    enum hl_status status = hl_redis_link_append(l, 3, (const char *[]){"CLIENT", "SETNAME", name}, NULL, err);
    if (!status) status = hl_redis_link_next(l, &r, err);
    if (!status) freeReplyObject(r);
    return status;
}

static enum hl_status greet(struct hl_redis_link *l, struct hl_error *err)
{
    if (l->stranger) return HL_OK;
    enum hl_status status = authenticate(l, err);
    if (!status && l->access->url.db != 0) {
        char db[NUMBER_CAP];
        snprintf(db, sizeof(db), "%d", l->access->url.db);
        status = tell(l, "SELECT", 2, (const char *[]){"SELECT", db}, err);
    }
    return status ? status : announce(l, err);
}

static enum hl_status connect_server(struct hl_redis_link *l, struct hl_error *err)
{
    int ms = l->access->timeout_ms;
    struct timeval timeout = {ms / 1000, ms % 1000 * 1000};
    errno = 0;
    l->c = l->at.is_unix ? redisConnectUnixWithTimeout(l->at.host, timeout)
                         : redisConnectWithTimeout(l->at.host, l->at.port, timeout);
    if (!l->c) return hl_redis_link_no_memory(l, err);
    if (l->c->err) return lost(l, err);
    if (redisSetTimeout(l->c, timeout) != REDIS_OK) return lost(l, err);
    if (!l->at.is_unix && redisEnableKeepAlive(l->c) != REDIS_OK) return lost(l, err);
    hl_redis_bound_replies(l->c->reader, &l->reply_functions, &l->hiredis_functions);
    if (l->access->tls && hl_redis_tls_start(l->access->tls, l->c, l->at.host, l->where, err)) {
        hl_redis_link_close(l);
        return HL_E_UNAVAILABLE;
    }
    return greet(l, err);
}

enum hl_status hl_redis_link_open(struct hl_redis_link *l, struct hl_error *err)
{
    if (l->c) return HL_OK;
    enum hl_status status = l->by_name ? hl_redis_sentinel_find(l->access, &l->at, err) : HL_OK;
    if (status) return status;
    if (l->by_name) name_server(l);
    status = connect_server(l, err);
    return status || !l->by_name ? status : hl_redis_sentinel_confirm(l, err);
}
