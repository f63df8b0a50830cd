#include "child.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* In the child: only calls that are safe after fork. The reason of a failure goes through the pipe, which a successful exec
 * closes. */
static _Noreturn void become(char *const *argv, const char *log, int report, pid_t parent)
{
    int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600), in = open("/dev/null", O_RDONLY);
    setpgid(0, 0); /* out of the terminal's group */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(127); /* it ended before prctl */
    if (out >= 0 && in >= 0 && dup2(in, 0) >= 0 && dup2(out, 1) >= 0 && dup2(out, 2) >= 0) execvp(argv[0], argv);
    int reason = errno;
    if (write(report, &reason, sizeof(reason)) < 0) _exit(126);
    _exit(127);
}

enum hl_status hl_child_start(struct hl_child *c, const char *const *argv, const char *log, bool *missing, struct hl_error *err)
{
    union {
        const char *const *from;
        char *const *to; /* execvp changes nothing, its type only says so */
    } args = {.from = argv};
    int report[2], reason = 0;
    *missing = false;
    c->pid = 0;
    if (pipe2(report, O_CLOEXEC)) return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "pipe: %s", strerror(errno));
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) become(args.to, log, report[1], parent);
    close(report[1]);
    if (pid < 0)
        reason = errno;
    else if (read(report[0], &reason, sizeof(reason)) != sizeof(reason))
        reason = 0;
    close(report[0]);
    if (reason == 0) {
        c->pid = pid;
        return HL_OK;
    }
    if (pid > 0) waitpid(pid, NULL, 0);
    *missing = reason == ENOENT;
    return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "%s does not start: %s", argv[0], strerror(reason));
}

bool hl_child_is_running(struct hl_child *c)
{
    if (c->pid <= 0) return false;
    if (waitpid(c->pid, NULL, WNOHANG) == 0) return true;
    c->pid = 0;
    return false;
}

void hl_child_stop(struct hl_child *c)
{
    if (!hl_child_is_running(c)) return;
    kill(c->pid, SIGTERM);
    for (int i = 0; i < 200 && hl_child_is_running(c); i++) nanosleep(&(struct timespec){0, 10000000}, NULL);
    if (c->pid <= 0) return;
    kill(c->pid, SIGKILL);
    waitpid(c->pid, NULL, 0);
    c->pid = 0;
}

void hl_child_remove_folder(const char *path)
{
    DIR *d = opendir(path);
    if (!d) return;
    for (const struct dirent *e; (e = readdir(d));) (void)!unlinkat(dirfd(d), e->d_name, 0);
    closedir(d);
    rmdir(path);
}
