/* DESIGN
 *     events -> acts   (contact, moment, sort)          16 bytes each
 *            -> traits (contact, moment, key, value)    24 bytes each
 * in the order of the files; close() sorts them by contact and time and cuts them at each contact's end.
 *
 * WHY NOT keep the states of contacts, as simulate does: a state is made by a model, and here is none yet. */
#include "past.h"

#include <stdlib.h>

#include "hotlead/base/hash.h"

#define MAX_SORTS 20000         /* what is new beyond that counts as its type alone */
#define MAX_VALUES 20000        /* of one key: then it is a name, not a trait */
#define MAX_WHAT 100            /* bytes */
#define SHORT_PART 3            /* "/en": a language or a region, not what a page is about */
#define BIT(code) (UINT64_C(1) << HL_EVENT_##code)

/* What the company does, or machines do: no act of the contact. Opens are the work of mail programs. */
#define NO_ACTS (BIT(EMAIL_SENT) | BIT(EMAIL_DELIVERED) | BIT(EMAIL_OPENED) | BIT(EMAIL_BOUNCED) | BIT(CONTACT_IDENTIFIED) | BIT(LIST_IMPORTED))

void hl_past_init(struct hl_past *p, const struct hl_past_options *o)
{
    *p = (struct hl_past){.o = *o, .from = HL_NO_TIME, .to = HL_NO_TIME};
    struct hl_texts *all[] = {&p->ids, &p->names, &p->keys, &p->values};
    for (size_t i = 0; i < HL_ARRAY_LEN(all); i++) hl_texts_init(all[i]);
}

void hl_past_fini(struct hl_past *p)
{
    struct hl_texts *all[] = {&p->ids, &p->names, &p->keys, &p->values};
    for (size_t i = 0; i < HL_ARRAY_LEN(all); i++) hl_texts_fini(all[i]);
    free(p->contacts);
    free(p->sorts);
    free(p->acts);
    free(p->traits);
    free(p->n_values);
    free(p->key_of);
}

/* The array, with room for one more; NULL: no memory, and the array is as it was. */
static void *with_room(void *array, size_t n, size_t *cap, size_t item)
{
    if (n < *cap) return array;
    size_t more = *cap ? *cap * 2 : 1024;
    void *grown = realloc(array, more * item);
    if (grown) *cap = more;
    return grown;
}

#define ROOM(array, n, cap)                                                       \
    ({                                                                            \
        void *roomy = with_room((array), (n), &(cap), sizeof(*(array)));          \
        if (roomy) (array) = roomy;                                               \
        roomy != NULL;                                                            \
    })

/* ---- contacts ---- */

static struct hl_past_contact *contact_of(struct hl_past *p, struct hl_slice id, uint32_t *index)
{
    size_t known = p->ids.n;
    *index = hl_texts_put(&p->ids, id);
    if (*index == HL_NO_TEXT || !ROOM(p->contacts, *index, p->cap_contacts)) return NULL;
    if (*index == known) p->contacts[known] = (struct hl_past_contact){.first_at = HL_NO_TIME, .bought_at = HL_NO_TIME, .into = HL_NO_TEXT};
    return &p->contacts[*index];
}

static void keep_earlier(int64_t *at, int64_t t)
{
    if (*at == HL_NO_TIME || t < *at) *at = t;
}

/* ---- sorts of acts ---- */

/* A text can stand in a model as a glob or a form. */
static bool is_plain(struct hl_slice s)
{
    if (s.len == 0 || s.len > MAX_WHAT || s.data[0] == '$') return false;
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.data[i] < ' ' || s.data[i] == 0x7f || strchr("*?#", s.data[i])) return false;
    return hl_utf8_is_valid(s) && hl_slice_trim(s).len == s.len;
}

static size_t end_of_part(struct hl_slice path, size_t from)
{
    const char *slash = from < path.len ? memchr(path.data + from, '/', path.len - from) : NULL;
    return slash ? (size_t)(slash - path.data) : path.len;
}

/* "/pricing/plans" -> "/pricing*"; behind a part as short as "/en" the next one decides: "/en/pricing*". */
static size_t path_glob(struct hl_slice path, char *out)
{
    size_t end = end_of_part(path, 1);
    if (end <= SHORT_PART && end + 1 < path.len) end = end_of_part(path, end + 1);
    if (path.len == 0 || !is_plain((struct hl_slice){path.data, end})) return 0;
    memcpy(out, path.data, end);
    if (end <= SHORT_PART) return end == path.len ? end : 0; /* "/" and "/en" are themselves */
    out[end] = '*';
    return end + 1;
}

/* "ebook/2026/x.pdf" -> the folder, "ebook/" and a star; an asset without one is itself. */
static size_t asset_glob(struct hl_slice asset, char *out)
{
    const char *slash = asset.len > 1 ? memchr(asset.data + 1, '/', asset.len - 1) : NULL;
    size_t end = slash ? (size_t)(slash + 1 - asset.data) : asset.len;
    if (!is_plain((struct hl_slice){asset.data, end})) return 0;
    memcpy(out, asset.data, end);
    if (slash) out[end++] = '*';
    return end;
}

static struct hl_slice narrow(const struct hl_event *ev, enum hl_sort_by *by, char out[MAX_WHAT + 2])
{
    struct hl_slice path = hl_url_path(ev->url);
    size_t len = 0;
    *by = HL_BY_TYPE;
    switch (ev->type) {
    case HL_EVENT_PAGE_VIEWED:
    case HL_EVENT_LINK_CLICKED:
        *by = HL_BY_PATH;
        len = path_glob(path, out);
        break;
    case HL_EVENT_FILE_DOWNLOADED:
    case HL_EVENT_VIDEO_WATCHED:
        *by = HL_BY_ASSET;
        len = asset_glob(ev->asset, out);
        break;
    case HL_EVENT_FORM_SUBMITTED:
        *by = HL_BY_FORM;
        len = is_plain(ev->form) ? ev->form.len : 0;
        if (len) memcpy(out, ev->form.data, len);
        break;
    default: break;
    }
    return len ? (struct hl_slice){out, len} : HL_SLICE_NULL;
}

static uint32_t put_sort(struct hl_past *p, enum hl_event_type type, enum hl_sort_by by, struct hl_slice what, uint32_t whole)
{
    char name[MAX_WHAT + 8];
    size_t known = p->names.n, len = what.len;
    if (len) memcpy(name + 2, what.data, len);
    name[0] = (char)type;
    name[1] = (char)by;
    uint32_t index = hl_texts_put(&p->names, (struct hl_slice){name, len + 2});
    if (index == HL_NO_TEXT || !ROOM(p->sorts, index, p->cap_sorts)) return HL_NO_TEXT;
    struct hl_slice kept = p->names.items[index];
    if (index == known)
        p->sorts[index] = (struct hl_sort){type, by, len ? (struct hl_slice){kept.data + 2, len} : HL_SLICE_NULL, whole == HL_NO_TEXT ? index : whole, index};
    return index;
}

static enum hl_status add_act(struct hl_past *p, uint32_t contact, const struct hl_event *ev)
{
    char text[MAX_WHAT + 2];
    enum hl_sort_by by;
    struct hl_slice what = narrow(ev, &by, text);
    uint32_t sort = put_sort(p, ev->type, HL_BY_TYPE, HL_SLICE_NULL, HL_NO_TEXT);
    if (sort != HL_NO_TEXT && what.len && p->names.n < MAX_SORTS) sort = put_sort(p, ev->type, by, what, sort);
    if (sort == HL_NO_TEXT || !ROOM(p->acts, p->n_acts, p->cap_acts)) return HL_E_NOMEM;
    p->acts[p->n_acts++] = (struct hl_act){ev->occurred_at, contact, sort};
    return HL_OK;
}

/* ---- traits ---- */

/* As conditions compare: trimmed, ASCII letters in lower case. */
static size_t fold(struct hl_slice s, char *out)
{
    s = hl_slice_trim(s);
    for (size_t i = 0; i < s.len; i++) out[i] = s.data[i] >= 'A' && s.data[i] <= 'Z' ? (char)(s.data[i] + 32) : s.data[i];
    return s.len;
}

/* *value HL_NO_TEXT: it cannot stand in a model, or the key has too many. */
static enum hl_status put_value(struct hl_past *p, uint32_t key, struct hl_slice text, uint32_t *value)
{
    char name[sizeof(key) + MAX_WHAT];
    *value = HL_NO_TEXT;
    struct hl_slice trimmed = hl_slice_trim(text);
    if (trimmed.len > MAX_WHAT || !is_plain(trimmed) || p->n_values[key] >= MAX_VALUES) return HL_OK;
    memcpy(name, &key, sizeof(key));
    size_t len = sizeof(key) + fold(trimmed, name + sizeof(key)), known = p->values.n;
    *value = hl_texts_put(&p->values, (struct hl_slice){name, len});
    if (*value == HL_NO_TEXT || !ROOM(p->key_of, *value, p->cap_values)) return HL_E_NOMEM;
    if (*value == known) p->n_values[key]++;
    p->key_of[*value] = key;
    return HL_OK;
}

struct hl_slice hl_past_value(const struct hl_past *p, uint32_t value)
{
    struct hl_slice name = p->values.items[value];
    return (struct hl_slice){name.data + sizeof(uint32_t), name.len - sizeof(uint32_t)};
}

static enum hl_status add_trait(struct hl_past *p, uint32_t contact, const struct hl_kv *kv, int64_t at)
{
    if (!is_plain(kv->key) || hl_slice_is_null(kv->value)) return HL_OK;
    size_t known = p->keys.n;
    uint32_t key = hl_texts_put(&p->keys, kv->key);
    if (key == HL_NO_TEXT || !ROOM(p->n_values, key, p->cap_keys)) return HL_E_NOMEM;
    if (key == known) p->n_values[key] = 0;
    struct hl_trait t = {at, contact, key, HL_NO_TEXT, (uint32_t)p->n_traits};
    enum hl_status st = put_value(p, key, kv->value, &t.value);
    if (st != HL_OK || !ROOM(p->traits, p->n_traits, p->cap_traits)) return HL_E_NOMEM;
    p->traits[p->n_traits++] = t;
    return HL_OK;
}

/* ---- contacts that are one ---- */

static uint32_t root_of(const struct hl_past *p, uint32_t i)
{
    while (p->contacts[i].into != HL_NO_TEXT) i = p->contacts[i].into;
    return i;
}

/* Who went into another stays there, and nobody goes into who went into him. */
static void go_into(struct hl_past *p, uint32_t from, uint32_t to)
{
    if (p->contacts[from].into == HL_NO_TEXT && root_of(p, to) != from) p->contacts[from].into = to;
}

static enum hl_status note_merge(struct hl_past *p, uint32_t index, const struct hl_event *ev)
{
    bool merged = ev->type == HL_EVENT_CONTACT_MERGED;
    uint32_t other;
    if (!merged && ev->type != HL_EVENT_CONTACT_IDENTIFIED) return HL_OK;
    struct hl_slice id = hl_event_attribute(ev, merged ? HL_SLICE_LIT("into") : HL_SLICE_LIT("anonymous_id"));
    if (id.len == 0) return HL_OK;
    if (!contact_of(p, id, &other)) return HL_E_NOMEM;
    go_into(p, merged ? index : other, merged ? other : index);
    return HL_OK;
}

/* What they did and were is that of the one that is left. */
static void join_contacts(struct hl_past *p)
{
    for (uint32_t i = 0; i < p->ids.n; i++) {
        const struct hl_past_contact *c = &p->contacts[i];
        struct hl_past_contact *root = &p->contacts[root_of(p, i)];
        if (c == root) continue;
        if (c->first_at != HL_NO_TIME) keep_earlier(&root->first_at, c->first_at);
        if (c->bought_at != HL_NO_TIME) keep_earlier(&root->bought_at, c->bought_at);
        root->erased |= c->erased;
    }
    for (size_t i = 0; i < p->n_acts; i++) p->acts[i].contact = root_of(p, p->acts[i].contact);
    for (size_t i = 0; i < p->n_traits; i++) p->traits[i].contact = root_of(p, p->traits[i].contact);
}

/* Nothing is known of it but the name, or it is another. */
static bool is_nobody(const struct hl_past_contact *c)
{
    return c->into != HL_NO_TEXT || c->first_at == HL_NO_TIME;
}

/* ---- events ---- */

enum hl_status hl_past_add(struct hl_past *p, const struct hl_event *ev)
{
    uint32_t index;
    if ((unsigned)ev->type >= HL_EVENT_TYPE_COUNT || ev->machine) return HL_OK;
    struct hl_past_contact *c = contact_of(p, ev->contact_id, &index);
    if (!c) return HL_E_NOMEM;
    p->n_events++;
    if (p->to == HL_NO_TIME || ev->occurred_at > p->to) p->to = ev->occurred_at;
    keep_earlier(&p->from, ev->occurred_at);
    keep_earlier(&c->first_at, ev->occurred_at);
    c->erased |= ev->type == HL_EVENT_CONTACT_ERASED;
    if (ev->type == p->o.bought) keep_earlier(&c->bought_at, ev->occurred_at);
    enum hl_status st = HL_OK;
    bool sets = hl_event_type_sets_attributes(ev->type);
    bool does = hl_event_type_class(ev->type) < HL_CLASS_CRM && !(NO_ACTS >> ev->type & 1) && ev->type != p->o.bought;
    if (does) st = add_act(p, index, ev);
    if (st == HL_OK) st = note_merge(p, index, ev);
    for (size_t i = 0; st == HL_OK && sets && i < ev->n_attributes; i++)
        if (!hl_slice_eq_cstr(ev->attributes[i].key, "anonymous_id")) st = add_trait(p, index, &ev->attributes[i], ev->occurred_at);
    return st;
}

/* ---- the end of what counts ---- */

static int compare_times(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* How many are at most t. */
static size_t count_up_to(const int64_t *sorted, size_t n, int64_t t)
{
    size_t lo = 0, hi = n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (sorted[mid] <= t)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void set_end(struct hl_past *p, size_t i, const int64_t *took, size_t n_took)
{
    struct hl_past_contact *c = &p->contacts[i];
    struct hl_slice id = p->ids.items[i];
    bool bought = hl_past_has_bought(c);
    c->part = HL_PART_NONE;
    if (is_nobody(c)) return;
    size_t n = bought ? 0 : count_up_to(took, n_took, p->to - c->first_at);
    c->end = bought ? c->bought_at - p->o.ahead_ms : n ? c->first_at + took[hl_hash64(id) % n] : c->first_at;
    c->from = c->end - p->o.window_ms;
    c->part = c->erased || c->end <= c->first_at ? HL_PART_NONE : hl_hash64_other(id) % 100 < p->o.holdout ? HL_PART_HOLDOUT : HL_PART_FIT;
    p->n[c->part]++;
    p->bought[c->part] += bought;
    if (c->part != HL_PART_NONE) return;
    *(c->erased ? &p->n_erased : bought ? &p->n_unseen : &p->n_young) += 1;
}

static enum hl_status set_ends(struct hl_past *p)
{
    int64_t *took = malloc((p->ids.n + 1) * sizeof(*took));
    size_t n = 0;
    if (!took) return HL_E_NOMEM;
    for (size_t i = 0; i < p->ids.n; i++) {
        const struct hl_past_contact *c = &p->contacts[i];
        if (!hl_past_has_bought(c) || c->erased || is_nobody(c)) continue;
        took[n] = c->bought_at - p->o.ahead_ms - c->first_at;
        n += took[n] > 0;
    }
    qsort(took, n, sizeof(*took), compare_times);
    for (size_t i = 0; i < p->ids.n; i++) set_end(p, i, took, n);
    free(took);
    return HL_OK;
}

/* ---- in order ---- */

/* "/pricing*" takes in "/pricing-old*": as two rules they would count a page twice. The widest one stands for all. */
static void nest_sort(struct hl_past *p, uint32_t index)
{
    char name[MAX_WHAT + 8];
    struct hl_slice own = p->names.items[index];
    memcpy(name, own.data, own.len);
    for (size_t len = 3; len < own.len; len++) {
        char next = name[len];
        name[len] = '*';
        uint32_t wider = hl_texts_find(&p->names, (struct hl_slice){name, len + 1});
        name[len] = next;
        if (wider == HL_NO_TEXT || wider == index) continue;
        p->sorts[index].within = wider;
        return;
    }
}

static void nest_sorts(struct hl_past *p)
{
    for (uint32_t i = 0; i < p->names.n; i++)
        if (p->sorts[i].by == HL_BY_PATH) nest_sort(p, i);
}

static int compare_acts(const void *a, const void *b)
{
    const struct hl_act *x = a, *y = b;
    if (x->contact != y->contact) return x->contact < y->contact ? -1 : 1;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return (x->sort > y->sort) - (x->sort < y->sort);
}

static int compare_traits(const void *a, const void *b)
{
    const struct hl_trait *x = a, *y = b;
    if (x->contact != y->contact) return x->contact < y->contact ? -1 : 1;
    if (x->key != y->key) return x->key < y->key ? -1 : 1;
    if (x->at != y->at) return x->at < y->at ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

/* In place: what is before the end of its contact, once. */
static void cut_acts(struct hl_past *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->n_acts; i++) {
        struct hl_act a = p->acts[i];
        struct hl_past_contact *c = &p->contacts[a.contact];
        if (c->part == HL_PART_NONE || a.at >= c->end) continue;
        if (c->n_acts && compare_acts(&p->acts[kept - 1], &a) == 0) continue;
        if (c->n_acts++ == 0) c->first_act = kept;
        p->acts[kept++] = a;
    }
    p->n_acts = kept;
}

/* In place: for each contact and key the last value before the end, unless it was removed. */
static void cut_traits(struct hl_past *p)
{
    size_t kept = 0;
    for (size_t i = 0; i < p->n_traits; i++) {
        struct hl_trait t = p->traits[i];
        struct hl_past_contact *c = &p->contacts[t.contact];
        if (c->part == HL_PART_NONE || t.at >= c->end) continue;
        bool replaces = c->n_traits && p->traits[kept - 1].key == t.key;
        if (!replaces && c->n_traits++ == 0) c->first_trait = kept;
        p->traits[replaces ? kept - 1 : kept++] = t;
    }
    p->n_traits = kept;
}

enum hl_status hl_past_close(struct hl_past *p)
{
    join_contacts(p);
    enum hl_status st = set_ends(p);
    if (st != HL_OK) return st;
    nest_sorts(p);
    for (size_t i = 0; i < p->n_acts; i++) p->acts[i].sort = p->sorts[p->acts[i].sort].within;
    if (p->n_acts) qsort(p->acts, p->n_acts, sizeof(*p->acts), compare_acts);
    if (p->n_traits) qsort(p->traits, p->n_traits, sizeof(*p->traits), compare_traits);
    cut_acts(p);
    cut_traits(p);
    return HL_OK;
}
