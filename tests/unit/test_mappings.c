/* The mappings of config/examples/inputs, on made-up payloads of the services' shapes, and on their real ones where there are any: in
 * $HL_SHARED_DATA, or shared/data next to the checkout. */
#include <stdlib.h>

#include "decode_fixture.h"
#include "hotlead/adapter/json.h"
#include "hotlead/app/config.h"

struct mapped {
    struct df d;
    struct hl_input mapping;
    struct hl_decoder *decoder;
};

static void mapped_init(struct mapped *m, const char *name)
{
    char path[4096];
    struct hl_buf problems;
    df_init(&m->d);
    hl_buf_init(&problems);
    snprintf(path, sizeof path, "%s/config/examples/inputs/%s.yaml", HL_SOURCE_DIR, name);
    enum hl_status st = hl_mapping_load(path, &m->mapping, &problems, &m->d.err);
    if (st != HL_OK || problems.len) fail_msg("%.*s", HL_SLICE_ARG(hl_buf_slice(&problems)));
    assert_int_equal(m->mapping.format, HL_FORMAT_JSON);
    hl_buf_fini(&problems);
    st = hl_json_decoder_new(HL_JSON_CANONICAL, &m->mapping.fields, m->mapping.aliases, m->mapping.n_aliases, &m->decoder, &m->d.err);
    if (st != HL_OK) fail_msg("%s", m->d.err.message);
}

static void mapped_fini(struct mapped *m)
{
    m->decoder->free(m->decoder);
    hl_input_fini(&m->mapping);
    df_fini(&m->d);
}

static struct hl_event *decode(struct mapped *m, struct hl_slice text)
{
    enum hl_status st = m->decoder->decode(m->decoder, df_exact(&m->d, text), &m->d.arena, &m->d.ev, &m->d.err);
    if (st != HL_OK) fail_msg("%.*s: %s", HL_SLICE_ARG(text), m->d.err.message);
    return &m->d.ev;
}

struct payload {
    const char *text, *type; /* type as it comes out: ours, or theirs where it is none of ours */
};

static void check_types(struct mapped *m, const struct payload *payloads, size_t n)
{
    for (size_t i = 0; i < n; i++) df_assert_text(decode(m, hl_slice_of(payloads[i].text))->type_name, payloads[i].type);
}

#define MAILGUN(event) "{\"signature\":{\"timestamp\":\"1\"},\"event-data\":{\"id\":\"i1\",\"timestamp\":1795341600.123987," \
                       "\"recipient\":\"ada@buyer.example\",\"tags\":[\"spring\"]," event "}}"

static void mailgun(void **state)
{
    static const struct payload payloads[] = {
        {MAILGUN("\"event\":\"accepted\""), "email_sent"},
        {MAILGUN("\"event\":\"delivered\",\"delivery-status\":{\"code\":250}"), "email_delivered"},
        {MAILGUN("\"event\":\"opened\""), "email_opened"},
        {MAILGUN("\"event\":\"unsubscribed\""), "email_unsubscribed"},
        {MAILGUN("\"event\":\"complained\""), "email_complained"},
        {MAILGUN("\"event\":\"failed\",\"severity\":\"permanent\""), "email_bounced"},
        {MAILGUN("\"event\":\"failed\",\"severity\":\"temporary\""), "failed:temporary"},
        {MAILGUN("\"event\":\"rejected\""), "rejected"},
    };
    struct mapped m;
    (void)state;
    mapped_init(&m, "mailgun");
    check_types(&m, payloads, HL_ARRAY_LEN(payloads));
    const struct hl_event *ev = decode(&m, HL_SLICE_LIT(MAILGUN("\"event\":\"clicked\",\"url\":\"https://x.example/pricing\","
                                                                "\"user-variables\":{\"offer\":\"a\"},\"client-info\":{\"bot\":\"\"}")));
    assert_int_equal(ev->type, HL_EVENT_EMAIL_CLICKED);
    df_assert_text(ev->event_id, "i1");
    df_assert_text(ev->contact_id, "ada@buyer.example");
    assert_int_equal(ev->occurred_at, 1795341600123);
    df_assert_text(ev->url, "https://x.example/pricing");
    df_assert_text(hl_event_attribute(ev, HL_SLICE_LIT("offer")), "a");
    assert_false(ev->machine);
    assert_false(decode(&m, HL_SLICE_LIT(MAILGUN("\"event\":\"opened\",\"client-info\":{\"bot\":null}")))->machine);
    assert_true(decode(&m, HL_SLICE_LIT(MAILGUN("\"event\":\"opened\",\"client-info\":{\"bot\":\"apple\"}")))->machine);
    df_assert_text(decode(&m, HL_SLICE_LIT(MAILGUN("\"event\":\"failed\",\"severity\":\"permanent\",\"reason\":\"bounce\"")))->reason, "bounce");
    mapped_fini(&m);
}

#define POSTMARK(more) "{\"MessageID\":\"m-1\",\"MessageStream\":\"outbound\",\"ServerID\":7,\"Tag\":\"spring\",\"Metadata\":{\"offer\":\"a\"}," more "}"
#define BOUNCE(type) POSTMARK("\"RecordType\":\"Bounce\",\"ID\":42,\"Type\":\"" type "\",\"Email\":\"ada@buyer.example\"," \
                              "\"Description\":\"no such user\",\"BouncedAt\":\"2026-11-22T12:00:00.1234567+02:00\"")
#define CHANGE(reason) POSTMARK("\"RecordType\":\"SubscriptionChange\",\"ChangedAt\":\"2026-11-22T10:00:00Z\",\"Recipient\":\"a@b\"," \
                                "\"SuppressionReason\":" reason)

static void postmark(void **state)
{
    static const struct payload payloads[] = {
        {POSTMARK("\"RecordType\":\"Delivery\",\"Recipient\":\"a@b\",\"DeliveredAt\":\"2026-11-22T10:00:00Z\""), "email_delivered"},
        {POSTMARK("\"RecordType\":\"Open\",\"Recipient\":\"a@b\",\"ReceivedAt\":\"2026-11-22T10:00:00Z\""), "email_opened"},
        {POSTMARK("\"RecordType\":\"SpamComplaint\",\"Type\":\"SpamComplaint\",\"Email\":\"a@b\",\"BouncedAt\":\"2026-11-22T10:00:00Z\""),
         "email_complained"},
        {BOUNCE("BadEmailAddress"), "email_bounced"}, {BOUNCE("SoftBounce"), "Bounce:SoftBounce"}, {BOUNCE("SpamComplaint"), "email_complained"},
        {CHANGE("\"ManualSuppression\""), "email_unsubscribed"}, {CHANGE("\"HardBounce\""), "SubscriptionChange:HardBounce"},
        {CHANGE("null"), "SubscriptionChange"},
    };
    struct mapped m;
    (void)state;
    mapped_init(&m, "postmark");
    check_types(&m, payloads, HL_ARRAY_LEN(payloads));
    const struct hl_event *ev = decode(&m, HL_SLICE_LIT(BOUNCE("HardBounce")));
    assert_int_equal(ev->type, HL_EVENT_EMAIL_BOUNCED);
    df_assert_text(ev->event_id, "Bounce:m-1:2026-11-22T12:00:00.1234567+02:00");
    df_assert_text(ev->contact_id, "ada@buyer.example");
    assert_int_equal(ev->occurred_at, 1795341600123);
    df_assert_text(ev->reason, "no such user");
    df_assert_text(ev->campaign, "spring");
    df_assert_text(hl_event_attribute(ev, HL_SLICE_LIT("offer")), "a");
    ev = decode(&m, HL_SLICE_LIT(POSTMARK("\"RecordType\":\"Click\",\"Recipient\":\"bo@buyer.example\",\"OriginalLink\":\"https://x.example/\","
                                          "\"ReceivedAt\":\"2026-11-22T10:00:00Z\"")));
    assert_int_equal(ev->type, HL_EVENT_EMAIL_CLICKED);
    df_assert_text(ev->event_id, "Click:m-1:2026-11-22T10:00:00Z");
    df_assert_text(ev->contact_id, "bo@buyer.example");
    assert_int_equal(ev->occurred_at, 1795341600000);
    df_assert_text(ev->url, "https://x.example/");
    mapped_fini(&m);
}

#define SENDGRID(more) "{\"sg_event_id\":\"e1\",\"email\":\"ada@buyer.example\",\"timestamp\":1795341600,\"category\":[\"a\",\"b\"]," more "}"

static void sendgrid(void **state)
{
    static const struct payload payloads[] = {
        {SENDGRID("\"event\":\"processed\""), "email_sent"}, {SENDGRID("\"event\":\"delivered\""), "email_delivered"},
        {SENDGRID("\"event\":\"spamreport\""), "email_complained"}, {SENDGRID("\"event\":\"unsubscribe\""), "email_unsubscribed"},
        {SENDGRID("\"event\":\"group_unsubscribe\""), "email_unsubscribed"}, {SENDGRID("\"event\":\"bounce\""), "email_bounced"},
        {SENDGRID("\"event\":\"bounce\",\"type\":\"bounce\""), "email_bounced"}, {SENDGRID("\"event\":\"bounce\",\"type\":\"blocked\""), "bounce:blocked"},
        {SENDGRID("\"event\":\"dropped\""), "dropped"}, {SENDGRID("\"event\":\"deferred\""), "deferred"},
    };
    struct mapped m;
    (void)state;
    mapped_init(&m, "sendgrid");
    check_types(&m, payloads, HL_ARRAY_LEN(payloads));
    const struct hl_event *ev = decode(&m, HL_SLICE_LIT(SENDGRID("\"event\":\"click\",\"url\":\"https://x.example/\",\"marketing_campaign_name\":\"c\"")));
    assert_int_equal(ev->type, HL_EVENT_EMAIL_CLICKED);
    df_assert_text(ev->event_id, "e1");
    df_assert_text(ev->contact_id, "ada@buyer.example");
    assert_int_equal(ev->occurred_at, 1795341600000);
    df_assert_text(ev->url, "https://x.example/");
    df_assert_text(ev->campaign, "c");
    assert_false(ev->machine);
    assert_true(decode(&m, HL_SLICE_LIT(SENDGRID("\"event\":\"open\",\"sg_machine_open\":true")))->machine);
    assert_false(decode(&m, HL_SLICE_LIT(SENDGRID("\"event\":\"open\",\"sg_machine_open\":false")))->machine);
    mapped_fini(&m);
}

/* --- real payloads --- */

struct sample {
    const char *file, *type;
};

static char *read_sample(const char *folder, const char *file)
{
    char path[4096];
    const char *shared = getenv("HL_SHARED_DATA");
    snprintf(path, sizeof path, "%s/webhook-samples/%s/%s", shared ? shared : HL_SOURCE_DIR "/../shared/data", folder, file);
    FILE *f = fopen(path, "r");
    if (!f) return NULL;
    char *text = calloc(1, 1 << 16);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 16) - 1, f) > 0);
    fclose(f);
    return text;
}

/* False: not there. */
static bool check_samples(const char *mapping, const char *folder, const struct sample *samples, size_t n)
{
    struct mapped m;
    bool all = true;
    mapped_init(&m, mapping);
    for (size_t i = 0; i < n && all; i++) {
        char *text = read_sample(folder, samples[i].file);
        all = text != NULL;
        if (!text) continue;
        struct hl_slice record = hl_slice_trim(hl_slice_of(text));
        if (record.data[0] == '[') record = (struct hl_slice){record.data + 1, record.len - 2}; /* a list of one */
        struct hl_event *ev = decode(&m, record);
        print_message("%s/%s: %.*s of %.*s at %lld\n", folder, samples[i].file, HL_SLICE_ARG(ev->type_name), HL_SLICE_ARG(ev->contact_id),
                      (long long)ev->occurred_at);
        df_assert_text(ev->type_name, samples[i].type);
        free(text);
    }
    mapped_fini(&m);
    return all;
}

static void the_real_payloads_where_there_are_any(void **state)
{
    static const struct sample mailgun_samples[] = {
        {"accepted.json", "email_sent"}, {"clicks.json", "email_clicked"}, {"delivered_messages.json", "email_delivered"},
        {"opens.json", "email_opened"}, {"permanent_failure.json", "email_bounced"}, {"permanent_failure_no_description.json", "email_bounced"},
        {"spam_complaints.json", "email_complained"}, {"suppression_failure.json", "email_bounced"},
        {"temporary_failure.json", "failed:temporary"}, {"unsubscribes.json", "email_unsubscribed"},
    };
    static const struct sample postmark_samples[] = {
        {"bounce.json", "email_bounced"}, {"delivery.json", "email_delivered"}, {"link_click.json", "email_clicked"},
        {"open.json", "email_opened"}, {"spam_complaint.json", "email_complained"}, {"subscription_change.json", "SubscriptionChange:HardBounce"},
    };
    static const struct sample sendgrid_samples[] = {{"webhook.json", "dropped"}};
    (void)state;
    bool all = check_samples("mailgun", "symfony-mailgun", mailgun_samples, HL_ARRAY_LEN(mailgun_samples)) &&
               check_samples("postmark", "symfony-postmark", postmark_samples, HL_ARRAY_LEN(postmark_samples)) &&
               check_samples("sendgrid", "symfony-sendgrid", sendgrid_samples, HL_ARRAY_LEN(sendgrid_samples));
    if (all) return;
    print_message("no webhook-samples in $HL_SHARED_DATA nor in ../shared/data: skipped\n");
    skip();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mailgun),
        cmocka_unit_test(postmark),
        cmocka_unit_test(sendgrid),
        cmocka_unit_test(the_real_payloads_where_there_are_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
