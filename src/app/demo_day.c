/* DESIGN  Each contact gets a persona, and each persona is a short script: when it comes, which pages it reads, what it
 * fills in. Scripts push events in any order; sorting makes the day. An event is a struct of pointers to literals and
 * becomes JSON only when it is sent, so a day of millions of events fits into memory. Sales is no script: it answers what
 * the scorer says (hl_demo_day_react), as in life. */
#include "demo_day.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "hotlead/base/iso8601.h"

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)

/* persona, how many of a hundred contacts */
#define PERSONAS(X)                                                                                                              \
    X(VISITOR, 28) X(SUBSCRIBER, 27) X(RESEARCHER, 20) X(BUYER, 9) X(TRIAL, 3) X(STUDENT, 4) X(COMPETITOR, 2) X(JOB_SEEKER, 4)   \
    X(ROBOT, 3)

enum persona {
#define X(code, share) code,
    PERSONAS(X)
#undef X
    PERSONA_COUNT,
};
static const uint8_t shares[PERSONA_COUNT] = {
#define X(code, share) share,
    PERSONAS(X)
#undef X
};

static const char *const topic_names[] = {
#define X(code, name) name,
    HL_DEMO_TOPICS(X)
#undef X
};

/* --- the people --- */

static const char *const first_names[] = {
    "Maria",  "James",  "Aisha",  "Lukas",  "Chloe", "Mateo",  "Ingrid", "Noah",   "Priya", "Emma",   "Oskar",
    "Fatima", "Daniel", "Sofia",  "Liam",   "Hanna", "Pierre", "Grace",  "Jonas",  "Yuki",  "Amelie", "Samuel",
    "Elif",   "Thomas", "Nora",   "Victor", "Zoe",   "Marek",  "Alice",  "Kwame",  "Julia", "Henrik", "Camille",
    "Owen",   "Lena",   "Rafael", "Freya",  "Anton", "Leila",  "Martin", "Isabel", "Felix", "Maya",   "Hugo",
};
static const char *const last_names[] = {
    "Keller", "Wright",  "Okafor", "Lindqvist", "Moreau", "Silva",  "Hansen",  "Brooks",   "Sharma", "Fischer",
    "Visser", "Haddad",  "Murphy", "Rossi",     "Carter", "Weber",  "Dubois",  "Nguyen",   "Bauer",  "Tanaka",
    "Leroy",  "Bennett", "Yilmaz", "Schmidt",   "Berg",   "Novak",  "Clarke",  "Kowalski", "Evans",  "Mensah",
    "Huber",  "Larsen",  "Martin", "Doyle",     "Vogel",  "Santos", "Nilsson", "Petrov",   "Rahimi", "Gallagher",
};
static const char *const brands[] = {
    "Nordwind", "Bluepeak", "Hartwell", "Veridia",  "Castor",  "Lumen",  "Oakline",     "Solvana",
    "Trident",  "Fairway",  "Kestrel",  "Meridian", "Polaris", "Quarry", "Redwood",     "Sable",
    "Tessera",  "Umbra",    "Vantage",  "Willow",   "Zenith",  "Amber",  "Brightwater", "Corvid",
};
static const struct {
    const char *name, *industry;
} trades[] = {
    {"Logistics", "logistics"}, {"Software", "software"},  {"Machines", "manufacturing"}, {"Bank", "finance"},
    {"Foods", "food"},          {"Health", "healthcare"},  {"Energy", "energy"},          {"Robotics", "manufacturing"},
    {"Media", "media"},         {"Analytics", "software"}, {"Capital", "finance"},        {"Freight", "logistics"},
};
static const int sizes[] = {8, 25, 60, 90, 140, 220, 380, 650, 900, 1800, 5200, 120};
static const char *const countries[] = {"US", "US", "US", "GB", "GB", "DE", "DE", "FR", "NL",
                                        "CA", "SE", "IE", "CH", "AT", "IN", "BR", "JP"};
static const char *const free_mail[] = {"gmail.com", "outlook.com", "gmx.de", "icloud.com"};
static const struct {
    const char *title, *seniority;
} jobs[] = {
    {"VP Marketing", "vp"},
    {"Marketing Manager", "manager"},
    {"Head of Growth", "head"},
    {"Director of Revenue Operations", "director"},
    {"IT Administrator", "staff"},
    {"Chief Executive", "c_level"},
    {"Product Manager", "manager"},
    {"Demand Generation Manager", "manager"},
    {"Software Engineer", "staff"},
    {"Founder", "owner"},
    {"Purchasing Manager", "manager"},
    {"Sales Analyst", "staff"},
    {"Chief Marketing Officer", "c_level"},
    {"Office Assistant", "staff"},
    {"Head of Sales", "head"},
    {"Consultant", "staff"},
};
static const char STUDENT_TITLE[] = "Student";

struct person {
    uint8_t persona, first, last, brand, trade, job;
    bool free_mail;
};

struct hl_demo_day {
    uint64_t seed;
    int64_t start, end;
    uint32_t contacts, next_id;
    struct person *people;
    struct hl_demo_event *events;
    size_t n, cap;
};

/* --- chance --- */

/* SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", 2014) */
static uint64_t mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

struct maker {
    struct hl_demo_day *d;
    uint64_t state;
    bool failed;
};

static uint64_t next(struct maker *m)
{
    return mix(m->state += UINT64_C(0x9e3779b97f4a7c15));
}

/* 0 .. n - 1 */
static uint32_t below(struct maker *m, uint32_t n)
{
    return (uint32_t)(next(m) % n);
}

static bool chance(struct maker *m, unsigned percent)
{
    return below(m, 100) < percent;
}

static int64_t between(struct maker *m, int64_t lo, int64_t hi)
{
    return lo + (int64_t)(next(m) % (uint64_t)(hi - lo + 1));
}

/* Some time of the day; office hours (UTC) are busier. */
static int64_t moment(struct maker *m)
{
    static const uint8_t busy[24] = {2, 1, 1, 1, 2, 3, 5, 8, 10, 10, 10, 9, 7, 9, 10, 10, 9, 8, 6, 5, 4, 4, 3, 2};
    int64_t t = 0;
    for (int tries = 0; tries < 8; tries++) {
        t = between(m, m->d->start, m->d->end - 2 * HOUR); /* there is some time left to act */
        if (below(m, 10) < busy[t / HOUR % 24]) break;
    }
    return t;
}

/* --- events --- */

static void append(struct maker *m, const struct hl_demo_event *ev)
{
    struct hl_demo_day *d = m->d;
    if (m->failed || ev->at < d->start || ev->at >= d->end) return; /* tomorrow's */
    if (d->n == d->cap) {
        size_t cap = d->cap ? d->cap * 2 : 4096;
        struct hl_demo_event *grown = realloc(d->events, cap * sizeof(*grown));
        if (!grown) {
            m->failed = true;
            return;
        }
        d->events = grown;
        d->cap = cap;
    }
    d->events[d->n++] = *ev;
}

/* Most events come in time and once. */
static void push(struct maker *m, struct hl_demo_event ev, int64_t t)
{
    uint32_t luck = below(m, 1000);
    ev.id = m->d->next_id++;
    ev.at = ev.occurred_at = t;
    if (luck < 8) ev.at += between(m, 5 * MINUTE, 3 * HOUR);
    append(m, &ev);
    if (luck >= 993) {
        ev.at += between(m, SECOND, 30 * SECOND);
        append(m, &ev);
    }
}

static void view(struct maker *m, uint32_t contact, const char *url, const char *source, int64_t t)
{
    push(m, (struct hl_demo_event){.contact = contact, .topic = HL_DEMO_WEB, .type = "page_viewed", .url = url, .source = source},
         t);
}

/* A form, a demo request, a trial: what a person fills in. */
static void fill_in(struct maker *m, uint32_t contact, const char *type, const char *form, uint8_t profile, int64_t t)
{
    push(m, (struct hl_demo_event){.contact = contact, .topic = HL_DEMO_WEB, .type = type, .form = form, .profile = profile}, t);
}

static void act(struct maker *m, uint32_t contact, const char *type, const char *asset, int64_t t)
{
    push(m, (struct hl_demo_event){.contact = contact, .topic = HL_DEMO_WEB, .type = type, .asset = asset}, t);
}

static void mail(struct maker *m, uint32_t contact, const char *type, bool machine, int64_t t)
{
    push(m,
         (struct hl_demo_event){
             .contact = contact, .topic = HL_DEMO_EMAIL, .type = type, .campaign = "november-news", .machine = machine},
         t);
}

#define PICK(m, list) ((list)[below(m, (uint32_t)HL_ARRAY_LEN(list))])

static const char *const idle_pages[] = {
    "https://www.acme.example/",
    "https://www.acme.example/blog/lead-scoring-basics",
    "https://www.acme.example/blog/what-is-an-mql",
    "https://www.acme.example/about",
    "https://www.acme.example/product",
    "https://www.acme.example/blog/kafka-for-marketers",
};
static const char *const buying_pages[] = {
    "https://www.acme.example/pricing",
    "https://www.acme.example/product/scoring",
    "https://www.acme.example/customers/fairway-foods",
    "https://www.acme.example/product/integrations",
    "https://www.acme.example/pricing/compare",
    "https://www.acme.example/customers/kestrel-bank",
};
static const char *const sources[] = {"google", "linkedin", "newsletter", "direct", "partner"};
static const char *const unknown_types[] = {"cookie_consent_given", "heatmap_recorded", "theme_switched"};
static const char *const ebooks[] = {"ebook/lead-scoring", "ebook/first-party-data", "ebook/sales-and-marketing"};

/* A visit of n pages; returns its end. */
static int64_t read_pages(struct maker *m, uint32_t contact, const char *const *pages, size_t n_pages, uint32_t n, int64_t t)
{
    const char *source = PICK(m, sources);
    if (chance(m, 4)) act(m, contact, PICK(m, unknown_types), NULL, t);
    for (uint32_t i = 0; i < n; i++) {
        view(m, contact, pages[below(m, (uint32_t)n_pages)], source, t);
        t += between(m, 6 * SECOND, 3 * MINUTE);
    }
    return t;
}
#define READ(m, contact, pages, n, t) read_pages(m, contact, pages, HL_ARRAY_LEN(pages), n, t)

static void download(struct maker *m, uint32_t contact, const char *asset, int64_t t)
{
    fill_in(m, contact, "form_submitted", "download", HL_DEMO_FULL, t);
    act(m, contact, "file_downloaded", asset, t + 20 * SECOND);
}

static void webinar(struct maker *m, uint32_t contact, int64_t t)
{
    fill_in(m, contact, "webinar_registered", NULL, HL_DEMO_FULL, t);
    if (chance(m, 55)) act(m, contact, "webinar_attended", "webinar/score-what-matters", t + between(m, HOUR, 4 * HOUR));
}

/* --- the personas' scripts --- */

static void visitor(struct maker *m, uint32_t c)
{
    int64_t t = READ(m, c, idle_pages, 1 + below(m, 5), moment(m));
    if (chance(m, 14)) fill_in(m, c, "form_submitted", "newsletter", HL_DEMO_EMAIL_ONLY, t);
}

/* Imported in the night, gets the newsletter in the morning. */
static void subscriber(struct maker *m, uint32_t c)
{
    const struct hl_demo_day *d = m->d;
    int64_t send =
        d->start + HOUR + (32 - (d->start / HOUR + 1) % 24) % 24 * HOUR; /* the first eight o'clock with an hour before it */
    int64_t t = send + between(m, 0, 40 * MINUTE);
    push(m,
         (struct hl_demo_event){
             .contact = c, .topic = HL_DEMO_CRM, .type = "list_imported", .source = "trade-show", .profile = HL_DEMO_FULL},
         d->start + between(m, 0, 50 * MINUTE));
    mail(m, c, "email_sent", false, t);
    mail(m, c, chance(m, 97) ? "email_delivered" : "email_bounced", false, t + between(m, SECOND, MINUTE));
    if (chance(m, 40)) mail(m, c, "email_opened", chance(m, 50), t += between(m, MINUTE, 3 * HOUR));
    if (chance(m, 22)) {
        mail(m, c, "email_clicked", false, t += between(m, 5 * SECOND, 2 * MINUTE));
        t = READ(m, c, idle_pages, 1 + below(m, 3), t + 2 * SECOND);
        if (chance(m, 40)) t = READ(m, c, buying_pages, 2 + below(m, 6), t);
        if (chance(m, 15)) download(m, c, PICK(m, ebooks), t);
        if (chance(m, 6)) mail(m, c, "email_replied", false, t + HOUR);
    } else if (chance(m, 3)) {
        mail(m, c, chance(m, 80) ? "email_unsubscribed" : "email_complained", false, t + MINUTE);
    }
}

static void researcher(struct maker *m, uint32_t c)
{
    int64_t t = READ(m, c, idle_pages, 1 + below(m, 4), moment(m));
    if (chance(m, 85)) download(m, c, PICK(m, ebooks), t += MINUTE);
    if (chance(m, 60)) t = READ(m, c, buying_pages, 2 + below(m, 5), t + between(m, MINUTE, 2 * HOUR));
    if (chance(m, 20)) act(m, c, "file_downloaded", "guide/buyers-guide", t += MINUTE);
    if (chance(m, 20)) act(m, c, "video_watched", "video/tour", t += MINUTE);
    if (chance(m, 15)) webinar(m, c, t + 5 * MINUTE);
    if (chance(m, 8)) act(m, c, "chat_started", NULL, t + 2 * MINUTE);
}

static void buyer(struct maker *m, uint32_t c)
{
    int64_t t = READ(m, c, buying_pages, 3 + below(m, 5), moment(m));
    if (chance(m, 50)) download(m, c, chance(m, 50) ? "guide/buyers-guide" : PICK(m, ebooks), t += MINUTE);
    t = READ(m, c, buying_pages, 2 + below(m, 5), t + between(m, 10 * MINUTE, 3 * HOUR));
    uint32_t how = below(m, 10);
    if (how < 4)
        fill_in(m, c, "demo_requested", NULL, HL_DEMO_FULL, t);
    else if (how < 7)
        fill_in(m, c, "form_submitted", "contact-sales", HL_DEMO_FULL, t);
    else if (how < 8)
        act(m, c, "meeting_booked", NULL, t);
    if (chance(m, 30)) act(m, c, "chat_started", NULL, t + 10 * MINUTE);
}

static void trial(struct maker *m, uint32_t c)
{
    int64_t t = READ(m, c, buying_pages, 2 + below(m, 3), moment(m));
    fill_in(m, c, "trial_started", NULL, HL_DEMO_FULL, t += MINUTE);
    act(m, c, "video_watched", "video/getting-started", t += 4 * MINUTE);
    READ(m, c, buying_pages, 1 + below(m, 4), t + 30 * MINUTE);
}

static void student(struct maker *m, uint32_t c)
{
    int64_t t = READ(m, c, idle_pages, 2 + below(m, 4), moment(m));
    download(m, c, PICK(m, ebooks), t);
}

static void competitor(struct maker *m, uint32_t c)
{
    int64_t t = READ(m, c, buying_pages, 6 + below(m, 10), moment(m));
    download(m, c, "guide/buyers-guide", t);
    READ(m, c, buying_pages, 5, t + HOUR);
}

static void job_seeker(struct maker *m, uint32_t c)
{
    int64_t t = moment(m);
    view(m, c, "https://www.acme.example/careers", PICK(m, sources), t);
    view(m, c, "https://www.acme.example/careers/data-engineer", NULL, t += 2 * MINUTE);
    if (chance(m, 40)) fill_in(m, c, "form_submitted", "application", HL_DEMO_FULL, t + 9 * MINUTE);
}

/* A mail gateway that opens and clicks everything within seconds. */
static void robot(struct maker *m, uint32_t c)
{
    int64_t t = moment(m);
    mail(m, c, "email_delivered", false, t);
    mail(m, c, "email_opened", true, t + SECOND);
    for (uint32_t i = 0; i < 6; i++) mail(m, c, "email_clicked", true, t + 2 * SECOND + i * 100);
}

static void (*const scripts[PERSONA_COUNT])(struct maker *m, uint32_t c) = {
    [VISITOR] = visitor, [SUBSCRIBER] = subscriber, [RESEARCHER] = researcher, [BUYER] = buyer, [TRIAL] = trial,
    [STUDENT] = student, [COMPETITOR] = competitor, [JOB_SEEKER] = job_seeker, [ROBOT] = robot,
};

static struct person invent(struct maker *m)
{
    uint32_t luck = below(m, 100), persona = 0;
    while (luck >= shares[persona]) luck -= shares[persona++];
    bool wants = persona == BUYER || persona == TRIAL;
    return (struct person){
        .persona = (uint8_t)persona,
        .first = (uint8_t)below(m, HL_ARRAY_LEN(first_names)),
        .last = (uint8_t)below(m, HL_ARRAY_LEN(last_names)),
        .brand = (uint8_t)below(m, HL_ARRAY_LEN(brands)),
        .trade = (uint8_t)below(m, HL_ARRAY_LEN(trades)),
        .job = (uint8_t)below(m, HL_ARRAY_LEN(jobs)),
        .free_mail = chance(m, wants ? 6 : 18),
    };
}

/* Somebody buys the contact's data from a provider, or corrects it. */
static void enrich(struct maker *m, uint32_t c)
{
    push(m, (struct hl_demo_event){.contact = c, .topic = HL_DEMO_PROFILE, .type = "contact_identified", .profile = HL_DEMO_FULL},
         moment(m));
}

static void break_some(struct maker *m)
{
    size_t n = 5 + m->d->n / 4000;
    for (size_t i = 0; i < n; i++) {
        struct hl_demo_event ev = {
            .contact = below(m, m->d->contacts),
            .topic = HL_DEMO_WEB,
            .type = "page_viewed",
            .url = idle_pages[0],
            .fault = (uint8_t)(HL_DEMO_CUT_OFF + i % (HL_DEMO_FAULTS - HL_DEMO_CUT_OFF)),
            .id = m->d->next_id++,
        };
        ev.at = ev.occurred_at = moment(m);
        append(m, &ev);
    }
}

static int by_time(const void *a, const void *b)
{
    const struct hl_demo_event *x = a, *y = b;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return x->id < y->id ? -1 : x->id > y->id;
}

struct hl_demo_day *hl_demo_day_new(uint64_t seed, uint32_t contacts, int64_t end_ms)
{
    struct hl_demo_day *d = calloc(1, sizeof(*d));
    if (!d) return NULL;
    *d = (struct hl_demo_day){.seed = seed, .start = end_ms - DAY, .end = end_ms, .contacts = contacts, .next_id = 1};
    d->people = calloc(contacts, sizeof(*d->people));
    struct maker m = {.d = d, .state = mix(seed), .failed = !d->people};
    for (uint32_t c = 0; c < contacts && !m.failed; c++) {
        d->people[c] = invent(&m);
        scripts[d->people[c].persona](&m, c);
        if (d->people[c].persona != ROBOT && chance(&m, 12)) enrich(&m, c);
    }
    break_some(&m);
    if (m.failed) {
        hl_demo_day_free(d);
        return NULL;
    }
    qsort(d->events, d->n, sizeof(*d->events), by_time);
    return d;
}

void hl_demo_day_free(struct hl_demo_day *d)
{
    if (!d) return;
    free(d->people);
    free(d->events);
    free(d);
}

/* --- questions --- */

const char *hl_demo_topic_name(enum hl_demo_topic t)
{
    return topic_names[t];
}

uint32_t hl_demo_day_contacts(const struct hl_demo_day *d)
{
    return d->contacts;
}

int64_t hl_demo_day_end(const struct hl_demo_day *d)
{
    return d->end;
}

const struct hl_demo_event *hl_demo_day_events(const struct hl_demo_day *d, size_t *n)
{
    *n = d->n;
    return d->events;
}

#define ID_PREFIX "contact-"

const char *hl_demo_contact_id(uint32_t contact, char buf[HL_DEMO_ID_SIZE])
{
    snprintf(buf, HL_DEMO_ID_SIZE, ID_PREFIX "%05" PRIu32, contact + 1);
    return buf;
}

bool hl_demo_day_find(const struct hl_demo_day *d, struct hl_slice id, uint32_t *contact)
{
    const size_t skip = sizeof(ID_PREFIX) - 1;
    int64_t number;
    if (id.len <= skip || memcmp(id.data, ID_PREFIX, skip) != 0) return false;
    if (!hl_slice_parse_i64((struct hl_slice){id.data + skip, id.len - skip}, &number)) return false;
    if (number < 1 || number > d->contacts) return false;
    *contact = (uint32_t)number - 1;
    return true;
}

const char *hl_demo_day_who(const struct hl_demo_day *d, uint32_t contact, char *buf, size_t cap)
{
    const struct person *p = &d->people[contact];
    const char *first = first_names[p->first], *last = last_names[p->last];
    if (p->persona == STUDENT || p->free_mail)
        snprintf(buf, cap, "%s %s", first, last);
    else if (p->persona == COMPETITOR)
        snprintf(buf, cap, "%s %s, Rival", first, last);
    else
        snprintf(buf, cap, "%s %s, %s %s", first, last, brands[p->brand], trades[p->trade].name);
    return buf;
}

const char *hl_demo_day_title(const struct hl_demo_day *d, uint32_t contact)
{
    const struct person *p = &d->people[contact];
    return p->persona == STUDENT ? STUDENT_TITLE : jobs[p->job].title;
}

/* --- as JSON: every text is ours, so nothing needs escaping --- */

static void put_lower(struct hl_buf *out, const char *s)
{
    for (; *s; s++) hl_buf_put_u8(out, (uint8_t)(*s >= 'A' && *s <= 'Z' ? *s + ('a' - 'A') : *s));
}

/* A private address is known by its domain only: real people have addresses there. */
static void put_email(const struct person *p, uint32_t contact, struct hl_buf *out)
{
    if (p->free_mail) {
        hl_buf_printf(out, "\"email_domain\":\"%s\"", free_mail[contact % HL_ARRAY_LEN(free_mail)]);
        return;
    }
    hl_buf_printf(out, "\"email\":\"");
    put_lower(out, first_names[p->first]);
    hl_buf_put_u8(out, '.');
    put_lower(out, last_names[p->last]);
    hl_buf_printf(out, "%" PRIu32 "@", contact + 1);
    if (p->persona == COMPETITOR) {
        hl_buf_printf(out, "rival.example\"");
    } else {
        put_lower(out, brands[p->brand]);
        hl_buf_put_u8(out, '-');
        put_lower(out, trades[p->trade].name);
        hl_buf_printf(out, ".example\"");
    }
}

static void put_profile(const struct hl_demo_day *d, const struct hl_demo_event *ev, struct hl_buf *out)
{
    const struct person *p = &d->people[ev->contact];
    hl_buf_printf(out, ",\"attributes\":{");
    put_email(p, ev->contact, out);
    if (ev->profile == HL_DEMO_FULL) {
        size_t company = (size_t)p->brand * HL_ARRAY_LEN(trades) + p->trade; /* colleagues share its size and country */
        hl_buf_printf(
            out, ",\"first_name\":\"%s\",\"last_name\":\"%s\",\"job_title\":\"%s\",\"seniority\":\"%s\",\"country\":\"%s\"",
            first_names[p->first], last_names[p->last], hl_demo_day_title(d, ev->contact),
            p->persona == STUDENT ? "none" : jobs[p->job].seniority, countries[mix(company + 77) % HL_ARRAY_LEN(countries)]);
        if (!p->free_mail)
            hl_buf_printf(out, ",\"company\":\"%s %s\",\"company_size\":\"%d\",\"industry\":\"%s\"", brands[p->brand],
                          trades[p->trade].name, sizes[mix(company) % HL_ARRAY_LEN(sizes)], trades[p->trade].industry);
        if (p->persona == JOB_SEEKER) hl_buf_printf(out, ",\"interest\":\"careers\"");
    }
    hl_buf_put_u8(out, '}');
}

static void put_text(struct hl_buf *out, const char *name, const char *value)
{
    if (value) hl_buf_printf(out, ",\"%s\":\"%s\"", name, value);
}

void hl_demo_day_encode(const struct hl_demo_day *d, const struct hl_demo_event *ev, struct hl_buf *out)
{
    char id[HL_DEMO_ID_SIZE], time[HL_ISO8601_SIZE];
    size_t from = out->len;
    if (ev->fault == HL_DEMO_NO_JSON) {
        hl_buf_printf(out, "<event id=\"%" PRIu32 "\"/>", ev->id);
        return;
    }
    hl_iso8601_format(ev->fault == HL_DEMO_FUTURE ? ev->occurred_at + 365 * DAY : ev->occurred_at, time);
    if (ev->fault == HL_DEMO_BAD_TIME) snprintf(time, sizeof(time), "yesterday");
    hl_buf_printf(out, "{\"event_id\":\"ev-%08" PRIu32 "\",\"contact_id\":\"%s\",\"occurred_at\":\"%s\"", ev->id,
                  hl_demo_contact_id(ev->contact, id), time);
    if (ev->fault != HL_DEMO_NO_TYPE) put_text(out, "type", ev->type);
    put_text(out, "url", ev->url);
    put_text(out, "asset", ev->asset);
    put_text(out, "form", ev->form);
    put_text(out, "campaign", ev->campaign);
    put_text(out, "source", ev->source);
    put_text(out, "reason", ev->reason);
    put_text(out, "actor", ev->actor);
    if (ev->machine) hl_buf_printf(out, ",\"machine\":true");
    if (ev->profile != HL_DEMO_NOTHING) put_profile(d, ev, out);
    hl_buf_put_u8(out, '}');
    if (ev->fault == HL_DEMO_CUT_OFF) out->len -= (out->len - from) / 3;
}

/* --- sales --- */

/* In stage (and kind), with this chance in a hundred, after this many minutes. The chances of a stage add up to 100 or less. */
static const struct answer {
    enum hl_stage stage;
    enum hl_kind kind; /* NONE: any */
    uint8_t percent;
    int16_t from_min, to_min;
    const char *type, *reason;
} answers[] = {
    {HL_STAGE_MQL, HL_KIND_ACTIVE, 76, 3, 40, "lead_accepted", NULL},
    {HL_STAGE_MQL, HL_KIND_ACTIVE, 8, 15, 90, "lead_rejected", "no budget this year"},
    {HL_STAGE_MQL, HL_KIND_ACTIVE, 4, 15, 90, "lead_disqualified", "wrong number"},
    {HL_STAGE_MQL, HL_KIND_PASSIVE, 52, 15, 120, "lead_accepted", NULL},
    {HL_STAGE_MQL, HL_KIND_PASSIVE, 18, 30, 150, "lead_rejected", "only looking around"},
    {HL_STAGE_SAL, HL_KIND_NONE, 74, 5, 60, "sales_contact_made", NULL},
    {HL_STAGE_SAL, HL_KIND_NONE, 10, 30, 120, "lead_rejected", "cannot be reached"},
    {HL_STAGE_SQL, HL_KIND_NONE, 40, 20, 120, "opportunity_opened", NULL},
    {HL_STAGE_SQL, HL_KIND_NONE, 18, 10, 60, "quote_requested", NULL},
    {HL_STAGE_SQL, HL_KIND_NONE, 12, 30, 120, "lead_rejected", "no project"},
    {HL_STAGE_OPPORTUNITY, HL_KIND_NONE, 45, 45, 240, "opportunity_won", NULL},
    {HL_STAGE_OPPORTUNITY, HL_KIND_NONE, 15, 45, 240, "opportunity_lost", "went to a rival"},
    {HL_STAGE_CUSTOMER, HL_KIND_NONE, 25, 20, 120, "advocacy_given", NULL},
};
static const char *const people_of_sales[] = {"sales-emea-1", "sales-emea-2", "sales-us-1", "sales-us-2", "sales-us-3"};

bool hl_demo_day_react(struct hl_demo_day *d, uint32_t contact, uint32_t seq, enum hl_stage stage, enum hl_kind kind,
                       int64_t occurred_at, int64_t now, struct hl_demo_event *out)
{
    uint64_t luck = mix(mix(d->seed) ^ mix(((uint64_t)contact << 16) + seq));
    uint32_t percent = (uint32_t)(luck % 100);
    for (size_t i = 0; i < HL_ARRAY_LEN(answers); i++) {
        const struct answer *a = &answers[i];
        if (a->stage != stage || (a->kind != HL_KIND_NONE && a->kind != kind)) continue;
        if (percent >= a->percent) {
            percent -= a->percent;
            continue;
        }
        int64_t t = occurred_at + a->from_min * MINUTE + (int64_t)((luck >> 8) % (uint64_t)((a->to_min - a->from_min) * MINUTE));
        if (t < now) t = now;
        if (t >= d->end) return false;
        *out = (struct hl_demo_event){
            .at = t,
            .occurred_at = t,
            .contact = contact,
            .id = d->next_id++,
            .topic = HL_DEMO_CRM,
            .type = a->type,
            .reason = a->reason,
            .actor = people_of_sales[contact % HL_ARRAY_LEN(people_of_sales)],
        };
        return true;
    }
    return false;
}
