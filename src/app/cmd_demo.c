/* `hotlead demo`: the whole service on one machine, with a made-up day instead of the world. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "child.h"
#include "demo_report.h"
#include "demo_view.h"
#include "hotlead/adapter/redis.h"
#include "hotlead/app/commands.h"
#include "hotlead/app/model_file.h"
#include "hotlead/app/signals.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/log.h"

#define DAY_SECONDS 30 /* how long the day takes, unless --rate says otherwise */
#define PARTITIONS 4
#define TICK_NS 100000000
#define CATCH_UP_NS INT64_C(20000000000) /* without any progress */
#define PORT 8080

static const char USAGE[] =
    "Usage: hotlead demo [OPTIONS]\n"
    "\n"
    "A made-up day at a company that sells software, in half a minute. Visitors read\n"
    "pages, click mails, download, ask for a demo; each event goes through Kafka and\n"
    "is scored, and you see contacts change stage the moment it happens. Sales\n"
    "answers; deals are won and lost. It needs no broker: Kafka is simulated in this\n"
    "process, and a redis-server of its own is started, and removed at the end.\n"
    "\n"
    "      --contacts N    how many people (3000; at most 200000)\n"
    "      --rate N        events a second; 0: as fast as they are scored\n"
    "                      (default: so that the day takes about 30 s)\n"
    "      --seconds N     stop after N seconds (default: when the day is over)\n"
    "      --seed N        another number, another day (1)\n"
    "      --model FILE    the scoring model (config/model.yaml): change it, and see\n"
    "                      what changes\n"
    "      --listen ADDR   the dashboard, health and metrics over HTTP; off: none\n"
    "                      (127.0.0.1:8080, or another port if that is taken)\n"
    "  -o, --output KIND   table (default), or json: only the final numbers\n"
    "  -v, --verbose       show the log of the service, on stderr\n"
    "  -h, --help          this text\n"
    "\n"
    "Ctrl-C ends the day early and shows the same tables. NO_COLOR: no colours.\n"
    "Exit codes: 0 done, 64 usage, 69 redis-server is missing or does not start,\n"
    "78 the model has errors.\n";

struct options {
    uint64_t contacts, rate, seconds, seed;
    bool has_rate, json, verbose;
    const char *model, *listen;
};

/* Everything that is to be given back. */
struct demo {
    struct options options;
    char dir[64];
    struct hl_child redis;
    struct hl_kafka_mock *kafka;
    struct hl_config *config;
    struct hl_model *model;
    struct hl_demo_day *day;
    struct hl_demo_feed *feed;
    struct hl_engine *engine;
    _Atomic bool stop_engine; /* not the signal's own flag: the table is looked at before the engine stops */
    struct hl_demo_view view;
    int64_t started_ns;
};

/* --- options --- */

static bool parse_count(const char *name, const char *text, int64_t min, int64_t max, uint64_t *out)
{
    int64_t n;
    if (!hl_slice_parse_i64(hl_slice_of(text), &n) || n < min || n > max) {
        fprintf(stderr, "hotlead demo: --%s takes a number from %" PRId64 " to %" PRId64 ", not '%s'\n", name, min, max, text);
        return false;
    }
    *out = (uint64_t)n;
    return true;
}

static bool parse_output(const char *text, bool *json)
{
    *json = strcmp(text, "json") == 0;
    if (*json || strcmp(text, "table") == 0) return true;
    fprintf(stderr, "hotlead demo: --output takes table or json, not '%s'\n", text);
    return false;
}

enum { OPT_CONTACTS = 256, OPT_RATE, OPT_SECONDS, OPT_SEED, OPT_MODEL, OPT_LISTEN };

static bool set_option(struct options *o, int option)
{
    switch (option) {
    case OPT_CONTACTS: return parse_count("contacts", optarg, 1, HL_DEMO_MAX_CONTACTS, &o->contacts);
    case OPT_RATE: return o->has_rate = parse_count("rate", optarg, 0, 10000000, &o->rate);
    case OPT_SECONDS: return parse_count("seconds", optarg, 1, 1000000, &o->seconds);
    case OPT_SEED: return parse_count("seed", optarg, 0, INT64_MAX, &o->seed);
    case OPT_MODEL: o->model = optarg; return true;
    case OPT_LISTEN: o->listen = optarg; return true;
    case 'o': return parse_output(optarg, &o->json);
    case 'v': return o->verbose = true;
    default: return false;
    }
}

/* -1: go on; else the exit code. */
static int parse_options(int argc, char **argv, struct options *o)
{
    static const struct option OPTIONS[] = {
        {"contacts", required_argument, NULL, OPT_CONTACTS},
        {"rate", required_argument, NULL, OPT_RATE},
        {"seconds", required_argument, NULL, OPT_SECONDS},
        {"seed", required_argument, NULL, OPT_SEED},
        {"model", required_argument, NULL, OPT_MODEL},
        {"listen", required_argument, NULL, OPT_LISTEN},
        {"output", required_argument, NULL, 'o'},
        {"verbose", no_argument, NULL, 'v'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    *o = (struct options){.contacts = 3000, .seed = 1};
    for (int c; (c = getopt_long(argc, argv, "o:vh", OPTIONS, NULL)) != -1;) {
        if (c == 'h') {
            fputs(USAGE, stdout);
            return 0;
        }
        if (set_option(o, c)) continue;
        fputs("Try 'hotlead demo --help'.\n", stderr);
        return 64;
    }
    if (optind == argc) return -1;
    fprintf(stderr, "hotlead demo: unexpected argument '%s'\n", argv[optind]);
    return 64;
}

/* --- the model and the schemas: near the working directory, or near the program --- */

static bool find_file(const char *probe, char *path, size_t cap)
{
    static const char *const places[] = {"/../..", "/../share/hotlead"};
    char self[PATH_MAX];
    if (access(probe, R_OK) == 0) return snprintf(path, cap, "%s", probe) < (int)cap;
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    if (n <= 0) return false;
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    for (size_t i = 0; i < HL_ARRAY_LEN(places); i++)
        if (snprintf(path, cap, "%s%s/%s", self, places[i], probe) < (int)cap && access(path, R_OK) == 0) return true;
    return false;
}

/* Absolute, since the configuration's own folder is the temporary one. */
static enum hl_status locate(const char *given, const char *probe, char path[PATH_MAX], struct hl_error *err)
{
    char found[PATH_MAX];
    if (given)
        snprintf(found, sizeof(found), "%s", given);
    else if (!find_file(probe, found, sizeof(found)))
        return hl_error_set(err, HL_E_CONFIG, HL_STOP,
                            "%s is found neither here nor near the program; run the demo from the source folder%s", probe,
                            strcmp(probe, "config/model.yaml") == 0 ? ", or name a model with --model" : "");
    if (realpath(found, path)) return HL_OK;
    return hl_error_set(err, HL_E_CONFIG, HL_STOP, "%s: %s", found, strerror(errno));
}

/* --- Redis --- */

static enum hl_status wait_for_redis(struct demo *d, const char *url, struct hl_error *err)
{
    struct hl_redis_config config = {.url = url, .name = "hotlead-demo"};
    struct hl_store *store;
    char warning[512];
    enum hl_status status = hl_redis_new(&config, &store, err);
    if (status) return status;
    for (int i = 0; i < 250; i++) {
        status = hl_redis_check(store, warning, sizeof(warning), err);
        if (!status || *hl_signals_stop() || !hl_child_is_running(&d->redis)) break;
        nanosleep(&(struct timespec){0, 20000000}, NULL);
    }
    store->free(store);
    if (status)
        return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP,
                            "redis-server does not start; it may say why with: redis-server --port 0");
    return HL_OK;
}

/* A redis-server on a socket in the temporary folder, without persistence: it needs no port and leaves nothing behind. */
static enum hl_status redis_start(struct demo *d, char *url, size_t cap, struct hl_error *err)
{
    char socket[96], log[96];
    bool missing;
    snprintf(socket, sizeof(socket), "%s/redis.sock", d->dir);
    snprintf(log, sizeof(log), "%s/redis.log", d->dir);
    snprintf(url, cap, "unix://%s", socket);
    const char *const argv[] = {"redis-server", "--port", "0", "--unixsocket", socket, "--unixsocketperm", "700", "--dir",
                                d->dir,         "--save", "",  "--appendonly", "no",   "--daemonize",      "no",  NULL};
    enum hl_status status = hl_child_start(&d->redis, argv, log, &missing, err);
    if (status && missing)
        return hl_error_set(err, HL_E_UNAVAILABLE, HL_STOP,
                            "redis-server is not installed; on Debian: apt-get install redis-server");
    return status ? status : wait_for_redis(d, url, err);
}

/* --- the parts --- */

static bool port_is_free(uint16_t port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (fd < 0) return false;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    bool free_now = bind(fd, (const struct sockaddr *)&a, sizeof(a)) == 0 && listen(fd, 1) == 0;
    close(fd);
    return free_now;
}

static const char *listen_address(const struct options *o)
{
    if (o->listen) return strcmp(o->listen, "off") == 0 ? "" : o->listen;
    return port_is_free(PORT) ? "127.0.0.1:8080" : "127.0.0.1:0";
}

static void put_config(const struct demo *d, const char *redis, const char *model, const char *schemas, struct hl_buf *out)
{
    hl_buf_printf(out,
                  "kafka: {bootstrap.servers: \"%s\", group.id: hotlead-demo, static_membership: false, fetch.wait.max.ms: 10, "
                  "socket.nagle.disable: true}\ninputs:\n",
                  hl_kafka_mock_bootstrap(d->kafka));
    for (int t = 0; t < HL_DEMO_TOPIC_COUNT; t++)
        hl_buf_printf(out, "  - {topic: %s, format: json}\n", hl_demo_topic_name((enum hl_demo_topic)t));
    hl_buf_printf(out,
                  "delivery: low_latency\nthreads: 1\nredis: {url: \"%s\"}\nmodel: '%s'\nschemas: {dir: '%s'}\nhttp: {listen: "
                  "\"%s\"}\nlog_level: %s\n",
                  redis, model, schemas, listen_address(&d->options), d->options.verbose ? "info" : "error");
}

/* The same road as that of `run`, but the environment is left out: variables set for a real service must not turn the demo
 * on it. */
static enum hl_status load(struct demo *d, const char *redis, struct hl_error *err)
{
    char model[PATH_MAX], schemas[PATH_MAX];
    struct hl_buf text, problems;
    hl_buf_init(&text);
    hl_buf_init(&problems);
    enum hl_status status = locate(d->options.model, "config/model.yaml", model, err);
    if (!status) status = locate(NULL, "schemas", schemas, err);
    if (!status) {
        put_config(d, redis, model, schemas, &text);
        status = hl_config_load_text("the demo's configuration", hl_buf_slice(&text), NULL, &d->config, &problems, err);
    }
    if (!status) status = hl_model_load(d->config->model, &d->model, &problems, err);
    fprintf(stderr, "%.*s", HL_SLICE_ARG(hl_buf_slice(&problems)));
    hl_buf_fini(&text);
    hl_buf_fini(&problems);
    return status;
}

static enum hl_status kafka_start(struct demo *d, struct hl_error *err)
{
    static const char *const topics[] = {
#define X(code, name) name,
        HL_DEMO_TOPICS(X)
#undef X
            "lead.transitions",
        "lead.state",
        "lead.alerts",
        "lead.dead-letter",
        "lead.merges",
    };
    return hl_kafka_mock_new(topics, HL_ARRAY_LEN(topics), PARTITIONS, &d->kafka, err);
}

static enum hl_status day_make(struct demo *d, struct hl_error *err)
{
    size_t n;
    d->day = hl_demo_day_new(d->options.seed, (uint32_t)d->options.contacts, hl_clock_wall_ms());
    if (!d->day) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    hl_demo_day_events(d->day, &n);
    if (!d->options.has_rate) d->options.rate = n / DAY_SECONDS + 1;
    struct hl_demo_feed_options feed = {d->day, hl_kafka_mock_bootstrap(d->kafka), d->options.rate};
    return hl_demo_feed_new(&feed, &d->feed, err);
}

static enum hl_status engine_start(struct demo *d, struct hl_error *err)
{
    enum hl_log_level level;
    if (hl_log_level_parse(d->config->log_level, &level)) hl_log_set_level(level);
    struct hl_engine_options options = {
        .config = d->config,
        .model = d->model,
        .stop = &d->stop_engine,
        .observer = hl_demo_feed_observe,
        .observer_ctx = d->feed,
    };
    enum hl_status status = hl_engine_start(&options, &d->engine, err);
    return status ? status : hl_demo_feed_start(d->feed, hl_engine_metrics(d->engine), err);
}

/* The child first: it is forked while this process has one thread. */
static enum hl_status start(struct demo *d, struct hl_error *err)
{
    char redis[128];
    snprintf(d->dir, sizeof(d->dir), "/tmp/hotlead-demo-XXXXXX");
    if (!mkdtemp(d->dir)) {
        d->dir[0] = '\0';
        return hl_error_set(err, HL_E_IO, HL_STOP, "no folder in /tmp: %s", strerror(errno));
    }
    enum hl_status status = redis_start(d, redis, sizeof(redis), err);
    if (!status) status = kafka_start(d, err);
    if (!status) status = load(d, redis, err);
    if (!status) status = day_make(d, err);
    if (!status) status = engine_start(d, err);
    return status;
}

/* The reverse order of start. */
static void finish(struct demo *d)
{
    d->stop_engine = true;
    if (d->feed) hl_demo_feed_stop(d->feed);
    hl_engine_free(d->engine);
    hl_demo_feed_free(d->feed);
    hl_demo_day_free(d->day);
    hl_model_free(d->model);
    hl_config_free(d->config);
    hl_kafka_mock_free(d->kafka);
    hl_child_stop(&d->redis);
    if (d->dir[0]) hl_child_remove_folder(d->dir);
}

/* --- the show --- */

static void greet(const struct demo *d)
{
    char contacts[32], events[32], rate[48];
    size_t n;
    hl_demo_day_events(d->day, &n);
    const char *kafka = hl_kafka_mock_bootstrap(d->kafka), *bold = d->view.colour ? "\033[1m" : "",
               *plain = d->view.colour ? "\033[0m" : "";
    if (d->options.rate)
        snprintf(rate, sizeof(rate), "about %s events a second", hl_demo_count(d->options.rate, events));
    else
        snprintf(rate, sizeof(rate), "as fast as it goes");
    printf("%shotlead demo%s: a made-up day of %s contacts, ", bold, plain, hl_demo_count(d->options.contacts, contacts));
    printf("%s events and what sales makes of them, %s\n\n", hl_demo_count(n, events), rate);
    printf("  Kafka     %s, simulated in this process\n", kafka);
    printf("  Redis     a redis-server of its own, gone at the end\n");
    printf("  model     %s (%s %s)\n", d->config->model, d->model->name, d->model->version);
    if (hl_engine_http_port(d->engine))
        printf("  look at   %shttp://127.0.0.1:%d/%s\n", bold, hl_engine_http_port(d->engine), plain);
    printf("\nThe same from another terminal, as any Kafka client sees it (values are Avro, schemas/stage_transition.avsc):\n");
    printf("  kcat -C -b %s -t lead.transitions -o beginning -f '%%k  %%h\\n'\n\n", kafka);
    fflush(stdout);
}

static void show(struct demo *d)
{
    static struct hl_demo_move moves[HL_DEMO_VIEW_MOVES];
    struct hl_demo_status s = {
        .sent = hl_demo_feed_sent(d->feed), .clock = hl_demo_feed_clock(d->feed), .redis_up = hl_child_is_running(&d->redis)};
    struct hl_metrics_totals totals = hl_metrics_totals(hl_engine_metrics(d->engine));
    size_t n = 0, cap = HL_ARRAY_LEN(moves);
    do {
        n = hl_demo_feed_take(d->feed, moves, cap, &s.lost);
        if (!d->options.json) hl_demo_view_moves(&d->view, moves, n);
    } while (n == cap);
    if (d->options.json) return;
    s.contacts = hl_table_stats(hl_engine_table(d->engine)).contacts;
    s.totals = &totals;
    hl_demo_view_status(&d->view, &s, hl_clock_mono_ns());
}

static void tick(struct demo *d)
{
    nanosleep(&(struct timespec){0, TICK_NS}, NULL); /* a signal ends it early */
    show(d);
}

static bool time_is_up(const struct demo *d)
{
    int64_t seconds = (int64_t)d->options.seconds;
    return seconds && hl_clock_mono_ns() - d->started_ns >= seconds * INT64_C(1000000000);
}

/* The rest of what was sent. False: the scorer got stuck. */
static bool catch_up(struct demo *d)
{
    uint64_t seen = 0;
    int64_t since = hl_clock_mono_ns();
    while (!d->stop_engine) {
        uint64_t now = hl_metrics_totals(hl_engine_metrics(d->engine)).consumed;
        if (now >= hl_demo_feed_sent(d->feed)) return true;
        if (now != seen) since = hl_clock_mono_ns();
        if (hl_clock_mono_ns() - since > CATCH_UP_NS) return false;
        seen = now;
        tick(d);
    }
    return false;
}

static void print_report(struct demo *d, bool whole)
{
    struct hl_demo_report *r = calloc(1, sizeof(*r));
    struct hl_buf out;
    if (!r) return;
    hl_buf_init(&out);
    r->day = d->day;
    r->model = d->model;
    r->sent = hl_demo_feed_sent(d->feed);
    r->seconds = (double)(hl_clock_mono_ns() - d->started_ns) / 1e9;
    r->whole = whole;
    hl_demo_report_fill(r, d->engine, d->feed);
    if (d->options.json)
        hl_demo_report_print_json(r, &out);
    else
        hl_demo_report_print(r, d->view.colour, &out);
    fwrite(out.data, 1, out.len, stdout);
    fflush(stdout);
    hl_buf_fini(&out);
    free(r);
}

/* Run the day. The engine may end before it, by an error of its own. */
static enum hl_status run(struct demo *d, struct hl_error *err)
{
    d->started_ns = hl_clock_mono_ns();
    if (!d->options.json) greet(d);
    while (!*hl_signals_stop() && !d->stop_engine && !hl_demo_feed_done(d->feed) && !time_is_up(d)) tick(d);
    bool whole = hl_demo_feed_done(d->feed);
    hl_demo_feed_stop(d->feed);
    enum hl_status status = hl_demo_feed_status(d->feed, err);
    bool caught_up = !status && catch_up(d);
    show(d);
    hl_demo_view_end(&d->view);
    if (caught_up) print_report(d, whole);
    bool failed = d->stop_engine;
    d->stop_engine = true;
    enum hl_status ended = hl_engine_wait(d->engine, failed || !status ? err : &(struct hl_error){0});
    if (status || ended) return status ? status : ended;
    return caught_up ? HL_OK : hl_error_set(err, HL_E_INTERNAL, HL_STOP, "some of the events sent were never read");
}

int hl_cmd_demo(int argc, char **argv)
{
    static struct demo d;
    struct hl_error err = {0};
    int code = parse_options(argc, argv, &d.options);
    if (code >= 0) return code;
    hl_signals_install();
    hl_demo_view_init(&d.view, stdout, NULL);
    if (!d.options.json) hl_demo_view_note(&d.view, "starting a redis-server and a simulated Kafka ...");
    enum hl_status status = start(&d, &err);
    hl_demo_view_end(&d.view);
    d.view.day = d.day;
    if (!status) status = run(&d, &err);
    finish(&d);
    if (!status || (hl_signals_received() && status == HL_E_UNAVAILABLE)) return 0;
    if (err.message[0]) fprintf(stderr, "hotlead demo: %s\n", err.message);
    return hl_status_exit_code(status);
}
