/* Avro object container files (Apache Avro specification 1.11, "Object Container Files"), read from memory, with the codecs
 * null and deflate, and written with deflate.
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

#include <stdio.h>

#include "hotlead/adapter/avro.h"

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

/* An entry of the header's map. */
struct hl_avro_meta {
    const char *key; /* "avro." is not for others */
    struct hl_slice value;
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

/* The value of a header's entry; null: there is none. Borrowed from the file. */
struct hl_slice hl_avro_file_meta(struct hl_slice bytes, const char *key);

/* --- writing --- */

struct hl_avro_writer {
    FILE *to; /* the caller's */
    uint8_t sync[16];
    struct hl_buf block, packed;
    int64_t count;   /* of records in the block */
    uint64_t bytes;  /* written so far */
};

/* fini is due in any case. HL_E_IO: err says why. */
enum hl_status hl_avro_writer_init(struct hl_avro_writer *w, FILE *to, const char *schema_json, const struct hl_avro_meta *meta, size_t n,
                                   struct hl_error *err) HL_WARN_UNUSED;
enum hl_status hl_avro_writer_put(struct hl_avro_writer *w, struct hl_slice datum, struct hl_error *err) HL_WARN_UNUSED;
/* The last block, and what stdio still holds. */
enum hl_status hl_avro_writer_flush(struct hl_avro_writer *w, struct hl_error *err) HL_WARN_UNUSED;
void hl_avro_writer_fini(struct hl_avro_writer *w);

/* --- files of contact states: ContactState, and the partition that each came from --- */

/* The schema of such a file: that of ContactState, with a last field `partition`; malloc'ed. HL_E_SCHEMA: it is none of a record. */
enum hl_status hl_avro_states_schema(const char *contact_state_json, char **out, struct hl_error *err) HL_WARN_UNUSED;

/* Reads records that were written with some version of that schema. */
struct hl_avro_states;
/* HL_E_SCHEMA: it has no contact_id, engine and applied. */
enum hl_status hl_avro_states_new(struct hl_slice schema_json, struct hl_avro_states **out, struct hl_error *err) HL_WARN_UNUSED;
void hl_avro_states_free(struct hl_avro_states *s);
struct hl_avro_state {
    struct hl_slice contact_id, engine; /* borrowed */
    struct hl_applied_slice applied[64];
    size_t n_applied;
    int32_t partition; /* -1: the file does not say */
};
/* The first of *rest, which is moved behind it. HL_E_DECODE. */
enum hl_status hl_avro_states_next(const struct hl_avro_states *s, struct hl_slice *rest, struct hl_avro_state *out, struct hl_error *err)
    HL_WARN_UNUSED;

#endif
