/* The Lua scripts. Each is atomic: Redis runs nothing else meanwhile. The two that change a partition's keys check the owner first, so a
 * partition has one writer; one that fails half-way (a key of a wrong type) leaves the marker where it was. */
#ifndef HOTLEAD_ADAPTER_REDIS_SCRIPTS_H
#define HOTLEAD_ADAPTER_REDIS_SCRIPTS_H

/* KEYS: owner, marker, then the bucket of each run. ARGV: token, from, to, layout, then for each run a count and its fields: count > 0 sets
 * that many pairs of field and sealed value; count < 0 deletes that many fields. No field comes twice. A run fits unpack(), which the Lua
 * stack bounds. `n`, `x`, `y` are the count and the two sums of seals, see seal.h; 20,000 seals of 32 bits added up are exact in
 * a double. Answers OK, FENCED, GAP. */
#define HL_REDIS_SCRIPT_WRITE                                                                                                    \
    "local call, seal = redis.call, struct.unpack\n"                                                                             \
    "if call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end\n"                                                              \
    "local marker = call('GET', KEYS[2]) or '-1 0 0 0 ' .. ARGV[4]\n"                                                            \
    "local at, n, x, y = string.match(marker, '^(%-?%d+) (%d+) (%d+) (%d+) ' .. ARGV[4] .. '$')\n"                               \
    "if at ~= ARGV[2] then return 'GAP' end\n"                                                                                   \
    "local a = 5\n"                                                                                                              \
    "for k = 3, #KEYS do\n"                                                                                                      \
    "  local key, set = KEYS[k], tonumber(ARGV[a])\n"                                                                            \
    "  local last = a + (set > 0 and 2 * set or -set)\n"                                                                         \
    "  for i = a + 1, last, set > 0 and 2 or 1 do\n"                                                                             \
    "    local old = call('HGET', key, ARGV[i])\n"                                                                               \
    "    if old then\n"                                                                                                          \
    "      n = n - 1\n"                                                                                                          \
    "      if #old >= 8 then\n"                                                                                                  \
    "        local p, q = seal('<I4I4', old)\n"                                                                                  \
    "        x, y = x - p, y - q\n"                                                                                              \
    "      end\n"                                                                                                                \
    "    end\n"                                                                                                                  \
    "    if set > 0 then\n"                                                                                                      \
    "      local p, q = seal('<I4I4', ARGV[i + 1])\n"                                                                            \
    "      n, x, y = n + 1, x + p, y + q\n"                                                                                      \
    "    end\n"                                                                                                                  \
    "  end\n"                                                                                                                    \
    "  call(set > 0 and 'HSET' or 'HDEL', key, unpack(ARGV, a + 1, last))\n"                                                     \
    "  a = last + 1\n"                                                                                                           \
    "end\n"                                                                                                                      \
    "call('SET', KEYS[2], string.format('%s %d %d %d %s', ARGV[3], n, x % 4294967296, y % 4294967296, ARGV[4]))\n"               \
    "return 'OK'"

/* KEYS: marker, then the bucket of each id. ARGV: the position that the copy must have reached, then the fields. Answers an array: the value
 * of each, nil where there is none; or GAP. Changes nothing; a script, so that marker and values are of one moment. */
#define HL_REDIS_SCRIPT_FETCH                                                                                                    \
    "local marker = redis.call('GET', KEYS[1]) or '-1'\n"                                                                        \
    "if tonumber(string.match(marker, '^%-?%d+')) < tonumber(ARGV[1]) then return 'GAP' end\n"                                   \
    "local out = {}\n"                                                                                                           \
    "for k = 2, #KEYS do out[k - 1] = redis.call('HGET', KEYS[k], ARGV[k]) end\n"                                                \
    "return out"

/* KEYS: owner, marker, all buckets. ARGV: token. Answers OK, FENCED. */
#define HL_REDIS_SCRIPT_DISCARD                                                                                                  \
    "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 'FENCED' end\n"                                                        \
    "redis.call('DEL', KEYS[2])\n"                                                                                               \
    "for k = 3, #KEYS do redis.call('UNLINK', KEYS[k]) end\n"                                                                    \
    "return 'OK'"

#endif
