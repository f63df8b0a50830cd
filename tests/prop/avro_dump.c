/* What the Avro code does, as lines of text, for test_avro_differential.py. Commands on stdin, one a line, one answer a line:
 *   S SCHEMA      compile this writer schema (with the map)      ok | status: message
 *   M FIELD=PATH  the map for the schemas that follow; M alone empties it
 *   D HEX         decode one datum                               a JSON object
 *   F SCHEMA      its fingerprint                                a decimal number
 *   T SEED        a transition made up from the seed             hex of the record, a blank, what went in as JSON
 *   C SEED        a contact's state, likewise */
#include "core_fixture.h"
#include "hotlead/adapter/avro.h"
#include "hotlead/core/join.h"

static struct hl_avro_plan *plan;
static struct hl_field_map map;

static void put_json(struct hl_slice s)
{
    if (hl_slice_is_null(s)) {
        printf("null");
        return;
    }
    putchar('"');
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.data[i];
        if (c < 0x20 || c == '"' || c == '\\') printf("\\u%04x", c);
        else putchar(c);
    }
    putchar('"');
}

static void put_member(const char *name, struct hl_slice value)
{
    printf("\"%s\":", name);
    put_json(value);
    printf(",");
}

static void put_hex(const struct hl_buf *b)
{
    for (size_t i = 0; i < b->len; i++) printf("%02x", b->data[i]);
}

static void on_schema(const char *text)
{
    struct hl_error err;
    hl_avro_plan_free(plan);
    plan = NULL;
    enum hl_status st = hl_avro_plan_compile(text, &map, &plan, &err);
    if (st == HL_OK) printf("ok\n");
    else printf("%s: %s\n", hl_status_name(st), err.message);
}

static void on_map(const char *text)
{
    const char *equals = strchr(text, '=');
    for (size_t f = 0; f < HL_FIELD_COUNT; f++) {
        const char *name = hl_field_name((enum hl_field)f);
        bool named = equals && strlen(name) == (size_t)(equals - text) && memcmp(name, text, strlen(name)) == 0;
        if (!equals || named) free(map.path[f]);
        if (!equals) map.path[f] = NULL;
        else if (named) map.path[f] = strdup(equals + 1);
    }
}

static size_t unhex(const char *text, char *out)
{
    size_t n = 0;
    for (unsigned v; sscanf(text + 2 * n, "%2x", &v) == 1; n++) out[n] = (char)v;
    return n;
}

static void on_datum(const char *hex)
{
    struct hl_arena arena;
    struct hl_event ev;
    struct hl_error err;
    char *bytes = malloc(strlen(hex) / 2 + 1);
    size_t n = unhex(hex, bytes);
    char *exact = malloc(n ? n : 1); /* of the very size, so that a sanitizer sees a byte too many */
    memcpy(exact, bytes, n);
    hl_arena_init(&arena, 0);
    enum hl_status st = hl_avro_plan_decode(plan, (struct hl_slice){exact, n}, &arena, &ev, &err);
    if (st != HL_OK) {
        printf("{\"status\":\"%s\",", hl_status_name(st));
        put_member("message", hl_slice_of(err.message));
        printf("\"end\":0}\n");
    } else {
        printf("{\"status\":\"ok\",");
        put_member("event_id", ev.event_id);
        put_member("contact_id", ev.contact_id);
        put_member("type", ev.type_name);
        put_member("url", ev.url);
        put_member("asset", ev.asset);
        put_member("form", ev.form);
        put_member("campaign", ev.campaign);
        put_member("source", ev.source);
        put_member("actor", ev.actor);
        put_member("reason", ev.reason);
        printf("\"machine\":%s,\"occurred_at\":%lld,\"attributes\":{", ev.machine ? "true" : "false", (long long)ev.occurred_at);
        for (size_t i = 0; i < ev.n_attributes; i++) {
            if (i) printf(",");
            put_json(ev.attributes[i].key);
            printf(":");
            put_json(ev.attributes[i].value);
        }
        printf("}}\n");
    }
    hl_arena_fini(&arena);
    free(exact);
    free(bytes);
}

static void on_fingerprint(const char *schema)
{
    uint64_t fingerprint;
    struct hl_error err;
    if (hl_avro_fingerprint(schema, &fingerprint, &err) == HL_OK) printf("%llu\n", (unsigned long long)fingerprint);
    else printf("%s\n", err.message);
}

static double points(uint64_t *seed)
{
    return (double)(int64_t)(fx_random(seed) % 2000000) / 64 - 10000;
}

static void on_transition(uint64_t seed)
{
    struct hl_buf b;
    struct hl_transition t = {
        .from = (enum hl_stage)(fx_random(&seed) % HL_STAGE_COUNT), .to = (enum hl_stage)(fx_random(&seed) % HL_STAGE_COUNT),
        .kind = (enum hl_kind)(fx_random(&seed) % 3), .direction = (enum hl_direction)(fx_random(&seed) % 5),
        .cause = (enum hl_cause)(fx_random(&seed) % 10), .rule = seed & 1 ? "demo" : NULL, .seq = (uint32_t)(fx_random(&seed) >> 33),
        .visit = (uint16_t)fx_random(&seed), .occurred_at = (int64_t)(fx_random(&seed) >> 20),
        .time_in_from_ms = seed & 2 ? -1 : (int64_t)(fx_random(&seed) >> 30), .grade = seed & 4 ? 'B' : 0, .suspect = (seed & 8) != 0,
        .n_reasons = (unsigned)(fx_random(&seed) % 6),
    };
    double fit = points(&seed), behavior = points(&seed), total = points(&seed);
    t.score = (struct hl_score){FX_POINTS(fit), FX_POINTS(behavior), FX_POINTS(total)};
    for (unsigned i = 0; i < t.n_reasons; i++) t.reasons[i] = (struct hl_reason){"pricing", FX_POINTS(i + 0.5)};
    t.owner = seed & 32 ? HL_SLICE_LIT("us-1") : HL_SLICE_NULL;
    t.sla_due = seed & 64 ? (int64_t)(fx_random(&seed) >> 20) : HL_NO_TIME;
    struct hl_transition_record r = {
        .contact_id = HL_SLICE_LIT("c-\xc3\xa9"), .trigger_event_id = seed & 16 ? HL_SLICE_LIT("e-1") : HL_SLICE_NULL, .transition = &t,
        .emitted_at = (int64_t)(fx_random(&seed) >> 20), .model = "acme", .model_version = "2026.11",
        .source = seed & 128 ? HL_SLICE_LIT("ads") : HL_SLICE_NULL,
    };
    hl_buf_init(&b);
    hl_avro_put_transition(&b, 0x01020304, &r);
    put_hex(&b);
    hl_buf_fini(&b);
    printf(" {\"transition_id\":\"c-\xc3\xa9:%u\",\"contact_id\":\"c-\xc3\xa9\",\"seq\":%u,", (unsigned)t.seq, (unsigned)t.seq);
    put_member("from", hl_slice_of(hl_stage_name(t.from)));
    put_member("to", hl_slice_of(hl_stage_name(t.to)));
    put_member("kind", hl_slice_of(hl_kind_name(t.kind)));
    put_member("direction", hl_slice_of(hl_direction_name(t.direction)));
    put_member("cause", hl_slice_of(hl_cause_name(t.cause)));
    put_member("rule", hl_slice_of(t.rule));
    put_member("trigger_event_id", r.trigger_event_id);
    put_member("source", r.source);
    put_member("owner", t.owner);
    put_member("grade", t.grade ? HL_SLICE_LIT("B") : HL_SLICE_NULL);
    printf("\"visit\":%d,\"occurred_at\":%lld,\"emitted_at\":%lld,\"score\":%.17g,\"fit\":%.17g,\"behavior\":%.17g,", t.visit,
           (long long)t.occurred_at, (long long)r.emitted_at, total, fit, behavior);
    if (t.time_in_from_ms >= 0) printf("\"time_in_from_ms\":%lld,", (long long)t.time_in_from_ms);
    else printf("\"time_in_from_ms\":null,");
    if (t.sla_due != HL_NO_TIME) printf("\"sla_due\":%lld,", (long long)t.sla_due);
    else printf("\"sla_due\":null,");
    printf("\"reasons\":[");
    for (unsigned i = 0; i < t.n_reasons; i++) printf("%s{\"rule\":\"pricing\",\"points\":%.17g}", i ? "," : "", i + 0.5);
    printf("],\"suspect\":%s,\"model\":\"acme\",\"model_version\":\"2026.11\"}\n", t.suspect ? "true" : "false");
}

static void on_alert(uint64_t seed)
{
    struct hl_buf b;
    static char name[] = "first-contact";
    struct hl_sla sla = {.name = name, .stage = (enum hl_stage)(fx_random(&seed) % HL_STAGE_COUNT)};
    double score = points(&seed);
    struct hl_alert a = {
        .event = (enum hl_alert_event)(fx_random(&seed) % HL_ALERT_COUNT), .sla = &sla, .seq = (uint32_t)(fx_random(&seed) >> 32),
        .due_at = (int64_t)(fx_random(&seed) >> 20), .at = (int64_t)(fx_random(&seed) >> 20), .score = FX_POINTS(score),
        .owner = seed & 32 ? HL_SLICE_LIT("us-1") : HL_SLICE_NULL,
    };
    hl_buf_init(&b);
    hl_avro_put_alert(&b, 4, HL_SLICE_LIT("c-\xc3\xa9"), &a);
    put_hex(&b);
    hl_buf_fini(&b);
    const char *event = hl_alert_name(a.event);
    printf(" {\"alert_id\":\"c-\xc3\xa9:%u:first-contact:%s\",\"contact_id\":\"c-\xc3\xa9\",\"sla\":\"first-contact\",", (unsigned)a.seq, event);
    put_member("event", hl_slice_of(event));
    put_member("stage", hl_slice_of(hl_stage_name(sla.stage)));
    put_member("owner", a.owner);
    printf("\"due_at\":%lld,\"at\":%lld,\"score\":%.17g}\n", (long long)a.due_at, (long long)a.at, score);
}

static void on_state(uint64_t seed)
{
    struct fx f;
    struct hl_buf b;
    fx_init(&f);
    f.m->name = strdup("acme");
    f.m->version = strdup("2026.11");
    fx_rule(&f, "pricing", FX_TYPE(PAGE_VIEWED), 10, 0);
    fx_usual(&f);
    f.m->sla = calloc(1, sizeof(*f.m->sla));
    f.m->sla[0] = (struct hl_sla){strdup("first-contact"), 1, HL_STAGE_MQL, HL_KIND_NONE, 300000};
    f.m->n_sla = 1;
    fx_seal(&f);
    unsigned n = (unsigned)(fx_random(&seed) % 8);
    for (unsigned i = 0; i < n; i++) fx_say(&f, PAGE_VIEWED, FX_T0 + i);
    if (seed & 1) fx_say(&f, CONTACT_IDENTIFIED, FX_T0 + 100, "seniority", "vp", "rival", "yes");
    bool owned = seed & 2;
    if (owned) fx_say(&f, OWNER_ASSIGNED, FX_T0 + 200, "owner", "us-\xc3\xa9");
    if (seed & 4) fx_say(&f, STAGE_SET, FX_T0 + 300, "stage", "mql");
    bool gone = seed & 8; /* into another: nothing else is left */
    if (gone && hl_merge_away(&f.c, &f.slab, f.m, HL_SLICE_LIT("\xc3\xa4nne"))) abort();
    if (gone) owned = false;
    if (gone) n = 0;
    struct hl_applied applied[2] = {{"web.engagement", (int64_t)(fx_random(&seed) >> 10)}, {"crm.activity", (int64_t)(seed & 7)}};
    size_t n_applied = fx_random(&seed) % 3;
    hl_buf_init(&b);
    hl_avro_put_state(&b, 3, &f.c, f.m, HL_SLICE_LIT("\x00\x01opaque"), applied, n_applied);
    put_hex(&b);
    hl_buf_fini(&b);
    double behavior = 10.0 * n;
    struct hl_score s = hl_score_at(&f.c, f.m, f.c.clock);
    printf(" {\"contact_id\":\"%s\",\"stage\":\"%s\",\"visit\":%d,\"seq\":%u,\"as_of\":%lld,\"stage_since\":%lld,", FX_CONTACT,
           hl_stage_name((enum hl_stage)f.c.stage), f.c.visit, (unsigned)f.c.seq, (long long)f.c.clock, (long long)f.c.stage_since);
    printf("\"score\":%.17g,\"fit\":%.17g,\"behavior\":%.17g,\"model\":\"acme\",\"model_version\":\"2026.11\",",
           hl_fixed_to_double(s.total), hl_fixed_to_double(s.fit), behavior);
    put_member("kind", hl_slice_of(hl_kind_name((enum hl_kind)f.c.kind)));
    put_member("grade", f.c.grade ? (struct hl_slice){(const char *)&f.c.grade, 1} : HL_SLICE_NULL);
    put_member("owner", owned ? HL_SLICE_LIT("us-\xc3\xa9") : HL_SLICE_NULL);
    if (f.c.stage == HL_STAGE_MQL) printf("\"sla_due\":%lld,", (long long)f.c.stage_since + 300000);
    else printf("\"sla_due\":null,");
    put_member("merged_into", gone ? HL_SLICE_LIT("\xc3\xa4nne") : HL_SLICE_NULL);
    printf("\"suspect\":%s,\"applied\":{", f.c.flags & HL_C_SUSPECT ? "true" : "false");
    for (size_t i = 0; i < n_applied; i++) printf("%s\"%s\":%lld", i ? "," : "", applied[i].topic, (long long)applied[i].offset);
    printf("},\"rows\":[");
    if (n) printf("{\"rule\":\"pricing\",\"points\":%.17g,\"count\":%u}", behavior, n);
    printf("]}\n");
    fx_fini(&f);
}

int main(void)
{
    char *line = NULL;
    size_t cap = 0;
    ssize_t n;
    while ((n = getline(&line, &cap, stdin)) > 0) {
        if (line[n - 1] == '\n') line[n - 1] = '\0';
        const char *arg = line[1] ? line + 2 : "";
        switch (line[0]) {
        case 'S': on_schema(arg); break;
        case 'M': on_map(arg); continue;
        case 'D': on_datum(arg); break;
        case 'F': on_fingerprint(arg); break;
        case 'T': on_transition(strtoull(arg, NULL, 10) | 1); break;
        case 'A': on_alert(strtoull(arg, NULL, 10) | 1); break;
        case 'C': on_state(strtoull(arg, NULL, 10) | 1); break;
        default: return 64;
        }
        fflush(stdout);
    }
    hl_avro_plan_free(plan);
    on_map("");
    free(line);
    return 0;
}
