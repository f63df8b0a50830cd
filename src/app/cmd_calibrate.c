/* hotlead calibrate: a first model from what contacts did before they bought. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "draft.h"
#include "hotlead/app/commands.h"
#include "hotlead/app/model_file.h"
#include "hotlead/base/iso8601.h"
#include "json_text.h"
#include "sim_batch.h"

static const char USAGE[] =
    "Usage: hotlead calibrate [OPTIONS] EVENTS...\n"
    "\n"
    "Draft a scoring model from history: what did the contacts that bought do before, and who are they, compared with the others? EVENTS are\n"
    "those of simulate: JSON Lines, or Avro container files; - is the standard input. They must hold all contacts, not only buyers.\n"
    "\n"
    "The model goes to the standard output, with the evidence beside each rule: how many contacts, how many of them bought, the interval of\n"
    "that. Only what was done before the purchase counts; of those who did not buy, a stretch of time that compares. Half-life and threshold\n"
    "are those that tell buyers from others best, on the same contacts; how well it does on contacts that were held out is said, too.\n"
    "\n"
    "  -b, --bought TYPE       the type of event that is a purchase (default: opportunity_won)\n"
    "      --mapping FILE      the shape of the records in the EVENTS that follow, as for simulate\n"
    "  -w, --window TIME       how far back what was done counts (default: 90d)\n"
    "      --ahead TIME        what was done so shortly before the purchase does not count (default: 0d)\n"
    "      --min-contacts N    evidence takes this many contacts that did it, and that did not, and buyers (default: 20)\n"
    "      --capacity PERCENT  the share of contacts that may become MQLs by score, such as 5; without it, the threshold is where the share of\n"
    "                          buyers above it is furthest from that of others\n"
    "      --together          weigh all rules at once: what goes together shares its points, and what only comes along with it gets none. Ranks\n"
    "                          better where the keen do more of everything; but points no longer follow from the line above a rule alone\n"
    "      --holdout PERCENT   the share of contacts that nothing is learned from, by the hash of their id (default: 25)\n"
    "      --ignore ATTRIBUTE  an attribute that says nothing, or says too much; may be repeated\n"
    "  -n, --name NAME         of the model (default: calibrated)\n"
    "  -o, --output FORM       yaml (default) or json: the evidence for every rule, those left out too\n"
    "  -h, --help              this text\n"
    "\n"
    "Exit codes: 0, 64 wrong use, 65 when some events could not be read (the draft is made from the others), or when the history teaches\n"
    "nothing, 69 a file cannot be read, 78 a wrong mapping.\n";

static const char COMMAND[] = "calibrate";

struct calibrate {
    struct hl_past_options o;
    int64_t min_contacts;
    double capacity;
    bool together;
    const char *name, **ignored;
    size_t n_ignored;
    bool json;
    struct hl_sim_sources events;
    struct hl_past past;
    struct hl_draft draft;
    uint64_t n_bad;
};

enum { FILE_OF_EVENTS = 1, OPT_MAPPING = 256, OPT_AHEAD, OPT_MIN, OPT_CAPACITY, OPT_HOLDOUT, OPT_IGNORE, OPT_TOGETHER };

/* ---- options ---- */

static int read_type(struct calibrate *x, const char *text)
{
    x->o.bought = hl_event_type_find(hl_slice_of(text));
    if (x->o.bought == HL_EVENT_UNKNOWN) return hl_cli_wrong_use(COMMAND, "'%s' is no type of event; a mapping can give yours the name of one", text);
    return hl_event_type_class(x->o.bought) == HL_CLASS_CONTROL ? hl_cli_wrong_use(COMMAND, "%s can be no purchase", text) : 0;
}

static int read_span(const char *option, const char *text, int64_t least, int64_t *ms)
{
    if (hl_duration_parse(hl_slice_of(text), ms) && *ms >= least && *ms <= INT64_C(3650) * 86400000) return 0;
    return hl_cli_wrong_use(COMMAND, "%s wants a time such as 90d%s, not %s", option, least ? ", a day or more" : "", text);
}

static int read_number(const char *option, const char *text, int64_t least, int64_t most, int64_t *n)
{
    if (hl_slice_parse_i64(hl_slice_of(text), n) && *n >= least && *n <= most) return 0;
    return hl_cli_wrong_use(COMMAND, "%s is from %lld to %lld, not %s", option, (long long)least, (long long)most, text);
}

static int read_capacity(struct calibrate *x, const char *text)
{
    hl_fixed per_cent;
    if (hl_fixed_parse(hl_slice_of(text), &per_cent) && per_cent > 0 && per_cent < HL_FIXED_OF_INT(100)) {
        x->capacity = hl_fixed_to_double(per_cent) / 100;
        return 0;
    }
    return hl_cli_wrong_use(COMMAND, "capacity is a number of per cent between 0 and 100, not %s", text);
}

static int read_holdout(struct calibrate *x, const char *text)
{
    int64_t n = 0;
    int code = read_number("holdout", text, 0, 90, &n);
    x->o.holdout = (unsigned)n;
    return code;
}

static int read_name(struct calibrate *x, const char *text)
{
    size_t len = strlen(text);
    x->name = text;
    return len >= 1 && len <= 100 && hl_utf8_is_valid(hl_slice_of(text)) ? 0 : hl_cli_wrong_use(COMMAND, "a name has from 1 to 100 bytes");
}

static int read_option(struct calibrate *x, int option)
{
    switch (option) {
    case 'b': return read_type(x, optarg);
    case 'w': return read_span("window", optarg, 86400000, &x->o.window_ms);
    case OPT_AHEAD: return read_span("ahead", optarg, 0, &x->o.ahead_ms);
    case OPT_MIN: return read_number("min-contacts", optarg, 1, 1000000, &x->min_contacts);
    case OPT_CAPACITY: return read_capacity(x, optarg);
    case OPT_HOLDOUT: return read_holdout(x, optarg);
    case OPT_TOGETHER: x->together = true; return 0;
    case OPT_IGNORE: x->ignored[x->n_ignored++] = optarg; return 0;
    case OPT_MAPPING: return hl_sim_sources_map(&x->events, optarg) == HL_OK ? 0 : hl_status_exit_code(HL_E_CONFIG);
    case FILE_OF_EVENTS: hl_sim_sources_add(&x->events, optarg); return 0;
    case 'n': return read_name(x, optarg);
    case 'o': return hl_cli_form(optarg, "yaml", &x->json) ? 0 : hl_cli_wrong_use(COMMAND, "output is yaml or json, not %s", optarg);
    default: fputs("Try 'hotlead calibrate --help'.\n", stderr); return hl_status_exit_code(HL_E_USAGE);
    }
}

/* -1: go on; else the exit code. */
static int read_options(struct calibrate *x, int argc, char **argv)
{
    static const struct option options[] = {
        {"bought", required_argument, NULL, 'b'},        {"mapping", required_argument, NULL, OPT_MAPPING},  {"window", required_argument, NULL, 'w'},
        {"ahead", required_argument, NULL, OPT_AHEAD},   {"min-contacts", required_argument, NULL, OPT_MIN}, {"capacity", required_argument, NULL, OPT_CAPACITY},
        {"holdout", required_argument, NULL, OPT_HOLDOUT}, {"ignore", required_argument, NULL, OPT_IGNORE},  {"together", no_argument, NULL, OPT_TOGETHER}, {"name", required_argument, NULL, 'n'},
        {"output", required_argument, NULL, 'o'},        {"help", no_argument, NULL, 'h'},                   {NULL, 0, NULL, 0}};
    /* - in front: a mapping is for the files behind it. */
    for (int o; (o = getopt_long(argc, argv, "-b:w:n:o:h", options, NULL)) != -1;) {
        if (o == 'h') {
            fputs(USAGE, stdout);
            return 0;
        }
        int code = read_option(x, o);
        if (code) return code;
    }
    for (; optind < argc; optind++) hl_sim_sources_add(&x->events, argv[optind]); /* behind -- */
    return x->events.n_files ? -1 : hl_cli_wrong_use(COMMAND, "no file of events is named");
}

/* ---- events ---- */

static bool is_ignored(const struct calibrate *x, struct hl_slice key)
{
    for (size_t i = 0; i < x->n_ignored; i++)
        if (hl_slice_eq_cstr(key, x->ignored[i])) return true;
    return false;
}

static enum hl_status take_event(struct calibrate *x, const struct hl_event *ev)
{
    struct hl_kv kept[HL_EVENT_MAX_ATTRIBUTES];
    struct hl_event seen = *ev;
    seen.n_attributes = 0;
    for (size_t i = 0; i < ev->n_attributes && seen.n_attributes < HL_EVENT_MAX_ATTRIBUTES; i++)
        if (!is_ignored(x, ev->attributes[i].key)) kept[seen.n_attributes++] = ev->attributes[i];
    seen.attributes = kept;
    return hl_past_add(&x->past, &seen);
}

static void tell_problems(struct calibrate *x, const struct hl_sim_batch *b)
{
    struct hl_reader reader = hl_reader_of(hl_buf_slice(&b->problems));
    for (uint64_t told = x->n_bad; told < HL_SIM_MAX_PROBLEMS && reader.p != reader.end && !reader.failed; told++) {
        long long record = hl_reader_long(&reader);
        struct hl_slice what = hl_reader_bytes(&reader);
        fprintf(stderr, "%s:%lld: %.*s\n", b->unit.file->path, (long long)b->unit.file->records + record, HL_SLICE_ARG(what));
    }
    x->n_bad += b->n_bad;
    b->unit.file->records += b->records;
}

static enum hl_status read_units(struct calibrate *x, struct hl_sim_input *in, struct hl_sim_batch *b, struct hl_bar *bar, struct hl_error *err)
{
    for (;;) {
        const struct hl_sim_file *bad;
        enum hl_status st = hl_sim_input_next(in, &b->unit, &bad, err);
        if (st == HL_E_END) return HL_OK;
        if (st == HL_E_DECODE) {
            fprintf(stderr, "%s: %s\n", bad->path, err->message);
            x->n_bad++;
            continue;
        }
        if (st != HL_OK) return st;
        hl_sim_batch_decode(b);
        tell_problems(x, b);
        st = b->status;
        for (size_t i = 0; st == HL_OK && i < b->n; i++) st = take_event(x, &b->events[i]);
        if (st != HL_OK) return hl_error_set(err, st, HL_STOP, "out of memory");
        hl_bar_at(bar, in->bytes_done >> 20);
    }
}

static enum hl_status read_events(struct calibrate *x, struct hl_error *err)
{
    struct hl_sim_input in;
    struct hl_sim_batch b;
    struct hl_bar bar;
    hl_sim_batch_init(&b);
    enum hl_status st = hl_sim_input_open(&in, &x->events, err);
    hl_bar_begin(&bar, "MiB", st == HL_OK ? in.bytes >> 20 : 0);
    if (st == HL_OK) st = read_units(x, &in, &b, &bar, err);
    hl_bar_end(&bar);
    hl_sim_batch_fini(&b);
    hl_sim_input_close(&in);
    if (st == HL_OK && hl_past_close(&x->past) != HL_OK) st = hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
    return st;
}

/* ---- the draft ---- */

static enum hl_status print(const struct calibrate *x, struct hl_error *err)
{
    struct hl_buf out;
    char day[HL_ISO8601_SIZE], version[HL_ISO8601_SIZE + 8];
    hl_iso8601_format(x->past.to, day);
    snprintf(version, sizeof(version), "%.10s-draft", day);
    struct hl_draft_title title = {x->name, version, x->o.bought};
    hl_buf_init(&out);
    (x->json ? hl_draft_put_json : hl_draft_put_yaml)(&x->draft, &title, &out);
    enum hl_status st = hl_cli_print(&out);
    hl_buf_fini(&out);
    if (st == HL_OK && fflush(stdout) != 0) st = HL_E_IO;
    return st == HL_OK ? st : hl_error_set(err, st, HL_STOP, st == HL_E_NOMEM ? "out of memory" : "standard output cannot be written");
}

/* What a person who sent the model to a file wants to see at once. */
static void tell(const struct calibrate *x)
{
    const struct hl_draft *d = &x->draft;
    const struct hl_trial *held = &d->trials[HL_PART_HOLDOUT];
    fprintf(stderr, "%zu rules from %llu contacts, %llu of whom bought; MQL from %d points on", d->n_verdicts[HL_KEPT], (unsigned long long)x->past.n[HL_PART_FIT],
            (unsigned long long)x->past.bought[HL_PART_FIT], d->enter);
    if (held->n) fprintf(stderr, "; AUC %.3f on %llu others, %llu of whom bought", held->auc, (unsigned long long)held->n, (unsigned long long)held->bought);
    fputc('\n', stderr);
}

static int calibrate(struct calibrate *x)
{
    struct hl_error err = {.code = HL_OK};
    hl_past_init(&x->past, &x->o);
    enum hl_status st = read_events(x, &err);
    const struct hl_draft_options o = {(uint64_t)x->min_contacts, x->capacity, x->together};
    if (st == HL_OK) st = hl_draft_make(&x->draft, &x->past, &o, &err);
    if (st == HL_OK) st = print(x, &err);
    if (st == HL_OK) tell(x);
    if (x->n_bad) fprintf(stderr, "hotlead calibrate: %llu events could not be read\n", (unsigned long long)x->n_bad);
    int code = st != HL_OK ? hl_cli_fail(COMMAND, st, err.message) : x->n_bad ? hl_status_exit_code(HL_E_DECODE) : 0;
    hl_draft_fini(&x->draft);
    hl_past_fini(&x->past);
    return code;
}

int hl_cmd_calibrate(int argc, char **argv)
{
    struct calibrate x = {.o = {HL_EVENT_OPPORTUNITY_WON, INT64_C(90) * 86400000, 0, 25}, .min_contacts = 20, .name = "calibrated"};
    int code = hl_status_exit_code(HL_E_NOMEM);
    x.ignored = calloc((size_t)argc + 1, sizeof(*x.ignored));
    if (x.ignored && hl_sim_sources_init(&x.events, argc) == HL_OK) code = read_options(&x, argc, argv);
    if (code < 0) code = calibrate(&x);
    hl_sim_sources_fini(&x.events);
    free(x.ignored);
    return code;
}
