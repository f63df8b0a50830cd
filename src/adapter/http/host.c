#include "host.h"

#include <arpa/inet.h>

#define SEPARATORS ", \t"

/* Without its port, the brackets of an address, and the dot of a whole name. */
static struct hl_slice name_of(const char *host)
{
    struct hl_slice s = {host, strcspn(host, ":")};
    if (host[0] == '[') return (struct hl_slice){host + 1, strcspn(host + 1, "]")};
    if (s.len > 1 && host[s.len - 1] == '.') s.len--;
    return s;
}

static bool is_loopback(struct hl_slice name)
{
    char text[INET6_ADDRSTRLEN];
    struct in_addr v4;
    struct in6_addr v6;
    if (name.len >= sizeof(text)) return false;
    memcpy(text, name.data, name.len);
    text[name.len] = '\0';
    if (inet_pton(AF_INET, text, &v4) == 1) return ntohl(v4.s_addr) >> 24 == 127;
    return inet_pton(AF_INET6, text, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static bool is_one_of(struct hl_slice name, const char *names)
{
    while (*(names += strspn(names, SEPARATORS))) {
        struct hl_slice one = {names, strcspn(names, SEPARATORS)};
        if (hl_slice_eq_nocase(name, one)) return true;
        names += one.len;
    }
    return false;
}

bool hl_http_host_is_known(const char *host, const char *own, const char *others)
{
    if (!host) return true;
    struct hl_slice name = name_of(host);
    return hl_slice_eq_nocase(name, HL_SLICE_LIT("localhost")) || is_loopback(name) || hl_slice_eq_nocase(name, hl_slice_of(own)) ||
           is_one_of(name, others);
}
