/* DESIGN
 * A partition is one slot (its keys share a hash tag), so all that is needed is: slot -> node, from CLUSTER SLOTS; a connection to each
 * node, made when first needed; MOVED -> read the map anew, from the node that is named, which knows; ASK -> this one command to the
 * node that is named; anything else -> doubt the map, and let the caller come again. Who is asked for the map: the nodes of the last
 * one, then the seeds, so that a cluster that has moved away from its seeds altogether is still found.
 *
 * A script over keys of which some have moved and some have not is answered TRYAGAIN by both sides: the copy waits until the slot
 * has moved, as it would wait for a server that is away.
 *
 * WHY NOT read from replicas: they lag, and the marker would not be that of the records. */
#include "cluster.h"

#include <stdlib.h>
#include <string.h>

#include "reply.h"

struct hl_redis_cluster {
    const struct hl_redis_access *access;
    bool sure;                                   /* the map is believed */
    struct hl_redis_map *map, *next;             /* next: where a new one is read into */
    struct hl_redis_link *links[HL_REDIS_NODES]; /* of map->nodes, by the same index */
    struct hl_redis_link stray;                  /* to a node that the map does not name */
};

struct hl_redis_cluster *hl_redis_cluster_new(const struct hl_redis_access *access)
{
    struct hl_redis_cluster *k = calloc(1, sizeof(*k));
    if (!k) return NULL;
    k->access = access;
    k->map = calloc(1, sizeof(*k->map));
    k->next = calloc(1, sizeof(*k->next));
    if (k->map && k->next) return k;
    hl_redis_cluster_free(k);
    return NULL;
}

static void drop_link(struct hl_redis_link **l)
{
    if (*l) hl_redis_link_close(*l);
    free(*l);
    *l = NULL;
}

void hl_redis_cluster_free(struct hl_redis_cluster *k)
{
    if (!k) return;
    for (size_t i = 0; i < HL_REDIS_NODES; i++) drop_link(&k->links[i]);
    hl_redis_link_close(&k->stray);
    free(k->map);
    free(k->next);
    free(k);
}

/* CRC-16/XMODEM (polynomial 0x1021, start 0), as the Redis Cluster specification names it. */
static unsigned crc16(struct hl_slice s)
{
    unsigned crc = 0;
    for (size_t i = 0; i < s.len; i++) {
        crc ^= (unsigned)(unsigned char)s.data[i] << 8;
        for (int bit = 0; bit < 8; bit++) crc = crc & 0x8000 ? (crc << 1 ^ 0x1021) & 0xffff : crc << 1;
    }
    return crc;
}

unsigned hl_redis_slot(const char *key)
{
    const char *open = strchr(key, '{'), *close = open ? strchr(open + 1, '}') : NULL;
    struct hl_slice tag = hl_slice_of(key);
    if (close && close > open + 1) tag = (struct hl_slice){open + 1, (size_t)(close - open - 1)};
    return crc16(tag) % HL_REDIS_SLOTS;
}

static bool same(const struct hl_redis_address *a, const struct hl_redis_address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* The link to an address, not connected yet; one that is not in the map shares a single place. */
static struct hl_redis_link *link_to(struct hl_redis_cluster *k, const struct hl_redis_address *at)
{
    for (size_t i = 0; i < k->map->n_nodes; i++)
        if (k->links[i] && same(&k->map->nodes[i], at)) return k->links[i];
    if (!k->stray.c || !same(&k->stray.at, at)) {
        hl_redis_link_close(&k->stray);
        hl_redis_link_init(&k->stray, k->access, at);
    }
    return &k->stray;
}

/* Put the map that was read in force; links to nodes that are still there stay. */
static enum hl_status change_maps(struct hl_redis_cluster *k, struct hl_error *err)
{
    struct hl_redis_link *links[HL_REDIS_NODES] = {0};
    bool complete = true;
    for (size_t i = 0; i < k->next->n_nodes; i++) {
        for (size_t old = 0; old < k->map->n_nodes && !links[i]; old++) {
            if (!k->links[old] || !same(&k->map->nodes[old], &k->next->nodes[i])) continue;
            links[i] = k->links[old];
            k->links[old] = NULL;
        }
        if (!links[i] && (links[i] = calloc(1, sizeof(*links[i])))) hl_redis_link_init(links[i], k->access, &k->next->nodes[i]);
        complete &= links[i] != NULL;
    }
    for (size_t i = 0; i < HL_REDIS_NODES; i++) drop_link(&k->links[i]);
    memcpy(k->links, links, sizeof(links));
    struct hl_redis_map *old = k->map;
    k->map = k->next;
    k->next = old;
    k->sure = complete;
    return complete ? HL_OK : hl_error_set(err, HL_E_NOMEM, HL_RETRY, "redis cluster: out of memory");
}

static enum hl_status read_map(struct hl_redis_cluster *k, struct hl_redis_link *l, struct hl_error *err)
{
    redisReply *r = NULL;
    enum hl_status status = hl_redis_link_open(l, err);
    if (!status)
        status = hl_redis_link_ask(l, "CLUSTER SLOTS", 2, (const char *[]){"CLUSTER", "SLOTS"}, NULL, REDIS_REPLY_ARRAY, &r, err);
    if (status) return status;
    bool good = hl_redis_reply_map(r, l->at.host, k->next);
    freeReplyObject(r);
    if (!good) return hl_redis_link_odd(l, "CLUSTER SLOTS", err);
    hl_redis_link_close(&k->stray); /* a seed, or a node that is in the map now */
    return change_maps(k, err);
}

/* Ask one node after the other for the map. What the last of them said is told when none has it. */
static enum hl_status refresh(struct hl_redis_cluster *k, struct hl_error *err)
{
    enum hl_status status = HL_E_UNAVAILABLE;
    for (size_t i = 0; i < k->map->n_nodes && status; i++)
        if (k->links[i]) status = read_map(k, k->links[i], err);
    for (size_t i = 0; i < k->access->url.n_seeds && status; i++) status = read_map(k, link_to(k, &k->access->url.seeds[i]), err);
    return status;
}

enum hl_status hl_redis_cluster_link(struct hl_redis_cluster *k, unsigned slot, struct hl_redis_link **out, struct hl_error *err)
{
    enum hl_status status = k->sure ? HL_OK : refresh(k, err);
    if (status) return status;
    uint16_t node = k->map->of[slot];
    if (node == HL_REDIS_NOBODY) {
        k->sure = false;
        return hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "redis cluster: no node serves slot %u", slot);
    }
    *out = k->links[node];
    status = hl_redis_link_open(*out, err);
    k->sure = status == HL_OK;
    return status;
}

void hl_redis_cluster_doubt(struct hl_redis_cluster *k)
{
    k->sure = false;
}

enum hl_status hl_redis_cluster_redirect(struct hl_redis_cluster *k, const struct hl_redis_link *from, struct hl_slice reply, unsigned slot,
                                         struct hl_redis_link **out, struct hl_error *err)
{
    struct hl_redis_address to;
    redisReply *r = NULL;
    bool ask;
    if (!hl_redis_reply_redirect(reply, from->at.host, &ask, &to)) return HL_E_END;
    struct hl_redis_link *l = link_to(k, &to);
    if (!ask) {
        enum hl_status status = read_map(k, l, err); /* l may be gone after this */
        return status ? status : hl_redis_cluster_link(k, slot, out, err);
    }
    *out = l;
    enum hl_status status = hl_redis_link_open(l, err);
    if (!status) status = hl_redis_link_ask(l, "ASKING", 1, (const char *[]){"ASKING"}, NULL, REDIS_REPLY_STATUS, &r, err);
    if (!status) freeReplyObject(r);
    return status;
}

struct hl_redis_link *hl_redis_cluster_node(struct hl_redis_cluster *k, size_t i)
{
    return i < k->map->n_nodes ? k->links[i] : NULL;
}
