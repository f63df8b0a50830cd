/* DESIGN  A seat for each connection. It has a limited time for a whole request, however the bytes trickle in, and a longer one for taking the
 * answer. When a newcomer finds too many, the one that has waited longest goes: first of those with the newcomer's address, else of all. So who
 * holds connections open, from one place or from many, keeps nobody out who has a request to make, the prober of /livez least of all.
 *
 * A connection is ended by shutting its socket down: the library then sees its end and closes it.
 *
 * WHY NOT libmicrohttpd's own limits: its timeout starts anew with every byte, and its limits refuse the newcomer, who may be the prober. */
#include "guard.h"

#include <netinet/in.h>
#include <stddef.h>
#include <string.h>

static void address_of(const struct sockaddr *from, unsigned char address[16])
{
    memset(address, 0, 16);
    if (from->sa_family == AF_INET)
        memcpy(address, &((const struct sockaddr_in *)(const void *)from)->sin_addr, 4);
    else if (from->sa_family == AF_INET6)
        memcpy(address, &((const struct sockaddr_in6 *)(const void *)from)->sin6_addr, 16);
}

static void end(struct hl_http_seat *s)
{
    s->ended = true;
    shutdown(s->fd, SHUT_RDWR);
}

/* Whoever waits goes before whoever is being answered, then the oldest; `address` NULL: of any. */
static void end_one(struct hl_http_guard *g, const unsigned char *address, unsigned most)
{
    struct hl_http_seat *out = NULL;
    unsigned n = 0;
    for (size_t i = 0; i < HL_HTTP_CONNECTIONS; i++) {
        struct hl_http_seat *s = &g->seats[i];
        if (!s->taken || s->ended || (address && memcmp(s->address, address, sizeof(s->address)) != 0)) continue;
        n++;
        if (!out || s->answering < out->answering || (s->answering == out->answering && s->since_ns < out->since_ns)) out = s;
    }
    if (n > most) end(out);
}

struct hl_http_seat *hl_http_guard_enter(struct hl_http_guard *g, int fd, const struct sockaddr *from, int64_t now_ns)
{
    struct hl_http_seat *s = NULL;
    for (size_t i = 0; i < HL_HTTP_CONNECTIONS && !s; i++)
        if (!g->seats[i].taken) s = &g->seats[i];
    if (!s) return NULL;
    *s = (struct hl_http_seat){.taken = true, .fd = fd, .since_ns = now_ns};
    address_of(from, s->address);
    end_one(g, s->address, HL_HTTP_CROWD_OF_ONE);
    end_one(g, NULL, HL_HTTP_CROWD);
    return s;
}

void hl_http_seat_leave(struct hl_http_seat *s)
{
    if (s) s->taken = false;
}

void hl_http_seat_turn(struct hl_http_seat *s, bool answering, int64_t now_ns)
{
    if (!s) return;
    s->answering = answering;
    s->since_ns = now_ns;
}

int64_t hl_http_guard_sweep(struct hl_http_guard *g, int64_t now_ns)
{
    int64_t next = -1;
    for (size_t i = 0; i < HL_HTTP_CONNECTIONS; i++) {
        struct hl_http_seat *s = &g->seats[i];
        if (!s->taken || s->ended) continue;
        int64_t left = s->since_ns + (s->answering ? g->answer_ns : g->request_ns) - now_ns;
        if (left <= 0)
            end(s);
        else if (next < 0 || left < next)
            next = left;
    }
    return next;
}
