#include "funnel.h"

#include "json_text.h"

#define STORED_VERSION 1

/* --- times --- */

/* Values below HL_FUNNEL_STEPS have a bucket each, then each power of two has HL_FUNNEL_STEPS. */
static size_t bucket_of(uint64_t ms)
{
    if (ms < HL_FUNNEL_STEPS) return (size_t)ms;
    unsigned power = 63 - (unsigned)__builtin_clzll(ms); /* >= 3 */
    size_t i = (size_t)(power - 2) * HL_FUNNEL_STEPS + (size_t)(ms >> (power - 3)) - HL_FUNNEL_STEPS;
    return i < HL_FUNNEL_BUCKETS ? i : HL_FUNNEL_BUCKETS - 1;
}

/* The mean of the bucket in which the quantile lies. */
static int64_t quantile(const struct hl_funnel_bucket *b, double q)
{
    uint64_t n = 0, seen = 0;
    for (size_t i = 0; i < HL_FUNNEL_BUCKETS; i++) n += b[i].n;
    if (n == 0) return -1;
    uint64_t rank = (uint64_t)((double)(n - 1) * q);
    size_t i = 0;
    while (i + 1 < HL_FUNNEL_BUCKETS && seen + b[i].n <= rank) seen += b[i++].n;
    return b[i].n ? (int64_t)(b[i].sum_ms / b[i].n) : -1;
}

/* --- counting --- */

bool hl_funnel_is_forward(enum hl_stage from, enum hl_stage to)
{
    int a = hl_stage_rank(from), b = hl_stage_rank(to);
    return a >= 0 && b > a;
}

void hl_funnel_add(struct hl_funnel *f, enum hl_stage from, enum hl_stage to, int64_t time_in_from_ms)
{
    f->moves[from][to]++;
    if (time_in_from_ms < 0 || !hl_funnel_is_forward(from, to)) return;
    struct hl_funnel_bucket *b = &f->times[from][bucket_of((uint64_t)time_in_from_ms)];
    b->n++;
    b->sum_ms += (uint64_t)time_in_from_ms;
}

void hl_funnel_merge(struct hl_funnel *into, const struct hl_funnel *from)
{
    if (from->since > into->since) into->since = from->since;
    for (int s = 0; s < HL_STAGE_COUNT; s++) {
        for (int t = 0; t < HL_STAGE_COUNT; t++) into->moves[s][t] += from->moves[s][t];
        for (size_t i = 0; i < HL_FUNNEL_BUCKETS; i++) {
            into->times[s][i].n += from->times[s][i].n;
            into->times[s][i].sum_ms += from->times[s][i].sum_ms;
        }
    }
}

/* --- the stored form: version, since, then (1 + place, values ...) for what is not zero, each list ended by 0. A place
 * counts stages by their order; another order needs another version --- */

void hl_funnel_encode(const struct hl_funnel *f, struct hl_buf *out)
{
    hl_buf_put_u8(out, STORED_VERSION);
    hl_buf_put_varint(out, (uint64_t)f->since);
    for (uint64_t i = 0; i < HL_STAGE_COUNT * HL_STAGE_COUNT; i++) {
        uint64_t n = f->moves[i / HL_STAGE_COUNT][i % HL_STAGE_COUNT];
        if (n == 0) continue;
        hl_buf_put_varint(out, 1 + i);
        hl_buf_put_varint(out, n);
    }
    hl_buf_put_varint(out, 0);
    for (uint64_t i = 0; i < HL_STAGE_COUNT * HL_FUNNEL_BUCKETS; i++) {
        const struct hl_funnel_bucket *b = &f->times[i / HL_FUNNEL_BUCKETS][i % HL_FUNNEL_BUCKETS];
        if (b->n == 0) continue;
        hl_buf_put_varint(out, 1 + i);
        hl_buf_put_varint(out, b->n);
        hl_buf_put_varint(out, b->sum_ms);
    }
    hl_buf_put_varint(out, 0);
}

static void take_moves(struct hl_funnel *f, struct hl_reader *r)
{
    for (uint64_t i; (i = hl_reader_varint(r)) != 0 && !r->failed;) {
        if (i > HL_STAGE_COUNT * HL_STAGE_COUNT)
            r->failed = true;
        else
            f->moves[(i - 1) / HL_STAGE_COUNT][(i - 1) % HL_STAGE_COUNT] += hl_reader_varint(r);
    }
}

static void take_times(struct hl_funnel *f, struct hl_reader *r)
{
    for (uint64_t i; (i = hl_reader_varint(r)) != 0 && !r->failed;) {
        if (i > HL_STAGE_COUNT * HL_FUNNEL_BUCKETS) {
            r->failed = true;
            return;
        }
        struct hl_funnel_bucket *b = &f->times[(i - 1) / HL_FUNNEL_BUCKETS][(i - 1) % HL_FUNNEL_BUCKETS];
        b->n += hl_reader_varint(r);
        b->sum_ms += hl_reader_varint(r);
    }
}

enum hl_status hl_funnel_decode(struct hl_funnel *f, struct hl_slice bytes)
{
    struct hl_reader r = hl_reader_of(bytes);
    if (hl_reader_u8(&r) != STORED_VERSION) return HL_E_DECODE;
    int64_t since = (int64_t)hl_reader_varint(&r);
    take_moves(f, &r);
    if (!r.failed) take_times(f, &r);
    if (r.failed || r.p != r.end || since < 0) return HL_E_DECODE;
    if (since > f->since) f->since = since;
    return HL_OK;
}

/* --- what it says --- */

struct hl_funnel_stage hl_funnel_stage(const struct hl_funnel *f, enum hl_stage stage, uint64_t open)
{
    struct hl_funnel_stage x = {.open = open, .conversion = -1, .median_ms = quantile(f->times[stage], 0.5), .p90_ms = quantile(f->times[stage], 0.9)};
    for (int s = 0; s < HL_STAGE_COUNT; s++) {
        if (s == (int)stage) continue;
        uint64_t left = f->moves[stage][s];
        x.entered += f->moves[s][stage];
        if (hl_funnel_is_forward(stage, (enum hl_stage)s))
            x.forward += left;
        else if (hl_stage_rank((enum hl_stage)s) < 0)
            x.out += left;
        else
            x.back += left;
    }
    uint64_t stays = x.forward + x.back + x.out + x.open;
    if (stays) x.conversion = (double)x.forward / (double)stays;
    return x;
}

enum hl_stage hl_funnel_next(enum hl_stage stage, bool sal)
{
    int rank = hl_stage_rank(stage);
    if (rank < 0) return HL_STAGE_COUNT;
    for (int s = 0; s < HL_STAGE_COUNT; s++)
        if (hl_stage_rank((enum hl_stage)s) == rank + 1)
            return s == HL_STAGE_SAL && !sal ? hl_funnel_next(HL_STAGE_SAL, sal) : (enum hl_stage)s;
    return HL_STAGE_COUNT;
}

struct hl_funnel_verdict hl_funnel_judge(const struct hl_funnel *f, const uint64_t open[HL_STAGE_COUNT], bool sal)
{
    struct hl_funnel_verdict v = {HL_STAGE_COUNT, HL_STAGE_COUNT};
    double lowest = 2;
    int64_t longest = 0; /* who goes on at once is not slow */
    for (int s = HL_STAGE_SUBSCRIBER; s < HL_STAGE_CUSTOMER; s++) {
        if (s == HL_STAGE_SAL && !sal) continue;
        struct hl_funnel_stage x = hl_funnel_stage(f, (enum hl_stage)s, open[s]);
        if (x.forward + x.back + x.out + x.open < HL_FUNNEL_MIN_STAYS) continue;
        if (x.conversion < lowest) {
            lowest = x.conversion;
            v.bottleneck = (enum hl_stage)s;
        }
        if (x.median_ms > longest) {
            longest = x.median_ms;
            v.slowest = (enum hl_stage)s;
        }
    }
    return v;
}

/* --- as JSON --- */

static void put_number(struct hl_buf *b, const char *key, int64_t v)
{
    if (v >= 0) {
        hl_json_put_member_int(b, key, v);
        return;
    }
    hl_json_put_key(b, key);
    hl_json_put_raw(b, "null");
}

static void put_share(struct hl_buf *b, const char *key, double share)
{
    hl_json_put_key(b, key);
    if (share < 0)
        hl_json_put_raw(b, "null");
    else
        hl_buf_printf(b, "%.6g", share);
}

static void put_stage(const struct hl_funnel *f, enum hl_stage s, uint64_t open, bool sal, bool cohort, struct hl_buf *b)
{
    struct hl_funnel_stage x = hl_funnel_stage(f, s, open);
    enum hl_stage next = hl_funnel_next(s, sal);
    hl_json_put_raw(b, "{");
    hl_json_put_member(b, "stage", hl_slice_of(hl_stage_name(s)));
    hl_json_put_member_int(b, "now", (int64_t)x.open);
    if (!cohort) put_number(b, "entered", s == HL_STAGE_ANONYMOUS ? -1 : (int64_t)x.entered); /* where all begin, without a move */
    hl_json_put_member(b, "next", next == HL_STAGE_COUNT ? HL_SLICE_NULL : hl_slice_of(hl_stage_name(next)));
    if (hl_stage_rank(s) >= 0) {
        hl_json_put_member_int(b, "forward", (int64_t)x.forward);
        hl_json_put_member_int(b, "back", (int64_t)x.back);
        hl_json_put_member_int(b, "out", (int64_t)x.out);
        put_share(b, "conversion", next == HL_STAGE_COUNT ? -1 : x.conversion);
        put_number(b, "median_ms", x.median_ms);
        put_number(b, "p90_ms", x.p90_ms);
    }
    hl_json_put_raw(b, "}");
}

static void put_step(const struct hl_funnel *f, const char *key, enum hl_stage s, uint64_t open, bool sal, struct hl_buf *b)
{
    hl_json_put_key(b, key);
    if (s == HL_STAGE_COUNT) {
        hl_json_put_raw(b, "null");
        return;
    }
    struct hl_funnel_stage x = hl_funnel_stage(f, s, open);
    hl_json_put_raw(b, "{");
    hl_json_put_member(b, "from", hl_slice_of(hl_stage_name(s)));
    hl_json_put_member(b, "to", hl_slice_of(hl_stage_name(hl_funnel_next(s, sal))));
    put_share(b, "conversion", x.conversion);
    put_number(b, "median_ms", x.median_ms);
    hl_json_put_raw(b, "}");
}

void hl_funnel_put_json(const struct hl_funnel *f, const uint64_t open[HL_STAGE_COUNT], bool sal, bool cohort, struct hl_buf *out)
{
    struct hl_funnel_verdict v = hl_funnel_judge(f, open, sal);
    hl_json_put_key(out, "stages");
    hl_json_put_raw(out, "[");
    for (int s = 0; s < HL_STAGE_COUNT; s++) {
        if (s == HL_STAGE_SAL && !sal) continue;
        if (s) hl_json_put_raw(out, ",");
        put_stage(f, (enum hl_stage)s, open[s], sal, cohort, out);
    }
    hl_json_put_raw(out, "]");
    put_step(f, "bottleneck", v.bottleneck, v.bottleneck == HL_STAGE_COUNT ? 0 : open[v.bottleneck], sal, out);
    put_step(f, "slowest", v.slowest, v.slowest == HL_STAGE_COUNT ? 0 : open[v.slowest], sal, out);
    hl_json_put_member_int(out, "judged_from_stays", HL_FUNNEL_MIN_STAYS);
}
