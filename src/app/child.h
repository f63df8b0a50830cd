/* A server of our own as a child process: it never outlives us, and a Ctrl-C in the terminal does not reach it. Main thread
 * only, since the kernel ends the child when the thread that started it ends. */
#ifndef HOTLEAD_APP_CHILD_H
#define HOTLEAD_APP_CHILD_H

#include <sys/types.h>

#include "hotlead/base/status.h"

struct hl_child {
    pid_t pid; /* 0: none */
};

/* argv ends with NULL; argv[0] is looked up in PATH. Output goes to the file `log`. HL_E_UNAVAILABLE with *missing set when
 * there is no such program. */
enum hl_status hl_child_start(struct hl_child *c, const char *const *argv, const char *log, bool *missing,
                              struct hl_error *err) HL_WARN_UNUSED;
bool hl_child_is_running(struct hl_child *c);
/* SIGTERM, and SIGKILL to one that does not end within two seconds. */
void hl_child_stop(struct hl_child *c);
/* Remove a folder of files (no folders below it are followed). */
void hl_child_remove_folder(const char *path);

#endif
