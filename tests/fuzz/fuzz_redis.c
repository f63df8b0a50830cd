/* What a Redis server may answer about where others are: the first byte picks a reply to CLUSTER SLOTS or SENTINEL, or the text of a
 * redirection. */
#include "adapter/redis/link.h"
#include "adapter/redis/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool sane(const struct hl_redis_address *at)
{
    return at->port >= 1 && at->port <= 65535 && at->host[0] && memchr(at->host, 0, sizeof(at->host));
}

static void read_reply(const redisReply *r)
{
    static struct hl_redis_map map;
    struct hl_redis_address at;
    if (hl_redis_reply_address(r, &at)) HL_BUG_ON(!sane(&at));
    if (!hl_redis_reply_map(r, "asked", &map)) return;
    HL_BUG_ON(map.n_nodes > HL_REDIS_NODES);
    for (size_t i = 0; i < map.n_nodes; i++) HL_BUG_ON(!sane(&map.nodes[i]));
    for (size_t i = 0; i < HL_REDIS_SLOTS; i++) HL_BUG_ON(map.of[i] != HL_REDIS_NOBODY && map.of[i] >= map.n_nodes);
}

static void read_stream(const char *bytes, size_t n)
{
    redisReplyObjectFunctions own, *theirs;
    redisReader *reader = redisReaderCreate();
    void *reply = NULL;
    HL_BUG_ON(!reader);
    hl_redis_bound_replies(reader, &own, &theirs);
    redisReaderFeed(reader, bytes, n);
    while (redisReaderGetReply(reader, &reply) == REDIS_OK && reply) {
        read_reply(reply);
        freeReplyObject(reply);
    }
    redisReaderFree(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hl_redis_address to;
    bool ask;
    if (size == 0) return 0;
    const char *bytes = (const char *)data + 1;
    if (data[0] & 1) {
        read_stream(bytes, size - 1);
    } else if (hl_redis_reply_redirect((struct hl_slice){bytes, size - 1}, "asked", &ask, &to)) {
        HL_BUG_ON(!sane(&to));
    }
    return 0;
}
