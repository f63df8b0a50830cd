/* The command line of hotlead-load, and what it takes from hotlead.yaml. */
#ifndef HL_LOAD_OPTIONS_H
#define HL_LOAD_OPTIONS_H

#include "hotlead/app/config.h"
#include "limits.h"
#include "mix.h"
#include "schedule.h"

#define HL_LOAD_TOPICS 16
#define HL_LOAD_LIMITS 16
#define HL_LOAD_TRAITS 32
#define HL_LOAD_PROPERTIES 64

struct hl_load_topic {
    const char *name;
    bool json;
};

struct hl_load_options {
    const char *config_path;
    struct hl_config *config; /* owns some of the strings; NULL without --config */
    const char *bootstrap;    /* of librdkafka */
    bool bootstrap_given;     /* on the command line: the only way to send elsewhere than to this machine */
    struct hl_load_topic topics[HL_LOAD_TOPICS];
    size_t n_topics;
    const char *transitions;
    struct hl_property properties[HL_LOAD_PROPERTIES]; /* -X */
    size_t n_properties;
    uint32_t schema_id;
    enum hl_profile profile;
    struct hl_shape shape;
    uint64_t events;    /* at most; UINT64_MAX: as many as are due */
    int64_t backlog_ms; /* 0: no */
    uint64_t contacts, seed;
    double skew, hot, duplicates, late, broken;
    int64_t late_by_ms;
    double weights[HL_MIX_TYPE_COUNT];
    double probes; /* share */
    struct hl_trait traits[HL_LOAD_TRAITS];
    size_t n_traits;
    const char *form;
    int64_t drain_ms;
    bool measure; /* look at transitions */
    bool json, quiet;
    const char *json_path, *html_path;
    struct hl_limit limits[HL_LOAD_LIMITS];
    size_t n_limits;
};

/* -1: go on; else the exit code: after --help, or after a complaint on stderr. hl_load_options_fini in any case. */
int hl_load_options_read(struct hl_load_options *o, int argc, char **argv);
void hl_load_options_fini(struct hl_load_options *o);

#endif
