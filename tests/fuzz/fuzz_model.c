/* Any bytes as model.yaml: a model that is whole, or problems. No file is opened. */
#include "hotlead/app/model_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hl_model *m = NULL;
    struct hl_error err = {0};
    struct hl_buf problems;
    hl_buf_init(&problems);
    enum hl_status st = hl_model_check_text("m.yaml", (struct hl_slice){(const char *)data, size}, &m, &problems, &err);
    HL_BUG_ON((st == HL_OK) != (m != NULL));
    HL_BUG_ON(st != HL_OK && (problems.len == 0 || err.code != st || err.message[0] == 0));
    HL_BUG_ON(m && (!m->name || !m->version || m->n_hand_raise > 32 || m->n_qualify > 32));
    for (size_t i = 0; m && i < m->n_rules; i++) HL_BUG_ON(!m->rules[i].name || m->rules[i].group >= (int)m->n_groups);
    for (size_t i = 0; m && i < m->n_must_have; i++) (void)hl_condition_holds(&m->must_have[i].when, HL_SLICE_LIT("a value 12"));
    hl_model_free(m);
    hl_buf_fini(&problems);
    return 0;
}
