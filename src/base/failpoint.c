/* DESIGN  One small table, by enumerator: a passing costs an index, an atomic read, and a count where something is set. */
#include "hotlead/base/failpoint.h"

#ifdef HL_WITH_FAILPOINTS

#include <inttypes.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "hotlead/base/log.h"
#include "hotlead/base/slice.h"

enum action { NONE, CRASH, SLEEP, ERROR };

static const char *const ACTIONS[] = {"none", "crash", "sleep", "error"};

struct order {
    enum action action;
    int64_t ms;
    uint64_t at; /* the passing it is for; 0: every one */
};

static const struct {
    const char *name;
    bool fails;
} POINTS[] = {
#define X(id, name, fails) {name, fails},
    HL_FAILPOINTS(X)
#undef X
};

static struct order orders[HL_FAILPOINT_COUNT];
static _Atomic uint64_t passed[HL_FAILPOINT_COUNT];

const char *hl_failpoint_name(enum hl_failpoint id)
{
    return POINTS[id].name;
}

bool hl_failpoint_fails(enum hl_failpoint id)
{
    return POINTS[id].fails;
}

static enum hl_status bad(struct hl_error *err, struct hl_slice item, const char *why)
{
    return hl_error_set(err, HL_E_USAGE, HL_STOP, "HOTLEAD_FAILPOINTS: '%.*s': %s", HL_SLICE_ARG(item), why);
}

/* The part before the first `c`, and what comes behind it; false when there is no `c`. */
static bool split(struct hl_slice s, char c, struct hl_slice *before, struct hl_slice *behind)
{
    const char *at = memchr(s.data, c, s.len);
    *before = at ? (struct hl_slice){s.data, (size_t)(at - s.data)} : s;
    *behind = at ? (struct hl_slice){at + 1, s.len - before->len - 1} : (struct hl_slice){s.data + s.len, 0};
    return at != NULL;
}

static enum hl_status read_action(struct hl_slice item, struct hl_slice text, bool fails, struct order *o, struct hl_error *err)
{
    struct hl_slice what, nth, ms;
    int64_t n = 0;
    if (split(text, '@', &what, &nth) && (!hl_slice_parse_i64(nth, &n) || n < 1)) return bad(err, item, "@N counts passings from 1");
    o->at = (uint64_t)n;
    bool has_ms = split(what, ':', &what, &ms);
    for (enum action a = CRASH; a <= ERROR; a++)
        if (hl_slice_eq_cstr(what, ACTIONS[a])) o->action = a;
    if (o->action == NONE || (o->action == SLEEP && !has_ms) || (o->action == ERROR && has_ms))
        return bad(err, item, "expected crash, crash:MILLISECONDS, sleep:MILLISECONDS or error");
    if (has_ms && (!hl_slice_parse_i64(ms, &o->ms) || o->ms < 0 || o->ms > 3600000)) return bad(err, item, "milliseconds are 0 to 3600000");
    if (o->action == ERROR && !fails) return bad(err, item, "this point has no error path");
    if (o->action == CRASH && !o->at) o->at = 1;
    return HL_OK;
}

static enum hl_status read_item(struct hl_slice item, struct hl_error *err)
{
    struct hl_slice name, action;
    if (!split(item, '=', &name, &action)) return bad(err, item, "expected NAME=ACTION");
    for (size_t i = 0; i < HL_FAILPOINT_COUNT; i++)
        if (hl_slice_eq_cstr(name, POINTS[i].name)) return read_action(item, action, POINTS[i].fails, &orders[i], err);
    return bad(err, item, "there is no such point; 'hotlead version -o json' lists them");
}

enum hl_status hl_failpoints_set(const char *text, struct hl_error *err)
{
    memset(orders, 0, sizeof(orders));
    for (size_t i = 0; i < HL_FAILPOINT_COUNT; i++) passed[i] = 0;
    struct hl_slice left = hl_slice_of(text ? text : ""), item;
    while (left.len) {
        split(left, ';', &item, &left);
        enum hl_status status = item.len ? read_item(item, err) : HL_OK;
        if (status) return status;
    }
    return HL_OK;
}

static void act(const struct order *o)
{
    if (o->action == CRASH && o->ms == 0) kill(getpid(), SIGKILL);
    if (o->action == CRASH) {
        /* an alarm that nobody handles ends the process where it stands */
        struct itimerval in = {.it_value = {.tv_sec = o->ms / 1000, .tv_usec = o->ms % 1000 * 1000}};
        signal(SIGALRM, SIG_DFL);
        setitimer(ITIMER_REAL, &in, NULL);
    }
    if (o->action == SLEEP) nanosleep(&(struct timespec){.tv_sec = o->ms / 1000, .tv_nsec = o->ms % 1000 * 1000000}, NULL);
}

bool hl_failpoint_pass(enum hl_failpoint id)
{
    const struct order *o = &orders[id];
    if (o->action == NONE) return false;
    uint64_t n = ++passed[id];
    if (o->at && n != o->at) return false;
    hl_log(HL_LOG_WARN, "failpoint", "name=%s action=%s passing=%" PRIu64, POINTS[id].name, ACTIONS[o->action], n);
    act(o);
    return o->action == ERROR;
}

#endif
