/* `hotlead simulate`: what a model would have made of events that lie in files. */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <unistd.h>

#include "hotlead/app/commands.h"
#include "hotlead/app/model_file.h"
#include "hotlead/base/iso8601.h"
#include "sim_report.h"

static const char USAGE[] =
    "Usage: hotlead simulate --model MODEL [OPTIONS] EVENTS...\n"
    "\n"
    "Score the events of files with a model, without any server. EVENTS are JSON Lines, one event a line, or Avro container\n"
    "files (codecs null and deflate); - is the standard input. Time is the time of the events: what time alone brings about\n"
    "happens before the event that is later.\n"
    "\n"
    "  -m, --model FILE      the scoring model\n"
    "  -a, --against FILE    a second model: what changes in each stage, how many contacts differ, what share of the MQLs of each\n"
    "                        bought, and who becomes an MQL under one of them only\n"
    "      --bought TYPE     with --against: the type of event that is a purchase (default: opportunity_won)\n"
    "      --first N         with --against: how many of those who differ are named (default: 20; json: all)\n"
    "      --mapping FILE    the shape of the records in the EVENTS that follow: where their fields are, and how their types\n"
    "                        are called; the keys of an input in hotlead.yaml, in a file of their own (default: the\n"
    "                        canonical names)\n"
    "      --arrival ORDER   file (default): events arrive as they stand in the files; time: in the order of occurred_at\n"
    "      --until TIME      let time run on to this moment; RFC 3339 with an offset, or milliseconds since 1970\n"
    "      --state FILE      write each contact at the end, a line of JSON each, scores as of the end of the stream's time:\n"
    "                        the largest occurred_at, or --until when that is later\n"
    "      --alerts FILE     write the alerts of deadlines (sla), a line of JSON each, in the order they happened\n"
    "  -o, --output FORM     table (default): a summary; json: every transition, a line each, in the order they happened,\n"
    "                        or, with --against, the comparison as one object\n"
    "  -t, --threads N       from 1 to 64 (default: one a processor); the output is the same for any number\n"
    "  -h, --help            this text\n"
    "\n"
    "Exit codes: 0, 65 when some events could not be read (they are told, and the others are scored), 78 a wrong model or mapping.\n";

struct simulate {
    const char *model_path, *against_path, *state_path, *alerts_path;
    struct hl_model *model, *against;
    struct hl_sim_sources events;
    bool json;
    int64_t first; /* -1: not said */
    struct hl_sim_options o;
};

static int wrong_use(const char *what, const char *value)
{
    fprintf(stderr, "hotlead simulate: %s%s\nTry 'hotlead simulate --help'.\n", what, value);
    return hl_status_exit_code(HL_E_USAGE);
}

enum { FILE_OF_EVENTS = 1, OPT_ARRIVAL = 256, OPT_UNTIL, OPT_STATE, OPT_ALERTS, OPT_MAPPING, OPT_BOUGHT, OPT_FIRST };
#define FIRST 20

static int read_choice(struct simulate *s, int option, const char *value)
{
    bool first = strcmp(value, option == 'o' ? "json" : "time") == 0;
    if (!first && strcmp(value, option == 'o' ? "table" : "file") != 0)
        return wrong_use(option == 'o' ? "output is table or json, not " : "arrival is file or time, not ", value);
    *(option == 'o' ? &s->json : &s->o.by_time) = first;
    return 0;
}

static int read_number(struct simulate *s, int option, const char *value)
{
    int64_t n;
    if (option == OPT_UNTIL) {
        bool ok = hl_time_parse(hl_slice_of(value), &n) && n >= 0;
        if (ok) s->o.until = n;
        return ok ? 0 : wrong_use("until wants a moment such as 2026-12-31T00:00:00Z, not ", value);
    }
    if (!hl_slice_parse_i64(hl_slice_of(value), &n) || n < 1 || n > HL_SIM_MAX_THREADS)
        return wrong_use("threads are from 1 to 64, not ", value);
    s->o.threads = (unsigned)n;
    return 0;
}

static int read_bought(struct simulate *s, const char *value)
{
    s->o.bought = hl_event_type_find(hl_slice_of(value));
    return s->o.bought != HL_EVENT_UNKNOWN ? 0 : wrong_use("bought wants a type of event such as opportunity_won, not ", value);
}

static int read_first(struct simulate *s, const char *value)
{
    bool ok = hl_slice_parse_i64(hl_slice_of(value), &s->first) && s->first >= 0;
    return ok ? 0 : wrong_use("first wants a number of contacts, not ", value);
}

static int read_option(struct simulate *s, int option)
{
    switch (option) {
    case 'm': s->model_path = optarg; return 0;
    case 'a': s->against_path = optarg; return 0;
    case OPT_STATE: s->state_path = optarg; return 0;
    case FILE_OF_EVENTS: hl_sim_sources_add(&s->events, optarg); return 0;
    case OPT_MAPPING: return hl_sim_sources_map(&s->events, optarg) == HL_OK ? 0 : hl_status_exit_code(HL_E_CONFIG);
    case OPT_ALERTS: s->alerts_path = optarg; return 0;
    case OPT_BOUGHT: return read_bought(s, optarg);
    case OPT_FIRST: return read_first(s, optarg);
    case 'o':
    case OPT_ARRIVAL: return read_choice(s, option, optarg);
    case 't':
    case OPT_UNTIL: return read_number(s, option, optarg);
    default: fputs("Try 'hotlead simulate --help'.\n", stderr); return hl_status_exit_code(HL_E_USAGE);
    }
}

/* -1: go on; else the exit code. */
static int read_options(struct simulate *s, int argc, char **argv)
{
    static const struct option OPTIONS[] = {
        {"model", required_argument, NULL, 'm'},           {"against", required_argument, NULL, 'a'},
        {"output", required_argument, NULL, 'o'},          {"threads", required_argument, NULL, 't'},
        {"arrival", required_argument, NULL, OPT_ARRIVAL}, {"until", required_argument, NULL, OPT_UNTIL},
        {"state", required_argument, NULL, OPT_STATE},     {"alerts", required_argument, NULL, OPT_ALERTS},
        {"mapping", required_argument, NULL, OPT_MAPPING}, {"bought", required_argument, NULL, OPT_BOUGHT},
        {"first", required_argument, NULL, OPT_FIRST},     {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    /* - in front: files come in their place among the options, since a mapping is for those behind it. */
    for (int option; (option = getopt_long(argc, argv, "-m:a:o:t:h", OPTIONS, NULL)) != -1;) {
        if (option == 'h') {
            fputs(USAGE, stdout);
            return 0;
        }
        int code = read_option(s, option);
        if (code) return code;
    }
    if (!s->model_path) return wrong_use("--model is missing", "");
    for (; optind < argc; optind++) hl_sim_sources_add(&s->events, argv[optind]); /* behind -- */
    if (s->events.n_files == 0) return wrong_use("no file of events is named", "");
    s->o.sources = &s->events;
    return -1;
}

static int load_model(const char *path, struct hl_model **m)
{
    struct hl_buf problems;
    struct hl_error err = {.code = HL_OK};
    hl_buf_init(&problems);
    enum hl_status st = hl_model_load(path, m, &problems, &err);
    fprintf(stderr, "%.*s", HL_SLICE_ARG(hl_buf_slice(&problems)));
    if (st != HL_OK && problems.len == 0) fprintf(stderr, "hotlead simulate: %s\n", err.message);
    hl_buf_fini(&problems);
    return st == HL_OK ? 0 : hl_status_exit_code(st == HL_E_IO ? HL_E_CONFIG : st);
}

static unsigned processors(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : n > HL_SIM_MAX_THREADS ? HL_SIM_MAX_THREADS : (unsigned)n;
}

static enum hl_status report(const struct simulate *s, struct hl_sim *sim, struct hl_error *err)
{
    struct hl_sim_contact *contacts;
    size_t n;
    bool quiet = s->json && !s->against && !s->state_path;
    size_t most = s->first >= 0 ? (size_t)s->first : s->json ? SIZE_MAX : FIRST;
    if (quiet) return HL_OK;
    if (hl_sim_contacts(sim, &contacts, &n) != HL_OK) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    if (!s->json) hl_sim_report_summary(stdout, sim, contacts, n);
    if (s->against) hl_sim_report_against(stdout, sim, contacts, n, most, s->json);
    enum hl_status st = s->state_path ? hl_sim_write_states(s->state_path, sim, contacts, n, err) : HL_OK;
    free(contacts);
    return st;
}

static int open_alerts(struct simulate *s)
{
    s->o.alerts = fopen(s->alerts_path, "w");
    if (s->o.alerts) return 0;
    fprintf(stderr, "hotlead simulate: %s cannot be written: %s\n", s->alerts_path, strerror(errno));
    return hl_status_exit_code(HL_E_IO);
}

static int simulate(struct simulate *s)
{
    struct hl_sim sim;
    struct hl_error err = {.code = HL_OK};
    s->o.model = s->model;
    s->o.against = s->against;
    s->o.transitions = s->json && !s->against ? stdout : NULL;
    s->o.progress = isatty(STDERR_FILENO);
    enum hl_status st = hl_sim_run(&sim, &s->o, &err);
    if (s->o.alerts && fclose(s->o.alerts) != 0 && st == HL_OK)
        st = hl_error_set(&err, HL_E_IO, HL_STOP, "%s cannot be written: %s", s->alerts_path, strerror(errno));
    if (st == HL_OK) st = report(s, &sim, &err);
    if (st == HL_OK && fflush(stdout) != 0) st = hl_error_set(&err, HL_E_IO, HL_STOP, "standard output cannot be written");
    if (st != HL_OK) fprintf(stderr, "hotlead simulate: %s\n", err.message);
    if (st == HL_OK)
        fprintf(stderr, "%llu events in %.2f s, %.0f events/s with %u threads\n", (unsigned long long)sim.n_events, sim.seconds,
                (double)sim.n_events / (sim.seconds > 0 ? sim.seconds : 1), s->o.threads);
    if (st == HL_OK && s->json) hl_sim_report_unknown(stderr, "hotlead simulate: unknown types: ", &sim);
    if (st == HL_OK && sim.n_bad)
        fprintf(stderr, "hotlead simulate: %llu events could not be read\n", (unsigned long long)sim.n_bad);
    int code = st != HL_OK ? hl_status_exit_code(st) : sim.n_bad ? hl_status_exit_code(HL_E_DECODE) : 0;
    hl_sim_fini(&sim);
    return code;
}

static int load_and_simulate(struct simulate *s)
{
    int code = load_model(s->model_path, &s->model);
    if (code == 0 && s->against_path) code = load_model(s->against_path, &s->against);
    if (code == 0 && s->alerts_path) code = open_alerts(s);
    return code == 0 ? simulate(s) : code;
}

int hl_cmd_simulate(int argc, char **argv)
{
    struct simulate s = {.first = -1, .o = {.until = HL_NO_TIME, .threads = processors(), .bought = HL_EVENT_OPPORTUNITY_WON}};
    int code = hl_status_exit_code(HL_E_NOMEM);
    if (hl_sim_sources_init(&s.events, argc) == HL_OK) code = read_options(&s, argc, argv);
    if (code < 0) code = load_and_simulate(&s);
    hl_sim_sources_fini(&s.events);
    hl_model_free(s.model);
    hl_model_free(s.against);
    return code;
}
