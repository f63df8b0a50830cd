#include "redis_server.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_ARGS 48
#define START_TRIES 500 /* of 20 ms */

int redis_server_free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), port = 0;
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && getsockname(fd, (struct sockaddr *)&a, &len) == 0)
        port = ntohs(a.sin_port);
    close(fd);
    return port;
}

static bool answers(const struct redis_server *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char reply[2];
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", s->socket);
    bool ok = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0 && send(fd, "PING\r\n", 6, MSG_NOSIGNAL) == 6 &&
              read(fd, reply, sizeof(reply)) == sizeof(reply) && memcmp(reply, "-L", 2) != 0; /* LOADING */
    close(fd);
    return ok;
}

/* In the child; returns only when redis-server cannot be run. */
static void run(const struct redis_server *s, const char *const *options)
{
    char port[16], log[96], words[MAX_ARGS][64];
    char *argv[MAX_ARGS];
    int n = 0;
    snprintf(port, sizeof(port), "%d", s->port);
    snprintf(log, sizeof(log), "%s/log", s->dir);
    const char *fixed[] = {"redis-server", "--port", port, "--bind",    "127.0.0.1", "--unixsocket", s->socket, "--dir",
                           s->dir,         "--save", "",   "--logfile", log,         "--daemonize",  "no"};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(*fixed); i++) argv[n++] = strdup(fixed[i]);
    for (int i = 0; options && options[i] && n < MAX_ARGS - 1; i++) {
        snprintf(words[i], sizeof(words[i]), "%s%s", i % 2 ? "" : "--", options[i]);
        argv[n++] = words[i];
    }
    argv[n] = NULL;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    execvp(argv[0], argv);
}

static bool wait_until_up(struct redis_server *s)
{
    for (int i = 0; i < START_TRIES; i++) {
        int status;
        if (answers(s)) return true;
        if (waitpid(s->pid, &status, WNOHANG) == s->pid) {
            bool missing = WIFEXITED(status) && WEXITSTATUS(status) == 127;
            fprintf(stderr,
                    missing ? "redis-server is not installed (apt-get install redis-server)\n"
                            : "redis-server ended at once, see %s/log\n",
                    s->dir);
            s->pid = 0;
            return false;
        }
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    fprintf(stderr, "redis-server does not answer on %s\n", s->socket);
    redis_server_kill(s);
    return false;
}

bool redis_server_restart(struct redis_server *s, const char *const *options)
{
    s->pid = fork();
    if (s->pid == 0) {
        run(s, options);
        _exit(127);
    }
    return s->pid > 0 && wait_until_up(s);
}

bool redis_server_start(struct redis_server *s, const char *const *options)
{
    *s = (struct redis_server){.dir = "/tmp/hotlead-redis-XXXXXX"};
    if (!mkdtemp(s->dir)) {
        fprintf(stderr, "mkdtemp: %s\n", strerror(errno));
        return false;
    }
    snprintf(s->socket, sizeof(s->socket), "%s/sock", s->dir);
    for (int tries = 0; tries < 5; tries++) { /* another process may have taken the port meanwhile */
        s->port = redis_server_free_port();
        snprintf(s->url, sizeof(s->url), "redis://127.0.0.1:%d", s->port);
        if (redis_server_restart(s, options)) return true;
    }
    redis_server_stop(s);
    return false;
}

void redis_server_kill(struct redis_server *s)
{
    if (s->pid <= 0) return;
    kill(s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    s->pid = 0;
}

static void remove_folder(const char *path)
{
    DIR *d = opendir(path);
    if (!d) return;
    for (const struct dirent *e; (e = readdir(d));) {
        if (strcmp(e->d_name, ".") == 0 || strcmp(e->d_name, "..") == 0) continue;
        if (unlinkat(dirfd(d), e->d_name, 0) == 0) continue;
        char below[512]; /* appendonlydir */
        snprintf(below, sizeof(below), "%s/%s", path, e->d_name);
        remove_folder(below);
    }
    closedir(d);
    rmdir(path);
}

void redis_server_stop(struct redis_server *s)
{
    redis_server_kill(s);
    if (s->dir[0]) remove_folder(s->dir);
    s->dir[0] = '\0';
}
