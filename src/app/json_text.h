/* Pieces of JSON for what commands print. Points are written from the fixed-point number itself, to 9 digits: no floating point. */
#ifndef HL_APP_JSON_TEXT_H
#define HL_APP_JSON_TEXT_H

#include "hotlead/base/buf.h"
#include "hotlead/base/fixed.h"

/* A string in quotes; null for the null slice. */
void hl_json_put_text(struct hl_buf *b, struct hl_slice s);
/* Goes on with the text that the buffer ends with. */
void hl_json_put_more(struct hl_buf *b, struct hl_slice s);
void hl_json_put_int(struct hl_buf *b, int64_t v);
/* "12.5": at most 9 digits behind the point, to the nearest, without zeros at the end. */
void hl_json_put_points(struct hl_buf *b, hl_fixed v);
/* A member of an object: the comma, where something stands before it, the key and the colon. The others add the value. */
void hl_json_put_key(struct hl_buf *b, const char *key);
void hl_json_put_member(struct hl_buf *b, const char *key, struct hl_slice text);
void hl_json_put_member_int(struct hl_buf *b, const char *key, int64_t v);
/* Text as it stands. */
void hl_json_put_raw(struct hl_buf *b, const char *text);

#endif
