/* Any bytes on a connection to the HTTP server, with a token set: whatever comes, no answer of /v1 without the token, and the server lives. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "hotlead/adapter/http.h"

#define TOKEN "4f1c9d2e7a"
#define SECRET "the-answer-of-v1"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void answer(void *ctx, const struct hl_http_request *q, struct hl_http_response *r)
{
    (void)ctx;
    bool v1 = strncmp(q->path, "/v1", 3) == 0 && (q->path[3] == '/' || !q->path[3]);
    HL_BUG_ON(strlen(q->raw_path) + strlen(q->query) > 8191);
    hl_buf_printf(&r->body, "%s", v1 ? SECRET : "open");
}

static const struct hl_http *server(void)
{
    static struct hl_http *h;
    struct hl_error err;
    char path[] = "/tmp/hotlead-fuzz-token-XXXXXX";
    if (h) return h;
    int fd = mkstemp(path);
    HL_BUG_ON(fd < 0 || write(fd, TOKEN, strlen(TOKEN)) < 0);
    close(fd);
    /* little time, since an input need not end its request */
    const struct hl_http_config config = {.listen = "127.0.0.1:0", .token_file = path, .request_ms = 20, .answer_ms = 1000};
    HL_BUG_ON(hl_http_start(&config, answer, NULL, &h, &err) != HL_OK);
    unlink(path);
    return h;
}

static bool holds(const uint8_t *data, size_t size, const char *what)
{
    return memmem(data, size, what, strlen(what)) != NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)hl_http_port(server())), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    static char got[1 << 20];
    size_t n = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0) abort();
    (void)!send(fd, data, size, MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    for (ssize_t k; n < sizeof(got) && (k = recv(fd, got + n, sizeof(got) - n, 0)) > 0;) n += (size_t)k;
    close(fd);
    HL_BUG_ON(memmem(got, n, SECRET, strlen(SECRET)) && !holds(data, size, TOKEN));
    return 0;
}
