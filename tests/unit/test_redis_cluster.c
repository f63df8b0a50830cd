/* The store on a real cluster of two masters, and on sentinels that a script plays. Needs redis-server; runs its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <hiredis/hiredis.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "adapter/redis/cluster.h"
#include "hotlead/adapter/redis.h"
#include "redis_server.h"

#define GROUP "g"
#define N 500

static struct redis_server nodes[2];
static char ids[2][48];
static struct hl_error err;
static char names[N][24];
static struct hl_store_record records[N];

#define assert_ok(call)                                                                                                          \
    do {                                                                                                                         \
        if ((call) != HL_OK) fail_msg("%s: %s", #call, err.message);                                                             \
    } while (0)

static redisReply *reply_of(int port, const char *format, va_list args)
{
    redisContext *c = redisConnect("127.0.0.1", port);
    redisReply *r = redisvCommand(c, format, args);
    if (!r) fail_msg("redis: %s", c->errstr);
    if (r->type == REDIS_REPLY_ERROR) fail_msg("redis: %s: %s", format, r->str);
    redisFree(c);
    return r;
}

static void raw(int node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    freeReplyObject(reply_of(nodes[node].port, format, args));
    va_end(args);
}

static redisReply *ask(int node, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    redisReply *r = reply_of(nodes[node].port, format, args);
    va_end(args);
    return r;
}

static struct hl_store *store_open(void)
{
    struct hl_store *s = NULL;
    const struct hl_redis_config config = {.url = nodes[0].url, .name = GROUP, .cluster = true};
    assert_ok(hl_redis_new(&config, &s, &err));
    return s;
}

static unsigned slot_of(int32_t partition)
{
    char key[32];
    snprintf(key, sizeof(key), "{" GROUP ":%d}:owner", (int)partition);
    return hl_redis_slot(key);
}

/* Node 0 begins with the lower half of the slots. */
static int32_t partition_of_node(int node)
{
    for (int32_t p = 0;; p++)
        if ((slot_of(p) < 8192) == (node == 0)) return p;
}

static enum hl_status count(void *ctx, const struct hl_store_record *r, size_t n)
{
    for (; n; n--, r++) *(size_t *)ctx += r->id.len && r->value.len;
    return HL_OK;
}

/* A copy of N records at position 1. */
static uint64_t filled(struct hl_store *s, int32_t p)
{
    uint64_t token;
    int64_t at;
    assert_ok(s->own(s, p, &token, &err));
    assert_ok(s->discard(s, p, token, &err));
    assert_ok(s->marker(s, p, &at, &err));
    assert_int_equal(at, -1);
    assert_ok(s->write(s, p, token, -1, 1, records, N, &err));
    return token;
}

static void assert_whole(struct hl_store *s, int32_t p)
{
    size_t n = 0;
    int64_t at;
    assert_ok(s->marker(s, p, &at, &err));
    assert_ok(s->load(s, p, at, count, &n, &err));
    assert_int_equal(n, N);
}

static void partitions_live_on_the_node_of_their_slot(void **state)
{
    (void)state;
    struct hl_store *s = store_open();
    char warning[1024];
    for (int node = 0; node < 2; node++) {
        int32_t p = partition_of_node(node);
        filled(s, p);
        assert_whole(s, p);
        redisReply *r = ask(node, "EXISTS {" GROUP ":%d}:marker", (int)p);
        assert_int_equal(r->integer, 1);
        freeReplyObject(r);
    }
    assert_ok(hl_redis_check(s, warning, sizeof(warning), &err));
    assert_string_equal(warning, "");
    s->free(s);
}

static void begin_moving(unsigned slot, int from, int to)
{
    raw(to, "CLUSTER SETSLOT %u IMPORTING %s", slot, ids[from]);
    raw(from, "CLUSTER SETSLOT %u MIGRATING %s", slot, ids[to]);
}

/* Move up to `max` keys of the slot; how many went. */
static size_t move_keys(unsigned slot, int from, int to, int max)
{
    redisReply *keys = ask(from, "CLUSTER GETKEYSINSLOT %u %d", slot, max);
    size_t n = keys->elements;
    for (size_t i = 0; i < n; i++) raw(from, "MIGRATE 127.0.0.1 %d %s 0 5000", nodes[to].port, keys->element[i]->str);
    freeReplyObject(keys);
    return n;
}

static void end_moving(unsigned slot, int to)
{
    raw(to, "CLUSTER SETSLOT %u NODE %s", slot, ids[to]);
    raw(1 - to, "CLUSTER SETSLOT %u NODE %s", slot, ids[to]);
}

static enum hl_status on_fetched(void *ctx, size_t i, struct hl_slice value)
{
    (void)ctx, (void)i;
    assert_false(hl_slice_is_null(value));
    return HL_OK;
}

static enum hl_status fetch_all(struct hl_store *s, int32_t p)
{
    struct hl_store_wanted wanted[N];
    for (size_t i = 0; i < N; i++) wanted[i] = (struct hl_store_wanted){records[i].id, records[i].hash, 1, p};
    return s->fetch(s, wanted, N, on_fetched, NULL, &err);
}

static void a_slot_that_moves_is_followed(void **state)
{
    (void)state;
    struct hl_store *s = store_open();
    int32_t p = partition_of_node(0);
    unsigned slot = slot_of(p);
    uint64_t token = filled(s, p);
    char *value;
    size_t len;
    begin_moving(slot, 0, 1);
    assert_int_equal(move_keys(slot, 0, 1, 200), 200);

    /* Half way: single keys are found on either side, whole reads too, and a script over both sides has to wait. */
    assert_whole(s, p);
    assert_ok(s->get(s, p, records[0].id, &value, &len, &err));
    assert_non_null(value);
    free(value);
    assert_int_equal(s->write(s, p, token, 1, 2, records, N, &err), HL_E_UNAVAILABLE);
    if (!strstr(err.message, "TRYAGAIN")) fail_msg("%s", err.message);
    assert_int_equal(err.action, HL_RETRY);
    assert_whole(s, p);
    assert_int_equal(fetch_all(s, p), HL_E_UNAVAILABLE); /* and says nobody is missing */

    while (move_keys(slot, 0, 1, 200)) continue;
    assert_whole(s, p); /* all by ASK */
    assert_ok(s->own(s, p, &token, &err));
    end_moving(slot, 1);
    assert_ok(fetch_all(s, p));
    assert_ok(s->write(s, p, token, 1, 2, records, N, &err)); /* MOVED, and the script is not known there */
    assert_whole(s, p);

    begin_moving(slot, 1, 0);
    while (move_keys(slot, 1, 0, 200)) continue;
    end_moving(slot, 0);
    size_t n = 0;
    assert_ok(s->load(s, p, 2, count, &n, &err)); /* MOVED in the middle of the pipeline, or before it */
    assert_int_equal(n, N);
    s->free(s);
}

static void a_slot_that_nobody_serves_is_unavailable(void **state)
{
    (void)state;
    struct hl_store *s = store_open();
    int32_t p = partition_of_node(0);
    int64_t at;
    filled(s, p);
    raw(0, "CONFIG SET cluster-require-full-coverage no");
    raw(1, "CONFIG SET cluster-require-full-coverage no");
    s->free(s);
    s = store_open();
    for (int node = 0; node < 2; node++) raw(node, "CLUSTER DELSLOTS %u", slot_of(p));
    assert_int_equal(s->marker(s, p, &at, &err), HL_E_UNAVAILABLE);
    for (int node = 0; node < 2; node++) raw(node, "CLUSTER SETSLOT %u NODE %s", slot_of(p), ids[0]);
    assert_ok(s->marker(s, p, &at, &err));
    s->free(s);
}

static void a_node_that_is_away_holds_up_its_partitions_only(void **state)
{
    (void)state;
    struct hl_store *s = store_open();
    int32_t here = partition_of_node(0), there = partition_of_node(1);
    int64_t at;
    filled(s, here);
    filled(s, there);
    redis_server_kill(&nodes[1]);
    assert_int_equal(s->marker(s, there, &at, &err), HL_E_UNAVAILABLE);
    assert_whole(s, here);
    raw(0, "CLUSTER SETSLOT %u NODE %s", slot_of(there), ids[0]); /* as after a failover */
    assert_int_equal(s->marker(s, there, &at, &err), HL_E_UNAVAILABLE); /* by the old map, which is looked at again then */
    assert_ok(s->marker(s, there, &at, &err));
    assert_int_equal(at, -1);
    assert_whole(s, here);
    s->free(s);
}

/* --- sentinels --- */

struct script {
    int listener, port;
    atomic_bool stop;
    char answer[200];
    pthread_mutex_t lock; /* over `answer` */
    pthread_t thread;
};

static void *play(void *arg)
{
    struct script *f = arg;
    while (!atomic_load(&f->stop)) {
        struct pollfd p = {.fd = f->listener, .events = POLLIN};
        char in[4096];
        if (poll(&p, 1, 20) <= 0) continue;
        int fd = accept(f->listener, NULL, NULL);
        while (fd >= 0 && read(fd, in, sizeof(in)) > 0) {
            pthread_mutex_lock(&f->lock);
            ssize_t sent = send(fd, f->answer, strlen(f->answer), MSG_NOSIGNAL);
            pthread_mutex_unlock(&f->lock);
            if (sent < 0) break;
        }
        if (fd >= 0) close(fd);
    }
    return NULL;
}

static void play_start(struct script *f)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    pthread_mutex_init(&f->lock, NULL);
    f->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(f->listener, 16), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&a, &len), 0);
    f->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&f->thread, NULL, play, f), 0);
}

static void play_stop(struct script *f)
{
    atomic_store(&f->stop, true);
    pthread_join(f->thread, NULL);
    close(f->listener);
    pthread_mutex_destroy(&f->lock);
}

/* The status of a call when the sentinel answers so; %d is the port of the server `s`. */
static enum hl_status by_sentinel(const struct redis_server *s, const char *answer)
{
    struct script f = {0};
    struct hl_store *store;
    char url[128];
    int64_t at;
    snprintf(f.answer, sizeof(f.answer), answer, s->port);
    play_start(&f);
    snprintf(url, sizeof(url), "redis+sentinel://127.0.0.1:%d,127.0.0.1:%d/main", redis_server_free_port(), f.port);
    const struct hl_redis_config config = {.url = url, .name = GROUP, .timeout_ms = 10000};
    assert_ok(hl_redis_new(&config, &store, &err));
    enum hl_status status = store->marker(store, 0, &at, &err);
    store->free(store);
    play_stop(&f);
    return status;
}

static void the_master_is_where_a_sentinel_says(void **state)
{
    (void)state;
    struct redis_server plain;
    assert_true(redis_server_start(&plain, NULL));
    enum hl_status good = by_sentinel(&plain, "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n%05d\r\n");
    assert_int_equal(by_sentinel(&plain, "*-1\r\n"), HL_E_UNAVAILABLE);
    assert_non_null(strstr(err.message, "knows no master named 'main'"));
    assert_int_equal(by_sentinel(&plain, "*1\r\n$9\r\n127.0.0.1\r\n"), HL_E_DECODE);
    assert_int_equal(by_sentinel(&plain, ":1\r\n"), HL_E_DECODE);
    redisContext *c = redisConnect("127.0.0.1", plain.port);
    freeReplyObject(redisCommand(c, "REPLICAOF 127.0.0.1 1"));
    redisFree(c);
    enum hl_status late = by_sentinel(&plain, "*2\r\n$9\r\n127.0.0.1\r\n$5\r\n%05d\r\n");
    redis_server_stop(&plain);
    assert_int_equal(good, HL_OK);
    assert_int_equal(late, HL_E_UNAVAILABLE);
    assert_non_null(strstr(err.message, "no master"));
}

/* --- nodes that answer nonsense --- */

static void odd_answers_of_a_node_are_errors(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        enum hl_status status;
    } cases[] = {
        {"+OK\r\n", HL_E_DECODE},
        {"*0\r\n", HL_E_UNAVAILABLE}, /* no slot is served */
        {"*1\r\n*3\r\n:0\r\n:99999\r\n*2\r\n$1\r\na\r\n:1\r\n", HL_E_DECODE},
        {"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n$0\r\n\r\n:%d\r\n", HL_E_DECODE}, /* itself, whose GET gives the map again */
        {"-MOVED 1 127.0.0.1:%d\r\n", HL_E_UNAVAILABLE},
        {"-ASK 1 127.0.0.1:%d\r\n", HL_E_UNAVAILABLE},
        {"-CLUSTERDOWN The cluster is down\r\n", HL_E_UNAVAILABLE},
        {"-ERR This instance has cluster support disabled\r\n", HL_E_CONFIG},
        {"*2000000000\r\n", HL_E_DECODE},
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(cases); i++) {
        struct script f = {0};
        struct hl_store *s;
        char url[64];
        int64_t at;
        size_t n = 0;
        play_start(&f);
        pthread_mutex_lock(&f.lock);
        snprintf(f.answer, sizeof(f.answer), cases[i].answer, f.port);
        pthread_mutex_unlock(&f.lock);
        snprintf(url, sizeof(url), "redis://127.0.0.1:%d", f.port);
        const struct hl_redis_config config = {.url = url, .name = GROUP, .cluster = true, .timeout_ms = 10000};
        assert_ok(hl_redis_new(&config, &s, &err));
        enum hl_status marker = s->marker(s, 0, &at, &err), load = s->load(s, 0, -1, count, &n, &err);
        s->free(s);
        play_stop(&f);
        if (marker != cases[i].status || load == HL_OK) fail_msg("%s: %s", cases[i].answer, hl_status_name(marker));
    }
}

/* The cluster says that the slot is at a node which sends everybody on, round and round: there is an end to following. */
static void redirections_in_a_circle_end(void **state)
{
    (void)state;
    struct hl_store *s = store_open();
    int32_t p = partition_of_node(0);
    unsigned slot = slot_of(p);
    int64_t at;
    uint64_t token = filled(s, p);
    assert_ok(s->discard(s, p, token, &err));
    raw(0, "DEL {" GROUP ":%d}:owner {" GROUP ":%d}:marker", (int)p, (int)p); /* else the slot is not given away */
    raw(0, "CLUSTER SETSLOT %u NODE %s", slot, ids[1]); /* each takes the other for its owner */
    raw(1, "CLUSTER SETSLOT %u NODE %s", slot, ids[0]);
    enum hl_status status = s->marker(s, p, &at, &err);
    raw(0, "CLUSTER SETSLOT %u NODE %s", slot, ids[0]);
    assert_int_equal(status, HL_E_UNAVAILABLE);
    if (!strstr(err.message, "MOVED")) fail_msg("%s", err.message);
    filled(s, p);
    assert_whole(s, p);
    s->free(s);
}

/* --- the cluster --- */

static bool agreed(void)
{
    for (int node = 0; node < 2; node++) {
        redisReply *r = ask(node, "CLUSTER INFO");
        bool fine = strstr(r->str, "cluster_state:ok") && strstr(r->str, "cluster_slots_assigned:16384");
        freeReplyObject(r);
        if (!fine) return false;
    }
    return true;
}

/* With so much patience neither node gives the other up, however long it gets no processor: of two, the one that is left would serve nothing. */
#define NODE_PATIENCE_MS "600000"

/* The port of its bus. Another process may take that before the server does. */
static int start_node(struct redis_server *node)
{
    for (int tries = 0; tries < 5; tries++) {
        char port[16];
        int bus = redis_server_free_port();
        snprintf(port, sizeof(port), "%d", bus);
        const char *options[] = {"cluster-enabled", "yes", "cluster-port", port, "cluster-node-timeout", NODE_PATIENCE_MS, NULL};
        if (redis_server_start(node, options)) return bus;
    }
    return -1;
}

static int start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    int bus[2];
    for (int i = 0; i < 2; i++) {
        bus[i] = start_node(&nodes[i]);
        if (bus[i] < 0) return -1;
        raw(i, "CLUSTER ADDSLOTSRANGE %d %d", i * 8192, i * 8192 + 8191);
        redisReply *r = ask(i, "CLUSTER MYID");
        snprintf(ids[i], sizeof(ids[i]), "%s", r->str);
        freeReplyObject(r);
    }
    raw(0, "CLUSTER MEET 127.0.0.1 %d %d", nodes[1].port, bus[1]);
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof(names[i]), "person-%d", i);
        struct hl_slice id = hl_slice_of(names[i]);
        records[i] = (struct hl_store_record){id, hl_hash64(id), id};
    }
    for (int i = 0; i < 3000 && !agreed(); i++) nanosleep(&(struct timespec){0, 20000000}, NULL);
    return agreed() ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    for (int i = 0; i < 2; i++) redis_server_stop(&nodes[i]);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(partitions_live_on_the_node_of_their_slot),
        cmocka_unit_test(a_slot_that_moves_is_followed),
        cmocka_unit_test(a_slot_that_nobody_serves_is_unavailable),
        cmocka_unit_test(redirections_in_a_circle_end),
        cmocka_unit_test(odd_answers_of_a_node_are_errors),
        cmocka_unit_test(the_master_is_where_a_sentinel_says),
        cmocka_unit_test(a_node_that_is_away_holds_up_its_partitions_only), /* last: the node stays away */
    };
    return cmocka_run_group_tests(tests, start, stop);
}
