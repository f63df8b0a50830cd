/* JSON in: both shapes, strictness, bounds. */
#include "decode_fixture.h"
#include "hotlead/adapter/json.h"

static enum hl_status read_json(struct df *d, enum hl_json_shape shape, const struct hl_field_map *map, struct hl_slice text)
{
    struct hl_decoder *decoder;
    struct hl_type_alias alias = {(char[]){"Whitepaper"}, HL_EVENT_FILE_DOWNLOADED};
    assert_int_equal(hl_json_decoder_new(shape, map, &alias, 1, &decoder, &d->err), HL_OK);
    enum hl_status st = decoder->decode(decoder, df_exact(d, text), &d->arena, &d->ev, &d->err);
    decoder->free(decoder);
    return st;
}

#define canonical(d, text) read_json(d, HL_JSON_CANONICAL, NULL, HL_SLICE_LIT(text))
#define segment(d, text) read_json(d, HL_JSON_SEGMENT, NULL, HL_SLICE_LIT(text))
#define FOUR "\"event_id\":\"e\",\"contact_id\":\"c\",\"occurred_at\":1,\"type\":\"page_viewed\""

static struct hl_slice attribute(const struct df *d, const char *key)
{
    struct hl_slice found = HL_SLICE_NULL;
    for (size_t i = 0; i < d->ev.n_attributes; i++)
        if (hl_slice_eq_cstr(d->ev.attributes[i].key, key)) found = d->ev.attributes[i].value;
    return found;
}

static void canonical_fields_are_read(void **state)
{
    struct df d;
    (void)state;
    df_init(&d);
    assert_int_equal(canonical(&d, " {" FOUR ",\"url\":\"/p\",\"asset\":null,\"reason\":\"r\",\"machine\":true,\"other\":[1,{\"a\":[]}],"
                                   "\"attributes\":{\"s\":\"v\",\"n\":-1.50e3,\"t\":true,\"f\":false,\"z\":null,\"o\":{\"x\":1},\"l\":[1]}}\n"), HL_OK);
    df_assert_text(d.ev.event_id, "e");
    assert_int_equal(d.ev.type, HL_EVENT_PAGE_VIEWED);
    assert_int_equal(d.ev.occurred_at, 1);
    df_assert_text(d.ev.url, "/p");
    assert_true(hl_slice_is_null(d.ev.asset));
    df_assert_text(d.ev.reason, "r");
    assert_true(d.ev.machine);
    assert_int_equal(d.ev.n_attributes, 4);
    df_assert_text(attribute(&d, "s"), "v");
    df_assert_text(attribute(&d, "n"), "-1.50e3");
    df_assert_text(attribute(&d, "t"), "true");
    df_assert_text(attribute(&d, "f"), "false");
    df_fini(&d);
}

static void times_come_as_numbers_digits_or_rfc_3339(void **state)
{
    struct df d;
    (void)state;
    df_init(&d);
#define TIME(v) "{\"event_id\":\"e\",\"contact_id\":\"c\",\"type\":\"t\",\"occurred_at\":" v "}"
    assert_int_equal(canonical(&d, TIME("1795341600123")), HL_OK);
    assert_int_equal(d.ev.occurred_at, 1795341600123);
    assert_int_equal(d.ev.type, HL_EVENT_UNKNOWN);
    df_assert_text(d.ev.type_name, "t");
    assert_int_equal(canonical(&d, TIME("\"1795341600123\"")), HL_OK);
    assert_int_equal(d.ev.occurred_at, 1795341600123);
    assert_int_equal(canonical(&d, TIME("\"2026-11-22T11:00:00+01:00\"")), HL_OK);
    assert_int_equal(d.ev.occurred_at, 1795341600000);
    df_assert_error(&d, canonical(&d, TIME("1.5")), HL_E_DECODE, "field 'occurred_at': the number is neither");
    df_assert_error(&d, canonical(&d, TIME("1e3")), HL_E_DECODE, "field 'occurred_at': the number is neither");
    df_assert_error(&d, canonical(&d, TIME("99999999999999999999")), HL_E_DECODE, "field 'occurred_at'");
    df_assert_error(&d, canonical(&d, TIME("\"2026-11-22\"")), HL_E_DECODE, "field 'occurred_at': the text is neither");
    df_assert_error(&d, canonical(&d, TIME("true")), HL_E_DECODE, "field 'occurred_at': a time is wanted, not true");
    df_assert_error(&d, canonical(&d, TIME("-1")), HL_E_CLOCK, "before 1970");
    df_assert_error(&d, canonical(&d, TIME("null")), HL_E_MISSING, "field 'occurred_at' is missing or null");
    df_fini(&d);
}

static void escapes_become_utf8(void **state)
{
    struct df d;
    (void)state;
    df_init(&d);
    assert_int_equal(canonical(&d, "{" FOUR ",\"u\\u0072l\":\"\\u00e9\\ud83d\\ude00\\n\\/\\\"\\\\z\\u0041\",\"actor\":\"\xe2\x82\xac\"}"), HL_OK);
    df_assert_text(d.ev.url, "\xc3\xa9\xf0\x9f\x98\x80\n/\"\\zA");
    df_assert_text(d.ev.actor, "\xe2\x82\xac");
    df_fini(&d);
}

static void the_last_of_two_members_counts(void **state)
{
    char id[] = "user.id";
    struct hl_field_map map = {.path = {[HL_FIELD_CONTACT_ID] = id}};
    struct df d;
    (void)state;
    df_init(&d);
    assert_int_equal(canonical(&d, "{" FOUR ",\"url\":\"/a\",\"url\":\"/b\"}"), HL_OK);
    df_assert_text(d.ev.url, "/b");
    assert_int_equal(canonical(&d, "{" FOUR ",\"url\":\"/a\",\"url\":null}"), HL_OK);
    assert_true(hl_slice_is_null(d.ev.url));
    /* A second object takes the place of the whole first one. */
    df_assert_error(&d, read_json(&d, HL_JSON_CANONICAL, &map, HL_SLICE_LIT("{" FOUR ",\"user\":{\"id\":\"a\"},\"user\":{}}")), HL_E_MISSING,
                    "field 'contact_id' is missing");
    df_fini(&d);
}

static void a_map_leads_through_objects_and_may_share_a_path(void **state)
{
    char id[] = "user.id", user[] = "user", ts[] = "meta.at.ms";
    struct hl_field_map map = {.path = {[HL_FIELD_EVENT_ID] = id, [HL_FIELD_CONTACT_ID] = id, [HL_FIELD_ATTRIBUTES] = user, [HL_FIELD_OCCURRED_AT] = ts}};
    struct df d;
    (void)state;
    df_init(&d);
    assert_int_equal(read_json(&d, HL_JSON_CANONICAL, &map,
                               HL_SLICE_LIT("{\"user\":{\"id\":\"u1\",\"age\":7},\"meta\":{\"at\":{\"ms\":5}},\"type\":\"Whitepaper\",\"event_id\":\"no\"}")), HL_OK);
    df_assert_text(d.ev.event_id, "u1");
    df_assert_text(d.ev.contact_id, "u1");
    df_assert_text(attribute(&d, "age"), "7");
    assert_int_equal(d.ev.occurred_at, 5);
    assert_int_equal(d.ev.type, HL_EVENT_FILE_DOWNLOADED);
    df_assert_text(d.ev.type_name, "file_downloaded");
    df_fini(&d);
}

/* The names lie in the decoder, which lives on. */
static void decode_with(struct df *d, struct hl_decoder *decoder, const char *text)
{
    assert_int_equal(decoder->decode(decoder, df_exact(d, hl_slice_of(text)), &d->arena, &d->ev, &d->err), HL_OK);
}

static void attributes_may_be_named_one_by_one(void **state)
{
    struct hl_named_path named[] = {{(char[]){"email"}, (char[]){"who.mail"}}, {(char[]){"country"}, (char[]){"who.address.land"}},
                                    {(char[]){"same"}, (char[]){"who.mail"}}, {(char[]){"size"}, (char[]){"staff"}}};
    struct hl_field_map map = {.named = named, .n_named = 4};
    struct hl_decoder *decoder;
    struct df d;
    (void)state;
    df_init(&d);
    assert_int_equal(hl_json_decoder_new(HL_JSON_CANONICAL, &map, NULL, 0, &decoder, &d.err), HL_OK);
    decode_with(&d, decoder, "{" FOUR ",\"attributes\":{\"not\":\"this\"},\"who\":{\"mail\":\"a@b.example\",\"address\":{\"land\":\"DE\"},\"x\":1},"
                             "\"staff\":250}");
    assert_int_equal(d.ev.n_attributes, 4);
    df_assert_text(attribute(&d, "email"), "a@b.example");
    df_assert_text(attribute(&d, "same"), "a@b.example");
    df_assert_text(attribute(&d, "country"), "DE");
    df_assert_text(attribute(&d, "size"), "250");
    decoder->free(decoder);
    /* beside the members of an object; what is absent, null or has parts is passed over; a second object takes the place of the first */
    map.path[HL_FIELD_ATTRIBUTES] = (char[]){"who"};
    assert_int_equal(hl_json_decoder_new(HL_JSON_CANONICAL, &map, NULL, 0, &decoder, &d.err), HL_OK);
    decode_with(&d, decoder, "{" FOUR ",\"who\":{\"mail\":\"gone\"},\"who\":{\"x\":true,\"address\":{\"land\":null}},\"staff\":[1]}");
    assert_int_equal(d.ev.n_attributes, 1);
    df_assert_text(attribute(&d, "x"), "true");
    decoder->free(decoder);
    df_fini(&d);
}

/* contact_id, type, event_id and attributes are combinations. */
static enum hl_status read_combined(struct df *d, const char *text)
{
    char id[] = "user.id | user.mail | anon", type[] = "kind + why.code", event[] = "a + b | c + d + e | f", own[] = "traits | props";
    struct hl_field_map map = {.path = {[HL_FIELD_CONTACT_ID] = id, [HL_FIELD_TYPE] = type, [HL_FIELD_EVENT_ID] = event,
                                        [HL_FIELD_ATTRIBUTES] = own}};
    return read_json(d, HL_JSON_CANONICAL, &map, hl_slice_of(text));
}

static void the_first_alternative_that_has_something_counts(void **state)
{
    struct df d;
    (void)state;
    df_init(&d);
#define REST ",\"kind\":\"k\",\"f\":\"e\",\"occurred_at\":1}"
    assert_int_equal(read_combined(&d, "{\"anon\":\"x\",\"user\":{\"mail\":\"m\",\"id\":\"i\"},\"props\":{\"p\":1},\"traits\":{\"t\":2}" REST), HL_OK);
    df_assert_text(d.ev.contact_id, "i");
    df_assert_text(attribute(&d, "t"), "2");
    assert_true(hl_slice_is_null(attribute(&d, "p")));
    assert_int_equal(read_combined(&d, "{\"anon\":\"x\",\"user\":{\"mail\":\"m\",\"id\":null},\"props\":{\"p\":1}" REST), HL_OK);
    df_assert_text(d.ev.contact_id, "m");
    df_assert_text(attribute(&d, "p"), "1");
    assert_int_equal(read_combined(&d, "{\"anon\":\"x\",\"user\":{\"mail\":\"\"}" REST), HL_OK);
    df_assert_text(d.ev.contact_id, "x");
    df_assert_error(&d, read_combined(&d, "{\"user\":7" REST), HL_E_MISSING, "field 'contact_id' is missing or null");
    df_fini(&d);
}

static void parts_that_are_there_are_joined_by_a_colon(void **state)
{
    static const struct {
        const char *text, *event_id;
    } cases[] = {
        {"\"a\":\"1\"", "1"}, {"\"b\":\"2\"", "2"}, {"\"b\":\"2\",\"a\":\"1\"", "1:2"}, {"\"a\":\"1\",\"b\":\"\"", "1"},
        {"\"a\":\"1\",\"c\":\"3\",\"f\":\"6\"", "1"}, {"\"e\":\"5\",\"c\":\"3\"", "3:5"}, {"\"c\":\"3\",\"d\":\"4\",\"e\":\"5\"", "3:4:5"},
        {"\"f\":\"6\"", "6"}, {"\"a\":7,\"b\":true", "7:true"}, {"\"f\":-1.5", "-1.5"},
    };
    struct df d;
    char text[200];
    (void)state;
    df_init(&d);
    for (size_t i = 0; i < HL_ARRAY_LEN(cases); i++) {
        snprintf(text, sizeof text, "{\"anon\":\"x\",\"occurred_at\":1,\"kind\":\"form\",\"why\":{\"code\":5},%s}", cases[i].text);
        assert_int_equal(read_combined(&d, text), HL_OK);
        df_assert_text(d.ev.event_id, cases[i].event_id);
        df_assert_text(d.ev.type_name, "form:5");
    }
    df_assert_error(&d, read_combined(&d, "{\"anon\":\"x\",\"occurred_at\":1,\"kind\":\"form\",\"a\":\"1\",\"b\":[2]}"), HL_E_DECODE,
                    "field 'event_id': a string is wanted, not an array");
    df_assert_error(&d, read_combined(&d, "{\"anon\":\"x\",\"occurred_at\":1,\"kind\":\"form\",\"a\":{},\"b\":\"2\"}"), HL_E_DECODE,
                    "field 'event_id': a string is wanted, not an object");
    df_fini(&d);
}

static void a_mapped_field_may_be_any_scalar(void **state)
{
    static const struct {
        const char *value;
        bool machine;
    } cases[] = {{"true", true}, {"false", false}, {"null", false}, {"\"\"", false}, {"\"no\"", false}, {"\"false\"", false}, {"0", false},
                 {"\"apple\"", true}, {"1", true}};
    char id[] = "uid", bot[] = "bot";
    struct hl_field_map map = {.path = {[HL_FIELD_CONTACT_ID] = id, [HL_FIELD_MACHINE] = bot}};
    struct df d;
    char text[200];
    (void)state;
    df_init(&d);
    for (size_t i = 0; i < HL_ARRAY_LEN(cases); i++) {
        snprintf(text, sizeof text, "{\"event_id\":\"e\",\"uid\":12,\"occurred_at\":1,\"type\":\"t\",\"bot\":%s}", cases[i].value);
        assert_int_equal(read_json(&d, HL_JSON_CANONICAL, &map, hl_slice_of(text)), HL_OK);
        df_assert_text(d.ev.contact_id, "12");
        if (d.ev.machine != cases[i].machine) fail_msg("machine: %s", cases[i].value);
    }
    df_assert_error(&d, read_json(&d, HL_JSON_CANONICAL, &map, HL_SLICE_LIT("{" FOUR ",\"uid\":[1]}")), HL_E_DECODE,
                    "field 'contact_id': a string is wanted, not an array");
    df_assert_error(&d, read_json(&d, HL_JSON_CANONICAL, &map, HL_SLICE_LIT("{" FOUR ",\"uid\":1,\"bot\":{}}")), HL_E_DECODE,
                    "field 'machine': true or false is wanted, not an object");
    df_fini(&d);
}

static void times_in_seconds_may_have_a_fraction(void **state)
{
    struct hl_field_map map = {.seconds = true};
    struct df d;
    (void)state;
    df_init(&d);
#define IN_SECONDS(v) read_json(&d, HL_JSON_CANONICAL, &map, HL_SLICE_LIT(TIME(v)))
    assert_int_equal(IN_SECONDS("1795341600.123987"), HL_OK);
    assert_int_equal(d.ev.occurred_at, 1795341600123);
    assert_int_equal(IN_SECONDS("1795341600"), HL_OK);
    assert_int_equal(d.ev.occurred_at, 1795341600000);
    assert_int_equal(IN_SECONDS("\"1795341600.5\""), HL_OK);
    assert_int_equal(d.ev.occurred_at, 1795341600500);
    assert_int_equal(IN_SECONDS("\"2026-11-22T11:00:00+01:00\""), HL_OK);
    assert_int_equal(d.ev.occurred_at, 1795341600000);
    df_assert_error(&d, IN_SECONDS("1e9"), HL_E_DECODE, "field 'occurred_at': the number is neither seconds nor RFC 3339 with an offset");
    df_assert_error(&d, IN_SECONDS("-1"), HL_E_DECODE, "the number is neither seconds");
    df_assert_error(&d, IN_SECONDS("\"1795341600.\""), HL_E_DECODE, "the text is neither seconds");
    df_assert_error(&d, IN_SECONDS("1795341600123"), HL_E_DECODE, "neither seconds");
    df_fini(&d);
}

static void a_path_that_is_none_is_refused(void **state)
{
    static const char *const bad[] = {"user..id", "a | ", " | a", " + a", "a + b. | c", "a |  | b"};
    struct hl_decoder *decoder;
    struct df d;
    (void)state;
    df_init(&d);
    for (size_t i = 0; i < HL_ARRAY_LEN(bad); i++) {
        char path[20], message[80];
        snprintf(path, sizeof path, "%s", bad[i]);
        snprintf(message, sizeof message, "fields: '%s' is no path for 'contact_id'", bad[i]);
        struct hl_field_map map = {.path = {[HL_FIELD_CONTACT_ID] = path}};
        df_assert_error(&d, hl_json_decoder_new(HL_JSON_CANONICAL, &map, NULL, 0, &decoder, &d.err), HL_E_CONFIG, message);
    }
    df_fini(&d);
}

static void only_so_many_paths_can_be_combined(void **state)
{
    struct hl_decoder *decoder;
    struct df d;
    (void)state;
    df_init(&d);
    for (int n = 20; n <= 40; n += 20) {
        char path[400] = "p";
        for (int i = 1; i < n; i++) strcat(path, " | p");
        struct hl_field_map map = {.path = {[HL_FIELD_CONTACT_ID] = path}};
        enum hl_status st = hl_json_decoder_new(HL_JSON_CANONICAL, &map, NULL, 0, &decoder, &d.err);
        if (n == 40) df_assert_error(&d, st, HL_E_CONFIG, "too many paths are combined");
        else assert_int_equal(st, HL_OK);
        if (st == HL_OK) decoder->free(decoder);
    }
    df_fini(&d);
}

static void segment_track_calls_are_read(void **state)
{
    static const char text[] =
        "{\"messageId\":\"m1\",\"anonymousId\":\"anon\",\"userId\":\"u1\",\"type\":\"track\",\"event\":\"Form Submitted\","
        "\"timestamp\":\"2026-11-22T10:00:00Z\",\"sentAt\":\"2020-01-01T00:00:00Z\",\"context\":{\"page\":{\"url\":\"https://x.example/p\"},"
        "\"campaign\":{\"name\":\"spring\",\"source\":\"ads\"},\"traits\":{\"plan\":\"free\",\"email\":\"a@x\"}},"
        "\"properties\":{\"form\":\"demo\",\"plan\":\"pro\",\"n\":3,\"asset\":{}},\"traits\":{\"plan\":\"mid\"}}";
    struct df d;
    (void)state;
    df_init(&d);
    for (int shape = HL_JSON_CANONICAL; shape <= HL_JSON_SEGMENT; shape++) { /* the canonical decoder takes it by its messageId */
        assert_int_equal(read_json(&d, (enum hl_json_shape)shape, NULL, hl_slice_of(text)), HL_OK);
        df_assert_text(d.ev.event_id, "m1");
        df_assert_text(d.ev.contact_id, "u1");
        assert_int_equal(d.ev.type, HL_EVENT_FORM_SUBMITTED);
        assert_int_equal(d.ev.occurred_at, 1795341600000);
        df_assert_text(d.ev.url, "https://x.example/p");
        df_assert_text(d.ev.form, "demo");
        df_assert_text(d.ev.campaign, "spring");
        df_assert_text(d.ev.source, "ads");
        assert_true(hl_slice_is_null(d.ev.asset));
        df_assert_text(attribute(&d, "plan"), "pro");
        df_assert_text(attribute(&d, "email"), "a@x");
        df_assert_text(attribute(&d, "n"), "3");
    }
    df_fini(&d);
}

static void the_kind_of_a_segment_call_gives_the_type(void **state)
{
    struct df d;
    (void)state;
    df_init(&d);
#define CALL(more) "{\"messageId\":\"m\",\"anonymousId\":\"a\",\"userId\":null,\"originalTimestamp\":\"2026-11-22T10:00:00Z\"," more "}"
    assert_int_equal(segment(&d, CALL("\"type\":\"page\",\"properties\":{\"url\":\"/x\"}")), HL_OK);
    assert_int_equal(d.ev.type, HL_EVENT_PAGE_VIEWED);
    df_assert_text(d.ev.contact_id, "a");
    df_assert_text(d.ev.url, "/x");
    assert_int_equal(segment(&d, CALL("\"type\":\"identify\",\"traits\":{\"email\":\"a@x\"}")), HL_OK);
    assert_int_equal(d.ev.type, HL_EVENT_CONTACT_IDENTIFIED);
    df_assert_text(attribute(&d, "email"), "a@x");
    assert_true(hl_slice_is_null(attribute(&d, "anonymous_id"))); /* it is nobody else yet */
#define KNOWN(more) "{\"messageId\":\"m\",\"anonymousId\":\"a\",\"userId\":\"ann\",\"originalTimestamp\":\"2026-11-22T10:00:00Z\"," more "}"
    assert_int_equal(segment(&d, KNOWN("\"type\":\"identify\",\"traits\":{\"email\":\"a@x\"}")), HL_OK);
    df_assert_text(d.ev.contact_id, "ann");
    df_assert_text(attribute(&d, "email"), "a@x");
    df_assert_text(attribute(&d, "anonymous_id"), "a");
    assert_int_equal(segment(&d, KNOWN("\"type\":\"identify\",\"traits\":{\"anonymous_id\":\"theirs\"}")), HL_OK);
    df_assert_text(attribute(&d, "anonymous_id"), "theirs");
    assert_int_equal(segment(&d, KNOWN("\"type\":\"page\",\"properties\":{\"url\":\"/x\"}")), HL_OK);
    assert_true(hl_slice_is_null(attribute(&d, "anonymous_id")));
    assert_int_equal(segment(&d, CALL("\"type\":\"track\",\"event\":\"Whitepaper\"")), HL_OK);
    assert_int_equal(d.ev.type, HL_EVENT_FILE_DOWNLOADED);
    assert_int_equal(segment(&d, CALL("\"type\":\"track\",\"event\":\"Something Else\"")), HL_OK);
    assert_int_equal(d.ev.type, HL_EVENT_UNKNOWN);
    df_assert_text(d.ev.type_name, "Something Else");
    df_assert_error(&d, segment(&d, "{\"messageId\":\"m\",\"type\":\"page\",\"timestamp\":\"2026-11-22T10:00:00Z\"}"), HL_E_MISSING, "field 'contact_id'");
    df_fini(&d);
}

static void text_that_is_not_json_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"", "byte 0: no object"}, {"  ", "no object"}, {"[]", "an object is wanted, not an array"}, {"\"x\"", "not a string"},
        {"{", "the name of a member is wanted"}, {"{\"a\"", "byte 4: a colon is wanted"}, {"{\"a\":", "the text ends early"},
        {"{\"a\":1", "a comma or the end of an object"}, {"{\"a\":1,}", "the name of a member is wanted"}, {"{\"a\":1}x", "byte 7: something follows"},
        {"{\"a\":01}", "a number starts with 0"}, {"{\"a\":-}", "a number without digits"}, {"{\"a\":1.}", "ends with its point"},
        {"{\"a\":1e}", "an exponent without digits"}, {"{\"a\":+1}", "not a value"}, {"{\"a\":.5}", "not a value"}, {"{\"a\":nul}", "not a value"},
        {"{\"a\":NaN}", "not a value"}, {"{'a':1}", "the name of a member is wanted"}, {"{\"a\":[1,]}", "not a value"},
        {"{\"a\":[1 2]}", "a comma or the end of an array"}, {"{\"a\":\"", "a string ends early"}, {"{\"a\":\"\\", "a string ends early"},
        {"{\"a\":\"\\x\"}", "an unknown escape"}, {"{\"a\":\"\\u12g4\"}", "without four hexadecimal"}, {"{\"a\":\"\\ud83d\"}", "a lone surrogate"},
        {"{\"a\":\"\\ud83d\\u0041\"}", "a lone surrogate"}, {"{\"a\":\"\\ude00\"}", "a lone surrogate"}, {"{\"a\":\"\n\"}", "a control character"},
        {"{\"a\":\"\xff\"}", "invalid UTF-8"}, {"{\"a\":\"\xc0\x80\"}", "invalid UTF-8"}, {"{\"\xed\xa0\x80\":1}", "invalid UTF-8"},
        {"{\"a\":1/**/}", "a comma or the end of an object"}, {"\xef\xbb\xbf{}", "no object"}, {"\xc3\x01", "it looks like Avro"},
    };
    struct df d;
    (void)state;
    df_init(&d);
    for (size_t i = 0; i < HL_ARRAY_LEN(bad); i++)
        df_assert_error(&d, read_json(&d, HL_JSON_CANONICAL, NULL, hl_slice_of(bad[i].text)), HL_E_DECODE, bad[i].message);
    df_fini(&d);
}

static void fields_of_the_wrong_kind_are_named(void **state)
{
    struct df d;
    (void)state;
    df_init(&d);
    df_assert_error(&d, canonical(&d, "{" FOUR ",\"url\":5}"), HL_E_DECODE, "field 'url': a string is wanted, not a number");
    df_assert_error(&d, canonical(&d, "{" FOUR ",\"machine\":\"yes\"}"), HL_E_DECODE, "field 'machine': true or false is wanted, not a string");
    df_assert_error(&d, canonical(&d, "{" FOUR ",\"attributes\":[]}"), HL_E_DECODE, "field 'attributes': an object is wanted, not an array");
    df_assert_error(&d, canonical(&d, "{" FOUR ",\"contact_id\":7}"), HL_E_DECODE, "field 'contact_id': a string is wanted");
    df_assert_error(&d, canonical(&d, "{" FOUR ",\"contact_id\":\"\"}"), HL_E_MISSING, "field 'contact_id' is empty");
    df_assert_error(&d, canonical(&d, "{}"), HL_E_MISSING, "field 'event_id' is missing or null");
    df_assert_error(&d, read_json(&d, HL_JSON_CANONICAL, NULL, HL_SLICE_LIT("{\"event_id\":null,\"messageId\":\"m\"}")), HL_E_MISSING, "field 'event_id'");
    df_fini(&d);
}

static void depth_attributes_and_size_are_bounded(void **state)
{
    struct hl_buf b;
    struct df d;
    (void)state;
    df_init(&d);
    hl_buf_init(&b);
    for (int depth = 63; depth <= 64; depth++) { /* inside the object, which is the first level */
        hl_buf_clear(&b);
        hl_buf_printf(&b, "{" FOUR ",\"deep\":");
        for (int i = 0; i < depth; i++) hl_buf_put_u8(&b, '[');
        for (int i = 0; i < depth; i++) hl_buf_put_u8(&b, ']');
        hl_buf_put_u8(&b, '}');
        enum hl_status st = read_json(&d, HL_JSON_CANONICAL, NULL, hl_buf_slice(&b));
        if (depth == 63) assert_int_equal(st, HL_OK);
        else df_assert_error(&d, st, HL_E_DECODE, "nested too deeply");
    }
    hl_buf_clear(&b);
    hl_buf_printf(&b, "{" FOUR ",\"attributes\":{");
    for (int i = 0; i <= HL_EVENT_MAX_ATTRIBUTES; i++) hl_buf_printf(&b, "%s\"k%d\":1", i ? "," : "", i);
    hl_buf_printf(&b, "}}");
    df_assert_error(&d, read_json(&d, HL_JSON_CANONICAL, NULL, hl_buf_slice(&b)), HL_E_TOO_LARGE, "more than 256 attributes");
    hl_buf_clear(&b);
    for (size_t i = 0; i <= 1 << 20; i++) hl_buf_put_u8(&b, ' ');
    df_assert_error(&d, read_json(&d, HL_JSON_CANONICAL, NULL, hl_buf_slice(&b)), HL_E_TOO_LARGE, "record of 1048577 bytes");
    df_assert_error(&d, read_json(&d, HL_JSON_CANONICAL, NULL, hl_buf_slice(&b)), HL_E_TOO_LARGE, "record of");
    hl_buf_fini(&b);
    df_fini(&d);
}

static void every_cut_of_a_good_record_is_refused(void **state)
{
    static const char text[] = "{" FOUR ",\"url\":\"\\u00e9\\n\",\"attributes\":{\"a\":[1,2.5e-3,true],\"b\":\"c\"}}";
    struct df d;
    (void)state;
    df_init(&d);
    assert_int_equal(read_json(&d, HL_JSON_CANONICAL, NULL, hl_slice_of(text)), HL_OK);
    for (size_t n = 0; n < sizeof(text) - 1; n++)
        assert_int_equal(read_json(&d, HL_JSON_CANONICAL, NULL, (struct hl_slice){text, n}), HL_E_DECODE);
    df_fini(&d);
}

/* The scanner looks at eight bytes at a time: each of what ends or spoils a string, at every place in such a run and in what is left over. */
static void a_string_ends_or_fails_at_any_place(void **state)
{
    static const struct {
        const char *bytes, *error; /* error NULL: read, as `as` */
        const char *as;
    } cases[] = {{"\\n", NULL, "\n"},       {"\303\251", NULL, "\303\251"}, {"\177", NULL, "\177"},
                 {"!#[]", NULL, "!#[]"},     {"\001", "a control character in a string", NULL},
                 {"\037", "a control character in a string", NULL}, {"\200", "invalid UTF-8", NULL},
                 {"\377", "invalid UTF-8", NULL},                    {"\"", "a comma or the end of an object", NULL},
                 {"\\x", "an unknown escape", NULL}};
    static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
    struct df d;
    (void)state;
    df_init(&d);
    for (int before = 0; before < 20; before++) {
        for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
            char text[200], wanted[64];
            int n = snprintf(text, sizeof(text), "{" FOUR ",\"url\":\"%.*s%s%.*s\"}", before, letters, cases[i].bytes, 19 - before, letters);
            enum hl_status st = read_json(&d, HL_JSON_CANONICAL, NULL, (struct hl_slice){text, (size_t)n});
            if (cases[i].error) {
                df_assert_error(&d, st, HL_E_DECODE, cases[i].error);
                continue;
            }
            assert_int_equal(st, HL_OK);
            snprintf(wanted, sizeof(wanted), "%.*s%s%.*s", before, letters, cases[i].as, 19 - before, letters);
            df_assert_text(d.ev.url, wanted);
        }
    }
    df_fini(&d);
}

/* A name is compared with the one that mostly follows before it is scanned. */
static void names_are_read_in_any_order_and_spelling(void **state)
{
    struct hl_field_map map = {.path = {[HL_FIELD_URL] = (char[]){"a\\nb"}, [HL_FIELD_ASSET] = (char[]){"caf\303\251"}}};
    struct df d;
    (void)state;
    df_init(&d);
    assert_int_equal(canonical(&d, "{\"type\":\"page_viewed\",\"event_ix\":\"no\",\"contact_id\":\"c\",\"\":1,\"occurred_at\":1,\"occurred_a\":2,"
                                   "\"url\":\"/p\",\"urls\":3,\"event_id\" : \"e\"}"), HL_OK);
    df_assert_text(d.ev.event_id, "e");
    df_assert_text(d.ev.contact_id, "c");
    df_assert_text(d.ev.url, "/p");
    assert_int_equal(d.ev.occurred_at, 1);
    assert_int_equal(canonical(&d, "{\"event\\u005fid\":\"e\",\"contact_id\":\"c\",\"occurred_at\":1,\"type\":\"t\"}"), HL_OK);
    df_assert_text(d.ev.event_id, "e");
    /* the path a\nb has a backslash in it, and no new line */
    assert_int_equal(read_json(&d, HL_JSON_CANONICAL, &map, HL_SLICE_LIT("{" FOUR ",\"a\\nb\":\"line\",\"caf\303\251\":\"x\"}")), HL_OK);
    assert_true(hl_slice_is_null(d.ev.url));
    df_assert_text(d.ev.asset, "x");
    assert_int_equal(read_json(&d, HL_JSON_CANONICAL, &map, HL_SLICE_LIT("{" FOUR ",\"a\\\\nb\":\"backslash\"}")), HL_OK);
    df_assert_text(d.ev.url, "backslash");
    df_fini(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(canonical_fields_are_read),
        cmocka_unit_test(times_come_as_numbers_digits_or_rfc_3339),
        cmocka_unit_test(escapes_become_utf8),
        cmocka_unit_test(the_last_of_two_members_counts),
        cmocka_unit_test(a_map_leads_through_objects_and_may_share_a_path),
        cmocka_unit_test(the_first_alternative_that_has_something_counts),
        cmocka_unit_test(parts_that_are_there_are_joined_by_a_colon),
        cmocka_unit_test(a_mapped_field_may_be_any_scalar),
        cmocka_unit_test(attributes_may_be_named_one_by_one),
        cmocka_unit_test(times_in_seconds_may_have_a_fraction),
        cmocka_unit_test(a_path_that_is_none_is_refused),
        cmocka_unit_test(only_so_many_paths_can_be_combined),
        cmocka_unit_test(segment_track_calls_are_read),
        cmocka_unit_test(the_kind_of_a_segment_call_gives_the_type),
        cmocka_unit_test(text_that_is_not_json_is_refused_with_its_place),
        cmocka_unit_test(fields_of_the_wrong_kind_are_named),
        cmocka_unit_test(depth_attributes_and_size_are_bounded),
        cmocka_unit_test(every_cut_of_a_good_record_is_refused),
        cmocka_unit_test(a_string_ends_or_fails_at_any_place),
        cmocka_unit_test(names_are_read_in_any_order_and_spelling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
