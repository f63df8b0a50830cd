#include "options.h"

#include <ctype.h>
#include <getopt.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "hotlead/adapter/kafka.h"
#include "hotlead/app/model_file.h"
#include "hotlead/base/buf.h"

#define MAX_RATE 1e8
#define MAX_TIME_MS INT64_C(259200000) /* 72 h */
#define DEFAULT_PROBE_SHARE 0.01
#define DEFAULT_PROBES_PER_S 2000.0

enum kind { TEXT, COUNT, NUMBER, SHARE, TIME, FLAG, CALL };

/* heading or NULL, long name, letter or 0, argument or NULL, kind, member, least, most, help (\n: a new line) */
#define OPTIONS_TABLE(X)                                                                                                                    \
    X("Where to", "config", 'c', "FILE", TEXT, config_path, 0, 0, "the service's hotlead.yaml: brokers, security, topics and formats of its inputs") \
    X(NULL, "bootstrap", 'b', "LIST", TEXT, bootstrap, 0, 0, "brokers, HOST:PORT,... (default: those of --config, or localhost:9092).\nNeeded to send to another machine, also with --config") \
    X(NULL, "topic", 't', "NAME", CALL, read_topic, 0, 0, "input topic; NAME:json where its records are JSON, else they are Avro; may be\nrepeated (default: the inputs of --config, or web.engagement)") \
    X(NULL, "transitions", 'T', "NAME", TEXT, transitions, 0, 0, "topic that hotlead writes to (default: that of --config, or lead.transitions)") \
    X(NULL, "schema-id", 0, "N", COUNT, schema_id, 0, 4294967295.0, "of schemas/event.avsc (default: as --config has it, or 1)") \
    X(NULL, "property", 'X', "NAME=VALUE", CALL, read_property, 0, 0, "property of librdkafka for producer and consumer; may be repeated") \
    X("How much", "profile", 'p', "NAME", CALL, read_profile, 0, 0, "course of the rate:") \
    X(NULL, "rate", 'r', "N", NUMBER, shape.rate, 1e-3, MAX_RATE, "events a second (default: 1000); k and M are understood: 20k, 1.5M") \
    X(NULL, "from", 0, "N", NUMBER, shape.from, 0, MAX_RATE, "where a ramp begins") \
    X(NULL, "peak", 0, "N", NUMBER, shape.peak, 1e-3, MAX_RATE, "top of a spike") \
    X(NULL, "steps", 0, "N", COUNT, steps, 1, HL_SCHEDULE_STRETCHES, "stairs of a step") \
    X(NULL, "duration", 'd', "TIME", TIME, duration_ms, 1, MAX_TIME_MS, "how long to send, at most 72h (default: 60s)") \
    X(NULL, "events", 'n', "N", COUNT, events, 1, 1e15, "stop after N events, if that comes first") \
    X(NULL, "backlog", 0, "TIME", TIME, backlog_ms, 1, 1e12, "instead of all that: write --events (default: 1M) as fast as Kafka takes\nthem, as if they had happened in the TIME that ended an hour ago.\nNothing is measured but the rate") \
    X("What", "contacts", 0, "N", COUNT, contacts, 1, 1e12, "how many people (default: 100k)") \
    X(NULL, "skew", 0, "S", NUMBER, skew, 0, 10, "exponent of Zipf's law: 0 all contacts alike; 0.67 (default): a tenth of them\ndo nearly half; 1.1: a few do most") \
    X(NULL, "hot", 0, "SHARE", SHARE, hot, 0, 1, "of all events, for one single contact (default: 0)") \
    X(NULL, "mix", 0, "LIST", TEXT, mix, 0, 0, "TYPE=WEIGHT,... (default: page views for the most part)") \
    X(NULL, "duplicates", 0, "SHARE", SHARE, duplicates, 0, 1, "of events that are sent again, with the same id; 1% or 0.01 (default: 0)") \
    X(NULL, "late", 0, "SHARE", SHARE, late, 0, 1, "of events that happened earlier than they are sent (default: 0)") \
    X(NULL, "late-by", 0, "TIME", TIME, late_by_ms, 1, 1e12, "at most so much earlier (default: 1h)") \
    X(NULL, "broken", 0, "SHARE", SHARE, broken, 0, 1, "of events that nobody can read (default: 0)") \
    X(NULL, "seed", 0, "N", COUNT, seed, 0, 1.8e19, "another number, other contacts and another order (default: 1)") \
    X("What is measured", "probes", 0, "SHARE", SHARE, probes, 0, 1, "of events that must move a contact, and are waited for\n(default: 1%, at most 2000 a second)") \
    X(NULL, "trait", 0, "NAME=VALUE", CALL, read_trait, 0, 0, "attribute of the contacts that the probes are for, so that your model makes\nLeads of them; may be repeated (default: email=load-test@company.example,\ncountry=US, company_size=50)") \
    X(NULL, "form", 0, "NAME", TEXT, form, 0, 0, "form that raises a hand in your model (default: contact-sales)") \
    X(NULL, "drain", 0, "TIME", TIME, drain_ms, 1, MAX_TIME_MS, "how long to wait for transitions behind the last event; what is not there by\nthen is lost (default: 15s)") \
    X(NULL, "send-only", 0, NULL, FLAG, send_only, 0, 0, "send, and do not look at transitions: hotlead need not run") \
    X("What comes out", "fail-if", 0, "LIMIT", CALL, read_limit, 0, 0, "end with status 1 if NAME>VALUE, also with < >= <=; may be repeated.\nNames, see below") \
    X(NULL, "output", 'o', "FORM", CALL, read_output, 0, 0, "on standard output: table (default) or json") \
    X(NULL, "json", 0, "FILE", TEXT, json_path, 0, 0, "write the same JSON to a file") \
    X(NULL, "html", 0, "FILE", TEXT, html_path, 0, 0, "write a report with pictures, one file that needs no other") \
    X(NULL, "quiet", 'q', NULL, FLAG, quiet, 0, 0, "no line that tells how far it is (it comes on a terminal only)") \
    X(NULL, "help", 'h', NULL, CALL, read_help, 0, 0, "this text") \
    X(NULL, "version", 'V', NULL, CALL, read_help, 0, 0, "of this program")

/* What is read before it goes to the options. */
struct reading {
    struct hl_load_options *o;
    /* members of the table that are none of the options */
    struct hl_shape shape;
    const char *config_path, *bootstrap, *transitions, *mix, *form, *json_path, *html_path;
    uint64_t steps, events, contacts, seed, schema_id;
    int64_t duration_ms, backlog_ms, late_by_ms, drain_ms;
    double skew, hot, duplicates, late, broken, probes;
    bool send_only, quiet, had_rate, had_profile;
};

static int complain(const char *format, ...) HL_PRINTF(1, 2);
static int complain(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fputs("hotlead-load: ", stderr);
    vfprintf(stderr, format, ap);
    fputs("\nTry 'hotlead-load --help'.\n", stderr);
    va_end(ap);
    return hl_status_exit_code(HL_E_USAGE);
}

static int told(const struct hl_error *err)
{
    return complain("%s", err->message);
}

/* ---- options with a word of their own ---- */

static int read_topic(struct reading *r, const char *text)
{
    struct hl_load_options *o = r->o;
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    if (len == 0 || (colon && strcmp(colon, ":avro") != 0 && strcmp(colon, ":json") != 0))
        return complain("--topic wants NAME, NAME:avro or NAME:json, not '%s'", text);
    if (o->n_topics == HL_LOAD_TOPICS) return complain("--topic: at most %d topics", HL_LOAD_TOPICS);
    char *name = strndup(text, len); /* lives as long as the process */
    HL_BUG_ON(!name);
    o->topics[o->n_topics++] = (struct hl_load_topic){name, colon && strcmp(colon, ":json") == 0};
    return -1;
}

static bool split_pair(const char *text, struct hl_property *out)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) return false;
    *out = (struct hl_property){strndup(text, (size_t)(equals - text)), strdup(equals + 1)};
    return out->key && out->value;
}

static int read_property(struct reading *r, const char *text)
{
    if (r->o->n_properties == HL_LOAD_PROPERTIES) return complain("--property: at most %d", HL_LOAD_PROPERTIES);
    if (!split_pair(text, &r->o->properties[r->o->n_properties])) return complain("--property wants NAME=VALUE, not '%s'", text);
    r->o->n_properties++;
    return -1;
}

/* One of the same name takes its place. */
static int read_trait(struct reading *r, const char *text)
{
    struct hl_property pair;
    struct hl_load_options *o = r->o;
    if (!split_pair(text, &pair)) return complain("--trait wants NAME=VALUE, not '%s'", text);
    size_t i = 0;
    while (i < o->n_traits && strcmp(o->traits[i].key, pair.key) != 0) i++;
    if (i == HL_LOAD_TRAITS) return complain("--trait: at most %d", HL_LOAD_TRAITS);
    o->traits[i] = (struct hl_trait){pair.key, pair.value};
    if (i == o->n_traits) o->n_traits++;
    return -1;
}

static int read_profile(struct reading *r, const char *text)
{
    char known[200];
    size_t n = 0;
    for (int i = 0; i < HL_PROFILE_COUNT; i++) {
        const char *name = hl_profile_name((enum hl_profile)i);
        n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "", name);
        if (strcmp(text, name) != 0) continue;
        r->o->profile = (enum hl_profile)i;
        r->had_profile = true;
        return -1;
    }
    return complain("--profile '%s': there are %s", text, known);
}

static int read_limit(struct reading *r, const char *text)
{
    struct hl_error err;
    struct hl_load_options *o = r->o;
    if (o->n_limits == HL_LOAD_LIMITS) return complain("--fail-if: at most %d limits", HL_LOAD_LIMITS);
    if (hl_limit_parse(text, &o->limits[o->n_limits], &err)) return told(&err);
    o->n_limits++;
    return -1;
}

static int read_output(struct reading *r, const char *text)
{
    r->o->json = strcmp(text, "json") == 0;
    return r->o->json || strcmp(text, "table") == 0 ? -1 : complain("--output is table or json, not '%s'", text);
}

/* ---- help ---- */

#define HELP_COLUMN 30

static void put_indented(const char *help)
{
    for (const char *p = help; *p; p++) {
        putchar(*p);
        if (*p == '\n') printf("%*s", HELP_COLUMN, "");
    }
    putchar('\n');
}

static void put_option(const char *heading, const char *name, char letter, const char *argument, const char *help)
{
    char left[64];
    if (heading) printf("\n%s:\n", heading);
    char with[] = {'-', letter, ',', '\0'};
    snprintf(left, sizeof(left), "  %s --%s%s%s", letter ? with : "   ", name, argument ? " " : "", argument ? argument : "");
    printf("%-*s", HELP_COLUMN, left);
    if (strlen(left) >= HELP_COLUMN) printf("\n%*s", HELP_COLUMN, "");
    put_indented(help);
    if (strcmp(name, "profile") != 0) return;
#define X(profile, what) printf("%*s%-9s %s;\n", HELP_COLUMN, "", #profile ":", what);
    HL_PROFILES(X)
#undef X
}

static void put_figures(void)
{
    puts("\nNames for --fail-if:\n"
         "  p50, p99, p99.9 ..., max, mean   of the time from the planned send time of an event to its transition seen by\n"
         "                                   a read_committed consumer; a stall counts in full. With one of these in front:");
    for (size_t i = 1; i < HL_LATENCY_COUNT; i++) printf("    %-15s%s: %s\n", hl_latency_texts[i].prefix, hl_latency_texts[i].what, hl_latency_texts[i].why);
#define X(name, what) printf("  %-16s %s\n", #name, what);
    HL_FIGURES(X)
#undef X
    puts("  behind           how late the sender was at most");
}

static int put_help(void)
{
    puts("Usage: hotlead-load [OPTIONS]\n"
         "\n"
         "Send made-up engagement events to Kafka at a set rate, and measure how long hotlead takes to tell what came of them.\n"
         "\n"
         "It is an open loop: each event has a moment at which it is due, whatever became of the ones before, and its time\n"
         "counts from that moment. So a stall of hotlead, of Kafka or of this program is not hidden (no coordinated omission).\n"
         "Some of the events (the probes) are for contacts that this program has made Leads of: a raised hand, then a rejection\n"
         "by sales, and again. Each must lead to a transition. What was written to Kafka and led to none is lost.\n"
         "Ctrl-C ends the sending, and the report is written all the same; a second one ends at once.");
#define X(heading, name, letter, argument, kind, member, least, most, help) put_option(heading, name, letter, argument, help);
    OPTIONS_TABLE(X)
#undef X
    put_figures();
    puts("\nExamples:\n"
         "  hotlead-load -c config/hotlead.yaml --rate 20k --duration 1m --fail-if 'p99>50ms' --fail-if 'lost>0'\n"
         "  hotlead-load -t web.engagement -p ramp --from 1k --rate 200k -d 5m --html ramp.html\n"
         "  hotlead-load -b kafka-1:9092 -t web.engagement -p soak --rate 5k -d 8h -o json >soak.json\n"
         "  hotlead-load -t web.engagement --backlog 30d --events 10M --contacts 1M\n"
         "\n"
         "Exit status:\n"
         "  0 all is well, 1 a --fail-if limit is broken, 64 wrong options, 69 no broker answers or hotlead moves nobody,\n"
         "  77 not permitted, or another machine without --bootstrap, 78 wrong configuration, or a topic that is not there.");
    return 0;
}

static int read_help(struct reading *r, const char *text)
{
    (void)r, (void)text;
    return 0;
}

/* ---- plain values ---- */

/* "20000", "20k", "1.5M" */
static bool parse_number(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    if (end == text || !isfinite(*out) || isspace((unsigned char)text[0])) return false;
    if (*end == 'k' || *end == 'M') *out *= *end++ == 'k' ? 1e3 : 1e6;
    return *end == '\0';
}

static bool parse_share(const char *text, double *out)
{
    char *end;
    *out = strtod(text, &end);
    if (end == text || !isfinite(*out)) return false;
    if (*end == '%') {
        *out /= 100;
        end++;
    }
    return *end == '\0';
}

struct row {
    const char *name;
    enum kind kind;
    size_t member;
    double least, most;
    int (*call)(struct reading *r, const char *text);
};

static int read_plain(struct reading *r, const struct row *row, const char *text)
{
    void *at = (char *)r + row->member;
    double v;
    int64_t ms;
    switch (row->kind) {
    case TEXT:
        if (!*text) return complain("--%s is empty", row->name);
        *(const char **)at = text;
        return -1;
    case FLAG: *(bool *)at = true; return -1;
    case TIME:
        if (!hl_duration_parse(hl_slice_of(text), &ms) || (double)ms < row->least || (double)ms > row->most)
            return complain("--%s wants a time such as 500ms, 30s, 10m or 8h%s, not '%s'", row->name, row->most == MAX_TIME_MS ? ", at most 72h" : "", text);
        *(int64_t *)at = ms;
        return -1;
    case SHARE:
        if (!parse_share(text, &v) || v < 0 || v > 1) return complain("--%s wants a share such as 1%% or 0.01, not '%s'", row->name, text);
        *(double *)at = v;
        return -1;
    default:
        if (!parse_number(text, &v) || v < row->least || v > row->most || (row->kind == COUNT && v != floor(v)))
            return complain("--%s wants a %snumber from %.10g to %.10g, such as 500, 20k or 1M, not '%s'", row->name, row->kind == COUNT ? "whole " : "",
                            row->least, row->most, text);
        if (row->kind == COUNT) *(uint64_t *)at = (uint64_t)v;
        else *(double *)at = v;
        return -1;
    }
}

#define MEMBER_TEXT(m) offsetof(struct reading, m), NULL
#define MEMBER_COUNT(m) MEMBER_TEXT(m)
#define MEMBER_NUMBER(m) MEMBER_TEXT(m)
#define MEMBER_SHARE(m) MEMBER_TEXT(m)
#define MEMBER_TIME(m) MEMBER_TEXT(m)
#define MEMBER_FLAG(m) MEMBER_TEXT(m)
#define MEMBER_CALL(m) 0, m
#define ROW(name, kind, least, most, member, call) {name, kind, member, least, most, call},
#define ROW_OF(...) ROW(__VA_ARGS__)
static const struct row ROWS[] = {
#define X(heading, name, letter, argument, kind, member, least, most, help) ROW_OF(name, kind, least, most, MEMBER_##kind(member))
    OPTIONS_TABLE(X)
#undef X
};

static int read_all(struct reading *r, int argc, char **argv)
{
    static const struct option OPTIONS[] = {
#define X(heading, name, letter, argument, kind, member, least, most, help) {name, (argument) ? required_argument : no_argument, NULL, (letter) ? (letter) : 0},
        OPTIONS_TABLE(X)
#undef X
            {NULL, 0, NULL, 0}};
    int index;
    for (int c; (c = getopt_long(argc, argv, "c:b:t:T:X:p:r:d:n:o:qhV", OPTIONS, &index)) != -1;) {
        if (c == '?') {
            fputs("Try 'hotlead-load --help'.\n", stderr);
            return 64;
        }
        for (index = c ? 0 : index; c && OPTIONS[index].val != c;) index++;
        if (c == 'h') return put_help();
        if (c == 'V') {
            printf("hotlead-load %s (librdkafka %s)\n", HL_VERSION, hl_kafka_version());
            return 0;
        }
        r->had_rate |= c == 'r';
        int code = ROWS[index].call ? ROWS[index].call(r, optarg) : read_plain(r, &ROWS[index], optarg);
        if (code >= 0) return code;
    }
    return optind < argc ? complain("'%s' belongs to no option", argv[optind]) : -1;
}

/* ---- what belongs together ---- */

static int take_rate(struct reading *r)
{
    struct hl_load_options *o = r->o;
    if (r->backlog_ms && (r->had_rate || r->had_profile || r->duration_ms))
        return complain("--backlog writes as fast as it can: --rate, --profile and --duration do not go with it");
    if (r->shape.from >= 0 && o->profile != HL_PROFILE_ramp) return complain("--from is for --profile ramp");
    if (r->shape.peak >= 0 && o->profile != HL_PROFILE_spike) return complain("--peak is for --profile spike");
    if (r->steps && o->profile != HL_PROFILE_step) return complain("--steps is for --profile step");
    o->shape = r->shape;
    if (o->shape.from < 0) o->shape.from = 0;
    if (o->shape.peak < 0) o->shape.peak = 5 * o->shape.rate;
    o->shape.steps = r->steps ? (unsigned)r->steps : 5;
    o->shape.length_ns = (r->duration_ms ? r->duration_ms : o->profile == HL_PROFILE_soak ? 3600000 : 60000) * 1000000;
    o->backlog_ms = r->backlog_ms;
    o->events = r->events ? r->events : r->backlog_ms ? 1000000 : UINT64_MAX;
    return -1;
}

static int take_measuring(struct reading *r)
{
    struct hl_load_options *o = r->o;
    struct hl_schedule s;
    hl_schedule_init(&s, o->profile, &o->shape);
    o->measure = !r->send_only && !o->backlog_ms && r->probes != 0;
    o->probes = r->probes >= 0 ? r->probes : fmin(DEFAULT_PROBE_SHARE, DEFAULT_PROBES_PER_S / hl_schedule_top_rate(&s));
    if (!o->measure) o->probes = 0;
    for (size_t i = 0; i < o->n_limits && !o->measure; i++)
        if (hl_limit_needs_transitions(&o->limits[i]))
            return complain("--fail-if '%s' needs transitions, and %s says not to look at them", o->limits[i].text,
                            o->backlog_ms ? "--backlog" : r->send_only ? "--send-only" : "--probes 0");
    if (o->hot + o->probes > 1) return complain("--hot and --probes are more than all events together");
    return -1;
}

/* Inputs that this program can write: canonical records. */
static void take_inputs(struct hl_load_options *o)
{
    for (size_t i = 0; i < hl_config_user_inputs(o->config) && o->n_topics < HL_LOAD_TOPICS; i++) {
        const struct hl_input *in = &o->config->inputs[i];
        bool mapped = in->format == HL_FORMAT_JSON_SEGMENT || in->format == HL_FORMAT_AVRO_SINGLE_OBJECT;
        for (int f = 0; f < HL_FIELD_COUNT; f++) mapped |= in->fields.path[f] != NULL;
        if (mapped) fprintf(stderr, "hotlead-load: input %s is left out: its records have a shape of their own\n", in->topic);
        else o->topics[o->n_topics++] = (struct hl_load_topic){in->topic, in->format == HL_FORMAT_JSON};
    }
}

static int take_config(struct hl_load_options *o)
{
    struct hl_buf problems;
    struct hl_error err;
    if (!o->config_path) return -1;
    hl_buf_init(&problems);
    enum hl_status status = hl_config_load(o->config_path, &o->config, &problems, &err);
    fprintf(stderr, "%.*s", HL_SLICE_ARG(hl_buf_slice(&problems)));
    if (status && problems.len == 0) fprintf(stderr, "hotlead-load: %s\n", err.message);
    hl_buf_fini(&problems);
    if (status) return hl_status_exit_code(HL_E_CONFIG);
    for (size_t i = 0; i < o->config->n_kafka && !o->bootstrap; i++)
        if (strcmp(o->config->kafka[i].key, "bootstrap.servers") == 0) o->bootstrap = o->config->kafka[i].value;
    if (!o->transitions) o->transitions = o->config->transitions;
    if (o->n_topics) return -1;
    take_inputs(o);
    return o->n_topics ? -1 : complain("%s has no input of format avro or json; name a topic with --topic", o->config_path);
}

static int take_topics(struct hl_load_options *o)
{
    int code = take_config(o);
    if (code >= 0) return code;
    if (!o->bootstrap) o->bootstrap = "localhost:9092";
    if (!o->transitions) o->transitions = "lead.transitions";
    if (o->n_topics == 0) o->topics[o->n_topics++] = (struct hl_load_topic){"web.engagement", false};
    return -1;
}

static int take(struct reading *r)
{
    struct hl_load_options *o = r->o;
    struct hl_error err;
    o->config_path = r->config_path;
    o->bootstrap = r->bootstrap;
    o->bootstrap_given = r->bootstrap != NULL;
    o->transitions = r->transitions;
    o->schema_id = (uint32_t)r->schema_id;
    o->contacts = r->contacts;
    o->seed = r->seed;
    o->skew = r->skew, o->hot = r->hot, o->duplicates = r->duplicates, o->late = r->late, o->broken = r->broken;
    o->late_by_ms = r->late_by_ms;
    o->drain_ms = r->drain_ms;
    o->form = r->form;
    o->quiet = r->quiet;
    o->json_path = r->json_path, o->html_path = r->html_path;
    hl_mix_default(o->weights);
    if (r->mix && hl_mix_parse(r->mix, o->weights, &err)) return told(&err);
    int code = take_rate(r);
    if (code < 0) code = take_measuring(r);
    return code < 0 ? take_topics(o) : code;
}

int hl_load_options_read(struct hl_load_options *o, int argc, char **argv)
{
    *o = (struct hl_load_options){.profile = HL_PROFILE_constant,
                                  .traits = {{"email", "load-test@company.example"}, {"country", "US"}, {"company_size", "50"}},
                                  .n_traits = 3};
    struct reading r = {.o = o, .shape = {.rate = 1000, .from = -1, .peak = -1}, .form = "contact-sales", .contacts = 100000, .seed = 1, .skew = 0.67,
                        .late_by_ms = 3600000, .drain_ms = 15000, .probes = -1};
    int code = read_all(&r, argc, argv);
    return code < 0 ? take(&r) : code;
}

void hl_load_options_fini(struct hl_load_options *o)
{
    hl_config_free(o->config);
    o->config = NULL;
}
