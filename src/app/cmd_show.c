/* hotlead show: everything that is kept of one contact, from a running process or from the warm copy in Redis. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli.h"
#include "explain_load.h"
#include "hotlead/adapter/fetch.h"
#include "hotlead/app/commands.h"
#include "hotlead/base/clock.h"
#include "hotlead/base/iso8601.h"
#include "hotlead/base/percent.h"
#include "show.h"
#include "warm.h"

#define PROCESS_MS 5000
#define MAX_ID 4096

static const char USAGE[] =
    "Usage: hotlead show CONTACT [-c CONFIG] [--from process|redis] [--url URL] [--at TIME] [-o text|json]\n"
    "\n"
    "Everything that is kept of a contact: stage, score, owner, deadlines, attributes, the rules that count, what sales said. A running process\n"
    "is asked first, at http.listen of the configuration, and answers for every contact; if none listens there, the warm copy in Redis is read.\n"
    "Why the score is what it is: hotlead explain.\n"
    "\n"
    "  -c, --config FILE   the configuration (default: config/hotlead.yaml)\n"
    "      --from WHERE    process or redis: that one only\n"
    "  -u, --url URL       of a running process, such as http://lead-3:8080, instead of http.listen\n"
    "      --at TIME       the score of this moment, if nothing more happens; RFC 3339 with an offset, or milliseconds since 1970 (default: now)\n"
    "  -o, --output FORM   text (default) or json\n"
    "  -h, --help          this text\n"
    "\n"
    "Exit codes: 0, 64 wrong use, 65 no such contact, or a record that cannot be read, 69 neither a process nor Redis answers, 75 its partition is\n"
    "changing hands: try again, 77 the process wants another token, 78 a wrong configuration or model.\n";

static const char COMMAND[] = "show";

struct show {
    const char *config_path, *id, *url;
    bool process, redis, json;
    int64_t at; /* HL_NO_TIME: now */
    struct hl_config *config;
    struct hl_model *model;
};

enum { OPT_FROM = 256, OPT_AT };

static int read_option(struct show *x, int option)
{
    switch (option) {
    case 'c': x->config_path = optarg; return 0;
    case 'u': x->url = optarg; return 0;
    case 'o': return hl_cli_form(optarg, "text", &x->json) ? 0 : hl_cli_wrong_use(COMMAND, "output is text or json, not %s", optarg);
    case OPT_FROM:
        x->process = strcmp(optarg, "process") == 0;
        x->redis = strcmp(optarg, "redis") == 0;
        return x->process || x->redis ? 0 : hl_cli_wrong_use(COMMAND, "from is process or redis, not %s", optarg);
    case OPT_AT:
        if (hl_time_parse(hl_slice_of(optarg), &x->at) && x->at >= 0) return 0;
        return hl_cli_wrong_use(COMMAND, "at wants a moment such as 2026-12-31T00:00:00Z, not %s", optarg);
    default: fputs("Try 'hotlead show --help'.\n", stderr); return hl_status_exit_code(HL_E_USAGE);
    }
}

/* -1: go on; else the exit code. */
static int read_options(struct show *x, int argc, char **argv)
{
    static const struct option options[] = {{"config", required_argument, NULL, 'c'}, {"from", required_argument, NULL, OPT_FROM},
                                            {"url", required_argument, NULL, 'u'},    {"at", required_argument, NULL, OPT_AT},
                                            {"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'},
                                            {NULL, 0, NULL, 0}};
    optind = 1;
    for (int o; (o = getopt_long(argc, argv, "c:u:o:h", options, NULL)) != -1;) {
        if (o == 'h') {
            fputs(USAGE, stdout);
            return 0;
        }
        int code = read_option(x, o);
        if (code) return code;
    }
    if (optind + 1 != argc || !argv[optind][0]) return hl_cli_wrong_use(COMMAND, optind + 1 < argc ? "one contact at a time" : "which contact?");
    x->id = argv[optind];
    if (strlen(x->id) > MAX_ID) return hl_cli_wrong_use(COMMAND, "a contact id has at most %d bytes", MAX_ID);
    return x->redis && x->url ? hl_cli_wrong_use(COMMAND, "--url is for a process, and --from redis asks none") : -1;
}

/* --- a running process --- */

/* Where it listens, as one may reach it from this machine. */
static void put_base(const struct show *x, struct hl_buf *url)
{
    const char *listen = x->config->http_listen, *port = strrchr(listen, ':');
    if (x->url) {
        size_t n = strlen(x->url);
        while (n && x->url[n - 1] == '/') n--;
        hl_buf_put(url, x->url, n);
    } else if (strncmp(listen, "0.0.0.0:", 8) == 0) {
        hl_buf_printf(url, "http://127.0.0.1%s", port);
    } else if (strncmp(listen, "[::]:", 5) == 0) {
        hl_buf_printf(url, "http://[::1]%s", port);
    } else {
        hl_buf_printf(url, "http://%s", listen);
    }
}

static enum hl_status ask(const struct show *x, long *http, struct hl_buf *body, struct hl_error *err)
{
    struct hl_buf url;
    const char *token = x->config->http_token_file;
    hl_buf_init(&url);
    put_base(x, &url);
    hl_buf_printf(&url, "/v1/contacts/");
    hl_percent_put(&url, hl_slice_of(x->id));
    if (x->at != HL_NO_TIME) hl_buf_printf(&url, "?at=%lld", (long long)x->at);
    hl_buf_put_u8(&url, 0);
    struct hl_fetch_request q = {.url = (const char *)url.data, .accept = x->json ? "application/json" : "text/plain",
                                 .token_file = token && token[0] ? token : NULL, .timeout_ms = PROCESS_MS};
    enum hl_status status = url.failed ? hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory") : hl_fetch_get(&q, http, body, err);
    hl_buf_fini(&url);
    return status;
}

static enum hl_status status_of(long http)
{
    switch (http) {
    case 404: return HL_E_DECODE;
    case 401: return HL_E_PERMISSION;
    case 503: return HL_E_TIMEOUT;
    default: return HL_E_UNAVAILABLE;
    }
}

/* *answered false: nobody listens there. */
static int show_process(const struct show *x, bool *answered)
{
    long http;
    char why[600];
    struct hl_error err = {0};
    struct hl_buf body;
    hl_buf_init(&body);
    enum hl_status status = ask(x, &http, &body, &err);
    *answered = status != HL_E_UNAVAILABLE || http != 0;
    int code = 0;
    if (status && (*answered || x->process || x->url)) {
        code = hl_cli_fail(COMMAND, status, err.message);
    } else if (!status && http != 200) {
        hl_fetch_problem(http, hl_buf_slice(&body), why, sizeof(why));
        code = hl_cli_fail(COMMAND, status_of(http), why);
    } else if (!status) {
        status = hl_cli_print(&body);
        if (status) code = hl_cli_fail(COMMAND, status, "the output cannot be written");
    }
    hl_buf_fini(&body);
    return code;
}

/* --- Redis --- */

static enum hl_status read_redis(const struct show *x, struct hl_subject *s, struct hl_show_source *source, struct hl_error *err)
{
    struct hl_store *store;
    enum hl_status status = hl_subject_init(s, hl_slice_of(x->id));
    if (status) return hl_error_set(err, status, HL_STOP, "out of memory");
    status = hl_warm_open(x->config, 0, &store, err);
    if (status) return status;
    int64_t position;
    for (int32_t p = 0; !status && !s->found; p++) {
        status = hl_warm_next(store, &p, &position, err);
        if (!status) status = hl_subject_read_partition(s, x->model, store, p, &position, err);
        *source = (struct hl_show_source){true, p, position};
    }
    store->free(store);
    return status == HL_E_END ? HL_OK : status;
}

static int show_redis(const struct show *x)
{
    struct hl_subject s;
    struct hl_show_source source;
    struct hl_error err = {0};
    struct hl_buf out;
    char why[600];
    int code;
    int64_t now = hl_clock_wall_ms(), at = x->at == HL_NO_TIME ? now : x->at;
    hl_buf_init(&out);
    enum hl_status status = read_redis(x, &s, &source, &err);
    if (status) {
        code = hl_cli_fail(COMMAND, status == HL_E_IO ? HL_E_DECODE : status, err.message);
    } else if (!s.found) {
        snprintf(why, sizeof(why), "no contact '%.200s' in Redis (as of the last checkpoint)", x->id);
        code = hl_cli_fail(COMMAND, HL_E_DECODE, why);
    } else {
        if (x->json) hl_show_put_json(&s.c, x->model, at, &source, &out);
        else hl_show_put_text(&s.c, x->model, at, now, &source, &out);
        status = hl_cli_print(&out);
        code = status ? hl_cli_fail(COMMAND, status, "the output cannot be written") : 0;
    }
    hl_subject_fini(&s);
    hl_buf_fini(&out);
    return code;
}

static int show(const struct show *x)
{
    bool answered = false;
    int code = 0;
    if (!x->redis && (x->url || x->config->http_listen[0])) code = show_process(x, &answered);
    else if (x->process) return hl_cli_fail(COMMAND, HL_E_CONFIG, "http.listen is empty: give --url, or read the copy in Redis with --from redis");
    return code || answered ? code : show_redis(x);
}

int hl_cmd_show(int argc, char **argv)
{
    struct show x = {.config_path = hl_cli_default_config(), .at = HL_NO_TIME};
    int code = read_options(&x, argc, argv);
    if (code >= 0) return code;
    code = hl_cli_load(COMMAND, x.config_path, &x.config, &x.model);
    if (code == 0) code = show(&x);
    hl_model_free(x.model);
    hl_config_free(x.config);
    return code;
}
