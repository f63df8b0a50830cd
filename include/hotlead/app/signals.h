/* SIGTERM and SIGINT set a flag; a second one ends the process at once. SIGHUP asks for a reload. SIGPIPE is ignored. Main thread only, but for the wait. */
#ifndef HOTLEAD_APP_SIGNALS_H
#define HOTLEAD_APP_SIGNALS_H

#include <stdatomic.h>
#include <stdbool.h>

void hl_signals_install(void);
/* Set by a signal, and by whoever wants the process to end. */
_Atomic bool *hl_signals_stop(void);
/* True when a signal was the reason. */
bool hl_signals_received(void);
/* Sleep until SIGHUP comes, or has come since the last call, at most timeout_ms; several are one. False: none came. One thread. */
bool hl_signals_wait_reload(int timeout_ms);

#endif
