#include "hotlead/app/signals.h"

#include <signal.h>
#include <unistd.h>

static _Atomic bool stop;
static _Atomic bool received;

static void on_signal(int number)
{
    if (received) _exit(128 + number);
    received = true;
    stop = true;
}

void hl_signals_install(void)
{
    struct sigaction on = {.sa_handler = on_signal}, ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&on.sa_mask);
    sigaction(SIGTERM, &on, NULL);
    sigaction(SIGINT, &on, NULL);
    sigaction(SIGPIPE, &ignore, NULL);
}

_Atomic bool *hl_signals_stop(void)
{
    return &stop;
}

bool hl_signals_received(void)
{
    return received;
}
