/* Any bytes as an Avro container file: every block is found and unpacked, within bounds. */
#include <stdlib.h>

#include "hotlead/adapter/avro_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool lies_within(struct hl_slice part, const uint8_t *data, size_t size)
{
    const uint8_t *p = (const uint8_t *)part.data;
    return part.len == 0 || (p >= data && p + part.len <= data + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hl_avro_file f;
    struct hl_avro_block b;
    struct hl_error err = {0};
    struct hl_slice bytes = {(const char *)data, size}, records;
    struct hl_buf room;
    hl_buf_init(&room);
    enum hl_status status = hl_avro_file_open(&f, bytes, &err);
    HL_BUG_ON(!status && (!hl_avro_file_is(bytes) || !lies_within(f.schema, data, size)));
    for (size_t n = 0; !status; n++) {
        HL_BUG_ON(n > size); /* a block has a length at least */
        status = hl_avro_file_next(&f, &b, &err);
        if (status) break;
        hl_buf_clear(&room);
        enum hl_status unpacked = hl_avro_block_unpack(f.codec, &b, &room, &records, &err);
        HL_BUG_ON(unpacked == HL_OK && records.len > ((size_t)64 << 20) && !lies_within(records, data, size));
    }
    HL_BUG_ON(status != HL_E_END && err.code != status);
    hl_buf_fini(&room);
    return 0;
}
