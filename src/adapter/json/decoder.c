/* DESIGN  The paths wanted, of the canonical shape and of the Segment shape, make one small tree; one walk over the text captures the
 * value at each path into a slot; then the slots are put together into an event, as one shape or as the other.
 *
 *   userId ------------> USER_ID          capture: a string without its escapes, a number as written,
 *   context -+- page - url -> PAGE_URL             an object as the text from { to }
 *            `- traits ------> CONTEXT_TRAITS
 *
 * A member that comes twice: the last one counts, so what the first one captured, below it too, is dropped when the second begins.
 * Attributes are read from the captured text of their object in a second, short walk.
 *
 * A field that the map puts together from several paths ("a + b | c") has a slot for each of them, behind the others; when the walk is over
 * they are combined into the field's own slot, so that what follows sees no difference.
 *
 * Attributes that the map names one by one hang on the nodes of their paths in a list of their own: slots are few.
 *
 * THREADS  The tree is immutable after hl_json_decoder_new; a walk keeps its state on the stack. */
#include <stdlib.h>

#include "hotlead/adapter/json.h"
#include "hotlead/base/iso8601.h"
#include "scan.h"

#define MAX_RECORD ((size_t)1 << 20)
#define MAX_NODES 512
#define MAX_PATH_DEPTH 32
#define BUCKETS 256

/* Slots of the Segment shape, behind those of the canonical fields. */
#define SEGMENT_SLOTS(X)                                                                                             \
    X(MESSAGE_ID, "messageId") X(USER_ID, "userId") X(ANONYMOUS_ID, "anonymousId") X(CALL, "type") X(EVENT, "event")   \
    X(TIMESTAMP, "timestamp") X(ORIGINAL_TIMESTAMP, "originalTimestamp") X(SENT_AT, "sentAt")                         \
    X(PAGE_URL, "context.page.url") X(CAMPAIGN_NAME, "context.campaign.name") X(CAMPAIGN_SOURCE, "context.campaign.source") \
    X(PROPERTIES, "properties") X(TRAITS, "traits") X(CONTEXT_TRAITS, "context.traits")                               \
    X(P_URL, "properties.url") X(P_ASSET, "properties.asset") X(P_FORM, "properties.form") X(P_CAMPAIGN, "properties.campaign") \
    X(P_SOURCE, "properties.source") X(P_ACTOR, "properties.actor") X(P_REASON, "properties.reason")

enum slot {
    SLOT_FIRST_SEGMENT = HL_FIELD_COUNT - 1,
#define X(code, path) SLOT_##code,
    SEGMENT_SLOTS(X)
#undef X
    SLOT_COUNT,
};
_Static_assert(SLOT_COUNT + HL_FIELD_MAX_COMBINED <= 64, "slots are bits of a word");

struct node {
    char *key;
    size_t key_len;
    uint16_t parent, chain; /* chain: the next one of its bucket; 0: none */
    uint16_t child, next;   /* 0: none */
    bool plain;           /* the key is the same in JSON: ASCII, and nothing to escape */
    uint8_t named;        /* the first attribute of the map that lies here, + 1 */
    uint64_t slots;       /* bits: one path may serve several fields, and both shapes */
};

/* One path of a combination; its slot is SLOT_COUNT + its index. */
struct part {
    enum hl_field field;
    char op; /* '+': joined with the one before; else the first of an alternative */
};

/* An attribute that the map names. */
struct named {
    char *name;
    uint8_t next; /* at the same node, + 1 */
};

struct json_decoder {
    struct hl_decoder base;
    enum hl_json_shape shape;
    struct hl_type_table *types;
    bool mapped[HL_FIELD_COUNT]; /* the topic's map names this field */
    bool seconds;                /* numbers in occurred_at */
    struct part parts[HL_FIELD_MAX_COMBINED]; /* those of a field lie together */
    size_t n_parts;
    struct named named[HL_FIELD_MAX_NAMED];
    size_t n_named;
    size_t n_nodes;
    uint16_t buckets[BUCKETS]; /* nodes by parent and key */
    struct node nodes[MAX_NODES]; /* 0: the root */
};

struct walk {
    const struct json_decoder *d;
    struct hl_json_scan scan;
    struct hl_arena *arena;
    struct hl_json_value at[SLOT_COUNT + HL_FIELD_MAX_COMBINED];
    struct hl_json_value named[HL_FIELD_MAX_NAMED];
};

/* --- the tree --- */

/* Names of members are few and short: their length and both ends tell nearly all of them apart. */
static unsigned bucket_of(uint16_t parent, struct hl_slice key)
{
    unsigned ends = (uint8_t)key.data[0] * 7u + (uint8_t)key.data[key.len - 1] * 61u;
    return (parent * 31u + (unsigned)key.len * 13u + ends) % BUCKETS;
}

static uint16_t child_of(const struct json_decoder *d, uint16_t parent, struct hl_slice key)
{
    if (key.len == 0) return 0; /* no path has an empty name */
    for (uint16_t i = d->buckets[bucket_of(parent, key)]; i; i = d->nodes[i].chain) {
        const struct node *n = &d->nodes[i];
        if (n->parent == parent && n->key_len == key.len && memcmp(n->key, key.data, key.len) == 0) return i;
    }
    return 0;
}

static bool is_plain(struct hl_slice key)
{
    for (size_t i = 0; i < key.len; i++)
        if (key.data[i] < 0x20 || key.data[i] > 0x7e || key.data[i] == '"' || key.data[i] == '\\') return false;
    return true;
}

static uint16_t add_child(struct json_decoder *d, uint16_t parent, struct hl_slice key)
{
    uint16_t i = child_of(d, parent, key);
    if (i || d->n_nodes == MAX_NODES) return i;
    struct node *n = &d->nodes[d->n_nodes];
    n->key = malloc(key.len + 1);
    if (!n->key) return 0;
    memcpy(n->key, key.data, key.len);
    n->key_len = key.len;
    n->parent = parent;
    n->plain = is_plain(key);
    uint16_t *bucket = &d->buckets[bucket_of(parent, key)];
    n->chain = *bucket;
    *bucket = (uint16_t)d->n_nodes;
    n->next = d->nodes[parent].child;
    d->nodes[parent].child = (uint16_t)d->n_nodes;
    return (uint16_t)d->n_nodes++;
}

/* The node of a path; 0: it cannot be one. */
static uint16_t add_nodes(struct json_decoder *d, struct hl_slice path)
{
    uint16_t at = 0;
    for (int depth = 0;; depth++) {
        const char *dot = path.len ? memchr(path.data, '.', path.len) : NULL;
        size_t len = dot ? (size_t)(dot - path.data) : path.len;
        if (len == 0 || depth == MAX_PATH_DEPTH) return 0;
        at = add_child(d, at, (struct hl_slice){path.data, len});
        if (!at || !dot) return at;
        path = (struct hl_slice){dot + 1, path.len - len - 1};
    }
}

static bool add_path(struct json_decoder *d, struct hl_slice path, size_t slot)
{
    uint16_t at = add_nodes(d, path);
    if (at) d->nodes[at].slots |= (uint64_t)1 << slot;
    return at;
}

static bool add_named(struct json_decoder *d, const struct hl_named_path *p)
{
    struct named *n = &d->named[d->n_named];
    uint16_t at = d->n_named < HL_FIELD_MAX_NAMED ? add_nodes(d, hl_slice_of(p->path)) : 0;
    if (!at) return false;
    n->name = strdup(p->name);
    n->next = d->nodes[at].named;
    d->nodes[at].named = (uint8_t)++d->n_named;
    return n->name;
}

/* What the map says of a field: a path, which fills the field's own slot, or a combination. */
static bool add_mapped(struct json_decoder *d, enum hl_field f, struct hl_slice text)
{
    struct hl_slice rest = text, path;
    char op;
    for (bool first = true; hl_field_path_next(&rest, &path, &op); first = false) {
        if (first != (op == 0)) return false;
        if (first && path.len == text.len) return add_path(d, path, (size_t)f);
        if (d->n_parts == HL_FIELD_MAX_COMBINED || !add_path(d, path, SLOT_COUNT + d->n_parts)) return false;
        d->parts[d->n_parts++] = (struct part){f, op};
    }
    return true;
}

/* --- the walk --- */

static void put_slots(struct walk *w, uint64_t slots, struct hl_json_value value)
{
    for (; slots; slots &= slots - 1) w->at[__builtin_ctzll(slots)] = value;
}

static void put_value(struct walk *w, const struct node *n, struct hl_json_value value)
{
    put_slots(w, n->slots, value);
    for (unsigned i = n->named; i; i = w->d->named[i - 1].next) w->named[i - 1] = value;
}

static void forget(struct walk *w, uint16_t node)
{
    put_value(w, &w->d->nodes[node], (struct hl_json_value){HL_JSON_ABSENT, HL_SLICE_NULL});
    for (uint16_t i = w->d->nodes[node].child; i; i = w->d->nodes[i].next) forget(w, i);
}

static bool walk_object(struct walk *w, uint16_t node);

static bool walk_value(struct walk *w, uint16_t node)
{
    const struct node *n = &w->d->nodes[node];
    struct hl_json_value value;
    if (n->child) forget(w, node); /* what a leaf has captured is overwritten below */
    if (n->child && hl_json_scan_peek(&w->scan) == HL_JSON_OBJECT) {
        value = (struct hl_json_value){HL_JSON_OBJECT, {w->scan.p, 0}};
        if (!walk_object(w, node)) return false;
        value.text.len = (size_t)(w->scan.p - value.text.data);
    } else if (!hl_json_scan_value(&w->scan, w->arena, &value)) {
        return false;
    }
    put_value(w, n, value);
    return true;
}

/* Name of the child of `node` that was added behind `at`, its parent or a sibling: many producers write the fields in our order. Null: there is
 * none, or it cannot be compared with the text as it stands. */
static struct hl_slice name_behind(const struct json_decoder *d, uint16_t node, uint16_t at)
{
    const struct node *n = &d->nodes[at + 1];
    return at + 1u < d->n_nodes && n->parent == node && n->plain ? (struct hl_slice){n->key, n->key_len} : HL_SLICE_NULL;
}

static bool walk_object(struct walk *w, uint16_t node)
{
    struct hl_json_value skipped;
    struct hl_slice key, guess;
    bool first = true;
    uint16_t last = node;
    if (!hl_json_scan_enter(&w->scan)) return false;
    while (guess = name_behind(w->d, node, last), hl_json_scan_key(&w->scan, w->arena, &first, guess, &key)) {
        uint16_t child = key.data == guess.data ? (uint16_t)(last + 1) : child_of(w->d, node, key);
        if (child) last = child;
        if (child ? !walk_value(w, child) : !hl_json_scan_value(&w->scan, NULL, &skipped)) return false;
    }
    return !w->scan.what;
}

/* --- from slots to an event --- */

static bool is_scalar(enum hl_json_kind kind)
{
    return kind >= HL_JSON_TRUE && kind <= HL_JSON_STRING;
}

static bool has_something(const struct hl_json_value *v)
{
    return v->kind > HL_JSON_NULL && !(v->kind == HL_JSON_STRING && v->text.len == 0);
}

/* a + b, where both have something. What has parts of its own cannot be joined, and stays, to be told of. */
static bool join(struct hl_arena *arena, struct hl_json_value *a, const struct hl_json_value *b)
{
    if (!is_scalar(a->kind)) return true;
    if (!is_scalar(b->kind)) {
        *a = *b;
        return true;
    }
    size_t len = a->text.len + 1 + b->text.len;
    char *text = hl_arena_alloc(arena, len);
    if (!text) return false;
    memcpy(text, a->text.data, a->text.len);
    text[a->text.len] = ':';
    memcpy(text + a->text.len + 1, b->text.data, b->text.len);
    *a = (struct hl_json_value){HL_JSON_STRING, {text, len}};
    return true;
}

static enum hl_status combine(struct walk *w, struct hl_error *err)
{
    bool settled = false; /* an earlier alternative had something */
    for (size_t i = 0; i < w->d->n_parts; i++) {
        const struct part *p = &w->d->parts[i];
        const struct hl_json_value *v = &w->at[SLOT_COUNT + i];
        struct hl_json_value *field = &w->at[p->field];
        if (p->op != '+') settled = field->kind != HL_JSON_ABSENT;
        if (settled || !has_something(v)) continue;
        if (field->kind == HL_JSON_ABSENT)
            *field = *v;
        else if (!join(w->arena, field, v))
            return hl_error_set(err, HL_E_NOMEM, HL_STOP, "no memory");
    }
    return HL_OK;
}

static enum hl_status wrong(struct hl_error *err, enum hl_field f, const char *wanted, const struct hl_json_value *v)
{
    return hl_error_set(err, HL_E_DECODE, HL_SKIP, "field '%s': %s is wanted, not %s", hl_field_name(f), wanted, hl_json_kind_name(v->kind));
}

static bool present(const struct hl_json_value *v)
{
    return v->kind != HL_JSON_ABSENT && v->kind != HL_JSON_NULL;
}

/* Records of others hold ids as numbers, and more: a field of the map may be any scalar. */
static enum hl_status set_text(struct hl_slice *to, enum hl_field f, bool mapped, const struct hl_json_value *v, struct hl_error *err)
{
    if (!present(v)) return HL_OK;
    if (v->kind != HL_JSON_STRING && !(mapped && is_scalar(v->kind))) return wrong(err, f, "a string", v);
    *to = v->text;
    return HL_OK;
}

static enum hl_status set_time(struct hl_event *ev, bool seconds, const struct hl_json_value *v, struct hl_error *err)
{
    int64_t ms;
    bool ok;
    if (!present(v)) return HL_OK;
    if (v->kind != HL_JSON_STRING && v->kind != HL_JSON_NUMBER) return wrong(err, HL_FIELD_OCCURRED_AT, "a time", v);
    ok = seconds ? hl_seconds_parse(v->text, &ms) : hl_slice_parse_i64(v->text, &ms);
    if (!ok && v->kind == HL_JSON_STRING) ok = hl_iso8601_parse(v->text, &ms);
    if (!ok)
        return hl_error_set(err, HL_E_DECODE, HL_SKIP, "field 'occurred_at': the %s is neither %s nor RFC 3339 with an offset%s",
                            v->kind == HL_JSON_NUMBER ? "number" : "text", seconds ? "seconds" : "whole milliseconds",
                            !seconds && hl_seconds_parse(v->text, &ms) ? "; seconds with a fraction are read with time_unit: s" : "");
    ev->occurred_at = ms == HL_TIME_ABSENT ? ms + 1 : ms;
    return HL_OK;
}

/* A field of the map may name the machine: anything but these words of denial does. */
static bool denies(struct hl_slice text)
{
    static const char *const words[] = {"", "0", "false", "no"};
    for (size_t i = 0; i < HL_ARRAY_LEN(words); i++)
        if (hl_slice_eq_cstr(text, words[i])) return true;
    return false;
}

static enum hl_status set_machine(struct hl_event *ev, bool mapped, const struct hl_json_value *v, struct hl_error *err)
{
    bool plain = v->kind == HL_JSON_TRUE || v->kind == HL_JSON_FALSE;
    if (!present(v)) return HL_OK;
    if (!plain && !(mapped && is_scalar(v->kind))) return wrong(err, HL_FIELD_MACHINE, "true or false", v);
    ev->machine = plain ? v->kind == HL_JSON_TRUE : !denies(v->text);
    return HL_OK;
}

/* The scalar members of an object, which has been walked once and so is known to be well formed. null and what has parts is passed over. */
static enum hl_status put_attributes(struct walk *w, const struct hl_json_value *object, struct hl_kv *kv, size_t *n, struct hl_error *err)
{
    struct hl_json_scan s;
    struct hl_json_value value;
    struct hl_slice key;
    bool first = true;
    if (object->kind != HL_JSON_OBJECT) return HL_OK;
    hl_json_scan_init(&s, object->text, 0);
    hl_json_scan_enter(&s);
    while (hl_json_scan_key(&s, w->arena, &first, HL_SLICE_NULL, &key) && hl_json_scan_value(&s, w->arena, &value)) {
        if (!is_scalar(value.kind)) continue;
        if (*n == HL_EVENT_MAX_ATTRIBUTES)
            return hl_error_set(err, HL_E_TOO_LARGE, HL_SKIP, "field 'attributes': more than %d attributes", HL_EVENT_MAX_ATTRIBUTES);
        kv[(*n)++] = (struct hl_kv){key, value.text};
    }
    return s.what ? hl_error_set(err, HL_E_NOMEM, HL_STOP, "%s", s.what) : HL_OK;
}

static enum hl_status put_named(const struct walk *w, struct hl_kv *kv, size_t *n, struct hl_error *err)
{
    for (size_t i = 0; i < w->d->n_named; i++) {
        if (!is_scalar(w->named[i].kind)) continue;
        if (*n == HL_EVENT_MAX_ATTRIBUTES)
            return hl_error_set(err, HL_E_TOO_LARGE, HL_SKIP, "field 'attributes': more than %d attributes", HL_EVENT_MAX_ATTRIBUTES);
        kv[(*n)++] = (struct hl_kv){hl_slice_of(w->d->named[i].name), w->named[i].text};
    }
    return HL_OK;
}

/* Attributes of up to three objects, the later ones over the earlier. Room for the most there can be is taken, and given back. */
static enum hl_status set_attributes(struct walk *w, struct hl_event *ev, const enum slot *slots, size_t n_slots, struct hl_error *err)
{
    struct hl_kv kv[HL_EVENT_MAX_ATTRIBUTES];
    enum hl_status st = HL_OK;
    size_t n = 0;
    for (size_t i = 0; st == HL_OK && i < n_slots; i++) st = put_attributes(w, &w->at[slots[i]], kv, &n, err);
    if (st == HL_OK && w->d->n_named) st = put_named(w, kv, &n, err);
    if (st != HL_OK || n == 0) return st;
    struct hl_kv *kept = hl_arena_alloc(w->arena, n * sizeof(*kept));
    if (!kept) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "no memory");
    memcpy(kept, kv, n * sizeof(*kept));
    ev->attributes = kept;
    ev->n_attributes = n;
    return HL_OK;
}

static struct hl_slice *text_slot(struct hl_event *ev, size_t f)
{
    switch ((enum hl_field)f) {
    case HL_FIELD_EVENT_ID: return &ev->event_id;
    case HL_FIELD_CONTACT_ID: return &ev->contact_id;
    case HL_FIELD_TYPE: return &ev->type_name;
    case HL_FIELD_URL: return &ev->url;
    case HL_FIELD_ASSET: return &ev->asset;
    case HL_FIELD_FORM: return &ev->form;
    case HL_FIELD_CAMPAIGN: return &ev->campaign;
    case HL_FIELD_SOURCE: return &ev->source;
    case HL_FIELD_ACTOR: return &ev->actor;
    case HL_FIELD_REASON: return &ev->reason;
    case HL_FIELD_OCCURRED_AT: case HL_FIELD_MACHINE: case HL_FIELD_ATTRIBUTES: case HL_FIELD_COUNT: break;
    }
    return NULL;
}

/* One canonical field from its slot. */
static enum hl_status set_field(struct walk *w, struct hl_event *ev, enum hl_field f, struct hl_error *err)
{
    struct hl_slice *text = text_slot(ev, f);
    enum slot slot = (enum slot)f;
    const struct hl_json_value *v = &w->at[f];
    if (text) return set_text(text, f, w->d->mapped[f], v, err);
    if (f == HL_FIELD_OCCURRED_AT) return set_time(ev, w->d->seconds, v, err);
    if (f == HL_FIELD_MACHINE) return set_machine(ev, w->d->mapped[f], v, err);
    if (present(v) && v->kind != HL_JSON_OBJECT) return wrong(err, f, "an object", v);
    return set_attributes(w, ev, &slot, 1, err);
}

static enum hl_status assemble_canonical(struct walk *w, struct hl_event *ev, struct hl_error *err)
{
    enum hl_status st = HL_OK;
    for (size_t f = 0; st == HL_OK && f < HL_FIELD_COUNT; f++) st = set_field(w, ev, (enum hl_field)f, err);
    ev->type = hl_type_table_find(w->d->types, ev->type_name);
    return st;
}

/* The first of the slots that holds a string with something in it. Free-form members of another kind are none of our business. */
static struct hl_slice first_text(const struct walk *w, enum slot a, enum slot b)
{
    if (w->at[a].kind == HL_JSON_STRING && w->at[a].text.len) return w->at[a].text;
    if (w->at[b].kind == HL_JSON_STRING && w->at[b].text.len) return w->at[b].text;
    return HL_SLICE_NULL;
}

/* "Page Viewed", "page-viewed" -> page_viewed. Unknown where that is no type either. */
static enum hl_event_type find_loosely(struct hl_slice name)
{
    char text[64];
    size_t n = 0;
    if (name.len >= sizeof(text)) return HL_EVENT_UNKNOWN;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.data[i];
        if (c >= 'A' && c <= 'Z') c = (char)(c + ('a' - 'A'));
        text[n++] = c == ' ' || c == '-' ? '_' : c;
    }
    return hl_event_type_find((struct hl_slice){text, n});
}

/* The kind of call says it for page, screen and identify; the name of the event for track. Aliases come first. */
static void set_segment_type(struct walk *w, struct hl_event *ev)
{
    struct hl_slice call = first_text(w, SLOT_CALL, SLOT_CALL), name = first_text(w, SLOT_EVENT, SLOT_CALL);
    bool page = hl_slice_eq_cstr(call, "page") || hl_slice_eq_cstr(call, "screen"), identify = hl_slice_eq_cstr(call, "identify");
    ev->type_name = page || identify ? call : name;
    ev->type = hl_type_table_find(w->d->types, ev->type_name);
    if (ev->type != HL_EVENT_UNKNOWN) return;
    ev->type = page ? HL_EVENT_PAGE_VIEWED : identify ? HL_EVENT_CONTACT_IDENTIFIED : find_loosely(ev->type_name);
}

static enum hl_status set_segment_time(struct walk *w, struct hl_event *ev, struct hl_error *err)
{
    static const enum slot order[] = {SLOT_TIMESTAMP, SLOT_ORIGINAL_TIMESTAMP, SLOT_SENT_AT};
    for (size_t i = 0; i < HL_ARRAY_LEN(order); i++)
        if (present(&w->at[order[i]])) return set_time(ev, false, &w->at[order[i]], err);
    return HL_OK;
}

/* Who identifies itself says who it was until then; traits of that name come first. */
static enum hl_status add_anonymous_id(struct walk *w, struct hl_event *ev, struct hl_error *err)
{
    const struct hl_slice key = HL_SLICE_LIT("anonymous_id");
    struct hl_slice user = first_text(w, SLOT_USER_ID, SLOT_USER_ID), anonymous = first_text(w, SLOT_ANONYMOUS_ID, SLOT_ANONYMOUS_ID);
    if (ev->type != HL_EVENT_CONTACT_IDENTIFIED || user.len == 0 || anonymous.len == 0 || ev->n_attributes == HL_EVENT_MAX_ATTRIBUTES) return HL_OK;
    if (!hl_slice_is_null(hl_event_attribute(ev, key))) return HL_OK;
    struct hl_kv *kv = hl_arena_alloc(w->arena, (ev->n_attributes + 1) * sizeof(*kv));
    if (!kv) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "no memory");
    if (ev->n_attributes) memcpy(kv, ev->attributes, ev->n_attributes * sizeof(*kv));
    kv[ev->n_attributes++] = (struct hl_kv){key, anonymous};
    ev->attributes = kv;
    return HL_OK;
}

static enum hl_status assemble_segment(struct walk *w, struct hl_event *ev, struct hl_error *err)
{
    static const enum slot attributes[] = {SLOT_CONTEXT_TRAITS, SLOT_TRAITS, SLOT_PROPERTIES};
    enum hl_status st = set_text(&ev->event_id, HL_FIELD_EVENT_ID, false, &w->at[SLOT_MESSAGE_ID], err);
    ev->contact_id = first_text(w, SLOT_USER_ID, SLOT_ANONYMOUS_ID);
    set_segment_type(w, ev);
    ev->url = first_text(w, SLOT_PAGE_URL, SLOT_P_URL);
    ev->campaign = first_text(w, SLOT_CAMPAIGN_NAME, SLOT_P_CAMPAIGN);
    ev->source = first_text(w, SLOT_CAMPAIGN_SOURCE, SLOT_P_SOURCE);
    ev->asset = first_text(w, SLOT_P_ASSET, SLOT_P_ASSET);
    ev->form = first_text(w, SLOT_P_FORM, SLOT_P_FORM);
    ev->actor = first_text(w, SLOT_P_ACTOR, SLOT_P_ACTOR);
    ev->reason = first_text(w, SLOT_P_REASON, SLOT_P_REASON);
    if (st == HL_OK && !w->d->mapped[HL_FIELD_OCCURRED_AT]) st = set_segment_time(w, ev, err);
    if (st == HL_OK && !w->d->mapped[HL_FIELD_ATTRIBUTES]) st = set_attributes(w, ev, attributes, HL_ARRAY_LEN(attributes), err);
    for (size_t f = 0; st == HL_OK && f < HL_FIELD_COUNT; f++) {
        if (!w->d->mapped[f]) continue;
        st = set_field(w, ev, (enum hl_field)f, err);
        if (f == HL_FIELD_TYPE) ev->type = hl_type_table_find(w->d->types, ev->type_name);
    }
    if (st == HL_OK && !w->d->mapped[HL_FIELD_CONTACT_ID]) st = add_anonymous_id(w, ev, err);
    return st;
}

static bool is_segment(const struct walk *w)
{
    if (w->d->shape == HL_JSON_SEGMENT) return true;
    return w->at[HL_FIELD_EVENT_ID].kind == HL_JSON_ABSENT && w->at[SLOT_MESSAGE_ID].kind != HL_JSON_ABSENT;
}

static enum hl_status walk_record(struct walk *w, struct hl_slice value, struct hl_error *err)
{
    hl_json_scan_init(&w->scan, value, 0);
    enum hl_json_kind kind = hl_json_scan_peek(&w->scan);
    if (kind != HL_JSON_OBJECT && kind != HL_JSON_ABSENT)
        return hl_error_set(err, HL_E_DECODE, HL_SKIP, "JSON: an object is wanted, not %s", hl_json_kind_name(kind));
    if (kind == HL_JSON_ABSENT)
        w->scan.what = value.len && (value.data[0] == 0 || (uint8_t)value.data[0] == 0xc3) ? "no object; it looks like Avro" : "no object";
    else if (walk_object(w, 0)) hl_json_scan_end(&w->scan);
    if (!w->scan.what) return HL_OK;
    return hl_error_set(err, HL_E_DECODE, HL_SKIP, "JSON: byte %zu: %s", (size_t)(w->scan.p - w->scan.start), w->scan.what);
}

static enum hl_status decode(struct hl_decoder *base, struct hl_slice value, struct hl_arena *arena, struct hl_event *ev, struct hl_error *err)
{
    const struct json_decoder *d = (const struct json_decoder *)base;
    struct walk w;
    w.d = d;
    w.arena = arena;
    memset(w.named, 0, d->n_named * sizeof(w.named[0]));
    memset(w.at, 0, (SLOT_COUNT + d->n_parts) * sizeof(w.at[0])); /* absent; what nobody asks for costs nothing */
    if (hl_slice_is_null(value)) return hl_error_set(err, HL_E_DECODE, HL_SKIP, "the record has no value");
    if (value.len > MAX_RECORD)
        return hl_error_set(err, HL_E_TOO_LARGE, HL_SKIP, "record of %zu bytes, at most %zu are read", value.len, MAX_RECORD);
    enum hl_status st = walk_record(&w, value, err);
    if (st == HL_OK) st = combine(&w, err);
    if (st != HL_OK) return st;
    hl_event_reset(ev);
    st = is_segment(&w) ? assemble_segment(&w, ev, err) : assemble_canonical(&w, ev, err);
    if (st != HL_OK) return st;
    if (ev->type != HL_EVENT_UNKNOWN) ev->type_name = hl_slice_of(hl_event_type_name(ev->type));
    return hl_event_check(ev, err);
}

static void json_decoder_free(struct hl_decoder *base)
{
    struct json_decoder *d = (struct json_decoder *)base;
    for (size_t i = 0; i < d->n_nodes; i++) free(d->nodes[i].key);
    for (size_t i = 0; i < d->n_named; i++) free(d->named[i].name);
    hl_type_table_free(d->types);
    free(d);
}

static enum hl_status add_paths(struct json_decoder *d, const struct hl_field_map *map, struct hl_error *err)
{
    static const char *const segment[] = {
#define X(code, path) path,
        SEGMENT_SLOTS(X)
#undef X
    };
    bool alone = map && map->n_named && !map->path[HL_FIELD_ATTRIBUTES]; /* no object of attributes beside those that are named */
    for (size_t i = 0; map && i < map->n_named; i++)
        if (!add_named(d, &map->named[i]))
            return hl_error_set(err, HL_E_CONFIG, HL_STOP, "fields: '%.100s' is no path for the attribute '%.100s'", map->named[i].path, map->named[i].name);
    for (size_t f = 0; f < HL_FIELD_COUNT; f++) {
        d->mapped[f] = map && (map->path[f] || (f == HL_FIELD_ATTRIBUTES && alone));
        if (f == HL_FIELD_ATTRIBUTES && alone) continue;
        const char *path = d->mapped[f] ? map->path[f] : hl_field_name((enum hl_field)f);
        if (add_mapped(d, (enum hl_field)f, hl_slice_of(path))) continue;
        if (d->n_parts == HL_FIELD_MAX_COMBINED)
            return hl_error_set(err, HL_E_CONFIG, HL_STOP, "fields: too many paths are combined, at most %d", HL_FIELD_MAX_COMBINED);
        return hl_error_set(err, HL_E_CONFIG, HL_STOP, "fields: '%.100s' is no path for '%s'", path, hl_field_name((enum hl_field)f));
    }
    for (size_t i = 0; i < HL_ARRAY_LEN(segment); i++)
        if (!add_path(d, hl_slice_of(segment[i]), SLOT_FIRST_SEGMENT + 1 + i)) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "no memory");
    return HL_OK;
}

enum hl_status hl_json_decoder_new(enum hl_json_shape shape, const struct hl_field_map *map, const struct hl_type_alias *aliases,
                                   size_t n_aliases, struct hl_decoder **out, struct hl_error *err)
{
    struct json_decoder *d = calloc(1, sizeof(*d));
    if (!d) return hl_error_set(err, HL_E_NOMEM, HL_STOP, "no memory for a decoder");
    d->base = (struct hl_decoder){decode, json_decoder_free};
    d->shape = shape;
    d->seconds = map && map->seconds;
    d->n_nodes = 1;
    enum hl_status st = hl_type_table_new(aliases, n_aliases, &d->types);
    if (st != HL_OK) hl_error_set(err, st, HL_STOP, "no memory for a decoder");
    else st = add_paths(d, map, err);
    if (st == HL_OK) *out = &d->base;
    else json_decoder_free(&d->base);
    return st;
}
