/* Private: the name under which a contact is in the hash of its bucket.
 *
 *     1, 16 bytes      an UUID that is written as RFC 9562 does, in lower case
 *     2, id            an id that begins with the byte 1 or 2
 *     id               any other
 *
 * Most ids are UUIDs, and 19 bytes are a tenth of what Redis keeps of a contact. */
#ifndef HOTLEAD_ADAPTER_REDIS_FIELD_H
#define HOTLEAD_ADAPTER_REDIS_FIELD_H

#include "hotlead/base/slice.h"

#define HL_REDIS_UUID_TEXT 36
#define HL_REDIS_UUID_FIELD 17

/* Room that the field of an id may need. */
static inline size_t hl_redis_field_room(struct hl_slice id)
{
    return id.len + 1;
}

/* The field, in `room` where it is not the id itself. */
struct hl_slice hl_redis_field(struct hl_slice id, char *room);
/* The id of a field, in `text` where it is neither the field nor a part of it. */
struct hl_slice hl_redis_field_id(struct hl_slice field, char text[HL_REDIS_UUID_TEXT]);

#endif
