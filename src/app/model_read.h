/* The parts of the model reader: one function for each section of the file, over a common state. */
#ifndef HOTLEAD_APP_MODEL_READ_H
#define HOTLEAD_APP_MODEL_READ_H

#include "hotlead/core/model.h"
#include "node.h"

struct hl_model_reader {
    struct hl_problems p;
    const struct hl_yaml_node *lists; /* the section `lists`, may be NULL */
    bool *list_used;                  /* for each of lists: some rule refers to it */
    struct hl_model *m;
    size_t copied; /* texts copied out of lists, over all references: bounded */
};

#define HL_POINTS_MAX HL_FIXED_OF_INT(100000)
#define HL_CONDITION_KEYS "attribute", "in", "not_in", "equals", "exists", "between", "at_least", "at_most", "matches"
#define HL_MATCH_KEYS "on", "path", "asset", "campaign", "source", "form", "where"

/* model_match.c: what rules are made of. The key is looked up in `map`; nothing happens where it is absent. */
void hl_model_read_texts(struct hl_model_reader *r, const struct hl_yaml_node *map, const char *key, char ***out, size_t *n);
void hl_model_read_condition(struct hl_model_reader *r, const struct hl_yaml_node *map, struct hl_condition *c);
/* One, or a list. n may be NULL. */
void hl_model_read_conditions(struct hl_model_reader *r, const struct hl_yaml_node *n, const char *what, struct hl_condition **out,
                              size_t *count);
void hl_model_read_match(struct hl_model_reader *r, const struct hl_yaml_node *map, struct hl_event_match *match);
void hl_model_read_types(struct hl_model_reader *r, const struct hl_yaml_node *n, uint64_t *types);
bool hl_model_read_stage(struct hl_model_reader *r, const struct hl_yaml_node *n, enum hl_stage *out);
/* `name` of a rule: required. */
void hl_model_read_name(struct hl_model_reader *r, const struct hl_yaml_node *map, const char *what, char **out);
void hl_model_read_points(struct hl_model_reader *r, const struct hl_yaml_node *map, hl_fixed *out);
/* No name twice in a list of rules. `hashed`: nor two names with the same hash. */
void hl_model_check_names(struct hl_model_reader *r, const struct hl_yaml_node *list, const char *section, bool hashed);
void hl_model_check_lists(struct hl_model_reader *r);
/* After all sections are read; says nothing where there are errors, which can be why a list seems idle. */
void hl_model_warn_of_unused_lists(struct hl_model_reader *r);

/* one for each section; n may be NULL */
void hl_model_read_fit(struct hl_model_reader *r, const struct hl_yaml_node *n);
void hl_model_read_behavior(struct hl_model_reader *r, const struct hl_yaml_node *n);
void hl_model_read_latches(struct hl_model_reader *r, const struct hl_yaml_node *n, const char *section,
                           struct hl_latch_rule **out, size_t *count);
void hl_model_read_stages(struct hl_model_reader *r, const struct hl_yaml_node *n);
void hl_model_read_sla(struct hl_model_reader *r, const struct hl_yaml_node *root);
void hl_model_read_routing(struct hl_model_reader *r, const struct hl_yaml_node *root);

#endif
