#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <errno.h>
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
        snprintf(request, sizeof(request), "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n", method, target, headers);
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
    const char *post = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\nbody";
    assert_contains(exchange(h, post, strlen(post)), "HTTP/1.1 405 ");
    hl_http_stop(h);
}

static const char *called(const struct hl_http *h, const char *target, const char *host)
{
    char request[1000];
    int n = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", target, host);
    return exchange(h, request, (size_t)n);
}

static void without_a_token_only_its_own_names_are_answered(void **state)
{
    static const char *const own[] = {"localhost", "LocalHost:8080", "localhost.:1", "127.0.0.1", "127.0.0.1:8080", "127.1.2.3:80", "[::1]", "[::1]:8080",
                                      "lead.example:443", "INNER", "inner.:80"};
    static const char *const others[] = {"evil.example", "evil.example:8080", "localhost.evil.example", "127.0.0.1.evil.example", "evil-localhost", "10.0.0.1",
                                         "[::2]:8080", "lead.example.evil.example", "lead", "inner, lead.example", "", ":8080", "[]", "."};
    struct hl_http *h = NULL;
    const struct hl_http_config config = {.listen = "127.0.0.1:0", .hosts = " lead.example,\tinner, "};
    (void)state;
    assert_int_equal(hl_http_start(&config, echo, NULL, &h, &err), HL_OK);
    for (size_t i = 0; i < HL_ARRAY_LEN(own); i++) assert_contains(called(h, "/livez", own[i]), "path=/livez");
    for (size_t i = 0; i < HL_ARRAY_LEN(others); i++) {
        const char *answer = called(h, i % 2 ? "/v1/rank" : "/metrics", others[i]);
        if (strstr(answer, "path=") || !strstr(answer, "HTTP/1.1 421 ")) fail_msg("called '%s': %s", others[i], answer);
        assert_contains(answer, "\"detail\":\"the request's Host is neither localhost, an address of loopback, nor a name of http.hosts: add it there, or set "
                                "http.token_file\"");
    }
    static const char ancient[] = "GET /livez HTTP/1.0\r\n\r\n"; /* no browser leaves it out */
    assert_contains(exchange(h, ancient, sizeof(ancient) - 1), "path=/livez");
    hl_http_stop(h);
}

static void with_a_token_it_answers_to_any_name(void **state)
{
    (void)state;
    const char *file = token_file("secret\n");
    struct hl_http *h = started("127.0.0.1:0", file);
    assert_contains(called(h, "/livez", "lead.example"), "path=/livez");
    assert_contains(called(h, "/v1/rank", "lead.example"), "HTTP/1.1 401 ");
    unlink(file);
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
    int n = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", target);
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
        {"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n", 54},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\r\nabc", 56},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 66},
        {"GET /%00%zz?%00 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", 64},
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

/* From 127.0.0.`last`, nothing said yet. */
static int connected_from(const struct hl_http *h, int last)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)hl_http_port(h)), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)},
        from = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000000u + (unsigned)last)};
    const struct timeval patience = {.tv_sec = 20};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    assert_int_equal(bind(fd, (struct sockaddr *)&from, sizeof(from)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    return fd;
}

/* Waits until the server has ended the connection. */
static bool is_ended(int fd)
{
    char byte;
    ssize_t got = recv(fd, &byte, 1, 0);
    return got == 0 || (got < 0 && errno != EAGAIN);
}

static bool is_open(int fd)
{
    char byte;
    return recv(fd, &byte, 1, MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

static void who_waits_longest_of_an_address_gives_way_to_its_newcomer(void **state)
{
    enum { N = 40, KEPT = 16 };
    int fds[N];
    (void)state;
    struct hl_http *h = started("127.0.0.1:0", NULL);
    int other = connected_from(h, 9);
    for (int i = 0; i < N; i++) fds[i] = connected_from(h, 2);
    for (int i = 0; i < N - KEPT; i++) assert_true(is_ended(fds[i]));
    assert_contains(asked(h, "GET", "/livez", ""), "path=/livez"); /* of a third address: the newcomer's are not counted with theirs */
    for (int i = N - KEPT; i < N; i++) assert_true(is_open(fds[i]));
    assert_true(is_open(other));
    for (int i = 0; i < N; i++) close(fds[i]);
    close(other);
    hl_http_stop(h);
}

static void a_crowd_from_everywhere_keeps_nobody_out(void **state)
{
    enum { N = 200, KEPT = 48 };
    int fds[N];
    (void)state;
    struct hl_http *h = started("127.0.0.1:0", NULL);
    for (int i = 0; i < N; i++) {
        fds[i] = connected_from(h, 2 + i % 100);
        if (i % 50 == 0) assert_contains(asked(h, "GET", "/livez", ""), "path=/livez");
    }
    assert_contains(asked(h, "GET", "/livez", ""), "path=/livez");
    for (int i = 0; i < N - KEPT; i++) assert_true(is_ended(fds[i]));
    for (int i = N - KEPT + 1; i < N; i++) assert_true(is_open(fds[i])); /* the last request pushed one out */
    for (int i = 0; i < N; i++) close(fds[i]);
    hl_http_stop(h);
}

static struct hl_http *started_in_haste(int request_ms, int answer_ms)
{
    struct hl_http *h = NULL;
    const struct hl_http_config config = {.listen = "127.0.0.1:0", .request_ms = request_ms, .answer_ms = answer_ms};
    assert_int_equal(hl_http_start(&config, echo, NULL, &h, &err), HL_OK);
    return h;
}

/* A byte now and then starts no clock anew. */
static void a_request_that_trickles_in_is_ended(void **state)
{
    static const char request[] = "GET /slow HTTP/1.1\r\nHost: localhost\r\nX-Slow: ";
    (void)state;
    struct hl_http *h = started_in_haste(200, 0);
    int fd = connected(h);
    bool ended = false;
    for (int i = 0; i < 2000 && !ended; i++) { /* up to 20 s */
        ended = send(fd, i < (int)sizeof(request) - 1 ? &request[i] : "a", 1, MSG_NOSIGNAL) < 0;
        if (!ended) usleep(10000);
    }
    assert_true(ended);
    close(fd);
    int idle = connected(h);
    assert_true(is_ended(idle));
    close(idle);
    hl_http_stop(h);
}

static void a_kept_connection_that_goes_on_asking_is_not_ended(void **state)
{
    static const char request[] = "GET /again HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char answer[1024];
    (void)state;
    struct hl_http *h = started_in_haste(1000, 0);
    int fd = connected(h);
    for (int i = 0; i < 15; i++) {
        assert_true(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0);
        assert_true(recv(fd, answer, sizeof(answer), 0) > 0);
        usleep(100000);
    }
    close(fd);
    hl_http_stop(h);
}

/* More than the sockets' buffers hold, and a client that reads nothing. */
static void large(void *ctx, const struct hl_http_request *q, struct hl_http_response *r)
{
    static const char chunk[1 << 16];
    (void)ctx, (void)q;
    for (int i = 0; i < 256; i++) hl_buf_put(&r->body, chunk, sizeof(chunk));
}

static void an_answer_that_nobody_takes_is_ended(void **state)
{
    static const char request[] = "GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n";
    static char answer[1 << 16];
    size_t n = 0;
    (void)state;
    struct hl_http *h = NULL;
    const struct hl_http_config config = {.listen = "127.0.0.1:0", .answer_ms = 200};
    assert_int_equal(hl_http_start(&config, large, NULL, &h, &err), HL_OK);
    int fd = connected(h);
    assert_true(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0);
    usleep(500000);
    for (ssize_t got; (got = recv(fd, answer, sizeof(answer), 0)) > 0;) n += (size_t)got;
    assert_in_range(n, 1, ((size_t)16 << 20) - 1);
    close(fd);
    hl_http_stop(h);
}

static void headers_that_are_too_large_are_refused(void **state)
{
    static char request[50000], name[64];
    (void)state;
    struct hl_http *h = started("127.0.0.1:0", NULL);
    size_t n = (size_t)snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: localhost\r\nX-Big: ");
    memset(request + n, 'a', 40000);
    memcpy(request + n + 40000, "\r\n\r\n", 4);
    const char *answer = exchange(h, request, n + 40004);
    assert_true(!answer[0] || strstr(answer, "HTTP/1.1 431 ") || strstr(answer, "HTTP/1.1 413 "));
    assert_null(strstr(answer, "200 OK"));
    n = (size_t)snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: localhost\r\n");
    for (int i = 0; n < 40000; i++) { /* many small ones */
        int len = snprintf(name, sizeof(name), "X-%d: a\r\n", i);
        memcpy(request + n, name, (size_t)len);
        n += (size_t)len;
    }
    memcpy(request + n, "\r\n", 2);
    assert_null(strstr(exchange(h, request, n + 2), "200 OK"));
    assert_contains(asked(h, "GET", "/still-here", ""), "path=/still-here");
    hl_http_stop(h);
}

/* What comes behind a good request is not taken for a part of it, and ends the connection. */
static void garbage_in_the_pipeline_ends_the_connection_only(void **state)
{
    static const char good[] = "GET /one HTTP/1.1\r\nHost: localhost\r\n\r\n";
    char request[300];
    (void)state;
    struct hl_http *h = started("127.0.0.1:0", NULL);
    int n = snprintf(request, sizeof(request), "%s\x16\x03\x01 garbage\r\n\r\n%s", good, good);
    const char *answer = exchange(h, request, (size_t)n);
    assert_contains(answer, "path=/one");
    assert_null(strstr(strstr(answer, "path=/one") + 1, "path=/one"));
    n = snprintf(request, sizeof(request), "%s%sGET /three HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", good, good);
    answer = exchange(h, request, (size_t)n);
    assert_contains(strstr(answer, "path=/one") + 1, "path=/one");
    assert_contains(answer, "path=/three");
    assert_contains(asked(h, "GET", "/livez", ""), "path=/livez");
    hl_http_stop(h);
}

/* --- answers that go on --- */

struct counting {
    int n;
};
static _Atomic int ended; /* counted on the thread of the server */

static bool count_on(void *source, struct hl_buf *out)
{
    struct counting *c = source;
    if (c->n < 0) return true; /* nothing new, for ever */
    if (c->n == 3) return false;
    hl_buf_printf(out, "n=%d last=%s\n", c->n++, "x");
    return true;
}

static void end_count(void *source)
{
    free(source);
    ended++;
}

static void counts(void *ctx, const struct hl_http_request *q, struct hl_http_response *r)
{
    (void)ctx;
    if (strcmp(q->path, "/plain") == 0) {
        hl_buf_printf(&r->body, "plain");
        return;
    }
    struct counting *c = calloc(1, sizeof(*c));
    c->n = strcmp(q->path, "/silent") == 0 ? -1 : 0;
    hl_buf_printf(&r->body, "begin last=%s\n", q->last_event_id);
    r->content_type = "text/event-stream";
    r->more = count_on;
    r->end = end_count;
    r->source = c;
}

static struct hl_http *counting(int answer_ms)
{
    struct hl_http *h = NULL;
    const struct hl_http_config config = {.listen = "127.0.0.1:0", .answer_ms = answer_ms};
    ended = 0;
    if (hl_http_start(&config, counts, NULL, &h, &err) != HL_OK) fail_msg("%s", err.message);
    return h;
}

/* Whole seconds' worth of tenths; true when `ended` has become n. */
static bool end_comes(int n)
{
    for (int i = 0; i < 200 && ended != n; i++) usleep(50000);
    return ended == n;
}

/* Sends a request and leaves the connection open. */
static int left_open(const struct hl_http *h, const char *target)
{
    char request[200];
    int fd = connected(h), n = snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", target);
    assert_int_equal(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
    return fd;
}

static void an_answer_goes_on_until_its_source_ends(void **state)
{
    (void)state;
    struct hl_http *h = counting(0);
    const char *request = "GET /count HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nLast-Event-ID: 7-8\r\n\r\n";
    static char answer[4096];
    size_t n = 0;
    int fd = connected(h);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    for (ssize_t got; n < sizeof(answer) - 1 && (got = recv(fd, answer + n, sizeof(answer) - 1 - n, 0)) > 0;) n += (size_t)got;
    close(fd);
    assert_contains(answer, "Content-Type: text/event-stream\r\n");
    assert_contains(answer, "Transfer-Encoding: chunked\r\n");
    assert_contains(answer, "begin last=7-8\n");
    assert_contains(answer, "n=0 last=x\n");
    assert_contains(answer, "n=2 last=x\n");
    assert_contains(answer, "\r\n0\r\n");
    assert_true(end_comes(1));
    assert_contains(asked(h, "HEAD", "/count", ""), "200 OK\r\n"); /* and its source ends, too */
    assert_true(end_comes(2));
    hl_http_stop(h);
}

static void only_so_many_answers_go_on_and_others_are_answered_meanwhile(void **state)
{
    (void)state;
    int fds[HL_HTTP_STREAMS];
    struct hl_http *h = counting(0);
    for (int i = 0; i < HL_HTTP_STREAMS; i++) fds[i] = left_open(h, "/silent");
    char byte[4096];
    for (int i = 0; i < HL_HTTP_STREAMS; i++) assert_true(recv(fds[i], byte, sizeof(byte), 0) > 0);
    assert_contains(asked(h, "GET", "/silent", ""), "HTTP/1.1 503 ");
    assert_contains(asked(h, "GET", "/silent", ""), "too many answers that go on");
    assert_true(end_comes(2));
    assert_contains(asked(h, "GET", "/plain", ""), "plain");
    close(fds[0]); /* a client that has gone is noticed, though there is nothing to send */
    assert_true(end_comes(3));
    fds[0] = left_open(h, "/silent");
    assert_true(recv(fds[0], byte, sizeof(byte), 0) > 0);
    assert_contains(byte, "HTTP/1.1 200 OK");
    hl_http_stop(h); /* ends them all */
    assert_int_equal(ended, 3 + HL_HTTP_STREAMS);
    for (int i = 0; i < HL_HTTP_STREAMS; i++) close(fds[i]);
}

/* Waiting for something new takes longer than an answer may; it is not the client's fault. */
static void who_waits_for_more_is_not_ended(void **state)
{
    (void)state;
    struct hl_http *h = counting(300);
    int fd = left_open(h, "/silent");
    usleep(1500000);
    assert_int_equal(ended, 0);
    close(fd);
    assert_true(end_comes(1));
    hl_http_stop(h);
}

static void a_page_runs_nothing_but_its_own(void **state)
{
    (void)state;
    struct hl_http *h = started("127.0.0.1:0", NULL);
    const char *answer = asked(h, "GET", "/x", "");
    assert_contains(answer, "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n");
    assert_contains(answer, "Referrer-Policy: no-referrer\r\n");
    assert_contains(answer, "X-Content-Type-Options: nosniff\r\n");
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
        cmocka_unit_test(without_a_token_only_its_own_names_are_answered),
        cmocka_unit_test(with_a_token_it_answers_to_any_name),
        cmocka_unit_test(bad_settings_are_said),
        cmocka_unit_test(nonsense_and_oversize_leave_the_server_well),
        cmocka_unit_test(who_waits_longest_of_an_address_gives_way_to_its_newcomer),
        cmocka_unit_test(a_crowd_from_everywhere_keeps_nobody_out),
        cmocka_unit_test(a_request_that_trickles_in_is_ended),
        cmocka_unit_test(a_kept_connection_that_goes_on_asking_is_not_ended),
        cmocka_unit_test(an_answer_that_nobody_takes_is_ended),
        cmocka_unit_test(headers_that_are_too_large_are_refused),
        cmocka_unit_test(garbage_in_the_pipeline_ends_the_connection_only),
        cmocka_unit_test(an_answer_goes_on_until_its_source_ends),
        cmocka_unit_test(only_so_many_answers_go_on_and_others_are_answered_meanwhile),
        cmocka_unit_test(who_waits_for_more_is_not_ended),
        cmocka_unit_test(a_page_runs_nothing_but_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
