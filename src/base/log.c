/* DESIGN
 * A line is built on the stack and leaves in one write, so lines of different threads do not mix. The limiter is a small
 * fixed table of (level, event) pairs under one mutex; a pair that was cut says how often with the first line, of any
 * event, that comes after its second is over. Pairs beyond the table are not limited: events are literals of this
 * program, and it has far fewer.
 * Nobody may read the log: a pipe that is full would hold up the thread that writes to it, and all others with it. So a line is written only
 * where there is room for it, is dropped otherwise, and what was dropped is counted and said before the next line that is written.
 *
 * WHY NOT O_NONBLOCK: it would hold for everybody who shares the file, the shell for one.
 *
 * THREADS
 * Any. The level is an atomic, the limiter and the writing are behind a mutex each, since room for one line is not room for two. */
#include "hotlead/base/log.h"

#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hotlead/base/clock.h"

#define LINES_PER_SECOND 20
#define SECOND_NS INT64_C(1000000000)
#define LINE_BYTES 4096
#define PAIRS 256

static const char *const level_names[] = {"debug", "info", "warn", "error"};

struct pair {
    const char *event;
    enum hl_log_level level;
    int64_t since_ns;
    uint32_t lines, cut;
};

static struct {
    _Atomic int level;
    pthread_mutex_t mutex;
    struct pair pairs[PAIRS];
    unsigned n_pairs;
    unsigned n_cut; /* pairs with cut > 0 */
    pthread_mutex_t writing;
    unsigned n_dropped; /* lines for which there was no room */
} state = {.level = HL_LOG_INFO, .mutex = PTHREAD_MUTEX_INITIALIZER, .writing = PTHREAD_MUTEX_INITIALIZER};

void hl_log_set_level(enum hl_log_level level)
{
    atomic_store_explicit(&state.level, (int)level, memory_order_relaxed);
}

bool hl_log_level_parse(const char *name, enum hl_log_level *out)
{
    for (unsigned i = 0; i < HL_ARRAY_LEN(level_names); i++) {
        if (strcmp(name, level_names[i]) != 0) continue;
        *out = (enum hl_log_level)i;
        return true;
    }
    return false;
}

/* The start of every line; returns its length. */
static size_t put_head(char *line, enum hl_log_level level, const char *event)
{
    int64_t ms = hl_clock_wall_ms();
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(line, LINE_BYTES, "%Y-%m-%dT%H:%M:%S", &tm);
    n += (size_t)snprintf(line + n, LINE_BYTES - n, ".%03dZ level=%s event=%.200s", (int)(ms % 1000), level_names[level], event);
    return n;
}

/* A line is no longer than PIPE_BUF: where poll sees room, a write does not wait. */
static bool has_room(void)
{
    struct pollfd p = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&p, 1, 0) > 0;
}

static void say_dropped(void)
{
    char line[LINE_BYTES];
    size_t n = put_head(line, HL_LOG_WARN, "log_dropped");
    n += (size_t)snprintf(line + n, sizeof line - n, " lines=%u\n", state.n_dropped);
    if (write(STDERR_FILENO, line, n) > 0) state.n_dropped = 0;
}

/* One line is one write. What an argument may have smuggled in must not look like a line of its own. */
static void write_line(char *line, size_t len)
{
    if (len > LINE_BYTES - 1) len = LINE_BYTES - 1;
    for (size_t i = 0; i < len; i++)
        if ((unsigned char)line[i] < 0x20) line[i] = ' ';
    line[len++] = '\n';
    pthread_mutex_lock(&state.writing);
    if (state.n_dropped && has_room()) say_dropped();
    /* a log that cannot be written cannot be reported either: it is counted, in case it can be later */
    if (!has_room() || write(STDERR_FILENO, line, len) < 0) state.n_dropped++;
    pthread_mutex_unlock(&state.writing);
}

static struct pair *find_pair(enum hl_log_level level, const char *event, int64_t now_ns)
{
    for (unsigned i = 0; i < state.n_pairs; i++) {
        struct pair *p = &state.pairs[i];
        if (p->level == level && strcmp(p->event, event) == 0) return p;
    }
    if (state.n_pairs == PAIRS) return NULL;
    struct pair *p = &state.pairs[state.n_pairs++];
    *p = (struct pair){.event = event, .level = level, .since_ns = now_ns};
    return p;
}

/* Takes one pair whose second is over and which was cut. */
static bool take_overdue(int64_t now_ns, struct pair *out)
{
    for (unsigned i = 0; state.n_cut && i < state.n_pairs; i++) {
        struct pair *p = &state.pairs[i];
        if (!p->cut || now_ns - p->since_ns < SECOND_NS) continue;
        *out = *p;
        p->cut = 0;
        state.n_cut--;
        return true;
    }
    return false;
}

static bool admit(enum hl_log_level level, const char *event, int64_t now_ns)
{
    struct pair *p = find_pair(level, event, now_ns);
    if (!p) return true;
    if (now_ns - p->since_ns >= SECOND_NS) {
        p->since_ns = now_ns;
        p->lines = 0;
    }
    if (p->lines < LINES_PER_SECOND) {
        p->lines++;
        return true;
    }
    state.n_cut += p->cut++ == 0;
    return false;
}

/* Says what was cut, then decides on this line. */
static bool pass_limit(enum hl_log_level level, const char *event)
{
    int64_t now_ns = hl_clock_mono_ns();
    struct pair overdue;
    char line[LINE_BYTES];
    for (;;) {
        pthread_mutex_lock(&state.mutex);
        bool more = take_overdue(now_ns, &overdue);
        bool pass = !more && admit(level, event, now_ns);
        pthread_mutex_unlock(&state.mutex);
        if (!more) return pass;
        size_t n = put_head(line, overdue.level, "log_limited");
        n += (size_t)snprintf(line + n, sizeof line - n, " of=%.200s lines=%u", overdue.event, overdue.cut);
        write_line(line, n);
    }
}

void hl_log(enum hl_log_level level, const char *event, const char *fmt, ...)
{
    if ((int)level < atomic_load_explicit(&state.level, memory_order_relaxed)) return;
    if (!pass_limit(level, event)) return;
    char line[LINE_BYTES];
    size_t n = put_head(line, level, event);
    if (fmt[0]) {
        line[n++] = ' ';
        va_list ap;
        va_start(ap, fmt);
        int more = vsnprintf(line + n, sizeof line - n, fmt, ap);
        va_end(ap);
        if (more > 0) n += (size_t)more;
    }
    write_line(line, n);
}

/* Escaped form of one byte; returns its length. */
static size_t escape(char out[5], char c)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char u = (unsigned char)c;
    if (c == '"' || c == '\\') {
        out[0] = '\\';
        out[1] = c;
        return 2;
    }
    if (u >= 0x20 && u != 0x7f) {
        out[0] = c;
        return 1;
    }
    memcpy(out, "\\x", 2);
    out[2] = hex[u >> 4];
    out[3] = hex[u & 15];
    return 4;
}

const char *hl_log_quote(char *buf, size_t cap, const char *s)
{
    if (cap < 3) {
        if (cap) buf[0] = '\0';
        return buf;
    }
    size_t n = 0;
    buf[n++] = '"';
    for (; s && *s; s++) {
        char piece[5];
        size_t len = escape(piece, *s);
        if (n + len + 2 > cap) break;
        memcpy(buf + n, piece, len);
        n += len;
    }
    buf[n++] = '"';
    buf[n] = '\0';
    return buf;
}
