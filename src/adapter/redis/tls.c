/* DESIGN  The SSL object is made here and handed to hiredis, whose own helper checks the certificate's chain but not its name. */
#include "tls.h"

#include <stdlib.h>

#include "hotlead/base/slice.h"

#ifdef HL_REDIS_TLS

#include <arpa/inet.h>
#include <hiredis/hiredis_ssl.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

struct hl_redis_tls {
    SSL_CTX *ctx;
};

/* The newest of OpenSSL's complaints. */
static const char *complaint(void)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    return reason ? reason : "no reason given";
}

static enum hl_status bad_file(struct hl_error *err, const char *key, const char *file)
{
    return hl_error_set(err, HL_E_CONFIG, HL_STOP, "redis.%s: %s: %s", key, file, complaint());
}

static enum hl_status read_files(SSL_CTX *ctx, const char *ca, const char *cert, const char *key, struct hl_error *err)
{
    ERR_clear_error();
    if (ca ? SSL_CTX_load_verify_locations(ctx, ca, NULL) != 1 : SSL_CTX_set_default_verify_paths(ctx) != 1)
        return bad_file(err, "ca_file", ca ? ca : "the system's certificates");
    if (!cert != !key) return hl_error_set(err, HL_E_CONFIG, HL_STOP, "redis.cert_file and redis.key_file go together");
    if (!cert) return HL_OK;
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1) return bad_file(err, "cert_file", cert);
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1) return bad_file(err, "key_file", key);
    return HL_OK;
}

enum hl_status hl_redis_tls_new(const char *ca_file, const char *cert_file, const char *key_file, struct hl_redis_tls **out,
                                struct hl_error *err)
{
    struct hl_redis_tls *t = calloc(1, sizeof(*t));
    if (t) t->ctx = SSL_CTX_new(TLS_client_method());
    if (!t || !t->ctx) {
        free(t);
        return hl_error_set(err, HL_E_NOMEM, HL_STOP, "redis tls: out of memory");
    }
    SSL_CTX_set_min_proto_version(t->ctx, TLS1_2_VERSION);
    SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
    enum hl_status status = read_files(t->ctx, ca_file, cert_file, key_file, err);
    if (status)
        hl_redis_tls_free(t);
    else
        *out = t;
    return status;
}

void hl_redis_tls_free(struct hl_redis_tls *t)
{
    if (!t) return;
    SSL_CTX_free(t->ctx);
    free(t);
}

/* The name, or the address, that the certificate must be for. */
static bool expect_host(SSL *ssl, const char *host)
{
    unsigned char address[sizeof(struct in6_addr)];
    bool is_address = inet_pton(AF_INET, host, address) == 1 || inet_pton(AF_INET6, host, address) == 1;
    if (is_address) return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
    return SSL_set_tlsext_host_name(ssl, host) == 1 && SSL_set1_host(ssl, host) == 1;
}

enum hl_status hl_redis_tls_start(const struct hl_redis_tls *t, redisContext *c, const char *host, const char *where,
                                  struct hl_error *err)
{
    SSL *ssl = SSL_new(t->ctx);
    if (!ssl || !expect_host(ssl, host)) {
        SSL_free(ssl);
        return hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "redis %s: tls: out of memory", where);
    }
    ERR_clear_error();
    if (redisInitiateSSL(c, ssl) == REDIS_OK) return HL_OK; /* the connection owns ssl now */
    long verified = SSL_get_verify_result(ssl);
    const char *why = verified == X509_V_OK ? c->errstr : X509_verify_cert_error_string(verified);
    hl_error_set(err, HL_E_UNAVAILABLE, HL_RETRY, "redis %s: tls: %s", where, why);
    SSL_free(ssl);
    return HL_E_UNAVAILABLE;
}

#else

enum hl_status hl_redis_tls_new(const char *ca_file, const char *cert_file, const char *key_file, struct hl_redis_tls **out,
                                struct hl_error *err)
{
    (void)ca_file, (void)cert_file, (void)key_file, (void)out;
    return hl_error_set(err, HL_E_CONFIG, HL_STOP,
                        "rediss:// needs a build with hiredis_ssl (hiredis 1.0 or later, as in Debian 13); this one has hiredis %d.%d: put a "
                        "TLS proxy such as stunnel in front",
                        HIREDIS_MAJOR, HIREDIS_MINOR);
}

void hl_redis_tls_free(struct hl_redis_tls *t)
{
    (void)t;
}

enum hl_status hl_redis_tls_start(const struct hl_redis_tls *t, redisContext *c, const char *host, const char *where,
                                  struct hl_error *err)
{
    (void)t, (void)c, (void)host;
    return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "redis %s: this build has no TLS", where);
}

#endif
