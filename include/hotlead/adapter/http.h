/* A small HTTP/1.1 server (libmicrohttpd): one thread, GET and HEAD only (405 otherwise), 8191 bytes of path and query (else 414),
 * 32 KiB of memory for a request with its headers (else 413 or 431). A whole request has 10 s to come, however slowly, and an answer
 * 30 s to be taken. Of more than 16 connections of one address, or 48 of all, the one that has waited longest is ended.
 * An answer may go on: its handler is asked again and again for what follows, at most 8 such answers at a time; one that its client does not
 * take for 30 s ends.
 * Without a token, a request that calls the server by a name that is not its own is refused (421): a page of elsewhere may have made its name
 * lead here.
 * Errors are problem details (RFC 9457). Works with libmicrohttpd from 0.9.75 to 1.0. */
#ifndef HOTLEAD_ADAPTER_HTTP_H
#define HOTLEAD_ADAPTER_HTTP_H

#include "hotlead/base/buf.h"
#include "hotlead/base/status.h"

struct hl_http_response {
    int status;
    const char *content_type; /* static */
    struct hl_buf body;
    /* An answer that goes on behind `body`: `more` is asked every HL_HTTP_ASK_MS, whenever the client has taken all there was, and appends what is
     * new to `out`; false: that was the end. `end` frees `source`, once, whatever happens. Both on the server's thread. more NULL: the body is all. */
    bool (*more)(void *source, struct hl_buf *out);
    void (*end)(void *source);
    void *source;
    char nonce[33]; /* of a page: its script and its style have it, and nothing else runs. "": nothing runs at all */
};

#define HL_HTTP_ASK_MS 100
#define HL_HTTP_STREAMS 8

/* Strings live until the handler returns. */
struct hl_http_request {
    const char *path;     /* percent-decoded, without the query */
    const char *raw_path; /* as sent: for a path with a part that may itself hold a '/' or a NUL */
    const char *query;    /* as sent, may be "" */
    const char *accept;   /* Accept header, may be "" */
    const char *last_event_id; /* Last-Event-ID header, may be "" */
};

/* Fill `r` (body is an empty buffer, status 200). Called on the server's thread. */
typedef void hl_http_handler(void *ctx, const struct hl_http_request *q, struct hl_http_response *r);

struct hl_http;
struct hl_http_config {
    const char *listen; /* "127.0.0.1:8080", "[::1]:8080", "0.0.0.0:8080"; port 0 picks one */
    const char
        *token_file; /* bearer token for paths under /v1; NULL: none. Must be set to listen beyond loopback (HL_E_CONFIG) */
    const char *hosts; /* names by which it may be called without a token, beside localhost, loopback and that of `listen`; apart by commas. NULL: none */
    int request_ms, answer_ms; /* 0: 10 s and 30 s */
};
/* HL_E_CONFIG: bad address or token; HL_E_UNAVAILABLE: the address cannot be listened on. `handler` may be called before this
 * returns. */
enum hl_status hl_http_start(const struct hl_http_config *config, hl_http_handler *handler, void *ctx, struct hl_http **out,
                             struct hl_error *err) HL_WARN_UNUSED;
int hl_http_port(const struct hl_http *h);
/* Waits for requests being answered. NULL is allowed. */
void hl_http_stop(struct hl_http *h);
/* Problem details (RFC 9457) into a response. */
void hl_http_problem(struct hl_http_response *r, int status, const char *title, const char *detail);

#endif
