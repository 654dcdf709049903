/* Sound for the light peers: packets of Opus as a browser sends them, made once from a signal with
 * the shape of speech (pitch and its harmonics in syllables, hiss between, a noise floor), with
 * libopus' own choice of LBRR and DTX. */
#ifndef SUPPORTD_TESTS_PEER_SOUND_H
#define SUPPORTD_TESTS_PEER_SOUND_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SOUND_PACKET_MAX = 400, SOUND_FRAMES = 1000, SOUND_FRAME_SAMPLES = 960 };

enum sound_kind {
    SOUND_TALK,   /* pauses of a fraction of a second, too short for much DTX */
    SOUND_DIALOG, /* talks 1-3 s, is quiet for 1-3 s */
    SOUND_DEAD,   /* digital silence: a microphone that gives nothing */
    SOUND_KINDS,
};

/* One frame of 20 ms; len 0: DTX, nothing is sent for it. */
struct sound_packet {
    uint16_t len;
    uint8_t dbov; /* RFC 6464 */
    bool voice, begins_spurt;
    uint8_t data[SOUND_PACKET_MAX];
};

struct sound {
    struct sound_packet packets[SOUND_FRAMES];
};

/* Made on first use, kept for the life of the process. */
const struct sound *sound_get(enum sound_kind kind, bool fec, bool dtx);
#endif
