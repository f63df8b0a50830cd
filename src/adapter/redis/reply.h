/* Replies that say where servers are. What comes from outside is believed in nothing: shapes, numbers and names are checked. */
#ifndef HOTLEAD_ADAPTER_REDIS_REPLY_H
#define HOTLEAD_ADAPTER_REDIS_REPLY_H

#include <hiredis/hiredis.h>

#include "url.h"

#define HL_REDIS_SLOTS 16384
#define HL_REDIS_NODES 512
#define HL_REDIS_NOBODY UINT16_MAX

/* Which node serves which slot. */
struct hl_redis_map {
    uint16_t n_nodes;
    uint16_t of[HL_REDIS_SLOTS]; /* index of nodes, or HL_REDIS_NOBODY */
    struct hl_redis_address nodes[HL_REDIS_NODES];
};

/* [host, port, ...] */
bool hl_redis_reply_address(const redisReply *r, struct hl_redis_address *out);
/* The reply to CLUSTER SLOTS; a node without a host is the one that was asked. */
bool hl_redis_reply_map(const redisReply *r, const char *asked, struct hl_redis_map *out);
/* "MOVED slot host:port" or "ASK slot host:port". */
bool hl_redis_reply_redirect(struct hl_slice text, const char *asked, bool *ask, struct hl_redis_address *to);

#endif
