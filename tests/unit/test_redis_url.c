#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "adapter/redis/url.h"

static struct hl_redis_url parsed(const char *text)
{
    struct hl_redis_url u;
    struct hl_error err = {0};
    if (hl_redis_url_parse(text, &u, &err) != HL_OK) fail_msg("%s: %s", text, err.message);
    return u;
}

static void a_bare_host_gets_the_default_port_and_database(void **state)
{
    (void)state;
    struct hl_redis_url u = parsed("redis://cache.example");
    assert_false(u.seeds[0].is_unix);
    assert_string_equal(u.seeds[0].host, "cache.example");
    assert_int_equal(u.seeds[0].port, 6379);
    assert_int_equal(u.db, 0);
    assert_string_equal(u.user, "");
    assert_string_equal(u.password, "");
}

static void every_part_of_a_url_is_read(void **state)
{
    (void)state;
    struct hl_redis_url u = parsed("redis://me:p%40ss%3A@10.0.0.1:7000/15");
    assert_string_equal(u.seeds[0].host, "10.0.0.1");
    assert_int_equal(u.seeds[0].port, 7000);
    assert_int_equal(u.db, 15);
    assert_string_equal(u.user, "me");
    assert_string_equal(u.password, "p@ss:");
    u = parsed("redis://:only-password@h/");
    assert_string_equal(u.user, "");
    assert_string_equal(u.password, "only-password");
    u = parsed("redis://u:a/b@c@h:1");
    assert_string_equal(u.password, "a/b@c");
    assert_string_equal(u.seeds[0].host, "h");
}

static void an_ipv6_address_stands_in_brackets(void **state)
{
    (void)state;
    struct hl_redis_url u = parsed("redis://[::1]:6380/2");
    assert_string_equal(u.seeds[0].host, "::1");
    assert_int_equal(u.seeds[0].port, 6380);
    assert_int_equal(u.db, 2);
    assert_int_equal(parsed("redis://[fe80::1]").seeds[0].port, 6379);
}

static void a_unix_socket_may_name_its_database(void **state)
{
    (void)state;
    struct hl_redis_url u = parsed("unix:///run/redis/redis.sock?db=3");
    assert_true(u.seeds[0].is_unix);
    assert_string_equal(u.seeds[0].host, "/run/redis/redis.sock");
    assert_int_equal(u.db, 3);
    assert_int_equal(parsed("unix:///s").db, 0);
}

static void tls_sentinels_and_several_hosts_are_read(void **state)
{
    (void)state;
    assert_true(parsed("rediss://h").tls);
    assert_false(parsed("redis://h").tls);
    struct hl_redis_url u = parsed("redis://a:1,[::2]:2,c/0");
    assert_int_equal(u.n_seeds, 3);
    assert_string_equal(u.seeds[1].host, "::2");
    assert_int_equal(u.seeds[2].port, 6379);
    assert_string_equal(u.master, "");
    u = parsed("rediss+sentinel://me:pw@s1,s2:5/the%20master/3");
    assert_true(u.tls);
    assert_int_equal(u.n_seeds, 2);
    assert_int_equal(u.seeds[0].port, 26379);
    assert_int_equal(u.seeds[1].port, 5);
    assert_string_equal(u.master, "the master");
    assert_string_equal(u.user, "me");
    assert_int_equal(u.db, 3);
}

static void bad_urls_are_refused_without_repeating_the_password(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "redis:",
        "localhost:6379",
        "http://h",
        "rediss://u:s3cret@",
        "redis://a,b,c,d,e,f,g,h,i",
        "redis://a,",
        "redis+sentinel://a",
        "redis+sentinel://a/",
        "redis+sentinel://a//0",
        "redis+sentinel://a/m/x",
        "redis://",
        "redis://:6379",
        "redis://u:s3cret@",
        "redis://h:0",
        "redis://h:65536",
        "redis://h:",
        "redis://h:12x",
        "redis://h:+1",
        "redis://h:6379/x",
        "redis://h/-1",
        "redis://h/99999",
        "redis://h/0?x=1",
        "redis://h#f",
        "redis://[::1",
        "redis://[::1]x",
        "redis://[]",
        "redis://u:s3cret%4@h",
        "redis://u:s3cret%zz@h",
        "redis://u:s3cret%00@h",
        "redis://h%",
        "unix://",
        "unix://relative",
        "unix:///s?db",
        "unix:///s?db=",
        "unix:///s?x=1",
        "unix:///s?db=a",
    };
    for (size_t i = 0; i < HL_ARRAY_LEN(bad); i++) {
        struct hl_redis_url u;
        struct hl_error err = {0};
        if (hl_redis_url_parse(bad[i], &u, &err) != HL_E_CONFIG) fail_msg("accepted: %s", bad[i]);
        assert_int_equal(err.code, HL_E_CONFIG);
        assert_null(strstr(err.message, "s3cret"));
        assert_non_null(strstr(err.message, "expected redis[s]://"));
    }
    assert_int_equal(hl_redis_url_parse(NULL, &(struct hl_redis_url){0}, NULL), HL_E_CONFIG);
}

static void parts_that_are_too_long_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *before;
        size_t at_most;
        const char *after;
    } parts[] = {{"redis://", 255, ""}, {"redis://", 127, ":p@h"}, {"redis://u:", 511, "@h"}, {"unix:///", 254, "?db=1"}};
    for (size_t i = 0; i < HL_ARRAY_LEN(parts); i++) {
        for (size_t extra = 0; extra < 2; extra++) {
            char text[2048], fill[1024] = {0};
            struct hl_redis_url u;
            memset(fill, 'x', parts[i].at_most + extra);
            snprintf(text, sizeof(text), "%s%s%s", parts[i].before, fill, parts[i].after);
            assert_int_equal(hl_redis_url_parse(text, &u, NULL), extra ? HL_E_CONFIG : HL_OK);
        }
    }
}

static void random_text_is_parsed_or_refused_in_bounds(void **state)
{
    (void)state;
    static const char *const pieces[] = {"redis://", "unix://", "redis+sentinel://", ",", "@", ":",   "/",  "[", "]",    "%",
                                         "%41",      "?db=",    "1", "abc", "::", "#", "65535"};
    unsigned seed = (unsigned)time(NULL);
    srandom(seed);
    for (int round = 0; round < 20000; round++) {
        char text[256] = "";
        struct hl_redis_url u;
        for (long n = random() % 12; n >= 0; n--) {
            strncat(text, pieces[(size_t)random() % HL_ARRAY_LEN(pieces)], sizeof(text) - strlen(text) - 1);
        }
        enum hl_status status = hl_redis_url_parse(text, &u, NULL);
        bool sane = status == HL_E_CONFIG ||
                    (status == HL_OK && u.seeds[0].host[0] && u.n_seeds >= 1 && (u.seeds[0].is_unix || (u.seeds[0].port >= 1 && u.seeds[0].port <= 65535)) && u.db >= 0 && u.db <= 65535);
        if (!sane) fail_msg("seed %u: %s", seed, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bare_host_gets_the_default_port_and_database),
        cmocka_unit_test(every_part_of_a_url_is_read),
        cmocka_unit_test(an_ipv6_address_stands_in_brackets),
        cmocka_unit_test(a_unix_socket_may_name_its_database),
        cmocka_unit_test(tls_sentinels_and_several_hosts_are_read),
        cmocka_unit_test(bad_urls_are_refused_without_repeating_the_password),
        cmocka_unit_test(parts_that_are_too_long_are_refused),
        cmocka_unit_test(random_text_is_parsed_or_refused_in_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
