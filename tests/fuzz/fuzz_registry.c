/* Any bytes as the body of a registry's answer: to a question for a schema, to a registration, or with an error. */
#include <stdlib.h>

#include "adapter/registry/answer.h"
#include "hotlead/base/status.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hl_slice body = {(const char *)data, size};
    char *json = NULL, why[200] = "", text[200];
    uint32_t id = 1;
    enum state state = hl_registry_read_schema(body, &json, why, sizeof(why));
    HL_BUG_ON((state == FOUND) != (json != NULL));
    HL_BUG_ON(state != FOUND && !why[0]);
    HL_BUG_ON(!hl_registry_read_id(body, &id) && id != 0);
    hl_registry_describe(409, body, text, sizeof(text));
    HL_BUG_ON(strncmp(text, "HTTP 409", 8) != 0 || strpbrk(text, "\n\r\t\x1b"));
    free(json);
    return 0;
}
