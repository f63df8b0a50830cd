#include "rank.h"

#include <stdio.h>
#include <stdlib.h>

#include "hotlead/base/iso8601.h"
#include "hotlead/core/apply.h"
#include "json_text.h"
#include "problem.h"

/* --- what is asked for --- */

bool hl_rank_parse_stage(const char *text, int *stage, struct hl_error *err)
{
    enum hl_stage found;
    struct hl_nearest nearest;
    if (hl_stage_find(hl_slice_of(text), &found) && found != HL_STAGE_DISQUALIFIED) {
        *stage = (int)found;
        return true;
    }
    hl_nearest_init(&nearest, hl_slice_of(text));
    for (int s = 0; s < HL_STAGE_COUNT; s++)
        if (s != HL_STAGE_DISQUALIFIED) hl_nearest_offer(&nearest, hl_stage_name((enum hl_stage)s));
    if (strcmp(text, hl_stage_name(HL_STAGE_DISQUALIFIED)) == 0)
        hl_error_set(err, HL_E_USAGE, HL_STOP, "the disqualified are not ranked");
    else
        hl_error_set(err, HL_E_USAGE, HL_STOP, "stage is one such as lead or mql, not '%s'%s", text, hl_nearest_hint(&nearest));
    return false;
}

bool hl_rank_parse_limit(const char *text, size_t most, size_t *limit, struct hl_error *err)
{
    int64_t n;
    if (hl_slice_parse_i64(hl_slice_of(text), &n) && n >= 1 && (size_t)n <= most) {
        *limit = (size_t)n;
        return true;
    }
    hl_error_set(err, HL_E_USAGE, HL_STOP, "limit is a number from 1 to %zu, not '%s'", most, text);
    return false;
}

/* --- the heap --- */

enum hl_status hl_rank_init(struct hl_rank *r, const struct hl_model *m, int stage, size_t limit, int64_t at)
{
    HL_BUG_ON(limit < 1 || limit > HL_RANK_MAX);
    *r = (struct hl_rank){.m = m, .limit = limit, .stage = stage, .at = at};
    r->items = calloc(limit, sizeof(*r->items));
    return r->items ? HL_OK : HL_E_NOMEM;
}

void hl_rank_fini(struct hl_rank *r)
{
    for (size_t i = 0; r->items && i < r->limit; i++) free(r->items[i].block);
    free(r->items);
    r->items = NULL;
}

static bool is_hotter(const struct hl_rank_item *a, const struct hl_rank_item *b)
{
    bool active = a->kind == HL_KIND_ACTIVE;
    if (a->score != b->score) return a->score > b->score;
    if (active != (b->kind == HL_KIND_ACTIVE)) return active;
    return hl_slice_compare(a->id, b->id) < 0;
}

static void swap(struct hl_rank_item *a, struct hl_rank_item *b)
{
    struct hl_rank_item old = *a;
    *a = *b;
    *b = old;
}

static void sift_up(struct hl_rank_item *items, size_t i)
{
    for (; i > 0 && is_hotter(&items[(i - 1) / 2], &items[i]); i = (i - 1) / 2) swap(&items[i], &items[(i - 1) / 2]);
}

static void sift_down(struct hl_rank_item *items, size_t n)
{
    for (size_t i = 0, child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && is_hotter(&items[child], &items[child + 1])) child++;
        if (!is_hotter(&items[i], &items[child])) break;
        swap(&items[i], &items[child]);
    }
}

/* Over what stood there, in the block that was its own if that is large enough. */
static bool fill(struct hl_rank_item *to, const struct hl_rank_item *from)
{
    size_t size = from->id.len + from->owner.len;
    if (to->block_size < size) {
        char *block = realloc(to->block, size);
        if (!block) return false;
        to->block = block;
        to->block_size = size;
    }
    char *block = to->block;
    size_t block_size = to->block_size;
    *to = *from;
    to->block = block;
    to->block_size = block_size;
    to->id.data = memcpy(block, from->id.data, from->id.len);
    if (from->owner.data) to->owner.data = memcpy(block + from->id.len, from->owner.data, from->owner.len);
    return true;
}

static void put(struct hl_rank *r, const struct hl_rank_item *item)
{
    bool full = r->n == r->limit;
    if (full && !is_hotter(item, &r->items[0])) return;
    size_t place = full ? 0 : r->n;
    if (!fill(&r->items[place], item)) {
        r->failed = true;
        return;
    }
    if (full)
        sift_down(r->items, r->n);
    else
        sift_up(r->items, r->n++);
}

void hl_rank_offer(struct hl_rank *r, const struct hl_model *m, const struct hl_contact *c)
{
    if (c->stage == HL_STAGE_DISQUALIFIED || (c->flags & (HL_C_ERASED | HL_C_GRAVE | HL_C_MERGED)) || (r->stage != HL_RANK_ANY && c->stage != r->stage)) return;
    struct hl_score score = hl_score_at(c, m, r->at > c->clock ? r->at : c->clock);
    put(r, &(struct hl_rank_item){.id = hl_contact_id(c), .owner = hl_contact_owner(c), .score = score.total, .since = c->stage_since,
                                  .sla_due = hl_contact_sla_due(c), .partition = c->partition, .stage = c->stage, .kind = c->kind, .grade = (char)c->grade,
                                  .suspect = c->flags & HL_C_SUSPECT});
}

void hl_rank_offer_item(struct hl_rank *r, const struct hl_rank_item *item)
{
    if (item->stage != HL_STAGE_DISQUALIFIED && (r->stage == HL_RANK_ANY || item->stage == r->stage)) put(r, item);
}

void hl_rank_sort(struct hl_rank *r)
{
    for (size_t n = r->n; n > 1; n--) {
        swap(&r->items[0], &r->items[n - 1]);
        sift_down(r->items, n - 1);
    }
}

/* --- the answer --- */

static void put_item(const struct hl_rank_item *i, struct hl_buf *out)
{
    hl_json_put_raw(out, "{\"contact_id\":");
    hl_json_put_text(out, i->id);
    hl_buf_printf(out, ",\"stage\":\"%s\",\"kind\":", hl_stage_name((enum hl_stage)i->stage));
    hl_json_put_text(out, hl_slice_of(hl_kind_name((enum hl_kind)i->kind)));
    hl_json_put_raw(out, ",\"score\":");
    hl_json_put_points(out, i->score);
    hl_json_put_raw(out, ",\"grade\":");
    hl_json_put_text(out, i->grade ? (struct hl_slice){&i->grade, 1} : HL_SLICE_NULL);
    hl_buf_printf(out, ",\"suspect\":%s,\"owner\":", i->suspect ? "true" : "false");
    hl_json_put_text(out, i->owner);
    hl_buf_printf(out, ",\"since\":%lld,\"sla_due\":", (long long)i->since);
    if (i->sla_due == HL_NO_TIME)
        hl_json_put_raw(out, "null}");
    else
        hl_buf_printf(out, "%lld}", (long long)i->sla_due);
}

void hl_rank_put_json(const struct hl_rank *r, struct hl_buf *out)
{
    hl_json_put_raw(out, "{\"model\":");
    hl_json_put_text(out, hl_slice_of(r->m->name));
    hl_json_put_raw(out, ",\"model_version\":");
    hl_json_put_text(out, hl_slice_of(r->m->version));
    hl_buf_printf(out, ",\"as_of\":%lld,\"stage\":", (long long)r->at);
    hl_json_put_text(out, hl_slice_of(r->stage == HL_RANK_ANY ? NULL : hl_stage_name((enum hl_stage)r->stage)));
    hl_buf_printf(out, ",\"limit\":%zu,\"contacts\":[", r->limit);
    for (size_t i = 0; i < r->n; i++) {
        if (i) hl_json_put_raw(out, ",");
        put_item(&r->items[i], out);
    }
    hl_json_put_raw(out, "]");
}

void hl_rank_put_table(const struct hl_rank *r, struct hl_buf *out)
{
    char time[HL_ISO8601_SIZE], stage[40];
    hl_buf_printf(out, "%5s %9s  %-5s  %-16s %-24s  contact -> owner\n", "", "score", "grade", "stage", "since");
    for (size_t n = 0; n < r->n; n++) {
        const struct hl_rank_item *i = &r->items[n];
        const char *kind = i->stage == HL_STAGE_MQL ? hl_kind_name((enum hl_kind)i->kind) : NULL; /* it is kept elsewhere */
        snprintf(stage, sizeof(stage), kind ? "%s, %s" : "%s", hl_stage_name((enum hl_stage)i->stage), kind);
        hl_buf_printf(out, "%5zu %9.1f  %-5c  %-16s %-24s  ", n + 1, hl_fixed_to_double(i->score), i->grade ? i->grade : '-', stage,
                      hl_iso8601_format(i->since, time));
        hl_buf_put_plain(out, i->id);
        if (i->owner.data) hl_buf_printf(out, " -> ");
        hl_buf_put_plain(out, i->owner);
        hl_buf_printf(out, i->suspect ? "  (suspect)\n" : "\n");
    }
}
