#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hotlead/adapter/http.h"

static struct hl_error err;

/* Echoes what it was asked. */
static void echo(void *ctx, const struct hl_http_request *q, struct hl_http_response *r)
{
    (void)ctx;
    if (strcmp(q->path, "/missing") == 0)
        hl_http_problem(r, 404, "Not Found", "no \"such\"\npath \\");
    else
        hl_buf_printf(&r->body, "path=%s query=%s accept=%s raw=%s", q->path, q->query, q->accept, q->raw_path);
}

static struct hl_http *started(const char *listen, const char *token_file)
{
    struct hl_http *h = NULL;
    const struct hl_http_config config = {.listen = listen, .token_file = token_file};
    if (hl_http_start(&config, echo, NULL, &h, &err) != HL_OK) fail_msg("%s", err.message);
    return h;
}

static int connected(const struct hl_http *h)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)hl_http_port(h)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

/* Send raw bytes, read until the server closes. */
static const char *exchange(const struct hl_http *h, const char *bytes, size_t len)
{
    static char answer[65536];
    size_t n = 0;
    int fd = connected(h);
    (void)!send(fd, bytes, len, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    for (ssize_t got; n < sizeof(answer) - 1 && (got = recv(fd, answer + n, sizeof(answer) - 1 - n, 0)) > 0;) n += (size_t)got;
    answer[n] = '\0';
    close(fd);
    return answer;
}

static const char *asked(const struct hl_http *h, const char *method, const char *target, const char *headers)
{
    char request[8192];
    int n =
        snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n%s\r\n", method, target, headers);
    return exchange(h, request, (size_t)n);
}

#define assert_contains(text, part)                                                                                              \
    do {                                                                                                                         \
        const char *t_ = (text);                                                                                                 \
        if (!strstr(t_, part)) fail_msg("\"%s\" not in: %s", part, t_);                                                          \
    } while (0)

static char *token_file(const char *content)
{
    static char path[64];
    snprintf(path, sizeof(path), "/tmp/hotlead-token-XXXXXX");
    int fd = mkstemp(path);
    assert_int_equal(write(fd, content, strlen(content)), (ssize_t)strlen(content));
    close(fd);
    return path;
}

static void the_handler_gets_path_query_and_accept(void **state)
{
    (void)state;
    struct hl_http *h = started("127.0.0.1:0", NULL);
    assert_true(hl_http_port(h) > 0);
    const char *answer = asked(h, "GET", "/a%20b/c?x=1&y=%32", "Accept: text/plain\r\n");
    assert_contains(answer, "HTTP/1.1 200 OK\r\n");
    assert_contains(answer, "Content-Type: text/plain; charset=utf-8\r\n");
    assert_contains(answer, "path=/a b/c query=x=1&y=%32 accept=text/plain raw=/a%20b/c");
    assert_contains(asked(h, "GET", "/", ""), "path=/ query= accept= raw=/");
    assert_contains(asked(h, "GET", "/a%2Fb%00c?", ""), "raw=/a%2Fb%00c");
    hl_http_stop(h);
}

static void a_head_has_headers_and_no_body(void **state)
{
    (void)state;
    struct hl_http *h = started("127.0.0.1:0", NULL);
    const char *answer = asked(h, "HEAD", "/abc", "");
    assert_contains(answer, "200 OK\r\n");
    assert_contains(answer, "Content-Length: ");
    assert_null(strstr(answer, "path="));
    hl_http_stop(h);
}

static void other_methods_are_refused(void **state)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"};
    (void)state;
    struct hl_http *h = started("127.0.0.1:0", NULL);
    for (size_t i = 0; i < HL_ARRAY_LEN(methods); i++) {
        const char *answer = asked(h, methods[i], "/abc", "");
        assert_contains(answer, "HTTP/1.1 405 ");
        assert_contains(answer, "Allow: GET, HEAD\r\n");
        assert_contains(answer, "application/problem+json");
        assert_contains(answer, "\"status\":405");
    }
    const char *post = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody";
    assert_contains(exchange(h, post, strlen(post)), "HTTP/1.1 405 ");
    hl_http_stop(h);
}

/* Of `bytes` in all, a question mark apart. */
static const char *asked_long(const struct hl_http *h, size_t bytes, bool with_query)
{
    static char target[9000];
    memset(target, 'a', sizeof(target));
    target[0] = '/';
    if (with_query) target[100] = '?';
    target[bytes + with_query] = '\0';
    static char request[9100];
    int n = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", target);
    return exchange(h, request, (size_t)n);
}

static void a_target_that_is_too_long_is_refused(void **state)
{
    (void)state;
    struct hl_http *h = started("127.0.0.1:0", NULL);
    for (int with_query = 0; with_query < 2; with_query++) {
        assert_contains(asked_long(h, 8191, with_query), "HTTP/1.1 200 ");
        const char *answer = asked_long(h, 8192, with_query);
        assert_contains(answer, "HTTP/1.1 414 ");
        assert_contains(answer, "\"title\":\"URI Too Long\",\"status\":414,\"detail\":\"a path with its query has at most 8191 bytes\"");
    }
    hl_http_stop(h);
}

static void problems_are_escaped_json(void **state)
{
    (void)state;
    struct hl_http *h = started("127.0.0.1:0", NULL);
    const char *answer = asked(h, "GET", "/missing", "");
    assert_contains(answer, "HTTP/1.1 404 ");
    assert_contains(
        answer,
        "{\"type\":\"about:blank\",\"title\":\"Not Found\",\"status\":404,\"detail\":\"no \\\"such\\\"\\u000apath \\\\\"}");
    hl_http_stop(h);
}

static void v1_needs_the_token_and_the_rest_does_not(void **state)
{
    static const char *const wrong[] = {
        "",
        "Authorization: Bearer\r\n",
        "Authorization: Bearer s3cre\r\n",
        "Authorization: Bearer s3crets\r\n",
        "Authorization: Bearer S3cret\r\n",
        "Authorization: Basic s3cret\r\n",
        "Authorization: s3cret\r\n",
    };
    (void)state;
    const char *path = token_file("s3cret\n");
    struct hl_http *h = started("127.0.0.1:0", path);
    unlink(path);
    for (size_t i = 0; i < HL_ARRAY_LEN(wrong); i++) {
        const char *answer = asked(h, "GET", "/v1/rank", wrong[i]);
        assert_contains(answer, "HTTP/1.1 401 ");
        assert_contains(answer, "WWW-Authenticate: Bearer\r\n");
        assert_null(strstr(answer, "path="));
    }
    assert_contains(asked(h, "GET", "/%76%31/rank", ""), "HTTP/1.1 401 ");
    assert_contains(asked(h, "GET", "/v1", ""), "HTTP/1.1 401 ");
    assert_contains(asked(h, "GET", "/v1/rank", "Authorization: Bearer s3cret\r\n"), "path=/v1/rank");
    assert_contains(asked(h, "GET", "/v1/rank", "authorization: bearer s3cret\r\n"), "path=/v1/rank");
    assert_contains(asked(h, "GET", "/v10", ""), "path=/v10");
    assert_contains(asked(h, "GET", "/metrics", ""), "path=/metrics");
    hl_http_stop(h);
}

static void the_world_is_not_served_without_a_token(void **state)
{
    static const char *const open[] = {"0.0.0.0:0", "[::]:0"};
    (void)state;
    struct hl_http *h;
    for (size_t i = 0; i < HL_ARRAY_LEN(open); i++) {
        const struct hl_http_config config = {.listen = open[i]};
        assert_int_equal(hl_http_start(&config, echo, NULL, &h, &err), HL_E_CONFIG);
        assert_contains(err.message, "token_file");
    }
    hl_http_stop(started("127.0.0.2:0", ""));
}

static void bad_settings_are_said(void **state)
{
    static const char *const listens[] = {
        "", "127.0.0.1", ":8080", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", "::1:80", "[]:80"};
    (void)state;
    struct hl_http *h, *first = started("127.0.0.1:0", NULL);
    char listen[32];
    for (size_t i = 0; i < HL_ARRAY_LEN(listens); i++) {
        const struct hl_http_config config = {.listen = listens[i]};
        if (hl_http_start(&config, echo, NULL, &h, &err) != HL_E_CONFIG) fail_msg("accepted: %s", listens[i]);
    }
    snprintf(listen, sizeof(listen), "127.0.0.1:%d", hl_http_port(first));
    assert_int_equal(hl_http_start(&(struct hl_http_config){.listen = listen}, echo, NULL, &h, &err), HL_E_UNAVAILABLE);
    assert_contains(err.message, listen);
    const char *empty = token_file(" \n");
    assert_int_equal(hl_http_start(&(struct hl_http_config){.listen = "127.0.0.1:0", .token_file = empty}, echo, NULL, &h, &err),
                     HL_E_CONFIG);
    unlink(empty);
    assert_int_equal(
        hl_http_start(&(struct hl_http_config){.listen = "127.0.0.1:0", .token_file = "/nonexistent"}, echo, NULL, &h, &err),
        HL_E_CONFIG);
    assert_contains(err.message, "/nonexistent");
    hl_http_stop(first);
    hl_http_stop(NULL);
}

/* Send and hang up. */
static void poke(const struct hl_http *h, const char *bytes, size_t len)
{
    int fd = connected(h);
    (void)!send(fd, bytes, len, MSG_NOSIGNAL);
    close(fd);
}

/* Whatever comes, the next proper request is answered. */
static void nonsense_and_oversize_leave_the_server_well(void **state)
{
    static char big[100000];
    static const struct {
        const char *bytes;
        size_t len;
    } cases[] = {
        {"", 0},
        {"\r\n\r\n", 4},
        {"GET\r\n\r\n", 7},
        {"GET / HTTP/9.9\r\n\r\n", 18},
        {"\0\1\2\3\r\n\r\n", 8},
        {"\x16\x03\x01\x02\x00\x01", 6},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: -5\r\n\r\n", 46},
        {"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc", 48},
        {"GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 58},
        {"GET /%00%zz?%00 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", 56},
    };
    (void)state;
    struct hl_http *h = started("127.0.0.1:0", NULL);
    for (size_t i = 0; i < HL_ARRAY_LEN(cases); i++) poke(h, cases[i].bytes, cases[i].len);
    memset(big, 'a', sizeof(big));
    memcpy(big, "GET /", 5);
    assert_null(strstr(exchange(h, big, sizeof(big)), "200 OK"));
    assert_contains(asked(h, "GET", "/still-here", ""), "path=/still-here");
    hl_http_stop(h);
}

static void many_idle_connections_are_bounded(void **state)
{
    enum { N = 40 };
    int fds[N];
    (void)state;
    struct hl_http *h = started("127.0.0.1:0", NULL);
    for (int i = 0; i < N; i++) fds[i] = connected(h);
    /* All come from one address: those beyond its share are closed at once, the first ones are served. */
    const char *request = "GET /first HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    char answer[1024] = "", byte;
    assert_true(send(fds[0], request, strlen(request), MSG_NOSIGNAL) > 0);
    assert_true(recv(fds[0], answer, sizeof(answer) - 1, 0) > 0);
    assert_contains(answer, "200 OK");
    assert_true(recv(fds[N - 1], &byte, 1, 0) <= 0);
    for (int i = 0; i < N; i++) close(fds[i]);
    hl_http_stop(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_handler_gets_path_query_and_accept),
        cmocka_unit_test(a_head_has_headers_and_no_body),
        cmocka_unit_test(other_methods_are_refused),
        cmocka_unit_test(a_target_that_is_too_long_is_refused),
        cmocka_unit_test(problems_are_escaped_json),
        cmocka_unit_test(v1_needs_the_token_and_the_rest_does_not),
        cmocka_unit_test(the_world_is_not_served_without_a_token),
        cmocka_unit_test(bad_settings_are_said),
        cmocka_unit_test(nonsense_and_oversize_leave_the_server_well),
        cmocka_unit_test(many_idle_connections_are_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
