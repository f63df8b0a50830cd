/* What matching costs with 10, 100 and 1,000 rules.
 *
 *   hotlead-match [--events N] [--rounds N] [--seed N]     measure; JSON on stdout, one object for each measurement
 *   hotlead-match --model RULES                            the model of so many rules, YAML on stdout
 *   hotlead-match --log EVENTS                             events as JSON Lines on stdout, for `hotlead simulate`
 *
 * The rules are of ten kinds in turn (kind_of_rule): of 1,000, 300 have a glob on the path, 300 a regular expression, 300 a glob on
 * something else, 100 a form. The first of each kind is broad, the others are about pages that few visit, so that an event
 * matches about as many rules of 1,000 as of 10, and rows of contacts do not grow with the model. Urls, titles and
 * searches are drawn by Zipf's law (s = 1) out of 20,000, 20,000 and 5,000.
 *
 * "walk" asks each rule of the event's type, as hl_apply does without a cache. Rounds are interleaved. */
#include <getopt.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/match_cache_private.h"
#include "hotlead/app/model_file.h"

#define PAGES 20000
#define SEARCHES 5000
#define CONTACTS 50000
#define START_MS INT64_C(1790000000000)
#define MAX_ROUNDS 99

static uint64_t state = 1;

static uint64_t draw(void) /* xorshift64* (Marsaglia, "Xorshift RNGs") */
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return state * UINT64_C(0x2545f4914f6cdd1d);
}

static unsigned below(unsigned n)
{
    return (unsigned)((draw() >> 32) * n >> 32);
}

/* 0 .. n - 1, the first the most often; `sums` is filled at the first call. */
static unsigned zipf(double *sums, unsigned n)
{
    for (unsigned i = sums[n - 1] > 0 ? n : 0; i < n; i++) sums[i] = (i ? sums[i - 1] : 0) + 1.0 / (i + 1);
    double x = (double)(draw() >> 11) / (double)(UINT64_C(1) << 53) * sums[n - 1];
    unsigned lo = 0, hi = n - 1;
    while (lo < hi) {
        unsigned mid = (lo + hi) / 2;
        if (sums[mid] <= x)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* ---- models ---- */

static void print_rule(FILE *out, unsigned i)
{
    unsigned n = i / 10; /* 0: broad */
    fprintf(out, "    - {name: rule-%u, points: %u, half_life: 30d, ", i, 1 + i % 5);
    switch (i % 10) {
    case 0: fprintf(out, n ? "on: page_viewed, path: \"/section-%u/page-%u*\"}\n" : "on: page_viewed, path: \"/section-*\"}\n", n * 7 % 40, 2000 + n * 7); break;
    case 1: fprintf(out, n ? "on: page_viewed, path: \"/section-%u/*%u/part-%u\"}\n" : "on: page_viewed, path: \"/*/part-1\"}\n", n % 40, n, n % 9); break;
    case 2: fprintf(out, n ? "on: page_viewed, path: \"*page-%u/part*\"}\n" : "on: page_viewed, path: \"*page-1*\"}\n", 2000 + n * 13); break;
    case 3: fprintf(out, "on: site_searched, where: {attribute: query, matches: \"(?i)\\\\bword%u\\\\b\"}}\n", n); break;
    case 4: fprintf(out, "on: page_viewed, path: \"/section-%u/*\", where: {attribute: referrer, matches: \"^https?://([a-z]+\\\\.)?partner%u\\\\.\"}}\n", n % 40, n); break;
    case 5: fprintf(out, "on: page_viewed, where: {attribute: title, matches: \"(?i)(guide|price).* %u$\"}}\n", n ? 2000 + n * 17 : 0); break;
    case 6: fprintf(out, n ? "on: file_downloaded, asset: \"ebook/%u*\"}\n" : "on: file_downloaded, asset: \"ebook/*\"}\n", n + 1000); break;
    case 7: fprintf(out, n ? "on: form_submitted, form: [form-%u, old-form-%u]}\n" : "on: form_submitted}\n", n + 80, n); break;
    case 8: fprintf(out, n ? "on: email_clicked, campaign: \"spring-%u*\"}\n" : "on: email_clicked, campaign: \"spring-*\"}\n", n + 1000); break;
    default: fprintf(out, n ? "source: \"partner/%u\"}\n" : "source: \"partner/*\"}\n", n + 90);
    }
}

static void print_model(FILE *out, unsigned rules)
{
    fputs("model: rules\nversion: \"1\"\nfit: {must_have: []}\nbehavior:\n  half_life: 30d\n  rules:\n", out);
    for (unsigned i = 0; i < rules; i++) print_rule(out, i);
    fputs("thresholds: {mql: {enter: 60, exit: 30}}\n", out);
}

/* ---- events ---- */

struct sample {
    struct hl_event ev;
    struct hl_kv kv[2];
    char url[96], title[48], text[48], source[24];
};

/* page: its number, 0 the most visited one; -1 to draw it. */
static void make_event(struct sample *s, long page)
{
    static double pages[PAGES], searches[SEARCHES];
    static const enum hl_event_type types[10] = {HL_EVENT_PAGE_VIEWED, HL_EVENT_PAGE_VIEWED, HL_EVENT_PAGE_VIEWED, HL_EVENT_PAGE_VIEWED,
                                                 HL_EVENT_PAGE_VIEWED, HL_EVENT_PAGE_VIEWED, HL_EVENT_SITE_SEARCHED,
                                                 HL_EVENT_FILE_DOWNLOADED, HL_EVENT_FORM_SUBMITTED, HL_EVENT_EMAIL_CLICKED};
    unsigned p = page < 0 ? zipf(pages, PAGES) : (unsigned)page, other = zipf(searches, SEARCHES);
    *s = (struct sample){.ev = {.type = types[below(10)], .attributes = s->kv}};
    struct hl_event *ev = &s->ev;
    ev->url = (struct hl_slice){s->url, (size_t)snprintf(s->url, sizeof s->url, "https://www.example.com/section-%u/page-%u/part-%u?utm_id=%u",
                                                         p % 40, p, p % 9, below(1000))};
    if (below(4) == 0) ev->source = (struct hl_slice){s->source, (size_t)snprintf(s->source, sizeof s->source, "partner/%u", other % 200)};
    struct hl_slice text = {s->text, 0};
    switch (ev->type) {
    case HL_EVENT_PAGE_VIEWED:
        snprintf(s->title, sizeof s->title, "The %s of part %u", p % 3 ? "story" : "guide", p);
        snprintf(s->text, sizeof s->text, "https://www.%s%u.example/", other % 2 ? "search" : "partner", other % 50);
        s->kv[0] = (struct hl_kv){HL_SLICE_LIT("title"), hl_slice_of(s->title)};
        s->kv[1] = (struct hl_kv){HL_SLICE_LIT("referrer"), hl_slice_of(s->text)};
        ev->n_attributes = 2;
        break;
    case HL_EVENT_SITE_SEARCHED:
        snprintf(s->text, sizeof s->text, "word%u word%u", other, other / 7);
        s->kv[0] = (struct hl_kv){HL_SLICE_LIT("query"), hl_slice_of(s->text)};
        ev->n_attributes = 1;
        break;
    case HL_EVENT_FILE_DOWNLOADED:
        text.len = (size_t)snprintf(s->text, sizeof s->text, "ebook/%u.pdf", other);
        ev->asset = text;
        break;
    case HL_EVENT_FORM_SUBMITTED:
        text.len = (size_t)snprintf(s->text, sizeof s->text, "form-%u", other % 200);
        ev->form = text;
        break;
    default:
        text.len = (size_t)snprintf(s->text, sizeof s->text, "spring-%u", other);
        ev->campaign = text;
    }
}

static void put_field(const char *name, struct hl_slice value)
{
    if (value.data) printf(",\"%s\":\"%.*s\"", name, HL_SLICE_ARG(value));
}

static void print_log(unsigned long events)
{
    for (unsigned long i = 0; i < events; i++) {
        struct sample s;
        make_event(&s, -1);
        printf("{\"event_id\":\"%lu\",\"contact_id\":\"contact-%u\",\"occurred_at\":%lld,\"type\":\"%s\"", i, below(CONTACTS),
               (long long)START_MS + (long long)i * 50, hl_event_type_name(s.ev.type));
        put_field("url", s.ev.url);
        put_field("asset", s.ev.asset);
        put_field("form", s.ev.form);
        put_field("campaign", s.ev.campaign);
        put_field("source", s.ev.source);
        for (size_t k = 0; k < s.ev.n_attributes; k++)
            printf("%s\"%.*s\":\"%.*s\"%s", k ? "," : ",\"attributes\":{", HL_SLICE_ARG(s.kv[k].key), HL_SLICE_ARG(s.kv[k].value),
                   k + 1 == s.ev.n_attributes ? "}" : "");
        puts("}");
    }
}

/* ---- measuring ---- */

static long resident_bytes(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%*s %ld", &pages) != 1) exit(70);
    fclose(f);
    return pages * sysconf(_SC_PAGESIZE);
}

/* CPU time: what others do on the machine costs wall time, not this. */
static int64_t cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

struct series {
    const char *name, *unit, *against;
    double values[MAX_ROUNDS];
    unsigned n;
    double ratio;
};

static int compare_doubles(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(struct series *s)
{
    qsort(s->values, s->n, sizeof s->values[0], compare_doubles);
    return s->n % 2 ? s->values[s->n / 2] : (s->values[s->n / 2 - 1] + s->values[s->n / 2]) / 2;
}

static void print_series(struct series *s, bool last)
{
    double middle = median(s);
    printf("  {\"name\": \"%s\", \"unit\": \"%s\", \"median\": %.6g, \"min\": %.6g, \"max\": %.6g, \"rounds\": %u, ", s->name, s->unit, middle,
           s->values[0], s->values[s->n - 1], s->n);
    if (s->against)
        printf("\"against\": \"%s\", \"ratio\": %.4g}%s\n", s->against, s->ratio, last ? "" : ",");
    else
        printf("\"against\": null, \"ratio\": null}%s\n", last ? "" : ",");
}

/* The model of so many rules; what it took is added to the series. */
static struct hl_model *load(unsigned rules, struct series *seconds, struct series *heap, struct series *resident)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);
    if (!out) exit(70);
    print_model(out, rules);
    fclose(out);
    struct hl_model *m;
    struct hl_error err;
    struct hl_buf problems;
    hl_buf_init(&problems);
    size_t heap_before = mallinfo2().uordblks;
    long resident_before = resident_bytes();
    int64_t start = cpu_ns();
    if (hl_model_load_text("rules", (struct hl_slice){text, len}, &m, &problems, &err) != HL_OK) {
        fprintf(stderr, "hotlead-match: %s\n", err.message);
        exit(70);
    }
    seconds->values[seconds->n++] = (double)(cpu_ns() - start) / 1e9;
    hl_buf_fini(&problems);
    heap->values[heap->n++] = (double)(mallinfo2().uordblks - heap_before);
    resident->values[resident->n++] = (double)(resident_bytes() - resident_before);
    free(text);
    return m;
}

static size_t n_hits; /* keeps the work from being optimized away, and says what was found */

static double time_walk(const struct hl_model *m, const struct sample *samples, size_t n)
{
    const struct hl_match_index *x = m->index;
    int64_t start = cpu_ns();
    for (size_t i = 0; i < n; i++) {
        const struct hl_event *ev = &samples[i].ev;
        const uint64_t *of_type = x->of_type[ev->type];
        struct hl_slice path = hl_url_path(ev->url);
        for (size_t k = hl_set_next(of_type, 0, x->n); k < x->n; k = hl_set_next(of_type, k + 1, x->n))
            n_hits += hl_match_holds(x->matches[k], ev, path);
    }
    return (double)(cpu_ns() - start) / (double)n;
}

static double time_cache(const struct hl_model *m, struct hl_match_cache *k, const struct sample *samples, size_t n)
{
    const struct hl_match_index *x = m->index;
    int64_t start = cpu_ns();
    for (size_t i = 0; i < n; i++) {
        const uint64_t *hits = hl_match_cache_find(k, m, &samples[i].ev, hl_url_path(samples[i].ev.url));
        for (size_t p = hl_set_next(hits, 0, x->n); p < x->n; p = hl_set_next(hits, p + 1, x->n)) n_hits++;
    }
    return (double)(cpu_ns() - start) / (double)n;
}

enum { SIZES = 3, WAYS = 4 };
static const unsigned sizes[SIZES] = {10, 100, 1000};

static void measure(size_t n, unsigned rounds)
{
    static struct series load_seconds = {"model_load_seconds_1000", "s", NULL, {0}, 0, 0}, heap = {"model_heap_bytes_1000", "bytes", NULL, {0}, 0, 0},
                         resident = {"model_resident_bytes_1000", "bytes", NULL, {0}, 0, 0};
    static struct series series[SIZES][WAYS] = {
        {{.name = "match_walk_10"}, {.name = "match_10"}, {.name = "match_new_walk_10"}, {.name = "match_new_10"}},
        {{.name = "match_walk_100"}, {.name = "match_100"}, {.name = "match_new_walk_100"}, {.name = "match_new_100"}},
        {{.name = "match_walk_1000"}, {.name = "match_1000"}, {.name = "match_new_walk_1000"}, {.name = "match_new_1000"}},
    };
    struct series scrap[3] = {0}, hits[SIZES] = {{.name = "match_hits_10"}, {.name = "match_hits_100"}, {.name = "match_hits_1000"}};
    struct hl_model *m[SIZES];
    struct hl_match_cache *caches[SIZES];
    for (unsigned r = 0; r < rounds; r++) hl_model_free(load(sizes[SIZES - 1], &load_seconds, r ? &scrap[0] : &heap, r ? &scrap[1] : &resident));
    scrap[0].n = scrap[1].n = 0;
    for (unsigned i = 0; i < SIZES; i++) {
        m[i] = load(sizes[i], &scrap[0], &scrap[1], &scrap[2]);
        caches[i] = hl_match_cache_new(m[i], HL_MATCH_CACHE_BYTES);
        if (!caches[i]) exit(70);
    }
    /* the events of a day, and events whose page nobody has seen yet */
    struct sample *usual = calloc(n, sizeof *usual), *unseen = calloc(n, sizeof *unseen);
    if (!usual || !unseen) exit(70);
    for (size_t i = 0; i < n; i++) make_event(&usual[i], -1);
    for (unsigned r = 0; r < rounds; r++) {
        for (size_t i = 0; i < n; i++) make_event(&unseen[i], (long)(PAGES + r * n + i));
        for (unsigned i = 0; i < SIZES; i++)
            for (unsigned way = 0; way < WAYS; way++) {
                const struct sample *samples = way < 2 ? usual : unseen;
                n_hits = 0;
                double ns = way % 2 ? time_cache(m[i], caches[i], samples, n) : time_walk(m[i], samples, n);
                series[i][way].values[series[i][way].n++] = ns;
                if (way == 1) hits[i].values[hits[i].n++] = (double)n_hits / (double)n;
            }
    }
    puts("[");
    for (unsigned i = 0; i < SIZES; i++)
        for (unsigned way = 0; way < WAYS; way++) {
            struct series *s = &series[i][way];
            s->unit = "ns/event";
            if (way % 2) s->against = series[i][way - 1].name;
            if (way % 2) s->ratio = median(s) / median(&series[i][way - 1]);
            print_series(s, false);
        }
    for (unsigned i = 0; i < SIZES; i++) {
        hits[i].unit = "rules/event";
        print_series(&hits[i], false);
    }
    print_series(&load_seconds, false);
    print_series(&heap, false);
    print_series(&resident, true);
    puts("]");
    for (unsigned i = 0; i < SIZES; i++) {
        hl_match_cache_free(caches[i]);
        hl_model_free(m[i]);
    }
    free(usual);
    free(unseen);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"events", required_argument, NULL, 'e'}, {"rounds", required_argument, NULL, 'r'},
                                            {"seed", required_argument, NULL, 's'},   {"model", required_argument, NULL, 'm'},
                                            {"log", required_argument, NULL, 'l'},    {NULL, 0, NULL, 0}};
    unsigned long events = 200000, rounds = 5, model = 0, log = 0;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        unsigned long *to = c == 'e' ? &events : c == 'r' ? &rounds : c == 's' ? &state : c == 'm' ? &model : c == 'l' ? &log : NULL;
        if (!to) return 64;
        *to = strtoul(optarg, NULL, 10);
        if (*to == 0) {
            fprintf(stderr, "hotlead-match: %s is not a number above 0\n", optarg);
            return 64;
        }
    }
    if (rounds > MAX_ROUNDS) rounds = MAX_ROUNDS;
    if (model) print_model(stdout, (unsigned)model);
    if (log) print_log(log);
    if (!model && !log) measure(events, (unsigned)rounds);
    return fflush(stdout) ? 70 : 0;
}
