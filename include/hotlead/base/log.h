/* Structured log on stderr: one logfmt line an event,
 *   2026-11-22T10:00:00.000Z level=info event=partition_restored partition=3 contacts=1200
 * Threading: any thread. Each (level, event) pair is limited to 20 lines a second; what was cut is counted and said. Never waits for who reads
 * the log: a line for which a pipe has no room, or a disk, is dropped, counted, and said (log_dropped) once there is room.
 * Never log payloads, contact ids (above debug) or secrets. */
#ifndef HOTLEAD_BASE_LOG_H
#define HOTLEAD_BASE_LOG_H

#include "hotlead/base/status.h"

enum hl_log_level { HL_LOG_DEBUG, HL_LOG_INFO, HL_LOG_WARN, HL_LOG_ERROR };

/* Default: info. */
void hl_log_set_level(enum hl_log_level level);
bool hl_log_level_parse(const char *name, enum hl_log_level *out);

/* `event` is a snake_case literal; fmt gives the rest as logfmt pairs ("topic=%s partition=%d"), may be "". Values
 * that may hold blanks or quotes go through hl_log_quote. */
void hl_log(enum hl_log_level level, const char *event, const char *fmt, ...) HL_PRINTF(3, 4);

/* `s` as a quoted logfmt value, control bytes and quotes escaped, cut to fit; returns buf. */
const char *hl_log_quote(char *buf, size_t cap, const char *s);

#endif
