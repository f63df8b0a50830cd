/* Private to adapter/kafka: why no broker lets us in, put together from what librdkafka reports in pieces. */
#ifndef HL_KAFKA_TROUBLE_H
#define HL_KAFKA_TROUBLE_H

#include <stdatomic.h>

#include "internal.h"

struct hl_kafka_trouble {
    const struct hl_kafka *k;
    enum hl_status status;   /* HL_OK: nothing has been reported */
    bool lasting;            /* waiting does not help: a login or a certificate is wrong */
    char text[400];
    _Atomic int certificate; /* OpenSSL's reason for not believing the broker's certificate, 0: none */
};

/* For the one client that starts up; `t` must outlive it. */
void hl_kafka_trouble_watch(struct hl_kafka_trouble *t, const struct hl_kafka *k, rd_kafka_conf_t *conf);
/* The message for a broker that did not answer, `code` being what the call itself said. */
enum hl_status hl_kafka_trouble_tell(const struct hl_kafka_trouble *t, rd_kafka_resp_err_t code, struct hl_error *err);

#endif
