/* Static SRTP keys of the floor's legs, known to the floor and to the generator. */
#ifndef SUPPORTD_TESTS_BENCH_RELAY_KEYS_H
#define SUPPORTD_TESTS_BENCH_RELAY_KEYS_H
#include "bench.h"
#include "supportd/media/srtp_gcm.h"

/* One direction of leg number leg; up: from the generator to the floor. */
static inline struct sup_srtp_gcm *relay_static_gcm(uint32_t leg, bool up, bool send)
{
    uint8_t key[SUP_SRTP_GCM_KEY_LEN], salt[SUP_SRTP_GCM_SALT_LEN];
    for (size_t i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)(leg >> (i & 1 ? 8 : 0)) ^ (uint8_t)(i * 17 + (up ? 1 : 129));
    for (size_t i = 0; i < sizeof(salt); i++)
        salt[i] = (uint8_t)(leg + i * 31 + (up ? 3 : 77));
    struct sup_srtp_gcm_opts opts = {.send = send};
    struct sup_srtp_gcm *gcm;
    BENCH_CHECK(sup_srtp_gcm_derive(key, salt, SUP_SRTP_GCM_RTP, &opts.keys) == SUP_OK);
    BENCH_CHECK(sup_srtp_gcm_create(&opts, &gcm) == SUP_OK);
    return gcm;
}
#endif
