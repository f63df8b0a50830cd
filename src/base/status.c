#include "hotlead/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

const char *hl_status_name(enum hl_status code)
{
    static const char *const names[] = {
#define X(code, name) [HL_##code] = name,
        HL_STATUSES(X)
#undef X
    };
    return (unsigned)code < HL_ARRAY_LEN(names) ? names[code] : "?";
}

enum hl_status hl_error_set(struct hl_error *err, enum hl_status code, enum hl_action action, const char *fmt, ...)
{
    if (!err) return code;
    err->code = code;
    err->action = action;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->message, sizeof err->message, fmt, ap);
    va_end(ap);
    return code;
}

int hl_status_exit_code(enum hl_status code)
{
    switch (code) {
    case HL_OK: return 0;
    case HL_E_USAGE: return 64;
    case HL_E_INVALID:
    case HL_E_DECODE:
    case HL_E_SCHEMA:
    case HL_E_MISSING:
    case HL_E_TOO_LARGE:
    case HL_E_CLOCK:
    case HL_E_GAP: return 65;
    case HL_E_UNAVAILABLE:
    case HL_E_IO: return 69;
    case HL_E_NOMEM:
    case HL_E_PENDING:
    case HL_E_TIMEOUT:
    case HL_E_FENCED:
    case HL_E_ABORT:
    case HL_E_IN_DOUBT: return 75;
    case HL_E_PERMISSION: return 77;
    case HL_E_CONFIG: return 78;
    case HL_E_END: /* an end that reaches main was not handled where it should have been */
    case HL_E_INTERNAL: break;
    }
    return 70;
}

void hl_bug(const char *file, int line, const char *what)
{
    fprintf(stderr, "hotlead: bug at %s:%d: %s\n", file, line, what);
    abort();
}
