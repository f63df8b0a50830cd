/* Made-up numbers and names. Everything follows from a seed and a count, so nothing is remembered. */
#ifndef HL_LOAD_RANDOM_H
#define HL_LOAD_RANDOM_H

#include <endian.h>
#include <stdint.h>
#include <string.h>

#define HL_UUID_BYTES 36 /* of its text, without a NUL */

/* splitmix64: the n-th number of a seed, in any order (Steele, Lea, Flood 2014). */
static inline uint64_t hl_random_at(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + (n + 1) * 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

/* 0 <= u < 1 */
static inline double hl_random_unit(uint64_t h)
{
    return (double)(h >> 11) / 9007199254740992.0; /* 2^53 */
}

/* The hexadecimal digits of a number, first the most significant, as they are to lie in memory. */
static inline uint64_t hl_hex8(uint32_t v)
{
    uint64_t x = v;
    x = (x << 16 | x) & 0x0000ffff0000ffffull;
    x = (x << 8 | x) & 0x00ff00ff00ff00ffull;
    x = (x << 4 | x) & 0x0f0f0f0f0f0f0f0full; /* a digit a byte */
    uint64_t letters = (x + 0x0606060606060606ull) >> 4 & 0x0101010101010101ull;
    return htobe64(x + 0x3030303030303030ull + letters * ('a' - '0' - 10));
}

/* 128 bits in the shape of a UUID (RFC 9562). */
static inline void hl_uuid_write(char out[HL_UUID_BYTES], uint64_t high, uint64_t low)
{
    uint64_t w[4] = {hl_hex8((uint32_t)(high >> 32)), hl_hex8((uint32_t)high), hl_hex8((uint32_t)(low >> 32)), hl_hex8((uint32_t)low)};
    const char *d = (const char *)w;
    memcpy(out, d, 8);
    memcpy(out + 9, d + 8, 4);
    memcpy(out + 14, d + 12, 4);
    memcpy(out + 19, d + 16, 4);
    memcpy(out + 24, d + 20, 12);
    out[8] = out[13] = out[18] = out[23] = '-';
}

#endif
