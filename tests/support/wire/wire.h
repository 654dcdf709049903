/* A seeded link between two network namespaces, which spoils packets as told and logs each of them.
 *
 * wire.c has the devices and the commands, packet.c reads and rewrites headers, link.c decides and
 * delays. "up" is from the far side (clients) to the near one (the daemon). A flow is a UDP address
 * and port of the far side; each flow and direction has a rule and random numbers of its own, so
 * that what happens to one flow does not depend on the others. What is not UDP passes untouched. */
#ifndef SUPPORTD_TESTS_WIRE_H
#define SUPPORTD_TESTS_WIRE_H
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WIRE_MTU = 1500, WIRE_FLOWS_MAX = 4096 };

#define WIRE_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            (void)fprintf(stderr, "%s:%d: %s (%s)\n", __FILE__, __LINE__, #condition,              \
                          strerror(errno));                                                        \
            exit(EXIT_FAILURE);                                                                    \
        }                                                                                          \
    } while (0)

enum wire_dir { WIRE_UP, WIRE_DOWN };

enum wire_class { WIRE_OTHER, WIRE_STUN, WIRE_DTLS, WIRE_RTP, WIRE_RTCP, WIRE_CLASSES };

enum wire_fate {
    WIRE_PASSED,
    WIRE_LOST,      /* by chance */
    WIRE_BURST,     /* in the bad state of the Gilbert-Elliott chain */
    WIRE_BLACKHOLE, /* nothing passes for a time */
    WIRE_OVERFLOW,  /* the queue before the rate limit was full */
    WIRE_UNMAPPED,  /* came for an address that the client has left */
};

enum { WIRE_FLAG_COPY = 1, WIRE_FLAG_HELD = 2 /* to be overtaken */, WIRE_FLAG_MARKER = 4 };

/* One record of the log, in the machine's byte order; wire.py reads it by the same layout. */
struct wire_record {
    uint64_t at_us, out_us; /* monotonic; out_us: when it goes on, 0: never */
    uint32_t ts, ssrc;      /* RTP: of the clear header; RTCP: ssrc of the sender */
    uint16_t seq, size;     /* size of the IP packet */
    uint16_t client_port, server_port;
    uint8_t dir, class, fate, flags;
    uint8_t payload_type, family, protocol, spare;
    uint8_t client[16], server[16]; /* IPv4 in the first four bytes */
};
_Static_assert(sizeof(struct wire_record) == 72, "wire.py reads 72 bytes");

/* Probabilities 0..1. All zero: the packet passes at once. */
struct wire_rule {
    double loss;
    double to_bad, to_good, bad_loss; /* Gilbert-Elliott: per packet */
    double duplicate;
    double reorder; /* such packets are held for reorder_us, others overtake them */
    uint64_t reorder_us;
    uint64_t delay_us;
    uint64_t jitter_us; /* in addition uniformly 0..jitter_us */
    bool disorder;      /* jitter may change the order; else it is kept */
    uint64_t rate;      /* bit/s, 0: unlimited */
    uint64_t queue_us;  /* the queue before it holds so much time, then drops */
    uint64_t blackhole_until_us;
    unsigned classes; /* set of 1u << enum wire_class that the rule is for */
};

struct wire_way {
    struct wire_rule rule;
    uint64_t random; /* state of the generator */
    bool bad;
    uint64_t free_us; /* when the rate-limited line is free again */
    uint64_t last_us; /* release of the packet before: order is kept by it */
};

struct wire_flow {
    struct wire_flow *next; /* in its bucket */
    uint8_t client[16];     /* as the client knows itself */
    uint16_t port;
    uint8_t family;
    bool rebound;
    uint8_t outer[16]; /* as the server sees it once it is rebound */
    uint16_t outer_port;
    struct wire_way ways[2];
};

/* Where things stand in an IP packet. */
struct wire_packet {
    uint8_t *data;
    size_t len;
    uint8_t family, protocol;
    size_t transport; /* offset of the UDP header; 0: not UDP */
    enum wire_class class;
    struct wire_record record; /* all but times and fate */
};

/* False: no IP packet. Fills everything from data[len]. */
bool wire_packet_read(uint8_t *data, size_t len, enum wire_dir dir, struct wire_packet *ret_packet);
/* Gives a UDP packet another source (dir up) or destination (down), checksums included. */
void wire_packet_rewrite(struct wire_packet *p, enum wire_dir dir, const uint8_t address[16],
                         uint16_t port);
bool wire_address_parse(const char *text, uint8_t ret_address[16], uint8_t *ret_family);

struct wire_link;

/* out writes a packet that goes on. log may be NULL. */
struct wire_link *wire_link_create(uint64_t seed, FILE *log,
                                   void (*out)(enum wire_dir dir, const uint8_t *data, size_t len));
void wire_link_destroy(struct wire_link *link);
/* A packet has come; it is written, kept for later or dropped. */
void wire_link_take(struct wire_link *link, enum wire_dir dir, uint8_t *data, size_t len,
                    uint64_t now_us);
/* Writes what is due; returns the time of the next packet, UINT64_MAX: none. */
uint64_t wire_link_release(struct wire_link *link, uint64_t now_us);
/* The rule that flows unknown so far begin with; also of all known ones if everywhere. */
void wire_link_set_all(struct wire_link *link, enum wire_dir dir, const struct wire_rule *rule);
void wire_link_set(struct wire_link *link, const uint8_t client[16], uint16_t port,
                   enum wire_dir dir, const struct wire_rule *rule);
/* From now on the server sees the client at another port (and address, unless NULL), as behind a
 * NAT that has lost its mapping; what still comes for the old one is dropped. */
void wire_link_rebind(struct wire_link *link, const uint8_t client[16], uint16_t port,
                      const uint8_t *outer, uint16_t outer_port);
#endif
