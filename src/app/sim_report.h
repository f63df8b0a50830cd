/* What `hotlead simulate` says at the end. */
#ifndef HL_APP_SIM_REPORT_H
#define HL_APP_SIM_REPORT_H

#include "sim_run.h"

/* Events, contacts, stages and moves of the first model. */
void hl_sim_report_summary(FILE *to, struct hl_sim *sim, const struct hl_sim_contact *contacts, size_t n);
/* Which types of events were not known, `label` in front; nothing where all were. */
void hl_sim_report_unknown(FILE *to, const char *label, struct hl_sim *sim);
/* Stage counts of both models; how many contacts they differ on; what share of their MQLs bought afterwards; who becomes an MQL under one
 * and not under the other, and when: the first `most` of them. */
void hl_sim_report_against(FILE *to, const struct hl_sim *sim, const struct hl_sim_contact *contacts, size_t n, size_t most, bool json);
/* ContactState of every contact, a line of JSON each, as of the stream's end. HL_E_IO. */
enum hl_status hl_sim_write_states(const char *path, const struct hl_sim *sim, const struct hl_sim_contact *contacts, size_t n,
                                   struct hl_error *err) HL_WARN_UNUSED;

#endif
