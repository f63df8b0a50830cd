/* Avro in and out (Apache Avro specification 1.11). jansson and avro-c parse schemas when they are first seen; the bytes of records
 * never meet it: a writer schema is compiled into a flat plan of skips and captures, bounded in depth, items and bytes. */
#ifndef HOTLEAD_ADAPTER_AVRO_H
#define HOTLEAD_ADAPTER_AVRO_H

#include "hotlead/base/buf.h"
#include "hotlead/core/apply.h"
#include "hotlead/port/decoder.h"
#include "hotlead/port/schemas.h"

enum hl_avro_framing {
    HL_AVRO_CONFLUENT,     /* 0x00, 4-byte big-endian schema id, datum */
    HL_AVRO_SINGLE_OBJECT, /* 0xC3 0x01, 8-byte little-endian CRC-64-AVRO fingerprint, datum */
};

/* A decoder for one topic. `map` and `aliases` are copied. `schemas` must outlive it. For single-object framing the fingerprints of all
 * schemas handed over by hl_avro_decoder_add are known. */
enum hl_status hl_avro_decoder_new(enum hl_avro_framing framing, struct hl_schemas *schemas, const struct hl_field_map *map,
                                   const struct hl_type_alias *aliases, size_t n_aliases, struct hl_decoder **out, struct hl_error *err)
    HL_WARN_UNUSED;
/* Make a schema known by its fingerprint (single-object). */
enum hl_status hl_avro_decoder_add(struct hl_decoder *d, const char *schema_json, struct hl_error *err) HL_WARN_UNUSED;

/* The plan alone, for tests and fuzzing. */
struct hl_avro_plan;
enum hl_status hl_avro_plan_compile(const char *schema_json, const struct hl_field_map *map, struct hl_avro_plan **out, struct hl_error *err)
    HL_WARN_UNUSED;
void hl_avro_plan_free(struct hl_avro_plan *p);
/* Decode one datum (no framing); all bytes must be used up. Type names are looked up in the canonical table. */
enum hl_status hl_avro_plan_decode(const struct hl_avro_plan *p, struct hl_slice datum, struct hl_arena *arena, struct hl_event *ev,
                                   struct hl_error *err) HL_WARN_UNUSED;
/* As hl_avro_plan_decode, but other records may follow: decodes the first datum of *rest, and moves *rest behind it. *framed false: its end could
 * not be found, so what follows is lost too. */
enum hl_status hl_avro_plan_next(const struct hl_avro_plan *p, struct hl_slice *rest, struct hl_arena *arena, struct hl_event *ev, bool *framed,
                                 struct hl_error *err) HL_WARN_UNUSED;
/* CRC-64-AVRO (Rabin) fingerprint of a schema in Parsing Canonical Form. */
enum hl_status hl_avro_fingerprint(const char *schema_json, uint64_t *out, struct hl_error *err) HL_WARN_UNUSED;

/* --- output records; each appends one framed value (Confluent framing with `schema_id`) --- */

struct hl_transition_record {
    struct hl_slice contact_id;
    struct hl_slice trigger_event_id; /* null slice: none */
    const struct hl_transition *transition;
    int64_t emitted_at;
    const char *model, *model_version;
    struct hl_slice source; /* of the trigger event; null slice: it says none */
};
void hl_avro_put_transition(struct hl_buf *out, uint32_t schema_id, const struct hl_transition_record *r);

/* The canonical Event (schemas/event.avsc), without its attributes. */
void hl_avro_put_event(struct hl_buf *out, uint32_t schema_id, const struct hl_event *ev);

/* A framed StageTransition read back; its slices are borrowed from value. HL_E_DECODE. */
struct hl_transition_view;
enum hl_status hl_avro_get_transition(struct hl_slice value, struct hl_transition_view *v) HL_WARN_UNUSED;

void hl_avro_put_alert(struct hl_buf *out, uint32_t schema_id, struct hl_slice contact_id, const struct hl_alert *alert);

/* The next offset to apply, per input topic. */
struct hl_applied {
    const char *topic;
    int64_t offset;
};

/* ContactState. Its first two fields are `engine` (bytes: hl_state_encode) and `applied` (map of long), and stay so for good: recovery
 * reads these two and nothing else. The others are for readers: contact_id, stage, kind, visit, seq, stage_since, as_of, score, fit,
 * behavior, grade, suspect, rows (array of {rule, points at as_of, count}), owner, model, model_version, sla_due. as_of is the contact's clock. */
void hl_avro_put_state(struct hl_buf *out, uint32_t schema_id, const struct hl_contact *c, const struct hl_model *m, struct hl_slice engine,
                       const struct hl_applied *applied, size_t n_applied);

/* Split a framed ContactState: engine bytes, and the map as up to cap (topic slice, offset) pairs. HL_E_DECODE. */
struct hl_applied_slice {
    struct hl_slice topic;
    int64_t offset;
};
enum hl_status hl_avro_get_state(struct hl_slice value, struct hl_slice *engine, struct hl_applied_slice *applied, size_t cap,
                                 size_t *n_applied) HL_WARN_UNUSED;
/* The front of a framed ContactState, as far as hl_avro_get_state reads; all of what is no such. */
struct hl_slice hl_avro_state_core(struct hl_slice value);

#endif
