/* One connection to one Redis server: made by the first command that needs it, given up on any trouble. */
#ifndef HOTLEAD_ADAPTER_REDIS_LINK_H
#define HOTLEAD_ADAPTER_REDIS_LINK_H

#include <hiredis/hiredis.h>

#include "url.h"

struct hl_redis_tls;

/* How to come in: the same for all servers of a store. */
struct hl_redis_access {
    struct hl_redis_url url;
    char *name;               /* of the client, as the server lists it */
    char *password_file;      /* NULL: none. Read at each connect, so a rotated password is taken up */
    struct hl_redis_tls *tls; /* NULL: plain */
    int timeout_ms;
};

struct hl_redis_link {
    const struct hl_redis_access *access;
    struct hl_redis_address at;
    bool stranger;   /* a sentinel: no login, no database */
    bool by_name;    /* the address is that of the master, asked of the sentinels at each connect */
    char where[300]; /* host:port, for messages */
    redisContext *c; /* NULL: not connected */
    redisReplyObjectFunctions reply_functions, *hiredis_functions;
};

void hl_redis_link_init(struct hl_redis_link *l, const struct hl_redis_access *access, const struct hl_redis_address *at);
void hl_redis_link_close(struct hl_redis_link *l); /* safe on a closed one */
/* Connected and logged in, or an error. */
enum hl_status hl_redis_link_open(struct hl_redis_link *l, struct hl_error *err) HL_WARN_UNUSED;

/* Commands go out with the next reply that is waited for. */
enum hl_status hl_redis_link_append(struct hl_redis_link *l, int argc, const char **argv, const size_t *argv_len,
                                    struct hl_error *err) HL_WARN_UNUSED;
enum hl_status hl_redis_link_next(struct hl_redis_link *l, redisReply **out, struct hl_error *err) HL_WARN_UNUSED;

/* Takes a string of a large reply where it lies in the buffer; it may be written to, and goes when this returns. */
typedef enum hl_status hl_redis_string_fn(void *ctx, char *s, size_t len, struct hl_error *err);
/* Like next, but the strings of an array are given to `take` instead of being made objects one by one; *out is an array of none then. A status
 * from there closes the link. */
enum hl_status hl_redis_link_strings(struct hl_redis_link *l, hl_redis_string_fn *take, void *ctx, redisReply **out, struct hl_error *err)
    HL_WARN_UNUSED;
/* Send one command, take one reply of the type wanted (0: any but an error). The caller frees it. `what` names it in messages. */
enum hl_status hl_redis_link_ask(struct hl_redis_link *l, const char *what, int argc, const char **argv, const size_t *argv_len,
                                 int type, redisReply **out, struct hl_error *err) HL_WARN_UNUSED;

/* Each closes the link, so that no later call can read an answer that belongs to an earlier one. */
enum hl_status hl_redis_link_refused(struct hl_redis_link *l, const char *what, const redisReply *error, struct hl_error *err);
enum hl_status hl_redis_link_odd(struct hl_redis_link *l, const char *what, struct hl_error *err);
enum hl_status hl_redis_link_no_memory(struct hl_redis_link *l, struct hl_error *err);

/* First line of the password file, or the url's password. */
enum hl_status hl_redis_password(const struct hl_redis_access *a, char *out, size_t cap, struct hl_error *err) HL_WARN_UNUSED;

/* Bounds on what a reader of replies allocates: an array that claims more is refused before its elements have come. */
void hl_redis_bound_replies(redisReader *reader, redisReplyObjectFunctions *own, redisReplyObjectFunctions **theirs);

#endif
