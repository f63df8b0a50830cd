/* WHY NOT libsystemd: it is one datagram to one socket, the protocol is promised to stay (sd_notify(3), its notes and example), and the library would
 * bring decompressors and more into a process that reads what strangers send.
 * THREADS  One of its own: the main thread waits for the workers, and a worker that hangs must not be the one to say so. */
#include "hotlead/app/notify.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "hotlead/base/clock.h"
#include "hotlead/base/log.h"

#define PERIOD_S 1
#define REFUSED "scoring; a new model was refused: "

struct hl_notify {
    const struct hl_engine *e;
    const _Atomic bool *stop;
    struct sockaddr_un to;
    socklen_t to_len;
    bool watched, stopping;
    char status[256];
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool ending;
    pthread_t thread;
};

static void say(const struct hl_notify *n, const char *what)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    ssize_t sent = fd < 0 ? -1 : sendto(fd, what, strlen(what), MSG_NOSIGNAL, (const struct sockaddr *)&n->to, n->to_len);
    if (sent < 0) hl_log(HL_LOG_WARN, "notify_failed", "reason=\"%s\"", strerror(errno));
    if (fd >= 0) close(fd);
}

/* A path, or @ and a name in the abstract namespace. */
static bool read_address(struct hl_notify *n, const char *socket_name)
{
    size_t len = strlen(socket_name);
    if ((socket_name[0] != '/' && socket_name[0] != '@') || len < 2 || len >= sizeof(n->to.sun_path)) {
        hl_log(HL_LOG_WARN, "notify_failed", "reason=\"NOTIFY_SOCKET is neither a path nor an abstract name\"");
        return false;
    }
    n->to.sun_family = AF_UNIX;
    memcpy(n->to.sun_path, socket_name, len);
    if (socket_name[0] == '@') n->to.sun_path[0] = '\0';
    n->to_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return true;
}

static bool is_watched(void)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    return usec && strtoull(usec, NULL, 10) > 0 && (!pid || strtoll(pid, NULL, 10) == getpid());
}

static void say_status(struct hl_notify *n, const char *status)
{
    char text[sizeof(n->status) + 16];
    if (strcmp(n->status, status) == 0) return;
    snprintf(n->status, sizeof(n->status), "%s", status);
    snprintf(text, sizeof(text), "STATUS=%s", status);
    say(n, text);
}

static void look(struct hl_notify *n)
{
    char why[200], refused[240] = REFUSED;
    bool live = hl_engine_is_live(n->e, why, sizeof(why));
    if (live && n->watched) say(n, "WATCHDOG=1");
    if (*n->stop && !n->stopping) {
        n->stopping = true;
        say(n, "STOPPING=1");
    }
    if (!live) say_status(n, why);
    else if (n->stopping) say_status(n, "stopping: commits and checkpoints what is left");
    else if (!hl_engine_is_ready(n->e, why, sizeof(why))) say_status(n, why);
    else if (hl_engine_has_refused(n->e, HL_MODEL_LIVE, refused + sizeof(REFUSED) - 1, sizeof(refused) - sizeof(REFUSED) + 1)) say_status(n, refused);
    else say_status(n, "scoring");
}

static void *notify_main(void *arg)
{
    struct hl_notify *n = arg;
    pthread_mutex_lock(&n->lock);
    while (!n->ending) {
        struct timespec until;
        look(n);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += PERIOD_S;
        pthread_cond_timedwait(&n->wake, &n->lock, &until);
    }
    pthread_mutex_unlock(&n->lock);
    return NULL;
}

struct hl_notify *hl_notify_start(const struct hl_engine *e, const _Atomic bool *stop)
{
    const char *socket_name = getenv("NOTIFY_SOCKET");
    struct hl_notify *n = socket_name && socket_name[0] ? calloc(1, sizeof(*n)) : NULL;
    if (!n) return NULL;
    n->e = e;
    n->stop = stop;
    n->watched = is_watched();
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&n->lock, NULL);
    pthread_cond_init(&n->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    bool good = read_address(n, socket_name);
    if (good) say(n, "READY=1");
    if (!good || pthread_create(&n->thread, NULL, notify_main, n) != 0) {
        pthread_cond_destroy(&n->wake);
        pthread_mutex_destroy(&n->lock);
        free(n);
        return NULL;
    }
    return n;
}

/* With its time, which Type=notify-reload of systemd 253 asks for. */
void hl_notify_reloading(struct hl_notify *n, bool reloading)
{
    char text[64];
    if (!n) return;
    snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%lld", (long long)(hl_clock_mono_ns() / 1000));
    pthread_mutex_lock(&n->lock);
    say(n, reloading ? text : "READY=1");
    pthread_mutex_unlock(&n->lock);
}

void hl_notify_stop(struct hl_notify *n)
{
    if (!n) return;
    pthread_mutex_lock(&n->lock);
    n->ending = true;
    pthread_cond_signal(&n->wake);
    pthread_mutex_unlock(&n->lock);
    pthread_join(n->thread, NULL);
    pthread_cond_destroy(&n->wake);
    pthread_mutex_destroy(&n->lock);
    free(n);
}
