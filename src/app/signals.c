#include "hotlead/app/signals.h"

#include <semaphore.h>
#include <signal.h>
#include <time.h>
#include <unistd.h>

static _Atomic bool stop;
static _Atomic bool received;
static sem_t reloads;

static void on_signal(int number)
{
    if (received) _exit(128 + number);
    received = true;
    stop = true;
}

static void on_reload(int number)
{
    (void)number;
    sem_post(&reloads); /* the only call here that a handler may make; errno is not touched, short of 2^31 of them */
}

void hl_signals_install(void)
{
    struct sigaction on = {.sa_handler = on_signal}, reload = {.sa_handler = on_reload, .sa_flags = SA_RESTART}, ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&on.sa_mask);
    sigemptyset(&reload.sa_mask);
    sem_init(&reloads, 0, 0);
    sigaction(SIGHUP, &reload, NULL);
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

bool hl_signals_wait_reload(int timeout_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (timeout_ms + until.tv_nsec / 1000000) / 1000;
    until.tv_nsec = (timeout_ms * 1000000ll + until.tv_nsec) % 1000000000;
    if (sem_clockwait(&reloads, CLOCK_MONOTONIC, &until) != 0) return false;
    while (sem_trywait(&reloads) == 0) continue;
    return true;
}
