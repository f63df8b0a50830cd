/* Whatever happens to the copy in Redis, what is restored is what was written: from the copy and the rest of the history when the copy is
 * whole, from the history alone when it is not. Needs redis-server; runs its own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "hotlead/adapter/redis.h"
#include "redis_server.h"

#define P 3
#define CONTACTS 400
#define HISTORY 3000
#define GROUP "copied"
#define NAME_LEN 16
#define VALUE_LEN 48

static struct redis_server server;
static struct hl_error err;
static unsigned seed;

struct entry {
    unsigned contact;
    char value[VALUE_LEN]; /* "": the contact is deleted */
};

struct state {
    char values[CONTACTS][VALUE_LEN];
};

static struct entry history[HISTORY]; /* what the state topic of the partition holds */
static char names[CONTACTS][NAME_LEN];
static struct hl_store_record records[HISTORY];

static unsigned chance(unsigned n)
{
    return (unsigned)rand_r(&seed) % n;
}

#define assert_ok(call)                                                                                                          \
    do {                                                                                                                         \
        if ((call) != HL_OK) fail_msg("%s: %s", #call, err.message);                                                             \
    } while (0)

static void make_history(void)
{
    seed = (unsigned)time(NULL) ^ (unsigned)getpid();
    print_message("seed %u\n", seed);
    for (unsigned i = 0; i < CONTACTS; i++) snprintf(names[i], NAME_LEN, "person-%u", i);
    for (unsigned i = 0; i < HISTORY; i++) {
        struct entry *e = &history[i];
        e->contact = chance(CONTACTS);
        snprintf(e->value, VALUE_LEN, "%.*s%u", chance(8) ? (int)chance(30) : 0, "abcdefghijklmnopqrstuvwxyzabcdefgh", i);
        if (chance(10) == 0) e->value[0] = '\0';
    }
}

static void apply(struct state *s, int64_t from, int64_t to)
{
    for (int64_t i = from < 0 ? 0 : from; i < to; i++) memcpy(s->values[history[i].contact], history[i].value, VALUE_LEN);
}

static struct hl_store *store_open(void)
{
    struct hl_store *s = NULL;
    const struct hl_redis_config config = {.url = server.url, .name = GROUP};
    assert_ok(hl_redis_new(&config, &s, &err));
    return s;
}

/* What the mirror does: take over, find the marker, write on from there, a few records at a time. */
static void mirror(struct hl_store *s, int64_t to)
{
    uint64_t token;
    int64_t at;
    assert_ok(s->own(s, P, &token, &err));
    assert_ok(s->marker(s, P, &at, &err));
    if (at < 0) assert_ok(s->discard(s, P, token, &err));
    while (at < to) {
        int64_t begin = at < 0 ? 0 : at, end = begin + 1 + chance(HISTORY / 20);
        if (end > to) end = to;
        size_t n = 0;
        for (int64_t i = begin; i < end; i++) {
            struct hl_slice id = hl_slice_of(names[history[i].contact]), value = hl_slice_of(history[i].value);
            records[n++] = (struct hl_store_record){id, hl_hash64(id), value.len ? value : HL_SLICE_NULL};
        }
        assert_ok(s->write(s, P, token, at, end, records, n, &err));
        at = end;
    }
}

struct load {
    struct state *state;
    unsigned seen, flush_at; /* 0: never */
};

static void raw(const char *format, ...)
{
    va_list args;
    redisContext *c = redisConnect("127.0.0.1", server.port);
    va_start(args, format);
    redisReply *r = redisvCommand(c, format, args);
    va_end(args);
    if (!r || r->type == REDIS_REPLY_ERROR) fail_msg("redis: %s", r ? r->str : c->errstr);
    freeReplyObject(r);
    redisFree(c);
}

static enum hl_status see_one(struct load *l, struct hl_slice id, struct hl_slice value)
{
    if (++l->seen == l->flush_at) raw("FLUSHALL");
    for (unsigned i = 0; i < CONTACTS; i++) {
        if (!hl_slice_eq_cstr(id, names[i])) continue;
        if (value.len >= VALUE_LEN) return HL_E_DECODE;
        memcpy(l->state->values[i], value.data, value.len);
        l->state->values[i][value.len] = '\0';
        return HL_OK;
    }
    return HL_E_DECODE;
}

static enum hl_status see(void *ctx, const struct hl_store_record *r, size_t n)
{
    enum hl_status status = HL_OK;
    for (; n && !status; n--, r++) status = see_one(ctx, r->id, r->value);
    return status;
}

static void assert_is_history(const struct state *got)
{
    static struct state want;
    memset(&want, 0, sizeof(want));
    apply(&want, 0, HISTORY);
    for (unsigned i = 0; i < CONTACTS; i++)
        if (strcmp(want.values[i], got->values[i]) != 0) fail_msg("%s: '%s', not '%s'", names[i], got->values[i], want.values[i]);
}

/* What recovery does; `why` what the store says of a copy that is wrong, NULL: the copy is whole. */
static void restore(struct hl_store *s, const char *why, unsigned flush_at)
{
    static struct state state;
    struct load l = {.state = &state, .flush_at = flush_at};
    uint64_t token;
    int64_t at;
    memset(&state, 0, sizeof(state));
    assert_ok(s->own(s, P, &token, &err));
    enum hl_status status = s->marker(s, P, &at, &err);
    if (!status && at >= 0) status = s->load(s, P, at, see, &l, &err);
    if (why) {
        if (status != HL_E_DECODE) fail_msg("%s expected, the load says %s", why, hl_status_name(status));
        if (!strstr(err.message, why)) fail_msg("'%s' expected: %s", why, err.message);
        if (!flush_at) assert_ok(s->discard(s, P, token, &err)); /* the token went with the rest */
        memset(&state, 0, sizeof(state));
        at = -1;
    } else {
        assert_ok(status);
    }
    apply(&state, at, HISTORY);
    assert_is_history(&state);
}

/* Damage a copy of most of the history by `damage`, then see it noticed, told and mended. */
static void damaged(void (*damage)(void), const char *why, unsigned flush_at)
{
    raw("FLUSHALL");
    struct hl_store *s = store_open();
    mirror(s, HISTORY - 100);
    if (damage) damage();
    restore(s, why, flush_at);
    mirror(s, HISTORY);
    restore(s, NULL, 0);
    s->free(s);
}

/* A contact that the history leaves alive at HISTORY - 100. */
static unsigned living(void)
{
    static struct state s;
    memset(&s, 0, sizeof(s));
    apply(&s, 0, HISTORY - 100);
    for (;;) {
        unsigned i = chance(CONTACTS);
        if (s.values[i][0]) return i;
    }
}

static unsigned bucket_of(unsigned contact)
{
    return (unsigned)(hl_hash64(hl_slice_of(names[contact])) % HL_REDIS_BUCKETS);
}

#define BUCKET "{" GROUP ":%d}:b%u"

static void delete_one(void)
{
    unsigned i = living();
    raw("HDEL " BUCKET " %s", P, bucket_of(i), names[i]);
}

/* The stored bytes of a contact. */
static redisReply *stored(unsigned contact)
{
    redisContext *c = redisConnect("127.0.0.1", server.port);
    redisReply *r = redisCommand(c, "HGET " BUCKET " %s", P, bucket_of(contact), names[contact]);
    assert_int_equal(r->type, REDIS_REPLY_STRING);
    redisFree(c);
    return r;
}

static void put_back(unsigned contact, const redisReply *r)
{
    raw("HSET " BUCKET " %s %b", P, bucket_of(contact), names[contact], r->str, r->len);
}

static void alter_one_bit(void)
{
    unsigned i = living();
    redisReply *r = stored(i);
    r->str[chance((unsigned)r->len)] ^= (char)(1 << chance(8));
    put_back(i, r);
    freeReplyObject(r);
}

static void give_one_the_record_of_another(void)
{
    unsigned i = living(), other;
    do other = living();
    while (other == i);
    redisReply *r = stored(other);
    put_back(i, r);
    freeReplyObject(r);
}

static void cut_one_short(void)
{
    unsigned i = living();
    redisReply *r = stored(i);
    raw("HSET " BUCKET " %s %b", P, bucket_of(i), names[i], r->str, (size_t)chance(8));
    freeReplyObject(r);
}

static void add_one(void)
{
    raw("HSET " BUCKET " intruder value", P, chance(HL_REDIS_BUCKETS));
}

/* An older record of the same contact has a good seal. */
static void turn_one_back(void)
{
    unsigned i = living();
    raw("FLUSHALL");
    struct hl_store *s = store_open();
    mirror(s, HISTORY - 200);
    redisReply *r;
    do {
        i = living();
        redisContext *c = redisConnect("127.0.0.1", server.port);
        r = redisCommand(c, "HGET " BUCKET " %s", P, bucket_of(i), names[i]);
        redisFree(c);
        bool changes = false;
        for (int k = HISTORY - 200; k < HISTORY - 100; k++) changes |= history[k].contact == i;
        if (changes && r->type == REDIS_REPLY_STRING) break;
        freeReplyObject(r);
    } while (true);
    mirror(s, HISTORY - 100);
    put_back(i, r);
    freeReplyObject(r);
    s->free(s);
}

static void evict_a_key(void)
{
    raw("DEL " BUCKET, P, bucket_of(living()));
}

static void garble_the_marker(void)
{
    raw("SET {" GROUP ":%d}:marker %s", P, "2900 17");
}

static void a_whole_copy_is_used(void **state)
{
    (void)state;
    damaged(NULL, NULL, 0);
}

static void a_missing_record_is_noticed(void **state)
{
    (void)state;
    damaged(delete_one, "records, its marker counts", 0);
    damaged(evict_a_key, "records, its marker counts", 0);
}

static void an_altered_record_is_noticed(void **state)
{
    (void)state;
    for (int i = 0; i < 5; i++) damaged(alter_one_bit, "holds a record that was altered", 0);
    damaged(cut_one_short, "holds a record that was altered", 0);
    damaged(give_one_the_record_of_another, "holds a record that was altered", 0);
}

static void an_added_record_is_noticed(void **state)
{
    (void)state;
    damaged(add_one, "holds a record that was altered", 0);
}

static void an_older_record_is_noticed(void **state)
{
    (void)state;
    damaged(turn_one_back, "but others", 0);
}

static void a_marker_that_is_none_is_noticed(void **state)
{
    (void)state;
    damaged(garble_the_marker, "is not a marker", 0);
}

static void a_flush_in_the_middle_of_a_load_is_noticed(void **state)
{
    (void)state;
    damaged(NULL, "records, its marker counts", 1);
    damaged(NULL, "records, its marker counts", 1 + chance(20));
}

/* Whoever overwrites what was damaged does not hide the damage. */
static void damage_stays_visible_when_it_is_overwritten(void **state)
{
    (void)state;
    raw("FLUSHALL");
    struct hl_store *s = store_open();
    mirror(s, HISTORY - 100);
    raw("HSET " BUCKET " %s x", P, bucket_of(history[HISTORY - 1].contact), names[history[HISTORY - 1].contact]);
    add_one();
    mirror(s, HISTORY);
    restore(s, "altered", 0);
    s->free(s);
}

/* What a write that was cut off left behind is not counted in by the next. */
static void remains_without_a_position_are_cleared(void **state)
{
    (void)state;
    raw("FLUSHALL");
    struct hl_store *s = store_open();
    mirror(s, HISTORY - 100);
    raw("DEL {" GROUP ":%d}:marker", P);
    restore(s, NULL, 0); /* no copy, as far as anyone can tell */
    mirror(s, HISTORY);
    restore(s, NULL, 0);
    s->free(s);
}

/* --- a server that comes back with part of what it had --- */

static const char *const with_aof[] = {"appendonly", "yes", "appendfsync", "always", "auto-aof-rewrite-percentage", "0", NULL};

static void cut_aof(char *path, size_t cap)
{
    char folder[128];
    struct stat st;
    snprintf(folder, sizeof(folder), "%s/appendonlydir", server.dir);
    DIR *d = opendir(folder);
    assert_non_null(d);
    path[0] = '\0';
    for (const struct dirent *e; (e = readdir(d));)
        if (strstr(e->d_name, ".incr.aof")) snprintf(path, cap, "%s/%s", folder, e->d_name);
    closedir(d);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, chance((unsigned)st.st_size)), 0);
}

static void a_log_cut_at_any_byte_gives_an_older_copy_or_none(void **state)
{
    char path[400];
    (void)state;
    for (int round = 0; round < 6; round++) {
        redis_server_stop(&server);
        assert_true(redis_server_start(&server, with_aof));
        struct hl_store *s = store_open();
        mirror(s, HISTORY - 1 - chance(HISTORY / 2));
        redis_server_kill(&server);
        cut_aof(path, sizeof(path));
        assert_true(redis_server_restart(&server, with_aof));
        s->free(s);
        s = store_open();
        restore(s, NULL, 0);
        mirror(s, HISTORY);
        restore(s, NULL, 0);
        s->free(s);
    }
}

static int start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    make_history();
    return redis_server_start(&server, NULL) ? 0 : -1;
}

static int stop(void **state)
{
    (void)state;
    redis_server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_copy_is_used),
        cmocka_unit_test(a_missing_record_is_noticed),
        cmocka_unit_test(an_altered_record_is_noticed),
        cmocka_unit_test(an_added_record_is_noticed),
        cmocka_unit_test(an_older_record_is_noticed),
        cmocka_unit_test(a_marker_that_is_none_is_noticed),
        cmocka_unit_test(a_flush_in_the_middle_of_a_load_is_noticed),
        cmocka_unit_test(damage_stays_visible_when_it_is_overwritten),
        cmocka_unit_test(remains_without_a_position_are_cleared),
        cmocka_unit_test(a_log_cut_at_any_byte_gives_an_older_copy_or_none),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
