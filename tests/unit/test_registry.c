/* The registry client against a small HTTP server in a thread, on loopback. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <unistd.h>

#include "decode_fixture.h"
#include "hotlead/adapter/registry.h"

/* Answers each request with `answer(path)`, a whole HTTP answer; keeps the last request. */
struct server {
    int fd, port;
    pthread_t thread;
    atomic_bool stop;
    atomic_int requests;
    atomic_bool down; /* answers 503 to all */
    pthread_mutex_t mutex;
    char last[8192];
};

static struct server server;

static void send_all(int fd, const char *data, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);
        if (sent <= 0) return;
        data += sent;
        n -= (size_t)sent;
    }
}

static void reply(int fd, const char *status, const char *more, const char *body, size_t len)
{
    char head[300];
    int n = snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nConnection: close\r\n%s\r\n", status, len, more);
    send_all(fd, head, (size_t)n);
    send_all(fd, body, len);
}

static void reply_text(int fd, const char *status, const char *body)
{
    reply(fd, status, "", body, strlen(body));
}

static void answer(int fd, const char *request)
{
    static char huge[(1 << 20) + 100];
    if (atomic_load(&server.down)) reply_text(fd, "503 Service Unavailable", "{}");
    else if (strstr(request, "GET /schemas/ids/1 ")) reply_text(fd, "200 OK", "{\"schema\":\"\\\"int\\\"\"}");
    else if (strstr(request, "GET /schemas/ids/2 "))
        reply_text(fd, "200 OK", "{\"schema\":\"\\\"int\\\"\",\"references\":[{\"name\":\"a\",\"subject\":\"b\",\"version\":1}]}");
    else if (strstr(request, "GET /schemas/ids/3 ")) reply_text(fd, "200 OK", "{\"schema\":\"{}\",\"schemaType\":\"JSON\"}");
    else if (strstr(request, "GET /schemas/ids/4 ")) reply_text(fd, "200 OK", "<html>a proxy</html>");
    else if (strstr(request, "GET /schemas/ids/5 ")) reply(fd, "302 Found", "Location: /schemas/ids/1\r\n", "", 0);
    else if (strstr(request, "GET /schemas/ids/6 ")) reply(fd, "200 OK", "", huge, sizeof huge);
    else if (strstr(request, "POST /subjects/good-value/versions ")) reply_text(fd, "200 OK", "{\"id\":42}");
    else if (strstr(request, "POST /subjects/clash-value/versions ")) reply_text(fd, "409 Conflict", "{\"message\":\"incompatible\"}");
    else if (strstr(request, "POST /subjects/closed-value/versions ")) reply_text(fd, "401 Unauthorized", "{}");
    else reply_text(fd, "404 Not Found", "{\"error_code\":40403,\"message\":\"Schema not found\"}");
}

/* Head and body of one request; the body has Content-Length bytes. */
static void serve_one(int fd)
{
    static char text[65536];
    size_t n = 0;
    for (;;) {
        ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, 0);
        if (got <= 0) return;
        n += (size_t)got;
        text[n] = '\0';
        const char *end = strstr(text, "\r\n\r\n"), *length = strcasestr(text, "content-length:");
        if (end && (!length || n >= (size_t)(end - text) + 4 + strtoul(length + 15, NULL, 10))) break;
    }
    pthread_mutex_lock(&server.mutex);
    snprintf(server.last, sizeof server.last, "%.8000s", text);
    pthread_mutex_unlock(&server.mutex);
    atomic_fetch_add(&server.requests, 1);
    answer(fd, text);
}

static void *serve(void *arg)
{
    (void)arg;
    while (!atomic_load(&server.stop)) {
        int fd = accept(server.fd, NULL, NULL);
        if (fd < 0) continue;
        if (!atomic_load(&server.stop)) serve_one(fd);
        close(fd);
    }
    return NULL;
}

static int start_server(void **state)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    (void)state;
    setenv("no_proxy", "127.0.0.1", 1);
    pthread_mutex_init(&server.mutex, NULL);
    server.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (server.fd < 0 || bind(server.fd, (struct sockaddr *)&at, sizeof at) != 0 || listen(server.fd, 16) != 0) return -1;
    getsockname(server.fd, (struct sockaddr *)&at, &len);
    server.port = ntohs(at.sin_port);
    return pthread_create(&server.thread, NULL, serve, NULL);
}

static int stop_server(void **state)
{
    (void)state;
    atomic_store(&server.stop, true);
    shutdown(server.fd, SHUT_RDWR); /* wakes accept */
    pthread_join(server.thread, NULL);
    close(server.fd);
    return 0;
}

static struct hl_schemas *open_registry(struct hl_registry_config config)
{
    char url[64];
    struct hl_schemas *s;
    struct hl_error err;
    snprintf(url, sizeof url, "http://127.0.0.1:%d/", server.port);
    if (!config.url) config.url = url;
    config.schemas_dir = HL_SOURCE_DIR "/schemas";
    config.timeout_ms = 2000;
    assert_int_equal(hl_registry_new(&config, &s, &err), HL_OK);
    return s;
}

/* Ask until the answer is no longer "pending", or `want_reason` has shown up in it; gives up after about 10 s. */
static enum hl_status get_settled(struct hl_schemas *s, uint32_t id, const char *want_reason, char **json, struct hl_error *err)
{
    enum hl_status st = HL_E_PENDING;
    for (int i = 0; i < 2000; i++) {
        st = s->get(s, id, json, err);
        if (st != HL_E_PENDING || (want_reason && strstr(err->message, want_reason))) break;
        usleep(5000);
    }
    return st;
}

static void a_schema_is_fetched_in_the_background_and_kept(void **state)
{
    struct hl_schemas *s = open_registry((struct hl_registry_config){0});
    struct hl_error err;
    char *json;
    (void)state;
    int before = atomic_load(&server.requests);
    assert_int_equal(s->get(s, 1, &json, &err), HL_E_PENDING);
    assert_int_equal(err.action, HL_RETRY);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get_settled(s, 1, NULL, &json, &err), HL_OK);
        assert_string_equal(json, "\"int\"");
        free(json);
    }
    assert_int_equal(atomic_load(&server.requests) - before, 1);
    s->free(s);
}

static void what_is_refused_is_refused_with_its_reason_and_not_asked_again_soon(void **state)
{
    static const struct {
        uint32_t id;
        const char *why;
    } refused[] = {{2, "references"}, {3, "only AVRO"}, {6, "larger than"}, {404, "no schema with this id"}};
    struct hl_schemas *s = open_registry((struct hl_registry_config){0});
    struct hl_error err;
    char *json;
    (void)state;
    for (size_t i = 0; i < HL_ARRAY_LEN(refused); i++) {
        enum hl_status st = get_settled(s, refused[i].id, NULL, &json, &err);
        if (st != HL_E_SCHEMA || !strstr(err.message, refused[i].why)) fail_msg("%u: %s: %s", refused[i].id, hl_status_name(st), err.message);
        int before = atomic_load(&server.requests);
        assert_int_equal(s->get(s, refused[i].id, &json, &err), HL_E_SCHEMA);
        assert_int_equal(atomic_load(&server.requests), before);
    }
    s->free(s);
}

static void an_outage_is_pending_until_it_is_over(void **state)
{
    struct hl_schemas *s = open_registry((struct hl_registry_config){0});
    struct hl_error err;
    char *json;
    (void)state;
    assert_int_equal(get_settled(s, 4, "holds no schema", &json, &err), HL_E_PENDING);
    assert_int_equal(get_settled(s, 5, "HTTP 302", &json, &err), HL_E_PENDING); /* redirects are not followed */
    atomic_store(&server.down, true);
    assert_int_equal(get_settled(s, 1, "HTTP 503", &json, &err), HL_E_PENDING);
    atomic_store(&server.down, false);
    assert_int_equal(get_settled(s, 1, NULL, &json, &err), HL_OK);
    free(json);
    s->free(s);
    s = open_registry((struct hl_registry_config){.url = "http://127.0.0.1:1"});
    assert_int_equal(get_settled(s, 1, "connect", &json, &err), HL_E_PENDING);
    s->free(s);
}

static void schemas_are_registered_under_the_topics_subject(void **state)
{
    struct hl_schemas *s = open_registry((struct hl_registry_config){0});
    struct hl_error err;
    uint32_t id = 0;
    (void)state;
    assert_int_equal(s->id_of(s, "good", "alert.avsc", &id, &err), HL_OK);
    assert_int_equal(id, 42);
    pthread_mutex_lock(&server.mutex);
    bool sent = strstr(server.last, "{\"schema\":\"{\\n") && strstr(server.last, "\\\"Alert\\\"");
    pthread_mutex_unlock(&server.mutex);
    assert_true(sent);
    assert_int_equal(s->id_of(s, "clash", "alert.avsc", &id, &err), HL_E_SCHEMA);
    assert_non_null(strstr(err.message, "registering clash-value: HTTP 409: incompatible"));
    assert_int_equal(s->id_of(s, "closed", "alert.avsc", &id, &err), HL_E_PERMISSION);
    assert_int_equal(s->id_of(s, "good", "nothing.avsc", &id, &err), HL_E_IO);
    atomic_store(&server.down, true);
    assert_int_equal(s->id_of(s, "good", "alert.avsc", &id, &err), HL_E_UNAVAILABLE);
    atomic_store(&server.down, false);
    s->free(s);
}

static void credentials_come_from_files(void **state)
{
    char user[] = "/tmp/hl_user_XXXXXX", token[] = "/tmp/hl_token_XXXXXX";
    struct hl_error err;
    uint32_t id;
    int user_fd = mkstemp(user), token_fd = mkstemp(token);
    (void)state;
    assert_int_equal(write(user_fd, "ann:secret\n", 11), 11);
    assert_int_equal(write(token_fd, "t0ken\n", 6), 6);
    close(user_fd);
    close(token_fd);
    for (int i = 0; i < 2; i++) {
        struct hl_schemas *s = open_registry(i ? (struct hl_registry_config){.token_file = token} : (struct hl_registry_config){.user_file = user});
        assert_int_equal(s->id_of(s, "good", "alert.avsc", &id, &err), HL_OK);
        pthread_mutex_lock(&server.mutex);
        bool sent = strstr(server.last, i ? "Authorization: Bearer t0ken\r\n" : "Authorization: Basic YW5uOnNlY3JldA==\r\n") != NULL;
        pthread_mutex_unlock(&server.mutex);
        assert_true(sent);
        s->free(s);
    }
    unlink(user);
    unlink(token);
    struct hl_schemas *s = open_registry((struct hl_registry_config){.user_file = user});
    assert_int_equal(s->id_of(s, "good", "alert.avsc", &id, &err), HL_E_UNAVAILABLE);
    assert_non_null(strstr(err.message, "No such file"));
    s->free(s);
}

static void an_address_that_is_none_is_refused(void **state)
{
    struct hl_schemas *s;
    struct hl_error err;
    (void)state;
    assert_int_equal(hl_registry_new(&(struct hl_registry_config){.url = "file:///etc/passwd"}, &s, &err), HL_E_CONFIG);
    assert_non_null(strstr(err.message, "is no http:// or https:// address"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schema_is_fetched_in_the_background_and_kept),
        cmocka_unit_test(what_is_refused_is_refused_with_its_reason_and_not_asked_again_soon),
        cmocka_unit_test(an_outage_is_pending_until_it_is_over),
        cmocka_unit_test(schemas_are_registered_under_the_topics_subject),
        cmocka_unit_test(credentials_come_from_files),
        cmocka_unit_test(an_address_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, start_server, stop_server);
}
