/* TLS to Redis, where hiredis has it (hiredis_ssl, from 1.0). */
#ifndef HOTLEAD_ADAPTER_REDIS_TLS_H
#define HOTLEAD_ADAPTER_REDIS_TLS_H

#include <hiredis/hiredis.h>

#include "hotlead/base/status.h"

struct hl_redis_tls;

/* Files may be NULL: ca_file, to trust the system's; the others, to show no certificate. HL_E_CONFIG: a file that cannot be used, or a
 * build without TLS. */
enum hl_status hl_redis_tls_new(const char *ca_file, const char *cert_file, const char *key_file, struct hl_redis_tls **out,
                                struct hl_error *err) HL_WARN_UNUSED;
void hl_redis_tls_free(struct hl_redis_tls *t);
/* The handshake; the server's certificate must be good and for this host. HL_E_UNAVAILABLE. */
enum hl_status hl_redis_tls_start(const struct hl_redis_tls *t, redisContext *c, const char *host, const char *where,
                                  struct hl_error *err) HL_WARN_UNUSED;

#endif
