/* PCRE2 behind struct hl_matcher.
 *
 * DESIGN
 *   A pattern is compiled once, with PCRE2_UTF and PCRE2_MATCH_INVALID_UTF: bytes that are no UTF-8 match nothing, instead of
 *   failing the match. Each thread has one match data block (one pair of offsets: only yes or no is asked) and one JIT stack,
 *   made on first use and freed when the thread ends.
 *   Work is bounded by the match, depth and heap limits; under JIT the match limit counts too. A match that meets one is no
 *   match.
 * WHY NOT POSIX regcomp: no limits, so that one pattern can stop a partition. WHY NOT match data in the pattern: it would need
 *   a lock.
 * THREADS  The compiled pattern is read-only; a match touches nothing that is shared but the counter. */
#include "hotlead/adapter/regex.h"

#include "needs.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
    MATCH_LIMIT = 100000,
    DEPTH_LIMIT = 1000,
    HEAP_LIMIT_KIB = 1024,
    PATTERN_MAX = 4096,
    JIT_STACK_START = 32 << 10,
    JIT_STACK_MAX = 256 << 10,
};

struct scratch {
    pcre2_match_data *data;
    pcre2_match_context *limits;
    pcre2_jit_stack *stack;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t scratch_key;
static bool have_key;
static _Atomic uint64_t limit_hits;

static void scratch_free(void *p)
{
    struct scratch *s = p;
    if (!s) return;
    pcre2_jit_stack_free(s->stack);
    pcre2_match_context_free(s->limits);
    pcre2_match_data_free(s->data);
    free(s);
}

static void make_key(void)
{
    have_key = pthread_key_create(&scratch_key, scratch_free) == 0;
}

static struct scratch *scratch_new(void)
{
    struct scratch *s = calloc(1, sizeof(*s));
    if (!s) return NULL;
    s->data = pcre2_match_data_create(1, NULL);
    s->limits = pcre2_match_context_create(NULL);
    s->stack = pcre2_jit_stack_create(JIT_STACK_START, JIT_STACK_MAX, NULL); /* NULL without JIT: fine */
    if (!s->data || !s->limits || pthread_setspecific(scratch_key, s) != 0) {
        scratch_free(s);
        return NULL;
    }
    pcre2_set_match_limit(s->limits, MATCH_LIMIT);
    pcre2_set_depth_limit(s->limits, DEPTH_LIMIT);
    pcre2_set_heap_limit(s->limits, HEAP_LIMIT_KIB);
    if (s->stack) pcre2_jit_stack_assign(s->limits, NULL, s->stack);
    return s;
}

static struct scratch *scratch_get(void)
{
    pthread_once(&once, make_key);
    if (!have_key) return NULL;
    struct scratch *s = pthread_getspecific(scratch_key);
    return s ? s : scratch_new();
}

static int match(const void *state, struct hl_slice value)
{
    struct scratch *s = scratch_get();
    if (!s || hl_slice_is_null(value)) return PCRE2_ERROR_NOMATCH;
    return pcre2_match(state, (PCRE2_SPTR)value.data, value.len, 0, 0, s->data, s->limits);
}

static bool regex_match(const void *state, struct hl_slice value)
{
    int rc = match(state, value);
    if (rc < 0 && rc != PCRE2_ERROR_NOMATCH) atomic_fetch_add_explicit(&limit_hits, 1, memory_order_relaxed);
    return rc >= 0;
}

bool hl_regex_meets_limit(const struct hl_matcher *m, struct hl_slice value)
{
    int rc = match(m->state, value);
    return rc < 0 && rc != PCRE2_ERROR_NOMATCH;
}

static void regex_free(void *state)
{
    pcre2_code_free(state);
}

enum hl_status hl_regex_compile(const char *pattern, struct hl_matcher *out, struct hl_error *err)
{
    size_t len = strlen(pattern), offset = 0;
    if (len > PATTERN_MAX) return hl_error_set(err, HL_E_CONFIG, HL_STOP, "pattern longer than %d bytes", PATTERN_MAX);
    int code = 0;
    pcre2_code *re = pcre2_compile((PCRE2_SPTR)pattern, len, PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &code,
                                   &offset, NULL);
    if (!re) {
        char reason[160];
        if (pcre2_get_error_message(code, (PCRE2_UCHAR *)reason, sizeof(reason)) < 0) snprintf(reason, sizeof(reason), "%s", "not a pattern");
        return hl_error_set(err, HL_E_CONFIG, HL_STOP, "%s at offset %zu of the pattern", reason, offset);
    }
    (void)pcre2_jit_compile(re, PCRE2_JIT_COMPLETE); /* without JIT the interpreter gives the same answers */
    *out = (struct hl_matcher){re, regex_match, regex_free, hl_regex_needs(pattern)};
    return HL_OK;
}

uint64_t hl_regex_limit_hits(void)
{
    return atomic_load_explicit(&limit_hits, memory_order_relaxed);
}
