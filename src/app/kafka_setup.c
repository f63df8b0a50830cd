#include "kafka_setup.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static enum hl_status identity_make(struct hl_kafka_setup *s, const struct hl_config *c, struct hl_error *err)
{
    char host[256] = "";
    const char *instance = c->instance;
    if (!instance || !*instance) {
        if (gethostname(host, sizeof(host) - 1) || !*host)
            return hl_error_set(err, HL_E_CONFIG, HL_STOP, "this machine has no host name; set kafka.instance");
        instance = host;
    }
    if (asprintf(&s->identity, "%s-%s", c->group_id, instance) >= 0) return HL_OK;
    s->identity = NULL;
    return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
}

enum hl_status hl_kafka_setup_init(struct hl_kafka_setup *s, const struct hl_config *c, struct hl_error *err)
{
    *s = (struct hl_kafka_setup){.identity = NULL};
    enum hl_status status = identity_make(s, c, err);
    if (status) return status;
    s->inputs = calloc(c->n_inputs + 1, sizeof(*s->inputs));
    s->high_priority = calloc(c->n_inputs + 1, sizeof(*s->high_priority));
    s->properties = calloc(c->n_kafka + 1, sizeof(*s->properties));
    if (!s->inputs || !s->high_priority || !s->properties) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    for (size_t i = 0; i < c->n_inputs; i++) {
        s->inputs[i] = c->inputs[i].topic;
        s->high_priority[i] = c->inputs[i].priority == HL_PRIORITY_HIGH;
    }
    for (size_t i = 0; i < c->n_kafka; i++) s->properties[i] = (struct hl_kafka_property){c->kafka[i].key, c->kafka[i].value};
    s->k = (struct hl_kafka_config){
        .properties = s->properties,
        .n_properties = c->n_kafka,
        .group_id = c->group_id,
        .identity = s->identity,
        .static_membership = c->static_membership,
        .transactions = c->delivery == HL_EXACTLY_ONCE,
        .inputs = s->inputs,
        .high_priority = s->high_priority,
        .n_inputs = c->n_inputs,
        .outputs = {c->transitions, c->state, c->alerts, c->dead_letter, c->merges},
        .create_topics = c->create_topics,
        .replication_factor = c->replication_factor,
        .startup_timeout_ms = c->startup_timeout_ms,
    };
    for (int o = 0; o < HL_OUT_COUNT; o++) {
        s->k.n_output_settings[o] = hl_topic_settings(hl_topic_role_of((enum hl_output)o), c->replication_factor, NULL, s->settings[o]);
        s->k.output_settings[o] = s->settings[o];
    }
    return HL_OK;
}

void hl_kafka_setup_fini(struct hl_kafka_setup *s)
{
    free(s->inputs);
    free(s->high_priority);
    free(s->properties);
    free(s->identity);
    *s = (struct hl_kafka_setup){.identity = NULL};
}
