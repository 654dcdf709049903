/* Unit tests of media/ice: a controlling libnice peer on loopback against a leg's ICE. */
#include "supportd/media/ice.h"

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/stun_client.h"
#include "support/check_main.h"
#include "support/ice_peer.h"
#include "supportd/base/clock.h"
#include "supportd/media/stun.h"

static struct sup_media_engine *engine;
static struct sup_ice *ice;
static struct ice_peer peer;
static struct {
    int candidates, ends, states, pairs;
    enum sup_ice_state state;
    size_t packets, last_len;
    uint8_t last[2048];
    bool echo, forged; /* forged: what comes does not prove to be the peer's */
    int elsewhere, pongs;
    uint32_t rtt_us;
} seen;

static void on_candidate(const struct sup_candidate *candidate, void *arg)
{
    ck_assert_ptr_eq(arg, &seen);
    *(candidate ? &seen.candidates : &seen.ends) += 1;
}

static void on_state(enum sup_ice_state state, void *arg)
{
    (void)arg;
    seen.states++;
    seen.state = state;
}

static void on_pair(const struct sup_ice_pair *pair, void *arg)
{
    (void)arg;
    ck_assert_uint_ne(pair->remote_port, 0);
    seen.pairs++;
}

static bool on_packet(uint8_t *pkt, size_t len, size_t cap, void *arg)
{
    (void)arg;
    ck_assert_uint_ge(cap, len + SUP_SRTP_ROOM);
    seen.packets++;
    seen.last_len = len;
    memcpy(seen.last, pkt, len);
    if (seen.echo)
        ck_assert_int_eq(sup_ice_send(ice, pkt, len), SUP_OK);
    return !seen.forged;
}

static void on_pong(uint32_t rtt_us, void *arg)
{
    ck_assert_ptr_eq(arg, &seen);
    seen.pongs++;
    seen.rtt_us = rtt_us;
}

static void on_elsewhere(void *arg)
{
    ck_assert_ptr_eq(arg, &seen);
    seen.elsewhere++;
}

static const struct sup_ice_callbacks callbacks = {on_candidate, on_state, on_pair,
                                                   on_packet,    on_pong,  on_elsewhere};

static void open_leg(const struct sup_media_engine_opts *opts)
{
    memset(&seen, 0, sizeof(seen));
    ck_assert_int_eq(sup_media_engine_create(opts, &engine), SUP_OK);
    struct sup_ice_opts ice_opts = {.engine = engine, .on = &callbacks, .arg = &seen};
    ck_assert_int_eq(sup_ice_create(&ice_opts, &ice), SUP_OK);
}

static void open_on(const char *address, bool no_sibling)
{
    const struct sup_media_address a = {.address = address};
    struct sup_media_engine_opts opts = {
        .addresses = &a, .address_count = 1, .no_sibling = no_sibling};
    open_leg(&opts);
}

static void teardown(void)
{
    ice_peer_close(&peer);
    sup_ice_destroy(ice);
    sup_media_engine_destroy(engine);
    ice = NULL;
    engine = NULL;
    ck_assert_uint_eq(sup_mem_live(), 0);
}

static void spin(int ms)
{
    uint64_t end = sup_clock_mono_us() + (uint64_t)ms * 1000;
    do {
        struct pollfd p = {.fd = sup_media_engine_fd(engine), .events = POLLIN};
        if (poll(&p, 1, 0) > 0 || sup_media_engine_deadline(engine) <= sup_clock_mono_us())
            sup_media_engine_step(engine);
        if (peer.agent)
            ice_peer_step(&peer);
        usleep(500);
    } while (sup_clock_mono_us() < end);
}

#define SPIN_UNTIL(cond)                                                                           \
    do {                                                                                           \
        for (int spins_ = 0; spins_ < 10000 && !(cond); spins_++)                                  \
            spin(1);                                                                               \
        ck_assert(cond);                                                                           \
    } while (0)

static void signal_peer_to_leg(void)
{
    struct sup_candidate c[8];
    size_t n = ice_peer_candidates(&peer, c, 8);
    ck_assert_uint_ge(n, 1);
    ck_assert_int_eq(sup_ice_set_remote(ice, peer.ufrag, peer.pwd), SUP_OK);
    for (size_t i = 0; i < n; i++)
        ck_assert_int_eq(sup_ice_add_candidate(ice, &c[i]), SUP_OK);
}

static void signal_leg_to_peer(void)
{
    size_t n;
    const struct sup_candidate *c = sup_ice_candidates(ice, &n);
    ice_peer_set_remote(&peer, sup_ice_ufrag(ice), sup_ice_pwd(ice));
    for (size_t i = 0; i < n; i++)
        ice_peer_add_remote(&peer, &c[i]);
}

static void connect_both(const char *address)
{
    ice_peer_open(&peer, address);
    signal_peer_to_leg();
    signal_leg_to_peer();
    SPIN_UNTIL(peer.connected && sup_ice_pair_of(ice));
}

static void exchange_packets(void)
{
    uint8_t rtp[172] = {0x80, 111}, dtls[60] = {22}, back[2048];
    seen.echo = true;
    for (int i = 0; i < 20; i++) {
        rtp[3] = (uint8_t)i;
        ck_assert(ice_peer_send(&peer, i % 2 ? rtp : dtls, i % 2 ? sizeof(rtp) : sizeof(dtls)));
    }
    SPIN_UNTIL(seen.packets == 20 && peer.tail - peer.head == 20);
    for (int i = 0; i < 20; i++)
        ck_assert_uint_eq(ice_peer_take(&peer, back), i % 2 ? sizeof(rtp) : sizeof(dtls));
    struct sup_ice_stats stats;
    sup_ice_get_stats(ice, &stats);
    ck_assert_uint_eq(stats.foreign + stats.send_fail + stats.no_path, 0);
}

static void check_connected(const char *address)
{
    ck_assert_int_eq(seen.state, SUP_ICE_CONNECTED);
    ck_assert_int_ge(seen.pairs, 1);
    const struct sup_ice_pair *pair = sup_ice_pair_of(ice);
    ck_assert_str_eq(pair->remote_address, address);
    ck_assert(!pair->relayed);
}

START_TEST(kernel_delivers_to_a_sibling)
{
    /* Not a fact about the code: without it this machine only tests the fallback. */
    open_on("127.0.0.1", false);
    ck_assert(sup_ice_probe_sibling(false));
    ck_assert(sup_ice_probe_sibling(true));
    ck_assert(sup_media_engine_has_sibling(engine, false));
}
END_TEST

START_TEST(host_candidates_are_there_at_once)
{
    const struct sup_media_address a[] = {{.address = "127.0.0.1", .advertised = "203.0.113.9"},
                                          {.address = "::1"}};
    struct sup_media_engine_opts opts = {
        .addresses = a, .address_count = 2, .port_min = 42000, .port_max = 42020};
    open_leg(&opts);
    size_t n;
    const struct sup_candidate *c = sup_ice_candidates(ice, &n);
    ck_assert_uint_eq(n, 2);
    bool four = false, six = false;
    for (size_t i = 0; i < n; i++) {
        ck_assert_int_eq(c[i].type, SUP_CANDIDATE_HOST);
        ck_assert_uint_ge(c[i].port, 42000);
        ck_assert_uint_le(c[i].port, 42020);
        four = four || strcmp(c[i].address, "203.0.113.9") == 0;
        six = six || strcmp(c[i].address, "::1") == 0;
        struct sup_candidate back;
        struct sup_candidate_text text = sup_candidate_format(&c[i]);
        ck_assert_int_eq(sup_candidate_parse(text.s, strlen(text.s), &back), SUP_OK);
        ck_assert(sup_candidate_same(&back, &c[i]));
    }
    ck_assert(four && six);
    ck_assert_uint_ge(strlen(sup_ice_ufrag(ice)), SUP_ICE_UFRAG_MIN);
    ck_assert_uint_ge(strlen(sup_ice_pwd(ice)), SUP_ICE_PWD_MIN);
    SPIN_UNTIL(sup_ice_gathering_done(ice));
    ck_assert_int_eq(seen.candidates, 0);
}
END_TEST

START_TEST(connects_over_the_sibling_ipv4)
{
    open_on("127.0.0.1", false);
    connect_both("127.0.0.1");
    check_connected("127.0.0.1");
    exchange_packets();
}
END_TEST

START_TEST(connects_over_the_sibling_ipv6)
{
    open_on("::1", false);
    ck_assert(sup_media_engine_has_sibling(engine, true));
    connect_both("::1");
    check_connected("::1");
    ck_assert(sup_ice_pair_of(ice)->ipv6);
    exchange_packets();
}
END_TEST

START_TEST(connects_through_libnice_where_there_is_no_sibling)
{
    open_on("127.0.0.1", true);
    ck_assert(!sup_media_engine_has_sibling(engine, false));
    connect_both("127.0.0.1");
    check_connected("127.0.0.1");
    exchange_packets();
}
END_TEST

START_TEST(a_ping_times_the_path)
{
    open_on("127.0.0.1", false);
    sup_ice_ping(ice); /* nothing to ask yet */
    connect_both("127.0.0.1");
    for (int n = 1; n <= 20; n++) {
        sup_ice_ping(ice);
        SPIN_UNTIL(seen.pongs == n);
        ck_assert_uint_gt(seen.rtt_us, 0);
        ck_assert_uint_lt(seen.rtt_us, 10 * 1000000);
    }
    check_connected("127.0.0.1");
    exchange_packets(); /* libnice's own checks and roles were not disturbed; nothing foreign */
    struct sup_media_engine_stats stats;
    sup_media_engine_get_stats(engine, &stats);
    ck_assert_uint_eq(stats.pings, 20);
    ck_assert_uint_eq(stats.pongs, 20);
}
END_TEST

START_TEST(no_ping_where_libnice_would_get_the_answer)
{
    open_on("127.0.0.1", true);
    connect_both("127.0.0.1");
    sup_ice_ping(ice);
    struct sup_media_engine_stats stats;
    sup_media_engine_get_stats(engine, &stats);
    ck_assert_uint_eq(stats.pings, 0);
}
END_TEST

START_TEST(a_forged_answer_times_nothing)
{
    open_on("127.0.0.1", false);
    connect_both("127.0.0.1");
    uint8_t forged[SUP_STUN_HEADER_LEN] = {1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 'S', 'U', 'P', 'D'};
    sup_ice_ping(ice);
    SPIN_UNTIL(seen.pongs == 1);
    struct sup_ice_stats before, after;
    sup_ice_get_stats(ice, &before);
    ck_assert(ice_peer_send(&peer, forged, sizeof(forged)));
    for (size_t i = 0; i < 1000; i++) {
        spin(1);
        sup_ice_get_stats(ice, &after);
        if (after.foreign > before.foreign)
            break;
    }
    ck_assert_uint_eq(after.foreign, before.foreign + 1);
    ck_assert_int_eq(seen.pongs, 1);
}
END_TEST

START_TEST(peer_without_candidates_is_found_by_its_checks)
{
    open_on("127.0.0.1", false);
    ice_peer_open(&peer, "127.0.0.1");
    ck_assert_int_eq(sup_ice_set_remote(ice, peer.ufrag, peer.pwd), SUP_OK);
    signal_leg_to_peer();
    SPIN_UNTIL(peer.connected && sup_ice_pair_of(ice));
    ck_assert_int_eq(sup_ice_pair_of(ice)->remote, SUP_CANDIDATE_PRFLX);
    exchange_packets();
}
END_TEST

static int stranger_socket(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&self, sizeof(self)), 0);
    return fd;
}

static void send_to_leg(int fd, const uint8_t *pkt, size_t len)
{
    size_t n;
    const struct sup_candidate *c = sup_ice_candidates(ice, &n);
    struct sockaddr_in to = {
        .sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}, .sin_port = htons(c[0].port)};
    ck_assert_int_eq(sendto(fd, pkt, len, 0, (struct sockaddr *)&to, sizeof(to)), (ssize_t)len);
}

static struct sup_ice_stats stats_now(void)
{
    struct sup_ice_stats stats;
    sup_ice_get_stats(ice, &stats);
    return stats;
}

START_TEST(packets_of_strangers_are_dropped_and_counted)
{
    open_on("127.0.0.1", false);
    int fd = stranger_socket();
    uint8_t rtp[60] = {0x80, 111}, dtls[60] = {22};
    send_to_leg(fd, rtp, sizeof(rtp)); /* before a path: dropped */
    for (int i = 0; i < 6; i++)
        send_to_leg(fd, dtls, sizeof(dtls)); /* four are held, two are not */
    SPIN_UNTIL(stats_now().foreign == 1 && stats_now().held_lost == 2);
    connect_both("127.0.0.1");
    send_to_leg(fd, rtp, sizeof(rtp));
    send_to_leg(fd, dtls, sizeof(dtls));
    SPIN_UNTIL(stats_now().foreign == 3);
    close(fd);
    ck_assert_uint_eq(stats_now().held_lost, 6); /* held ones of the stranger */
    ck_assert_uint_eq(seen.packets, 0);
}
END_TEST

/* The local socket of the peer, to send a ClientHello before any check has passed. */
static int peer_socket(void)
{
    GPtrArray *sockets = nice_agent_get_sockets(peer.agent, peer.stream, 1);
    int fd = g_socket_get_fd(g_ptr_array_index(sockets, 0));
    g_ptr_array_unref(sockets);
    return fd;
}

START_TEST(early_client_hello_is_fed_once_the_pair_is_selected)
{
    open_on("127.0.0.1", false);
    ice_peer_open(&peer, "127.0.0.1");
    uint8_t hello[100] = {22, 0xfe, 0xff, 7};
    send_to_leg(peer_socket(), hello, sizeof(hello));
    hello[3] = 8;
    send_to_leg(peer_socket(), hello, sizeof(hello));
    spin(20);
    ck_assert_uint_eq(seen.packets, 0);
    signal_peer_to_leg();
    signal_leg_to_peer();
    SPIN_UNTIL(seen.packets == 2);
    ck_assert_uint_eq(seen.last_len, sizeof(hello));
    ck_assert_uint_eq(seen.last[3], 8);
    ck_assert_int_ge(seen.pairs, 1);
}
END_TEST

START_TEST(remote_credentials_and_candidates_are_checked)
{
    open_on("127.0.0.1", false);
    struct sup_candidate c = {
        .foundation = "1", .priority = 100, .address = "127.0.0.1", .port = 9};
    ck_assert_int_eq(sup_ice_add_candidate(ice, &c), SUP_E_STATE);
    static const char pwd[] = "abcdefghijklmnopqrstuv";
    char long_text[300];
    memset(long_text, 'a', sizeof(long_text));
    long_text[sizeof(long_text) - 1] = '\0';
    ck_assert_int_eq(sup_ice_set_remote(ice, "abc", pwd), SUP_E_INVAL);
    ck_assert_int_eq(sup_ice_set_remote(ice, "abcd", "short"), SUP_E_INVAL);
    ck_assert_int_eq(sup_ice_set_remote(ice, long_text, pwd), SUP_E_INVAL);
    ck_assert_int_eq(sup_ice_set_remote(ice, "abcd", long_text), SUP_E_INVAL);
    ck_assert_int_eq(sup_ice_set_remote(ice, "abc:", pwd), SUP_E_INVAL);
    ck_assert_int_eq(sup_ice_set_remote(ice, "abcd", pwd), SUP_OK);
    ck_assert_int_eq(sup_ice_set_remote(ice, "abcd", pwd), SUP_OK);
    ck_assert_int_eq(sup_ice_set_remote(ice, "efgh", pwd), SUP_E_STATE);
    strcpy(c.ufrag, "efgh");
    ck_assert_int_eq(sup_ice_add_candidate(ice, &c), SUP_E_CONFLICT);
    strcpy(c.ufrag, "abcd");
    c.priority = 0;
    ck_assert_int_eq(sup_ice_add_candidate(ice, &c), SUP_E_INVAL);
    c.priority = 7;
    for (uint16_t i = 0; i < SUP_ICE_REMOTE_MAX; i++) {
        c.port = (uint16_t)(1000 + i);
        ck_assert_int_eq(sup_ice_add_candidate(ice, &c), SUP_OK);
        ck_assert_int_eq(sup_ice_add_candidate(ice, &c), SUP_OK); /* repeated */
    }
    c.port = 5000;
    ck_assert_int_eq(sup_ice_add_candidate(ice, &c), SUP_E_LIMIT);
    ck_assert_int_eq(sup_ice_send(ice, (const uint8_t *)"x", 1), SUP_E_STATE);
    struct sup_ice_stats stats;
    sup_ice_get_stats(ice, &stats);
    ck_assert_uint_eq(stats.no_path, 1);
    ck_assert_uint_eq(stats.candidates, 4);
}
END_TEST

START_TEST(restart_keeps_the_path_and_takes_new_credentials)
{
    open_on("127.0.0.1", false);
    connect_both("127.0.0.1");
    char ufrag[SUP_ICE_UFRAG_MAX + 1];
    strcpy(ufrag, sup_ice_ufrag(ice));
    ice_peer_restart(&peer);
    ck_assert_int_eq(sup_ice_restart(ice), SUP_OK);
    ck_assert_str_ne(ufrag, sup_ice_ufrag(ice));
    ck_assert_ptr_nonnull(sup_ice_pair_of(ice)); /* media goes on meanwhile */
    ck_assert_int_eq(sup_ice_send(ice, (const uint8_t[20]){0x80}, 20), SUP_OK);
    int pairs = seen.pairs;
    signal_peer_to_leg();
    signal_leg_to_peer();
    SPIN_UNTIL(peer.connected && seen.pairs > pairs);
    uint8_t drop[2048];
    while (ice_peer_take(&peer, drop) > 0)
        ;
    seen.packets = 0;
    exchange_packets();
}
END_TEST

START_TEST(peer_that_moves_is_followed_after_a_restart)
{
    open_on("127.0.0.1", false);
    connect_both("127.0.0.1");
    uint16_t port = sup_ice_pair_of(ice)->remote_port;
    ice_peer_close(&peer); /* the old network is gone; a new agent on another port */
    ck_assert_int_eq(sup_ice_restart(ice), SUP_OK);
    connect_both("127.0.0.1");
    SPIN_UNTIL(sup_ice_pair_of(ice)->remote_port != port);
    seen.packets = 0;
    exchange_packets();
}
END_TEST

/* The check of a peer whose NAT has given it another port; it nominates, but libnice holds on to
 * the better priority of the pair that it has. */
static void check_from(int fd)
{
    struct stun_text t;
    char user[SUP_ICE_UFRAG_MAX * 2 + 2];
    snprintf(user, sizeof(user), "%s:%s", sup_ice_ufrag(ice), peer.ufrag);
    stun_request(&t, (const uint8_t *)"elsewhere...", user, sup_ice_pwd(ice));
    send_to_leg(fd, t.data, t.len);
    spin(20);
}

START_TEST(peer_behind_a_new_mapping_is_heard_and_told)
{
    open_on("127.0.0.1", false);
    connect_both("127.0.0.1");
    uint16_t port = sup_ice_pair_of(ice)->remote_port;
    int fd = stranger_socket();
    uint8_t rtp[60] = {0x80, 111}, dtls[60] = {22};
    send_to_leg(fd, rtp, sizeof(rtp)); /* no check of it was seen yet: not even tried */
    SPIN_UNTIL(stats_now().foreign == 1);
    check_from(fd);
    seen.forged = true;
    send_to_leg(fd, rtp, sizeof(rtp));
    SPIN_UNTIL(stats_now().foreign == 2 && seen.packets == 1);
    ck_assert_int_eq(seen.elsewhere, 0);
    seen.forged = false;
    spin(20); /* it is looked for at most each 10 ms until it is known */
    for (int i = 0; i < 5; i++)
        send_to_leg(fd, rtp, sizeof(rtp));
    send_to_leg(fd, dtls, sizeof(dtls)); /* a handshake belongs to the selected path */
    SPIN_UNTIL(stats_now().elsewhere == 5 && stats_now().foreign == 3);
    ck_assert_int_eq(seen.elsewhere, 1); /* told once, not for each packet */
    ck_assert_uint_eq(seen.packets, 6);
    ck_assert_uint_eq(sup_ice_pair_of(ice)->remote_port, port); /* nothing is sent there */
    close(fd);
}
END_TEST

/* TOS byte of the first datagram in the peer's socket that has the wanted first byte, -1: none. It
 * stays there. */
static int tos_at_peer(int fd, uint8_t first)
{
    uint8_t bytes[2048];
    union {
        struct cmsghdr align;
        char room[256];
    } control;
    struct iovec vec = {bytes, sizeof(bytes)};
    struct msghdr message = {.msg_iov = &vec,
                             .msg_iovlen = 1,
                             .msg_control = control.room,
                             .msg_controllen = sizeof(control.room)};
    if (recvmsg(fd, &message, MSG_PEEK | MSG_DONTWAIT) <= 0 || bytes[0] != first)
        return -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&message); c; c = CMSG_NXTHDR(&message, c)) {
        int tos = 0;
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TOS)
            return *CMSG_DATA(c);
        if (c->cmsg_level != IPPROTO_IPV6 || c->cmsg_type != IPV6_TCLASS)
            continue;
        memcpy(&tos, CMSG_DATA(c), sizeof(tos));
        return tos;
    }
    return -1;
}

/* Waits without reading at the peer. */
static int next_tos(int fd, uint8_t first)
{
    for (int i = 0; i < 2000; i++) {
        int tos = tos_at_peer(fd, first);
        if (tos >= 0)
            return tos;
        sup_media_engine_step(engine);
        usleep(500);
    }
    return -1;
}

static void check_marks(const char *address, bool no_sibling, bool no_dscp, int expected)
{
    const struct sup_media_address a = {.address = address};
    struct sup_media_engine_opts opts = {
        .addresses = &a, .address_count = 1, .no_sibling = no_sibling, .no_dscp = no_dscp};
    bool ipv6 = strchr(address, ':') != NULL;
    int on = 1;
    open_leg(&opts);
    ice_peer_open(&peer, address);
    int fd = peer_socket();
    ck_assert_int_eq(setsockopt(fd, ipv6 ? IPPROTO_IPV6 : IPPROTO_IP,
                                ipv6 ? IPV6_RECVTCLASS : IP_RECVTOS, &on, sizeof(on)),
                     0);
    signal_peer_to_leg();
    ck_assert_int_eq(next_tos(fd, 0), expected); /* a check */
    signal_leg_to_peer();
    SPIN_UNTIL(peer.connected && sup_ice_pair_of(ice));
    spin(700); /* past libnice's last checks */
    ck_assert_int_eq(sup_ice_send(ice, (const uint8_t[20]){0x80}, 20), SUP_OK);
    ck_assert_int_eq(next_tos(fd, 0x80), expected);
    teardown();
}

START_TEST(a_repeated_answer_times_nothing)
{
    open_on("127.0.0.1", false);
    connect_both("127.0.0.1");
    int fd = peer_socket(); /* libnice's; nobody else reads it here */
    struct sockaddr_storage from;
    socklen_t from_len = sizeof(from);
    uint8_t request[2048] = {0};
    sup_ice_ping(ice);
    for (int i = 0; i < 10000 && memcmp(request + SUP_STUN_ID_AT, "SUPD", 4) != 0; i++) {
        usleep(500);
        (void)recvfrom(fd, request, sizeof(request), MSG_DONTWAIT, (struct sockaddr *)&from,
                       &from_len);
    }
    struct stun_text t;
    stun_response(&t, request, (const struct sockaddr_in *)&from, peer.pwd);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(sendto(fd, t.data, t.len, 0, (const struct sockaddr *)&from,
                                sizeof(struct sockaddr_in)),
                         (ssize_t)t.len);
    SPIN_UNTIL(stats_now().foreign == 1);
    ck_assert_int_eq(seen.pongs, 1);
}
END_TEST

START_TEST(packets_are_marked_for_expedited_forwarding)
{
    check_marks("127.0.0.1", false, false, SUP_ICE_DSCP_EF << 2);
    check_marks("127.0.0.1", true, false, SUP_ICE_DSCP_EF << 2);
    check_marks("::1", false, false, SUP_ICE_DSCP_EF << 2);
    check_marks("::1", true, false, SUP_ICE_DSCP_EF << 2);
    check_marks("127.0.0.1", false, true, 0);
}
END_TEST

START_TEST(wrong_password_never_connects)
{
    open_on("127.0.0.1", false);
    ice_peer_open(&peer, "127.0.0.1");
    ck_assert_int_eq(sup_ice_set_remote(ice, peer.ufrag, "wrongwrongwrongwrongwrong"), SUP_OK);
    ice_peer_set_remote(&peer, sup_ice_ufrag(ice), "alsowrongalsowrongalsowrong");
    size_t n;
    const struct sup_candidate *c = sup_ice_candidates(ice, &n);
    ice_peer_add_remote(&peer, &c[0]);
    spin(300);
    ck_assert_ptr_null(sup_ice_pair_of(ice));
    ck_assert(!peer.connected);
}
END_TEST

START_TEST(full_port_range_is_an_error)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in self = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&self, sizeof(self)), 0);
    socklen_t len = sizeof(self);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&self, &len), 0);
    const struct sup_media_address a = {.address = "127.0.0.1"};
    struct sup_media_engine_opts opts = {.addresses = &a, .address_count = 1};
    opts.port_min = opts.port_max = ntohs(self.sin_port);
    ck_assert_int_eq(sup_media_engine_create(&opts, &engine), SUP_OK);
    struct sup_ice_opts ice_opts = {.engine = engine, .on = &callbacks, .arg = &seen};
    ck_assert_int_eq(sup_ice_create(&ice_opts, &ice), SUP_E_LIMIT);
    ck_assert_ptr_null(ice);
    sup_media_engine_destroy(engine);
    const struct sup_media_address nobodys = {.address = "192.0.2.1"};
    opts.addresses = &nobodys;
    ck_assert_int_eq(sup_media_engine_create(&opts, &engine), SUP_OK);
    ice_opts.engine = engine;
    ck_assert_int_eq(sup_ice_create(&ice_opts, &ice), SUP_E_IO);
    ck_assert_ptr_null(ice);
    close(fd);
}
END_TEST

START_TEST(dead_turn_server_spoils_nothing)
{
    const struct sup_media_address a = {.address = "127.0.0.1"};
    struct sup_media_engine_opts opts = {.addresses = &a, .address_count = 1};
    opts.turn = (struct sup_media_server){"127.0.0.1", 9, "user", "secret"};
    opts.stun = (struct sup_media_server){.address = "127.0.0.1", .port = 9};
    open_leg(&opts);
    ck_assert(!sup_ice_gathering_done(ice)); /* the servers are still being asked */
    connect_both("127.0.0.1");
    check_connected("127.0.0.1");
    exchange_packets();
    sup_ice_destroy(ice); /* goes on in the engine */
    ice = NULL;
    spin(20);
}
END_TEST

START_TEST(lack_of_memory_leaves_nothing)
{
    const struct sup_media_address a = {.address = "127.0.0.1"};
    struct sup_media_engine_opts opts = {.addresses = &a, .address_count = 1};
    ck_assert_int_eq(sup_media_engine_create(&opts, &engine), SUP_OK);
    size_t live = sup_mem_live();
    struct sup_ice_opts ice_opts = {.engine = engine, .on = &callbacks, .arg = &seen};
    for (size_t n = 1; n <= 2; n++) {
        sup_mem_fail_at(n);
        ck_assert_int_eq(sup_ice_create(&ice_opts, &ice), SUP_E_NOMEM);
        sup_mem_fail_at(0);
        ck_assert_ptr_null(ice);
        ck_assert_uint_eq(sup_mem_live(), live);
    }
    sup_ice_destroy(NULL);
}
END_TEST

SUP_CHECK_MAIN("ice", NULL, teardown, kernel_delivers_to_a_sibling,
               host_candidates_are_there_at_once, connects_over_the_sibling_ipv4,
               connects_over_the_sibling_ipv6, connects_through_libnice_where_there_is_no_sibling,
               a_ping_times_the_path, no_ping_where_libnice_would_get_the_answer,
               a_forged_answer_times_nothing, peer_without_candidates_is_found_by_its_checks,
               packets_of_strangers_are_dropped_and_counted,
               early_client_hello_is_fed_once_the_pair_is_selected,
               remote_credentials_and_candidates_are_checked,
               restart_keeps_the_path_and_takes_new_credentials,
               peer_that_moves_is_followed_after_a_restart,
               peer_behind_a_new_mapping_is_heard_and_told, a_repeated_answer_times_nothing,
               packets_are_marked_for_expedited_forwarding, wrong_password_never_connects,
               full_port_range_is_an_error, dead_turn_server_spoils_nothing,
               lack_of_memory_leaves_nothing)
