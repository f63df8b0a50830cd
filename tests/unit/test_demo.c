/* `hotlead demo` as a program: its final tables add up, and nothing of it is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "under_tsan.h"

#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#define MAX_ARGS 16

static const char *binary;

struct run {
    pid_t pid;
    int out;
    char text[1 << 16];
    size_t len;
};

static void start(struct run *r, const char *const *args)
{
    char *argv[MAX_ARGS] = {strdup(binary)};
    int n = 1, pipes[2];
    for (; args[n - 1]; n++) argv[n] = strdup(args[n - 1]);
    assert_int_equal(pipe(pipes), 0);
    *r = (struct run){.pid = fork(), .out = pipes[0]};
    if (r->pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(pipes[1], 1);
        close(pipes[0]);
        close(pipes[1]);
        execv(argv[0], argv);
        _exit(127);
    }
    close(pipes[1]);
    for (int i = 0; i < n; i++) free(argv[i]);
    assert_true(r->pid > 0);
}

/* Read until the output holds `text`, or ends. */
static bool read_until(struct run *r, const char *text)
{
    while (r->len < sizeof(r->text) - 1) {
        if (text && strstr(r->text, text)) return true;
        ssize_t n = read(r->out, r->text + r->len, sizeof(r->text) - 1 - r->len);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) break;
        r->len += (size_t)n;
        r->text[r->len] = '\0';
    }
    return text && strstr(r->text, text);
}

static int finish(struct run *r)
{
    int status;
    read_until(r, NULL);
    close(r->out);
    assert_int_equal(waitpid(r->pid, &status, 0), r->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

/* How many redis-servers run in this folder; while one starts, its command line names the folder. */
static int servers_in(const char *folder)
{
    DIR *proc = opendir("/proc");
    int found = 0;
    assert_non_null(proc);
    for (const struct dirent *e; (e = readdir(proc));) {
        char path[300], line[1024] = "";
        snprintf(path, sizeof(path), "/proc/%s/cmdline", e->d_name);
        FILE *f = fopen(path, "r");
        if (!f) continue;
        size_t n = fread(line, 1, sizeof(line) - 1, f);
        fclose(f);
        for (size_t i = 0; i < n; i++)
            if (line[i] == '\0') line[i] = ' ';
        found += strstr(line, "redis-server") && strstr(line, folder);
    }
    closedir(proc);
    return found;
}

/* The folder of a demo that runs, found by its redis-server. */
static bool folder_of(pid_t pid, char folder[300])
{
    char path[64], children[256] = "", line[1024] = "";
    snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
    FILE *f = fopen(path, "r");
    if (!f) return false;
    bool some = fgets(children, sizeof(children), f);
    fclose(f);
    if (!some) return false;
    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)strtol(children, NULL, 10));
    if (!(f = fopen(path, "r"))) return false;
    size_t n = fread(line, 1, sizeof(line) - 1, f);
    fclose(f);
    for (size_t i = 0; i + 1 < n; i++)
        if (line[i] == '\0') line[i] = ' ';
    const char *at = strstr(line, "/tmp/hotlead-demo-");
    if (!at) return false;
    snprintf(folder, 300, "%.*s", (int)sizeof("/tmp/hotlead-demo-XXXXXX") - 1, at);
    return true;
}

static json_int_t count(const json_t *o, const char *key)
{
    const json_t *v = json_object_get(o, key);
    assert_true(json_is_integer(v));
    return json_integer_value(v);
}

static json_int_t reached(const json_t *root, const char *stage)
{
    size_t i;
    const json_t *line;
    json_array_foreach(json_object_get(root, "funnel"), i, line) if (strcmp(json_string_value(json_object_get(line, "stage")),
                                                                            stage) == 0) return count(line, "reached");
    fail_msg("no stage %s in the funnel", stage);
    return 0;
}

static json_int_t sum_now(const json_t *root)
{
    size_t i;
    const json_t *line;
    json_int_t sum = 0;
    json_array_foreach(json_object_get(root, "funnel"), i, line) sum += count(line, "now");
    return sum;
}

static void the_final_tables_add_up(void **state)
{
    (void)state;
    static struct run r;
    start(&r, (const char *const[]){"demo", "--seconds", "20", "--contacts", "300", "--rate", "0", "--listen", "off", "-o",
                                    "json", NULL});
    assert_int_equal(finish(&r), 0);
    json_error_t why;
    json_t *root = json_loads(r.text, 0, &why);
    if (!root) fail_msg("%s: %s", why.text, r.text);
    const json_t *events = json_object_get(root, "events");
    assert_true(json_is_true(json_object_get(events, "balanced")));
    assert_int_equal(count(events, "sent"), count(events, "consumed"));
    assert_int_equal(count(events, "scored") + count(events, "ignored") + count(events, "duplicates") +
                         count(events, "dead_letters"),
                     count(events, "consumed"));
    assert_true(count(events, "dead_letters") > 0 && count(events, "duplicates") > 0);
    assert_int_equal(sum_now(root), count(root, "contacts"));
    assert_true(reached(root, "mql") > 0);
    assert_true(reached(root, "lead") >= reached(root, "mql"));
    assert_true(reached(root, "subscriber") >= reached(root, "lead"));
    assert_true(reached(root, "anonymous") == count(root, "contacts"));
    assert_true(reached(root, "sal") > 0); /* sales has answered */
    assert_int_equal(json_array_size(json_object_get(root, "hottest")), 10);
    json_decref(root);
}

static void an_interrupt_ends_it_cleanly_and_leaves_nothing(void **state)
{
    (void)state;
    static struct run r;
    char folder[300] = "";
    start(&r, (const char *const[]){"demo", "--contacts", "300", "--rate", "500", "--listen", "off", NULL});
    assert_true(read_until(&r, "-> subscriber"));
    assert_true(folder_of(r.pid, folder));
    assert_int_equal(servers_in(folder), 1);
    assert_int_equal(access(folder, F_OK), 0);
    assert_int_equal(kill(r.pid, SIGINT), 0);
    assert_int_equal(finish(&r), 0);
    assert_non_null(strstr(r.text, "The hottest contacts"));
    assert_null(strchr(r.text, '\033')); /* no control codes into a pipe */
    assert_int_equal(servers_in(folder), 0);
    assert_int_not_equal(access(folder, F_OK), 0);
}

static void a_killed_demo_leaves_no_server(void **state)
{
    (void)state;
    static struct run r;
    char folder[300] = "";
    start(&r, (const char *const[]){"demo", "--contacts", "50", "--listen", "off", NULL});
    assert_true(read_until(&r, "hotlead demo"));
    assert_true(folder_of(r.pid, folder));
    kill(r.pid, SIGKILL);
    assert_int_equal(finish(&r), 1000 + SIGKILL);
    for (int i = 0; i < 500 && servers_in(folder); i++) usleep(10000);
    assert_int_equal(servers_in(folder), 0);
    char command[400];
    snprintf(command, sizeof(command), "%s/redis.sock", folder);
    unlink(command);
    snprintf(command, sizeof(command), "%s/redis.log", folder);
    unlink(command);
    assert_int_equal(rmdir(folder), 0);
}

static int exit_code_of(const char *const *args)
{
    static struct run r;
    start(&r, args);
    return finish(&r);
}

static void wrong_use_is_told_apart(void **state)
{
    (void)state;
    assert_int_equal(exit_code_of((const char *const[]){"demo", "--help", NULL}), 0);
    assert_int_equal(exit_code_of((const char *const[]){"demo", "--contacts", "0", NULL}), 64);
    assert_int_equal(exit_code_of((const char *const[]){"demo", "--rate", "much", NULL}), 64);
    assert_int_equal(exit_code_of((const char *const[]){"demo", "-o", "xml", NULL}), 64);
    assert_int_equal(exit_code_of((const char *const[]){"demo", "now", NULL}), 64);
    assert_int_equal(exit_code_of((const char *const[]){"demo", "--model", "/no/such/model.yaml", "-o", "json", NULL}), 78);
}

static void without_redis_server_it_says_how_to_get_it(void **state)
{
    (void)state;
    char *path = strdup(getenv("PATH") ? getenv("PATH") : "");
    setenv("PATH", "/nonexistent", 1);
    int code = exit_code_of((const char *const[]){"demo", NULL});
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(code, 69);
}

int main(void)
{
#if UNDER_TSAN
    printf("skipped: the mock cluster does not run under ThreadSanitizer\n");
    return 0;
#endif
    binary = getenv("HL_BINARY");
    if (!binary || !*binary) {
        printf("skipped: HL_BINARY does not name the hotlead program\n");
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_final_tables_add_up),
        cmocka_unit_test(an_interrupt_ends_it_cleanly_and_leaves_nothing),
        cmocka_unit_test(a_killed_demo_leaves_no_server),
        cmocka_unit_test(wrong_use_is_told_apart),
        cmocka_unit_test(without_redis_server_it_says_how_to_get_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
