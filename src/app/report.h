/* Private: the funnel of all transitions that are given to it, in cohorts: by the version of the model, and by the source of the contacts.
 *
 * A stay (see funnel.h) belongs to the model version of the transition that began it, and to the source of the first transition of its contact that names
 * one. What was repeated, as low-latency delivery may, counts once; a contact that was erased and came again is a new one.
 * Memory: 40 bytes or so for each contact, 60 KB for each cohort. */
#ifndef HL_APP_REPORT_H
#define HL_APP_REPORT_H

#include "funnel.h"
#include "hotlead/port/transition_view.h"

#define HL_REPORT_COHORTS 64 /* of a kind; what comes later shares the last one, "(others)" */

struct hl_cohort {
    char *name;
    uint64_t open[HL_STAGE_COUNT];
    struct hl_funnel f;
};

struct hl_cohorts {
    struct hl_cohort *items[HL_REPORT_COHORTS];
    size_t n;
};

struct hl_report_contact;
struct hl_report {
    int64_t since, until; /* ms; occurred_at of the moves that count, [since, until) */
    struct hl_cohort all;
    struct hl_cohorts versions, sources;
    uint64_t transitions, repeated; /* that count; that were there already */
    int64_t first, last;            /* occurred_at of those that count; HL_NO_TIME: none */
    bool sal;                       /* somebody was an SAL */
    struct hl_report_contact *contacts; /* open addressing */
    size_t n_contacts, cap;
};

void hl_report_init(struct hl_report *r, int64_t since, int64_t until);
void hl_report_fini(struct hl_report *r);
/* In the order of each contact's seq. HL_E_NOMEM. */
enum hl_status hl_report_add(struct hl_report *r, const struct hl_transition_view *v) HL_WARN_UNUSED;

enum hl_report_form { HL_REPORT_TABLE, HL_REPORT_MARKDOWN, HL_REPORT_JSON };
void hl_report_put(const struct hl_report *r, enum hl_report_form form, struct hl_buf *out);

#endif
