/* Shared inside bus: the object, the wire form, the process's registration. */
#ifndef SUPPORTD_BUS_INTERNAL_H
#define SUPPORTD_BUS_INTERNAL_H
#include "supportd/base/buf.h"
#include "supportd/base/list.h"
#include "supportd/base/map.h"
#include "supportd/bus/bus.h"
#include "supportd/pg/listen.h"

enum {
    BUS_TOPICS_MAX = 64,
    BUS_PENDING_MAX = 8192, /* events that wait for local delivery */
    BUS_PAYLOAD_MAX = 7900, /* NOTIFY refuses 8000 */
    BUS_FLUSH_US = 5000,    /* DESIGN: gathered for at most 5 ms */
    BUS_PEERS_MAX = 256,
    BUS_SILENT_BEATS = 4, /* beats without a word: the peer is gone */
    BUS_BEATS_PER_HEARTBEAT = 2,
};

struct bus_topic {
    char name[SUP_BUS_TOPIC_MAX + 1];
    struct sup_signal signal;
};

/* A local event on its way to the listeners of this process. */
struct bus_pending {
    struct sup_link link; /* sup_bus::pending */
    struct sup_id id;
    int64_t rev;
    char topic[SUP_BUS_TOPIC_MAX + 1];
    char ref[]; /* NUL-terminated */
};

/* Another process that was heard. */
struct bus_peer {
    struct sup_id id;
    uint64_t heard_us;
    int64_t batch; /* number of its last payload */
};

struct sup_bus {
    struct sup_loop *loop;
    struct sup_bus_opts opts; /* defaults filled in */
    struct sup_map *topics;   /* name -> struct bus_topic */
    struct sup_signal gaps, registrations;
    struct sup_link pending;
    size_t pending_count;
    struct sup_timer *deliver, *flush, *beat, *tick;

    struct sup_pg_pool *out_pool; /* the NOTIFY connection */
    struct sup_pg_listen *listen;
    struct sup_buf out; /* lines gathered for the next payload */
    int64_t batch;      /* number of the last payload sent */
    uint64_t sent_us;

    struct bus_peer peers[BUS_PEERS_MAX];
    size_t peer_count;
    unsigned others; /* by the database */

    struct sup_id process;
    bool registered, leaving;
    unsigned beats;
    struct sup_pg_req *request; /* registration, heartbeat or leave; NULL: none */
    void (*left)(sup_err err, void *arg);
    void *left_arg;
    struct sup_metric *published, *received, *lost;
};

/* wire.c: one payload is "process batch\n", then one line per event, "topic id rev ref". */

SUP_MUST_CHECK sup_err bus_wire_header(struct sup_buf *buf, struct sup_id process, int64_t batch);
SUP_MUST_CHECK sup_err bus_wire_event(struct sup_buf *buf, const char *topic, struct sup_id id,
                                      int64_t rev, const char *ref);
struct bus_wire_event {
    char topic[SUP_BUS_TOPIC_MAX + 1];
    struct sup_id id;
    int64_t rev;
    char ref[SUP_BUS_REF_MAX + 1];
};
/* Reads the header or one event off *pos, up to end. Errors: SUP_E_MALFORMED. */
SUP_MUST_CHECK sup_err bus_wire_read_header(const char **pos, struct sup_id *ret_process,
                                            int64_t *ret_batch);
SUP_MUST_CHECK sup_err bus_wire_read_event(const char **pos, struct bus_wire_event *ret_event);
bool bus_topic_valid(const char *topic);
bool bus_ref_valid(const char *ref);

/* peers.c: other processes and this one's registration. */
void bus_on_notify(const char *channel, const char *payload, void *arg);
void bus_on_beat(void *arg);
void bus_gap(struct sup_bus *bus, enum sup_bus_gap why);

/* bus.c */
void bus_emit(struct sup_bus *bus, const struct sup_bus_event *event);
/* Sends what is gathered, or an empty payload as a sign of life. */
void bus_send(struct sup_bus *bus);
extern const struct sup_pg_stmt bus_stmts[];
enum { BUS_REGISTER, BUS_HEARTBEAT, BUS_LEAVE, BUS_STMT_COUNT };
#endif
