/* Any text as redis.url. */
#include <stdlib.h>

#include "adapter/redis/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* An error never repeats the url, which may hold a password: its bytes are those of our own sentences. */
static void check_message(const char *message)
{
    HL_BUG_ON(!*message);
    for (const char *p = message; *p; p++) HL_BUG_ON((unsigned char)*p < ' ' || (unsigned char)*p > '~' || strchr("%!$*^~#\"\\", *p));
}

static void check_url(const struct hl_redis_url *u)
{
    HL_BUG_ON(u->n_seeds < 1 || u->n_seeds > HL_REDIS_SEEDS || u->db < 0);
    for (size_t i = 0; i < u->n_seeds; i++) {
        const struct hl_redis_address *a = &u->seeds[i];
        HL_BUG_ON(!a->host[0] || !memchr(a->host, 0, sizeof(a->host)));
        HL_BUG_ON(!a->is_unix && (a->port < 1 || a->port > 65535));
    }
    HL_BUG_ON(!memchr(u->user, 0, sizeof(u->user)) || !memchr(u->password, 0, sizeof(u->password)));
    HL_BUG_ON(!memchr(u->master, 0, sizeof(u->master)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = strndup((const char *)data, size);
    struct hl_redis_url u;
    struct hl_error err = {0};
    HL_BUG_ON(!text);
    enum hl_status status = hl_redis_url_parse(text, &u, &err);
    HL_BUG_ON(status != HL_OK && (status != HL_E_CONFIG || err.code != status));
    if (status)
        check_message(err.message);
    else
        check_url(&u);
    free(text);
    return 0;
}
