/* GET /: the dashboard. One page with its script and its style, put into the program when it is built (src/app/web, see CMakeLists.txt). It holds no data:
 * its script asks /v1 for it, with the token that it has from who looks. Each answer gets a nonce of its own, which its script and style carry, and which
 * the policy in its header asks for: what else may get into the page does not run. */
#include <stdio.h>
#include <sys/random.h>

#include "hotlead/base/slice.h"
#include "http_v1.h"
#include "page.h"

#define MARK "@NONCE@"

static bool make_nonce(char nonce[33])
{
    unsigned char bytes[16];
    if (getrandom(bytes, sizeof(bytes), 0) != (ssize_t)sizeof(bytes)) return false;
    for (size_t i = 0; i < sizeof(bytes); i++) snprintf(nonce + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

void hl_http_get_page(struct hl_http_api *api, const struct hl_http_request *q, struct hl_http_response *r)
{
    struct hl_slice rest = {(const char *)hl_page, hl_page_bytes};
    (void)api, (void)q;
    if (!make_nonce(r->nonce)) {
        hl_http_our_fault(r, "the system has no random numbers");
        return;
    }
    r->content_type = "text/html; charset=utf-8";
    for (const char *mark; (mark = memmem(rest.data, rest.len, MARK, sizeof(MARK) - 1));) {
        hl_buf_put(&r->body, rest.data, (size_t)(mark - rest.data));
        hl_buf_put(&r->body, r->nonce, sizeof(r->nonce) - 1);
        rest.len -= (size_t)(mark - rest.data) + sizeof(MARK) - 1;
        rest.data = mark + sizeof(MARK) - 1;
    }
    hl_buf_put(&r->body, rest.data, rest.len);
}
