/* What the copy in Redis costs: writes of new records, writes over old ones, and the load of a partition.
 *
 *   hotlead-redis [--url URL] [--records N] [--bytes N] [--rounds N]      JSON on stdout, nanoseconds a record, median of the rounds
 *
 * The keys of a group "hotlead-bench" are overwritten. Batches are as the mirror's. */
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "hotlead/adapter/redis.h"
#include "hotlead/base/clock.h"

#define BATCH 1000
#define MAX_ROUNDS 99

enum { FRESH, OVER, LOAD, KINDS };
static const char *const names[KINDS] = {"redis_write_new", "redis_write_over", "redis_load"};

static struct hl_error err;

static void must(enum hl_status status)
{
    if (status == HL_OK) return;
    fprintf(stderr, "hotlead-redis: %s\n", err.message);
    exit(1);
}

static enum hl_status count(void *ctx, const struct hl_store_record *records, size_t n)
{
    for (size_t i = 0; i < n; i++) *(size_t *)ctx += records[i].id.len > 0 && records[i].value.len > 0;
    return HL_OK;
}

static int64_t write_all(struct hl_store *s, uint64_t token, int64_t *at, char (*ids)[32], struct hl_slice value, size_t n)
{
    static struct hl_store_record batch[BATCH];
    int64_t start = hl_clock_mono_ns();
    for (size_t i = 0; i < n;) {
        size_t k = 0;
        for (; k < BATCH && i < n; k++, i++) {
            struct hl_slice id = hl_slice_of(ids[i]);
            batch[k] = (struct hl_store_record){id, hl_hash64(id), value};
        }
        int64_t to = (*at < 0 ? 0 : *at) + (int64_t)k;
        must(s->write(s, 0, token, *at, to, batch, k, &err));
        *at = to;
    }
    return hl_clock_mono_ns() - start;
}

static void one_round(struct hl_store *s, char (*ids)[32], struct hl_slice value, size_t n, int64_t ns[KINDS])
{
    uint64_t token;
    int64_t at = -1;
    size_t seen = 0;
    must(s->own(s, 0, &token, &err));
    must(s->discard(s, 0, token, &err));
    ns[FRESH] = write_all(s, token, &at, ids, value, n);
    ns[OVER] = write_all(s, token, &at, ids, value, n);
    int64_t start = hl_clock_mono_ns();
    must(s->load(s, 0, at, count, &seen, &err));
    ns[LOAD] = hl_clock_mono_ns() - start;
    if (seen != n) fprintf(stderr, "hotlead-redis: %zu records, not %zu\n", seen, n);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"url", 1, NULL, 'u'}, {"records", 1, NULL, 'n'}, {"bytes", 1, NULL, 'b'}, {"rounds", 1, NULL, 'r'}, {0}};
    const char *url = "redis://127.0.0.1:6379";
    size_t n = 200000, bytes = 200, rounds = 5;
    static int64_t ns[KINDS][MAX_ROUNDS];
    struct hl_store *s;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (o == 'u') url = optarg;
        if (o == 'n') n = strtoul(optarg, NULL, 10);
        if (o == 'b') bytes = strtoul(optarg, NULL, 10);
        if (o == 'r') rounds = strtoul(optarg, NULL, 10);
        if (o == '?') return 64;
    }
    if (n == 0 || bytes == 0 || rounds == 0 || rounds > MAX_ROUNDS) return 64;
    signal(SIGPIPE, SIG_IGN);
    char(*ids)[32] = malloc(n * sizeof(*ids)), *value = malloc(bytes);
    if (!ids || !value) return 1;
    memset(value, 'v', bytes);
    for (size_t i = 0; i < n; i++) snprintf(ids[i], sizeof(*ids), "contact-%zu", i);
    must(hl_redis_new(&(struct hl_redis_config){.url = url, .name = "hotlead-bench"}, &s, &err));
    for (size_t r = 0; r < rounds; r++) {
        int64_t one[KINDS];
        one_round(s, ids, (struct hl_slice){value, bytes}, n, one);
        for (int k = 0; k < KINDS; k++) ns[k][r] = one[k];
    }
    for (int k = 0; k < KINDS; k++) {
        qsort(ns[k], rounds, sizeof(**ns), compare);
        printf("%s{\"name\": \"%s\", \"unit\": \"ns/record\", \"median\": %.1f, \"min\": %.1f, \"max\": %.1f, \"rounds\": %zu}%s\n", k ? " " : "[",
               names[k], (double)ns[k][rounds / 2] / (double)n, (double)ns[k][0] / (double)n, (double)ns[k][rounds - 1] / (double)n, rounds,
               k + 1 < KINDS ? "," : "]");
    }
    s->free(s);
    free(ids);
    free(value);
    return 0;
}
