/* Redis as the warm copy (hiredis, from 0.14 to 1.2; RESP2; TLS where hiredis has it).
 *
 * Keys of partition p share the hash tag {NAME:p}, so a partition is one slot and one order:
 *   {NAME:p}:owner    random token of the newest owner: a server that lost its last writes cannot hand one out twice
 *   {NAME:p}:marker   position of the state topic, count and digest of the records: "position count low high layout"
 *   {NAME:p}:b<i>     hash: contact id (an UUID packed, see adapter/redis/field.h) -> 8 bytes of digest, value; for i = hl_hash64(id) %
 *                     HL_REDIS_BUCKETS
 *   {NAME:p}:<note>   notes of app/census.h: `census` and `flow`
 * NAME is the consumer group. Writes go through one script (EVALSHA) that checks owner and marker, writes, then moves the marker.
 * More than 10,000 records or 8 MiB are several such steps, of which only the last moves the position.
 *
 * Errors: HL_E_UNAVAILABLE (retry: away, loading, out of memory, replica), HL_E_PERMISSION, HL_E_DECODE (a reply or key of a
 * wrong type), HL_E_FENCED, HL_E_GAP. Messages name host:port, never the password. The program must ignore SIGPIPE: hiredis
 * writes without MSG_NOSIGNAL. */
#ifndef HOTLEAD_ADAPTER_REDIS_H
#define HOTLEAD_ADAPTER_REDIS_H

#include "hotlead/port/store.h"

#define HL_REDIS_BUCKETS 16384
#define HL_REDIS_LAYOUT 3 /* of buckets and fields; a copy of another one is discarded, and made anew from the state topic */
/* Settings of a server with which the buckets of a partition are packed, up to 1.5 million contacts in it. Measured with values of 108 bytes: 163 bytes a
 * contact instead of 212, and HGETALL of all in a fifth of the time. More entries would have to be read through for each write. */
#define HL_REDIS_PACKED_ENTRIES 128
#define HL_REDIS_PACKED_BYTES 1024

struct hl_redis_config {
    const char *url;  /* see src/adapter/redis/url.h; user and password better by file */
    const char *name; /* consumer group */
    bool cluster;     /* the url names nodes of a Redis Cluster */
    const char *user; /* ACL user, NULL: that of the url, or the default one */
    const char *password_file;                 /* NULL: none */
    const char *ca_file, *cert_file, *key_file; /* of TLS; NULL: the system's certificates, and none to show */
    int timeout_ms;                            /* connect and command; 0: 2000 */
};

/* Checks the settings (HL_E_CONFIG) and makes an unconnected store: the first call connects. */
enum hl_status hl_redis_new(const struct hl_redis_config *config, struct hl_store **out, struct hl_error *err) HL_WARN_UNUSED;
/* Server checks at start, one line of warning each, "" when all is well: version, maxmemory-policy other than noeviction,
 * loading, replica, cluster. HL_E_UNAVAILABLE when away, HL_E_PERMISSION, or HL_E_CONFIG when it cannot get better by itself. */
enum hl_status hl_redis_check(struct hl_store *s, char *warning, size_t cap, struct hl_error *err) HL_WARN_UNUSED;
/* What would make the copy smaller and quicker to load, a line for each server, "" when there is nothing or it may not be known: hashes are kept
 * packed (listpack, ziplist before Redis 7) only up to hash-max-listpack-entries and -value. Errors: those of the check. */
enum hl_status hl_redis_advise(struct hl_store *s, char *advice, size_t cap, struct hl_error *err) HL_WARN_UNUSED;

#endif
