/* Framing and the cache of plans. */
#include <pthread.h>
#include <stdatomic.h>

#include "decode_fixture.h"
#include "hotlead/adapter/avro.h"

#define SCHEMA "{\"type\":\"record\",\"name\":\"W\",\"fields\":[{\"name\":\"event_id\",\"type\":\"string\"},{\"name\":\"contact_id\",\"type\":\"string\"}," \
               "{\"name\":\"occurred_at\",\"type\":\"long\"},{\"name\":\"type\",\"type\":\"string\"}]}"
#define DATUM "\x02" "e" "\x02" "c" "\x02" "\x16" "page_viewed"

/* Ids 1 to 64 are good, 100 does not parse, 200 is pending until `ready`. */
struct fake {
    struct hl_schemas base;
    atomic_int asked;
    bool ready;
};

static enum hl_status fake_get(struct hl_schemas *s, uint32_t id, char **json, struct hl_error *err)
{
    struct fake *f = (struct fake *)s;
    atomic_fetch_add(&f->asked, 1);
    if (id == 200 && !f->ready) return hl_error_set(err, HL_E_PENDING, HL_RETRY, "being fetched");
    if (id != 100 && id != 200 && (id < 1 || id > 64)) return hl_error_set(err, HL_E_SCHEMA, HL_SKIP, "no such id");
    *json = strdup(id == 100 ? "{" : SCHEMA);
    return *json ? HL_OK : HL_E_NOMEM;
}

static struct hl_decoder *make(struct fake *f, enum hl_avro_framing framing)
{
    struct hl_type_alias aliases[] = {{(char[]){"Page Viewed"}, HL_EVENT_PAGE_VIEWED}, {(char[]){"page_viewed"}, HL_EVENT_LINK_CLICKED}};
    struct hl_decoder *d;
    struct hl_error err;
    *f = (struct fake){.base = {.get = fake_get}};
    assert_int_equal(hl_avro_decoder_new(framing, &f->base, NULL, aliases, 2, &d, &err), HL_OK);
    return d;
}

#define decode_lit(d, decoder, bytes) (decoder)->decode(decoder, df_exact(d, HL_SLICE_LIT(bytes)), &(d)->arena, &(d)->ev, &(d)->err)

static void a_schema_is_asked_for_once(void **state)
{
    struct fake f;
    struct df d;
    struct hl_decoder *decoder = make(&f, HL_AVRO_CONFLUENT);
    (void)state;
    df_init(&d);
    for (int i = 0; i < 3; i++) assert_int_equal(decode_lit(&d, decoder, "\x00\x00\x00\x00\x01" DATUM), HL_OK);
    for (int i = 0; i < 3; i++) assert_int_equal(decode_lit(&d, decoder, "\x00\x00\x00\x00\x07" DATUM), HL_OK);
    assert_int_equal(decode_lit(&d, decoder, "\x00\x00\x00\x00\x03" DATUM), HL_OK);
    assert_int_equal(f.asked, 3);
    assert_int_equal(d.ev.type, HL_EVENT_LINK_CLICKED); /* the topic's alias comes before the canonical name */
    df_assert_text(d.ev.type_name, "link_clicked");
    decoder->free(decoder);
    df_fini(&d);
}

static void what_cannot_be_used_is_remembered_with_its_reason(void **state)
{
    struct fake f;
    struct df d;
    struct hl_decoder *decoder = make(&f, HL_AVRO_CONFLUENT);
    (void)state;
    df_init(&d);
    for (int i = 0; i < 3; i++) {
        df_assert_error(&d, decode_lit(&d, decoder, "\x00\x00\x00\x00\x64" DATUM), HL_E_SCHEMA, "schema 100: schema is not JSON");
        df_assert_error(&d, decode_lit(&d, decoder, "\x00\xff\xff\xff\xff" DATUM), HL_E_SCHEMA, "schema 4294967295: no such id");
        assert_int_equal(d.err.action, HL_SKIP);
    }
    assert_int_equal(f.asked, 2);
    decoder->free(decoder);
    df_fini(&d);
}

static void pending_passes_through_and_is_asked_again(void **state)
{
    struct fake f;
    struct df d;
    struct hl_decoder *decoder = make(&f, HL_AVRO_CONFLUENT);
    (void)state;
    df_init(&d);
    df_assert_error(&d, decode_lit(&d, decoder, "\x00\x00\x00\x00\xc8" DATUM), HL_E_PENDING, "schema 200: being fetched");
    assert_int_equal(d.err.action, HL_RETRY);
    f.ready = true;
    assert_int_equal(decode_lit(&d, decoder, "\x00\x00\x00\x00\xc8" DATUM), HL_OK);
    decoder->free(decoder);
    df_fini(&d);
}

static void broken_frames_say_what_they_look_like(void **state)
{
    struct fake f, g;
    struct df d;
    struct hl_decoder *confluent = make(&f, HL_AVRO_CONFLUENT), *single = make(&g, HL_AVRO_SINGLE_OBJECT);
    (void)state;
    df_init(&d);
    df_assert_error(&d, decode_lit(&d, confluent, ""), HL_E_DECODE, "framing: 0 bytes, the head alone is 5");
    df_assert_error(&d, decode_lit(&d, confluent, "\x00\x00\x00\x00"), HL_E_DECODE, "framing: 4 bytes, the head alone is 5");
    df_assert_error(&d, decode_lit(&d, confluent, "\x01zzzzzzzzzzzzzzzzzzzz"), HL_E_DECODE, "schema ids in record headers");
    df_assert_error(&d, decode_lit(&d, confluent, "\xc3\x01zzzzzzzzz"), HL_E_DECODE, "set the topic's format to avro-single-object");
    df_assert_error(&d, decode_lit(&d, confluent, "{\"event_id\":1}"), HL_E_DECODE, "set the topic's format to json");
    df_assert_error(&d, decode_lit(&d, confluent, "\x07zzzzzzz"), HL_E_DECODE, "framing: starts with byte 0x07");
    df_assert_error(&d, decode_lit(&d, single, "\x00\x00\x00\x00\x01" DATUM), HL_E_DECODE, "set the topic's format to avro");
    df_assert_error(&d, decode_lit(&d, single, "\xc3\x01" "1234567"), HL_E_DECODE, "framing: 9 bytes, the head alone is 10");
    df_assert_error(&d, confluent->decode(confluent, HL_SLICE_NULL, &d.arena, &d.ev, &d.err), HL_E_DECODE, "the record has no value");
    df_assert_error(&d, decode_lit(&d, confluent, "\x00\x00\x00\x00\x01\x01"), HL_E_DECODE, "schema 1: field 'event_id': negative length -1");
    confluent->free(confluent);
    single->free(single);
    df_fini(&d);
}

static void single_objects_are_found_by_fingerprint(void **state)
{
    struct fake f;
    struct df d;
    struct hl_buf b;
    uint64_t fingerprint;
    struct hl_decoder *decoder = make(&f, HL_AVRO_SINGLE_OBJECT);
    (void)state;
    df_init(&d);
    hl_buf_init(&b);
    assert_int_equal(hl_avro_fingerprint(SCHEMA, &fingerprint, &d.err), HL_OK);
    hl_buf_put(&b, "\xc3\x01", 2);
    hl_buf_put_u64le(&b, fingerprint);
    hl_buf_put(&b, DATUM, sizeof(DATUM) - 1);
    df_assert_error(&d, decoder->decode(decoder, hl_buf_slice(&b), &d.arena, &d.ev, &d.err), HL_E_SCHEMA, "no schema with this fingerprint");
    for (int i = 0; i < 2; i++) assert_int_equal(hl_avro_decoder_add(decoder, SCHEMA, &d.err), HL_OK);
    assert_int_equal(decoder->decode(decoder, hl_buf_slice(&b), &d.arena, &d.ev, &d.err), HL_OK);
    df_assert_text(d.ev.event_id, "e");
    assert_int_equal(hl_avro_decoder_add(decoder, "{", &d.err), HL_E_SCHEMA);
    assert_int_equal(f.asked, 0);
    hl_buf_fini(&b);
    decoder->free(decoder);
    df_fini(&d);
}

struct reader {
    struct hl_decoder *decoder;
    uint8_t first;
    int good;
};

static void *read_many(void *arg)
{
    struct reader *r = arg;
    struct hl_arena arena;
    struct hl_event ev;
    struct hl_error err;
    char record[] = "\x00\x00\x00\x00\x01" DATUM;
    hl_arena_init(&arena, 1 << 16);
    for (int i = 0; i < 640; i++) {
        record[4] = (char)(1 + (r->first + i) % 64);
        if (r->decoder->decode(r->decoder, (struct hl_slice){record, sizeof(record) - 1}, &arena, &ev, &err) == HL_OK) r->good++;
        hl_arena_reset(&arena);
    }
    hl_arena_fini(&arena);
    return NULL;
}

static void readers_share_a_growing_cache(void **state)
{
    struct fake f;
    struct reader readers[3];
    pthread_t threads[3];
    struct hl_decoder *decoder = make(&f, HL_AVRO_CONFLUENT);
    (void)state;
    for (int i = 0; i < 3; i++) {
        readers[i] = (struct reader){decoder, (uint8_t)(i * 21), 0};
        assert_int_equal(pthread_create(&threads[i], NULL, read_many, &readers[i]), 0);
    }
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    for (int i = 0; i < 3; i++) assert_int_equal(readers[i].good, 640);
    assert_int_equal(f.asked, 64);
    decoder->free(decoder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_schema_is_asked_for_once),
        cmocka_unit_test(what_cannot_be_used_is_remembered_with_its_reason),
        cmocka_unit_test(pending_passes_through_and_is_asked_again),
        cmocka_unit_test(broken_frames_say_what_they_look_like),
        cmocka_unit_test(single_objects_are_found_by_fingerprint),
        cmocka_unit_test(readers_share_a_growing_cache),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
