/* Tells the service manager how the process is: the protocol of sd_notify(3), over $NOTIFY_SOCKET. Without that variable nothing happens.
 *
 *   READY=1      at hl_notify_start: the brokers answered, the workers run
 *   STATUS=      what is restored, or which call hangs, when it changes; `systemctl status` shows it
 *   WATCHDOG=1   a second at most after the last, while every thread is alive (hl_engine_is_live), if $WATCHDOG_USEC asks for it
 *   RELOADING=1  the model's file is read again, and READY=1 when it scores, or was refused
 *   STOPPING=1   at most a second after the stop flag is set */
#ifndef HOTLEAD_APP_NOTIFY_H
#define HOTLEAD_APP_NOTIFY_H

#include <stdatomic.h>

#include "hotlead/app/engine.h"

struct hl_notify;

/* Starts a thread; *stop and e must outlive it. NULL: nobody wants to know, or there is no memory. */
struct hl_notify *hl_notify_start(const struct hl_engine *e, const _Atomic bool *stop);
/* The model's file is read again (true), or that is over. NULL is fine. */
void hl_notify_reloading(struct hl_notify *n, bool reloading);
/* Ends it. NULL is fine. */
void hl_notify_stop(struct hl_notify *n);

#endif
