/* Hashes. */
#ifndef HOTLEAD_BASE_HASH_H
#define HOTLEAD_BASE_HASH_H

#include "hotlead/base/slice.h"

/* XXH3 64 bits with a fixed seed: the same on every machine and in every run (https://xxhash.com). */
uint64_t hl_hash64(struct hl_slice s);

/* The pairs of adjacent bytes in s as a set of 64 bits (several pairs share one), ASCII letters folded to lower case; UINT64_MAX when a
 * byte is above 0x7f. A text that contains s, in whatever case, has all the bits of s. */
uint64_t hl_pair_bits(struct hl_slice s);

/* The same under another seed: both together tell two ids apart. */
uint64_t hl_hash64_other(struct hl_slice s);

/* murmur2 of a key as the Kafka Java client computes it (org.apache.kafka.common.utils.Utils.murmur2, seed 0x9747b28c). */
uint32_t hl_murmur2(struct hl_slice s);

/* Partition of a key under the Java client's default partitioner: (murmur2 & 0x7fffffff) % partitions. partitions >= 1. */
int32_t hl_partition_of(struct hl_slice key, int32_t partitions);

/* 32-bit FNV-1a of a rule name, the name's stand-in in stored state (Fowler/Noll/Vo, draft-eastlake-fnv). */
uint32_t hl_name_hash(struct hl_slice name);

#endif
