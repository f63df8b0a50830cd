/* The events that are sent: made once as templates, of which ids and times are written over, so that an event costs two copies.
 *
 * A third of the contacts meet the must-haves of config/model.yaml, once a form or a profile event has told who they are; what a contact is follows
 * from its number. Beside the mix there are three events for contacts that must move: one that makes a Lead, one that raises its hand, one in
 * which sales rejects it. Reading is free for all threads. */
#ifndef HL_LOAD_MIX_H
#define HL_LOAD_MIX_H

#include "hotlead/base/slice.h"
#include "hotlead/base/status.h"
#include "random.h"

/* type, share in a thousand by default, shape of its fields */
#define HL_MIX_TYPES(X)                                                                                                                    \
    X(page_viewed, 530, PAGE)                                                                                                              \
    X(link_clicked, 60, PAGE)                                                                                                              \
    X(email_sent, 0, MAIL)                                                                                                                 \
    X(email_delivered, 90, MAIL)                                                                                                           \
    X(email_opened, 120, MAIL)                                                                                                             \
    X(email_clicked, 70, MAIL)                                                                                                             \
    X(file_downloaded, 45, ASSET)                                                                                                          \
    X(video_watched, 20, ASSET)                                                                                                            \
    X(site_searched, 20, PAGE)                                                                                                             \
    X(form_submitted, 15, FORM)                                                                                                            \
    X(contact_identified, 12, PROFILE)                                                                                                     \
    X(webinar_registered, 5, PROFILE)                                                                                                      \
    X(webinar_attended, 5, PLAIN)                                                                                                          \
    X(chat_started, 3, PLAIN)                                                                                                              \
    X(email_unsubscribed, 3, MAIL)                                                                                                         \
    X(sales_contact_made, 1, PLAIN)                                                                                                        \
    X(lead_rejected, 1, PLAIN)

enum hl_mix_type {
#define X(name, share, shape) HL_MIX_##name,
    HL_MIX_TYPES(X)
#undef X
        HL_MIX_TYPE_COUNT
};

/* Events outside the mix. */
enum hl_mix_extra { HL_MIX_PREPARE, HL_MIX_RAISE, HL_MIX_REJECT, HL_MIX_EXTRA_COUNT };

/* What an id is of; it stands in the id. */
enum hl_load_kind { HL_LOAD_EVENT, HL_LOAD_PREPARATION, HL_LOAD_PROBE, HL_LOAD_CONTACT };

/* "rrrrrrrr-000k-8000-8000-nnnnnnnnnnnn": run, kind, number (below 2^48). */
static inline void hl_load_id_write(char out[HL_UUID_BYTES], uint32_t run, enum hl_load_kind kind, uint64_t number)
{
    hl_uuid_write(out, (uint64_t)run << 32 | (uint64_t)kind << 16 | 0x8000, UINT64_C(0x8000) << 48 | number);
}
/* True when it is an id of this run and kind. */
bool hl_load_id_read(struct hl_slice text, uint32_t run, enum hl_load_kind kind, uint64_t *number);

struct hl_trait {
    const char *key, *value;
};

struct hl_mix_options {
    bool json;          /* else Avro with Confluent framing */
    uint32_t schema_id; /* of schemas/event.avsc */
    double weights[HL_MIX_TYPE_COUNT]; /* >= 0, not all 0 */
    const struct hl_trait *traits; /* of a contact that must become a Lead */
    size_t n_traits;
    const char *form; /* that raises a hand */
};

/* What is written over in a template. */
struct hl_stamp {
    char event_id[HL_UUID_BYTES], contact_id[HL_UUID_BYTES];
    int64_t occurred_at; /* ms since 1970, 2001 to 2286 */
};

struct hl_mix;
/* "TYPE=WEIGHT,...": types that are not named get 0. HL_E_USAGE. */
enum hl_status hl_mix_parse(const char *text, double weights[HL_MIX_TYPE_COUNT], struct hl_error *err) HL_WARN_UNUSED;
void hl_mix_default(double weights[HL_MIX_TYPE_COUNT]);
enum hl_status hl_mix_new(const struct hl_mix_options *options, struct hl_mix **out, struct hl_error *err) HL_WARN_UNUSED;
void hl_mix_free(struct hl_mix *m);
/* No event has more bytes. */
size_t hl_mix_max_bytes(const struct hl_mix *m);
/* One event; `choice` is a random number, `who` that of the contact. Its bytes. */
size_t hl_mix_write(const struct hl_mix *m, const struct hl_stamp *stamp, uint64_t choice, uint64_t who, uint8_t *out);
size_t hl_mix_write_extra(const struct hl_mix *m, enum hl_mix_extra extra, const struct hl_stamp *stamp, uint8_t *out);
/* Make an event one that nobody can read; its new length, never more. */
size_t hl_mix_break(uint8_t *event, size_t len, uint64_t choice);

#endif
