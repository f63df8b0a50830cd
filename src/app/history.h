/* Private: the transitions of one contact, read back from lead.transitions.
 *
 * DESIGN  Nothing is kept for it: a person who looks at a contact costs a read of its partition, from the end backwards in steps, until the contact's first
 * transition is found, the topic's beginning, or HL_HISTORY_MS has passed. Of a contact that was erased and came again, only what was since is told.
 * One thread reads, for one after the other; who asks polls. The reader is made by the first question.
 *
 * WHY NOT keep the transitions in Redis: at ten million contacts they take more room there than the contacts. */
#ifndef HL_APP_HISTORY_H
#define HL_APP_HISTORY_H

#include "hotlead/adapter/kafka.h"
#include "hotlead/base/buf.h"

#define HL_HISTORY_MS 3000
#define HL_HISTORY_WAITING 8

struct hl_history;
struct hl_history_job;

/* NULL: no memory, or no thread. */
struct hl_history *hl_history_new(struct hl_kafka *k);
void hl_history_free(struct hl_history *h);
/* NULL: too many are waiting. */
struct hl_history_job *hl_history_ask(struct hl_history *h, int32_t partition, struct hl_slice contact_id);
/* True when it is done: members "transitions", "complete" and, where something is missing, "why" have been appended to the object that out ends with. */
bool hl_history_take(struct hl_history_job *job, struct hl_buf *out);
/* By who asked, whether it is done or not. */
void hl_history_release(struct hl_history_job *job);

#endif
