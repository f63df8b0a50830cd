/* The two Lua scripts that change a partition's keys. Each checks the owner first, so a partition has one writer, and each is
 * atomic: Redis runs nothing else meanwhile. A script that fails half-way (a key of a wrong type) leaves the marker where it was.
 */
#ifndef HOTLEAD_ADAPTER_REDIS_SCRIPTS_H
#define HOTLEAD_ADAPTER_REDIS_SCRIPTS_H

/* KEYS: owner, marker, then the bucket of each run. ARGV: token, from, to, then for each run a count and its fields: count > 0
 * sets that many id, value pairs; count < 0 deletes that many ids. A run fits unpack(), which the Lua stack bounds. Answers OK,
 * FENCED, GAP. */
#define HL_REDIS_SCRIPT_WRITE                                                                                                    \
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end\n"                                                        \
    "if (redis.call('GET', KEYS[2]) or '-1') ~= ARGV[2] then return 'GAP' end\n"                                                 \
    "local a = 4\n"                                                                                                              \
    "for k = 3, #KEYS do\n"                                                                                                      \
    "  local n = tonumber(ARGV[a])\n"                                                                                            \
    "  local last = a + (n > 0 and 2 * n or -n)\n"                                                                               \
    "  redis.call(n > 0 and 'HSET' or 'HDEL', KEYS[k], unpack(ARGV, a + 1, last))\n"                                             \
    "  a = last + 1\n"                                                                                                           \
    "end\n"                                                                                                                      \
    "if ARGV[3] ~= ARGV[2] then redis.call('SET', KEYS[2], ARGV[3]) end\n"                                                       \
    "return 'OK'"

/* KEYS: owner, marker, all buckets. ARGV: token. Answers OK, FENCED. */
#define HL_REDIS_SCRIPT_DISCARD                                                                                                  \
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end\n"                                                        \
    "redis.call('DEL', KEYS[2])\n"                                                                                               \
    "for k = 3, #KEYS do redis.call('UNLINK', KEYS[k]) end\n"                                                                    \
    "return 'OK'"

#endif
