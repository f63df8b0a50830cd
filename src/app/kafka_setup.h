/* Private: hl_kafka_config as the configuration file says it. */
#ifndef HL_APP_KAFKA_SETUP_H
#define HL_APP_KAFKA_SETUP_H

#include "hotlead/adapter/kafka.h"
#include "hotlead/app/config.h"
#include "topic_plan.h"

struct hl_kafka_setup {
    struct hl_kafka_config k; /* borrows from the configuration and from what follows */
    const char **inputs;
    bool *high_priority;
    struct hl_kafka_property *properties;
    struct hl_kafka_property settings[HL_OUT_COUNT][HL_TOPIC_SETTING_COUNT];
    char *identity; /* group and instance; the host's name when none is given */
};

/* HL_E_CONFIG: there is no instance, and the host has no name. HL_E_NOMEM. fini is due in any case. */
enum hl_status hl_kafka_setup_init(struct hl_kafka_setup *s, const struct hl_config *c, struct hl_error *err) HL_WARN_UNUSED;
void hl_kafka_setup_fini(struct hl_kafka_setup *s);

#endif
