/* The parts of the configuration reader, and the tables that it and the reference are made from. */
#ifndef HOTLEAD_APP_CONFIG_READ_H
#define HOTLEAD_APP_CONFIG_READ_H

#include "hotlead/app/config.h"
#include "node.h"

enum hl_config_type {
    HL_CONFIG_TEXT,     /* char * */
    HL_CONFIG_TOPIC,    /* char *, a legal topic name */
    HL_CONFIG_PATH,     /* char *, made relative to the file's folder */
    HL_CONFIG_FILE,     /* the same, of a file that must be readable unless empty */
    HL_CONFIG_BOOL,     /* bool */
    HL_CONFIG_COUNT,    /* int in min .. max */
    HL_CONFIG_DURATION, /* int64_t ms in min .. max */
    HL_CONFIG_SIZE,     /* int64_t bytes in min .. max */
    HL_CONFIG_SHARE,    /* double, above 0, at most 1 */
    HL_CONFIG_CHOICE,   /* int: index into choices */
    HL_CONFIG_THREADS,  /* int: auto = 0, or 1 .. 256 */
    HL_CONFIG_WORD,     /* char *, one of choices */
};

struct hl_config_key {
    const char *section; /* "" at the top */
    const char *key;
    enum hl_config_type type;
    size_t offset;     /* in struct hl_config */
    const char *value; /* the default, as one would write it */
    int64_t min, max;
    const char *const *choices;
    const char *help;
};

/* A property of librdkafka that hotlead sets itself. */
struct hl_config_owned {
    const char *property, *reason;
};

extern const struct hl_config_key hl_config_keys[];
extern const size_t hl_config_n_keys;
extern const struct hl_config_owned hl_config_owned[]; /* ends with NULL */
extern const char *const hl_config_properties[];       /* known to librdkafka 2.0 to 2.14, for hints; ends with NULL */
extern const char *const hl_config_secrets[];          /* properties with a _file twin; ends with NULL */
extern const char *const hl_config_formats[];          /* by enum hl_format; ends with NULL */
extern const char *const hl_config_priorities[];       /* by enum hl_priority; ends with NULL */

struct hl_config_reader {
    struct hl_problems p;
    struct hl_config *c;
    const char *folder_of; /* path of the configuration file */
    bool files;            /* other files may be read */
};

/* `n` is a scalar; line 0 for defaults and the environment. */
void hl_config_set(struct hl_config_reader *r, const struct hl_config_key *k, const struct hl_yaml_node *n);
const struct hl_config_key *hl_config_key_find(const char *section, struct hl_slice key);
/* malloc'ed; absolute and empty paths stay as they are. */
char *hl_config_path(struct hl_config_reader *r, struct hl_slice path);

void hl_config_read_kafka(struct hl_config_reader *r, const struct hl_yaml_node *kafka);
void hl_config_set_property(struct hl_config_reader *r, struct hl_slice key, const struct hl_yaml_node *at,
                            const struct hl_yaml_node *value);
const char *hl_config_property(const struct hl_config *c, const char *key); /* NULL: not given */
void hl_config_read_inputs(struct hl_config_reader *r, const struct hl_yaml_node *inputs);
bool hl_config_check_topic(struct hl_config_reader *r, const struct hl_yaml_node *n);
/* env: "NAME=value" strings, NULL-terminated. */
void hl_config_read_env(struct hl_config_reader *r, const char *const *env);
/* HOTLEAD_SECTION__KEY of a key; section "" for none. */
void hl_config_env_name(char *buf, size_t cap, const char *section, const char *key);

#endif
