/* `hotlead run`: the service. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "hotlead/app/commands.h"
#include "hotlead/app/config.h"
#include "hotlead/app/core_dump.h"
#include "hotlead/app/engine.h"
#include "hotlead/app/model_file.h"
#include "hotlead/app/notify.h"
#include "hotlead/app/signals.h"
#include "hotlead/base/failpoint.h"
#include "hotlead/base/log.h"
#include "reload.h"

static const char USAGE[] =
    "Usage: hotlead run [-c FILE]\n"
    "\n"
    "Read events from Kafka, keep a score for each contact, and say at once when a contact changes stage.\n"
    "\n"
    "  -c, --config FILE   the process configuration (config/hotlead.yaml); it names the scoring model\n"
    "  -h, --help          this text\n"
    "\n"
    "SIGHUP reads the model's file again: a good one scores from then on, without a restart and without losing an event; of a\n"
    "bad one the log says what is wrong, and the model in use stays. The configuration is read at the start only.\n"
    "SIGTERM and SIGINT drain, commit, checkpoint and exit with 0; a second one exits at once.\n"
    "Environment variables override the file: HOTLEAD_KAFKA__BOOTSTRAP_SERVERS=host:9092, HOTLEAD_REDIS__URL=...\n"
    "Exit codes: 0 clean stop, 69 Kafka cannot be reached, 75 try again, 77 not permitted, 78 configuration.\n";

/* Both files, or the exit code. */
static int load(const char *path, struct hl_config **config, struct hl_model **model, struct hl_model **shadow)
{
    struct hl_buf problems;
    struct hl_error err = {0};
    hl_buf_init(&problems);
    enum hl_status status = hl_config_load(path, config, &problems, &err);
    if (!status) status = hl_model_load((*config)->model, model, &problems, &err);
    if (!status && (*config)->shadow_model[0]) status = hl_model_load((*config)->shadow_model, shadow, &problems, &err);
    fprintf(stderr, "%.*s", HL_SLICE_ARG(hl_buf_slice(&problems)));
    if (status && problems.len == 0) fprintf(stderr, "hotlead: %s\n", err.message);
    hl_buf_fini(&problems);
    /* A file that cannot be read is a matter of configuration here, not of a server that is away. */
    return status ? hl_status_exit_code(status == HL_E_IO ? HL_E_CONFIG : status) : 0;
}

/* Test builds only. */
static int arm_failpoints(void)
{
#ifdef HL_WITH_FAILPOINTS
    struct hl_error err;
    enum hl_status status = hl_failpoints_set(getenv("HOTLEAD_FAILPOINTS"), &err);
    if (status) fprintf(stderr, "hotlead: %s\n", err.message);
    return hl_status_exit_code(status);
#else
    return 0;
#endif
}

static int serve(const struct hl_config *config, const struct hl_model *model, const struct hl_model *shadow)
{
    struct hl_engine *e = NULL;
    struct hl_error err = {0};
    struct hl_engine_options options = {.config = config, .model = model, .shadow = shadow, .stop = hl_signals_stop()};
    enum hl_status status = hl_engine_start(&options, &e, &err);
    if (!status) {
        struct hl_notify *notify = hl_notify_start(e, options.stop);
        struct hl_reload *reload = hl_reload_start(e, &options, notify);
        status = hl_engine_wait(e, &err);
        hl_reload_stop(reload);
        hl_notify_stop(notify);
    }
    hl_engine_free(e);
    if (!status) {
        hl_log(HL_LOG_INFO, "stopped", "reason=\"asked to stop; all is committed\"");
        return 0;
    }
    if (hl_signals_received()) return 0; /* asked to stop while it was still starting */
    fprintf(stderr, "hotlead: %s\n", err.message);
    return hl_status_exit_code(status);
}

int hl_cmd_run(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"config", required_argument, NULL, 'c'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    const char *path = hl_cli_default_config();
    for (int o; (o = getopt_long(argc, argv, "c:h", OPTIONS, NULL)) != -1;) {
        if (o == 'c') {
            path = optarg;
        } else if (o == 'h') {
            fputs(USAGE, stdout);
            return 0;
        } else {
            fputs("Try 'hotlead run --help'.\n", stderr);
            return 64;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "hotlead run: unexpected argument '%s'\n", argv[optind]);
        return 64;
    }
    struct hl_config *config = NULL;
    struct hl_model *model = NULL, *shadow = NULL;
    hl_core_dump_allow(false);
    hl_signals_install(); /* before anything takes its time: as the first process of a container, it would not hear of SIGTERM */
    int code = load(path, &config, &model, &shadow);
    if (code == 0) code = arm_failpoints();
    if (code == 0) {
        hl_core_dump_allow(config->core_dumps);
        enum hl_log_level level;
        if (config->log_level && hl_log_level_parse(config->log_level, &level)) hl_log_set_level(level);
        code = serve(config, model, shadow);
    }
    hl_model_free(model);
    hl_model_free(shadow);
    hl_config_free(config);
    return code;
}
