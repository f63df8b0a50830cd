/* hotlead-consume: how fast librdkafka alone hands out the records of some topics.
 *
 * DESIGN  The yardstick of the scoring rate. Its consumers get their settings from hl_kafka_conf, as those of `hotlead run`
 * do, and it takes partitions as the range assignor would, one consumer and thread for each share. A record is counted and
 * given back, nothing else. The clock, wall and CPU, runs from the first record that any thread gets to the last one that any
 * thread needs. */
#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "hotlead/base/clock.h"
#include "internal.h"

#define MAX_THREADS 64
#define MAX_TOPICS 16
#define QUIET_LIMIT_MS 10000 /* without a record for so long, something is wrong */

static const char USAGE[] =
    "Usage: hotlead-consume --brokers HOST:PORT --topics A,B,... [--threads N]\n"
    "Consume the topics once, from begin to end, and print {events, seconds, cpu_seconds, max_rss_bytes}.\n";

struct job {
    struct hl_kafka k;
    char *topics[MAX_TOPICS];
    size_t n_topics;
    unsigned threads;
    atomic_flag started;
    int64_t start_ns; /* written once, by the first thread that gets a record */
    double start_cpu;
};

struct share {
    struct job *job;
    unsigned index;
    pthread_t thread;
    rd_kafka_t *consumer;
    int64_t expected, events;
    const char *failure; /* NULL: all is well */
};

static double cpu_seconds(struct rusage *u)
{
    getrusage(RUSAGE_SELF, u);
    return (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) + (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec) / 1e6;
}

static void clock_start(struct job *j)
{
    struct rusage u;
    if (atomic_flag_test_and_set(&j->started)) return;
    j->start_ns = hl_clock_mono_ns();
    j->start_cpu = cpu_seconds(&u);
}

static void *consume(void *arg)
{
    struct share *s = arg;
    while (s->events < s->expected && !s->failure) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(s->consumer, QUIET_LIMIT_MS);
        if (!m) {
            s->failure = "no record comes";
            break;
        }
        if (m->err)
            fprintf(stderr, "hotlead-consume: %s\n", rd_kafka_message_errstr(m));
        else if (s->events++ == 0)
            clock_start(s->job);
        rd_kafka_message_destroy(m);
    }
    return NULL;
}

static int partition_count(rd_kafka_t *rk, const char *topic)
{
    const struct rd_kafka_metadata *md;
    rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
    int n = rd_kafka_metadata(rk, 0, rkt, &md, 10000) ? 0 : md->topics[0].partition_cnt;
    rd_kafka_topic_destroy(rkt);
    if (n) rd_kafka_metadata_destroy(md);
    return n;
}

/* Add this share's partitions of a topic, and what they hold. False: the broker does not say. */
static bool add_topic(struct share *s, const char *topic, rd_kafka_topic_partition_list_t *list)
{
    int n = partition_count(s->consumer, topic), threads = (int)s->job->threads, index = (int)s->index;
    int base = n / threads, extra = n % threads;
    int first = index * base + (index < extra ? index : extra), count = base + (index < extra);
    for (int p = first; p < first + count; p++) {
        int64_t low, high;
        if (rd_kafka_query_watermark_offsets(s->consumer, topic, p, &low, &high, 10000)) return false;
        s->expected += high - low;
        rd_kafka_topic_partition_list_add(list, topic, p)->offset = low;
    }
    return n > 0;
}

static bool share_open(struct share *s, rd_kafka_topic_partition_list_t *list, struct hl_error *err)
{
    rd_kafka_conf_t *conf = hl_kafka_conf(&s->job->k, HL_KAFKA_CONSUMER, s->index, err);
    if (!conf || hl_kafka_client(RD_KAFKA_CONSUMER, conf, &s->consumer, err)) return false;
    rd_kafka_poll_set_consumer(s->consumer);
    for (size_t i = 0; i < s->job->n_topics; i++) {
        if (add_topic(s, s->job->topics[i], list)) continue;
        hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP, "no answer about topic %s", s->job->topics[i]);
        return false;
    }
    return true;
}

static int run(struct job *j)
{
    struct share shares[MAX_THREADS] = {{0}};
    rd_kafka_topic_partition_list_t *lists[MAX_THREADS];
    struct hl_error err;
    struct rusage u;
    int64_t events = 0;
    for (unsigned i = 0; i < j->threads; i++) {
        shares[i].job = j;
        shares[i].index = i;
        lists[i] = rd_kafka_topic_partition_list_new(1);
        if (share_open(&shares[i], lists[i], &err)) continue;
        fprintf(stderr, "hotlead-consume: %s\n", err.message);
        return hl_status_exit_code(err.code);
    }
    for (unsigned i = 0; i < j->threads; i++) {
        rd_kafka_assign(shares[i].consumer, lists[i]);
        HL_BUG_ON(pthread_create(&shares[i].thread, NULL, consume, &shares[i]) != 0);
    }
    for (unsigned i = 0; i < j->threads; i++) pthread_join(shares[i].thread, NULL);
    double seconds = (double)(hl_clock_mono_ns() - j->start_ns) / 1e9, cpu = cpu_seconds(&u) - j->start_cpu;
    const char *failure = NULL;
    for (unsigned i = 0; i < j->threads; i++) {
        events += shares[i].events;
        if (shares[i].failure) failure = shares[i].failure;
        rd_kafka_topic_partition_list_destroy(lists[i]);
        rd_kafka_consumer_close(shares[i].consumer);
        rd_kafka_destroy(shares[i].consumer);
    }
    if (failure || events == 0) {
        fprintf(stderr, "hotlead-consume: %s after %lld events\n", failure ? failure : "nothing there", (long long)events);
        return 69;
    }
    printf("{\"events\": %lld, \"seconds\": %.6f, \"cpu_seconds\": %.6f, \"max_rss_bytes\": %lld}\n", (long long)events, seconds,
           cpu, (long long)u.ru_maxrss * 1024);
    return 0;
}

static int usage(const char *complaint)
{
    fprintf(stderr, "hotlead-consume: %s\n%s", complaint, USAGE);
    return 64;
}

int main(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"brokers", required_argument, NULL, 'b'},
                                            {"topics", required_argument, NULL, 't'},
                                            {"threads", required_argument, NULL, 'n'},
                                            {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    static struct job j = {.threads = 1, .started = ATOMIC_FLAG_INIT};
    struct hl_kafka_property brokers = {"bootstrap.servers", NULL};
    char *rest = NULL;
    for (int o; (o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        if (o == 'b')
            brokers.value = optarg;
        else if (o == 'n')
            j.threads = (unsigned)strtoul(optarg, NULL, 10);
        else if (o == 't')
            for (char *t = strtok_r(optarg, ",", &rest); t && j.n_topics < MAX_TOPICS; t = strtok_r(NULL, ",", &rest))
                j.topics[j.n_topics++] = t;
        else
            return o == 'h' ? fputs(USAGE, stdout) < 0 : usage("wrong option");
    }
    if (!brokers.value || j.n_topics == 0 || j.threads == 0 || j.threads > MAX_THREADS)
        return usage("brokers, topics and 1 to 64 threads are needed");
    j.k.config = (struct hl_kafka_config){
        .properties = &brokers, .n_properties = 1, .group_id = "hotlead-consume", .identity = "hotlead-consume"};
    return run(&j);
}
