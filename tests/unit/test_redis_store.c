/* Needs redis-server; runs its own. */
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

#include "hotlead/adapter/redis.h"
#include "redis_server.h"

#define P 7 /* the partition of most tests */

static struct redis_server server;
static struct hl_error err;

static struct hl_store *store_at(const char *url)
{
    struct hl_store *s = NULL;
    const struct hl_redis_config config = {.url = url, .name = "a group"};
    if (hl_redis_new(&config, &s, &err) != HL_OK) fail_msg("%s", err.message);
    return s;
}

/* Talk to the server past the store. */
static long long raw(const char *format, ...)
{
    va_list args;
    redisContext *c = redisConnect("127.0.0.1", server.port);
    va_start(args, format);
    redisReply *r = redisvCommand(c, format, args);
    va_end(args);
    if (!r) fail_msg("redis: %s", c->errstr);
    if (r->type == REDIS_REPLY_ERROR) fail_msg("redis: %s", r->str);
    long long value = r->type == REDIS_REPLY_INTEGER ? r->integer : 0;
    freeReplyObject(r);
    redisFree(c);
    return value;
}

static struct hl_store_record record(const char *id, const char *value)
{
    struct hl_slice s = hl_slice_of(id);
    return (struct hl_store_record){s, hl_hash64(s), value ? hl_slice_of(value) : HL_SLICE_NULL};
}

static int64_t marker_of(struct hl_store *s, int32_t partition)
{
    int64_t at = -2;
    if (s->marker(s, partition, &at, &err) != HL_OK) fail_msg("%s", err.message);
    return at;
}

static uint64_t owned(struct hl_store *s, int32_t partition)
{
    uint64_t token = 0;
    if (s->own(s, partition, &token, &err) != HL_OK) fail_msg("%s", err.message);
    return token;
}

static void assert_value(struct hl_store *s, const char *id, const char *expected)
{
    char *value;
    size_t len;
    if (s->get(s, P, hl_slice_of(id), &value, &len, &err) != HL_OK) fail_msg("%s", err.message);
    if (!expected) {
        assert_null(value);
        return;
    }
    assert_non_null(value);
    assert_int_equal(len, strlen(expected));
    assert_memory_equal(value, expected, len);
    free(value);
}

#define assert_ok(call)                                                                                                          \
    do {                                                                                                                         \
        if ((call) != HL_OK) fail_msg("%s: %s", #call, err.message);                                                             \
    } while (0)

static void records_are_written_read_and_deleted(void **state)
{
    struct hl_store *s = store_at(server.url);
    (void)state;
    uint64_t token = owned(s, P);
    assert_int_equal(marker_of(s, P), -1);
    assert_value(s, "a", NULL);
    const struct hl_store_record first[] = {record("a", "1"), record("b", "2"), record("", ""), record("a", "3")};
    assert_ok(s->write(s, P, token, -1, 10, first, 4, &err));
    assert_int_equal(marker_of(s, P), 10);
    assert_value(s, "a", "3");
    assert_value(s, "b", "2");
    assert_value(s, "", "");
    const struct hl_store_record second[] = {record("a", NULL), record("b", NULL), record("b", "4"), record("never", NULL)};
    assert_ok(s->write(s, P, token, 10, 12, second, 4, &err));
    assert_int_equal(marker_of(s, P), 12);
    assert_value(s, "a", NULL);
    assert_value(s, "b", "4");
    s->free(s);
}

static void bytes_of_any_value_survive(void **state)
{
    struct hl_store *s = store_at(server.url);
    (void)state;
    char all[256], *value;
    size_t len;
    for (int i = 0; i < 256; i++) all[i] = (char)i;
    struct hl_slice bytes = {all, sizeof(all)};
    const struct hl_store_record r = {bytes, hl_hash64(bytes), bytes};
    assert_ok(s->write(s, P, owned(s, P), -1, 1, &r, 1, &err));
    assert_ok(s->get(s, P, bytes, &value, &len, &err));
    assert_int_equal(len, sizeof(all));
    assert_memory_equal(value, all, sizeof(all));
    free(value);
    s->free(s);
}

#define UUID "3f0b6c1e-7d52-4f39-9f0e-0d6c8a5f4b21"

static enum hl_status count_ids(void *ctx, const struct hl_store_record *records, size_t n)
{
    unsigned *seen = ctx;
    for (size_t i = 0; i < n; i++) {
        *seen |= hl_slice_eq_cstr(records[i].id, UUID) ? 1u : hl_slice_eq_cstr(records[i].id, "\1odd") ? 2u : 4u;
        assert_true(records[i].hash == hl_hash64(records[i].id));
    }
    return HL_OK;
}

static enum hl_status count_values(void *ctx, size_t i, struct hl_slice value)
{
    *(unsigned *)ctx |= value.len == i + 1 ? 1u << i : 0;
    return HL_OK;
}

static void an_uuid_is_kept_packed_and_comes_back_as_it_was(void **state)
{
    struct hl_store *s = store_at(server.url);
    (void)state;
    uint64_t token = owned(s, P);
    unsigned ids = 0, values = 0;
    const struct hl_store_record r[] = {record(UUID, "1"), record("\1odd", "22"), record("ann", "333")};
    assert_ok(s->write(s, P, token, -1, 1, r, 3, &err));
    assert_int_equal(raw("HEXISTS {a%sgroup:%d}:b%u %b", " ", P, (unsigned)(r[0].hash % HL_REDIS_BUCKETS),
                         "\1\x3f\x0b\x6c\x1e\x7d\x52\x4f\x39\x9f\x0e\x0d\x6c\x8a\x5f\x4b\x21", (size_t)17), 1);
    assert_value(s, UUID, "1");
    assert_value(s, "\1odd", "22");
    assert_ok(s->load(s, P, 1, count_ids, &ids, &err));
    assert_int_equal(ids, 7);
    struct hl_store_wanted wanted[3];
    for (int i = 0; i < 3; i++) wanted[i] = (struct hl_store_wanted){r[i].id, r[i].hash, 1, P};
    assert_ok(s->fetch(s, wanted, 3, count_values, &values, &err));
    assert_int_equal(values, 7);
    const struct hl_store_record gone = record(UUID, NULL);
    assert_ok(s->write(s, P, token, 1, 2, &gone, 1, &err));
    assert_value(s, UUID, NULL);
    s->free(s);
}

static void a_marker_can_move_without_records(void **state)
{
    struct hl_store *s = store_at(server.url);
    (void)state;
    uint64_t token = owned(s, P);
    assert_ok(s->write(s, P, token, -1, 5, NULL, 0, &err));
    assert_ok(s->write(s, P, token, 5, 5, NULL, 0, &err));
    assert_int_equal(marker_of(s, P), 5);
    s->free(s);
}

static void a_new_owner_fences_the_old_one(void **state)
{
    struct hl_store *old = store_at(server.url), *new = store_at(server.url);
    (void)state;
    const struct hl_store_record a1 = record("a", "old"), a2 = record("a", "new");
    uint64_t old_token = owned(old, P);
    assert_ok(old->write(old, P, old_token, -1, 1, &a1, 1, &err));
    uint64_t new_token = owned(new, P);
    assert_int_not_equal(old_token, new_token);
    assert_ok(new->write(new, P, new_token, 1, 2, &a2, 1, &err));
    assert_int_equal(old->write(old, P, old_token, 2, 3, &a1, 1, &err), HL_E_FENCED);
    assert_int_equal(old->discard(old, P, old_token, &err), HL_E_FENCED);
    assert_int_equal(marker_of(old, P), 2);
    assert_value(old, "a", "new");
    old->free(old);
    new->free(new);
}

static void owners_of_other_partitions_are_not_fenced(void **state)
{
    struct hl_store *s = store_at(server.url);
    (void)state;
    const struct hl_store_record a = record("a", "1");
    uint64_t token = owned(s, P);
    owned(s, P + 1);
    assert_ok(s->write(s, P, token, -1, 1, &a, 1, &err));
    assert_int_equal(marker_of(s, P + 1), -1);
    s->free(s);
}

static void a_marker_that_went_back_is_a_gap(void **state)
{
    struct hl_store *s = store_at(server.url);
    (void)state;
    const struct hl_store_record a = record("a", "1"), b = record("b", "2");
    uint64_t token = owned(s, P);
    assert_ok(s->write(s, P, token, -1, 10, &a, 1, &err));
    raw("SET {a%sgroup:%d}:marker %s", " ", P, "4 1 0 0 3");
    assert_int_equal(s->write(s, P, token, 10, 11, &b, 1, &err), HL_E_GAP);
    assert_value(s, "b", NULL);
    assert_int_equal(marker_of(s, P), 4);
    assert_ok(s->write(s, P, token, 4, 11, &b, 1, &err));
    raw("FLUSHALL");
    assert_int_equal(s->write(s, P, token, 11, 12, &b, 1, &err), HL_E_FENCED);
    assert_int_equal(marker_of(s, P), -1);
    s->free(s);
}

static void scripts_are_loaded_again_when_the_server_forgot_them(void **state)
{
    struct hl_store *s = store_at(server.url);
    (void)state;
    const struct hl_store_record a = record("a", "1");
    uint64_t token = owned(s, P);
    assert_ok(s->write(s, P, token, -1, 1, &a, 1, &err));
    raw("SCRIPT FLUSH");
    assert_ok(s->write(s, P, token, 1, 2, &a, 1, &err));
    raw("SCRIPT FLUSH");
    assert_ok(s->discard(s, P, token, &err));
    s->free(s);
}

struct seen {
    size_t n, stop_after;
    uint64_t sum; /* of hashes, so that order does not matter */
};

static enum hl_status see(void *ctx, const struct hl_store_record *records, size_t n)
{
    struct seen *seen = ctx;
    assert_in_range(n, 1, HL_STORE_GROUP);
    for (size_t i = 0; i < n; i++) {
        if (seen->stop_after && seen->n == seen->stop_after) return HL_E_ABORT;
        assert_true(records[i].hash == hl_hash64(records[i].id));
        seen->n++;
        seen->sum += records[i].hash * 31 + hl_hash64(records[i].value);
    }
    return HL_OK;
}

/* More than two chunks of records; deletes are sprinkled in. */
static void large_batches_are_split_and_load_gives_every_record_once(void **state)
{
    enum { N = 25000 };
    struct hl_store *s = store_at(server.url);
    (void)state;
    struct hl_store_record *records = malloc((N + N / 10) * sizeof(*records));
    char(*ids)[16] = malloc(N * sizeof(*ids));
    uint64_t expected = 0, token = owned(s, P);
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < N; i++) {
        snprintf(ids[i], sizeof(ids[i]), "contact-%zu", i);
        records[n++] = record(ids[i], ids[N - 1 - i][0] ? ids[i] + 3 : "v");
    }
    for (size_t i = 0; i < N; i += 10) records[n++] = record(ids[i], NULL);
    for (size_t i = 0; i < N; i++) {
        if (i % 10 == 0) continue;
        kept++;
        expected += records[i].hash * 31 + hl_hash64(records[i].value);
    }
    assert_ok(s->write(s, P, token, -1, 99, records, n, &err));
    assert_int_equal(marker_of(s, P), 99);
    struct seen seen = {0};
    assert_ok(s->load(s, P, -1, see, &seen, &err));
    assert_int_equal(seen.n, kept);
    assert_int_equal(seen.sum, expected);

    seen = (struct seen){.stop_after = 100};
    assert_int_equal(s->load(s, P, -1, see, &seen, &err), HL_E_ABORT);
    assert_int_equal(seen.n, 100);
    assert_int_equal(marker_of(s, P), 99);

    assert_ok(s->discard(s, P, token, &err));
    assert_int_equal(marker_of(s, P), -1);
    seen = (struct seen){0};
    assert_ok(s->load(s, P, -1, see, &seen, &err));
    assert_int_equal(seen.n, 0);
    assert_int_equal(raw("DBSIZE"), 1); /* the owner stays */
    free(records);
    free(ids);
    s->free(s);
}

static void values_beyond_a_chunks_bytes_go_through(void **state)
{
    enum { SIZE = 5 << 20 };
    struct hl_store *s = store_at(server.url);
    (void)state;
    char *big = malloc(SIZE), *value;
    size_t len;
    memset(big, 'x', SIZE);
    struct hl_store_record records[3] = {record("a", ""), record("b", ""), record("c", "")};
    for (size_t i = 0; i < 3; i++) records[i].value = (struct hl_slice){big, SIZE};
    assert_ok(s->write(s, P, owned(s, P), -1, 1, records, 3, &err));
    assert_ok(s->get(s, P, hl_slice_of("c"), &value, &len, &err));
    assert_int_equal(len, SIZE);
    free(value);
    free(big);
    s->free(s);
}

/* All in one bucket: runs are cut where Lua's stack would end. */
static void a_crowded_bucket_is_written_in_runs(void **state)
{
    enum { N = 9000 };
    struct hl_store *s = store_at(server.url);
    (void)state;
    struct hl_store_record *records = malloc(N * sizeof(*records));
    char(*ids)[16] = malloc(N * sizeof(*ids));
    for (size_t i = 0; i < N; i++) {
        snprintf(ids[i], sizeof(ids[i]), "c%zu", i);
        records[i] = record(ids[i], "v");
        records[i].hash = 5;
    }
    assert_ok(s->write(s, P, owned(s, P), -1, 1, records, N, &err));
    assert_int_equal(raw("HLEN {a%sgroup:%d}:b5", " ", P), N);
    free(records);
    free(ids);
    s->free(s);
}

static void a_killed_server_is_unavailable_and_found_again(void **state)
{
    struct hl_store *s = store_at(server.url);
    (void)state;
    const struct hl_store_record a = record("a", "1");
    uint64_t token = owned(s, P);
    assert_ok(s->write(s, P, token, -1, 1, &a, 1, &err));
    redis_server_kill(&server);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(s->write(s, P, token, 1, 2, &a, 1, &err), HL_E_UNAVAILABLE);
        assert_int_equal(err.action, HL_RETRY);
        assert_non_null(strstr(err.message, "127.0.0.1:"));
    }
    assert_true(redis_server_restart(&server, NULL));
    assert_int_equal(marker_of(s, P), -1); /* nothing was saved */
    token = owned(s, P);
    assert_ok(s->write(s, P, token, -1, 2, &a, 1, &err));
    assert_value(s, "a", "1");
    s->free(s);
}

static void a_unix_socket_and_a_database_are_used(void **state)
{
    char url[160];
    (void)state;
    snprintf(url, sizeof(url), "unix://%s?db=3", server.socket);
    struct hl_store *s = store_at(url);
    owned(s, P);
    assert_int_equal(raw("DBSIZE"), 0);
    raw("SWAPDB 0 3");
    assert_int_equal(raw("DBSIZE"), 1);
    s->free(s);
    snprintf(url, sizeof(url), "%s/4000", server.url);
    s = store_at(url);
    assert_int_equal(s->marker(s, P, &(int64_t){0}, &err), HL_E_CONFIG);
    s->free(s);
}

static void the_password_comes_from_url_or_file_and_is_never_told(void **state)
{
    char url[128], file[128];
    uint64_t token;
    (void)state;
    raw("CONFIG SET requirepass s3cret");
    struct hl_store *s = store_at(server.url);
    assert_int_equal(s->own(s, P, &token, &err), HL_E_PERMISSION);
    s->free(s);

    snprintf(url, sizeof(url), "redis://:wr0ng@127.0.0.1:%d", server.port);
    s = store_at(url);
    assert_int_equal(s->own(s, P, &token, &err), HL_E_PERMISSION);
    assert_null(strstr(err.message, "wr0ng"));
    s->free(s);

    snprintf(url, sizeof(url), "redis://:s3cret@127.0.0.1:%d", server.port);
    s = store_at(url);
    assert_ok(s->own(s, P, &token, &err));
    s->free(s);

    snprintf(file, sizeof(file), "%s/password", server.dir);
    FILE *f = fopen(file, "w");
    fputs("s3cret\n", f);
    fclose(f);
    struct hl_redis_config config = {.url = server.url, .name = "g", .user = "default", .password_file = file};
    assert_ok(hl_redis_new(&config, &s, &err));
    assert_ok(s->own(s, P, &token, &err));
    redisContext *c = redisConnect("127.0.0.1", server.port);
    freeReplyObject(redisCommand(c, "AUTH s3cret"));
    freeReplyObject(redisCommand(c, "CONFIG SET requirepass %s", ""));
    redisFree(c);
    s->free(s);

    config.password_file = "/nonexistent/password";
    assert_int_equal(hl_redis_new(&config, &s, &err), HL_E_CONFIG);
    assert_non_null(strstr(err.message, "/nonexistent/password"));
}

static void a_key_of_a_wrong_type_is_said_with_its_name(void **state)
{
    struct hl_store *s = store_at(server.url);
    (void)state;
    const struct hl_store_record a = record("a", "1");
    unsigned bucket = (unsigned)(a.hash % HL_REDIS_BUCKETS);
    uint64_t token = owned(s, P);
    raw("SET {a%sgroup:%d}:b%u text", " ", P, bucket);
    assert_int_equal(s->write(s, P, token, -1, 1, &a, 1, &err), HL_E_DECODE);
    assert_non_null(strstr(err.message, "WRONGTYPE"));
    assert_int_equal(marker_of(s, P), -1);
    struct seen seen = {0};
    assert_int_equal(s->load(s, P, -1, see, &seen, &err), HL_E_DECODE);
    assert_non_null(strstr(err.message, "{a group:7}:b"));
    raw("SET {a%sgroup:%d}:marker %s", " ", P, "4 1 0 0 1024"); /* in as many buckets as there once were */
    assert_int_equal(s->marker(s, P, &(int64_t){0}, &err), HL_E_DECODE);
    raw("SET {a%sgroup:%d}:marker nonsense", " ", P);
    assert_int_equal(s->marker(s, P, &(int64_t){0}, &err), HL_E_DECODE);
    assert_non_null(strstr(err.message, "{a group:7}:marker"));
    raw("DEL {a%sgroup:%d}:marker", " ", P);
    raw("LPUSH {a%sgroup:%d}:marker 1", " ", P);
    assert_int_equal(s->marker(s, P, &(int64_t){0}, &err), HL_E_DECODE);
    s->free(s);
}

static void a_full_server_is_unavailable_and_the_marker_stays(void **state)
{
    struct hl_store *s = store_at(server.url);
    (void)state;
    const struct hl_store_record a = record("a", "1");
    uint64_t token = owned(s, P);
    assert_ok(s->write(s, P, token, -1, 1, &a, 1, &err));
    raw("CONFIG SET maxmemory 1");
    assert_int_equal(s->write(s, P, token, 1, 2, &a, 1, &err), HL_E_UNAVAILABLE);
    assert_non_null(strstr(err.message, "OOM"));
    assert_int_equal(marker_of(s, P), 1);
    raw("CONFIG SET maxmemory 0");
    assert_ok(s->write(s, P, token, 1, 2, &a, 1, &err));
    s->free(s);
}

static void the_check_warns_of_what_loses_contacts(void **state)
{
    char warning[1024] = "untouched";
    struct hl_store *s = store_at(server.url);
    (void)state;
    assert_ok(hl_redis_check(s, warning, sizeof(warning), &err));
    assert_string_equal(warning, "");
    raw("CONFIG SET maxmemory-policy allkeys-lru");
    raw("REPLICAOF 127.0.0.1 1");
    assert_ok(hl_redis_check(s, warning, sizeof(warning), &err));
    assert_non_null(strstr(warning, "allkeys-lru"));
    assert_non_null(strstr(warning, "redis-cli CONFIG SET maxmemory-policy noeviction"));
    assert_non_null(strstr(warning, "replica"));
    uint64_t token;
    assert_int_equal(s->own(s, P, &token, &err), HL_E_UNAVAILABLE);
    assert_non_null(strstr(err.message, "READONLY"));
    raw("REPLICAOF NO ONE");
    raw("CONFIG SET maxmemory-policy noeviction");
    s->free(s);

    char url[64];
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", redis_server_free_port());
    s = store_at(url);
    assert_int_equal(hl_redis_check(s, warning, sizeof(warning), &err), HL_E_UNAVAILABLE);
    s->free(s);
}

static void advice_is_given_until_the_server_keeps_contacts_packed(void **state)
{
    char advice[1024] = "untouched", wanted[512];
    struct hl_store *s = store_at(server.url);
    (void)state;
    raw("CONFIG SET hash-max-ziplist-entries 64");
    raw("CONFIG SET hash-max-ziplist-value 1024");
    assert_ok(hl_redis_advise(s, advice, sizeof(advice), &err));
    snprintf(wanted, sizeof(wanted), "contacts would take less memory, and load faster, with: redis-cli CONFIG SET hash-max-");
    assert_non_null(strstr(advice, wanted));
    assert_non_null(strstr(advice, "-entries 128; redis-cli CONFIG SET hash-max-"));
    assert_non_null(strstr(advice, "-value 1024\n"));
    raw("CONFIG SET hash-max-ziplist-entries 128");
    raw("CONFIG SET hash-max-ziplist-value 64");
    assert_ok(hl_redis_advise(s, advice, sizeof(advice), &err));
    assert_non_null(strstr(advice, wanted));
    raw("CONFIG SET hash-max-ziplist-value 1024");
    assert_ok(hl_redis_advise(s, advice, sizeof(advice), &err));
    assert_string_equal(advice, "");

    raw("CONFIG SET hash-max-ziplist-value 64");
    raw("ACL SETUSER lead on >pw ~* +client|setname");
    char url[128];
    snprintf(url, sizeof(url), "redis://lead:pw@127.0.0.1:%d", server.port);
    struct hl_store *blind = store_at(url);
    snprintf(advice, sizeof(advice), "untouched");
    assert_ok(hl_redis_advise(blind, advice, sizeof(advice), &err));
    assert_string_equal(advice, "");
    blind->free(blind);
    raw("ACL DELUSER lead");
    s->free(s);
}

/* The rights that README.md names, and no others. */
static void an_acl_user_with_the_rights_that_are_named_can_do_all(void **state)
{
    char url[128], warning[512];
    (void)state;
    raw("ACL SETUSER lead on >pw %s +get +set +del +unlink +hget +hset +hdel +hgetall +evalsha +script|load +client|setname", "~{a?group:*");
    snprintf(url, sizeof(url), "redis://lead:pw@127.0.0.1:%d", server.port);
    struct hl_store *s = store_at(url);
    const struct hl_store_record both[] = {record("a", "1"), record("b", "2")}, gone = record("a", NULL);
    struct seen seen = {0};
    uint64_t token = owned(s, P);
    assert_ok(s->write(s, P, token, -1, 1, both, 2, &err));
    assert_ok(s->write(s, P, token, 1, 2, &gone, 1, &err));
    assert_value(s, "b", "2");
    assert_ok(s->load(s, P, marker_of(s, P), see, &seen, &err));
    assert_int_equal(seen.n, 1);
    assert_ok(s->discard(s, P, token, &err));
    assert_ok(hl_redis_check(s, warning, sizeof(warning), &err));
    assert_non_null(strstr(warning, "cannot be looked at"));

    raw("ACL SETUSER lead -hset");
    assert_int_equal(s->write(s, P, token, -1, 1, both, 2, &err), HL_E_PERMISSION);
    assert_non_null(strstr(err.message, "lacks a right"));
    raw("ACL DELUSER lead");
    s->free(s);
    s = store_at(url);
    assert_int_equal(s->own(s, P, &token, &err), HL_E_PERMISSION);
    assert_non_null(strstr(err.message, "user or password is wrong"));
    assert_null(strstr(err.message, "pw"));
    s->free(s);
}

static void a_password_that_changed_is_read_again(void **state)
{
    char file[128];
    (void)state;
    snprintf(file, sizeof(file), "%s/rotated", server.dir);
    raw("ACL SETUSER lead on >one ~* +@all");
    FILE *f = fopen(file, "w");
    fputs("one", f);
    fclose(f);
    struct hl_redis_config config = {.url = server.url, .name = "a group", .user = "lead", .password_file = file};
    struct hl_store *s;
    assert_ok(hl_redis_new(&config, &s, &err));
    owned(s, P);
    raw("ACL SETUSER lead resetpass >two");
    raw("CLIENT KILL USER lead");
    f = fopen(file, "w");
    fputs("two\n", f);
    fclose(f);
    uint64_t token;
    (void)!s->own(s, P, &token, &err); /* finds the connection gone */
    owned(s, P);
    raw("ACL DELUSER lead");
    s->free(s);
}

/* A server that comes back older than it was: the writer meets a gap, or finds that it is no owner, and never writes behind one. */
static void after_a_reconnect_the_marker_is_not_taken_for_granted(void **state)
{
    (void)state;
    struct hl_store *s = store_at(server.url);
    const struct hl_store_record a = record("a", "1"), b = record("b", "2");
    uint64_t token = owned(s, P);
    assert_ok(s->write(s, P, token, -1, 10, &a, 1, &err));
    raw("SAVE");
    assert_ok(s->write(s, P, token, 10, 20, &b, 1, &err));
    redis_server_kill(&server);
    assert_int_equal(s->write(s, P, token, 20, 30, &b, 1, &err), HL_E_UNAVAILABLE);
    assert_true(redis_server_restart(&server, NULL)); /* with what was saved */
    assert_int_equal(s->write(s, P, token, 20, 30, &b, 1, &err), HL_E_GAP);
    assert_int_equal(marker_of(s, P), 10);
    assert_value(s, "b", NULL);
    assert_ok(s->write(s, P, token, 10, 30, &b, 1, &err));
    struct seen seen = {0};
    assert_int_equal(s->load(s, P, 29, see, &seen, &err), HL_E_GAP);
    assert_ok(s->load(s, P, 30, see, &seen, &err));
    assert_int_equal(seen.n, 2);
    s->free(s);
}

/* --- a server that answers nonsense --- */

struct fake {
    int listener, port;
    atomic_bool stop;
    const char *answer; /* sent for each read; NULL: random bytes */
    size_t len;
    unsigned seed;
    pthread_t thread;
};

static void *serve_nonsense(void *arg)
{
    struct fake *f = arg;
    while (!atomic_load(&f->stop)) {
        struct pollfd p = {.fd = f->listener, .events = POLLIN};
        char in[4096], noise[256];
        if (poll(&p, 1, 20) <= 0) continue;
        int fd = accept(f->listener, NULL, NULL);
        if (fd < 0) continue;
        while (read(fd, in, sizeof(in)) > 0) {
            const char *out = f->answer;
            size_t n = f->len;
            if (!out) {
                static const char alphabet[] = "*$+-:0123456789\r\n\r\n\r\nOK$-1*2";
                n = (size_t)rand_r(&f->seed) % sizeof(noise) + 1;
                for (size_t i = 0; i < n; i++) noise[i] = alphabet[(size_t)rand_r(&f->seed) % (sizeof(alphabet) - 1)];
                out = noise;
            }
            if (send(fd, out, n, MSG_NOSIGNAL) < 0) break;
            if (!f->answer) break; /* then close, so that nobody waits for the rest */
        }
        close(fd);
    }
    return NULL;
}

static void fake_start(struct fake *f)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    f->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(f->listener, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(f->listener, 16), 0);
    assert_int_equal(getsockname(f->listener, (struct sockaddr *)&a, &len), 0);
    f->port = ntohs(a.sin_port);
    assert_int_equal(pthread_create(&f->thread, NULL, serve_nonsense, f), 0);
}

static void fake_stop(struct fake *f)
{
    atomic_store(&f->stop, true);
    pthread_join(f->thread, NULL);
    close(f->listener);
}

static struct hl_store *store_of_fake(const struct fake *f)
{
    char url[64];
    struct hl_store *s = NULL;
    snprintf(url, sizeof(url), "redis://127.0.0.1:%d", f->port);
    const struct hl_redis_config config = {.url = url, .name = "g", .timeout_ms = 200};
    assert_int_equal(hl_redis_new(&config, &s, &err), HL_OK);
    return s;
}

/* Every call of the port once; true when all were refused as the contract allows. */
static bool all_refused_or_fine(struct hl_store *s)
{
    const struct hl_store_record a = record("a", "1");
    struct seen seen = {0};
    uint64_t token = 0;
    int64_t at;
    char *value = NULL, warning[64];
    size_t len;
    const enum hl_status statuses[] = {
        s->own(s, P, &token, &err),
        s->marker(s, P, &at, &err),
        s->write(s, P, token, -1, 1, &a, 1, &err),
        s->load(s, P, -1, see, &seen, &err),
        s->get(s, P, a.id, &value, &len, &err),
        s->discard(s, P, token, &err),
        hl_redis_check(s, warning, sizeof(warning), &err),
    };
    free(value);
    for (size_t i = 0; i < HL_ARRAY_LEN(statuses); i++) {
        enum hl_status st = statuses[i];
        if (st != HL_OK && st != HL_E_UNAVAILABLE && st != HL_E_DECODE && st != HL_E_FENCED && st != HL_E_GAP) return false;
    }
    return true;
}

static void nonsense_is_an_error_never_a_crash(void **state)
{
    (void)state;
    struct fake f = {.seed = (unsigned)time(NULL)};
    unsigned seed = f.seed;
    fake_start(&f);
    struct hl_store *s = store_of_fake(&f);
    bool fine = true;
    for (int i = 0; i < 60; i++) fine &= all_refused_or_fine(s);
    s->free(s);
    fake_stop(&f);
    if (!fine) fail_msg("seed %u: a status outside the contract", seed);
}

static void replies_of_wrong_types_and_sizes_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        enum hl_status marker, load;
    } cases[] = {
        {"+PONG\r\n", HL_E_DECODE, HL_E_DECODE},
        {":7\r\n", HL_E_DECODE, HL_E_DECODE},
        {"*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n", HL_E_DECODE, HL_E_DECODE}, /* odd */
        {"*2\r\n:1\r\n:2\r\n", HL_E_DECODE, HL_E_DECODE},
        {"*2000000000\r\n", HL_E_DECODE, HL_E_DECODE}, /* claims too much */
        {"HTTP/1.1 400 Bad Request\r\n\r\n", HL_E_DECODE, HL_E_DECODE},
        {"-LOADING Redis is loading\r\n", HL_E_UNAVAILABLE, HL_E_UNAVAILABLE},
        {"-MOVED 1 127.0.0.1:1\r\n", HL_E_UNAVAILABLE, HL_E_UNAVAILABLE},
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(cases); i++) {
        struct fake f = {.answer = cases[i].answer, .len = strlen(cases[i].answer)};
        struct seen seen = {0};
        int64_t at = -2;
        fake_start(&f);
        struct hl_store *s = store_of_fake(&f);
        enum hl_status marker = s->marker(s, P, &at, &err);
        enum hl_status loaded = s->load(s, P, -1, see, &seen, &err);
        s->free(s);
        fake_stop(&f);
        if (marker != cases[i].marker || loaded != cases[i].load) {
            fail_msg("%s: marker %s, load %s", cases[i].answer, hl_status_name(marker), hl_status_name(loaded));
        }
        assert_int_equal(seen.n, 0);
    }
}

static void refusals_say_what_to_do(void **state)
{
    (void)state;
    static const struct {
        const char *answer, *advice;
        enum hl_status status;
        enum hl_action action;
    } cases[] = {
        {"-OOM command not allowed\r\n", "raise maxmemory", HL_E_UNAVAILABLE, HL_RETRY},
        {"-READONLY You can't write against a read only replica.\r\n", "name the master", HL_E_UNAVAILABLE, HL_RETRY},
        {"-LOADING Redis is loading\r\n", "reading its data", HL_E_UNAVAILABLE, HL_RETRY},
        {"-MASTERDOWN Link with MASTER is down\r\n", "lost its master", HL_E_UNAVAILABLE, HL_RETRY},
        {"-MISCONF Redis is configured to save RDB snapshots\r\n", "cannot save to its disk", HL_E_UNAVAILABLE, HL_RETRY},
        {"-NOREPLICAS Not enough good replicas to write.\r\n", "too few replicas", HL_E_UNAVAILABLE, HL_RETRY},
        {"-CLUSTERDOWN Hash slot not served\r\n", "serves this slot not now", HL_E_UNAVAILABLE, HL_RETRY},
        {"-TRYAGAIN Multiple keys request during rehashing of slot\r\n", "moving between nodes", HL_E_UNAVAILABLE, HL_RETRY},
        {"-MOVED 1 127.0.0.1:1\r\n", "set redis.cluster: true", HL_E_UNAVAILABLE, HL_RETRY},
        {"-NOAUTH Authentication required.\r\n", "asks for a login", HL_E_PERMISSION, HL_STOP},
        {"-WRONGPASS invalid username-password pair\r\n", "user or password is wrong", HL_E_PERMISSION, HL_STOP},
        {"-NOPERM this user has no permissions\r\n", "lacks a right", HL_E_PERMISSION, HL_STOP},
        {"-ERR ACL failure in script: User lead has no permissions\r\n", "lacks a right", HL_E_PERMISSION, HL_STOP},
        {"-ERR This instance has cluster support disabled\r\n", "set redis.cluster: false", HL_E_CONFIG, HL_STOP},
        {"-ERR something new\r\n", "something new", HL_E_UNAVAILABLE, HL_RETRY},
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(cases); i++) {
        struct fake f = {.answer = cases[i].answer, .len = strlen(cases[i].answer)};
        int64_t at;
        fake_start(&f);
        struct hl_store *s = store_of_fake(&f);
        enum hl_status status = s->marker(s, P, &at, &err);
        s->free(s);
        fake_stop(&f);
        if (status != cases[i].status || err.action != cases[i].action || !strstr(err.message, cases[i].advice))
            fail_msg("%s: %s", cases[i].answer, err.message);
    }
}

static void a_silent_server_times_out(void **state)
{
    (void)state;
    struct fake f = {.answer = "$10\r\nabc", .len = 8};
    int64_t at;
    fake_start(&f);
    struct hl_store *s = store_of_fake(&f);
    enum hl_status status = s->marker(s, P, &at, &err);
    s->free(s);
    fake_stop(&f);
    assert_int_equal(status, HL_E_UNAVAILABLE);
    assert_non_null(strstr(err.message, "timed out"));
}

static void settings_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    const struct {
        struct hl_redis_config config;
        const char *why;
    } cases[] = {
        {{.url = "redis://h:port", .name = "g"}, "the port is not a number"},
        {{.url = "redis://a,b", .name = "g"}, "several hosts"},
        {{.url = "redis://a", .name = "g", .ca_file = "ca.pem"}, "must start with rediss://"},
        {{.url = "unix:///s", .name = "g", .cluster = true}, "a cluster is reached by"},
        {{.url = "redis+sentinel://a/m", .name = "g", .cluster = true}, "a cluster is reached by"},
        {{.url = "redis://a/1", .name = "g", .cluster = true}, "no database but 0"},
        {{.url = "redis://a", .name = "g}", .cluster = true}, "must not contain '}'"},
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(cases); i++) {
        struct hl_store *s;
        assert_int_equal(hl_redis_new(&cases[i].config, &s, &err), HL_E_CONFIG);
        if (!strstr(err.message, cases[i].why)) fail_msg("'%s' expected: %s", cases[i].why, err.message);
    }
}

/* With hiredis before 1.0 there is no TLS: it is said at start. With it, a file that cannot be used is. */
static void tls_is_refused_where_it_cannot_be(void **state)
{
    (void)state;
    struct hl_store *s;
    const struct hl_redis_config config = {.url = "rediss://h", .name = "g", .ca_file = "/nonexistent/ca.pem"};
    assert_int_equal(hl_redis_new(&config, &s, &err), HL_E_CONFIG);
    if (!strstr(err.message, "needs a build with hiredis_ssl") && !strstr(err.message, "redis.ca_file: /nonexistent/ca.pem"))
        fail_msg("%s", err.message);
}

static int start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    return redis_server_start(&server, NULL) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    redis_server_stop(&server);
    return 0;
}

/* --- fetch --- */

enum { FETCHED = 3000 };

struct fetched {
    char values[FETCHED][32]; /* "-": absent; "": not asked for */
    size_t calls;
    enum hl_status refuse;
};

static enum hl_status on_fetched(void *ctx, size_t i, struct hl_slice value)
{
    struct fetched *f = ctx;
    assert_string_equal(f->values[i], "");
    snprintf(f->values[i], sizeof(f->values[i]), "%.*s", hl_slice_is_null(value) ? 1 : (int)value.len, hl_slice_is_null(value) ? "-" : value.data);
    f->calls++;
    return f->refuse;
}

static struct hl_store_wanted wanted(int32_t partition, int64_t position, const char *id)
{
    return (struct hl_store_wanted){hl_slice_of(id), hl_hash64(hl_slice_of(id)), position, partition};
}

/* Partition p has the ids 0 to n - 1, each with "p/id" as its value, and the marker at 10. */
static void fill(struct hl_store *s, int32_t p, size_t n)
{
    char ids[300][32], values[300][32];
    struct hl_store_record r[300];
    for (size_t i = 0; i < n; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%zu", i);
        snprintf(values[i], sizeof(values[i]), "%d/%zu", (int)p, i);
        r[i] = record(ids[i], values[i]);
    }
    assert_ok(s->write(s, p, owned(s, p), -1, 10, r, n, &err));
}

static void many_contacts_of_many_partitions_come_at_once(void **state)
{
    static struct fetched f;
    static char ids[FETCHED][32];
    struct hl_store *s = store_at(server.url);
    struct hl_store_wanted w[FETCHED];
    (void)state;
    for (int32_t p = 0; p < 5; p++) fill(s, p, 300);
    for (int round = 0; round < 3; round++) {
        memset(&f, 0, sizeof(f));
        for (size_t i = 0; i < FETCHED; i++) {
            snprintf(ids[i], sizeof(ids[i]), "%zu", i % 600); /* half of them are not there */
            w[i] = wanted((int32_t)(i / 600), 10, ids[i]);
        }
        if (round == 2) raw("SCRIPT FLUSH"); /* in the middle of a life: the commands that were on their way are sent again */
        assert_ok(s->fetch(s, w, FETCHED, on_fetched, &f, &err));
        assert_int_equal(f.calls, FETCHED);
        for (size_t i = 0; i < FETCHED; i++) {
            char expected[32];
            snprintf(expected, sizeof(expected), "%zu/%zu", i / 600, i % 600);
            assert_string_equal(f.values[i], i % 600 < 300 ? expected : "-");
        }
    }
    assert_ok(s->fetch(s, w, 0, on_fetched, &f, &err));
    s->free(s);
}

static void a_copy_that_is_behind_gives_nobody_away(void **state)
{
    struct hl_store *s = store_at(server.url);
    struct fetched *f = calloc(1, sizeof(*f));
    (void)state;
    fill(s, P, 3);
    const struct hl_store_wanted w[] = {wanted(P, 10, "1"), wanted(P, 10, "nobody")}, ahead[] = {wanted(P, 10, "1"), wanted(P, 11, "2")},
                                 other = wanted(P + 1, 0, "1");
    assert_ok(s->fetch(s, w, 2, on_fetched, f, &err));
    assert_string_equal(f->values[0], "7/1");
    assert_string_equal(f->values[1], "-");
    memset(f, 0, sizeof(*f));
    assert_int_equal(s->fetch(s, ahead, 2, on_fetched, f, &err), HL_E_GAP);
    assert_string_equal(f->values[1], "");
    assert_int_equal(s->fetch(s, &other, 1, on_fetched, f, &err), HL_E_GAP); /* no copy at all is behind any position */
    raw("FLUSHALL");
    assert_int_equal(s->fetch(s, w, 2, on_fetched, f, &err), HL_E_GAP); /* not: nobody is there */
    fill(s, P, 3);
    memset(f, 0, sizeof(*f));
    assert_ok(s->fetch(s, w, 2, on_fetched, f, &err)); /* the connection has stayed of use */
    s->free(s);
    free(f);
}

static void what_is_wrong_with_a_record_ends_the_fetch(void **state)
{
    struct hl_store *s = store_at(server.url);
    struct fetched *f = calloc(1, sizeof(*f));
    (void)state;
    fill(s, P, 3);
    const struct hl_store_wanted w = wanted(P, 10, "2");
    f->refuse = HL_E_NOMEM;
    assert_int_equal(s->fetch(s, &w, 1, on_fetched, f, &err), HL_E_NOMEM);
    raw("HSET {a%sgroup:%d}:b%u 2 altered-since", " ", P, (unsigned)(w.hash % HL_REDIS_BUCKETS));
    assert_int_equal(s->fetch(s, &w, 1, on_fetched, f, &err), HL_E_DECODE);
    raw("DEL {a%sgroup:%d}:b%u", " ", P, (unsigned)(w.hash % HL_REDIS_BUCKETS));
    raw("SET {a%sgroup:%d}:b%u text", " ", P, (unsigned)(w.hash % HL_REDIS_BUCKETS));
    assert_int_equal(s->fetch(s, &w, 1, on_fetched, f, &err), HL_E_DECODE);
    s->free(s);
    free(f);
}

static int flush(void **state)
{
    (void)state;
    raw("FLUSHALL");
    return 0;
}

#define TEST(f) cmocka_unit_test_setup(f, flush)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(records_are_written_read_and_deleted),
        TEST(bytes_of_any_value_survive),
        TEST(an_uuid_is_kept_packed_and_comes_back_as_it_was),
        TEST(a_marker_can_move_without_records),
        TEST(a_new_owner_fences_the_old_one),
        TEST(owners_of_other_partitions_are_not_fenced),
        TEST(a_marker_that_went_back_is_a_gap),
        TEST(scripts_are_loaded_again_when_the_server_forgot_them),
        TEST(large_batches_are_split_and_load_gives_every_record_once),
        TEST(values_beyond_a_chunks_bytes_go_through),
        TEST(a_crowded_bucket_is_written_in_runs),
        TEST(a_killed_server_is_unavailable_and_found_again),
        TEST(a_unix_socket_and_a_database_are_used),
        TEST(the_password_comes_from_url_or_file_and_is_never_told),
        TEST(a_key_of_a_wrong_type_is_said_with_its_name),
        TEST(a_full_server_is_unavailable_and_the_marker_stays),
        TEST(the_check_warns_of_what_loses_contacts),
        TEST(advice_is_given_until_the_server_keeps_contacts_packed),
        TEST(an_acl_user_with_the_rights_that_are_named_can_do_all),
        TEST(a_password_that_changed_is_read_again),
        TEST(after_a_reconnect_the_marker_is_not_taken_for_granted),
        TEST(many_contacts_of_many_partitions_come_at_once),
        TEST(a_copy_that_is_behind_gives_nobody_away),
        TEST(what_is_wrong_with_a_record_ends_the_fetch),
        cmocka_unit_test(nonsense_is_an_error_never_a_crash),
        cmocka_unit_test(replies_of_wrong_types_and_sizes_are_refused),
        cmocka_unit_test(a_silent_server_times_out),
        cmocka_unit_test(refusals_say_what_to_do),
        cmocka_unit_test(settings_that_do_not_fit_are_refused),
        cmocka_unit_test(tls_is_refused_where_it_cannot_be),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
