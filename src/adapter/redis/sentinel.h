/* Which server is the master now, as the sentinels say. */
#ifndef HOTLEAD_ADAPTER_REDIS_SENTINEL_H
#define HOTLEAD_ADAPTER_REDIS_SENTINEL_H

#include "link.h"

/* Asks the seeds of the url one after the other. */
enum hl_status hl_redis_sentinel_find(const struct hl_redis_access *a, struct hl_redis_address *out, struct hl_error *err) HL_WARN_UNUSED;
/* The server at the other end says itself that it is a master: sentinels may be late. */
enum hl_status hl_redis_sentinel_confirm(struct hl_redis_link *l, struct hl_error *err) HL_WARN_UNUSED;

#endif
