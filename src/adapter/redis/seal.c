#include "seal.h"

#include "hotlead/base/hash.h"

/* Little endian, as the script's struct.unpack('<I4I4') reads it. */
static void put_u64le(char *out, uint64_t v)
{
    for (int i = 0; i < HL_REDIS_SEAL; i++) out[i] = (char)(v >> 8 * i);
}

void hl_redis_seal(char *out, uint64_t id_hash, struct hl_slice value)
{
    put_u64le(out, id_hash); /* so that one hash over the whole binds the value to its id */
    if (value.len) memcpy(out + HL_REDIS_SEAL, value.data, value.len);
    put_u64le(out, hl_hash64((struct hl_slice){out, HL_REDIS_SEAL + value.len}));
}

bool hl_redis_unseal(char *stored, size_t len, uint64_t id_hash, struct hl_slice *value, struct hl_redis_sum *sum)
{
    char found[HL_REDIS_SEAL], right[HL_REDIS_SEAL];
    if (len < HL_REDIS_SEAL) return false;
    memcpy(found, stored, HL_REDIS_SEAL);
    put_u64le(stored, id_hash);
    uint64_t seal = hl_hash64((struct hl_slice){stored, len});
    memcpy(stored, found, HL_REDIS_SEAL);
    put_u64le(right, seal);
    *value = (struct hl_slice){stored + HL_REDIS_SEAL, len - HL_REDIS_SEAL};
    sum->count++;
    sum->low += (uint32_t)seal;
    sum->high += (uint32_t)(seal >> 32);
    return memcmp(found, right, HL_REDIS_SEAL) == 0;
}

bool hl_redis_marker_parse(struct hl_slice text, int64_t layout, struct hl_redis_marker *out)
{
    int64_t n[5];
    for (int i = 0; i < 5; i++) {
        const char *blank = i < 4 && text.len ? memchr(text.data, ' ', text.len) : NULL;
        struct hl_slice word = {text.data, blank ? (size_t)(blank - text.data) : text.len};
        if (i < 4 && !blank) return false;
        if (!hl_slice_parse_i64(word, &n[i])) return false;
        if (blank) text = (struct hl_slice){blank + 1, text.len - word.len - 1};
    }
    if (n[0] < -1 || n[1] < 0 || n[2] < 0 || n[2] > UINT32_MAX || n[3] < 0 || n[3] > UINT32_MAX || n[4] != layout) return false;
    *out = (struct hl_redis_marker){n[0], {(uint64_t)n[1], (uint32_t)n[2], (uint32_t)n[3]}};
    return true;
}
