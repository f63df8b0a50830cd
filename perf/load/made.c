/* DESIGN  The mix of tests/support/gen_events.py, some hundred times faster: everything about event i and contact c follows from a hash
 * of the seed and the number, so nothing is remembered. Contacts are of four kinds (columns of KINDS) and active by a law like Zipf's:
 * the weight of rank r is (r + 20)^-0.9, drawn by the inverse of its integral. Two events of a hundred are a repeat of one of the
 * 100,000 before. */
#include <math.h>
#include <stdio.h>

#include "hotlead/base/status.h"
#include "made.h"
#include "random.h"

#define DAY_MS INT64_C(86400000)
#define SPAN_MS (30 * DAY_MS)
#define PICK(table, h) (table)[(h) % HL_ARRAY_LEN(table)]

enum shape { PLAIN, PAGE, ASSET, MAIL, PROFILE, NEWSLETTER, DEMO, IMPORT, ADJUST, STAGE, REFUSE, OWNER };

/* Weights in tenths: of a visitor, a reader, a buyer, noise. */
static const struct kind {
    unsigned weight[4];
    const char *type;
    enum shape shape;
} KINDS[] = {
    {{500, 500, 500, 500}, "page_viewed", PAGE},        {{80, 80, 80, 80}, "email_sent", MAIL},
    {{60, 60, 60, 60}, "email_delivered", MAIL},        {{100, 100, 100, 100}, "email_opened", MAIL},
    {{60, 60, 60, 60}, "email_clicked", MAIL},          {{40, 40, 40, 40}, "link_clicked", PAGE},
    {{30, 30, 30, 30}, "video_watched", ASSET},         {{20, 20, 20, 20}, "site_searched", PAGE},
    {{50, 200, 120, 50}, "file_downloaded", ASSET},     {{5, 5, 5, 5}, "email_bounced", MAIL},
    {{10, 10, 10, 10}, "email_unsubscribed", MAIL},     {{10, 10, 10, 10}, "chat_started", PLAIN},
    {{20, 20, 20, 20}, "ad_impression", PLAIN},         {{0, 40, 0, 0}, "form_submitted", NEWSLETTER},
    {{0, 60, 80, 100}, "contact_identified", PROFILE},  {{0, 30, 0, 0}, "webinar_registered", IMPORT},
    {{0, 30, 0, 0}, "webinar_attended", PLAIN},         {{0, 0, 50, 50}, "form_submitted", DEMO},
    {{0, 0, 30, 0}, "lead_accepted", PLAIN},            {{0, 0, 30, 0}, "sales_contact_made", PLAIN},
    {{0, 0, 15, 0}, "quote_requested", PLAIN},          {{0, 0, 15, 0}, "opportunity_opened", PLAIN},
    {{0, 0, 20, 10}, "opportunity_won", PLAIN},         {{0, 0, 15, 0}, "opportunity_lost", REFUSE},
    {{0, 0, 30, 20}, "lead_rejected", REFUSE},          {{0, 0, 10, 0}, "advocacy_given", PLAIN},
    {{0, 0, 20, 0}, "owner_assigned", OWNER},           {{0, 0, 10, 0}, "meeting_booked", PLAIN},
    {{0, 0, 10, 0}, "trial_started", IMPORT},           {{0, 0, 0, 20}, "list_imported", IMPORT},
    {{0, 0, 0, 20}, "event_attended", IMPORT},          {{0, 0, 0, 3}, "lead_disqualified", REFUSE},
    {{0, 0, 0, 20}, "score_adjusted", ADJUST},          {{0, 0, 0, 20}, "stage_set", STAGE},
};
static const char *const SITES[] = {"https://www.example.com", "http://example.com", ""};
static const char *const PATHS[] = {"/", "/pricing", "/pricing/enterprise", "/blog/how-to-score", "/blog/funnel?utm_source=mail",
                                    "/docs/start#install", "/product", "/careers/engineer", "/careers", "/contact", "/case-studies/acme"};
static const char *const ASSETS[] = {"ebook/lead-scoring.pdf", "ebook/funnel.pdf", "whitepaper/decay.pdf", "datasheet.pdf", "buyers-guide.pdf"};
static const char *const CAMPAIGNS[] = {NULL, NULL, "spring-launch", "spring-retarget", "autumn"};
static const char *const SOURCES[] = {NULL, "google", "newsletter", "partner/acme", "linkedin"};
static const char *const TITLES[] = {"VP Marketing", "Head of Sales", "Engineer", "CTO", "Account Executive", "Analyst", "VP Marketing",
                                     "Head of Sales", "Engineer", "CTO", "Student", "Marketing Intern"};
static const char *const COUNTRIES[] = {"US", "us", "GB", "NO", "US", "us", "GB", "NO", "DE", "CA", "FR", "BR", "ZZ"};
static const char *const MAILS[] = {"acme.example", "Initech.Example", "umbrella.example", "corp.example", "gmail.com", "rival.example"};
static const char *const SIZES[] = {"1", "20", "50", "250", "1", "20", "50", "250", "1000", "1001", "20000", "many", "99.5"};
static const char *const NAMES[] = {"ann", "bo", "chris", "dee"};
static const char *const POINTS[] = {"5", "-7.25", "12.5", "-20", "oops"};
static const char *const STAGES[] = {"subscriber", "lead", "mql", "sql", "opportunity", "customer", "unqualified", "disqualified", "champion"};
static const char *const REASONS[] = {"no budget", "wrong timing", "no answer"};
static const char *const OWNERS[] = {"rep-1", "rep-2", "J\303\270rgen", ""};

/* Version 4, and so random but for two digits. */
static void uuid(char out[MADE_UUID_BYTES], uint64_t h)
{
    static const char FORM[] = "xxxxxxxx-xxxx-4xxx-axxx-xxxxxxxxxxxx", HEX[] = "0123456789abcdef";
    uint64_t more = hl_random_at(h, 0);
    memcpy(out, FORM, MADE_UUID_BYTES);
    for (int i = 0; i < MADE_UUID_BYTES - 1; i++) {
        if (out[i] != 'x') continue;
        out[i] = HEX[h & 15];
        h = h >> 4 | more << 60;
        more >>= 4;
    }
}

static uint64_t contact_of(const struct source *s, uint64_t h)
{
    double low = pow(20, 0.1), high = pow((double)s->contacts + 20, 0.1);
    uint64_t rank = (uint64_t)(pow(low + (high - low) * hl_random_unit(h), 10) - 20);
    return rank < s->contacts ? rank : s->contacts - 1;
}

static const struct kind *kind_of(unsigned persona, uint64_t h)
{
    unsigned total = 0;
    const struct kind *k = KINDS;
    for (size_t i = 0; i < HL_ARRAY_LEN(KINDS); i++) total += KINDS[i].weight[persona];
    for (unsigned at = (unsigned)(h % total); at >= k->weight[persona]; k++) at -= k->weight[persona];
    return k;
}

static int64_t lateness(uint64_t h)
{
    unsigned in_100 = (unsigned)(h % 100);
    return (int64_t)((h >> 8) % (uint64_t)(in_100 < 90 ? 2000 : in_100 < 98 ? 3600000 : 3 * DAY_MS));
}

static void add(struct made *e, const char *key, const char *value)
{
    e->pairs[e->ev.n_attributes++] = (struct hl_kv){hl_slice_of(key), hl_slice_of(value)};
}

static void add_profile(struct made *e, uint64_t h)
{
    snprintf(e->email, sizeof(e->email), "%s@%s", PICK(NAMES, h >> 2), PICK(MAILS, h >> 4));
    if (h % 5) add(e, "email", e->email);
    if ((h >> 8) % 5) add(e, "country", PICK(COUNTRIES, h >> 12));
    if ((h >> 16) % 2) add(e, "job_title", PICK(TITLES, h >> 20));
    if ((h >> 24) % 5 < 3) add(e, "company_size", PICK(SIZES, h >> 28));
    if ((h >> 32) % 20 == 0) add(e, "email_domain", "given.example");
}

static void fill_form(struct made *e, bool demo, uint64_t h)
{
    e->ev.form = hl_slice_of(!demo ? "newsletter" : h % 2 ? "demo" : "contact-sales");
    if ((h >> 1) % 5 < 2) add_profile(e, hl_random_at(h, 0)); /* else the hand is raised before the fit is known */
    snprintf(e->budget, sizeof(e->budget), "%u", (unsigned)(h >> 8) % 90 * 1000);
    add(e, "budget", e->budget);
}

static void fill(struct made *e, enum shape shape, uint64_t h)
{
    struct hl_event *ev = &e->ev;
    switch (shape) {
    case PAGE:
        snprintf(e->url, sizeof(e->url), "%s%s", PICK(SITES, h), PICK(PATHS, h >> 8));
        ev->url = hl_slice_of(e->url);
        ev->source = hl_slice_of(PICK(SOURCES, h >> 16));
        ev->campaign = hl_slice_of(PICK(CAMPAIGNS, h >> 24));
        break;
    case ASSET: ev->asset = hl_slice_of(PICK(ASSETS, h)); break;
    case MAIL:
        ev->campaign = hl_slice_of(PICK(CAMPAIGNS, h));
        ev->machine = (h >> 8) % 20 == 0;
        break;
    case PROFILE:
    case IMPORT: add_profile(e, h); break;
    case NEWSLETTER:
    case DEMO: fill_form(e, shape == DEMO, h); break;
    case ADJUST: add(e, "points", PICK(POINTS, h)); break;
    case STAGE: add(e, "stage", PICK(STAGES, h)); break;
    case REFUSE: ev->reason = hl_slice_of(PICK(REASONS, h)); break;
    case OWNER: add(e, "owner", PICK(OWNERS, h)); break;
    case PLAIN: break;
    }
    if (shape == ADJUST || shape == STAGE || shape == REFUSE) ev->actor = HL_SLICE_LIT("ops@example.com");
}

static void make(struct made *e, const struct source *s, uint64_t i)
{
    uint64_t h = hl_random_at(s->seed, 2 * i), contact = contact_of(s, hl_random_at(s->seed, 2 * i + 1)), who = hl_random_at(~s->seed, contact);
    const struct kind *k = kind_of("\0\0\0\0\0\0\0\0\1\1\1\1\1\2\2\2\2\2\3\3"[who % 20], h);
    int64_t now = s->start_ms + (int64_t)((double)SPAN_MS * (double)(i < s->events ? i : s->events) / (double)s->events);
    e->ev = (struct hl_event){.type_name = hl_slice_of(k->type), .occurred_at = now - lateness(hl_random_at(h, 1)), .attributes = e->pairs};
    uuid(e->event_id, h);
    uuid(e->contact_id, who);
    e->ev.event_id = hl_slice_of(e->event_id);
    e->ev.contact_id = hl_slice_of(e->contact_id);
    fill(e, k->shape, hl_random_at(h, 3));
}

void made_event(struct made *e, const struct source *s, uint64_t i)
{
    uint64_t h = hl_random_at(s->seed + 1, i), back = (h >> 8) % 100000 + 1;
    make(e, s, h % 50 == 0 && back <= i ? i - back : i);
}

static void put_optional(struct hl_buf *b, struct hl_slice s)
{
    hl_buf_put_long(b, hl_slice_is_null(s) ? 0 : 1);
    if (!hl_slice_is_null(s)) hl_buf_put_bytes(b, s);
}

void made_put_datum(struct hl_buf *b, const struct hl_event *ev)
{
    const struct hl_slice optional[] = {ev->url, ev->asset, ev->form, ev->campaign, ev->source, ev->actor, ev->reason};
    hl_buf_put_bytes(b, ev->event_id);
    hl_buf_put_bytes(b, ev->contact_id);
    hl_buf_put_long(b, ev->occurred_at);
    hl_buf_put_bytes(b, ev->type_name);
    for (size_t i = 0; i < HL_ARRAY_LEN(optional); i++) put_optional(b, optional[i]);
    hl_buf_put_u8(b, ev->machine);
    if (ev->n_attributes) hl_buf_put_long(b, (int64_t)ev->n_attributes);
    for (size_t i = 0; i < ev->n_attributes; i++) {
        hl_buf_put_bytes(b, ev->attributes[i].key);
        hl_buf_put_bytes(b, ev->attributes[i].value);
    }
    hl_buf_put_long(b, 0);
}
