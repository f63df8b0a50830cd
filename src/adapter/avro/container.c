/* Avro object container files: the frame around the records. The records are decoded by a plan (decode.c). */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <zlib.h>

#include "hotlead/adapter/avro_file.h"

#define MAGIC "Obj\1"
#define MAGIC_BYTES 4
#define SYNC_BYTES 16
#define MAX_HEADER_ENTRIES 1000
#define MAX_UNPACKED ((size_t)64 << 20)
#define STEP ((size_t)256 << 10)

bool hl_avro_file_is(struct hl_slice bytes)
{
    return bytes.len >= MAGIC_BYTES && memcmp(bytes.data, MAGIC, MAGIC_BYTES) == 0;
}

static enum hl_status damaged(struct hl_error *err, const char *what)
{
    return hl_error_set(err, HL_E_DECODE, HL_STOP, "Avro container: %s", what);
}

static enum hl_status set_codec(struct hl_avro_file *f, struct hl_slice name, struct hl_error *err)
{
    if (hl_slice_eq_cstr(name, "null"))
        f->codec = HL_AVRO_CODEC_NULL;
    else if (hl_slice_eq_cstr(name, "deflate"))
        f->codec = HL_AVRO_CODEC_DEFLATE;
    else
        return hl_error_set(err, HL_E_DECODE, HL_STOP, "Avro container: codec '%.*s' is not read here, only null and deflate",
                            name.len < 40 ? (int)name.len : 40, name.data);
    return HL_OK;
}

/* One block of the header's map. *n: its entries, 0 at the end. */
static enum hl_status read_entries(struct hl_avro_file *f, int64_t *n, struct hl_error *err)
{
    *n = hl_reader_long(&f->at);
    if (*n < 0) {
        hl_reader_long(&f->at); /* its size in bytes */
        *n = *n < -MAX_HEADER_ENTRIES ? MAX_HEADER_ENTRIES + 1 : -*n;
    }
    if (*n > MAX_HEADER_ENTRIES) return damaged(err, "too many entries in its header");
    for (int64_t i = 0; i < *n; i++) {
        struct hl_slice key = hl_reader_bytes(&f->at), value = hl_reader_bytes(&f->at);
        if (f->at.failed) return damaged(err, "its header is cut off");
        if (hl_slice_eq_cstr(key, "avro.schema")) f->schema = value;
        enum hl_status st = hl_slice_eq_cstr(key, "avro.codec") ? set_codec(f, value, err) : HL_OK;
        if (st != HL_OK) return st;
    }
    return HL_OK;
}

enum hl_status hl_avro_file_open(struct hl_avro_file *f, struct hl_slice bytes, struct hl_error *err)
{
    *f = (struct hl_avro_file){.codec = HL_AVRO_CODEC_NULL};
    if (!hl_avro_file_is(bytes)) return damaged(err, "it does not begin like one");
    f->at = hl_reader_of((struct hl_slice){bytes.data + MAGIC_BYTES, bytes.len - MAGIC_BYTES});
    for (int64_t n = 1; n > 0;) {
        enum hl_status st = read_entries(f, &n, err);
        if (st != HL_OK) return st;
    }
    f->sync = hl_reader_take(&f->at, SYNC_BYTES);
    if (f->at.failed) return damaged(err, "its header is cut off");
    if (hl_slice_is_null(f->schema)) return damaged(err, "its header has no avro.schema");
    return HL_OK;
}

enum hl_status hl_avro_file_next(struct hl_avro_file *f, struct hl_avro_block *b, struct hl_error *err)
{
    if (f->at.p == f->at.end) return HL_E_END;
    b->count = hl_reader_long(&f->at);
    b->stored = hl_reader_bytes(&f->at);
    struct hl_slice sync = hl_reader_take(&f->at, SYNC_BYTES);
    if (f->at.failed || b->count < 0) return damaged(err, "a block is cut off");
    if ((uint64_t)b->count > MAX_UNPACKED) return damaged(err, "a block claims more records than it can have bytes");
    if (!hl_slice_eq(sync, f->sync)) return damaged(err, "the mark behind a block is not that of the file");
    return HL_OK;
}

static bool grow(struct hl_buf *room, size_t more)
{
    if (room->cap - room->len >= more) return true;
    size_t cap = room->cap * 2 > room->len + more ? room->cap * 2 : room->len + more;
    uint8_t *data = realloc(room->data, cap);
    if (!data) return false;
    room->data = data;
    room->cap = cap;
    return true;
}

static enum hl_status inflate_all(z_stream *z, struct hl_buf *room, size_t start, struct hl_error *err)
{
    for (int got = Z_OK; got != Z_STREAM_END;) {
        if (room->len - start >= MAX_UNPACKED)
            return hl_error_set(err, HL_E_TOO_LARGE, HL_STOP, "Avro container: a block unpacks to more than %zu bytes",
                                MAX_UNPACKED);
        if (!grow(room, STEP)) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
        z->next_out = room->data + room->len;
        z->avail_out = (uInt)STEP;
        got = inflate(z, Z_NO_FLUSH);
        room->len += STEP - z->avail_out;
        if (got != Z_OK && got != Z_STREAM_END) return damaged(err, "a block does not unpack");
    }
    return HL_OK;
}

enum hl_status hl_avro_block_unpack(enum hl_avro_codec codec, const struct hl_avro_block *b, struct hl_buf *room,
                                    struct hl_slice *records, struct hl_error *err)
{
    *records = b->stored;
    if (codec == HL_AVRO_CODEC_NULL) return HL_OK;
    if (b->stored.len > UINT32_MAX) return damaged(err, "a block is too large");
    z_stream z = {.next_in = (z_const Bytef *)(uintptr_t)b->stored.data, .avail_in = (uInt)b->stored.len};
    if (inflateInit2(&z, -MAX_WBITS) != Z_OK) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    size_t start = room->len;
    enum hl_status st = inflate_all(&z, room, start, err);
    inflateEnd(&z);
    if (st == HL_OK) *records = (struct hl_slice){(const char *)room->data + start, room->len - start};
    return st;
}

struct hl_slice hl_avro_file_meta(struct hl_slice bytes, const char *key)
{
    struct hl_slice found = HL_SLICE_NULL;
    struct hl_reader r = hl_reader_of(bytes);
    hl_reader_take(&r, MAGIC_BYTES);
    for (int64_t n = 1; n != 0 && !r.failed;) {
        n = hl_reader_long(&r);
        if (n < 0) hl_reader_long(&r);
        if (n > MAX_HEADER_ENTRIES || n < -MAX_HEADER_ENTRIES) return HL_SLICE_NULL;
        for (int64_t left = n < 0 ? -n : n; left > 0 && !r.failed; left--) {
            struct hl_slice name = hl_reader_bytes(&r), value = hl_reader_bytes(&r);
            if (!r.failed && hl_slice_eq_cstr(name, key)) found = value;
        }
    }
    return r.failed ? HL_SLICE_NULL : found;
}

/* --- writing --- */

#define BLOCK_BYTES ((size_t)256 << 10)

static enum hl_status write_out(struct hl_avro_writer *w, struct hl_buf *b, struct hl_error *err)
{
    if (b->failed) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    if (fwrite(b->data, 1, b->len, w->to) != b->len) return hl_error_set(err, HL_E_IO, HL_STOP, "%s", strerror(errno));
    w->bytes += b->len;
    hl_buf_clear(b);
    return HL_OK;
}

static void put_entry(struct hl_buf *b, const char *key, struct hl_slice value)
{
    hl_buf_put_bytes(b, hl_slice_of(key));
    hl_buf_put_bytes(b, value);
}

enum hl_status hl_avro_writer_init(struct hl_avro_writer *w, FILE *to, const char *schema_json, const struct hl_avro_meta *meta, size_t n,
                                   struct hl_error *err)
{
    *w = (struct hl_avro_writer){.to = to};
    hl_buf_init(&w->block);
    hl_buf_init(&w->packed);
    if (getrandom(w->sync, sizeof(w->sync), 0) != (ssize_t)sizeof(w->sync)) return hl_error_set(err, HL_E_IO, HL_STOP, "getrandom: %s", strerror(errno));
    hl_buf_put(&w->packed, MAGIC, MAGIC_BYTES);
    hl_buf_put_long(&w->packed, (int64_t)n + 2);
    put_entry(&w->packed, "avro.schema", hl_slice_of(schema_json));
    put_entry(&w->packed, "avro.codec", HL_SLICE_LIT("deflate"));
    for (size_t i = 0; i < n; i++) put_entry(&w->packed, meta[i].key, meta[i].value);
    hl_buf_put_long(&w->packed, 0);
    hl_buf_put(&w->packed, w->sync, SYNC_BYTES);
    return write_out(w, &w->packed, err);
}

static bool deflate_all(struct hl_buf *from, struct hl_buf *to)
{
    z_stream z = {.next_in = from->data, .avail_in = (uInt)from->len};
    if (deflateInit2(&z, Z_DEFAULT_COMPRESSION, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY) != Z_OK) return false;
    size_t room = deflateBound(&z, from->len);
    bool ok = grow(to, room);
    z.next_out = to->data + to->len;
    z.avail_out = (uInt)room;
    ok = ok && deflate(&z, Z_FINISH) == Z_STREAM_END;
    if (ok) to->len += room - z.avail_out;
    deflateEnd(&z);
    return ok;
}

static enum hl_status write_block(struct hl_avro_writer *w, struct hl_error *err)
{
    if (w->count == 0) return HL_OK;
    struct hl_buf head;
    hl_buf_init(&head);
    if (w->block.failed || !deflate_all(&w->block, &w->packed)) w->packed.failed = true;
    hl_buf_put_long(&head, w->count);
    hl_buf_put_long(&head, (int64_t)w->packed.len);
    hl_buf_put(&w->packed, w->sync, SYNC_BYTES);
    enum hl_status status = write_out(w, &head, err);
    if (!status) status = write_out(w, &w->packed, err);
    hl_buf_fini(&head);
    hl_buf_clear(&w->block);
    w->count = 0;
    return status;
}

enum hl_status hl_avro_writer_put(struct hl_avro_writer *w, struct hl_slice datum, struct hl_error *err)
{
    hl_buf_put(&w->block, datum.data, datum.len);
    w->count++;
    return w->block.len < BLOCK_BYTES ? HL_OK : write_block(w, err);
}

enum hl_status hl_avro_writer_flush(struct hl_avro_writer *w, struct hl_error *err)
{
    enum hl_status status = write_block(w, err);
    if (status) return status;
    return fflush(w->to) == 0 ? HL_OK : hl_error_set(err, HL_E_IO, HL_STOP, "%s", strerror(errno));
}

void hl_avro_writer_fini(struct hl_avro_writer *w)
{
    hl_buf_fini(&w->block);
    hl_buf_fini(&w->packed);
}
