#include "cli.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "hotlead/app/core_dump.h"
#include "hotlead/app/model_file.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/log.h"

int hl_cli_wrong_use(const char *command, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    fprintf(stderr, "hotlead %s: ", command);
    vfprintf(stderr, fmt, ap);
    fprintf(stderr, "\nTry 'hotlead %s --help'.\n", command);
    va_end(ap);
    return hl_status_exit_code(HL_E_USAGE);
}

int hl_cli_fail(const char *command, enum hl_status status, const char *message)
{
    fprintf(stderr, "hotlead %s: %s\n", command, message);
    return hl_status_exit_code(status);
}

int hl_cli_load(const char *command, const char *config_path, struct hl_config **config, struct hl_model **model)
{
    struct hl_buf problems;
    struct hl_error err = {0};
    hl_buf_init(&problems);
    hl_core_dump_allow(false);
    signal(SIGPIPE, SIG_IGN);
    hl_log_set_level(HL_LOG_ERROR); /* what ends a command is its message */
    enum hl_status status = hl_config_load(config_path, config, &problems, &err);
    if (status == HL_OK) hl_core_dump_allow((*config)->core_dumps);
    if (status == HL_OK && model) status = hl_model_load((*config)->model, model, &problems, &err);
    if (status) fprintf(stderr, "%.*s", HL_SLICE_ARG(hl_buf_slice(&problems)));
    if (status && problems.len == 0) fprintf(stderr, "hotlead %s: %s\n", command, err.message);
    hl_buf_fini(&problems);
    return status ? hl_status_exit_code(status == HL_E_IO ? HL_E_CONFIG : status) : 0;
}

/* The first that can be read; neither: the first, which the message then names. */
static const char *first_of(const char *here, const char *installed)
{
    return access(here, R_OK) != 0 && access(installed, R_OK) == 0 ? installed : here;
}

const char *hl_cli_default_config(void)
{
    return first_of("config/hotlead.yaml", "/etc/hotlead/hotlead.yaml");
}

const char *hl_cli_default_model(void)
{
    return first_of("config/model.yaml", "/etc/hotlead/model.yaml");
}

bool hl_cli_form(const char *text, const char *plain, bool *json)
{
    *json = strcmp(text, "json") == 0;
    return *json || strcmp(text, plain) == 0;
}

enum hl_status hl_cli_print(struct hl_buf *out)
{
    bool failed = out->failed;
    if (!failed) fwrite(out->data ? (const char *)out->data : "", 1, out->len, stdout);
    hl_buf_clear(out);
    if (failed) return HL_E_NOMEM;
    return ferror(stdout) ? HL_E_IO : HL_OK;
}

/* --- the cluster --- */

enum hl_status hl_cli_kafka_open(struct hl_cli_kafka *k, const struct hl_config *c, struct hl_error *err)
{
    *k = (struct hl_cli_kafka){.kafka = NULL};
    enum hl_status status = hl_kafka_setup_init(&k->setup, c, err);
    if (!status) status = hl_kafka_new(&k->setup.k, &k->kafka, err);
    return status ? status : hl_kafka_admin_new(k->kafka, &k->admin, err);
}

void hl_cli_kafka_close(struct hl_cli_kafka *k)
{
    hl_kafka_admin_free(k->admin);
    hl_kafka_free(k->kafka);
    hl_kafka_setup_fini(&k->setup);
    *k = (struct hl_cli_kafka){.kafka = NULL};
}

enum hl_status hl_cli_partitions(struct hl_cli_kafka *k, int32_t *n, struct hl_error *err)
{
    *n = 0;
    for (size_t i = 0; i < k->setup.k.n_inputs; i++) {
        const char *topic = k->setup.inputs[i];
        if (strcmp(topic, k->setup.k.outputs[HL_OUT_MERGES]) == 0) continue; /* is made when it is missing */
        int32_t count;
        int replication;
        enum hl_status status = hl_kafka_admin_topic(k->admin, topic, &count, &replication, err);
        if (status) return status;
        if (count == 0) return hl_error_set(err, HL_E_CONFIG, HL_STOP, "input topic '%s' does not exist; 'hotlead topics' tells what is missing", topic);
        if (*n && count != *n)
            return hl_error_set(err, HL_E_CONFIG, HL_STOP, "input topic '%s' has %d partitions and '%s' has %d; 'hotlead topics' tells what to do", topic,
                                count, k->setup.inputs[0], *n);
        *n = count;
    }
    return HL_OK;
}

/* --- progress --- */

#define FIRST_NS INT64_C(1000000000)
#define EVERY_NS INT64_C(200000000)
#define CELLS 24

void hl_bar_begin(struct hl_bar *b, const char *what, uint64_t total)
{
    *b = (struct hl_bar){.what = what, .total = total, .began_ns = hl_clock_mono_ns()};
}

static void draw(const struct hl_bar *b, uint64_t done, double seconds)
{
    char cells[CELLS + 1];
    double share = (double)done / (double)b->total, rate = (double)done / seconds;
    if (b->total == 0) {
        fprintf(stderr, "\r\033[K%llu %s, %.0f/s", (unsigned long long)done, b->what, rate);
        return;
    }
    if (share > 1) share = 1;
    for (int i = 0; i < CELLS; i++) cells[i] = i < (int)(share * CELLS) ? '#' : '.';
    cells[CELLS] = 0;
    fprintf(stderr, "\r\033[K[%s] %3.0f %%  %llu of %llu %s, %.0f/s, %.0f s left", cells, share * 100, (unsigned long long)done,
            (unsigned long long)b->total, b->what, rate, rate > 0 ? (double)(b->total - (done < b->total ? done : b->total)) / rate : 0);
}

void hl_bar_at(struct hl_bar *b, uint64_t done)
{
    int64_t now = hl_clock_mono_ns();
    if (now - b->began_ns < FIRST_NS || now - b->shown_ns < EVERY_NS || !isatty(STDERR_FILENO)) return;
    b->shown_ns = now;
    draw(b, done, (double)(now - b->began_ns) / 1e9);
}

void hl_bar_end(struct hl_bar *b)
{
    if (b->shown_ns) fputs("\r\033[K", stderr);
    b->shown_ns = 0;
}
