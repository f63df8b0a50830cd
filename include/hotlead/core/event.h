/* One decoded engagement event. All slices are borrowed: from the Kafka message or from the batch's arena. */
#ifndef HOTLEAD_CORE_EVENT_H
#define HOTLEAD_CORE_EVENT_H

#include "hotlead/base/slice.h"

enum hl_event_class {
    HL_CLASS_WEB,
    HL_CLASS_EMAIL,
    HL_CLASS_OFFLINE,
    HL_CLASS_PROFILE,
    HL_CLASS_CRM,
    HL_CLASS_CONTROL,
};

/* code, name on the wire, class. The order is free to change: stored state never holds these numbers. */
#define HL_EVENT_TYPES(X)                                                                                            \
    X(PAGE_VIEWED, "page_viewed", WEB)                                                                               \
    X(FORM_SUBMITTED, "form_submitted", WEB)                                                                         \
    X(FILE_DOWNLOADED, "file_downloaded", WEB)                                                                       \
    X(LINK_CLICKED, "link_clicked", WEB)                                                                             \
    X(VIDEO_WATCHED, "video_watched", WEB)                                                                           \
    X(SITE_SEARCHED, "site_searched", WEB)                                                                           \
    X(CHAT_STARTED, "chat_started", WEB)                                                                             \
    X(WEBINAR_REGISTERED, "webinar_registered", WEB)                                                                 \
    X(WEBINAR_ATTENDED, "webinar_attended", WEB)                                                                     \
    X(DEMO_REQUESTED, "demo_requested", WEB)                                                                         \
    X(TRIAL_STARTED, "trial_started", WEB)                                                                           \
    X(MEETING_BOOKED, "meeting_booked", WEB)                                                                         \
    X(EMAIL_SENT, "email_sent", EMAIL)                                                                               \
    X(EMAIL_DELIVERED, "email_delivered", EMAIL)                                                                     \
    X(EMAIL_OPENED, "email_opened", EMAIL)                                                                           \
    X(EMAIL_CLICKED, "email_clicked", EMAIL)                                                                         \
    X(EMAIL_REPLIED, "email_replied", EMAIL)                                                                         \
    X(EMAIL_BOUNCED, "email_bounced", EMAIL)                                                                         \
    X(EMAIL_COMPLAINED, "email_complained", EMAIL)                                                                   \
    X(EMAIL_UNSUBSCRIBED, "email_unsubscribed", EMAIL)                                                               \
    X(EVENT_ATTENDED, "event_attended", OFFLINE)                                                                     \
    X(LIST_IMPORTED, "list_imported", OFFLINE)                                                                       \
    X(CONTACT_IDENTIFIED, "contact_identified", PROFILE)                                                             \
    X(LEAD_ACCEPTED, "lead_accepted", CRM)                                                                           \
    X(LEAD_REJECTED, "lead_rejected", CRM)                                                                           \
    X(SALES_CONTACT_MADE, "sales_contact_made", CRM)                                                                 \
    X(LEAD_DISQUALIFIED, "lead_disqualified", CRM)                                                                   \
    X(QUOTE_REQUESTED, "quote_requested", CRM)                                                                       \
    X(OPPORTUNITY_OPENED, "opportunity_opened", CRM)                                                                 \
    X(OPPORTUNITY_WON, "opportunity_won", CRM)                                                                       \
    X(OPPORTUNITY_LOST, "opportunity_lost", CRM)                                                                     \
    X(ADVOCACY_GIVEN, "advocacy_given", CRM)                                                                         \
    X(OWNER_ASSIGNED, "owner_assigned", CRM)                                                                         \
    X(SCORE_ADJUSTED, "score_adjusted", CONTROL)                                                                     \
    X(STAGE_SET, "stage_set", CONTROL)                                                                               \
    X(EVENT_VOIDED, "event_voided", CONTROL)                                                                         \
    X(CONTACT_MERGED, "contact_merged", CONTROL)                                                                     \
    X(CONTACT_ERASED, "contact_erased", CONTROL)

enum hl_event_type {
#define X(code, name, cls) HL_EVENT_##code,
    HL_EVENT_TYPES(X)
#undef X
    HL_EVENT_TYPE_COUNT,
    HL_EVENT_UNKNOWN = HL_EVENT_TYPE_COUNT,
};

struct hl_kv {
    struct hl_slice key, value;
};

#define HL_EVENT_MAX_ATTRIBUTES 256
#define HL_EVENT_MAX_OBJECT 1024 /* bytes of the id of another contact, or event, that it is about */

struct hl_event {
    struct hl_slice event_id;
    struct hl_slice contact_id;
    struct hl_slice type_name; /* as it came, after aliases */
    enum hl_event_type type;
    bool machine;
    int64_t occurred_at; /* ms since 1970-01-01 UTC, >= 0 */
    struct hl_slice url, asset, form, campaign, source, actor, reason;
    const struct hl_kv *attributes; /* at most HL_EVENT_MAX_ATTRIBUTES; later duplicates of a key win */
    size_t n_attributes;
};

/* Before March 1973: more likely a number of our days that counts seconds, and was read as milliseconds. */
static inline bool hl_event_is_early(const struct hl_event *ev)
{
    return ev->occurred_at < INT64_C(100000000000);
}

/* HL_EVENT_UNKNOWN where the name is not in the table. Constant time. */
enum hl_event_type hl_event_type_find(struct hl_slice name);
const char *hl_event_type_name(enum hl_event_type type); /* "?" for unknown */
enum hl_event_class hl_event_type_class(enum hl_event_type type);
/* Its attributes are the contact's from then on, not the event's alone. */
static inline bool hl_event_type_sets_attributes(enum hl_event_type type)
{
    const uint64_t bits = UINT64_C(1) << HL_EVENT_CONTACT_IDENTIFIED | UINT64_C(1) << HL_EVENT_FORM_SUBMITTED | UINT64_C(1) << HL_EVENT_LIST_IMPORTED |
                          UINT64_C(1) << HL_EVENT_EVENT_ATTENDED | UINT64_C(1) << HL_EVENT_WEBINAR_REGISTERED | UINT64_C(1) << HL_EVENT_DEMO_REQUESTED |
                          UINT64_C(1) << HL_EVENT_TRIAL_STARTED;
    return bits >> type & 1;
}

/* Value of an attribute of the event itself; HL_SLICE_NULL when absent. */
struct hl_slice hl_event_attribute(const struct hl_event *ev, struct hl_slice key);

#endif
