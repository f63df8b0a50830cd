/* Types of events that nothing is known of: which, how often, and which known one each may be meant for. A list of fixed size: a type is a text of
 * somebody else's, and there may be any number of them. */
#ifndef HL_APP_UNKNOWN_H
#define HL_APP_UNKNOWN_H

#include "hotlead/base/buf.h"

#define HL_UNKNOWN_KEPT 64
#define HL_UNKNOWN_NAME 64 /* bytes of a name that are kept */

struct hl_unknown_type {
    uint64_t hash, count;
    char name[HL_UNKNOWN_NAME]; /* control bytes are '?' */
};

/* Zeroed: empty. */
struct hl_unknown {
    struct hl_unknown_type items[HL_UNKNOWN_KEPT];
    size_t n;
    uint64_t others; /* events of types that came when the list was full */
};

/* One event more of this type. The type, when it is the first; NULL when it is not, or there is no room. */
const struct hl_unknown_type *hl_unknown_note(struct hl_unknown *u, struct hl_slice type);
/* The known type that is nearest, as ", did you mean 'page_viewed'?"; "" when none is near. */
void hl_unknown_hint(const struct hl_unknown_type *t, struct hl_buf *to);
/* "page_view 12, did you mean 'page_viewed'?; theme_switched 3; and 20 of others": the most frequent ones first, on a tie by name, `most` of them. */
void hl_unknown_put(struct hl_unknown *u, size_t most, struct hl_buf *to);

#endif
