#include "hotlead/adapter/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_BODY ((size_t)16 << 20)
#define MAX_TOKEN 4096

struct answer {
    struct hl_buf *body;
    bool too_large;
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct answer *a = arg;
    a->too_large = a->body->len + size * n > MAX_BODY;
    if (a->too_large) return 0;
    hl_buf_put(a->body, data, size * n);
    return a->body->failed ? 0 : size * n;
}

static enum hl_status add_token(const char *path, struct curl_slist **headers, struct hl_error *err)
{
    char token[MAX_TOKEN] = "", line[MAX_TOKEN + 32];
    FILE *f = fopen(path, "rbe");
    size_t n = f ? fread(token, 1, sizeof(token) - 1, f) : 0;
    int why = errno;
    if (f) fclose(f);
    if (!f) return hl_error_set(err, HL_E_CONFIG, HL_STOP, "http.token_file %.300s: %s", path, strerror(why));
    token[n] = '\0';
    token[strcspn(token, " \t\r\n")] = '\0';
    snprintf(line, sizeof(line), "Authorization: Bearer %s", token);
    struct curl_slist *longer = curl_slist_append(*headers, line);
    if (longer) *headers = longer;
    explicit_bzero(token, sizeof(token));
    explicit_bzero(line, sizeof(line));
    return longer ? HL_OK : hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
}

static enum hl_status perform(CURL *curl, const struct hl_fetch_request *q, struct curl_slist *headers, struct answer *a, long *http,
                              struct hl_error *err)
{
    char why[CURL_ERROR_SIZE] = "";
    curl_easy_setopt(curl, CURLOPT_URL, q->url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "hotlead/" HL_VERSION);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)q->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_PROXY, ""); /* a token is for the process alone */
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, http);
    if (code == CURLE_OK) return HL_OK;
    if (a->too_large) return hl_error_set(err, HL_E_TOO_LARGE, HL_STOP, "%.300s: the answer has more than %zu bytes", q->url, MAX_BODY);
    bool wrong = code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL;
    return hl_error_set(err, wrong ? HL_E_CONFIG : HL_E_UNAVAILABLE, HL_STOP, "%.200s: %.200s", q->url, why[0] ? why : curl_easy_strerror(code));
}

enum hl_status hl_fetch_get(const struct hl_fetch_request *q, long *http, struct hl_buf *body, struct hl_error *err)
{
    char accept[128];
    struct answer a = {body, false};
    snprintf(accept, sizeof(accept), "Accept: %s", q->accept);
    struct curl_slist *headers = curl_slist_append(NULL, accept);
    CURL *curl = curl_easy_init();
    enum hl_status status = curl && headers ? HL_OK : hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    *http = 0;
    if (!status && q->token_file) status = add_token(q->token_file, &headers, err);
    if (!status) status = perform(curl, q, headers, &a, http, err);
    curl_easy_cleanup(curl);
    curl_slist_free_all(headers);
    return status;
}

void hl_fetch_problem(long http, struct hl_slice body, char *out, size_t cap)
{
    json_t *root = json_loadb(body.data, body.len, 0, NULL);
    const char *detail = json_string_value(json_object_get(root, "detail"));
    if (!detail) detail = json_string_value(json_object_get(root, "title"));
    if (detail)
        snprintf(out, cap, "%s", detail);
    else
        snprintf(out, cap, "HTTP status %ld", http);
    json_decref(root);
}
