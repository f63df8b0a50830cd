/* TLS against a real redis-server that asks for certificates; without hiredis_ssl there is nothing to test but the message at start.
 * Needs redis-server and openssl. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hotlead/adapter/redis.h"
#include "redis_server.h"

static struct redis_server server;
static struct hl_error err;
static char dir[] = "/tmp/hotlead-tls-XXXXXX";
static int tls_port = 1;

static const char *file(const char *name)
{
    static char paths[8][64];
    static unsigned next;
    char *path = paths[next++ % 8];
    snprintf(path, sizeof(paths[0]), "%s/%s", dir, name);
    return path;
}

/* One authority, one certificate of 127.0.0.1 for both sides, one authority that nobody trusts. */
static bool make_certificates(void)
{
    char command[1024];
    snprintf(command, sizeof(command),
             "cd %s && exec 2>openssl.log && key='-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -batch' && "
             "openssl req -x509 $key -keyout ca.key -out ca.pem -subj /CN=ca && "
             "openssl req -x509 $key -keyout other.key -out other.pem -subj /CN=other && "
             "openssl req $key -keyout key.pem -out csr.pem -subj /CN=redis && echo subjectAltName=IP:127.0.0.1 >san && "
             "openssl x509 -req -in csr.pem -CA ca.pem -CAkey ca.key -CAcreateserial -extfile san -days 2 -out cert.pem",
             dir);
    return system(command) == 0;
}

/* NULL: the build has no TLS, or err says what is wrong. */
static struct hl_store *store_at(const char *host, const char *ca, const char *cert, const char *key)
{
    char url[64];
    struct hl_store *s = NULL;
    snprintf(url, sizeof(url), "rediss://%s:%d", host, tls_port);
    const struct hl_redis_config config = {.url = url, .name = "g", .ca_file = ca, .cert_file = cert, .key_file = key};
    return hl_redis_new(&config, &s, &err) ? NULL : s;
}

static void refused(const char *host, const char *ca, bool certificate, const char *why)
{
    int64_t at;
    struct hl_store *s = store_at(host, ca, certificate ? file("cert.pem") : NULL, certificate ? file("key.pem") : NULL);
    assert_non_null(s);
    enum hl_status status = s->marker(s, 0, &at, &err);
    s->free(s);
    assert_int_equal(status, HL_E_UNAVAILABLE);
    if (!strstr(err.message, why)) fail_msg("'%s' expected: %s", why, err.message);
}

static void both_sides_show_their_certificates(void **state)
{
    (void)state;
    struct hl_slice id = HL_SLICE_LIT("a");
    const struct hl_store_record r = {id, hl_hash64(id), HL_SLICE_LIT("1")};
    struct hl_store *s = store_at("127.0.0.1", file("ca.pem"), file("cert.pem"), file("key.pem"));
    uint64_t token;
    char *value;
    size_t len;
    if (!s) fail_msg("%s", err.message);
    if (s->own(s, 0, &token, &err)) fail_msg("%s", err.message);
    if (s->write(s, 0, token, -1, 1, &r, 1, &err)) fail_msg("%s", err.message);
    if (s->get(s, 0, id, &value, &len, &err)) fail_msg("%s", err.message);
    assert_string_equal(value, "1");
    free(value);
    s->free(s);
}

static void whom_the_client_does_not_trust_is_refused(void **state)
{
    (void)state;
    refused("127.0.0.1", file("other.pem"), true, "tls: ");
    refused("127.0.0.1", NULL, true, "tls: ");
    refused("localhost", file("ca.pem"), true, "ostname mismatch"); /* the certificate is for the address */
}

static void files_that_cannot_be_used_are_told(void **state)
{
    (void)state;
    assert_null(store_at("127.0.0.1", file("nothing.pem"), NULL, NULL));
    assert_non_null(strstr(err.message, "redis.ca_file: "));
    assert_null(store_at("127.0.0.1", file("ca.pem"), file("ca.key"), file("key.pem")));
    assert_non_null(strstr(err.message, "redis.cert_file: "));
    assert_null(store_at("127.0.0.1", file("ca.pem"), file("cert.pem"), file("other.key")));
    assert_non_null(strstr(err.message, "redis.key_file: "));
    assert_null(store_at("127.0.0.1", file("ca.pem"), file("cert.pem"), NULL));
    assert_non_null(strstr(err.message, "go together"));
}

static void a_build_without_tls_says_so(void **state)
{
    (void)state;
    assert_null(store_at("127.0.0.1", NULL, NULL, NULL));
    assert_int_equal(err.code, HL_E_CONFIG);
    assert_non_null(strstr(err.message, "hiredis_ssl"));
}

static int start(void **state)
{
    (void)state;
    signal(SIGPIPE, SIG_IGN);
    if (!mkdtemp(dir) || !make_certificates()) return -1;
    char port[16];
    tls_port = redis_server_free_port();
    snprintf(port, sizeof(port), "%d", tls_port);
    const char *options[] = {"tls-port", port, "tls-cert-file", file("cert.pem"), "tls-key-file", file("key.pem"),
                             "tls-ca-cert-file", file("ca.pem"), NULL};
    return redis_server_start(&server, options) ? 0 : -1;
}

static int stop(void **state)
{
    char command[64];
    (void)state;
    redis_server_stop(&server);
    snprintf(command, sizeof(command), "rm -r %s", dir);
    return system(command);
}

int main(void)
{
    const struct CMUnitTest with[] = {
        cmocka_unit_test(both_sides_show_their_certificates),
        cmocka_unit_test(whom_the_client_does_not_trust_is_refused),
        cmocka_unit_test(files_that_cannot_be_used_are_told),
    };
    const struct CMUnitTest without[] = {cmocka_unit_test(a_build_without_tls_says_so)};
    struct hl_store *s = store_at("127.0.0.1", NULL, NULL, NULL);
    if (!s) return cmocka_run_group_tests(without, NULL, NULL);
    s->free(s);
    return cmocka_run_group_tests(with, start, stop);
}
