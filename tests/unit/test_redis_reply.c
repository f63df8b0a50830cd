/* Replies about where servers are, of good and of odd shapes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

#include "adapter/redis/cluster.h"
#include "adapter/redis/reply.h"

static struct hl_redis_map map;

static redisReply *parsed(const char *bytes)
{
    void *reply = NULL;
    redisReader *reader = redisReaderCreate();
    redisReaderFeed(reader, bytes, strlen(bytes));
    if (redisReaderGetReply(reader, &reply) != REDIS_OK || !reply) fail_msg("not a reply: %s", bytes);
    redisReaderFree(reader);
    return reply;
}

static bool is_map(const char *bytes)
{
    redisReply *r = parsed(bytes);
    bool good = hl_redis_reply_map(r, "asked", &map);
    freeReplyObject(r);
    return good;
}

#define RANGE(first, last, node) "*3\r\n:" first "\r\n:" last "\r\n" node
#define NODE(host, port) "*2\r\n" host "\r\n:" port "\r\n"

static void slots_go_to_their_nodes(void **state)
{
    (void)state;
    assert_true(is_map("*3\r\n" RANGE("0", "99", NODE("$1\r\na", "1")) RANGE("100", "16383", NODE("$1\r\nb", "2"))
                           RANGE("50", "50", NODE("$1\r\nb", "2"))));
    assert_int_equal(map.n_nodes, 2);
    assert_string_equal(map.nodes[map.of[49]].host, "a");
    assert_string_equal(map.nodes[map.of[50]].host, "b");
    assert_string_equal(map.nodes[map.of[99]].host, "a");
    assert_string_equal(map.nodes[map.of[16383]].host, "b");
    assert_int_equal(map.nodes[map.of[16383]].port, 2);
}

static void slots_that_nobody_serves_are_known(void **state)
{
    (void)state;
    assert_true(is_map("*1\r\n" RANGE("1", "1", NODE("$1\r\na", "1"))));
    assert_int_equal(map.of[0], HL_REDIS_NOBODY);
    assert_int_equal(map.of[1], 0);
    assert_true(is_map("*0\r\n"));
    assert_int_equal(map.of[1], HL_REDIS_NOBODY);
}

static void a_node_without_a_host_is_the_one_that_was_asked(void **state)
{
    (void)state;
    static const char *const hosts[] = {NODE("$0\r\n", "7"), NODE("$-1", "7"), NODE("$1\r\n?", "7")};
    for (size_t i = 0; i < HL_ARRAY_LEN(hosts); i++) {
        char text[100];
        snprintf(text, sizeof(text), "*1\r\n" RANGE("0", "5", "%s"), hosts[i]);
        assert_true(is_map(text));
        assert_string_equal(map.nodes[0].host, "asked");
        assert_int_equal(map.nodes[0].port, 7);
    }
}

static void odd_maps_are_refused(void **state)
{
    (void)state;
    static const char *const odd[] = {
        "+OK\r\n",
        "*1\r\n:1\r\n",
        "*1\r\n*0\r\n",
        "*1\r\n*2\r\n:0\r\n:1\r\n",
        "*1\r\n" RANGE("0", "16384", NODE("$1\r\na", "1")),
        "*1\r\n" RANGE("-1", "1", NODE("$1\r\na", "1")),
        "*1\r\n" RANGE("2", "1", NODE("$1\r\na", "1")),
        "*1\r\n" RANGE("0", "1", NODE("$1\r\na", "0")),
        "*1\r\n" RANGE("0", "1", NODE("$1\r\na", "65536")),
        "*1\r\n" RANGE("0", "1", NODE("$3\r\na b", "1")),
        "*1\r\n" RANGE("0", "1", NODE(":1", "1")),
        "*1\r\n" RANGE("0", "1", "*1\r\n$1\r\na\r\n"),
        "*1\r\n" RANGE("0", "1", "$1\r\na\r\n"),
        "*1\r\n" RANGE("0", "1", "*2\r\n$0\r\n\r\n$1\r\n7\r\n"),
        "*1\r\n*3\r\n$1\r\n0\r\n:1\r\n" NODE("$1\r\na", "1"),
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(odd); i++)
        if (is_map(odd[i])) fail_msg("taken: %s", odd[i]);
}

static void redirections_are_read(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        bool ask;
        const char *host;
        int port;
    } good[] = {{"MOVED 3999 127.0.0.1:6381", false, "127.0.0.1", 6381},
                {"ASK 0 ::1:1", true, "::1", 1},
                {"MOVED 16383 :65535", false, "asked", 65535}};
    static const char *const odd[] = {"",           "MOVED",       "MOVED ",         "MOVED 1",       "MOVED 1 ",    "MOVED 1 a",
                                      "MOVED 1 a:", "MOVED x a:1", "MOVED 16384 a:1", "MOVED -1 a:1", "MOVED 1 a:0", "MOVED 1 a:65536",
                                      "ASK",        "ASK ",        "ASKING 1 a:1",    "TRYAGAIN x",   "ERR MOVED 1 a:1", "MOVED 1 a b:1"};
    struct hl_redis_address to;
    bool ask;
    for (size_t i = 0; i < HL_ARRAY_LEN(good); i++) {
        assert_true(hl_redis_reply_redirect(hl_slice_of(good[i].text), "asked", &ask, &to));
        assert_int_equal(ask, good[i].ask);
        assert_string_equal(to.host, good[i].host);
        assert_int_equal(to.port, good[i].port);
    }
    for (size_t i = 0; i < HL_ARRAY_LEN(odd); i++)
        if (hl_redis_reply_redirect(hl_slice_of(odd[i]), "asked", &ask, &to)) fail_msg("taken: %s", odd[i]);
}

/* The values are those of CLUSTER KEYSLOT. */
static void keys_of_a_partition_share_the_slot_of_their_tag(void **state)
{
    (void)state;
    assert_int_equal(hl_redis_slot("123456789"), 12739);
    assert_int_equal(hl_redis_slot("foo{bar}baz"), hl_redis_slot("bar"));
    assert_int_equal(hl_redis_slot("{g:7}:b12"), hl_redis_slot("{g:7}:owner"));
    assert_int_equal(hl_redis_slot("foo"), 12182);
    assert_int_equal(hl_redis_slot("{}foo"), hl_redis_slot("{}foo"));
    assert_int_not_equal(hl_redis_slot("{}foo"), hl_redis_slot("{}bar"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slots_go_to_their_nodes),
        cmocka_unit_test(slots_that_nobody_serves_are_known),
        cmocka_unit_test(a_node_without_a_host_is_the_one_that_was_asked),
        cmocka_unit_test(odd_maps_are_refused),
        cmocka_unit_test(redirections_are_read),
        cmocka_unit_test(keys_of_a_partition_share_the_slot_of_their_tag),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
