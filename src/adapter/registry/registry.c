/* DESIGN  A table of schema ids, and one thread that fetches those which are wanted. `get` looks into the table and never waits: an id
 * that is not there is put down as wanted, and the answer is "pending". What the thread learns:
 *
 *   200 with an Avro schema             found, for good (ids never change their meaning)
 *   404, or a schema we cannot use      refused for 30 s, then asked again
 *   anything else (5xx, 401, no route)  still wanted, tried again after 0.25 s, 0.5 s ... 10 s: an outage is no reason to throw records away
 *
 * Redirects are not followed: a registry answers itself, and credentials go to no other host. Files with secrets are read for each
 * request, so that a rotated secret is taken up.
 *
 * THREADS  `mutex` guards the table; the fetching thread holds it only to read and write entries, never over a request. */
#include <curl/curl.h>
#include <errno.h>
#include <jansson.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "answer.h"
#include "hotlead/adapter/registry.h"
#include "hotlead/base/buf.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/log.h"

#define MAX_ANSWER ((size_t)1 << 20)
#define MAX_SECRET 65536
#define MAX_ENTRIES 4096
#define REFUSED_NS 30000000000LL
#define BACKOFF_MIN_NS 250000000LL
#define BACKOFF_MAX_NS 10000000000LL

struct entry {
    uint32_t id;
    enum state state;
    int64_t at_ns;      /* WANTED: when to try; REFUSED: until when */
    int64_t backoff_ns; /* WANTED: after the next failure */
    char *json;         /* FOUND */
    char why[200];      /* REFUSED, and WANTED after a failure */
};

struct registry {
    struct hl_schemas base;
    char *url, *user_file, *token_file, *ca_file, *dir;
    int timeout_ms;
    pthread_t thread;
    bool started;
    atomic_bool stop;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    size_t n, cap;
    struct entry *entries; /* sorted by id */
};

/* --- requests --- */

struct answer {
    struct hl_buf body;
    bool too_large;
    long http;       /* status, 0: none */
    char why[CURL_ERROR_SIZE];
};

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct answer *a = arg;
    if (a->body.len + size * n > MAX_ANSWER) {
        a->too_large = true;
        return 0;
    }
    hl_buf_put(&a->body, data, size * n);
    return a->body.failed ? 0 : size * n;
}

static int on_progress(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a, (void)b, (void)c, (void)d;
    return atomic_load(&((struct registry *)arg)->stop);
}

/* The whole of a small file, NUL-terminated, malloc'ed. NULL: see errno. */
static char *read_file(const char *path, size_t max)
{
    FILE *f = fopen(path, "rbe");
    if (!f) return NULL;
    char *text = malloc(max + 1);
    size_t n = text ? fread(text, 1, max, f) : 0;
    bool bad = !text || ferror(f) || (n == max && getc(f) != EOF);
    int why = ferror(f) ? errno : EFBIG;
    fclose(f);
    if (bad) {
        free(text);
        errno = why;
        return NULL;
    }
    text[n] = '\0';
    return text;
}

static char *read_secret(const char *path, struct answer *a)
{
    char *text = read_file(path, MAX_SECRET);
    if (!text) snprintf(a->why, sizeof(a->why), "%.150s: %s", path, strerror(errno));
    else text[strcspn(text, "\r\n")] = '\0';
    return text;
}

static bool set_auth(const struct registry *r, CURL *curl, struct curl_slist **headers, struct answer *a)
{
    if (r->user_file) {
        char *user = read_secret(r->user_file, a);
        if (!user) return false;
        curl_easy_setopt(curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
        curl_easy_setopt(curl, CURLOPT_USERPWD, user);
        free(user);
    }
    if (r->token_file) {
        char *token = read_secret(r->token_file, a), *line = NULL;
        if (!token) return false;
        if (asprintf(&line, "Authorization: Bearer %s", token) >= 0) *headers = curl_slist_append(*headers, line);
        free(line);
        free(token);
    }
    return true;
}

static void set_options(const struct registry *r, CURL *curl, const char *url, const char *post, struct answer *a)
{
    curl_easy_setopt(curl, CURLOPT_URL, url);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L);
    curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "hotlead/" HL_VERSION);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)r->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)r->timeout_ms);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, a->why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, a);
    curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, on_progress);
    curl_easy_setopt(curl, CURLOPT_XFERINFODATA, (void *)(uintptr_t)r);
    if (r->ca_file) curl_easy_setopt(curl, CURLOPT_CAINFO, r->ca_file);
    if (post) curl_easy_setopt(curl, CURLOPT_POSTFIELDS, post);
}

/* One request; false: no answer at all, a->why says why. */
static bool request(const struct registry *r, CURL *curl, const char *path, const char *post, struct answer *a)
{
    struct curl_slist *headers = NULL;
    char *url = NULL;
    hl_buf_clear(&a->body);
    a->too_large = false;
    a->http = 0;
    a->why[0] = '\0';
    if (asprintf(&url, "%s/%s", r->url, path) < 0) return false;
    curl_easy_reset(curl);
    set_options(r, curl, url, post, a);
    headers = curl_slist_append(headers, "Accept: application/vnd.schemaregistry.v1+json, application/json");
    if (post) headers = curl_slist_append(headers, "Content-Type: application/vnd.schemaregistry.v1+json");
    bool ok = set_auth(r, curl, &headers, a);
    if (ok) {
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers);
        CURLcode code = curl_easy_perform(curl);
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &a->http);
        ok = code == CURLE_OK;
        if (!ok && !a->why[0]) snprintf(a->why, sizeof(a->why), "%s", curl_easy_strerror(code));
    }
    curl_slist_free_all(headers);
    free(url);
    return ok;
}

static void describe(const struct answer *a, char *out, size_t cap)
{
    if (a->http)
        hl_registry_describe(a->http, hl_buf_slice(&a->body), out, cap);
    else
        snprintf(out, cap, "%.190s", a->why);
}

/* --- the thread --- */

static enum state fetch(struct registry *r, CURL *curl, struct answer *a, uint32_t id, char **json, char *why, size_t cap)
{
    char path[64];
    snprintf(path, sizeof(path), "schemas/ids/%u", (unsigned)id);
    bool ok = request(r, curl, path, NULL, a);
    if (ok && a->http == 200) return hl_registry_read_schema(hl_buf_slice(&a->body), json, why, cap);
    if (a->too_large) {
        snprintf(why, cap, "the schema is larger than %zu bytes", MAX_ANSWER);
        return REFUSED;
    }
    describe(a, why, cap);
    if (!ok || a->http != 404) return WANTED;
    snprintf(why, cap, "the registry has no schema with this id");
    return REFUSED;
}

static size_t place_of(const struct registry *r, uint32_t id)
{
    size_t lo = 0, hi = r->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (r->entries[mid].id < id) lo = mid + 1;
        else hi = mid;
    }
    return lo;
}

static struct entry *find(struct registry *r, uint32_t id)
{
    size_t i = place_of(r, id);
    return i < r->n && r->entries[i].id == id ? &r->entries[i] : NULL;
}

/* Under the mutex: the wanted entry that is due first, NULL: none. */
static struct entry *first_due(struct registry *r)
{
    struct entry *first = NULL;
    for (size_t i = 0; i < r->n; i++)
        if (r->entries[i].state == WANTED && (!first || r->entries[i].at_ns < first->at_ns)) first = &r->entries[i];
    return first;
}

/* Under the mutex. */
static void learn(struct registry *r, uint32_t id, enum state state, char *json, const char *why)
{
    struct entry *e = find(r, id);
    int64_t now = hl_clock_mono_ns();
    char quoted[256];
    e->state = state;
    e->json = json;
    snprintf(e->why, sizeof(e->why), "%s", why);
    if (state == FOUND) return;
    e->at_ns = now + (state == REFUSED ? REFUSED_NS : e->backoff_ns);
    e->backoff_ns = e->backoff_ns * 2 > BACKOFF_MAX_NS ? BACKOFF_MAX_NS : e->backoff_ns * 2;
    hl_log(HL_LOG_WARN, state == REFUSED ? "schema_refused" : "registry_unavailable", "id=%u why=%s", (unsigned)id,
           hl_log_quote(quoted, sizeof(quoted), why));
}

static void wait_until(struct registry *r, const struct entry *next)
{
    struct timespec t;
    if (!next) {
        pthread_cond_wait(&r->wake, &r->mutex);
        return;
    }
    t.tv_sec = (time_t)(next->at_ns / 1000000000);
    t.tv_nsec = (long)(next->at_ns % 1000000000);
    pthread_cond_timedwait(&r->wake, &r->mutex, &t);
}

static void *fetching(void *arg)
{
    struct registry *r = arg;
    struct answer *a = calloc(1, sizeof(*a));
    CURL *curl = curl_easy_init();
    HL_BUG_ON(!curl || !a);
    pthread_mutex_lock(&r->mutex);
    while (!atomic_load(&r->stop)) {
        struct entry *next = first_due(r);
        if (!next || next->at_ns > hl_clock_mono_ns()) {
            wait_until(r, next);
            continue;
        }
        uint32_t id = next->id;
        char *json = NULL, why[200] = "";
        pthread_mutex_unlock(&r->mutex);
        enum state state = fetch(r, curl, a, id, &json, why, sizeof(why));
        pthread_mutex_lock(&r->mutex);
        learn(r, id, state, json, why);
    }
    pthread_mutex_unlock(&r->mutex);
    hl_buf_fini(&a->body);
    free(a);
    curl_easy_cleanup(curl);
    return NULL;
}

/* --- the port --- */

/* Under the mutex: a table that is full loses the refused entries whose time is over. */
static void sweep(struct registry *r)
{
    size_t kept = 0;
    int64_t now = hl_clock_mono_ns();
    for (size_t i = 0; i < r->n; i++)
        if (r->entries[i].state != REFUSED || r->entries[i].at_ns > now) r->entries[kept++] = r->entries[i];
    r->n = kept;
}

static enum hl_status want(struct registry *r, uint32_t id, struct hl_error *err)
{
    if (r->n == MAX_ENTRIES) sweep(r);
    if (r->n == MAX_ENTRIES) return hl_error_set(err, HL_E_PENDING, HL_RETRY, "the registry is asked for too many schemas at once");
    if (r->n == r->cap) {
        size_t cap = r->cap ? r->cap * 2 : 16;
        struct entry *grown = realloc(r->entries, cap * sizeof(*grown));
        if (!grown) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "no memory for schemas");
        r->entries = grown;
        r->cap = cap;
    }
    size_t i = place_of(r, id);
    memmove(&r->entries[i + 1], &r->entries[i], (r->n - i) * sizeof(r->entries[0]));
    r->n++;
    r->entries[i] = (struct entry){.id = id, .state = WANTED, .backoff_ns = BACKOFF_MIN_NS};
    pthread_cond_signal(&r->wake);
    return hl_error_set(err, HL_E_PENDING, HL_RETRY, "being fetched from the registry");
}

static enum hl_status get_locked(struct registry *r, uint32_t id, char **json, struct hl_error *err)
{
    struct entry *e = find(r, id);
    if (!e) return want(r, id, err);
    if (e->state == FOUND) {
        *json = strdup(e->json);
        return *json ? HL_OK : hl_error_set(err, HL_E_NOMEM, HL_STOP, "no memory for a schema");
    }
    if (e->state == REFUSED && e->at_ns > hl_clock_mono_ns()) return hl_error_set(err, HL_E_SCHEMA, HL_SKIP, "%s", e->why);
    if (e->state == REFUSED) {
        *e = (struct entry){.id = id, .state = WANTED, .backoff_ns = BACKOFF_MIN_NS};
        pthread_cond_signal(&r->wake);
    }
    return hl_error_set(err, HL_E_PENDING, HL_RETRY, "being fetched from the registry%s%s", e->why[0] ? ": " : "", e->why);
}

static enum hl_status get(struct hl_schemas *base, uint32_t id, char **json, struct hl_error *err)
{
    struct registry *r = (struct registry *)base;
    pthread_mutex_lock(&r->mutex);
    enum hl_status st = get_locked(r, id, json, err);
    pthread_mutex_unlock(&r->mutex);
    return st;
}

/* {"schema": "...the file as one string..."} */
static char *registration(const struct registry *r, const char *file, struct hl_error *err)
{
    char *path = NULL, *body = NULL;
    if (!r->dir || asprintf(&path, "%s/%s", r->dir, file) < 0) {
        hl_error_set(err, HL_E_CONFIG, HL_STOP, "schemas.dir is needed to register %s", file);
        return NULL;
    }
    char *text = read_file(path, MAX_ANSWER);
    if (!text) {
        hl_error_set(err, HL_E_IO, HL_STOP, "%s: %s", path, strerror(errno));
    } else {
        json_t *tree = json_pack("{s:s}", "schema", text);
        body = json_dumps(tree, JSON_COMPACT);
        json_decref(tree);
        if (!body) hl_error_set(err, HL_E_SCHEMA, HL_STOP, "%s: not UTF-8 text", path);
    }
    free(text);
    free(path);
    return body;
}

static enum hl_status read_id(bool ok, struct answer *a, const char *subject, uint32_t *id, struct hl_error *err)
{
    char why[200];
    if (ok && a->http == 200) {
        if (hl_registry_read_id(hl_buf_slice(&a->body), id)) return HL_OK;
        return hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "registry: the answer for %s holds no id", subject);
    }
    describe(a, why, sizeof(why));
    if (ok && (a->http == 401 || a->http == 403))
        return hl_error_set(err, HL_E_PERMISSION, HL_STOP, "registry: registering %s: %s", subject, why);
    if (ok && (a->http == 404 || a->http == 409 || a->http == 422))
        return hl_error_set(err, HL_E_SCHEMA, HL_STOP, "registry: registering %s: %s", subject, why);
    return hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "registry: registering %s: %s", subject, why);
}

static enum hl_status id_of(struct hl_schemas *base, const char *topic, const char *file, uint32_t *id, struct hl_error *err)
{
    struct registry *r = (struct registry *)base;
    char *body = registration(r, file, err), *path = NULL, *escaped = NULL, subject[300];
    if (!body) return err ? err->code : HL_E_IO;
    enum hl_status st = HL_E_NOMEM;
    struct answer *a = calloc(1, sizeof(*a));
    CURL *curl = curl_easy_init();
    snprintf(subject, sizeof(subject), "%.249s-value", topic);
    if (curl) escaped = curl_easy_escape(curl, subject, 0);
    if (a && escaped && asprintf(&path, "subjects/%s/versions", escaped) >= 0) {
        bool ok = request(r, curl, path, body, a);
        st = read_id(ok, a, subject, id, err);
    } else {
        hl_error_set(err, st, HL_STOP, "no memory for a request");
    }
    if (a) hl_buf_fini(&a->body);
    free(a);
    free(path);
    free(body);
    curl_free(escaped);
    curl_easy_cleanup(curl);
    return st;
}

static void registry_free(struct hl_schemas *base)
{
    struct registry *r = (struct registry *)base;
    if (r->started) {
        pthread_mutex_lock(&r->mutex);
        atomic_store(&r->stop, true);
        pthread_cond_signal(&r->wake);
        pthread_mutex_unlock(&r->mutex);
        pthread_join(r->thread, NULL);
    }
    for (size_t i = 0; i < r->n; i++) free(r->entries[i].json);
    free(r->entries);
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->mutex);
    free(r->url);
    free(r->user_file);
    free(r->token_file);
    free(r->ca_file);
    free(r->dir);
    free(r);
}

static char *copy_of(const char *text, bool *ok)
{
    if (!text || !*text) return NULL;
    char *copy = strdup(text);
    if (!copy) *ok = false;
    return copy;
}

static bool copy_config(struct registry *r, const struct hl_registry_config *config)
{
    bool ok = true;
    r->url = copy_of(config->url, &ok);
    r->user_file = copy_of(config->user_file, &ok);
    r->token_file = copy_of(config->token_file, &ok);
    r->ca_file = copy_of(config->ca_file, &ok);
    r->dir = copy_of(config->schemas_dir, &ok);
    r->timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : 5000;
    size_t n = r->url ? strlen(r->url) : 0;
    while (n > 0 && r->url[n - 1] == '/') r->url[--n] = '\0';
    return ok;
}

enum hl_status hl_registry_new(const struct hl_registry_config *config, struct hl_schemas **out, struct hl_error *err)
{
    pthread_condattr_t monotonic;
    const char *url = config->url ? config->url : "";
    if (strncmp(url, "http://", 7) != 0 && strncmp(url, "https://", 8) != 0)
        return hl_error_set(err, HL_E_CONFIG, HL_STOP, "schemas.registry is no http:// or https:// address");
    struct registry *r = calloc(1, sizeof(*r));
    if (!r || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(r);
        return hl_error_set(err, HL_E_NOMEM, HL_STOP, "no memory for a registry client");
    }
    r->base = (struct hl_schemas){get, id_of, registry_free};
    atomic_init(&r->stop, false);
    pthread_mutex_init(&r->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&r->wake, &monotonic);
    pthread_condattr_destroy(&monotonic);
    r->started = copy_config(r, config) && pthread_create(&r->thread, NULL, fetching, r) == 0;
    if (!r->started) {
        registry_free(&r->base);
        return hl_error_set(err, HL_E_NOMEM, HL_STOP, "no memory for a registry client");
    }
    *out = &r->base;
    return HL_OK;
}
