/* The demo's made-up day: people, what they do in 24 hours, and what sales answers.
 *
 * All of it follows from a seed, a number of contacts and the day's end; names, companies and addresses are invented (TLD
 * .example). Immutable once made, but for hl_demo_day_react, which one thread may call. */
#ifndef HOTLEAD_APP_DEMO_DAY_H
#define HOTLEAD_APP_DEMO_DAY_H

#include "hotlead/base/buf.h"
#include "hotlead/core/contact.h"

#define HL_DEMO_TOPICS(X)                                                                                                        \
    X(WEB, "web.engagement") X(EMAIL, "email.engagement") X(CRM, "crm.activity") X(PROFILE, "contact.profile")
enum hl_demo_topic {
#define X(code, name) HL_DEMO_##code,
    HL_DEMO_TOPICS(X)
#undef X
    HL_DEMO_TOPIC_COUNT,
};
const char *hl_demo_topic_name(enum hl_demo_topic t);

/* Records as a careless sender writes them, for the dead letters. */
enum hl_demo_fault {
    HL_DEMO_SOUND,
    HL_DEMO_CUT_OFF,
    HL_DEMO_NO_JSON,
    HL_DEMO_NO_TYPE,
    HL_DEMO_BAD_TIME,
    HL_DEMO_FUTURE,
    HL_DEMO_FAULTS
};

/* How much of a person goes along as attributes. */
enum hl_demo_profile { HL_DEMO_NOTHING, HL_DEMO_EMAIL_ONLY, HL_DEMO_FULL };

struct hl_demo_event {
    int64_t at;           /* when it reaches Kafka, ms */
    int64_t occurred_at;  /* earlier than that for late ones */
    uint32_t contact, id; /* a duplicate has the id of its original */
    const char *type;
    const char *url, *asset, *form, *campaign, *source, *reason, *actor; /* NULL: none */
    uint8_t topic, fault, profile;
    bool machine;
};

struct hl_demo_day;

#define HL_DEMO_MAX_CONTACTS 200000

/* contacts: 1 .. HL_DEMO_MAX_CONTACTS. The day is [end_ms - 24 h, end_ms). NULL: no memory. */
struct hl_demo_day *hl_demo_day_new(uint64_t seed, uint32_t contacts, int64_t end_ms);
void hl_demo_day_free(struct hl_demo_day *d);

uint32_t hl_demo_day_contacts(const struct hl_demo_day *d);
int64_t hl_demo_day_end(const struct hl_demo_day *d);
/* Sorted by `at`. */
const struct hl_demo_event *hl_demo_day_events(const struct hl_demo_day *d, size_t *n);

#define HL_DEMO_ID_SIZE 32
/* "contact-00042" */
const char *hl_demo_contact_id(uint32_t contact, char buf[HL_DEMO_ID_SIZE]);
/* False when it is none of the day's. */
bool hl_demo_day_find(const struct hl_demo_day *d, struct hl_slice id, uint32_t *contact);
/* "Maria Keller, Nordwind Logistics"; returns buf. */
const char *hl_demo_day_who(const struct hl_demo_day *d, uint32_t contact, char *buf, size_t cap);
const char *hl_demo_day_title(const struct hl_demo_day *d, uint32_t contact);

/* The event as a JSON record, appended. */
void hl_demo_day_encode(const struct hl_demo_day *d, const struct hl_demo_event *ev, struct hl_buf *out);

/* What sales does about a contact that came into `stage` with transition number `seq`: false for nothing, or not today any
 * more. The answer comes some time after occurred_at, and not before `now`. */
bool hl_demo_day_react(struct hl_demo_day *d, uint32_t contact, uint32_t seq, enum hl_stage stage, enum hl_kind kind,
                       int64_t occurred_at, int64_t now, struct hl_demo_event *out);

#endif
