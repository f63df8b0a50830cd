#include "reply.h"

#include <stdio.h>

static bool take_host(struct hl_slice host, struct hl_redis_address *out)
{
    if (host.len == 0 || host.len >= sizeof(out->host)) return false;
    for (size_t i = 0; i < host.len; i++)
        if (host.data[i] <= ' ' || host.data[i] > '~') return false;
    memcpy(out->host, host.data, host.len);
    out->host[host.len] = '\0';
    return true;
}

static bool take_port(int64_t port, struct hl_redis_address *out)
{
    out->port = (int)port;
    return port >= 1 && port <= 65535;
}

bool hl_redis_reply_address(const redisReply *r, struct hl_redis_address *out)
{
    struct hl_redis_address at = {0};
    int64_t port;
    if (r->type != REDIS_REPLY_ARRAY || r->elements < 2) return false;
    const redisReply *host = r->element[0], *number = r->element[1];
    if (host->type != REDIS_REPLY_STRING || !take_host((struct hl_slice){host->str, host->len}, &at)) return false;
    if (number->type == REDIS_REPLY_INTEGER)
        port = number->integer;
    else if (number->type != REDIS_REPLY_STRING || !hl_slice_parse_i64((struct hl_slice){number->str, number->len}, &port))
        return false;
    if (!take_port(port, &at)) return false;
    *out = at;
    return true;
}

static bool same(const struct hl_redis_address *a, const struct hl_redis_address *b)
{
    return a->port == b->port && strcmp(a->host, b->host) == 0;
}

/* Index of the node in the map, added if need be. */
static bool number_of(struct hl_redis_map *m, const struct hl_redis_address *at, uint16_t *number)
{
    for (*number = 0; *number < m->n_nodes; ++*number)
        if (same(&m->nodes[*number], at)) return true;
    if (m->n_nodes == HL_REDIS_NODES) return false;
    m->nodes[m->n_nodes++] = *at;
    return true;
}

/* A node of the reply; its host may be empty, null or "?", which means: as you have reached me. */
static bool take_node(const redisReply *r, const char *asked, struct hl_redis_address *out)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements < 2) return false;
    const redisReply *host = r->element[0];
    bool unnamed = host->type == REDIS_REPLY_NIL ||
                   (host->type == REDIS_REPLY_STRING && (host->len == 0 || strcmp(host->str, "?") == 0));
    if (!unnamed) return hl_redis_reply_address(r, out);
    *out = (struct hl_redis_address){0};
    return take_host(hl_slice_of(asked), out) && r->element[1]->type == REDIS_REPLY_INTEGER && take_port(r->element[1]->integer, out);
}

/* [first slot, last slot, master, replicas ...] */
static bool take_range(const redisReply *r, const char *asked, struct hl_redis_map *m)
{
    struct hl_redis_address at;
    uint16_t number;
    if (r->type != REDIS_REPLY_ARRAY || r->elements < 3) return false;
    if (r->element[0]->type != REDIS_REPLY_INTEGER || r->element[1]->type != REDIS_REPLY_INTEGER) return false;
    long long first = r->element[0]->integer, last = r->element[1]->integer;
    if (first < 0 || last < first || last >= HL_REDIS_SLOTS) return false;
    if (!take_node(r->element[2], asked, &at) || !number_of(m, &at, &number)) return false;
    for (long long slot = first; slot <= last; slot++) m->of[slot] = number;
    return true;
}

bool hl_redis_reply_map(const redisReply *r, const char *asked, struct hl_redis_map *out)
{
    if (r->type != REDIS_REPLY_ARRAY || r->elements > HL_REDIS_SLOTS) return false;
    out->n_nodes = 0;
    for (size_t i = 0; i < HL_REDIS_SLOTS; i++) out->of[i] = HL_REDIS_NOBODY;
    for (size_t i = 0; i < r->elements; i++)
        if (!take_range(r->element[i], asked, out)) return false;
    return true;
}

bool hl_redis_reply_redirect(struct hl_slice text, const char *asked, bool *ask, struct hl_redis_address *to)
{
    struct hl_redis_address at = {0};
    int64_t slot, port;
    *ask = text.len > 4 && memcmp(text.data, "ASK ", 4) == 0;
    size_t skip = *ask ? 4 : 6;
    if (text.len <= skip || (!*ask && memcmp(text.data, "MOVED ", 6) != 0)) return false;
    struct hl_slice rest = {text.data + skip, text.len - skip};
    const char *blank = memchr(rest.data, ' ', rest.len), *end = rest.data + rest.len;
    if (!blank || !hl_slice_parse_i64((struct hl_slice){rest.data, (size_t)(blank - rest.data)}, &slot)) return false;
    const char *colon = memrchr(blank, ':', (size_t)(end - blank)); /* the last: addresses of version 6 hold colons */
    if (!colon || slot < 0 || slot >= HL_REDIS_SLOTS) return false;
    struct hl_slice host = {blank + 1, (size_t)(colon - blank - 1)};
    if (!hl_slice_parse_i64((struct hl_slice){colon + 1, (size_t)(end - colon - 1)}, &port) || !take_port(port, &at)) return false;
    if (!take_host(host.len ? host : hl_slice_of(asked), &at)) return false;
    *to = at;
    return true;
}
