/* What `hotlead simulate` reads: JSON Lines and Avro container files, cut into units that one thread decodes at a time. */
#ifndef HL_APP_SIM_INPUT_H
#define HL_APP_SIM_INPUT_H

#include "hotlead/adapter/avro.h"
#include "hotlead/adapter/avro_file.h"
#include "hotlead/app/config.h"
#include "hotlead/base/arena.h"

/* The files of a command line, each of the shape that the mapping before it says. */
struct hl_sim_source {
    const char *path;
    const struct hl_input *mapping; /* NULL: the canonical shape */
};
struct hl_sim_sources {
    struct hl_sim_source *files;
    size_t n_files;
    struct hl_input *mappings;
    size_t n_mappings;
};
/* Room for as many as a command line has words. HL_E_NOMEM. */
enum hl_status hl_sim_sources_init(struct hl_sim_sources *s, int argc) HL_WARN_UNUSED;
void hl_sim_sources_fini(struct hl_sim_sources *s);
void hl_sim_sources_add(struct hl_sim_sources *s, const char *path);
/* For the files to come. Its problems are told on stderr. HL_E_CONFIG, HL_E_IO, HL_E_NOMEM. */
enum hl_status hl_sim_sources_map(struct hl_sim_sources *s, const char *path) HL_WARN_UNUSED;

struct hl_sim_file {
    const char *path;
    struct hl_slice bytes;
    bool mapped;                   /* else malloc'ed */
    struct hl_avro_plan *plan;     /* NULL: JSON Lines */
    struct hl_avro_file container; /* where there is a plan */
    struct hl_type_table *types;   /* of its records; NULL: no mapping */
    struct hl_decoder *json;       /* where there is no plan: of its lines */
    size_t offset;                 /* of the first byte that is not in a unit yet; JSON Lines */
    const struct hl_input *mapping; /* NULL: the canonical shape */
    uint64_t n_early;              /* see hl_event_is_early */
    int64_t first_early, first_early_at; /* where there is one: its number, and its time */
    int64_t records;               /* lines or records in the units that are done: the base of the numbers in messages */
};

/* One event in the bytes of a file, for arrival in the order of time. */
struct hl_sim_ref {
    int64_t occurred_at;
    uint64_t order; /* of arrival */
    struct hl_slice bytes;
    const struct hl_sim_file *file;
};

struct hl_sim_unit {
    struct hl_sim_file *file;      /* NULL: refs */
    struct hl_slice text;          /* whole lines */
    struct hl_avro_block block;
    const struct hl_sim_ref *refs;
    size_t n_refs;
};

struct hl_sim_input {
    struct hl_sim_file *files;
    size_t n_files, at;
    const struct hl_sim_ref *refs; /* borrowed; set: the units are made of these, and of the files no more */
    size_t n_refs;
    uint64_t bytes, bytes_done;    /* of the files; of the units handed out */
};

/* "-" is the standard input. HL_E_IO, HL_E_CONFIG, HL_E_DECODE, HL_E_SCHEMA, HL_E_NOMEM. On failure, hl_sim_input_close is due, too. */
enum hl_status hl_sim_input_open(struct hl_sim_input *in, const struct hl_sim_sources *sources, struct hl_error *err) HL_WARN_UNUSED;
void hl_sim_input_close(struct hl_sim_input *in);
/* HL_E_END behind the last unit. HL_E_DECODE: the rest of a container file is lost; *bad is the file; ask again for the next
 * one. */
enum hl_status hl_sim_input_next(struct hl_sim_input *in, struct hl_sim_unit *unit, const struct hl_sim_file **bad,
                                 struct hl_error *err) HL_WARN_UNUSED;

#endif
