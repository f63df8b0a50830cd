/* Avro object container files (Apache Avro specification 1.11, "Object Container Files"), read from memory, with the codecs
 * null and deflate.
 *
 *   magic "Obj" 1 | map of bytes: avro.schema, avro.codec | 16 bytes sync | block | block ...
 *   block: long count, long size, the records (compressed), sync
 *
 * Bounded: a stored block must lie within the file, an unpacked one takes at most 64 MiB. Slices borrow from the bytes of the
 * file.
 *
 * Threading: reading blocks moves the file's place, one thread; unpacking is free of state. */
#ifndef HOTLEAD_ADAPTER_AVRO_FILE_H
#define HOTLEAD_ADAPTER_AVRO_FILE_H

#include "hotlead/base/buf.h"
#include "hotlead/base/status.h"

enum hl_avro_codec { HL_AVRO_CODEC_NULL, HL_AVRO_CODEC_DEFLATE };

struct hl_avro_file {
    struct hl_slice schema; /* text of the writer schema, not NUL-terminated */
    enum hl_avro_codec codec;
    struct hl_slice sync;
    struct hl_reader at;
};

struct hl_avro_block {
    struct hl_slice stored; /* as it lies in the file */
    int64_t count;          /* of records, as the file says */
};

/* True when the bytes begin like a container file. */
bool hl_avro_file_is(struct hl_slice bytes);
/* HL_E_DECODE: no container file, or a codec that is not read here. Nothing to free. */
enum hl_status hl_avro_file_open(struct hl_avro_file *f, struct hl_slice bytes, struct hl_error *err) HL_WARN_UNUSED;
/* HL_E_END behind the last block; HL_E_DECODE: the file is damaged from here on. */
enum hl_status hl_avro_file_next(struct hl_avro_file *f, struct hl_avro_block *b, struct hl_error *err) HL_WARN_UNUSED;
/* The records of a block, one after the other: the stored bytes themselves, or what they unpack to, appended to `room`
 * (caller's; the slice holds until it changes). HL_E_DECODE, HL_E_TOO_LARGE, HL_E_NOMEM. */
enum hl_status hl_avro_block_unpack(enum hl_avro_codec codec, const struct hl_avro_block *b, struct hl_buf *room,
                                    struct hl_slice *records, struct hl_error *err) HL_WARN_UNUSED;

#endif
