/* Private to adapter/json: a bounded pull scanner over one JSON text (RFC 8259), strict. Each call takes one token; a failure sets `what`
 * and stays. Nothing is allocated but unescaped strings, in the arena. */
#ifndef HOTLEAD_JSON_SCAN_H
#define HOTLEAD_JSON_SCAN_H

#include "hotlead/base/arena.h"

#define HL_JSON_MAX_DEPTH 64

enum hl_json_kind {
    HL_JSON_ABSENT,
    HL_JSON_NULL,
    HL_JSON_TRUE,
    HL_JSON_FALSE,
    HL_JSON_NUMBER,
    HL_JSON_STRING,
    HL_JSON_OBJECT,
    HL_JSON_ARRAY,
};

/* text: the string without its escapes, the number as written, "true", or the whole object or array with its brackets. */
struct hl_json_value {
    enum hl_json_kind kind;
    struct hl_slice text;
};

struct hl_json_scan {
    const char *start, *p, *end;
    struct hl_arena *arena; /* NULL: strings are checked, and not kept */
    int depth;              /* of objects and arrays around p */
    const char *what;       /* NULL: fine so far */
};

void hl_json_scan_init(struct hl_json_scan *s, struct hl_slice text, int depth);
const char *hl_json_kind_name(enum hl_json_kind kind);

/* The value at p, checked to its end. */
bool hl_json_scan_value(struct hl_json_scan *s, struct hl_arena *arena, struct hl_json_value *out);
/* Kind of the value at p, which stays. */
enum hl_json_kind hl_json_scan_peek(struct hl_json_scan *s);
/* '{' of an object. */
bool hl_json_scan_enter(struct hl_json_scan *s);
/* The next key and its colon; false at the end of the object ('}' is taken), or on failure. *first starts true. `guess`: what
 * the key may be, or null; where it is, *key is the guess itself, and the string is not scanned. A guess is printable ASCII without quote
 * and backslash. */
bool hl_json_scan_key(struct hl_json_scan *s, struct hl_arena *arena, bool *first, struct hl_slice guess, struct hl_slice *key);
/* Nothing but white space is left. */
bool hl_json_scan_end(struct hl_json_scan *s);

#endif
