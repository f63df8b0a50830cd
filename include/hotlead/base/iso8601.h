/* Moments as text: RFC 3339, the profile of ISO 8601 for the wire. Proleptic Gregorian calendar, years 0000 to 9999. */
#ifndef HOTLEAD_BASE_ISO8601_H
#define HOTLEAD_BASE_ISO8601_H

#include "hotlead/base/slice.h"

/* "2026-11-22T10:00:00.123Z", "2026-11-22 11:00+01:00": date, time to the minute or finer, and an offset, which must be there: a
 * local time names no moment. Digits of a second beyond the third are cut off. A leap second (:60) is the second after :59.
 * ms since 1970-01-01 UTC; false when malformed. */
bool hl_iso8601_parse(struct hl_slice s, int64_t *ms);

/* Either the above, or a plain decimal integer of milliseconds. */
bool hl_time_parse(struct hl_slice s, int64_t *ms);
/* Plain decimal seconds since 1970, "1521243339.873676", to ms; digits beyond the third are cut off. At most 12 digits before the point. */
bool hl_seconds_parse(struct hl_slice s, int64_t *ms);

#define HL_ISO8601_SIZE 32
/* "2026-11-22T10:00:00.123Z" into buf; moments outside the years 0000 to 9999 are held to the nearest end. Returns buf. */
const char *hl_iso8601_format(int64_t ms, char buf[HL_ISO8601_SIZE]);

#endif
