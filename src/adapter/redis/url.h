/* Where Redis is, from its URL. Plain values of bounded size: nothing to free. */
#ifndef HOTLEAD_ADAPTER_REDIS_URL_H
#define HOTLEAD_ADAPTER_REDIS_URL_H

#include "hotlead/base/slice.h"
#include "hotlead/base/status.h"

#define HL_REDIS_SEEDS 8

struct hl_redis_address {
    bool is_unix;
    char host[256]; /* host name or address; the socket's path when is_unix */
    int port;
};

struct hl_redis_url {
    bool tls;
    struct hl_redis_address seeds[HL_REDIS_SEEDS]; /* more than one: nodes of a cluster, or sentinels */
    size_t n_seeds;
    char master[128]; /* the name that the sentinels know; "": the seeds are no sentinels */
    int db;
    char user[128];     /* "": none */
    char password[512]; /* "": none */
};

/* redis[s]://[user[:password]@]host[:port][,host[:port]...][/db], redis[s]+sentinel://[...@]host[:port][,...]/master[/db] or
 * unix:///path[?db=N]. User and password are percent-decoded. HL_E_CONFIG; the message says what is wrong and never repeats the
 * url, which may hold a password. */
enum hl_status hl_redis_url_parse(const char *text, struct hl_redis_url *out, struct hl_error *err) HL_WARN_UNUSED;

#endif
