/* Status codes, the error object and bug checks.
 *
 * Core returns the bare code. Adapters and configuration also fill a caller-owned struct hl_error, which says in
 * `action` what the one place that decides (the worker, or the command) should do. An error object is left
 * untouched on success. */
#ifndef HOTLEAD_BASE_STATUS_H
#define HOTLEAD_BASE_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* code, name (stable, lower case; used in logs and in the dead-letter header error.class where it applies) */
#define HL_STATUSES(X)                                                                                               \
    X(OK, "ok")                                                                                                      \
    X(E_NOMEM, "no-memory")                                                                                          \
    X(E_INVALID, "invalid")          /* a value out of its domain */                                                 \
    X(E_DECODE, "decode")            /* bytes do not follow their format */                                          \
    X(E_SCHEMA, "schema")            /* unknown schema id, or schemas that do not resolve */                         \
    X(E_MISSING, "missing-field")    /* event_id, contact_id, occurred_at or type is absent */                       \
    X(E_TOO_LARGE, "too-large")                                                                                      \
    X(E_CLOCK, "clock")              /* occurred_at negative or too far in the future */                             \
    X(E_PENDING, "pending")          /* needs something still being fetched (a schema): pause, then try again */     \
    X(E_TIMEOUT, "timeout")                                                                                          \
    X(E_UNAVAILABLE, "unavailable")  /* a server is away */                                                          \
    X(E_FENCED, "fenced")            /* another instance has taken over */                                           \
    X(E_ABORT, "abort")              /* the transaction must be aborted and the partitions recovered */              \
    X(E_IN_DOUBT, "in-doubt")        /* it is not known whether the commit happened */                               \
    X(E_GAP, "gap")                  /* the log no longer holds an offset that is needed */                          \
    X(E_END, "end")                                                                                                  \
    X(E_IO, "io")                                                                                                    \
    X(E_CONFIG, "config")                                                                                            \
    X(E_PERMISSION, "permission")                                                                                    \
    X(E_USAGE, "usage")                                                                                              \
    X(E_INTERNAL, "internal")

enum hl_status {
#define X(code, name) HL_##code,
    HL_STATUSES(X)
#undef X
};

enum hl_action { HL_STOP, HL_SKIP, HL_RETRY };

#define HL_WARN_UNUSED __attribute__((warn_unused_result))
#define HL_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

struct hl_error {
    enum hl_status code;
    enum hl_action action;
    char message[512];
};

/* Stable name of a code; "?" for a value outside the enum. */
const char *hl_status_name(enum hl_status code);

/* Fill `err` (may be NULL) and return `code`, so that callers write `return hl_error_set(...)`. Cuts long messages. */
enum hl_status hl_error_set(struct hl_error *err, enum hl_status code, enum hl_action action, const char *fmt, ...)
    HL_PRINTF(4, 5);

/* sysexits.h value for a status: 64 usage, 65 data, 69 unavailable, 70 internal, 75 temporary, 77 permission, 78 config. */
int hl_status_exit_code(enum hl_status code);

_Noreturn void hl_bug(const char *file, int line, const char *what);

/* Our own bug: compiled in always, cheap, aborts with its place. */
#define HL_BUG_ON(cond)                                                                                              \
    do {                                                                                                             \
        if (__builtin_expect(!!(cond), 0)) hl_bug(__FILE__, __LINE__, #cond);                                        \
    } while (0)

/* Expensive invariants: dev and sanitizer builds only. */
#ifdef HL_WITH_DCHECK
#define HL_DCHECK(cond) HL_BUG_ON(!(cond))
#else
#define HL_DCHECK(cond) ((void)sizeof(!!(cond)))
#endif

#define HL_ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
