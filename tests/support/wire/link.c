#include <string.h>

#include "wire.h"

enum { REBOUND_MAX = 64 };

/* A packet that waits for its time. */
struct held {
    uint64_t at_us, number; /* number: of two at one time the older goes first */
    enum wire_dir dir;
    size_t len;
    uint8_t data[];
};

struct wire_link {
    uint64_t seed, numbers;
    FILE *log;
    void (*out)(enum wire_dir dir, const uint8_t *data, size_t len);
    struct wire_flow *buckets[65536]; /* by the client's port */
    struct wire_rule first[2];        /* of flows not seen yet */
    unsigned flows;
    struct wire_flow *rebound[REBOUND_MAX];
    unsigned rebound_count;
    struct held **heap; /* from index 1, earliest on top */
    size_t heap_len, heap_cap;
};

struct wire_link *wire_link_create(uint64_t seed, FILE *log,
                                   void (*out)(enum wire_dir dir, const uint8_t *data, size_t len))
{
    struct wire_link *link = calloc(1, sizeof(*link));
    WIRE_CHECK(link);
    link->seed = seed;
    link->log = log;
    link->out = out;
    return link;
}

void wire_link_destroy(struct wire_link *link)
{
    for (size_t i = 1; i <= link->heap_len; i++)
        free(link->heap[i]);
    free(link->heap);
    for (size_t i = 0; i < 65536; i++) {
        for (struct wire_flow *f = link->buckets[i], *next; f; f = next) {
            next = f->next;
            free(f);
        }
    }
    free(link);
}

/* splitmix64 */
static uint64_t draw_bits(uint64_t *state)
{
    uint64_t z = *state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

/* 0 <= result < 1 */
static double draw(struct wire_way *way)
{
    return (double)(draw_bits(&way->random) >> 11) / 9007199254740992.0;
}

static struct wire_flow *flow_of(struct wire_link *link, const uint8_t client[16], uint16_t port)
{
    struct wire_flow *f = link->buckets[port];
    while (f && memcmp(f->client, client, 16) != 0)
        f = f->next;
    if (f)
        return f;
    f = calloc(1, sizeof(*f));
    WIRE_CHECK(f && ++link->flows <= WIRE_FLOWS_MAX);
    memcpy(f->client, client, 16);
    f->port = port;
    for (int dir = 0; dir < 2; dir++) {
        f->ways[dir].rule = link->first[dir];
        f->ways[dir].random = link->seed * 1000003u + (uint64_t)port * 4 + (uint64_t)dir;
        for (int i = 0; i < 16; i++)
            f->ways[dir].random = f->ways[dir].random * 131 + client[i];
        (void)draw_bits(&f->ways[dir].random);
    }
    f->next = link->buckets[port];
    link->buckets[port] = f;
    return f;
}

void wire_link_set(struct wire_link *link, const uint8_t client[16], uint16_t port,
                   enum wire_dir dir, const struct wire_rule *rule)
{
    struct wire_way *way = &flow_of(link, client, port)->ways[dir];
    way->rule = *rule;
    way->bad = false;
}

void wire_link_set_all(struct wire_link *link, enum wire_dir dir, const struct wire_rule *rule)
{
    link->first[dir] = *rule;
    for (size_t i = 0; i < 65536; i++)
        for (struct wire_flow *f = link->buckets[i]; f; f = f->next)
            f->ways[dir].rule = *rule;
}

void wire_link_rebind(struct wire_link *link, const uint8_t client[16], uint16_t port,
                      const uint8_t *outer, uint16_t outer_port)
{
    struct wire_flow *f = flow_of(link, client, port);
    if (!f->rebound) {
        WIRE_CHECK(link->rebound_count < REBOUND_MAX);
        link->rebound[link->rebound_count++] = f;
    }
    f->rebound = true;
    memcpy(f->outer, outer ? outer : client, 16);
    f->outer_port = outer_port;
}

/* The flow of a packet that goes down: by its outer address where there is one. NULL: nobody is
 * there any more. */
static struct wire_flow *flow_below(struct wire_link *link, const struct wire_record *r)
{
    for (unsigned i = 0; i < link->rebound_count; i++) {
        struct wire_flow *f = link->rebound[i];
        if (f->outer_port == r->client_port && memcmp(f->outer, r->client, 16) == 0)
            return f;
    }
    struct wire_flow *f = flow_of(link, r->client, r->client_port);
    return f->rebound ? NULL : f;
}

static bool earlier(const struct held *a, const struct held *b)
{
    return a->at_us < b->at_us || (a->at_us == b->at_us && a->number < b->number);
}

static void hold(struct wire_link *link, enum wire_dir dir, const uint8_t *data, size_t len,
                 uint64_t at_us)
{
    struct held *h = malloc(sizeof(*h) + len);
    WIRE_CHECK(h);
    *h = (struct held){.at_us = at_us, .number = link->numbers++, .dir = dir, .len = len};
    memcpy(h->data, data, len);
    if (link->heap_len + 2 > link->heap_cap) {
        link->heap_cap = link->heap_cap ? link->heap_cap * 2 : 1024;
        link->heap = realloc(link->heap, link->heap_cap * sizeof(*link->heap));
        WIRE_CHECK(link->heap);
    }
    size_t at = ++link->heap_len;
    for (; at > 1 && earlier(h, link->heap[at / 2]); at /= 2)
        link->heap[at] = link->heap[at / 2];
    link->heap[at] = h;
}

static struct held *take_first(struct wire_link *link)
{
    struct held *first = link->heap[1], *last = link->heap[link->heap_len--];
    size_t at = 1;
    for (size_t child; (child = at * 2) <= link->heap_len; at = child) {
        if (child < link->heap_len && earlier(link->heap[child + 1], link->heap[child]))
            child++;
        if (!earlier(link->heap[child], last))
            break;
        link->heap[at] = link->heap[child];
    }
    link->heap[at] = last;
    return first;
}

uint64_t wire_link_release(struct wire_link *link, uint64_t now_us)
{
    while (link->heap_len > 0 && link->heap[1]->at_us <= now_us) {
        struct held *h = take_first(link);
        link->out(h->dir, h->data, h->len);
        free(h);
    }
    return link->heap_len > 0 ? link->heap[1]->at_us : UINT64_MAX;
}

static enum wire_fate chance(struct wire_way *way, uint64_t now_us)
{
    const struct wire_rule *rule = &way->rule;
    if (now_us < rule->blackhole_until_us)
        return WIRE_BLACKHOLE;
    if (rule->to_bad > 0) {
        way->bad = way->bad ? draw(way) >= rule->to_good : draw(way) < rule->to_bad;
        if (way->bad && draw(way) < rule->bad_loss)
            return WIRE_BURST;
    }
    return rule->loss > 0 && draw(way) < rule->loss ? WIRE_LOST : WIRE_PASSED;
}

/* When the packet goes on; false: the queue is full. */
static bool schedule(struct wire_way *way, size_t len, uint64_t now_us, bool held, uint64_t *ret_us)
{
    const struct wire_rule *rule = &way->rule;
    uint64_t at_us = now_us;
    if (rule->rate > 0) {
        uint64_t begin = way->free_us > now_us ? way->free_us : now_us;
        if (rule->queue_us > 0 && begin - now_us > rule->queue_us)
            return false;
        way->free_us = begin + len * 8 * 1000000 / rule->rate;
        at_us = way->free_us;
    }
    at_us += rule->delay_us;
    if (rule->jitter_us > 0)
        at_us += (uint64_t)(draw(way) * (double)rule->jitter_us);
    if (held) {
        *ret_us = at_us + rule->reorder_us;
        return true;
    }
    if (at_us < way->last_us && !rule->disorder)
        at_us = way->last_us;
    way->last_us = at_us;
    *ret_us = at_us;
    return true;
}

static void note(struct wire_link *link, struct wire_record *r, enum wire_fate fate,
                 uint64_t now_us, uint64_t out_us)
{
    r->at_us = now_us;
    r->out_us = out_us;
    r->fate = (uint8_t)fate;
    if (link->log)
        WIRE_CHECK(fwrite(r, sizeof(*r), 1, link->log) == 1);
}

static void pass(struct wire_link *link, const struct wire_packet *p, enum wire_dir dir,
                 uint64_t now_us, uint64_t out_us)
{
    if (out_us > now_us)
        hold(link, dir, p->data, p->len, out_us);
    else
        link->out(dir, p->data, p->len);
}

static void spoil(struct wire_link *link, struct wire_way *way, struct wire_packet *p,
                  enum wire_dir dir, uint64_t now_us)
{
    const struct wire_rule *rule = &way->rule;
    struct wire_record *r = &p->record;
    bool meant = rule->classes >> p->class & 1;
    enum wire_fate fate = meant ? chance(way, now_us) : WIRE_PASSED;
    bool held = meant && rule->reorder > 0 && draw(way) < rule->reorder;
    bool twice = meant && rule->duplicate > 0 && draw(way) < rule->duplicate;
    uint64_t out_us = now_us;
    if (fate == WIRE_PASSED && meant && !schedule(way, p->len, now_us, held, &out_us))
        fate = WIRE_OVERFLOW;
    if (fate != WIRE_PASSED) {
        note(link, r, fate, now_us, 0);
        return;
    }
    if (held)
        r->flags |= WIRE_FLAG_HELD;
    note(link, r, WIRE_PASSED, now_us, out_us);
    pass(link, p, dir, now_us, out_us);
    if (twice) {
        r->flags |= WIRE_FLAG_COPY;
        note(link, r, WIRE_PASSED, now_us, out_us);
        pass(link, p, dir, now_us, out_us);
    }
}

void wire_link_take(struct wire_link *link, enum wire_dir dir, uint8_t *data, size_t len,
                    uint64_t now_us)
{
    struct wire_packet p;
    (void)wire_link_release(link, now_us); /* what is due must not be overtaken */
    if (!wire_packet_read(data, len, dir, &p))
        return;
    if (!p.transport) {
        note(link, &p.record, WIRE_PASSED, now_us, now_us);
        link->out(dir, data, len);
        return;
    }
    struct wire_flow *f = dir == WIRE_UP ? flow_of(link, p.record.client, p.record.client_port)
                                         : flow_below(link, &p.record);
    if (!f) {
        note(link, &p.record, WIRE_UNMAPPED, now_us, 0);
        return;
    }
    if (f->rebound) {
        wire_packet_rewrite(&p, dir, dir == WIRE_UP ? f->outer : f->client,
                            dir == WIRE_UP ? f->outer_port : f->port);
        memcpy(p.record.client, f->client, 16); /* one flow, one name in the log */
        p.record.client_port = f->port;
    }
    spoil(link, &f->ways[dir], &p, dir, now_us);
}
