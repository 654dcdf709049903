/* The second socket of a leg: packets that are not STUN or TURN never pass through GLib, nor do
 * answers to our own binding requests. */
#include <linux/filter.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ice_internal.h"
#include "supportd/media/ice.h"

#ifndef SO_ATTACH_REUSEPORT_CBPF
#define SO_ATTACH_REUSEPORT_CBPF 51
#endif

enum {
    DTLS_FIRST = 20, /* RFC 7983 section 7 */
    DTLS_LAST = 63,
    RTP_FIRST = 128,
    RTP_LAST = 191,
};

/* Position in the group: 0 is libnice's socket, 1 ours. Static, since the kernel reads the struct
 * with its padding. */
static struct sock_filter demux_code[] = {
    BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 0),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, DTLS_FIRST, 0, 5),
    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, DTLS_LAST, 0, 2),
    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, RTP_FIRST, 0, 2),
    BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, RTP_LAST, 1, 0),
    BPF_STMT(BPF_RET | BPF_K, 1),
    BPF_STMT(BPF_RET | BPF_K, 0),
    BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), /* too short for a load: 0 */
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SUP_STUN_SUCCESS, 0, 3),
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SUP_STUN_ID_AT),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SUP_STUN_MARK, 0, 1),
    BPF_STMT(BPF_RET | BPF_K, 1),
    BPF_STMT(BPF_RET | BPF_K, 0),
};
static struct sock_fprog demux_program = {
    .len = sizeof(demux_code) / sizeof(demux_code[0]),
    .filter = demux_code,
};

static bool set_option(int fd, int level, int option)
{
    int on = 1;
    return setsockopt(fd, level, option, &on, sizeof(on)) == 0;
}

static void mark(int fd, int family, int tos)
{
    /* Where the kernel refuses, the packets go unmarked. */
    (void)setsockopt(fd, family == AF_INET6 ? IPPROTO_IPV6 : IPPROTO_IP,
                     family == AF_INET6 ? IPV6_TCLASS : IP_TOS, &tos, sizeof(tos));
}

int sup_ice_sibling_open(int nice_fd, int tos)
{
    struct sockaddr_storage addr;
    socklen_t len = sizeof(addr);
    memset(&addr, 0, sizeof(addr));
    if (getsockname(nice_fd, (struct sockaddr *)&addr, &len) != 0 ||
        !set_option(nice_fd, SOL_SOCKET, SO_REUSEPORT))
        return -1;
    int fd = socket(addr.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);
    if (fd < 0)
        return -1;
    if ((addr.ss_family == AF_INET6 && !set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY)) ||
        !set_option(fd, SOL_SOCKET, SO_REUSEPORT) || bind(fd, (struct sockaddr *)&addr, len) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &demux_program,
                   sizeof(demux_program)) != 0) {
        close(fd);
        return -1;
    }
    mark(fd, addr.ss_family, tos);
    return fd;
}

static int bind_loopback(bool ipv6, struct sockaddr_storage *ret_addr, socklen_t *ret_len)
{
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -1;
    int bound = ipv6 ? bind(fd, (struct sockaddr *)&six, sizeof(six))
                     : bind(fd, (struct sockaddr *)&four, sizeof(four));
    *ret_len = sizeof(*ret_addr);
    if (bound != 0 || getsockname(fd, (struct sockaddr *)ret_addr, ret_len) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

struct kind {
    uint8_t bytes[SUP_STUN_HEADER_LEN];
    bool ours;
};

/* Sends one datagram of each kind from a third socket and sees who gets it. */
static bool delivers(int nice_fd, int sibling, int sender, const struct sockaddr_storage *to,
                     socklen_t to_len)
{
    static const struct kind kinds[] = {{{0}, false},
                                        {{3}, false},
                                        {{19}, false},
                                        {{20}, true},
                                        {{22}, true},
                                        {{63}, true},
                                        {{64}, false},
                                        {{79}, false},
                                        {{127}, false},
                                        {{128}, true},
                                        {{0x90}, true},
                                        {{191}, true},
                                        {{192}, false},
                                        {{255}, false},
                                        {{1, 1, [SUP_STUN_ID_AT] = 'S', 'U', 'P', 'D'}, true},
                                        {{0, 1, [SUP_STUN_ID_AT] = 'S', 'U', 'P', 'D'}, false},
                                        {{1, 1, [SUP_STUN_ID_AT] = 'S', 'U', 'P', 'E'}, false}};
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        const struct kind *kind = &kinds[i];
        uint8_t got[SUP_STUN_HEADER_LEN];
        if (sendto(sender, kind->bytes, sizeof(kind->bytes), 0, (const struct sockaddr *)to,
                   to_len) != sizeof(kind->bytes))
            return false;
        ssize_t at_nice = recv(nice_fd, got, sizeof(got), MSG_DONTWAIT);
        ssize_t at_ours = recv(sibling, got, sizeof(got), MSG_DONTWAIT);
        if ((at_ours == sizeof(got)) != kind->ours || (at_nice == sizeof(got)) != !kind->ours)
            return false;
    }
    return true;
}

bool sup_ice_probe_sibling(bool ipv6)
{
    struct sockaddr_storage to, from;
    socklen_t to_len, from_len;
    int nice_fd = bind_loopback(ipv6, &to, &to_len);
    int sender = bind_loopback(ipv6, &from, &from_len);
    int sibling = nice_fd >= 0 ? sup_ice_sibling_open(nice_fd, 0) : -1;
    bool works = sibling >= 0 && sender >= 0 && delivers(nice_fd, sibling, sender, &to, to_len);
    if (sibling >= 0)
        close(sibling);
    if (nice_fd >= 0)
        close(nice_fd);
    if (sender >= 0)
        close(sender);
    return works;
}
