/* Private: what commands have in common. `command` is the name as it is typed. */
#ifndef HL_APP_CLI_H
#define HL_APP_CLI_H

#include "hotlead/adapter/kafka.h"
#include "hotlead/app/config.h"
#include "hotlead/base/buf.h"
#include "hotlead/core/model.h"
#include "kafka_setup.h"

/* "hotlead COMMAND: MESSAGE", and where to find help. 64. */
int hl_cli_wrong_use(const char *command, const char *fmt, ...) HL_PRINTF(2, 3);
/* "hotlead COMMAND: MESSAGE", and the exit code of the status. */
int hl_cli_fail(const char *command, enum hl_status status, const char *message);
/* The configuration and, unless model is NULL, its model; what is wrong with them is told with all its places, warnings are left to check.
 * Leaves no core dump unless the file allows it. 0 or the exit code. */
int hl_cli_load(const char *command, const char *config_path, struct hl_config **config, struct hl_model **model);
/* -o FORM: true and *json, or false: neither `plain` (table or text) nor json. */
bool hl_cli_form(const char *text, const char *plain, bool *json);
/* Where -c or --model is not given: config/NAME, and where that is not there, /etc/hotlead/NAME of the package. */
const char *hl_cli_default_config(void);
const char *hl_cli_default_model(void);
/* Print and clear. HL_E_NOMEM when the buffer has failed, HL_E_IO when stdout does not take it. */
enum hl_status hl_cli_print(struct hl_buf *out);

/* The cluster that the configuration names. */
struct hl_cli_kafka {
    struct hl_kafka_setup setup;
    struct hl_kafka *kafka;
    struct hl_kafka_admin *admin;
};
enum hl_status hl_cli_kafka_open(struct hl_cli_kafka *k, const struct hl_config *c, struct hl_error *err) HL_WARN_UNUSED;
void hl_cli_kafka_close(struct hl_cli_kafka *k);
/* The partition count of the inputs. HL_E_CONFIG: one is missing, or they differ. */
enum hl_status hl_cli_partitions(struct hl_cli_kafka *k, int32_t *n, struct hl_error *err) HL_WARN_UNUSED;

/* A bar on stderr when it is a terminal, for work of more than a second. */
struct hl_bar {
    const char *what; /* "contacts" */
    uint64_t total;   /* 0: not known */
    int64_t began_ns, shown_ns;
};
void hl_bar_begin(struct hl_bar *b, const char *what, uint64_t total);
void hl_bar_at(struct hl_bar *b, uint64_t done);
void hl_bar_end(struct hl_bar *b);

#endif
