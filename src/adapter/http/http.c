/* DESIGN: the socket is opened here, not by libmicrohttpd, so that a failure has its reason and port 0 its number on every
 * version of the library. Answers are built whole and copied: they are small and rare; those that go on are stream.c's. The loop is ours, so that connections whose
 * time is over can be ended (guard.c) on the thread that serves them. THREADS: the loop's thread calls the handler; start and stop
 * belong to the caller's. */
#include "hotlead/adapter/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <microhttpd.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "guard.h"
#include "host.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/slice.h"
#include "stream.h"

#define REQUEST_MS 10000
#define ANSWER_MS 30000
#define REQUEST_BYTES ((size_t)32 << 10)
#define TARGET_BYTES ((size_t)8 << 10)
#define TOKEN_CAP 512
#define HOST_CAP 256
#define ASK_NS (HL_HTTP_ASK_MS * INT64_C(1000000))
#define LAST_RUNS 50

struct hl_http {
    struct MHD_Daemon *daemon;
    pthread_t thread;
    bool started;
    atomic_bool stop;
    int wake; /* an eventfd: written when stop is set */
    struct hl_http_guard guard;
    struct hl_http_streams streams;
    hl_http_handler *handler;
    void *ctx;
    int port;
    char token[TOKEN_CAP]; /* "": none */
    char own[HOST_CAP];    /* the name that is listened on */
    char *others;          /* more names that it is called by */
};

/* What is kept from the request line until the answer. */
struct request {
    bool seen;    /* headers have been looked at */
    size_t query; /* where it begins in target: behind the path and a NUL */
    char target[];
};

/* --- problem details --- */

static void put_json_text(struct hl_buf *b, const char *s)
{
    hl_buf_put_u8(b, '"');
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '"' || c == '\\')
            hl_buf_printf(b, "\\%c", c);
        else if (c < 0x20)
            hl_buf_printf(b, "\\u%04x", c);
        else
            hl_buf_put_u8(b, c);
    }
    hl_buf_put_u8(b, '"');
}

void hl_http_problem(struct hl_http_response *r, int status, const char *title, const char *detail)
{
    r->status = status;
    r->content_type = "application/problem+json";
    hl_buf_clear(&r->body);
    hl_buf_printf(&r->body, "{\"type\":\"about:blank\",\"title\":");
    put_json_text(&r->body, title);
    hl_buf_printf(&r->body, ",\"status\":%d,\"detail\":", status);
    put_json_text(&r->body, detail);
    hl_buf_printf(&r->body, "}\n");
}

/* --- requests --- */

/* Every byte of the token is looked at whatever was given, so time says nothing about it but its length. */
static bool same_secret(const char *token, const char *given)
{
    size_t n = strlen(token), m = strlen(given);
    volatile unsigned char diff = n != m;
    for (size_t i = 0; i < n; i++) diff |= (unsigned char)(token[i] ^ given[i < m ? i : m]);
    return diff == 0;
}

static bool allowed(const struct hl_http *h, struct MHD_Connection *c, const char *path)
{
    if (!h->token[0]) return true;
    if (strncmp(path, "/v1", 3) != 0 || (path[3] != '/' && path[3] != '\0')) return true;
    const char *given = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    return given && strncasecmp(given, "Bearer ", 7) == 0 && same_secret(h->token, given + 7);
}

/* A page of elsewhere has no token; where none is asked for, the name tells it from those who mean this server. */
static bool is_meant(const struct hl_http *h, struct MHD_Connection *c)
{
    return h->token[0] || hl_http_host_is_known(MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST), h->own, h->others);
}

static struct hl_http_seat *seat_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

/* Nothing from elsewhere, nothing inline, in nobody's frame; a page's own script and style by its nonce. An image only as data that the script made. */
static void put_policy(struct MHD_Response *m, const char *nonce)
{
    char policy[400] = "default-src 'none'; frame-ancestors 'none'";
    if (nonce[0])
        snprintf(policy, sizeof(policy),
                 "default-src 'none'; script-src 'nonce-%s'; style-src 'nonce-%s'; connect-src 'self'; img-src data:; base-uri 'none'; "
                 "form-action 'none'; frame-ancestors 'none'",
                 nonce, nonce);
    MHD_add_response_header(m, "Content-Security-Policy", policy);
}

static void put_headers(struct MHD_Response *m, const struct hl_http_response *r)
{
    MHD_add_response_header(m, MHD_HTTP_HEADER_CONTENT_TYPE, r->content_type);
    MHD_add_response_header(m, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(m, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(m, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(m, "Cross-Origin-Resource-Policy", "same-origin");
    put_policy(m, r->nonce);
    if (r->status == 503) MHD_add_response_header(m, MHD_HTTP_HEADER_RETRY_AFTER, "1");
    if (r->status == 401) MHD_add_response_header(m, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (r->status == 405) MHD_add_response_header(m, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
}

static struct MHD_Response *whole(const struct hl_http_response *r)
{
    struct hl_slice body = hl_buf_slice(&r->body);
    union { /* the library takes a pointer to non-const and copies from it */
        const char *from;
        void *to;
    } data = {.from = body.data};
    return MHD_create_response_from_buffer(body.len, data.to, MHD_RESPMEM_MUST_COPY);
}

/* The source's end is due in any case. */
static struct MHD_Response *going_on(struct hl_http *h, struct MHD_Connection *c, struct hl_http_response *r)
{
    struct MHD_Response *m = NULL;
    if (h->streams.n < HL_HTTP_STREAMS) m = hl_http_stream_open(&h->streams, c, seat_of(c), r);
    if (m) return m;
    r->end(r->source);
    hl_http_problem(r, 503, "Service Unavailable", "too many answers that go on are being given; try again");
    return whole(r);
}

static enum MHD_Result send_response(struct hl_http *h, struct MHD_Connection *c, struct hl_http_response *r)
{
    if (r->body.failed && r->more) r->end(r->source);
    if (r->body.failed) {
        r->more = NULL;
        hl_http_problem(r, 500, "Internal Server Error", "out of memory");
    }
    struct MHD_Response *m = r->more ? going_on(h, c, r) : whole(r);
    if (!m) return MHD_NO;
    put_headers(m, r);
    enum MHD_Result result = MHD_queue_response(c, (unsigned)r->status, m);
    MHD_destroy_response(m);
    return result;
}

static bool is_read(const char *method)
{
    return strcmp(method, MHD_HTTP_METHOD_GET) == 0 || strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
}

static enum MHD_Result answer(struct hl_http *h, struct MHD_Connection *c, const char *path, const char *method,
                              const struct request *kept)
{
    const char *accept = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_ACCEPT);
    const char *last = MHD_lookup_connection_value(c, MHD_HEADER_KIND, "Last-Event-ID");
    struct hl_http_request q = {.path = path, .raw_path = kept->target, .query = kept->target + kept->query, .accept = accept ? accept : "",
                                .last_event_id = last ? last : ""};
    struct hl_http_response r = {.status = 200, .content_type = "text/plain; charset=utf-8"};
    hl_buf_init(&r.body);
    if (!is_meant(h, c))
        hl_http_problem(&r, 421, "Misdirected Request",
                        "the request's Host is neither localhost, an address of loopback, nor a name of http.hosts: add it there, or set http.token_file");
    else if (!is_read(method))
        hl_http_problem(&r, 405, "Method Not Allowed", "only GET and HEAD are answered");
    else if (!allowed(h, c, path))
        hl_http_problem(&r, 401, "Unauthorized", "a bearer token is needed for /v1");
    else if (kept->query - 1 + strlen(q.query) >= TARGET_BYTES)
        hl_http_problem(&r, 414, "URI Too Long", "a path with its query has at most 8191 bytes");
    else
        h->handler(h->ctx, &q, &r);
    enum MHD_Result result = send_response(h, c, &r);
    hl_buf_fini(&r.body);
    return result;
}

static void on_connection(void *cls, struct MHD_Connection *c, void **seat, enum MHD_ConnectionNotificationCode what)
{
    struct hl_http *h = cls;
    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        hl_http_seat_leave(*seat);
        return;
    }
    int fd = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
    const struct sockaddr *from = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr;
    *seat = hl_http_guard_enter(&h->guard, fd, from, hl_clock_mono_ns());
    if (!*seat) shutdown(fd, SHUT_RDWR); /* the library has as many seats as the guard: never seen */
}

/* libmicrohttpd calls this when the headers are in, then for each piece of a body, then at the end. A method that is not read is
 * answered at once; a body that no GET should have drops the connection. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *url, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **state)
{
    struct hl_http *h = cls;
    struct request *q = *state;
    (void)version, (void)upload;
    if (!q) return MHD_NO; /* out of memory */
    if (q->seen || !is_read(method)) {
        if (*upload_size) return MHD_NO;
        hl_http_seat_turn(seat_of(c), true, hl_clock_mono_ns());
        return answer(h, c, url, method, q);
    }
    q->seen = true;
    return MHD_YES;
}

/* First sight of the request line, before the library cuts it up. */
static void *on_uri(void *cls, const char *uri, struct MHD_Connection *c)
{
    (void)cls, (void)c;
    size_t path = strcspn(uri, "?"), len = strlen(uri);
    struct request *q = malloc(sizeof(*q) + len + 2);
    if (!q) return NULL;
    q->seen = false;
    q->query = path + 1;
    memcpy(q->target, uri, len + 1);
    q->target[path] = q->target[len + 1] = '\0';
    return q;
}

static void on_completed(void *cls, struct MHD_Connection *c, void **state, enum MHD_RequestTerminationCode why)
{
    (void)cls, (void)why;
    hl_http_seat_turn(seat_of(c), false, hl_clock_mono_ns());
    free(*state);
    *state = NULL;
}

/* --- the loop --- */

static int wait_ms(struct hl_http *h)
{
    int64_t now = hl_clock_mono_ns();
    bool streams = hl_http_streams_tick(&h->streams, now);
    int64_t next_ns = hl_http_guard_sweep(&h->guard, now);
    unsigned long long pending;
    if (MHD_get_timeout(h->daemon, &pending) == MHD_YES && pending == 0) return 0;
    if (streams && (next_ns < 0 || next_ns > ASK_NS)) next_ns = ASK_NS;
    return next_ns < 0 ? -1 : (int)(next_ns / 1000000) + 1;
}

static void *loop(void *arg)
{
    struct hl_http *h = arg;
    pthread_setname_np(pthread_self(), "http");
    struct pollfd fds[] = {{.fd = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, .events = POLLIN},
                           {.fd = h->wake, .events = POLLIN}};
    while (!atomic_load(&h->stop)) {
        poll(fds, HL_ARRAY_LEN(fds), wait_ms(h));
        MHD_run(h->daemon);
    }
    hl_http_streams_end(&h->streams); /* the library must not be stopped while a connection is suspended */
    for (int i = 0; h->streams.first && i < LAST_RUNS; i++) MHD_run(h->daemon);
    return NULL;
}

/* --- start and stop --- */

static bool is_loopback(const struct sockaddr *a)
{
    if (a->sa_family == AF_INET) return ntohl(((const struct sockaddr_in *)(const void *)a)->sin_addr.s_addr) >> 24 == 127;
    const struct in6_addr *v6 = &((const struct sockaddr_in6 *)(const void *)a)->sin6_addr;
    return IN6_IS_ADDR_LOOPBACK(v6) || (IN6_IS_ADDR_V4MAPPED(v6) && v6->s6_addr[12] == 127);
}

/* First word of the file. */
static enum hl_status read_token(struct hl_http *h, const char *path, struct hl_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, h->token, sizeof(h->token) - 1);
    int error = errno;
    if (fd >= 0) close(fd);
    if (n < 0) return hl_error_set(err, HL_E_CONFIG, HL_STOP, "http token file %s: %s", path, strerror(error));
    if ((size_t)n == sizeof(h->token) - 1) return hl_error_set(err, HL_E_CONFIG, HL_STOP, "http token file %s: too long", path);
    h->token[n] = '\0';
    h->token[strcspn(h->token, " \t\r\n")] = '\0';
    if (!h->token[0]) return hl_error_set(err, HL_E_CONFIG, HL_STOP, "http token file %s: empty", path);
    return HL_OK;
}

/* "host:port" or "[v6]:port" into its parts. */
static bool split_listen(const char *listen, char *host, size_t cap, const char **port)
{
    const char *colon = strrchr(listen, ':');
    int64_t number;
    if (!colon || !hl_slice_parse_i64(hl_slice_of(colon + 1), &number) || number < 0 || number > 65535) return false;
    struct hl_slice h = {listen, (size_t)(colon - listen)};
    if (h.len >= 2 && h.data[0] == '[' && h.data[h.len - 1] == ']')
        h = (struct hl_slice){h.data + 1, h.len - 2};
    else if (memchr(h.data, ':', h.len))
        return false;
    if (h.len == 0 || h.len >= cap) return false;
    memcpy(host, h.data, h.len);
    host[h.len] = '\0';
    *port = colon + 1;
    return true;
}

static enum hl_status resolve(const char *listen, char host[HOST_CAP], struct addrinfo **out, struct hl_error *err)
{
    const char *port;
    const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    if (!split_listen(listen, host, HOST_CAP, &port)) {
        return hl_error_set(err, HL_E_CONFIG, HL_STOP, "http listen address %s: expected host:port or [address]:port", listen);
    }
    int rc = getaddrinfo(host, port, &hints, out);
    if (rc) return hl_error_set(err, HL_E_CONFIG, HL_STOP, "http listen address %s: %s", listen, gai_strerror(rc));
    return HL_OK;
}

static int listen_on(const struct addrinfo *a)
{
    int yes = 1, fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -1;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) == 0 && bind(fd, a->ai_addr, a->ai_addrlen) == 0 &&
        listen(fd, HL_HTTP_CONNECTIONS) == 0) {
        return fd;
    }
    int error = errno;
    close(fd);
    errno = error;
    return -1;
}

static int port_of(int fd)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof(a);
    if (getsockname(fd, (struct sockaddr *)&a, &len) != 0) return 0;
    return ntohs(a.ss_family == AF_INET ? ((struct sockaddr_in *)&a)->sin_port : ((struct sockaddr_in6 *)&a)->sin6_port);
}

static enum hl_status serve(struct hl_http *h, const char *listen, const struct addrinfo *a, struct hl_error *err)
{
    if (!h->token[0] && !is_loopback(a->ai_addr)) {
        return hl_error_set(err, HL_E_CONFIG, HL_STOP,
                            "http listen address %s is reachable from outside: set http.token_file, or listen on 127.0.0.1",
                            listen);
    }
    int fd = listen_on(a);
    if (fd < 0) return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "http cannot listen on %s: %s", listen, strerror(errno));
    h->port = port_of(fd);
    unsigned flags = MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (a->ai_family == AF_INET6 ? (unsigned)MHD_USE_IPv6 : 0u);
    h->daemon = MHD_start_daemon(flags, 0, NULL, NULL, on_request, h, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                                 (unsigned)HL_HTTP_CONNECTIONS, MHD_OPTION_CONNECTION_MEMORY_LIMIT, REQUEST_BYTES,
                                 MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_END);
    h->started = h->daemon && pthread_create(&h->thread, NULL, loop, h) == 0;
    if (h->started) return HL_OK;
    /* fd is left alone: the library has closed it on some of its ways out */
    return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "http server on %s did not start", listen);
}

static int64_t or_default_ns(int ms, int otherwise)
{
    return (int64_t)(ms > 0 ? ms : otherwise) * 1000000;
}

enum hl_status hl_http_start(const struct hl_http_config *config, hl_http_handler *handler, void *ctx, struct hl_http **out,
                             struct hl_error *err)
{
    struct addrinfo *a = NULL;
    struct hl_http *h = calloc(1, sizeof(*h));
    if (!h) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "http server: out of memory");
    h->handler = handler;
    h->ctx = ctx;
    h->guard.request_ns = or_default_ns(config->request_ms, REQUEST_MS);
    h->guard.answer_ns = or_default_ns(config->answer_ms, ANSWER_MS);
    h->others = strdup(config->hosts ? config->hosts : "");
    h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (h->wake < 0 || !h->others) {
        hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "http server: %s", strerror(errno));
        hl_http_stop(h);
        return HL_E_UNAVAILABLE;
    }
    enum hl_status status = config->token_file && config->token_file[0] ? read_token(h, config->token_file, err) : HL_OK;
    if (!status) status = resolve(config->listen, h->own, &a, err);
    if (!status) status = serve(h, config->listen, a, err);
    if (a) freeaddrinfo(a);
    if (status)
        hl_http_stop(h);
    else
        *out = h;
    return status;
}

int hl_http_port(const struct hl_http *h)
{
    return h->port;
}

void hl_http_stop(struct hl_http *h)
{
    if (!h) return;
    const uint64_t one = 1;
    atomic_store(&h->stop, true);
    if (h->started && write(h->wake, &one, sizeof(one)) == sizeof(one)) pthread_join(h->thread, NULL);
    if (h->daemon) MHD_stop_daemon(h->daemon);
    if (h->wake >= 0) close(h->wake);
    free(h->others);
    explicit_bzero(h->token, sizeof(h->token));
    free(h);
}
