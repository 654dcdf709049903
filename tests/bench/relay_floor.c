/* The least a relay of encrypted sound can do: one thread, one epoll, a UDP socket per leg,
 * recvfrom, AES-128-GCM unprotect, protect, sendto. Packets of leg 2k go to leg 2k+1 and back.
 *
 *   relay_floor LEGS
 *
 * Prints {"pid": ..., "ports": [...]}; ends when standard input closes. No ICE, no DTLS: the keys
 * are those of relay_keys.h; where a leg lives is learnt from its first packet. */
#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "relay_keys.h"

enum { LEGS_MAX = 4000, EVENTS = 64, PACKET = 2048 };

struct leg {
    int fd;
    struct sockaddr_in remote; /* port 0: not known yet */
    struct sup_srtp_gcm *in, *out;
};

static struct leg legs[LEGS_MAX];

static in_port_t open_leg(struct leg *leg, uint32_t number)
{
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(own);
    leg->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    BENCH_CHECK(leg->fd >= 0);
    BENCH_CHECK(bind(leg->fd, (struct sockaddr *)&own, sizeof(own)) == 0);
    BENCH_CHECK(getsockname(leg->fd, (struct sockaddr *)&own, &len) == 0);
    leg->in = relay_static_gcm(number, true, false);
    leg->out = relay_static_gcm(number, false, true);
    return ntohs(own.sin_port);
}

static void relay(struct leg *from, struct leg *to)
{
    uint8_t pkt[PACKET];
    struct sockaddr_in source;
    socklen_t source_len = sizeof(source);
    ssize_t n = recvfrom(from->fd, pkt, sizeof(pkt), 0, (struct sockaddr *)&source, &source_len);
    if (n < 0)
        return;
    size_t len = (size_t)n;
    if (sup_srtp_gcm_unprotect(from->in, pkt, len, &len) != SUP_OK)
        return;
    from->remote = source;
    if (!to->remote.sin_port ||
        sup_srtp_gcm_protect(to->out, pkt, len, sizeof(pkt), &len) != SUP_OK)
        return;
    (void)sendto(to->fd, pkt, len, 0, (struct sockaddr *)&to->remote, sizeof(to->remote));
}

int main(int argc, char **argv)
{
    long count = argc == 2 ? strtol(argv[1], NULL, 10) : 0;
    if (count < 2 || count > LEGS_MAX || count % 2) {
        (void)fprintf(stderr, "usage: relay_floor LEGS (even, at most %d)\n", LEGS_MAX);
        return 2;
    }
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    BENCH_CHECK(epoll >= 0);
    printf("{\"pid\": %d, \"ports\": [", (int)getpid());
    for (uint32_t i = 0; i < (uint32_t)count; i++) {
        printf("%s%u", i ? ", " : "", open_leg(&legs[i], i));
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        BENCH_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, legs[i].fd, &event) == 0);
    }
    printf("]}\n");
    (void)fflush(stdout);
    struct epoll_event stdin_event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    BENCH_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &stdin_event) == 0);
    for (;;) {
        struct epoll_event events[EVENTS];
        int n = epoll_wait(epoll, events, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            uint32_t leg = events[i].data.u32;
            if (leg == UINT32_MAX)
                return EXIT_SUCCESS;
            relay(&legs[leg], &legs[leg ^ 1]);
        }
    }
}
