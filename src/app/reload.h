/* Private: SIGHUP reads the model's file again, and that of its shadow; each for itself.
 *
 * A good one scores from then on: each worker goes over to it between two batches (change_model in worker.c). What `hotlead check` calls an error is refused,
 * also what a start would let pass: there is a model to fall back on. Who changes the file should rename a new one over it, so that no half of it is read. */
#ifndef HL_APP_RELOAD_H
#define HL_APP_RELOAD_H

#include "hotlead/app/engine.h"
#include "hotlead/app/notify.h"

struct hl_reload;

/* Starts a thread; all must outlive it. options: of the start, with the models that were read then. notify may be NULL. NULL: no memory, or no thread,
 * which is told in the log. */
struct hl_reload *hl_reload_start(struct hl_engine *e, const struct hl_engine_options *options, struct hl_notify *notify);
/* Ends it. NULL is fine. */
void hl_reload_stop(struct hl_reload *r);

#endif
