/* Private, pure: by which names a server may be called that asks for no token. A page of elsewhere whose own name is made to lead to this machine
 * (DNS rebinding) calls it by that name, and may otherwise read what it answers. */
#ifndef HL_HTTP_HOST_H
#define HL_HTTP_HOST_H

#include "hotlead/base/slice.h"

/* host: a Host header, with or without a port; NULL: none was sent, which no browser does. Known are localhost, the addresses of loopback, `own`
 * and the names of `others`, which stand apart by commas or blanks. Letters may be large or small. */
bool hl_http_host_is_known(const char *host, const char *own, const char *others);

#endif
