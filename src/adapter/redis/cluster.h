/* The nodes of a Redis Cluster, and which of them to ask. Needed because hiredis knows no cluster. */
#ifndef HOTLEAD_ADAPTER_REDIS_CLUSTER_H
#define HOTLEAD_ADAPTER_REDIS_CLUSTER_H

#include "link.h"

struct hl_redis_cluster;

struct hl_redis_cluster *hl_redis_cluster_new(const struct hl_redis_access *access); /* NULL: no memory */
void hl_redis_cluster_free(struct hl_redis_cluster *k);

/* Slot of a key: CRC16 of what stands between its first braces, or of all of it. */
unsigned hl_redis_slot(const char *key);
/* The node that serves the slot, connected. Good until the next call with this cluster. */
enum hl_status hl_redis_cluster_link(struct hl_redis_cluster *k, unsigned slot, struct hl_redis_link **out, struct hl_error *err)
    HL_WARN_UNUSED;
/* Something went wrong: the map is read again before it is used again. */
void hl_redis_cluster_doubt(struct hl_redis_cluster *k);
/* After an error reply from `from`: HL_OK with the node to send the command to instead, connected, ASKING sent if it must be; HL_E_END
 * when the reply is no redirection. */
enum hl_status hl_redis_cluster_redirect(struct hl_redis_cluster *k, const struct hl_redis_link *from, struct hl_slice reply, unsigned slot,
                                         struct hl_redis_link **out, struct hl_error *err) HL_WARN_UNUSED;
/* The masters, one after the other: i from 0 on; NULL behind the last. */
struct hl_redis_link *hl_redis_cluster_node(struct hl_redis_cluster *k, size_t i);

#endif
