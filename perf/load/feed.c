/* hotlead-feed: writes made-up events (made.h) to Kafka at a steady rate, until it is told to stop.
 *
 * DESIGN  For the fault suite: numbered by their order, seeded, with a mix that makes contacts change stage. Avro in Confluent framing
 * with schema id 1, keyed as the Java client does; all events of a contact are in one topic, since only there their order is defined.
 * The rate is held by the clock, not by pauses: after a time in which the broker was away, what is missing follows as fast as it goes.
 * SIGTERM ends it; what it has begun is delivered first, and the count is printed. */
#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "hotlead/base/clock.h"
#include "hotlead/base/status.h"
#include "made.h"

#define MAX_TOPICS 16
#define TICK_NS 5000000
#define FLUSH_MS 120000

static const char USAGE[] = "Usage: hotlead-feed --brokers HOST:PORT --topics A,B,... --start MS [--events N] [--contacts N] "
                            "[--seed N] [--rate EVENTS_PER_S]\n"
                            "Write events until SIGTERM, then print {\"events\": count}. The first N are a month from MS since "
                            "1970 on, the others are at its end.\n";

struct feed {
    struct source source;
    uint64_t rate; /* events a second */
    char *topics[MAX_TOPICS];
    size_t n_topics;
    uint64_t failed; /* by the delivery reports */
};

static volatile sig_atomic_t stopped;

static void on_signal(int number)
{
    (void)number;
    stopped = 1;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    if (m->err && ((struct feed *)opaque)->failed++ == 0) fprintf(stderr, "hotlead-feed: %s\n", rd_kafka_err2str(m->err));
}

static void produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, struct hl_buf *b, const struct hl_event *ev)
{
    hl_buf_clear(b);
    hl_buf_put_u8(b, 0);
    hl_buf_put_u32be(b, 1);
    made_put_datum(b, ev);
    HL_BUG_ON(b->failed);
    while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, b->data, b->len, ev->contact_id.data,
                            ev->contact_id.len, NULL) &&
           rd_kafka_last_error() == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        rd_kafka_poll(rk, 10);
}

/* How many events are to be written by now. */
static uint64_t due(const struct feed *f, int64_t start_ns)
{
    return (uint64_t)((double)(hl_clock_mono_ns() - start_ns) / 1e9 * (double)f->rate);
}

static uint64_t produce_all(rd_kafka_t *rk, rd_kafka_topic_t *const *topics, const struct feed *f)
{
    static struct made e;
    struct hl_buf b;
    int64_t start_ns = hl_clock_mono_ns();
    uint64_t i = 0;
    hl_buf_init(&b);
    while (!stopped) {
        for (uint64_t end = due(f, start_ns); i < end && !stopped; i++) {
            made_event(&e, &f->source, i);
            produce(rk, topics[(unsigned char)e.contact_id[0] % f->n_topics], &b, &e.ev);
            if (i % 256 == 0) rd_kafka_poll(rk, 0);
        }
        rd_kafka_poll(rk, 0);
        nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
    }
    hl_buf_fini(&b);
    return i;
}

static rd_kafka_t *producer(const char *brokers, struct feed *f)
{
    const char *const settings[][2] = {{"bootstrap.servers", brokers},
                                       {"partitioner", "murmur2_random"},
                                       {"compression.type", "lz4"},
                                       {"linger.ms", "20"},
                                       {"enable.idempotence", "true"},
                                       {"message.timeout.ms", "300000"},
                                       {"reconnect.backoff.max.ms", "500"},
                                       {"queue.buffering.max.messages", "500000"},
                                       {"log_level", "3"}};
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < HL_ARRAY_LEN(settings); i++) {
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], reason, sizeof(reason)) == RD_KAFKA_CONF_OK) continue;
        fprintf(stderr, "hotlead-feed: %s\n", reason);
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, f);
    return rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
}

static int run(const char *brokers, struct feed *f)
{
    rd_kafka_topic_t *topics[MAX_TOPICS];
    rd_kafka_t *rk = producer(brokers, f);
    if (!rk) return 78;
    for (size_t i = 0; i < f->n_topics; i++) topics[i] = rd_kafka_topic_new(rk, f->topics[i], NULL);
    uint64_t events = produce_all(rk, topics, f);
    rd_kafka_flush(rk, FLUSH_MS);
    uint64_t left = (uint64_t)rd_kafka_outq_len(rk) + f->failed;
    for (size_t i = 0; i < f->n_topics; i++) rd_kafka_topic_destroy(topics[i]);
    rd_kafka_destroy(rk);
    if (left) {
        fprintf(stderr, "hotlead-feed: %llu of %llu events were not written\n", (unsigned long long)left,
                (unsigned long long)events);
        return 69;
    }
    printf("{\"events\": %llu}\n", (unsigned long long)events);
    return 0;
}

static int usage(const char *complaint)
{
    fprintf(stderr, "hotlead-feed: %s\n%s", complaint, USAGE);
    return 64;
}

int main(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"brokers", required_argument, NULL, 'b'},
                                            {"topics", required_argument, NULL, 't'},
                                            {"events", required_argument, NULL, 'n'},
                                            {"contacts", required_argument, NULL, 'c'},
                                            {"seed", required_argument, NULL, 's'},
                                            {"rate", required_argument, NULL, 'r'},
                                            {"start", required_argument, NULL, 'a'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    static struct feed f = {.source = {.events = 1000000, .contacts = 100000, .seed = 1}, .rate = 10000};
    const char *brokers = NULL;
    char *rest = NULL;
    for (int o; (o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (o) {
        case 'b': brokers = optarg; break;
        case 't':
            for (char *t = strtok_r(optarg, ",", &rest); t && f.n_topics < MAX_TOPICS; t = strtok_r(NULL, ",", &rest))
                f.topics[f.n_topics++] = t;
            break;
        case 'n': f.source.events = strtoull(optarg, NULL, 10); break;
        case 'c': f.source.contacts = strtoull(optarg, NULL, 10); break;
        case 's': f.source.seed = strtoull(optarg, NULL, 10); break;
        case 'r': f.rate = strtoull(optarg, NULL, 10); break;
        case 'a': f.source.start_ms = strtoll(optarg, NULL, 10); break;
        case 'h': return fputs(USAGE, stdout) < 0;
        default: return usage("wrong option");
        }
    }
    if (!brokers || !f.n_topics || !f.source.events || !f.source.contacts || !f.source.start_ms || !f.rate)
        return usage("brokers, topics, a start, events, contacts and a rate are needed");
    signal(SIGTERM, on_signal);
    return run(brokers, &f);
}
