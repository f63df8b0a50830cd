/* DESIGN  One pointer moves over the text; nesting is the C stack, held to HL_JSON_MAX_DEPTH. Strings without escapes are slices of the
 * text; others are unescaped into the arena, where they are never longer than they were. A string is looked at once, eight bytes at a time;
 * only one with a byte beyond ASCII is looked at again, as UTF-8. */
#include "scan.h"

#include <endian.h>

#define ONES (UINT64_MAX / 255) /* 1 in each byte of a word */
#define TOPS (ONES * 0x80)

static bool fail(struct hl_json_scan *s, const char *what)
{
    if (!s->what) s->what = what;
    return false;
}

void hl_json_scan_init(struct hl_json_scan *s, struct hl_slice text, int depth)
{
    const char *start = text.data ? text.data : "";
    *s = (struct hl_json_scan){.start = start, .p = start, .end = start + text.len, .depth = depth};
}

const char *hl_json_kind_name(enum hl_json_kind kind)
{
    static const char *const names[] = {"nothing", "null", "true", "false", "a number", "a string", "an object", "an array"};
    return (unsigned)kind < sizeof(names) / sizeof(names[0]) ? names[kind] : "?";
}

static inline void blanks(struct hl_json_scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\n' || *s->p == '\t' || *s->p == '\r')) s->p++;
}

static inline bool take(struct hl_json_scan *s, char c)
{
    if (s->p == s->end || *s->p != c) return false;
    s->p++;
    return true;
}

static bool digits(struct hl_json_scan *s)
{
    const char *from = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9') s->p++;
    return s->p > from;
}

static bool scan_number(struct hl_json_scan *s)
{
    take(s, '-');
    if (take(s, '0')) {
        if (s->p < s->end && *s->p >= '0' && *s->p <= '9') return fail(s, "a number starts with 0");
    } else if (!digits(s)) {
        return fail(s, "a number without digits");
    }
    if (take(s, '.') && !digits(s)) return fail(s, "a number ends with its point");
    if (take(s, 'e') || take(s, 'E')) {
        if (!take(s, '+')) take(s, '-');
        if (!digits(s)) return fail(s, "an exponent without digits");
    }
    return true;
}

static inline bool scan_word(struct hl_json_scan *s, const char *word)
{
    size_t n = strlen(word);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0) return fail(s, "not a value");
    s->p += n;
    return true;
}

static int hex_of(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The four digits after \u at p. */
static bool scan_hex(struct hl_json_scan *s, unsigned *out)
{
    unsigned v = 0;
    if (s->end - s->p < 4) return fail(s, "a string ends early");
    for (int i = 0; i < 4; i++) {
        int digit = hex_of(*s->p++);
        if (digit < 0) return fail(s, "\\u without four hexadecimal digits");
        v = v * 16 + (unsigned)digit;
    }
    *out = v;
    return true;
}

static char *put_utf8(char *to, unsigned c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *to++ = (char)(0xe0 | c >> 12);
        } else {
            *to++ = (char)(0xf0 | c >> 18);
            *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        }
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
    }
    *to++ = (char)(0x80 | (c & 0x3f));
    return to;
}

static bool scan_unicode(struct hl_json_scan *s, char **to)
{
    unsigned high, low;
    if (!scan_hex(s, &high)) return false;
    if (high >= 0xdc00 && high < 0xe000) return fail(s, "a lone surrogate");
    if (high >= 0xd800 && high < 0xdc00) {
        if (s->end - s->p < 6 || s->p[0] != '\\' || s->p[1] != 'u') return fail(s, "a lone surrogate");
        s->p += 2;
        if (!scan_hex(s, &low)) return false;
        if (low < 0xdc00 || low > 0xdfff) return fail(s, "a lone surrogate");
        high = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
    }
    *to = put_utf8(*to, high);
    return true;
}

/* One escape at p, behind its backslash. */
static bool scan_escape(struct hl_json_scan *s, char **to)
{
    static const char from[] = "\"\\/bfnrt", as[] = "\"\\/\b\f\n\r\t";
    if (s->p == s->end) return fail(s, "a string ends early");
    char c = *s->p++;
    if (c == 'u') return scan_unicode(s, to);
    const char *at = c ? strchr(from, c) : NULL;
    if (!at) return fail(s, "an unknown escape");
    *(*to)++ = as[at - from];
    return true;
}

/* The top bit of each byte that ends a run: quote, backslash, control character. True of the lowest byte that has it; a borrow may
 * have set it falsely above. After "Bit Twiddling Hacks" (S. E. Anderson), hasless and haszero. */
static inline uint64_t stops(uint64_t word)
{
    uint64_t quote = word ^ ONES * '"', slash = word ^ ONES * '\\';
    return (((quote - ONES) & ~quote) | ((slash - ONES) & ~slash) | ((word - ONES * 0x20) & ~word)) & TOPS;
}

/* From p to the next quote or backslash; control characters are refused. *seen gathers the bits of all bytes, and of some behind. */
static inline bool run(struct hl_json_scan *s, uint64_t *seen)
{
    for (uint64_t word, stop; s->end - s->p >= 8; s->p += 8) {
        memcpy(&word, s->p, 8);
        *seen |= word;
        stop = stops(le64toh(word));
        if (!stop) continue;
        s->p += __builtin_ctzll(stop) / 8;
        break;
    }
    for (; s->p < s->end && *s->p != '"' && *s->p != '\\'; s->p++) {
        if ((unsigned char)*s->p < 0x20) return fail(s, "a control character in a string");
        *seen |= (unsigned char)*s->p;
    }
    return s->p < s->end ? true : fail(s, "a string ends early");
}

/* Where the closing quote of the string lies, at most: the first quote that no backslash precedes. */
static const char *closing(const char *p, const char *end)
{
    for (; p < end && *p != '"'; p++)
        if (*p == '\\' && p + 1 < end) p++;
    return p;
}

static bool scan_escaped(struct hl_json_scan *s, struct hl_arena *arena, const char *from, uint64_t *seen, struct hl_slice *out)
{
    char spare[8]; /* where an escape goes that nobody wants */
    char *text = NULL, *to;
    if (arena) {
        text = hl_arena_alloc(arena, (size_t)(closing(s->p, s->end) - from) + 1);
        if (!text) return fail(s, "no memory");
        memcpy(text, from, (size_t)(s->p - from));
    }
    to = text ? text + (s->p - from) : spare;
    while (*s->p != '"') {
        s->p++;
        if (!text) to = spare;
        if (!scan_escape(s, &to)) return false;
        const char *rest = s->p;
        if (!run(s, seen)) return false;
        if (text) {
            memcpy(to, rest, (size_t)(s->p - rest));
            to += s->p - rest;
        }
    }
    *out = text ? (struct hl_slice){text, (size_t)(to - text)} : (struct hl_slice){from, (size_t)(s->p - from)};
    return true;
}

/* A string at its opening quote. */
static bool scan_string(struct hl_json_scan *s, struct hl_arena *arena, struct hl_slice *out)
{
    const char *from = ++s->p;
    uint64_t seen = 0;
    if (!run(s, &seen)) return false;
    if (*s->p == '"') *out = (struct hl_slice){from, (size_t)(s->p - from)};
    else if (!scan_escaped(s, arena, from, &seen, out)) return false;
    /* Checked as written: escapes are ASCII, and make valid UTF-8. */
    if ((seen & TOPS) && !hl_utf8_is_valid((struct hl_slice){from, (size_t)(s->p - from)})) return fail(s, "invalid UTF-8");
    s->p++;
    return true;
}

enum hl_json_kind hl_json_scan_peek(struct hl_json_scan *s)
{
    blanks(s);
    switch (s->p < s->end ? *s->p : '\0') {
    case '{': return HL_JSON_OBJECT;
    case '[': return HL_JSON_ARRAY;
    case '"': return HL_JSON_STRING;
    case 't': return HL_JSON_TRUE;
    case 'f': return HL_JSON_FALSE;
    case 'n': return HL_JSON_NULL;
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9': return HL_JSON_NUMBER;
    default: return HL_JSON_ABSENT;
    }
}

bool hl_json_scan_enter(struct hl_json_scan *s)
{
    if (s->depth >= HL_JSON_MAX_DEPTH) return fail(s, "nested too deeply");
    s->depth++;
    s->p++;
    return true;
}

static inline bool take_guess(struct hl_json_scan *s, struct hl_slice guess)
{
    if (guess.len == 0 || (size_t)(s->end - s->p) < guess.len + 2 || s->p[guess.len + 1] != '"') return false;
    if (memcmp(s->p + 1, guess.data, guess.len) != 0) return false;
    s->p += guess.len + 2;
    return true;
}

bool hl_json_scan_key(struct hl_json_scan *s, struct hl_arena *arena, bool *first, struct hl_slice guess, struct hl_slice *key)
{
    blanks(s);
    if (take(s, '}')) {
        s->depth--;
        return false;
    }
    if (!*first) {
        if (!take(s, ',')) return fail(s, "a comma or the end of an object is wanted");
        blanks(s);
    }
    *first = false;
    if (s->p == s->end || *s->p != '"') return fail(s, "the name of a member is wanted");
    if (take_guess(s, guess)) *key = guess;
    else if (!scan_string(s, arena, key)) return false;
    blanks(s);
    return take(s, ':') ? true : fail(s, "a colon is wanted");
}

static bool skip_object(struct hl_json_scan *s)
{
    struct hl_json_value value;
    struct hl_slice key;
    bool first = true;
    if (!hl_json_scan_enter(s)) return false;
    while (hl_json_scan_key(s, NULL, &first, HL_SLICE_NULL, &key))
        if (!hl_json_scan_value(s, NULL, &value)) return false;
    return !s->what;
}

static bool skip_array(struct hl_json_scan *s)
{
    struct hl_json_value value;
    if (!hl_json_scan_enter(s)) return false;
    blanks(s);
    if (!take(s, ']')) {
        do {
            if (!hl_json_scan_value(s, NULL, &value)) return false;
            blanks(s);
        } while (take(s, ','));
        if (!take(s, ']')) return fail(s, "a comma or the end of an array is wanted");
    }
    s->depth--;
    return true;
}

bool hl_json_scan_value(struct hl_json_scan *s, struct hl_arena *arena, struct hl_json_value *out)
{
    bool ok = false;
    out->kind = hl_json_scan_peek(s);
    const char *from = s->p;
    switch (out->kind) {
    case HL_JSON_STRING: return scan_string(s, arena, &out->text);
    case HL_JSON_NUMBER: ok = scan_number(s); break;
    case HL_JSON_NULL: ok = scan_word(s, "null"); break;
    case HL_JSON_TRUE: ok = scan_word(s, "true"); break;
    case HL_JSON_FALSE: ok = scan_word(s, "false"); break;
    case HL_JSON_OBJECT: ok = skip_object(s); break;
    case HL_JSON_ARRAY: ok = skip_array(s); break;
    case HL_JSON_ABSENT: return fail(s, s->p == s->end ? "the text ends early" : "not a value");
    }
    out->text = (struct hl_slice){from, (size_t)(s->p - from)};
    return ok;
}

bool hl_json_scan_end(struct hl_json_scan *s)
{
    blanks(s);
    return s->p == s->end ? true : fail(s, "something follows the value");
}
