/* The schema as avro-c, Avro's own C library, sees it: what it refuses is refused. It is asked once for each schema, never about records.
 *
 * THREADS  Debian builds avro-c without THREADSAFE, so its error text is one static buffer: one caller at a time. */
#include <avro.h>
#include <pthread.h>
#include <string.h>

#include "schema.h"

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

enum hl_status hl_avro_schema_check(const char *json, struct hl_error *err)
{
    avro_schema_t schema = NULL;
    enum hl_status status = HL_OK;
    pthread_mutex_lock(&one_at_a_time);
    if (avro_schema_from_json_length(json, strlen(json), &schema) != 0)
        status = hl_error_set(err, HL_E_SCHEMA, HL_SKIP, "schema: %.300s", avro_strerror());
    if (schema) avro_schema_decref(schema);
    pthread_mutex_unlock(&one_at_a_time);
    return status;
}
