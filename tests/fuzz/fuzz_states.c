/* Any bytes as records of a file of contact states, under the schema that exports have: what is found lies within the bytes. */
#include <stdlib.h>

#include "hotlead/adapter/avro_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char SCHEMA[] =
    "{\"type\":\"record\",\"name\":\"S\",\"fields\":[{\"name\":\"engine\",\"type\":\"bytes\"},{\"name\":\"applied\",\"type\":{\"type\":\"map\",\"values\":"
    "\"long\"}},{\"name\":\"contact_id\",\"type\":\"string\"},{\"name\":\"kind\",\"type\":[\"null\",\"string\"]},{\"name\":\"rows\",\"type\":{\"type\":\"array\","
    "\"items\":{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"p\",\"type\":\"double\"}]}}},{\"name\":\"partition\",\"type\":\"int\"}]}";

static bool lies_within(struct hl_slice part, const uint8_t *data, size_t size)
{
    const uint8_t *p = (const uint8_t *)part.data;
    return part.len == 0 || (p >= data && p + part.len <= data + size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct hl_avro_states *s;
    struct hl_error err;
    struct hl_avro_state state;
    struct hl_slice rest = {(const char *)data, size};
    if (!s && hl_avro_states_new(hl_slice_of(SCHEMA), &s, &err)) abort();
    for (size_t n = 0; rest.len && hl_avro_states_next(s, &rest, &state, &err) == HL_OK; n++) {
        HL_BUG_ON(n > size || !lies_within(state.contact_id, data, size) || !lies_within(state.engine, data, size) || state.partition < -1);
        for (size_t i = 0; i < state.n_applied; i++) HL_BUG_ON(!lies_within(state.applied[i].topic, data, size));
    }
    return 0;
}
