/* Any bytes as hotlead.yaml, or, behind a NUL, as environment variables, one a line. No file is opened. */
#include <stdlib.h>

#include "hotlead/app/config.h"
#include "hotlead/base/buf.h"

enum { MAX_VARIABLES = 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *env[MAX_VARIABLES + 1] = {NULL};
    const uint8_t *nul = size ? memchr(data, 0, size) : NULL;
    size_t text = nul ? (size_t)(nul - data) : size, n = 0;
    char *variables = calloc(size - text + 1, 1);
    if (!variables) return 0;
    if (nul) memcpy(variables, nul + 1, size - text - 1);
    char *save = NULL;
    for (char *v = strtok_r(variables, "\n", &save); v && n < MAX_VARIABLES; v = strtok_r(NULL, "\n", &save)) env[n++] = v;

    struct hl_config *c = NULL;
    struct hl_error err = {0};
    struct hl_buf problems;
    hl_buf_init(&problems);
    enum hl_status st = hl_config_load_text("c.yaml", (struct hl_slice){(const char *)data, text}, env, &c, &problems, &err);
    HL_BUG_ON((st == HL_OK) != (c != NULL));
    HL_BUG_ON(st != HL_OK && (problems.len == 0 || err.code != st || err.message[0] == 0));
    HL_BUG_ON(c && (c->n_inputs == 0 || !c->group_id || !c->transitions || c->threads < 0 || c->threads > 256));
    for (size_t i = 0; c && i < c->n_inputs; i++) HL_BUG_ON(!c->inputs[i].topic);
    hl_config_free(c);
    hl_buf_fini(&problems);
    free(variables);
    return 0;
}
