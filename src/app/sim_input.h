/* What `hotlead simulate` reads: JSON Lines and Avro container files, cut into units that one thread decodes at a time. */
#ifndef HL_APP_SIM_INPUT_H
#define HL_APP_SIM_INPUT_H

#include "hotlead/adapter/avro.h"
#include "hotlead/adapter/avro_file.h"
#include "hotlead/app/config.h"
#include "hotlead/base/arena.h"

struct hl_sim_file {
    const char *path;
    struct hl_slice bytes;
    bool mapped;                   /* else malloc'ed */
    struct hl_avro_plan *plan;     /* NULL: JSON Lines */
    struct hl_avro_file container; /* where there is a plan */
    size_t offset;                 /* of the first byte that is not in a unit yet; JSON Lines */
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
    struct hl_decoder *json;       /* of the lines */
    struct hl_type_table *types;   /* of the records of container files; NULL: no mapping */
};

/* "-" is the standard input. mapping: the shape of the records; NULL: the canonical one. HL_E_IO, HL_E_CONFIG, HL_E_DECODE, HL_E_SCHEMA, HL_E_NOMEM. On failure, hl_sim_input_close is due, too. */
enum hl_status hl_sim_input_open(struct hl_sim_input *in, char *const *paths, size_t n, const struct hl_input *mapping,
                                 struct hl_error *err) HL_WARN_UNUSED;
void hl_sim_input_close(struct hl_sim_input *in);
/* HL_E_END behind the last unit. HL_E_DECODE: the rest of a container file is lost; *bad is the file; ask again for the next
 * one. */
enum hl_status hl_sim_input_next(struct hl_sim_input *in, struct hl_sim_unit *unit, const struct hl_sim_file **bad,
                                 struct hl_error *err) HL_WARN_UNUSED;

#endif
