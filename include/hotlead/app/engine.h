/* The running scorer: workers, table, mirror, HTTP. `run` and `demo` both drive it. */
#ifndef HOTLEAD_APP_ENGINE_H
#define HOTLEAD_APP_ENGINE_H

#include <stdatomic.h>

#include "hotlead/adapter/avro.h"
#include "hotlead/app/config.h"
#include "hotlead/app/metrics.h"
#include "hotlead/core/table.h"

struct hl_engine;

/* Called on a worker's thread for each transition, when it is handed to the producer (before its commit). Must be quick. */
typedef void hl_transition_observer(void *ctx, const struct hl_transition_record *r);

struct hl_engine_options {
    const struct hl_config *config; /* must outlive the engine */
    const struct hl_model *model;   /* likewise */
    const struct hl_model *shadow;  /* likewise; NULL: no second model is tried */
    _Atomic bool *stop;             /* set by a signal handler: drain, commit, checkpoint, end */
    hl_transition_observer *observer;
    void *observer_ctx;
};

/* Connect, check topics, start everything. Blocks until the brokers answer or the start-up time is over. */
enum hl_status hl_engine_start(const struct hl_engine_options *options, struct hl_engine **out, struct hl_error *err) HL_WARN_UNUSED;
/* Wait until the workers have ended, by stop or by an error (then all stop); the first error wins. */
enum hl_status hl_engine_wait(struct hl_engine *e, struct hl_error *err);
void hl_engine_free(struct hl_engine *e);

/* Score with this model, taken over also on HL_E_NOMEM. Each worker goes over to it between two batches: it commits and checkpoints what it has, and brings its
 * partitions to life again, as a restart would; a shadow begins anew from the live contacts. @any */
enum hl_status hl_engine_set_model(struct hl_engine *e, enum hl_model_role role, struct hl_model *m) HL_WARN_UNUSED;
/* One was not taken, and why: /v1/model says so until the next one is, or why is "". @any */
void hl_engine_refuse_model(struct hl_engine *e, enum hl_model_role role, const char *why);
bool hl_engine_has_refused(const struct hl_engine *e, enum hl_model_role role, char *why, size_t cap); /* @any */
/* All have. @any */
bool hl_engine_has_adopted(const struct hl_engine *e, enum hl_model_role role);

struct hl_table *hl_engine_table(struct hl_engine *e);
struct hl_metrics *hl_engine_metrics(struct hl_engine *e);
int hl_engine_http_port(const struct hl_engine *e); /* 0: none */
/* As /livez and /readyz answer, see health.h. @any */
bool hl_engine_is_live(const struct hl_engine *e, char *why, size_t cap);
bool hl_engine_is_ready(const struct hl_engine *e, char *why, size_t cap);

#endif
