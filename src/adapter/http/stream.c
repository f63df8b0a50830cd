/* DESIGN  The library asks for bytes when the client has room. When there are none, the connection is suspended, and woken by the tick that finds some.
 * So a client that does not read costs one buffer and is asked for nothing more; its seat's time runs on and it is ended like any other. One that waits
 * for us has its time begin anew with each tick; that its peer has gone is seen by looking at the socket, which a suspended connection's library does
 * not do.
 *
 * WHY NOT wake up for each event: the one who writes would have to know who listens. Ten times a second is enough for eyes. */
#include "stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "hotlead/base/clock.h"

#define BLOCK_BYTES 16384

struct hl_http_stream {
    struct hl_http_stream *next, **link;
    struct hl_http_streams *all;
    struct MHD_Connection *c;
    struct hl_http_seat *seat;
    bool (*more)(void *source, struct hl_buf *out);
    void (*end)(void *source);
    void *source;
    struct hl_buf out;
    size_t at; /* what the client has of it */
    int64_t due_ns;
    bool suspended, ended;
};

static ssize_t give(void *cls, uint64_t position, char *to, size_t most)
{
    struct hl_http_stream *s = cls;
    (void)position;
    size_t left = s->out.len - s->at;
    if (left == 0 && (s->ended || s->all->ending)) return MHD_CONTENT_READER_END_OF_STREAM;
    if (left == 0) {
        s->suspended = true;
        MHD_suspend_connection(s->c);
        return 0;
    }
    if (left > most) left = most;
    memcpy(to, s->out.data + s->at, left);
    s->at += left;
    return (ssize_t)left;
}

static void finish(void *cls)
{
    struct hl_http_stream *s = cls;
    if (s->next) s->next->link = s->link;
    *s->link = s->next;
    s->all->n--;
    s->end(s->source);
    hl_buf_fini(&s->out);
    free(s);
}

static void link_in(struct hl_http_streams *all, struct hl_http_stream *s)
{
    s->all = all;
    s->link = &all->first;
    s->next = all->first;
    if (s->next) s->next->link = &s->next;
    all->first = s;
    all->n++;
}

/* A peer that went away without a word is given up after the time of an answer, not after a quarter of an hour. */
static void bound_silence(int fd)
{
    unsigned ms = 30000;
    setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

struct MHD_Response *hl_http_stream_open(struct hl_http_streams *all, struct MHD_Connection *c, struct hl_http_seat *seat, struct hl_http_response *r)
{
    struct hl_http_stream *s = calloc(1, sizeof(*s));
    if (!s) return NULL;
    *s = (struct hl_http_stream){.c = c, .seat = seat, .more = r->more, .end = r->end, .source = r->source};
    struct MHD_Response *m = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES, give, s, finish);
    if (!m) {
        free(s);
        return NULL;
    }
    s->out = r->body;
    hl_buf_init(&r->body);
    link_in(all, s);
    if (seat) bound_silence(seat->fd);
    return m;
}

static bool peer_is_gone(const struct hl_http_stream *s)
{
    char byte;
    return s->seat && recv(s->seat->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

static void wake(struct hl_http_stream *s)
{
    s->suspended = false;
    MHD_resume_connection(s->c);
}

static void ask(struct hl_http_stream *s, int64_t now_ns)
{
    s->due_ns = now_ns + HL_HTTP_ASK_MS * INT64_C(1000000);
    hl_buf_clear(&s->out);
    s->at = 0;
    s->ended = peer_is_gone(s) || !s->more(s->source, &s->out) || s->out.failed;
    if (s->out.failed) hl_buf_clear(&s->out);
    hl_http_seat_turn(s->seat, true, now_ns);
    if (s->ended || s->out.len) wake(s);
}

bool hl_http_streams_tick(struct hl_http_streams *all, int64_t now_ns)
{
    for (struct hl_http_stream *s = all->first, *next; s; s = next) {
        next = s->next;
        if (s->suspended && now_ns >= s->due_ns) ask(s, now_ns);
    }
    return all->first != NULL;
}

void hl_http_streams_end(struct hl_http_streams *all)
{
    all->ending = true;
    for (struct hl_http_stream *s = all->first; s; s = s->next)
        if (s->suspended) wake(s);
}
