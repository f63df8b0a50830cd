/* Private: the parameters of a request, "stage=mql&limit=50". */
#ifndef HL_APP_HTTP_QUERY_H
#define HL_APP_HTTP_QUERY_H

#include "hotlead/base/slice.h"
#include "hotlead/base/status.h"

struct hl_http_param {
    const char *name;
    bool given;
    char value[64]; /* percent-decoded */
};

/* Fills what is given. False with a sentence in err (HL_E_USAGE): an unknown name, one given twice, a value that is too long, badly
 * encoded or holds a NUL. `+` is a plus: no value here has blanks, and times have offsets. */
bool hl_http_query_read(const char *query, struct hl_http_param *params, size_t n, struct hl_error *err);
/* The contact in "/v1/contacts/{id}" or "/v1/contacts/{id}/explain", what follows `prefix`. decoded: cap bytes; *rest: "" or what
 * stands behind the id, from its slash on. False with a sentence in err. */
bool hl_http_path_id(const char *raw, char *decoded, size_t cap, struct hl_slice *id, const char **rest, struct hl_error *err);

#endif
