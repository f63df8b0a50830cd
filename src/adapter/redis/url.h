/* Where a Redis server is, from its URL. Plain values of bounded size: nothing to free. */
#ifndef HOTLEAD_ADAPTER_REDIS_URL_H
#define HOTLEAD_ADAPTER_REDIS_URL_H

#include "hotlead/base/slice.h"
#include "hotlead/base/status.h"

struct hl_redis_url {
    bool is_unix;
    char host[256]; /* host name or address; the socket's path when is_unix */
    int port;
    int db;
    char user[128];     /* "": none */
    char password[512]; /* "": none */
};

/* redis://[user[:password]@]host[:port][/db] or unix:///path[?db=N]. User and password are percent-decoded. HL_E_CONFIG; the
 * message says what is wrong and never repeats the url, which may hold a password. */
enum hl_status hl_redis_url_parse(const char *text, struct hl_redis_url *out, struct hl_error *err) HL_WARN_UNUSED;

#endif
