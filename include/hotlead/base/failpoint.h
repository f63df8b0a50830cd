/* Named points at which a test build can be made to die, to wait or to fail. Nothing of them is left in a build without HL_FAILPOINTS.
 *
 * HOTLEAD_FAILPOINTS="commit.before_end=crash@3;recovery.in_replay=sleep:500;mirror.before_write=error@2"
 *
 *   crash      SIGKILL to the process itself, so that nothing is flushed, closed or said
 *   crash:MS   the same, that much later: what the point is followed by is under way
 *   sleep:MS   stand still
 *   error      take the error path of the point, where it has one
 *   @N         at the Nth passing only, counted over all threads; without it crash means the first, the others every passing
 *
 * Threading: set once before the threads start; passed by any of them. */
#ifndef HOTLEAD_BASE_FAILPOINT_H
#define HOTLEAD_BASE_FAILPOINT_H

#include "hotlead/base/status.h"

#ifdef HL_WITH_FAILPOINTS

/* enumerator, name, whether the point has an error path */
#define HL_FAILPOINTS(X)                                                                                             \
    X(EMIT_TRANSITION, "emit.after_transition", false)                                                               \
    X(EMIT_ONWARD, "emit.after_onward", false)                                                                       \
    X(COMMIT_BEGIN, "commit.begin", false)                                                                           \
    X(COMMIT_MOVED, "commit.after_moved_states", false)                                                              \
    X(CHECKPOINT_RECORD, "checkpoint.in_round", false)                                                               \
    X(CHECKPOINT_ROUND_END, "checkpoint.round_end", false)                                                           \
    X(COMMIT_UNDER_WAY, "commit.under_way", false)                                                                   \
    X(COMMIT_BEFORE_OFFSETS, "commit.before_offsets", true)                                                          \
    X(COMMIT_BEFORE_END, "commit.before_end", true)                                                                  \
    X(COMMIT_AFTER_END, "commit.after_end", true)                                                                    \
    X(COMMIT_DONE, "commit.done", false)                                                                             \
    X(ABORT_BEGIN, "abort.begin", false)                                                                             \
    X(PRODUCER_RENEW, "producer.renew", true)                                                                        \
    X(REBALANCE_GIVE_BACK, "rebalance.give_back", false)                                                             \
    X(REBALANCE_GIVEN_BACK, "rebalance.given_back", false)                                                           \
    X(RECOVERY_BEGIN, "recovery.begin", true)                                                                        \
    X(RECOVERY_REDIS_RECORD, "recovery.in_redis", true)                                                              \
    X(RECOVERY_AFTER_REDIS, "recovery.after_redis", false)                                                           \
    X(RECOVERY_STATE_RECORD, "recovery.in_state", true)                                                              \
    X(RECOVERY_AFTER_STATE, "recovery.after_state", false)                                                           \
    X(RECOVERY_REPLAY_RECORD, "recovery.in_replay", true)                                                            \
    X(RECOVERY_DONE, "recovery.partition_done", false)                                                               \
    X(RECOVERY_BEFORE_ASSIGN, "recovery.before_assign", true)                                                        \
    X(RELOAD_BEGIN, "reload.begin", false)                                                                           \
    X(RELOAD_COMMITTED, "reload.committed", false)                                                                   \
    X(BOUND_BARRIER, "bound.barrier", false)                                                                         \
    X(BOUND_BEFORE_LEAVE, "bound.before_leave", false)                                                               \
    X(BOUND_LEFT, "bound.left", false)                                                                               \
    X(SPILL_BEFORE_FETCH, "spill.before_fetch", true)                                                                \
    X(SPILL_FETCHED, "spill.fetched", false)                                                                         \
    X(MIRROR_AFTER_OWN, "mirror.after_own", true)                                                                    \
    X(MIRROR_BEFORE_WRITE, "mirror.before_write", true)                                                              \
    X(MIRROR_AFTER_WRITE, "mirror.after_write", true)                                                                \
    X(FINISH_BEGIN, "finish.begin", false)                                                                           \
    X(FINISH_COMMITTED, "finish.committed", false)

enum hl_failpoint {
#define X(id, name, fails) HL_FAILPOINT_##id,
    HL_FAILPOINTS(X)
#undef X
        HL_FAILPOINT_COUNT
};

/* What the variable says; NULL or empty: nothing. HL_E_USAGE with a message when it cannot be read. Replaces what was set, counts from 0. */
enum hl_status hl_failpoints_set(const char *text, struct hl_error *err) HL_WARN_UNUSED;
const char *hl_failpoint_name(enum hl_failpoint id);
bool hl_failpoint_fails(enum hl_failpoint id);
/* True when the error path is to be taken. */
bool hl_failpoint_pass(enum hl_failpoint id);

#define HL_FAILPOINT(id) ((void)hl_failpoint_pass(HL_FAILPOINT_##id))
#define HL_FAILPOINT_ERROR(id) hl_failpoint_pass(HL_FAILPOINT_##id)

#else

#define HL_FAILPOINT(id) ((void)0)
#define HL_FAILPOINT_ERROR(id) false

#endif

#endif
