/* hotlead-transaction: what a Kafka transaction takes, phase by phase, with the very settings of hotlead's producers.
 *
 *   hotlead-transaction --brokers HOST:PORT --topic NAME [--gap MS] [--rounds N] [--property NAME=VALUE]
 *
 * DESIGN  The floor under the latency of exactly-once delivery. Each round waits `gap` ms, then does what a worker's commit does: produce a record to
 * each of 4 partitions, send 4 offsets, commit. A gap of 0 begins a transaction while the broker still writes the markers of the one before. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hotlead/base/clock.h"
#include "hotlead/base/hist.h"
#include "internal.h"

#define PARTITIONS 4
#define WARM_UP 30
#define MAX_PROPERTIES 16

static const char USAGE[] = "Usage: hotlead-transaction --brokers HOST:PORT --topic NAME [--gap MS] [--rounds N] [--property NAME=VALUE]\n";

enum phase { PRODUCE, OFFSETS, COMMIT, ALL, PHASES };
static const char *const NAMES[PHASES] = {"produce", "offsets", "commit", "all"};

struct bench {
    struct hl_kafka k;
    struct hl_kafka_property properties[MAX_PROPERTIES];
    const char *topic;
    int64_t gap_ms;
    long rounds;
    rd_kafka_t *producer;
    rd_kafka_topic_t *handle;
    struct hl_hist phases[PHASES];
};

static void check(rd_kafka_error_t *e)
{
    if (!e) return;
    fprintf(stderr, "hotlead-transaction: %s\n", rd_kafka_error_string(e));
    exit(69);
}

/* Delivery reports wake the flush in a commit; without them it looks each 10 ms only. */
static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk, (void)m, (void)opaque;
}

static void send_offsets(struct bench *b, long round, rd_kafka_consumer_group_metadata_t *group)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(PARTITIONS);
    for (int32_t p = 0; p < PARTITIONS; p++) rd_kafka_topic_partition_list_add(list, b->topic, p)->offset = round + WARM_UP;
    check(rd_kafka_send_offsets_to_transaction(b->producer, list, group, 30000));
    rd_kafka_topic_partition_list_destroy(list);
}

static void transaction(struct bench *b, long round, rd_kafka_consumer_group_metadata_t *group)
{
    static char value[200];
    int64_t at[PHASES];
    int64_t start = hl_clock_mono_ns();
    check(rd_kafka_begin_transaction(b->producer));
    for (int32_t p = 0; p < PARTITIONS; p++) rd_kafka_produce(b->handle, p, RD_KAFKA_MSG_F_COPY, value, sizeof(value), NULL, 0, NULL);
    at[PRODUCE] = hl_clock_mono_ns();
    send_offsets(b, round, group);
    at[OFFSETS] = hl_clock_mono_ns();
    check(rd_kafka_commit_transaction(b->producer, 30000));
    at[COMMIT] = hl_clock_mono_ns();
    if (round < 0) return;
    hl_hist_put(&b->phases[PRODUCE], (uint64_t)(at[PRODUCE] - start));
    hl_hist_put(&b->phases[OFFSETS], (uint64_t)(at[OFFSETS] - at[PRODUCE]));
    hl_hist_put(&b->phases[COMMIT], (uint64_t)(at[COMMIT] - at[OFFSETS]));
    hl_hist_put(&b->phases[ALL], (uint64_t)(at[COMMIT] - start));
}

static int run(struct bench *b)
{
    struct hl_error err;
    rd_kafka_conf_t *conf = hl_kafka_conf(&b->k, HL_KAFKA_PRODUCER, 0, &err);
    if (conf) rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    if (!conf || hl_kafka_client(RD_KAFKA_PRODUCER, conf, &b->producer, &err)) {
        fprintf(stderr, "hotlead-transaction: %s\n", err.message);
        return 78;
    }
    check(rd_kafka_init_transactions(b->producer, 30000));
    b->handle = rd_kafka_topic_new(b->producer, b->topic, NULL);
    rd_kafka_consumer_group_metadata_t *group = rd_kafka_consumer_group_metadata_new(b->k.config.group_id);
    for (long i = -WARM_UP; i < b->rounds; i++) {
        if (b->gap_ms) nanosleep(&(struct timespec){.tv_sec = b->gap_ms / 1000, .tv_nsec = b->gap_ms % 1000 * 1000000}, NULL);
        transaction(b, i, group);
    }
    printf("{\"gap_ms\": %lld", (long long)b->gap_ms);
    for (int i = 0; i < PHASES; i++)
        printf(", \"%s_p50\": %.3f, \"%s_p99\": %.3f", NAMES[i], (double)hl_hist_quantile(&b->phases[i], 0.5) / 1e6, NAMES[i],
               (double)hl_hist_quantile(&b->phases[i], 0.99) / 1e6);
    printf("}\n");
    rd_kafka_consumer_group_metadata_destroy(group);
    rd_kafka_topic_destroy(b->handle);
    rd_kafka_destroy(b->producer);
    return 0;
}

int main(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"brokers", required_argument, NULL, 'b'}, {"topic", required_argument, NULL, 't'},
                                            {"gap", required_argument, NULL, 'g'},     {"rounds", required_argument, NULL, 'n'},
                                            {"property", required_argument, NULL, 'p'}, {NULL, 0, NULL, 0}};
    static struct bench b = {.rounds = 300, .properties = {{"bootstrap.servers", NULL}}};
    size_t n = 1;
    for (int o; (o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        char *equals = o == 'p' ? strchr(optarg, '=') : NULL;
        if (o == 'b') b.properties[0].value = optarg;
        else if (o == 't') b.topic = optarg;
        else if (o == 'g') b.gap_ms = strtol(optarg, NULL, 10);
        else if (o == 'n') b.rounds = strtol(optarg, NULL, 10);
        else if (equals && n < MAX_PROPERTIES) *equals = '\0', b.properties[n++] = (struct hl_kafka_property){optarg, equals + 1};
        else return fputs(USAGE, stderr), 64;
    }
    if (!b.topic || !b.properties[0].value) return fputs(USAGE, stderr), 64;
    b.k.config = (struct hl_kafka_config){
        .properties = b.properties, .n_properties = n, .group_id = "hotlead-transaction", .identity = "hotlead-transaction", .transactions = true};
    return run(&b);
}
