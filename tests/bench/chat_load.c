/* Generator of chats: TLS WebSockets of customers and staff, in pairs.
 *
 *   chat_load            commands on standard input, answers on standard output, JSON lines
 *
 *   {"connect":PORT,"origin":O,"file":PATH}  -> {"ready":N}; PATH holds
 * [{"token":T,"chat":ID|null}]; 2k and 2k+1 are the two sides of a chat
 *   {"window":R,"pid":PID,"seconds":S}       -> its figures; R messages a second, 0: closed loop
 *
 * The sides of a pair speak in turns. Closed loop: a pair sends when the message before has been
 * acknowledged to its sender and has reached the other side. Fixed rate: messages are due at even
 * distances, pair after pair, whatever is still under way; delay counts from the due time. */
#include <jansson.h>
#include <sys/prctl.h>

#include "ws_client.h"

enum {
    CONNECTIONS_MAX = 40000,
    CONNECTING_MAX = 32,
    RING = 256, /* messages of a pair that are under way at most */
    EVENTS = 256,
    LINE_MAX_BYTES = 4096,
    TICK_NS = 100000000,
    PING_NS = 1000000000,
    PING_EVERY_S = 25,
    DRAIN_S = 3,
};

struct message {
    uint64_t due_ns;
    bool acked, delivered;
};

struct person {
    struct ws ws;
    uint32_t number;
    const char *token, *chat; /* chat NULL: only connected */
    bool ready;
};

struct pair {
    uint32_t sent;
    struct message ring[RING];
};

static struct person *people;
static struct pair *pairs;
static uint32_t people_count, started, ready;
static uint16_t port;
static SSL_CTX *tls;
static json_t *people_json, *origin_json;
static int epoll;

static struct {
    bool on, told;
    uint32_t number; /* in client ids, so that windows do not mix */
    double rate;
    pid_t pid;
    uint64_t start_ns, end_ns, next, cpu_ns, own_cpu_ns, last_ns;
    uint64_t sent, acked, delivered, twice;
    struct bench_samples delay;
} window;

static uint64_t mono_ns(void)
{
    return bench_clock_ns(CLOCK_MONOTONIC);
}

static void say(json_t *object)
{
    BENCH_CHECK(object && json_dumpf(object, stdout, JSON_COMPACT) == 0);
    (void)putchar('\n');
    (void)fflush(stdout);
    json_decref(object);
}

/* --- messages --- */

static void send_message(uint32_t pair_number, uint64_t due_ns)
{
    struct pair *pair = &pairs[pair_number];
    uint32_t number = pair->sent++;
    struct person *from = &people[2 * pair_number + (number & 1)];
    struct message *m = &pair->ring[number % RING];
    if (number >= RING && !(m->acked && m->delivered))
        BENCH_DIE("pair %u has %d messages under way", pair_number, RING);
    *m = (struct message){.due_ns = due_ns};
    char text[512];
    (void)snprintf(text, sizeof(text),
                   "{\"type\":\"message.send\",\"id\":\"%u\",\"chat_id\":\"%s\",\"client_id\":"
                   "\"%08x-%04x-4000-8000-%012x\",\"body\":\"Habari, naomba msaada, kadi yangu "
                   "imekwama kwenye mashine tangu asubuhi\"}",
                   number, from->chat, pair_number, window.number & 0xFFFF, number);
    ws_send_text(&from->ws, text);
    window.sent++;
}

/* A message has been acknowledged to its sender and shown to the other side: the next one. */
static void go_on(uint32_t pair_number, const struct message *m)
{
    uint64_t now = mono_ns();
    if (m->acked && m->delivered && window.rate <= 0 && now < window.end_ns)
        send_message(pair_number, now);
}

static void take_message(struct person *person, const char *text, bool ack)
{
    static const char name[] = "\"client_id\":\"";
    unsigned pair_number, run, number;
    const char *at = strstr(text, name);
    if (!at ||
        sscanf(at + sizeof(name) - 1, "%8x-%4x-4000-8000-%12x", &pair_number, &run, &number) != 3 ||
        run != (window.number & 0xFFFF) || pair_number != person->number / 2 || !window.on)
        return;
    struct pair *pair = &pairs[pair_number];
    struct message *m = &pair->ring[number % RING];
    bool own = (person->number & 1) == (number & 1);
    BENCH_CHECK(number < pair->sent && pair->sent - number <= RING);
    if (ack) {
        window.twice += m->acked;
        window.acked += !m->acked;
        m->acked = true;
    } else if (own) {
        return; /* the echo to the sender's own connection */
    } else if (m->delivered) {
        window.twice++;
        return;
    } else {
        window.last_ns = mono_ns();
        m->delivered = true;
        window.delivered++;
        bench_add(&window.delay, (window.last_ns - m->due_ns) / 1000);
    }
    go_on(pair_number, m);
}

static void on_open(struct ws *ws)
{
    struct person *person = ws->owner;
    char text[4096];
    (void)snprintf(text, sizeof(text), "{\"type\":\"hello\",\"id\":\"h\",\"token\":\"%s\"}",
                   person->token);
    ws_send_text(ws, text);
}

static void become_ready(struct person *person)
{
    if (person->ready)
        return;
    person->ready = true;
    if (++ready == people_count)
        say(json_pack("{s:i}", "ready", (int)ready));
}

static void on_text(struct ws *ws, const char *text, size_t len)
{
    struct person *person = ws->owner;
    char open[256];
    (void)len;
    if (strstr(text, "\"type\":\"message.new\"")) {
        take_message(person, text, false);
    } else if (strstr(text, "\"type\":\"message.ack\"")) {
        take_message(person, text, true);
    } else if (strstr(text, "\"type\":\"welcome\"")) {
        if (!person->chat) {
            become_ready(person);
            return;
        }
        (void)snprintf(open, sizeof(open),
                       "{\"type\":\"chat.open\",\"id\":\"o\",\"chat_id\":\"%s\",\"seq\":0,"
                       "\"rev\":0}",
                       person->chat);
        ws_send_text(ws, open);
    } else if (strstr(text, "\"type\":\"chat.resumed\"")) {
        become_ready(person);
    } else if (strstr(text, "\"type\":\"error\"")) {
        BENCH_DIE("error frame: %s", text);
    }
}

static const struct ws_calls calls = {on_open, on_text};

/* --- windows --- */

static void begin_window(json_t *command)
{
    double seconds = json_number_value(json_object_get(command, "seconds"));
    uint64_t now = mono_ns();
    struct bench_samples delay = window.delay;
    uint32_t number = window.number + 1;
    BENCH_CHECK(!window.on && ready == people_count && people_count >= 2 && seconds > 0);
    memset(&window, 0, sizeof(window));
    delay.count = 0;
    window.delay = delay;
    window.number = number;
    window.on = true;
    window.rate = json_number_value(json_object_get(command, "window"));
    window.pid = (pid_t)json_integer_value(json_object_get(command, "pid"));
    window.start_ns = window.last_ns = now;
    window.end_ns = now + (uint64_t)(seconds * 1e9);
    window.cpu_ns = bench_cpu_ns(window.pid);
    window.own_cpu_ns = bench_cpu_ns(getpid());
    memset(pairs, 0, people_count / 2 * sizeof(pairs[0]));
    for (uint32_t i = 0; window.rate <= 0 && i < people_count / 2; i++)
        send_message(i, now);
}

static void end_window(void)
{
    double passed = (double)(window.last_ns - window.start_ns) / 1e9;
    double cpu = (double)(bench_cpu_ns(window.pid) - window.cpu_ns);
    double own = (double)(bench_cpu_ns(getpid()) - window.own_cpu_ns);
    window.on = false;
    say(json_pack("{s:f, s:I, s:I, s:I, s:I, s:f, s:f, s:f, s:f, s:f}", "window", window.rate,
                  "sent", (json_int_t)window.sent, "acked", (json_int_t)window.acked, "delivered",
                  (json_int_t)window.delivered, "twice", (json_int_t)window.twice,
                  "delivered_per_s", passed > 0 ? (double)window.delivered / passed : 0.0,
                  "latency_p50_ms", bench_percentile(&window.delay, 0.5) / 1000.0, "latency_p99_ms",
                  bench_percentile(&window.delay, 0.99) / 1000.0, "cpu_us",
                  window.delivered ? cpu / 1000 / (double)window.delivered : 0.0, "generator_cores",
                  passed > 0 ? own / 1e9 / passed : 0.0));
}

static uint64_t step_window(void)
{
    uint64_t now = mono_ns();
    while (window.rate > 0) {
        uint64_t due = window.start_ns + (uint64_t)((double)window.next * 1e9 / window.rate);
        if (due >= window.end_ns)
            break;
        if (due > now)
            return due - now;
        send_message((uint32_t)(window.next++ % (people_count / 2)), due);
        now = mono_ns();
    }
    bool all = window.acked == window.sent && window.delivered == window.sent;
    if (now >= window.end_ns && (all || now >= window.end_ns + DRAIN_S * 1000000000ull))
        end_window();
    return TICK_NS / 100;
}

/* --- connecting --- */

static void start_more(void)
{
    while (started < people_count && started - ready < CONNECTING_MAX) {
        struct person *person = &people[started];
        json_t *row = json_array_get(people_json, started);
        person->number = started++;
        person->token = json_string_value(json_object_get(row, "token"));
        person->chat = json_string_value(json_object_get(row, "chat"));
        person->ws.owner = person;
        BENCH_CHECK(person->token);
        ws_start(&person->ws, tls, port);
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = person};
        BENCH_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, person->ws.fd, &event) == 0);
        ws_ready(&person->ws, json_string_value(origin_json), &calls);
    }
}

static void begin_connecting(json_t *command)
{
    json_error_t error;
    BENCH_CHECK(!people);
    port = (uint16_t)json_integer_value(json_object_get(command, "connect"));
    origin_json = json_incref(json_object_get(command, "origin"));
    people_json = json_load_file(json_string_value(json_object_get(command, "file")), 0, &error);
    if (!people_json)
        BENCH_DIE("no people: %s", error.text);
    people_count = (uint32_t)json_array_size(people_json);
    BENCH_CHECK(people_count > 0 && people_count <= CONNECTIONS_MAX);
    people = calloc(people_count, sizeof(*people));
    pairs = calloc(people_count / 2 + 1, sizeof(*pairs));
    tls = ws_context();
    BENCH_CHECK(people && pairs);
}

/* A share of the idle connections each second, so that all have spoken within PING_EVERY_S. */
static void ping_some(void)
{
    static uint32_t turn;
    turn++;
    for (uint32_t i = turn % PING_EVERY_S; i < started; i += PING_EVERY_S)
        if (people[i].ready)
            ws_send_text(&people[i].ws, "{\"type\":\"ping\",\"id\":\"p\"}");
}

static void obey(const char *line)
{
    json_error_t error;
    json_t *command = json_loads(line, 0, &error);
    if (!command)
        BENCH_DIE("no JSON: %s", error.text);
    if (json_object_get(command, "connect"))
        begin_connecting(command);
    else if (json_object_get(command, "window"))
        begin_window(command);
    else
        BENCH_DIE("unknown command");
    json_decref(command);
}

/* False once standard input has ended. */
static bool read_commands(void)
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
        obey(line);
        line = end + 1;
    }
    len = strlen(line);
    memmove(text, line, len + 1);
    BENCH_CHECK(len < LINE_MAX_BYTES);
    return true;
}

int main(void)
{
    static char control; /* its address stands for standard input */
    uint64_t pinged_ns = mono_ns();
    (void)prctl(PR_SET_TIMERSLACK, 1000UL);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    BENCH_CHECK(epoll >= 0 && fcntl(STDIN_FILENO, F_SETFL, O_NONBLOCK) == 0);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &control};
    BENCH_CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) == 0);
    for (;;) {
        uint64_t now = mono_ns(), wait = TICK_NS;
        if (now - pinged_ns >= PING_NS) {
            pinged_ns = now;
            ping_some();
        }
        start_more();
        if (window.on) {
            uint64_t next = step_window();
            wait = next < wait ? next : wait;
        }
        struct timespec timeout = {0, (long)wait};
        struct epoll_event events[EVENTS];
        int n = epoll_pwait2(epoll, events, EVENTS, &timeout, NULL);
        for (int i = 0; i < n; i++) {
            struct person *person = events[i].data.ptr;
            if (events[i].data.ptr != &control)
                ws_ready(&person->ws, json_string_value(origin_json), &calls);
            else if (!read_commands())
                return EXIT_SUCCESS;
        }
    }
}
