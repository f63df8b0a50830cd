/* THREADS  A worker asks its own list first, so that the lock is taken once for each type, and not for each event. */
#include "hotlead/base/iso8601.h"
#include "hotlead/base/log.h"
#include "worker.h"

#define TOLD 20 /* types; the log takes no more lines of a sort in a second */

static void tell_unknown(const char *topic, const struct hl_unknown_type *t)
{
    struct hl_buf why;
    char type[2 * HL_UNKNOWN_NAME], text[300];
    hl_buf_init(&why);
    hl_buf_printf(&why, "events of this type are counted and ignored");
    hl_unknown_hint(t, &why);
    hl_buf_put_u8(&why, 0);
    if (!why.failed)
        hl_log(HL_LOG_INFO, "unknown_type", "topic=%s type=%s message=%s", topic, hl_log_quote(type, sizeof(type), t->name),
               hl_log_quote(text, sizeof(text), (const char *)why.data));
    hl_buf_fini(&why);
}

void hl_odd_unknown(struct hl_worker *w, const struct hl_record *r, const struct hl_event *ev)
{
    struct hl_odd *odd = &w->e->odd;
    struct hl_unknown_type t;
    if (!hl_unknown_note(&w->unknown, ev->type_name)) return;
    hl_lock_acquire(&odd->lock);
    const struct hl_unknown_type *first = hl_unknown_note(&odd->unknown, ev->type_name);
    size_t n = first ? odd->unknown.n : 0;
    if (first) t = *first;
    hl_lock_release(&odd->lock);
    if (n > 0 && n <= TOLD) tell_unknown(w->e->config->inputs[r->topic].topic, &t);
    if (n == TOLD) hl_log(HL_LOG_INFO, "unknown_types", "told=%zu message=\"further unknown types are counted, and not told\"", n);
}

void hl_odd_early(struct hl_worker *w, const struct hl_record *r, const struct hl_event *ev)
{
    const struct hl_input *in = &w->e->config->inputs[r->topic];
    uint64_t bit = UINT64_C(1) << (r->topic & 63);
    char at[HL_ISO8601_SIZE];
    if (atomic_fetch_or_explicit(&w->e->odd.early, bit, memory_order_relaxed) & bit) return;
    const char *path = in->fields.path[HL_FIELD_OCCURRED_AT];
    hl_log(HL_LOG_WARN, "early_event", "topic=%s occurred_at=%s message=\"before March 1973; if the numbers in '%s' count seconds, set time_unit: s for "
           "this input\"", in->topic, hl_iso8601_format(ev->occurred_at, at), path ? path : hl_field_name(HL_FIELD_OCCURRED_AT));
}
