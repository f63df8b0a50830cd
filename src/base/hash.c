#include "hotlead/base/hash.h"

#include <endian.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t hl_hash64(struct hl_slice s)
{
    return XXH3_64bits(s.data ? s.data : "", s.len);
}

uint64_t hl_hash64_other(struct hl_slice s)
{
    return XXH3_64bits_withSeed(s.data ? s.data : "", s.len, UINT64_C(0x686f746c656164));
}

/* Four bytes, little endian, as the algorithm reads them. */
static uint32_t word(const uint8_t *p)
{
    uint32_t w;
    memcpy(&w, p, sizeof w);
    return le32toh(w);
}

uint32_t hl_murmur2(struct hl_slice s)
{
    const uint32_t m = 0x5bd1e995;
    const uint8_t *p = (const uint8_t *)s.data;
    uint32_t h = 0x9747b28c ^ (uint32_t)s.len;
    size_t left = s.len;
    for (; left >= 4; left -= 4, p += 4) {
        uint32_t k = word(p) * m;
        h = (h * m) ^ ((k ^ k >> 24) * m);
    }
    if (left) {
        for (size_t i = 0; i < left; i++) h ^= (uint32_t)p[i] << (8 * i);
        h *= m;
    }
    h = (h ^ h >> 13) * m;
    return h ^ h >> 15;
}

int32_t hl_partition_of(struct hl_slice key, int32_t partitions)
{
    return (int32_t)(hl_murmur2(key) & 0x7fffffff) % partitions;
}

uint32_t hl_name_hash(struct hl_slice name)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < name.len; i++) h = (h ^ (uint8_t)name.data[i]) * 16777619u;
    return h;
}

static unsigned char fold(unsigned char ch)
{
    return ch >= 'A' && ch <= 'Z' ? ch | 0x20 : ch;
}

uint64_t hl_pair_bits(struct hl_slice s)
{
    const unsigned char *p = (const unsigned char *)s.data;
    uint64_t bits = 0;
    unsigned char all = 0;
    for (size_t i = 0; i < s.len; i++) {
        all |= p[i];
        if (i) bits |= UINT64_C(1) << ((uint32_t)(fold(p[i - 1]) << 8 | fold(p[i])) * 0x9e3779b1u >> 26);
    }
    return all & 0x80 ? UINT64_MAX : bits;
}
