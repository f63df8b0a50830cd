/* Private: the model that scores, and those before it that somebody still uses.
 *
 * A worker goes over to a newer model while it has no contact in the table (change_model in worker.c). So who finds a contact there, and holds its stripe,
 * knows by its worker which model its rows belong to.
 *
 * Threading: any. A model is never changed, only replaced. */
#ifndef HL_APP_MODELS_H
#define HL_APP_MODELS_H

#include "hotlead/core/model.h"

struct hl_models;

/* Every worker begins with `first`, which is borrowed; those that come later are owned. NULL: no memory. */
struct hl_models *hl_models_new(const struct hl_model *first, size_t workers);
/* Nobody uses any of them. NULL is fine. */
void hl_models_free(struct hl_models *ms);

/* The newest from now on; taken over, also on HL_E_NOMEM, when nothing changes. */
enum hl_status hl_models_put(struct hl_models *ms, struct hl_model *m) HL_WARN_UNUSED;
/* What there is to tell of the newest. */
struct hl_models_news {
    int64_t since_ms;  /* wall clock; when it came */
    char refused[600]; /* why a later one was not taken, after which nothing came; "": none was */
};
void hl_models_refuse(struct hl_models *ms, const char *why);
void hl_models_news(struct hl_models *ms, struct hl_models_news *out);
/* The newest, until it is released. */
const struct hl_model *hl_models_acquire(struct hl_models *ms);
void hl_models_release(struct hl_models *ms, const struct hl_model *m);

/* The worker has not adopted the newest. */
bool hl_models_is_behind(const struct hl_models *ms, size_t worker);
/* The worker, which has no contacts, goes over to one that the caller has acquired: it is not freed before its next call. */
void hl_models_adopt(struct hl_models *ms, size_t worker, const struct hl_model *m);
/* That of the worker's contacts. @locks requires the stripe of one of them */
const struct hl_model *hl_models_of(const struct hl_models *ms, size_t worker);

#endif
