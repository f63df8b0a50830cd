/* What travels in the metadata of the committed offset: "L=<low-water>", of the same topic and partition, and behind a blank "S=<state_end>", of the
 * state topic's partition, or "S=rebuilding". A record without S is of an earlier version, or of a partition that had no state yet. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

#define REBUILDING "rebuilding"

static int put_metadata(char *text, size_t cap, const struct hl_position *p)
{
    if (p->state_end == HL_STATE_REBUILDING) return snprintf(text, cap, "L=%lld S=" REBUILDING, (long long)p->low_water);
    if (p->state_end > 0) return snprintf(text, cap, "L=%lld S=%lld", (long long)p->low_water, (long long)p->state_end);
    return snprintf(text, cap, "L=%lld", (long long)p->low_water);
}

rd_kafka_topic_partition_list_t *hl_kafka_positions_list(const struct hl_kafka *k, const struct hl_position *p, size_t n)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n + 1);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_t *tp = rd_kafka_topic_partition_list_add(list, k->config.inputs[p[i].topic], p[i].partition);
        char text[64];
        int len = put_metadata(text, sizeof(text), &p[i]);
        tp->offset = p[i].offset;
        tp->metadata = malloc((size_t)len + 1); /* the list frees it */
        if (!tp->metadata) continue;
        memcpy(tp->metadata, text, (size_t)len + 1);
        tp->metadata_size = (size_t)len;
    }
    return list;
}

/* The word that begins with `name`, without it; null: there is none. */
static struct hl_slice word_of(struct hl_slice text, const char *name)
{
    while (text.len) {
        const char *blank = memchr(text.data, ' ', text.len);
        size_t len = blank ? (size_t)(blank - text.data) : text.len;
        if (len > 2 && memcmp(text.data, name, 2) == 0) return (struct hl_slice){text.data + 2, len - 2};
        if (!blank) break;
        text = (struct hl_slice){blank + 1, text.len - len - 1};
    }
    return HL_SLICE_NULL;
}

static int64_t number_of(struct hl_slice word, int64_t otherwise)
{
    int64_t v;
    return !hl_slice_is_null(word) && hl_slice_parse_i64(word, &v) && v >= 0 ? v : otherwise;
}

void hl_kafka_position_read(const rd_kafka_topic_partition_t *from, struct hl_position *to)
{
    struct hl_slice text = {from->metadata, from->metadata_size};
    while (text.len && text.data[text.len - 1] == '\0') text.len--;
    if (from->offset < 0) text.len = 0;
    struct hl_slice end = word_of(text, "S=");
    to->offset = from->offset < 0 ? -1 : from->offset;
    to->low_water = number_of(word_of(text, "L="), -1);
    to->state_end = hl_slice_eq_cstr(end, REBUILDING) ? HL_STATE_REBUILDING : number_of(end, 0);
}
