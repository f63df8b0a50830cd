/* SIGTERM and SIGINT set a flag; a second one ends the process at once. SIGPIPE is ignored. Main thread only. */
#ifndef HOTLEAD_APP_SIGNALS_H
#define HOTLEAD_APP_SIGNALS_H

#include <stdatomic.h>
#include <stdbool.h>

void hl_signals_install(void);
/* Set by a signal, and by whoever wants the process to end. */
_Atomic bool *hl_signals_stop(void);
/* True when a signal was the reason. */
bool hl_signals_received(void);

#endif
