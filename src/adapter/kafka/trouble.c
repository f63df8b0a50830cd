/* DESIGN  A call that finds no broker says "transport failure" whatever the reason. The reason comes as an error event of the client, and, for a
 * certificate, only by the callback that verifies it. Both are caught here while the process starts, and the most telling one is kept:
 *
 *   the broker refuses our login or certificate    HL_E_PERMISSION, lasting
 *   we do not believe the broker's certificate     HL_E_UNAVAILABLE, lasting
 *   anything else (no route, no TLS there)         HL_E_UNAVAILABLE; may pass, so it is told when the start-up time is over
 *
 * Later on nothing is lasting: a running process logs the trouble and goes on trying, since a secret or a certificate may be on its way.
 *
 * THREADS  Errors come in rd_kafka_poll, on the thread that asks; the verification on one of the library's. */
#include "trouble.h"

#include <stdio.h>
#include <string.h>

#include "hotlead/base/log.h"

#define SCRAM_FIXED 0x020601ff /* before it the nonce was sent twice, which Kafka 4 does not take (librdkafka 4895) */

/* X509_V_ERR_..., which are part of OpenSSL's stable interface. */
static const char *certificate_reason(int x509)
{
    switch (x509) {
    case 9: return "it is not valid yet";
    case 10: return "it has expired";
    case 18:
    case 19:
    case 20:
    case 21: return "no authority that ssl.ca.location holds has signed it";
    case 62:
    case 64: return "it is for another host name or address than the one in bootstrap.servers or advertised.listeners";
    }
    return "OpenSSL says no";
}

/* Believes what OpenSSL believes; only the reason is noted. */
static int on_certificate(rd_kafka_t *rk, const char *broker, int32_t id, int *x509, int depth, const char *data, size_t size, char *text,
                          size_t cap, void *opaque)
{
    (void)rk, (void)broker, (void)id, (void)depth, (void)data, (void)size;
    struct hl_kafka_trouble *t = opaque;
    if (*x509 == 0) return 1;
    atomic_store(&t->certificate, *x509);
    snprintf(text, cap, "%s (X509 error %d)", certificate_reason(*x509), *x509);
    return 0;
}

static bool uses_scram(const struct hl_kafka *k)
{
    for (size_t i = 0; i < k->config.n_properties; i++) {
        const struct hl_kafka_property *p = &k->config.properties[i];
        if (strcmp(p->key, "sasl.mechanism") == 0 || strcmp(p->key, "sasl.mechanisms") == 0) return strncmp(p->value, "SCRAM-", 6) == 0;
    }
    return false;
}

/* librdkafka's text without "(after 12ms in state ...)". */
static int useful_length(const char *reason)
{
    const char *after = strstr(reason, " (after ");
    size_t n = after ? (size_t)(after - reason) : strlen(reason);
    return n > 250 ? 250 : (int)n;
}

static void note(struct hl_kafka_trouble *t, enum hl_status status, bool lasting, const char *what, const char *reason, const char *hint)
{
    if (t->lasting && !lasting) return;
    t->status = status;
    t->lasting = lasting;
    snprintf(t->text, sizeof(t->text), "%s%.*s%s", what, useful_length(reason), reason, hint);
}

static void note_login(struct hl_kafka_trouble *t, const char *reason)
{
    char hint[160] = "";
    bool offered = !strstr(reason, "mechanism handshake failed");
    if (offered && uses_scram(t->k) && rd_kafka_version() < SCRAM_FIXED)
        snprintf(hint, sizeof(hint), "; librdkafka %s cannot log in to Kafka 4 by SCRAM, whatever the password: 2.6.1 can", rd_kafka_version_str());
    note(t, HL_E_PERMISSION, true, "the login is refused: ", reason, hint);
}

static void on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque)
{
    struct hl_kafka_trouble *t = opaque;
    char text[200];
    int certificate = atomic_load(&t->certificate);
    (void)rk;
    if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return; /* says nothing of why */
    hl_kafka_log_error(code, reason);
    if (code == RD_KAFKA_RESP_ERR__AUTHENTICATION) {
        note_login(t, reason);
    } else if (code == RD_KAFKA_RESP_ERR__SSL && certificate) {
        snprintf(text, sizeof(text), "the certificate of %.*s is not accepted: %s (X509 error %d)", (int)strcspn(reason, " ") - 1, reason,
                 certificate_reason(certificate), certificate);
        note(t, HL_E_UNAVAILABLE, true, text, "", "");
    } else if (strstr(reason, "SSL alert number")) {
        note(t, HL_E_PERMISSION, true, "the broker ends the TLS handshake: ", reason,
             "; if it wants a certificate of its clients, set ssl.certificate.location and ssl.key.location");
    } else {
        note(t, HL_E_UNAVAILABLE, false, "", reason, "");
    }
}

void hl_kafka_trouble_watch(struct hl_kafka_trouble *t, const struct hl_kafka *k, rd_kafka_conf_t *conf)
{
    *t = (struct hl_kafka_trouble){.k = k};
    rd_kafka_conf_set_opaque(conf, t);
    rd_kafka_conf_set_error_cb(conf, on_error);
    rd_kafka_conf_set(conf, "log.connection.close", "true", NULL, 0); /* the only sign of a TLS port that is spoken to in clear */
    (void)rd_kafka_conf_set_ssl_cert_verify_cb(conf, on_certificate); /* a build without TLS has nothing to verify */
}

enum hl_status hl_kafka_trouble_tell(const struct hl_kafka_trouble *t, rd_kafka_resp_err_t code, struct hl_error *err)
{
    if (t->lasting) return hl_error_set(err, t->status, HL_STOP, "kafka: %s", t->text);
    return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "no Kafka broker answers at the configured bootstrap.servers within %.0f s: %s",
                        (double)t->k->config.startup_timeout_ms / 1e3, t->status ? t->text : rd_kafka_err2str(code));
}
