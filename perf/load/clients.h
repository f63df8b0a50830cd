/* librdkafka clients of hotlead-load, and what has to be true before anything is sent. */
#ifndef HL_LOAD_CLIENTS_H
#define HL_LOAD_CLIENTS_H

#include <librdkafka/rdkafka.h>

#include "options.h"

/* The last thing that a client complained of; "" when all is well. Any thread may write, so it is copied out. */
struct hl_trouble {
    _Atomic int lock;
    char text[400];
};
void hl_trouble_set(struct hl_trouble *t, const char *text);
void hl_trouble_get(struct hl_trouble *t, char *out, size_t cap);

/* A host name, or an address, that can only be this machine: every address it has is 127.0.0.0/8 or ::1. */
bool hl_host_is_loopback(const char *host);
/* "HOST:PORT,PROTOCOL://[::1]:PORT": the first host that is another machine, into out; false when there is none. */
bool hl_hosts_elsewhere(const char *bootstrap, char *out, size_t cap);

/* HL_E_PERMISSION when the brokers are not this machine and nobody has named them on the command line. */
enum hl_status hl_clients_may_send(const struct hl_load_options *o, struct hl_error *err) HL_WARN_UNUSED;
/* Complaints go to `trouble`, which is the opaque of all callbacks, too. HL_E_CONFIG. */
typedef void hl_delivery_fn(rd_kafka_t *rk, const rd_kafka_message_t *m, void *trouble);
enum hl_status hl_producer_new(const struct hl_load_options *o, hl_delivery_fn *on_delivery, struct hl_trouble *trouble, rd_kafka_t **out,
                               struct hl_error *err) HL_WARN_UNUSED;
enum hl_status hl_consumer_new(const struct hl_load_options *o, struct hl_trouble *trouble, rd_kafka_t **out, struct hl_error *err) HL_WARN_UNUSED;
/* How many partitions a topic has, and that the brokers it lives on may be sent to. HL_E_UNAVAILABLE, HL_E_CONFIG (no such topic), HL_E_PERMISSION. */
enum hl_status hl_clients_partitions(const struct hl_load_options *o, rd_kafka_t *rk, const char *topic, struct hl_trouble *trouble, int *partitions,
                                     struct hl_error *err) HL_WARN_UNUSED;

#endif
