#include "mix.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "app/json_text.h"

#define SLOTS 4096 /* of the table that draws a type */
#define RANDOMS 64 /* templates of a type, to choose from at random */
#define PEOPLE 64  /* kinds of contact, of which profiles tell */
#define PICK(table, h) (table)[(h) % HL_ARRAY_LEN(table)]

enum shape { PLAIN, PAGE, ASSET, FORM, PROFILE, MAIL };

static const struct {
    const char *name;
    unsigned share;
    enum shape shape;
} TYPES[] = {
#define X(name, share, shape) {#name, share, shape},
    HL_MIX_TYPES(X)
#undef X
};
static const char *const PATHS[] = {"/",
                                    "/pricing",
                                    "/product/scoring",
                                    "/product/integrations",
                                    "/customers/acme",
                                    "/blog/how-to-score-leads",
                                    "/blog/what-is-an-mql",
                                    "/docs/getting-started",
                                    "/docs/reference/events",
                                    "/about",
                                    "/careers",
                                    "/contact"};
static const char *const ASSETS[] = {"ebook/lead-scoring.pdf", "ebook/sales-handover.pdf", "guide/buyers-guide.pdf", "datasheet/overview.pdf"};
static const char *const FORMS[] = {"newsletter", "newsletter", "newsletter", "contact-sales", "demo"};
static const char *const CAMPAIGNS[] = {"spring-launch", "autumn-webinar", "weekly-news", "product-update"};
static const char *const COUNTRIES[] = {"US", "DE", "GB", "FR", "SE"};
static const char *const SENIORITIES[] = {"manager", "director", "vp", "individual"};
static const char *const INDUSTRIES[] = {"software", "logistics", "retail"};

struct tail {
    uint32_t at, len;
};

struct hl_mix {
    bool json;
    struct hl_buf text; /* all tails */
    struct tail *tails;
    size_t n_tails, max_tail;
    uint32_t first[HL_MIX_TYPE_COUNT]; /* of the tails of a type; those of one kind of person lie RANDOMS apart */
    struct tail extras[HL_MIX_EXTRA_COUNT];
    uint8_t slots[SLOTS];
    uint8_t head[16]; /* of the Avro framing */
};

/* ---- ids ---- */

bool hl_load_id_read(struct hl_slice text, uint32_t run, enum hl_load_kind kind, uint64_t *number)
{
    char wanted[HL_UUID_BYTES];
    uint64_t n = 0;
    hl_load_id_write(wanted, run, kind, 0);
    if (text.len != HL_UUID_BYTES || memcmp(text.data, wanted, HL_UUID_BYTES - 12) != 0) return false;
    for (size_t i = HL_UUID_BYTES - 12; i < HL_UUID_BYTES; i++) {
        char c = text.data[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && (c < 'a' || c > 'f')) return false;
        n = n << 4 | (uint64_t)(digit ? c - '0' : c - 'a' + 10);
    }
    *number = n;
    return true;
}

/* ---- weights ---- */

void hl_mix_default(double weights[HL_MIX_TYPE_COUNT])
{
    for (size_t i = 0; i < HL_MIX_TYPE_COUNT; i++) weights[i] = TYPES[i].share;
}

static enum hl_status unknown_type(struct hl_slice name, struct hl_error *err)
{
    char known[400];
    size_t n = 0;
    for (size_t i = 0; i < HL_MIX_TYPE_COUNT; i++) n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "", TYPES[i].name);
    return hl_error_set(err, HL_E_USAGE, HL_STOP, "--mix: there is no type '%.*s' here; there are %s", HL_SLICE_ARG(name), known);
}

static enum hl_status parse_share(struct hl_slice part, double weights[HL_MIX_TYPE_COUNT], struct hl_error *err)
{
    const char *equals = memchr(part.data, '=', part.len);
    struct hl_slice name = {part.data, equals ? (size_t)(equals - part.data) : part.len};
    char *end = NULL;
    double weight = equals ? strtod(equals + 1, &end) : 0;
    if (!equals || end != part.data + part.len || end == equals + 1 || !isfinite(weight) || weight < 0)
        return hl_error_set(err, HL_E_USAGE, HL_STOP, "--mix wants TYPE=WEIGHT,TYPE=WEIGHT,..., and '%.*s' is not that", HL_SLICE_ARG(part));
    for (size_t i = 0; i < HL_MIX_TYPE_COUNT; i++) {
        if (!hl_slice_eq_cstr(name, TYPES[i].name)) continue;
        weights[i] = weight;
        return HL_OK;
    }
    return unknown_type(name, err);
}

enum hl_status hl_mix_parse(const char *text, double weights[HL_MIX_TYPE_COUNT], struct hl_error *err)
{
    double sum = 0;
    memset(weights, 0, HL_MIX_TYPE_COUNT * sizeof(*weights));
    for (const char *p = text; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        enum hl_status status = parse_share((struct hl_slice){p, strcspn(p, ",")}, weights, err);
        if (status) return status;
    }
    for (size_t i = 0; i < HL_MIX_TYPE_COUNT; i++) sum += weights[i];
    return sum > 0 ? HL_OK : hl_error_set(err, HL_E_USAGE, HL_STOP, "--mix: all weights are 0, so there is nothing to send");
}

/* Slots in proportion to the weights: each boundary to the nearest slot. */
static void fill_slots(struct hl_mix *m, const double weights[HL_MIX_TYPE_COUNT])
{
    double sum = 0, upto = 0;
    size_t at = 0;
    for (size_t i = 0; i < HL_MIX_TYPE_COUNT; i++) sum += weights[i];
    for (size_t i = 0; i < HL_MIX_TYPE_COUNT; i++) {
        upto += weights[i];
        size_t end = (size_t)(upto / sum * SLOTS + 0.5);
        while (at < end && at < SLOTS) m->slots[at++] = (uint8_t)i;
    }
}

/* ---- templates ---- */

struct fields {
    const char *type, *url, *asset, *form, *campaign, *source, *reason;
    bool machine;
    struct hl_trait traits[8];
    const struct hl_trait *all_traits; /* instead of these */
    size_t n_traits;
};

static void put_optional(struct hl_buf *b, const char *text)
{
    hl_buf_put_long(b, text ? 1 : 0);
    if (text) hl_buf_put_bytes(b, hl_slice_of(text));
}

/* Fields of schemas/event.avsc behind occurred_at, in its order. */
static void put_avro(struct hl_buf *b, const struct fields *f, const struct hl_trait *traits)
{
    const char *const optional[] = {f->url, f->asset, f->form, f->campaign, f->source, NULL /* actor */, f->reason};
    hl_buf_put_bytes(b, hl_slice_of(f->type));
    for (size_t i = 0; i < HL_ARRAY_LEN(optional); i++) put_optional(b, optional[i]);
    hl_buf_put_u8(b, f->machine);
    if (f->n_traits) hl_buf_put_long(b, (int64_t)f->n_traits);
    for (size_t i = 0; i < f->n_traits; i++) {
        hl_buf_put_bytes(b, hl_slice_of(traits[i].key));
        hl_buf_put_bytes(b, hl_slice_of(traits[i].value));
    }
    hl_buf_put_long(b, 0); /* the end of the map */
}

static void put_json(struct hl_buf *b, const struct fields *f, const struct hl_trait *traits)
{
    const struct {
        const char *key, *text;
    } optional[] = {{"type", f->type},         {"url", f->url},       {"asset", f->asset},  {"form", f->form},
                    {"campaign", f->campaign}, {"source", f->source}, {"reason", f->reason}};
    for (size_t i = 0; i < HL_ARRAY_LEN(optional); i++)
        if (optional[i].text) hl_json_put_member(b, optional[i].key, hl_slice_of(optional[i].text));
    if (f->machine) hl_json_put_raw(b, ",\"machine\":true");
    if (f->n_traits) hl_json_put_raw(b, ",\"attributes\":{");
    for (size_t i = 0; i < f->n_traits; i++) {
        if (i) hl_json_put_raw(b, ",");
        hl_json_put_text(b, hl_slice_of(traits[i].key));
        hl_json_put_raw(b, ":");
        hl_json_put_text(b, hl_slice_of(traits[i].value));
    }
    hl_json_put_raw(b, f->n_traits ? "}}" : "}");
}

static struct tail put_tail(struct hl_mix *m, const struct fields *f)
{
    const struct hl_trait *traits = f->all_traits ? f->all_traits : f->traits;
    struct tail t = {.at = (uint32_t)m->text.len};
    if (m->json) put_json(&m->text, f, traits);
    else put_avro(&m->text, f, traits);
    t.len = (uint32_t)m->text.len - t.at;
    if (t.len > m->max_tail) m->max_tail = t.len;
    return t;
}

static void add_trait(struct fields *f, const char *key, const char *value)
{
    f->traits[f->n_traits++] = (struct hl_trait){key, value};
}

/* What the contact is: every third has a business address in a served country. */
static void add_profile(struct fields *f, unsigned person, char email[64])
{
    uint64_t h = hl_random_at(77, person);
    snprintf(email, 64, person % 3 == 0 ? "c%02u@firm%u.example" : "c%02u@gmail.com", person, (unsigned)(h >> 40) % 5000);
    add_trait(f, "email", email);
    add_trait(f, "country", PICK(COUNTRIES, h >> 4));
    add_trait(f, "seniority", PICK(SENIORITIES, h >> 10));
    add_trait(f, "industry", PICK(INDUSTRIES, h >> 16));
    add_trait(f, "company_size", (h >> 20) % 2 ? "250" : "12");
}

static struct tail make_tail(struct hl_mix *m, size_t type, unsigned n, unsigned person)
{
    char url[128], email[64];
    uint64_t h = hl_random_at(type, n);
    enum shape shape = TYPES[type].shape;
    struct fields f = {.type = TYPES[type].name};
    snprintf(url, sizeof(url), "https://www.example.com%s%s%s", PICK(PATHS, h >> 8), h % 4 ? "" : "?utm_campaign=",
             h % 4 ? "" : PICK(CAMPAIGNS, h >> 16));
    if (shape == PAGE) f.url = url, f.source = "website";
    if (shape == ASSET) f.asset = PICK(ASSETS, h);
    if (shape == FORM) f.form = PICK(FORMS, h);
    if (shape == MAIL) f.campaign = PICK(CAMPAIGNS, h), f.machine = n == 0;
    if (shape == PROFILE || (shape == FORM && (h >> 32) % 2)) add_profile(&f, person, email);
    return put_tail(m, &f);
}

static bool tells_who(size_t type)
{
    return TYPES[type].shape == PROFILE || TYPES[type].shape == FORM;
}

static void make_tails(struct hl_mix *m)
{
    for (size_t type = 0; type < HL_MIX_TYPE_COUNT; type++) {
        m->first[type] = (uint32_t)m->n_tails;
        for (unsigned person = 0; person < (tells_who(type) ? PEOPLE : 1); person++)
            for (unsigned n = 0; n < RANDOMS; n++) m->tails[m->n_tails++] = make_tail(m, type, n, person);
    }
}

static void make_extras(struct hl_mix *m, const struct hl_mix_options *o)
{
    const struct fields prepare = {.type = "form_submitted", .form = "newsletter", .all_traits = o->traits, .n_traits = o->n_traits};
    const struct fields raise = {.type = "form_submitted", .form = o->form};
    const struct fields reject = {.type = "lead_rejected", .reason = "load test"};
    m->extras[HL_MIX_PREPARE] = put_tail(m, &prepare);
    m->extras[HL_MIX_RAISE] = put_tail(m, &raise);
    m->extras[HL_MIX_REJECT] = put_tail(m, &reject);
}

enum hl_status hl_mix_new(const struct hl_mix_options *options, struct hl_mix **out, struct hl_error *err)
{
    struct hl_mix *m = calloc(1, sizeof(*m));
    if (m) m->tails = calloc((size_t)HL_MIX_TYPE_COUNT * RANDOMS * PEOPLE, sizeof(*m->tails));
    if (m && m->tails) {
        m->json = options->json;
        hl_buf_init(&m->text);
        hl_json_put_raw(&m->text, "}"); /* each tail begins with a comma, the first one too */
        fill_slots(m, options->weights);
        make_tails(m);
        make_extras(m, options);
        for (int i = 0; i < 4; i++) m->head[1 + i] = (uint8_t)(options->schema_id >> (24 - 8 * i));
    }
    if (m && m->tails && !m->text.failed) {
        *out = m;
        return HL_OK;
    }
    hl_mix_free(m);
    return hl_error_set(err, HL_E_NOMEM, HL_STOP, "out of memory");
}

void hl_mix_free(struct hl_mix *m)
{
    if (!m) return;
    hl_buf_fini(&m->text);
    free(m->tails);
    free(m);
}

/* ---- events ---- */

#define JSON_EVENT "{\"event_id\":\""
#define JSON_CONTACT "\",\"contact_id\":\""
#define JSON_TIME "\",\"occurred_at\":"
#define TIME_DIGITS 13
#define HEAD_BYTES 160

size_t hl_mix_max_bytes(const struct hl_mix *m)
{
    return HEAD_BYTES + m->max_tail;
}

static uint8_t *put(uint8_t *p, const void *data, size_t len)
{
    memcpy(p, data, len);
    return p + len;
}

static uint8_t *put_avro_head(const struct hl_mix *m, const struct hl_stamp *s, uint8_t *p)
{
    p = put(p, m->head, 5);
    *p++ = 2 * HL_UUID_BYTES;
    p = put(p, s->event_id, HL_UUID_BYTES);
    *p++ = 2 * HL_UUID_BYTES;
    p = put(p, s->contact_id, HL_UUID_BYTES);
    uint64_t z = (uint64_t)s->occurred_at << 1;
    for (; z > 0x7f; z >>= 7) *p++ = (uint8_t)(z | 0x80);
    *p++ = (uint8_t)z;
    return p;
}

static uint8_t *put_json_head(const struct hl_stamp *s, uint8_t *p)
{
    p = put(p, JSON_EVENT, sizeof(JSON_EVENT) - 1);
    p = put(p, s->event_id, HL_UUID_BYTES);
    p = put(p, JSON_CONTACT, sizeof(JSON_CONTACT) - 1);
    p = put(p, s->contact_id, HL_UUID_BYTES);
    p = put(p, JSON_TIME, sizeof(JSON_TIME) - 1);
    uint64_t ms = (uint64_t)s->occurred_at;
    for (int i = TIME_DIGITS - 1; i >= 0; i--, ms /= 10) p[i] = (uint8_t)('0' + ms % 10);
    return p + TIME_DIGITS;
}

static size_t put_event(const struct hl_mix *m, const struct hl_stamp *s, struct tail t, uint8_t *out)
{
    uint8_t *p = m->json ? put_json_head(s, out) : put_avro_head(m, s, out);
    return (size_t)(put(p, m->text.data + t.at, t.len) - out);
}

size_t hl_mix_write(const struct hl_mix *m, const struct hl_stamp *stamp, uint64_t choice, uint64_t who, uint8_t *out)
{
    size_t type = m->slots[choice % SLOTS], person = tells_who(type) ? who % PEOPLE : 0;
    return put_event(m, stamp, m->tails[m->first[type] + person * RANDOMS + choice / SLOTS % RANDOMS], out);
}

size_t hl_mix_write_extra(const struct hl_mix *m, enum hl_mix_extra extra, const struct hl_stamp *stamp, uint8_t *out)
{
    return put_event(m, stamp, m->extras[extra], out);
}

/* Cut short, ids of no length, or not this format at all. */
size_t hl_mix_break(uint8_t *event, size_t len, uint64_t choice)
{
    if (choice % 3 == 0) return len / 2;
    memset(event, choice % 3 == 1 ? 0x00 : 0x7b, choice % 3 == 1 ? len : 8);
    return len;
}
