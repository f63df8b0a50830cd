/* Private: who is connected, since when, and who has to go. One thread. */
#ifndef HL_HTTP_GUARD_H
#define HL_HTTP_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

enum { HL_HTTP_CONNECTIONS = 64, HL_HTTP_CROWD = 48, HL_HTTP_CROWD_OF_ONE = 16 };

struct hl_http_seat {
    bool taken, ended, answering;
    int fd;
    unsigned char address[16];
    int64_t since_ns; /* when the connection was made, the answer begun, or the answer before this wait ended */
};

struct hl_http_guard {
    int64_t request_ns, answer_ns; /* a whole request, and the taking of its answer, have this long */
    struct hl_http_seat seats[HL_HTTP_CONNECTIONS];
};

/* A newcomer; ends another if there are too many of its address, or of all. NULL: no seat is free. */
struct hl_http_seat *hl_http_guard_enter(struct hl_http_guard *g, int fd, const struct sockaddr *from, int64_t now_ns);
void hl_http_seat_leave(struct hl_http_seat *s);
void hl_http_seat_turn(struct hl_http_seat *s, bool answering, int64_t now_ns);
/* Ends connections whose time is over; how long until the next one's is, -1: nobody is connected. */
int64_t hl_http_guard_sweep(struct hl_http_guard *g, int64_t now_ns);

#endif
