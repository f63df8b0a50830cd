#include "sentinel.h"

#include "reply.h"

static enum hl_status ask_one(struct hl_redis_link *l, const char *master, struct hl_redis_address *out, struct hl_error *err)
{
    redisReply *r = NULL;
    const char *argv[] = {"SENTINEL", "GET-MASTER-ADDR-BY-NAME", master};
    enum hl_status status = hl_redis_link_open(l, err);
    if (!status) status = hl_redis_link_ask(l, "SENTINEL", 3, argv, NULL, 0, &r, err);
    if (status) return status;
    if (r->type == REDIS_REPLY_NIL)
        status = hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "sentinel %s knows no master named '%s': see redis.url", l->where, master);
    else if (!hl_redis_reply_address(r, out))
        status = hl_redis_link_odd(l, "SENTINEL GET-MASTER-ADDR-BY-NAME", err);
    freeReplyObject(r);
    return status;
}

enum hl_status hl_redis_sentinel_find(const struct hl_redis_access *a, struct hl_redis_address *out, struct hl_error *err)
{
    enum hl_status status = HL_E_UNAVAILABLE;
    for (size_t i = 0; i < a->url.n_seeds && status; i++) {
        struct hl_redis_link l;
        hl_redis_link_init(&l, a, &a->url.seeds[i]);
        l.stranger = true;
        status = ask_one(&l, a->url.master, out, err);
        hl_redis_link_close(&l);
    }
    return status;
}

enum hl_status hl_redis_sentinel_confirm(struct hl_redis_link *l, struct hl_error *err)
{
    redisReply *r = NULL;
    enum hl_status status = hl_redis_link_ask(l, "ROLE", 1, (const char *[]){"ROLE"}, NULL, REDIS_REPLY_ARRAY, &r, err);
    if (status) return status;
    bool master = r->elements > 0 && r->element[0]->type == REDIS_REPLY_STRING && strcmp(r->element[0]->str, "master") == 0;
    freeReplyObject(r);
    if (master) return HL_OK;
    hl_redis_link_close(l);
    return hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "redis %s: the sentinels name it, but it is no master: a failover is under way", l->where);
}
