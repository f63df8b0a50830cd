/* THREADS  One of its own: reading and checking a model of a thousand rules takes a while, and nobody should wait for it. */
#include "reload.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotlead/app/model_file.h"
#include "hotlead/app/signals.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/log.h"

#define LOOK_MS 200 /* at whether it is to end */
#define ADOPTED_MS 20

/* The model itself belongs to those who score with it. */
struct title {
    uint64_t fingerprint;
    char name[128], version[128];
};

/* The file of one of the two. */
struct source {
    struct hl_engine *e;
    enum hl_model_role role;
    const char *path;    /* NULL: there is none */
    struct title title;  /* of the newest */
    bool pending;        /* not all workers have gone over to it yet */
    struct title before; /* the model that they come from */
    int64_t since_ns;
};

struct hl_reload {
    struct source of[HL_MODEL_ROLE_COUNT];
    struct hl_notify *notify;
    const _Atomic bool *stop;
    _Atomic bool ending;
    pthread_t thread;
};

#define X(code, name) name,
static const char *const role_names[] = {HL_MODEL_ROLES(X)};
#undef X

static struct title title_of(const struct hl_model *m)
{
    struct title t = {.fingerprint = m->fingerprint};
    snprintf(t.name, sizeof(t.name), "%s", m->name);
    snprintf(t.version, sizeof(t.version), "%s", m->version);
    return t;
}

/* Each problem a line, as `hotlead check` prints them. */
static void log_problems(enum hl_log_level level, const char *event, const struct hl_buf *problems)
{
    char quoted[600], line[500];
    struct hl_slice rest = hl_buf_slice(problems);
    while (rest.len) {
        const char *end = memchr(rest.data, '\n', rest.len);
        size_t n = end ? (size_t)(end - rest.data) : rest.len;
        snprintf(line, sizeof(line), "%.*s", (int)n, rest.data);
        hl_log(level, event, "reason=%s", hl_log_quote(quoted, sizeof(quoted), line));
        rest.data += n + (end != NULL);
        rest.len -= n + (end != NULL);
    }
}

static void refuse(struct source *r, const struct hl_error *err)
{
    char quoted[600];
    hl_log(HL_LOG_ERROR, "model_refused", "role=%s reason=%s model=%s model_version=%s effect=\"the model in use scores on\"",
           role_names[r->role], hl_log_quote(quoted, sizeof(quoted), err->message), r->title.name, r->title.version);
    hl_engine_refuse_model(r->e, r->role, err->message);
    hl_metrics_count_reload(hl_engine_metrics(r->e), r->role, HL_RELOAD_REFUSED, hl_clock_wall_ms());
}

/* Publish it; where that fails, nothing has changed. */
static void take(struct source *r, struct hl_model *m)
{
    struct title was = r->title;
    struct hl_error err;
    if (strcmp(m->version, r->title.version) == 0 && strcmp(m->name, r->title.name) == 0)
        hl_log(HL_LOG_WARN, "model_version_same", "role=%s model=%s model_version=%s reason=\"the model is another one, its version is not: transitions do not tell them "
               "apart\"", role_names[r->role], r->title.name, r->title.version);
    r->title = title_of(m);
    if (hl_engine_set_model(r->e, r->role, m)) {
        hl_error_set(&err, HL_E_NOMEM, HL_STOP, "out of memory");
        r->title = was;
        refuse(r, &err);
        return;
    }
    if (!r->pending) {
        r->before = was;
        r->since_ns = hl_clock_mono_ns();
    }
    r->pending = true;
}

static void read_again(struct source *r)
{
    struct hl_model *m = NULL;
    struct hl_buf problems;
    struct hl_error err = {0};
    hl_buf_init(&problems);
    if (hl_model_check(r->path, &m, &problems, &err)) {
        log_problems(HL_LOG_ERROR, "model_problem", &problems);
        refuse(r, &err);
    } else if (m->fingerprint == r->title.fingerprint) {
        hl_log(HL_LOG_INFO, "model_unchanged", "role=%s model=%s model_version=%s", role_names[r->role], r->title.name, r->title.version);
        hl_engine_refuse_model(r->e, r->role, ""); /* what was refused before is gone */
        hl_metrics_count_reload(hl_engine_metrics(r->e), r->role, HL_RELOAD_UNCHANGED, hl_clock_wall_ms());
        hl_model_free(m);
    } else {
        log_problems(HL_LOG_WARN, "model_problem", &problems);
        take(r, m);
    }
    hl_buf_fini(&problems);
}

/* All workers score with it. */
static void settle(struct source *r)
{
    if (!r->pending || !hl_engine_has_adopted(r->e, r->role)) return;
    r->pending = false;
    hl_metrics_set_model(hl_engine_metrics(r->e), r->role, r->title.name, r->title.version);
    hl_metrics_count_reload(hl_engine_metrics(r->e), r->role, HL_RELOAD_APPLIED, hl_clock_wall_ms());
    hl_log(HL_LOG_INFO, "model_reloaded", "role=%s model=%s model_version=%s was=%s was_version=%s seconds=%.3f", role_names[r->role], r->title.name,
           r->title.version, r->before.name, r->before.version, (double)(hl_clock_mono_ns() - r->since_ns) / 1e9);
}

static bool is_pending(const struct hl_reload *r)
{
    bool is = false;
    for (size_t i = 0; i < HL_MODEL_ROLE_COUNT; i++) is |= r->of[i].pending;
    return is;
}

/* Until all workers score with what was read. True: there is something newer to be read. */
static bool settle_all(struct hl_reload *r)
{
    for (;;) {
        for (size_t i = 0; i < HL_MODEL_ROLE_COUNT; i++) settle(&r->of[i]);
        if (!is_pending(r) || r->ending || *r->stop) return false;
        if (hl_signals_wait_reload(ADOPTED_MS)) return true;
    }
}

static void read_all_again(struct hl_reload *r)
{
    for (size_t i = 0; i < HL_MODEL_ROLE_COUNT; i++)
        if (r->of[i].path) read_again(&r->of[i]);
}

static void *reload_main(void *arg)
{
    struct hl_reload *r = arg;
    while (!r->ending) {
        if (!hl_signals_wait_reload(LOOK_MS)) continue;
        hl_notify_reloading(r->notify, true);
        do read_all_again(r);
        while (settle_all(r));
        hl_notify_reloading(r->notify, false);
    }
    return NULL;
}

struct hl_reload *hl_reload_start(struct hl_engine *e, const struct hl_engine_options *options, struct hl_notify *notify)
{
    struct hl_reload *r = calloc(1, sizeof(*r));
    if (r) {
        r->notify = notify;
        r->stop = options->stop;
        r->of[HL_MODEL_LIVE] = (struct source){.e = e, .role = HL_MODEL_LIVE, .path = options->config->model, .title = title_of(options->model)};
        if (options->shadow)
            r->of[HL_MODEL_SHADOW] = (struct source){.e = e, .role = HL_MODEL_SHADOW, .path = options->config->shadow_model, .title = title_of(options->shadow)};
    }
    if (r && pthread_create(&r->thread, NULL, reload_main, r) == 0) return r;
    hl_log(HL_LOG_ERROR, "reload_failed", "reason=\"its thread does not start\" effect=\"SIGHUP does nothing\"");
    free(r);
    return NULL;
}

void hl_reload_stop(struct hl_reload *r)
{
    if (!r) return;
    r->ending = true;
    pthread_join(r->thread, NULL);
    free(r);
}
