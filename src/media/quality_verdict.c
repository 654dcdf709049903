/* Verdicts on limits: which of the last five seconds were over them. */
#include "quality_internal.h"

enum {
    SECOND_US = 1000000,
    SLACK_US = 125000, /* looks come a little early or late */
    LOOK_LEAST_US = 125000,
    SECONDS = 5,
    RAISE = 3,                 /* so many of them raise */
    CLEAR_MASK = (1 << 3) - 1, /* so many good ones in a row clear */
    HISTORY_MASK = (1 << SECONDS) - 1,
};

void quality_verdict_look(struct quality_verdicts *v, const struct quality_look *look)
{
    v->looks[v->next] = *look;
    v->next = (v->next + 1) % QUALITY_QUARTERS;
}

void quality_verdict_revise(struct quality_verdicts *v, uint64_t from_us, enum sup_verdict verdict,
                            bool over)
{
    for (unsigned i = 0; i < QUALITY_QUARTERS; i++) {
        struct quality_look *look = &v->looks[i];
        if (look->at_us < from_us + LOOK_LEAST_US)
            continue; /* most of its quarter was before */
        look->over = over ? look->over | 1u << verdict : look->over & ~(1u << verdict);
        look->presumed &= ~(1u << verdict);
    }
}

void quality_verdict_add_mos(struct quality_verdicts *v, bool low)
{
    v->mos_history = (uint8_t)((v->mos_history << 1 | low) & HISTORY_MASK);
}

/* What the looks of one second come to. */
struct second {
    uint64_t newest_us;
    uint32_t over, presumed, judged;
    double residual;
};

static void add_look(struct second *s, const struct quality_look *look)
{
    uint32_t delay = 1u << SUP_VERDICT_HIGH_DELAY, over = look->over;
    /* A round trip stands until the next is measured: the last one of a second counts, so that one
     * that was long by chance is contradicted in time. */
    if (look->at_us >= s->newest_us) {
        s->newest_us = look->at_us;
        s->over &= ~delay;
    } else {
        over &= ~delay;
    }
    s->over |= over;
    s->presumed |= look->presumed;
    s->judged += look->judged;
    s->residual += look->residual;
}

static bool holds(unsigned over, unsigned presumed, bool held)
{
    return __builtin_popcount(over) >= RAISE || (held && ((over | presumed) & CLEAR_MASK));
}

uint32_t quality_verdict_limits(struct quality_verdicts *v, uint64_t now_us, double max_loss_pct)
{
    struct second seconds[SECONDS] = {0};
    for (unsigned i = 0; i < QUALITY_QUARTERS; i++) {
        const struct quality_look *look = &v->looks[i];
        uint64_t ago = (now_us - look->at_us + SLACK_US) / SECOND_US;
        if (look->at_us != 0 && look->at_us <= now_us && ago < SECONDS)
            add_look(&seconds[ago], look);
    }
    unsigned over[SUP_VERDICT_COUNT] = {[SUP_VERDICT_LOW_MOS] = v->mos_history};
    unsigned presumed[SUP_VERDICT_COUNT] = {0};
    for (unsigned ago = 0; ago < SECONDS; ago++) {
        struct second *s = &seconds[ago];
        if (s->judged >= QUALITY_JUDGED_MIN && 100 * s->residual > max_loss_pct * s->judged)
            s->over |= 1u << SUP_VERDICT_LOSS_UP;
        for (unsigned verdict = SUP_VERDICT_LOSS_UP; verdict < SUP_VERDICT_LOW_MOS; verdict++) {
            over[verdict] |= (s->over >> verdict & 1) << ago;
            presumed[verdict] |= (s->presumed >> verdict & 1) << ago;
        }
    }
    uint32_t set = 0;
    for (unsigned verdict = SUP_VERDICT_LOSS_UP; verdict <= SUP_VERDICT_LOW_MOS; verdict++)
        if (holds(over[verdict], presumed[verdict], v->limits >> verdict & 1))
            set |= 1u << verdict;
    v->limits = set;
    return set;
}
