/* Low-water travels in the metadata of the committed offset, as "L=<offset>": of the same topic and partition. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

rd_kafka_topic_partition_list_t *hl_kafka_positions_list(const struct hl_kafka *k, const struct hl_position *p, size_t n)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)n + 1);
    for (size_t i = 0; i < n; i++) {
        rd_kafka_topic_partition_t *tp = rd_kafka_topic_partition_list_add(list, k->config.inputs[p[i].topic], p[i].partition);
        char text[40];
        int len = snprintf(text, sizeof(text), "L=%lld", (long long)p[i].low_water);
        tp->offset = p[i].offset;
        tp->metadata = malloc((size_t)len + 1); /* the list frees it */
        if (!tp->metadata) continue;
        memcpy(tp->metadata, text, (size_t)len + 1);
        tp->metadata_size = (size_t)len;
    }
    return list;
}

static int64_t low_water_parse(const rd_kafka_topic_partition_t *p)
{
    struct hl_slice text = {p->metadata, p->metadata_size};
    int64_t v;
    while (text.len && text.data[text.len - 1] == '\0') text.len--;
    if (text.len < 3 || memcmp(text.data, "L=", 2) != 0) return -1;
    return hl_slice_parse_i64((struct hl_slice){text.data + 2, text.len - 2}, &v) && v >= 0 ? v : -1;
}

void hl_kafka_position_read(const rd_kafka_topic_partition_t *from, struct hl_position *to)
{
    to->offset = from->offset < 0 ? -1 : from->offset;
    to->low_water = from->offset < 0 ? -1 : low_water_parse(from);
}
