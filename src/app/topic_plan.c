#include "topic_plan.h"

#include <inttypes.h>
#include <stdio.h>

#define DAY_MS INT64_C(86400000)
#define TOMBSTONES_MS "604800000" /* a week */
#define SEGMENT "104857600"       /* what Kafka gives its own compacted topic */
#define TIMESTAMPS "LogAppendTime" /* the broker's clock, whatever that of the process says */
#define LARGE_SEGMENT INT64_C(268435456)

const char *hl_topic_setting_name(enum hl_topic_setting s)
{
    static const char *const names[] = {
#define X(id, name) [HL_TOPIC_##id] = name,
        HL_TOPIC_SETTINGS(X)
#undef X
    };
    return names[s];
}

const char *hl_topic_role_name(enum hl_topic_role r)
{
    static const char *const names[] = {[HL_ROLE_INPUT] = "input", [HL_ROLE_TRANSITIONS] = "transitions", [HL_ROLE_STATE] = "state",
                                        [HL_ROLE_ALERTS] = "alerts", [HL_ROLE_DEAD_LETTER] = "dead-letter",
                                        [HL_ROLE_MERGES] = "merges"};
    return names[r];
}

/* --- creation --- */

size_t hl_topic_settings(enum hl_topic_role role, int replication, const char *max_bytes, struct hl_kafka_property *out)
{
    size_t n = 0;
    if (role == HL_ROLE_INPUT) return 0; /* the users' own: the broker's defaults, but for what is said below */
    out[n++] = (struct hl_kafka_property){"cleanup.policy", role == HL_ROLE_STATE ? "compact" : "delete"};
    out[n++] = (struct hl_kafka_property){"message.timestamp.type", TIMESTAMPS};
    if (replication >= 3) out[n++] = (struct hl_kafka_property){"min.insync.replicas", "2"};
    if (role == HL_ROLE_STATE) {
        out[n++] = (struct hl_kafka_property){"delete.retention.ms", TOMBSTONES_MS};
        out[n++] = (struct hl_kafka_property){"segment.bytes", SEGMENT};
        out[n++] = (struct hl_kafka_property){"min.cleanable.dirty.ratio", "0.2"};
    }
    if (role == HL_ROLE_DEAD_LETTER && max_bytes) out[n++] = (struct hl_kafka_property){"max.message.bytes", max_bytes};
    return n;
}

/* --- comparison --- */

struct look {
    const struct hl_topic_plan *p;
    struct hl_topic *t;
};

static bool number(const struct hl_topic *t, enum hl_topic_setting s, int64_t *v)
{
    return t->values[s] && hl_slice_parse_i64(hl_slice_of(t->values[s]), v);
}

static struct hl_topic_problem *add(struct look *l, enum hl_topic_severity severity, const char *setting, const char *why)
{
    HL_BUG_ON(l->t->n_problems == HL_TOPIC_MAX_PROBLEMS);
    struct hl_topic_problem *x = &l->t->problems[l->t->n_problems++];
    *x = (struct hl_topic_problem){.setting = setting, .severity = severity, .why = why, .can_set = strcmp(setting, "partitions") != 0};
    return x;
}

static void add_setting(struct look *l, enum hl_topic_severity severity, enum hl_topic_setting s, const char *wanted, const char *why)
{
    struct hl_topic_problem *x = add(l, severity, hl_topic_setting_name(s), why);
    snprintf(x->is, sizeof(x->is), "%.39s", l->t->values[s]);
    snprintf(x->wanted, sizeof(x->wanted), "%.39s", wanted);
}

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *s = list; s && (s = strstr(s, word)); s += n)
        if ((s == list || s[-1] == ',' || s[-1] == ' ') && (s[n] == 0 || s[n] == ',' || s[n] == ' ')) return true;
    return false;
}

static void look_at_cleanup(struct look *l)
{
    const char *is = l->t->values[HL_TOPIC_CLEANUP];
    if (!is) return;
    bool compacted = has_word(is, "compact"), deleted = has_word(is, "delete");
    if (l->t->role == HL_ROLE_STATE && (!compacted || deleted))
        add_setting(l, HL_TOPIC_WRONG, HL_TOPIC_CLEANUP, "compact", "the state of contacts that were quiet for the retention would be lost");
    else if (l->t->role == HL_ROLE_INPUT && compacted)
        add_setting(l, HL_TOPIC_BETTER, HL_TOPIC_CLEANUP, "delete", "events that are not read before they are compacted are lost");
    else if (l->t->role != HL_ROLE_STATE && l->t->role != HL_ROLE_INPUT && !deleted)
        add_setting(l, HL_TOPIC_WRONG, HL_TOPIC_CLEANUP, "delete", "only the last record of each contact would be kept");
}

/* How far back a restart may have to read, and for how long a process may be away. */
static void look_at_retention(struct look *l)
{
    char wanted[24];
    int64_t is, replay = l->p->config->checkpoint_max_replay_ms, good = replay * 10 > DAY_MS ? replay * 10 : DAY_MS;
    if ((l->t->role != HL_ROLE_INPUT && l->t->role != HL_ROLE_MERGES) || !has_word(l->t->values[HL_TOPIC_CLEANUP], "delete")) return;
    if (number(l->t, HL_TOPIC_RETENTION_MS, &is) && is >= 0 && is < good) {
        snprintf(wanted, sizeof(wanted), "%" PRId64, good);
        add_setting(l, is < replay * 2 ? HL_TOPIC_WRONG : HL_TOPIC_BETTER, HL_TOPIC_RETENTION_MS, wanted,
                    is < replay * 2 ? "a restart reads up to checkpoint.max_replay again, and the topic would not hold it any more"
                                    : "hotlead can be away no longer than this without losing events");
    }
    if (number(l->t, HL_TOPIC_RETENTION_BYTES, &is) && is >= 0)
        add_setting(l, HL_TOPIC_BETTER, HL_TOPIC_RETENTION_BYTES, "-1", "a burst can push out events before they are read");
}

static void look_at_safety(struct look *l)
{
    int64_t in_sync;
    const char *unclean = l->t->values[HL_TOPIC_UNCLEAN];
    bool ours = l->t->role != HL_ROLE_INPUT;
    if (number(l->t, HL_TOPIC_MIN_INSYNC, &in_sync) && l->t->replication > 0) {
        if (in_sync > l->t->replication)
            add_setting(l, HL_TOPIC_WRONG, HL_TOPIC_MIN_INSYNC, l->t->replication > 1 ? "2" : "1", "more than there are replicas: nothing can be written");
        else if (in_sync < 2 && l->t->replication >= 3)
            add_setting(l, ours ? HL_TOPIC_WRONG : HL_TOPIC_BETTER, HL_TOPIC_MIN_INSYNC, "2", "what one broker alone has acknowledged is lost with it");
    }
    if (unclean && strcmp(unclean, "true") == 0)
        add_setting(l, ours ? HL_TOPIC_WRONG : HL_TOPIC_BETTER, HL_TOPIC_UNCLEAN, "false", "a broker that was behind could become leader, and lose records");
}

static void look_at_compaction(struct look *l)
{
    int64_t v;
    if (l->t->role != HL_ROLE_STATE) return;
    if (number(l->t, HL_TOPIC_SEGMENT_BYTES, &v) && v > LARGE_SEGMENT)
        add_setting(l, HL_TOPIC_BETTER, HL_TOPIC_SEGMENT_BYTES, SEGMENT,
                    "the newest segment is never compacted, and a restart without Redis reads all of it");
    if (number(l->t, HL_TOPIC_DELETE_RETENTION, &v) && v >= 0 && v < 3 * DAY_MS)
        add_setting(l, HL_TOPIC_BETTER, HL_TOPIC_DELETE_RETENTION, TOMBSTONES_MS,
                    "a copy in Redis that was away for longer would not hear of erased contacts");
}

static void look_at_timestamps(struct look *l)
{
    const char *is = l->t->values[HL_TOPIC_TIMESTAMP_TYPE];
    if (l->t->role != HL_ROLE_INPUT && is && strcmp(is, TIMESTAMPS) != 0)
        add_setting(l, HL_TOPIC_BETTER, HL_TOPIC_TIMESTAMP_TYPE, TIMESTAMPS,
                    "brokers refuse what a process writes whose clock is an hour ahead of theirs, and it stands still");
}

const char *hl_topic_plan_input_bytes(const struct hl_topic_plan *p)
{
    const char *largest = NULL;
    int64_t v, most = -1;
    for (size_t i = 0; i < p->n; i++) {
        if (p->topics[i].role != HL_ROLE_INPUT || !number(&p->topics[i], HL_TOPIC_MAX_BYTES, &v) || v <= most) continue;
        most = v;
        largest = p->topics[i].values[HL_TOPIC_MAX_BYTES];
    }
    return largest;
}

static void look_at_size(struct look *l)
{
    int64_t is, wanted;
    const char *largest = hl_topic_plan_input_bytes(l->p);
    if (l->t->role != HL_ROLE_DEAD_LETTER || !largest || !number(l->t, HL_TOPIC_MAX_BYTES, &is)) return;
    if (hl_slice_parse_i64(hl_slice_of(largest), &wanted) && is < wanted)
        add_setting(l, HL_TOPIC_WRONG, HL_TOPIC_MAX_BYTES, largest, "an input takes larger records, and dead letters keep their bytes");
}

static void look_at_partitions(struct look *l)
{
    if (l->p->partitions == 0 || l->t->partitions == l->p->partitions) return;
    struct hl_topic_problem *x = add(l, HL_TOPIC_WRONG, "partitions",
                                     "all topics must have as many, so that all events of a contact meet; make it anew, or move its records to a new topic");
    snprintf(x->is, sizeof(x->is), "%" PRId32, l->t->partitions);
    snprintf(x->wanted, sizeof(x->wanted), "%" PRId32, l->p->partitions);
}

/* The count that most inputs have, on a tie the larger. */
static int32_t usual_count(const struct hl_topic_plan *p)
{
    int32_t best = 0;
    size_t votes = 0;
    for (size_t i = 0; i < p->n; i++) {
        size_t n = 0;
        int32_t count = p->topics[i].partitions;
        for (size_t j = 0; j < p->n; j++) n += p->topics[j].role == HL_ROLE_INPUT && p->topics[j].partitions == count;
        if (p->topics[i].role != HL_ROLE_INPUT || count == 0 || n < votes || (n == votes && count < best)) continue;
        best = count;
        votes = n;
    }
    return best;
}

void hl_topic_plan_make(struct hl_topic_plan *p, int32_t partitions)
{
    p->partitions = partitions ? partitions : usual_count(p);
    for (size_t i = 0; i < p->n; i++) {
        struct look l = {p, &p->topics[i]};
        l.t->n_problems = 0;
        if (l.t->partitions == 0) continue; /* missing */
        look_at_partitions(&l);
        look_at_cleanup(&l);
        look_at_retention(&l);
        look_at_safety(&l);
        look_at_compaction(&l);
        look_at_timestamps(&l);
        look_at_size(&l);
    }
}
