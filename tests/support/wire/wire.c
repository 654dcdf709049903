/* The link as a program.
 *
 *   wire SEED LOG NEAR FAR
 *
 * Opens the TUN device NEAR where it was started and FAR in a new network namespace, whose
 * processes are reached by `nsenter -t PID -n`; addresses are the caller's business. Commands come
 * as lines of JSON on standard input, each is answered by {"at_us": monotonic time of taking
 * effect}:
 *
 *   {"set": "*" or "address", "port": P, "dir": "up" or "down", ...members of struct wire_rule}
 *       replaces the rule of all flows, or of one; what is not named is 0; "classes" is a list of
 *       "stun", "dtls", "rtp", "rtcp", "other" (default all); "blackhole_us" is a duration
 *   {"rebind": "address", "port": P, "to": "address" or absent, "to_port": P}
 *   {"flush": true}   the log is complete up to here
 *
 * The first line that it writes is {"pid": PID, "at_us": T}. It ends with standard input. */
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 16384, EVENTS = 4, PER_TURN = 64 };

static int devices[2]; /* [dir]: where packets of that direction go out */
static unsigned long refused;

static uint64_t now_us(void)
{
    struct timespec t;
    WIRE_CHECK(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
}

static void say(json_t *object)
{
    WIRE_CHECK(object && json_dumpf(object, stdout, JSON_COMPACT) == 0);
    (void)putchar('\n');
    (void)fflush(stdout);
    json_decref(object);
}

static int open_device(const char *name)
{
    struct ifreq request = {.ifr_flags = IFF_TUN | IFF_NO_PI};
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    WIRE_CHECK(fd >= 0 && strlen(name) < sizeof(request.ifr_name));
    memcpy(request.ifr_name, name, strlen(name));
    WIRE_CHECK(ioctl(fd, TUNSETIFF, &request) == 0);
    return fd;
}

static void write_out(enum wire_dir dir, const uint8_t *data, size_t len)
{
    if (write(devices[dir], data, len) != (ssize_t)len)
        refused++; /* the device is down, or its queue is full */
}

static double part(json_t *o, const char *name)
{
    double v = json_number_value(json_object_get(o, name));
    WIRE_CHECK(v >= 0 && v <= 1);
    return v;
}

static uint64_t whole(json_t *o, const char *name)
{
    json_int_t v = json_integer_value(json_object_get(o, name));
    WIRE_CHECK(v >= 0);
    return (uint64_t)v;
}

static unsigned read_classes(json_t *names)
{
    static const char *const all[WIRE_CLASSES] = {"other", "stun", "dtls", "rtp", "rtcp"};
    unsigned set = 0;
    size_t i;
    json_t *name;
    if (!names)
        return (1u << WIRE_CLASSES) - 1;
    json_array_foreach(names, i, name)
    {
        for (unsigned c = 0; c < WIRE_CLASSES; c++)
            if (strcmp(json_string_value(name), all[c]) == 0)
                set |= 1u << c;
    }
    return set;
}

static struct wire_rule read_rule(json_t *o, uint64_t at_us)
{
    struct wire_rule rule = {.loss = part(o, "loss"),
                             .to_bad = part(o, "to_bad"),
                             .to_good = part(o, "to_good"),
                             .bad_loss = part(o, "bad_loss"),
                             .duplicate = part(o, "duplicate"),
                             .reorder = part(o, "reorder"),
                             .reorder_us = whole(o, "reorder_us"),
                             .delay_us = whole(o, "delay_us"),
                             .jitter_us = whole(o, "jitter_us"),
                             .disorder = json_is_true(json_object_get(o, "disorder")),
                             .rate = whole(o, "rate"),
                             .queue_us = whole(o, "queue_us"),
                             .classes = read_classes(json_object_get(o, "classes"))};
    uint64_t hole_us = whole(o, "blackhole_us");
    if (hole_us > 0)
        rule.blackhole_until_us = at_us + hole_us;
    return rule;
}

static void obey_set(struct wire_link *link, json_t *o, uint64_t at_us)
{
    const char *who = json_string_value(json_object_get(o, "set"));
    const char *way = json_string_value(json_object_get(o, "dir"));
    WIRE_CHECK(who && way && (strcmp(way, "up") == 0 || strcmp(way, "down") == 0));
    enum wire_dir dir = strcmp(way, "up") == 0 ? WIRE_UP : WIRE_DOWN;
    struct wire_rule rule = read_rule(o, at_us);
    uint8_t address[16], family;
    if (strcmp(who, "*") == 0) {
        wire_link_set_all(link, dir, &rule);
        return;
    }
    WIRE_CHECK(wire_address_parse(who, address, &family));
    wire_link_set(link, address, (uint16_t)whole(o, "port"), dir, &rule);
}

static void obey_rebind(struct wire_link *link, json_t *o)
{
    const char *to = json_string_value(json_object_get(o, "to"));
    uint8_t address[16], outer[16], family;
    WIRE_CHECK(
        wire_address_parse(json_string_value(json_object_get(o, "rebind")), address, &family));
    WIRE_CHECK(!to || wire_address_parse(to, outer, &family));
    wire_link_rebind(link, address, (uint16_t)whole(o, "port"), to ? outer : NULL,
                     (uint16_t)whole(o, "to_port"));
}

static void obey(struct wire_link *link, FILE *log, const char *line)
{
    json_error_t error;
    json_t *command = json_loads(line, 0, &error);
    uint64_t at_us = now_us();
    WIRE_CHECK(command);
    if (json_object_get(command, "set"))
        obey_set(link, command, at_us);
    else if (json_object_get(command, "rebind"))
        obey_rebind(link, command);
    else if (json_object_get(command, "flush"))
        WIRE_CHECK(fflush(log) == 0);
    else
        WIRE_CHECK(!"known command");
    say(json_pack("{s:I, s:I}", "at_us", (json_int_t)at_us, "refused", (json_int_t)refused));
    json_decref(command);
}

/* False once standard input has ended. */
static bool read_commands(struct wire_link *link, FILE *log)
{
    static char text[LINE_MAX_BYTES + 1];
    static size_t len;
    ssize_t n = read(STDIN_FILENO, text + len, LINE_MAX_BYTES - len);
    if (n <= 0)
        return n < 0 && errno == EAGAIN;
    len += (size_t)n;
    text[len] = '\0';
    char *line = text, *end;
    while ((end = strchr(line, '\n'))) {
        *end = '\0';
        obey(link, log, line);
        line = end + 1;
    }
    len = strlen(line);
    memmove(text, line, len + 1);
    WIRE_CHECK(len < LINE_MAX_BYTES);
    return true;
}

static void read_device(struct wire_link *link, enum wire_dir dir)
{
    uint8_t pkt[WIRE_MTU + 64];
    for (int i = 0; i < PER_TURN; i++) {
        ssize_t n = read(devices[!dir], pkt, sizeof(pkt));
        if (n <= 0)
            return;
        wire_link_take(link, dir, pkt, (size_t)n, now_us());
    }
}

static void watch(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};
    WIRE_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

static void run(struct wire_link *link, FILE *log)
{
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    WIRE_CHECK(epoll >= 0 && fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) == 0);
    watch(epoll, STDIN_FILENO);
    watch(epoll, devices[WIRE_UP]);
    watch(epoll, devices[WIRE_DOWN]);
    for (;;) {
        uint64_t next = wire_link_release(link, now_us()), now = now_us();
        uint64_t wait = next > now ? next - now : 0;
        struct timespec timeout = {(time_t)(wait / 1000000), (long)(wait % 1000000) * 1000};
        struct epoll_event events[EVENTS];
        int n = epoll_pwait2(epoll, events, EVENTS, next == UINT64_MAX ? NULL : &timeout, NULL);
        for (int i = 0; i < n; i++) {
            if (events[i].data.fd == devices[WIRE_DOWN])
                read_device(link, WIRE_UP);
            else if (events[i].data.fd == devices[WIRE_UP])
                read_device(link, WIRE_DOWN);
            else if (!read_commands(link, log))
                return;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 5) {
        (void)fprintf(stderr, "usage: wire SEED LOG NEAR FAR\n");
        return EXIT_FAILURE;
    }
    FILE *log = fopen(argv[2], "wbe");
    WIRE_CHECK(log && prctl(PR_SET_TIMERSLACK, 1000UL) == 0);
    devices[WIRE_UP] = open_device(argv[3]);
    WIRE_CHECK(unshare(CLONE_NEWNET) == 0);
    devices[WIRE_DOWN] = open_device(argv[4]);
    struct wire_link *link = wire_link_create(strtoull(argv[1], NULL, 10), log, write_out);
    struct wire_rule clean = {.classes = (1u << WIRE_CLASSES) - 1};
    wire_link_set_all(link, WIRE_UP, &clean);
    wire_link_set_all(link, WIRE_DOWN, &clean);
    say(json_pack("{s:i, s:I}", "pid", (int)getpid(), "at_us", (json_int_t)now_us()));
    run(link, log);
    wire_link_destroy(link);
    return fclose(log) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
