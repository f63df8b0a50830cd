/* A real redis-server for a test: loopback port and unix socket, files in a temporary folder, killed when the test ends or dies.
 */
#ifndef HOTLEAD_TESTS_REDIS_SERVER_H
#define HOTLEAD_TESTS_REDIS_SERVER_H

#include <stdbool.h>
#include <sys/types.h>

struct redis_server {
    pid_t pid; /* 0: not running */
    int port;
    char dir[64];
    char socket[96];
    char url[64]; /* redis://127.0.0.1:PORT */
};

/* `options`: pairs of redis.conf words ("requirepass", "secret"), NULL at the end; may be NULL. False with a message on stderr;
 * redis-server must be installed. */
bool redis_server_start(struct redis_server *s, const char *const *options);
/* Start again after a kill: same port and folder, so what was saved is back. */
bool redis_server_restart(struct redis_server *s, const char *const *options);
/* kill -9, and wait. */
void redis_server_kill(struct redis_server *s);
/* Kill, and remove the folder. */
void redis_server_stop(struct redis_server *s);
/* A loopback TCP port that was free a moment ago. */
int redis_server_free_port(void);

#endif
