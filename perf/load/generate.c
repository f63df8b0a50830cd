/* hotlead-load: writes made-up engagement events in Avro (Confluent framing, schema id 1 of schemas/ids.yaml).
 *
 * DESIGN  Everything follows from the seed: event number i and contact number c each have their own hash, so the same
 * arguments give the same records in the same order per partition. Few contacts do most: the contact of an event is C * u^3,
 * which gives the top tenth of them 46 % of the events. A third of the contacts meet the must-haves of config/model.yaml, once
 * a form or a profile event has told who they are. All events of a contact are in one topic, since only there their order is
 * defined. */
#include <getopt.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hotlead/base/buf.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/status.h"

#define MAX_TOPICS 16
#define SPAN_MS (30 * 86400000ll)
#define PICK(table, h) (table)[(h) % HL_ARRAY_LEN(table)]

static const char USAGE[] =
    "Usage: hotlead-load --brokers HOST:PORT --topics A,B,... [--events N] [--contacts N] [--seed N] [--end MS]\n"
    "Write N events of 30 days that end at MS since 1970 (default: an hour ago), keyed by contact id.\n";

struct load {
    char *topics[MAX_TOPICS];
    size_t n_topics;
    uint64_t events, contacts, seed;
    int64_t end_ms;
    uint64_t bytes;
    uint64_t failed; /* by the delivery reports */
};

enum shape { PLAIN, PAGE, ASSET, FORM, PROFILE, MAIL };

static const struct kind {
    unsigned share; /* of 1000 events */
    const char *type;
    enum shape shape;
} KINDS[] = {
    {530, "page_viewed", PAGE},          {60, "link_clicked", PAGE},         {90, "email_delivered", MAIL},
    {120, "email_opened", MAIL},         {70, "email_clicked", MAIL},        {45, "file_downloaded", ASSET},
    {20, "video_watched", ASSET},        {20, "site_searched", PAGE},        {15, "form_submitted", FORM},
    {12, "contact_identified", PROFILE}, {5, "webinar_registered", PROFILE}, {5, "webinar_attended", PLAIN},
    {3, "chat_started", PLAIN},          {3, "email_unsubscribed", MAIL},    {1, "sales_contact_made", PLAIN},
    {1, "lead_rejected", PLAIN},
};
static const char *const PATHS[] = {"/",
                                    "/pricing",
                                    "/product/scoring",
                                    "/product/integrations",
                                    "/customers/acme",
                                    "/blog/how-to-score-leads",
                                    "/blog/what-is-an-mql",
                                    "/docs/getting-started",
                                    "/docs/reference/events",
                                    "/about",
                                    "/careers",
                                    "/contact"};
static const char *const ASSETS[] = {"ebook/lead-scoring.pdf", "ebook/sales-handover.pdf", "guide/buyers-guide.pdf",
                                     "datasheet/overview.pdf"};
static const char *const FORMS[] = {"newsletter", "newsletter", "newsletter", "contact-sales", "demo"};
static const char *const CAMPAIGNS[] = {"spring-launch", "autumn-webinar", "weekly-news", "product-update"};
static const char *const COUNTRIES[] = {"US", "DE", "GB", "FR", "SE"};
static const char *const SENIORITIES[] = {"manager", "director", "vp", "individual"};
static const char *const INDUSTRIES[] = {"software", "logistics", "retail"};

/* splitmix64: the n-th number of a seed, in any order (Steele, Lea, Flood 2014). */
static uint64_t hash(uint64_t seed, uint64_t n)
{
    uint64_t z = seed + (n + 1) * 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
}

static void uuid(char out[37], uint64_t high, uint64_t low)
{
    static const char HEX[] = "0123456789abcdef";
    char *p = out;
    for (int i = 0; i < 32; i++) {
        if (i == 8 || i == 12 || i == 16 || i == 20) *p++ = '-';
        *p++ = HEX[(i < 16 ? high >> (60 - 4 * i) : low >> (124 - 4 * i)) & 15];
    }
    *p = '\0';
}

static void put_text(struct hl_buf *b, const char *text)
{
    hl_buf_put_bytes(b, hl_slice_of(text));
}

/* The union [null, string]. */
static void put_optional(struct hl_buf *b, const char *text)
{
    hl_buf_put_long(b, text ? 1 : 0);
    if (text) put_text(b, text);
}

static void put_pair(struct hl_buf *b, const char *key, const char *value)
{
    put_text(b, key);
    put_text(b, value);
}

/* What the contact is: every third has a business address in a served country. */
static void put_profile(struct hl_buf *b, uint64_t who)
{
    char email[64];
    if (who % 3 == 0)
        snprintf(email, sizeof(email), "c%llx@firm%u.example", (unsigned long long)(who >> 32), (unsigned)(who >> 8) % 5000);
    else
        snprintf(email, sizeof(email), "c%llx@gmail.com", (unsigned long long)(who >> 32));
    hl_buf_put_long(b, 5);
    put_pair(b, "email", email);
    put_pair(b, "country", PICK(COUNTRIES, who >> 4));
    put_pair(b, "seniority", PICK(SENIORITIES, who >> 10));
    put_pair(b, "industry", PICK(INDUSTRIES, who >> 16));
    put_pair(b, "company_size", (who >> 20) % 2 ? "250" : "12");
}

static const struct kind *kind_of(uint64_t h)
{
    const struct kind *k = KINDS;
    for (unsigned at = (unsigned)(h % 1000); at >= k->share; k++) at -= k->share;
    return k;
}

static const char *page(char out[128], uint64_t h)
{
    bool tracked = h % 4 == 0;
    snprintf(out, 128, "https://www.example.com%s%s%s", PICK(PATHS, h >> 8), tracked ? "?utm_campaign=" : "",
             tracked ? PICK(CAMPAIGNS, h >> 16) : "");
    return out;
}

static void encode(struct hl_buf *b, const struct load *l, uint64_t i, uint64_t who, const char *contact_id)
{
    char event_id[37], url[128];
    uint64_t h = hash(l->seed, 2 * i), detail = hash(l->seed ^ h, 0);
    const struct kind *k = kind_of(h >> 20);
    uuid(event_id, h, detail);
    hl_buf_clear(b);
    hl_buf_put_u8(b, 0);
    hl_buf_put_u32be(b, 1);
    put_text(b, event_id);
    put_text(b, contact_id);
    hl_buf_put_long(b, l->end_ms - SPAN_MS + (int64_t)((double)SPAN_MS * (double)i / (double)l->events));
    put_text(b, k->type);
    put_optional(b, k->shape == PAGE ? page(url, detail) : NULL);
    put_optional(b, k->shape == ASSET ? PICK(ASSETS, detail) : NULL);
    put_optional(b, k->shape == FORM ? PICK(FORMS, detail) : NULL);
    put_optional(b, k->shape == MAIL ? PICK(CAMPAIGNS, detail) : NULL);
    put_optional(b, k->shape == PAGE ? "website" : NULL);
    put_optional(b, NULL); /* actor */
    put_optional(b, NULL); /* reason */
    hl_buf_put_u8(b, k->shape == MAIL && detail % 50 == 0); /* machine */
    if (k->shape == PROFILE || (k->shape == FORM && detail % 2)) put_profile(b, who);
    hl_buf_put_long(b, 0); /* the end of the map */
}

static void produce(rd_kafka_t *rk, rd_kafka_topic_t *const *topics, struct load *l)
{
    struct hl_buf b;
    char contact_id[37];
    hl_buf_init(&b);
    for (uint64_t i = 0; i < l->events; i++) {
        double u = (double)(hash(l->seed, 2 * i + 1) >> 11) / 9007199254740992.0; /* 2^53 */
        uint64_t contact = (uint64_t)((double)l->contacts * u * u * u), who = hash(~l->seed, contact);
        uuid(contact_id, who, hash(who, 0));
        encode(&b, l, i, who, contact_id);
        HL_BUG_ON(b.failed);
        while (rd_kafka_produce(topics[contact % l->n_topics], RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, b.data, b.len,
                                contact_id, 36, NULL))
            rd_kafka_poll(rk, 10); /* its queue is full */
        l->bytes += b.len;
        if (i % 1024 == 0) rd_kafka_poll(rk, 0);
    }
    rd_kafka_flush(rk, 120000);
    hl_buf_fini(&b);
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    (void)rk;
    if (m->err) ((struct load *)opaque)->failed++;
}

static rd_kafka_t *producer(const char *brokers, struct load *l)
{
    const char *const settings[][2] = {{"bootstrap.servers", brokers},
                                       {"partitioner", "murmur2_random"},
                                       {"compression.type", "lz4"},
                                       {"linger.ms", "50"},
                                       {"batch.size", "1000000"},
                                       {"enable.idempotence", "true"},
                                       {"queue.buffering.max.messages", "500000"}};
    char reason[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    for (size_t i = 0; i < HL_ARRAY_LEN(settings); i++) {
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], reason, sizeof(reason)) == RD_KAFKA_CONF_OK) continue;
        fprintf(stderr, "hotlead-load: %s\n", reason);
        rd_kafka_conf_destroy(conf);
        return NULL;
    }
    rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    rd_kafka_conf_set_opaque(conf, l);
    return rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
}

static int run(const char *brokers, struct load *l)
{
    rd_kafka_topic_t *topics[MAX_TOPICS];
    int64_t start = hl_clock_mono_ns();
    rd_kafka_t *rk = producer(brokers, l);
    if (!rk) return 78;
    for (size_t i = 0; i < l->n_topics; i++) topics[i] = rd_kafka_topic_new(rk, l->topics[i], NULL);
    produce(rk, topics, l);
    uint64_t left = (uint64_t)rd_kafka_outq_len(rk) + l->failed;
    for (size_t i = 0; i < l->n_topics; i++) rd_kafka_topic_destroy(topics[i]);
    rd_kafka_destroy(rk);
    if (left) {
        fprintf(stderr, "hotlead-load: %llu events were not written\n", (unsigned long long)left);
        return 69;
    }
    printf("{\"events\": %llu, \"value_bytes\": %llu, \"seconds\": %.3f}\n", (unsigned long long)l->events,
           (unsigned long long)l->bytes, (double)(hl_clock_mono_ns() - start) / 1e9);
    return 0;
}

static int usage(const char *complaint)
{
    fprintf(stderr, "hotlead-load: %s\n%s", complaint, USAGE);
    return 64;
}

static void split(char *text, struct load *l)
{
    char *rest = NULL;
    for (char *t = strtok_r(text, ",", &rest); t && l->n_topics < MAX_TOPICS; t = strtok_r(NULL, ",", &rest))
        l->topics[l->n_topics++] = t;
}

int main(int argc, char **argv)
{
    static const struct option OPTIONS[] = {{"brokers", required_argument, NULL, 'b'}, {"topics", required_argument, NULL, 't'},
                                            {"events", required_argument, NULL, 'n'},  {"contacts", required_argument, NULL, 'c'},
                                            {"seed", required_argument, NULL, 's'},    {"end", required_argument, NULL, 'e'},
                                            {"help", no_argument, NULL, 'h'},          {NULL, 0, NULL, 0}};
    struct load l = {.events = 1000000, .contacts = 100000, .seed = 1, .end_ms = hl_clock_wall_ms() - 3600000};
    const char *brokers = NULL;
    for (int o; (o = getopt_long(argc, argv, "", OPTIONS, NULL)) != -1;) {
        switch (o) {
        case 'b': brokers = optarg; break;
        case 't': split(optarg, &l); break;
        case 'n': l.events = strtoull(optarg, NULL, 10); break;
        case 'c': l.contacts = strtoull(optarg, NULL, 10); break;
        case 's': l.seed = strtoull(optarg, NULL, 10); break;
        case 'e': l.end_ms = strtoll(optarg, NULL, 10); break;
        case 'h': fputs(USAGE, stdout); return 0;
        default: return usage("wrong option");
        }
    }
    if (!brokers || l.n_topics == 0 || l.events == 0 || l.contacts == 0)
        return usage("brokers, topics, events and contacts are needed");
    return run(brokers, &l);
}
