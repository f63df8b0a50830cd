/* Private: the hottest contacts, of any number that are offered, in bounded memory.
 *
 * Order: the higher score first; at equal scores an active kind before the others (who raised a hand waits for an answer), then the
 * contact id, byte by byte. A disqualified contact is never ranked. Scores are those of `at`, decayed. One thread at a time. */
#ifndef HL_APP_RANK_H
#define HL_APP_RANK_H

#include "hotlead/base/buf.h"
#include "hotlead/core/score.h"

#define HL_RANK_DEFAULT 50
#define HL_RANK_MAX 10000
#define HL_RANK_ANY (-1)

struct hl_rank_item {
    struct hl_slice id, owner; /* owner null: none */
    char *block;               /* holds both */
    size_t block_size;
    hl_fixed score;
    int64_t since;   /* ms, entry into the stage */
    int64_t sla_due; /* HL_NO_TIME: no deadline runs */
    uint16_t partition;
    uint8_t stage, kind;
    char grade; /* 0: not worked out yet */
    bool suspect;
};

struct hl_rank {
    const struct hl_model *m; /* that it is told of */
    size_t limit;
    int stage; /* enum hl_stage, or HL_RANK_ANY */
    int64_t at;
    struct hl_rank_item *items; /* a heap, the coldest on top; after hl_rank_sort the hottest first */
    size_t n;
    bool failed; /* no memory */
};

/* "mql" -> HL_STAGE_MQL; "50" -> 50. False with a sentence in err. */
bool hl_rank_parse_stage(const char *text, int *stage, struct hl_error *err);
bool hl_rank_parse_limit(const char *text, size_t most, size_t *limit, struct hl_error *err);

/* HL_E_NOMEM; fini is due in any case. */
enum hl_status hl_rank_init(struct hl_rank *r, const struct hl_model *m, int stage, size_t limit, int64_t at) HL_WARN_UNUSED;
void hl_rank_fini(struct hl_rank *r);
/* Takes what it keeps; memory only for a contact that enters. m: of the contact's rows. */
void hl_rank_offer(struct hl_rank *r, const struct hl_model *m, const struct hl_contact *c);
/* One whose score is known; copied. Its stage counts, nothing else is looked at. */
void hl_rank_offer_item(struct hl_rank *r, const struct hl_rank_item *item);
/* The end of offering. */
void hl_rank_sort(struct hl_rank *r);

/* As an object without its closing brace, so that the caller can say where it is from. */
void hl_rank_put_json(const struct hl_rank *r, struct hl_buf *out);
void hl_rank_put_table(const struct hl_rank *r, struct hl_buf *out);

#endif
