#include <stdio.h>
#include <string.h>

#include "recording_internal.h"
#include "supportd/base/clock.h"
#include "supportd/base/mem.h"
#include "supportd/log/log.h"
#include "supportd/pg/row_json.h"

#define MEDIA "system:media"

/* Second 0 was set when the row was asked to begin, a little before its own time. */
enum { ORIGIN_OFF_US = 100000, CARD_AGAIN_US = 1000000 };

/* --- what is heard into what is recorded --- */

/* The customer and others talk to each other; else (queue, hold, consultation) the customer hears
 * music. */
static bool talking(const struct call_live *live)
{
    const struct sup_leg *customer = live->parties[SUP_CALL_CUSTOMER].leg;
    enum sup_leg_source source = customer ? sup_leg_source_of(customer) : SUP_LEG_HEARS_NOTHING;
    return source == SUP_LEG_HEARS_LEG || source == SUP_LEG_HEARS_MIX;
}

static void on_packet(const struct sup_leg *leg, const struct sup_leg_packet *packet, void *arg)
{
    (void)leg;
    const struct call_party *party = arg;
    const struct call_live *live = party->live;
    const struct call_recording *r = &live->recording;
    if (!r->recorder || r->paused || r->pausing > 0 || !talking(live))
        return;
    sup_recording_add(r->recorder, party->track, packet->ssrc, packet->ts, packet->payload,
                      packet->len, packet->arrival_us);
}

static void on_party_stored(const struct sup_pg_reply *reply, void *arg)
{
    (void)arg;
    if (reply->err)
        sup_log_error("call", "party of a recording not stored",
                      SUP_STR("error", sup_err_name(reply->err)),
                      SUP_STR("sqlstate", reply->sqlstate));
}

static const char *role_name(enum sup_call_role role)
{
    return role == SUP_CALL_ROLE_AGENT     ? "agent"
           : role == SUP_CALL_ROLE_CONSULT ? "consult"
                                           : "barge";
}

static void tell_voice(struct call_live *live, unsigned track, struct sup_id user,
                       enum sup_call_role role)
{
    struct call_recording *r = &live->recording;
    bool new_agent = role == SUP_CALL_ROLE_AGENT && !sup_id_equal(r->agent, user);
    if (!new_agent && r->roles[track] == role && sup_id_equal(r->voices[track], user))
        return;
    r->voices[track] = user;
    r->roles[track] = role;
    if (role == SUP_CALL_ROLE_AGENT)
        r->agent = user;
    uint64_t from_us = sup_recording_position_us(r->recorder, sup_clock_mono_us());
    if (recording_store_party(live->service->opts.pool, r->id, track, user, role_name(role),
                              (int64_t)(from_us / 1000), on_party_stored, NULL))
        sup_log_error("call", "party of a recording not sent",
                      SUP_STR("recording", sup_id_text(r->id).s), SUP_INT("track", track));
}

/* One track per person, whatever that person's role becomes; whoever comes when all are taken
 * shares the last one, and the row says so. */
static unsigned track_of(struct call_live *live, struct sup_id user)
{
    struct call_recording *r = &live->recording;
    unsigned track = 1;
    while (track < r->voice_count && !sup_id_equal(r->voices[track], user))
        track++;
    if (track < r->voice_count)
        return track;
    if (sup_recording_add_track(r->recorder, &track))
        return r->voice_count - 1;
    r->voice_count = track + 1;
    return track;
}

static const struct sup_hold *notice_of(const struct call_live *live)
{
    const struct sup_call_opts *opts = &live->service->opts;
    const struct sup_hold *own =
        opts->prompts ? sup_prompts_notice(opts->prompts, live->language) : NULL;
    return own ? own : opts->notice;
}

/* Both sides are told by sound: the other's voice waits for it, the recorder does not. */
static void announce(struct call_live *live, int seat)
{
    struct sup_leg *leg = live->parties[seat].leg;
    live->recording.owed[seat] = !leg;
    if (!leg)
        return;
    sup_leg_announce(leg, notice_of(live));
    sup_metric_add(live->service->notices_metric, 1);
}

void call_recording_untold(struct call_party *party)
{
    ptrdiff_t seat = party - party->live->parties;
    if (seat == SUP_CALL_CUSTOMER || seat == SUP_CALL_AGENT)
        party->live->recording.owed[seat] = true;
}

static void announce_all(struct call_live *live)
{
    for (int s = 0; live->service->opts.notice && s < CALL_SEATS; s++) {
        live->recording.owed[s] = false;
        if (s == SUP_CALL_CUSTOMER || s == SUP_CALL_AGENT || live->parties[s].to_customer)
            announce(live, s);
    }
}

void call_recording_tap(struct call_live *live)
{
    for (int s = 0; s < CALL_SEATS; s++) {
        struct call_party *p = &live->parties[s];
        bool taken = live->recording.recorder && (s == SUP_CALL_CUSTOMER || p->to_customer);
        if (!p->leg)
            continue;
        if (live->recording.recorder && live->recording.owed[s])
            announce(live, s);
        p->track = 0;
        if (taken && s != SUP_CALL_CUSTOMER) {
            p->track = track_of(live, p->user);
            tell_voice(live, p->track, p->user,
                       s == SUP_CALL_AGENT ? SUP_CALL_ROLE_AGENT : p->role);
        }
        if (taken && !p->recorded)
            sup_recording_joins(live->recording.recorder, p->track, sup_clock_mono_us());
        p->recorded = taken;
        sup_leg_set_tap(p->leg, taken ? on_packet : NULL, p);
    }
}

/* --- its end --- */

struct call_finishing {
    struct sup_link link; /* sup_call::finishing */
    struct sup_call *service;
    struct sup_id recording;
};

static void finishing_free(struct call_finishing *f)
{
    f->service->finishing_count--;
    sup_list_remove(&f->link);
    sup_free(f);
}

static void on_stored(const struct sup_pg_reply *reply, void *arg)
{
    struct call_finishing *f = arg;
    if (reply->err)
        sup_log_error("call", "end of a recording not stored",
                      SUP_STR("recording", sup_id_text(f->recording).s),
                      SUP_STR("error", sup_err_name(reply->err)),
                      SUP_STR("sqlstate", reply->sqlstate), SUP_STR("code", reply->code));
    else
        call_retention_kick(f->service);
    finishing_free(f);
}

static void on_finished(const struct sup_recording_result *result, void *arg)
{
    struct call_finishing *f = arg;
    if (result->incomplete)
        sup_log_warn("call", "recording incomplete",
                     SUP_STR("recording", sup_id_text(f->recording).s),
                     SUP_INT("gap_ms", result->gap_us / 1000));
    if (recording_store_finish(f->service->opts.pool, f->recording, result, on_stored, f)) {
        sup_log_error("call", "end of a recording not sent",
                      SUP_STR("recording", sup_id_text(f->recording).s));
        finishing_free(f);
    }
}

/* Card data was said or written and the row does not know: nothing is recorded until it does. */
static void owe_card(struct call_live *live)
{
    struct call_recording *r = &live->recording;
    if (!r->recorder || !r->owed_card || sup_timer_armed(r->owed_card))
        return;
    r->pausing++;
    sup_timer_start(r->owed_card, CARD_AGAIN_US);
}

static void forget_card(struct call_recording *r)
{
    if (!r->owed_card || !sup_timer_armed(r->owed_card))
        return;
    r->pausing--;
    sup_timer_stop(r->owed_card);
}

static void finish(struct call_live *live, uint64_t end_us)
{
    struct call_recording *r = &live->recording;
    if (!r->recorder)
        return;
    struct call_finishing *f = sup_calloc(1, sizeof(*f));
    if (f) {
        *f = (struct call_finishing){.service = live->service, .recording = r->id};
        sup_list_append(&live->service->finishing, &f->link);
        live->service->finishing_count++;
    }
    sup_recording_finish(r->recorder, end_us, f ? on_finished : NULL, f);
    r->recorder = NULL;
    r->paused = false;
    if (r->resume)
        sup_timer_stop(r->resume);
    forget_card(r);
    call_recording_tap(live);
}

void call_recording_end_asked(struct call_live *live)
{
    live->recording.end_asked_us = sup_clock_mono_us();
    if (live->recording.recorder)
        sup_recording_may_end(live->recording.recorder,
                              live->recording.end_asked_us - ORIGIN_OFF_US);
}

void call_recording_end_at(struct call_live *live, int64_t length_us)
{
    const struct call_recording *r = &live->recording;
    if (!r->recorder || length_us < r->from_us)
        return;
    uint64_t now = sup_clock_mono_us();
    uint64_t end =
        now - sup_recording_position_us(r->recorder, now) + (uint64_t)(length_us - r->from_us);
    if (end + ORIGIN_OFF_US >= r->end_asked_us && end <= now) /* else its clock was set meanwhile */
        finish(live, end);
}

void call_recording_end(struct call_live *live)
{
    /* The row's end lies between the request and its news, nearer to the request: what follows is
     * the commit. */
    uint64_t now = sup_clock_mono_us(), asked = live->recording.end_asked_us;
    finish(live, asked > 0 && now - asked < SUP_REC_END_NEWS_US ? asked : now);
}

void call_recording_fini(struct call_live *live)
{
    call_recording_end(live);
    sup_timer_destroy(live->recording.resume);
    sup_timer_destroy(live->recording.owed_card);
    live->recording.resume = live->recording.owed_card = NULL;
}

void call_recordings_forget(struct sup_call *call)
{
    struct sup_link *pos, *tmp;
    SUP_LIST_EACH(pos, tmp, &call->finishing)
    finishing_free(SUP_CONTAINER_OF(pos, struct call_finishing, link));
}

size_t sup_call_recordings_ending(const struct sup_call *call)
{
    return call->finishing_count;
}

/* --- a change: the row first, but for a pause, which holds at once --- */

struct changing {
    struct sup_call *call;
    struct sup_id id, recording, staff;
    char actor[64], want[8], request[SUP_ID_TEXT_LEN + 1];
    uint64_t at_us;
    int64_t elapsed_us;     /* since second 0 of a new one, at at_us */
    int64_t from_us;        /* from the answer to that second */
    bool held_back, begins; /* begins: a recording, which the row has by this change */
    sup_call_end_cb cb;
    void *arg;
};

static void changed(struct changing *c, sup_err err, const char *code)
{
    struct call_live *live = call_find(c->call, c->id);
    if (live && err && err != SUP_E_DENIED && strcmp(c->want, "card") == 0)
        owe_card(live);
    if (live && c->held_back)
        live->recording.pausing--;
    if (c->cb)
        c->cb(&(struct sup_call_end_result){err, code}, c->arg);
    else if (err)
        sup_log_warn("call", "recording not changed", SUP_STR("call", sup_id_text(c->id).s),
                     SUP_STR("want", c->want), SUP_STR("code", code));
    sup_free(c);
}

static void on_taken_back(const struct sup_pg_reply *reply, void *arg)
{
    (void)arg;
    if (reply->err)
        sup_log_error("call", "recording not taken back",
                      SUP_STR("error", sup_err_name(reply->err)));
}

/* The row says on, and nothing is recorded: that must not stand. */
static void start_failed(const struct changing *c)
{
    struct sup_recording_result none = {.incomplete = true};
    sup_log_error("call", "recording not started", SUP_STR("call", sup_id_text(c->id).s));
    if (recording_store_finish(c->call->opts.pool, c->recording, &none, on_taken_back, NULL))
        sup_log_error("call", "end of a recording not sent",
                      SUP_STR("recording", sup_id_text(c->recording).s));
    if (sup_call_record(c->call, MEDIA, c->id, "off", NULL, NULL, NULL))
        sup_log_error("call", "recording not taken back", SUP_STR("call", sup_id_text(c->id).s));
}

static sup_err start(struct call_live *live, const struct changing *c)
{
    struct call_recording *r = &live->recording;
    sup_err err = sup_recording_start(c->call->opts.recorders, c->recording,
                                      c->at_us - (uint64_t)c->elapsed_us, &r->recorder);
    if (err) {
        start_failed(c);
        return err;
    }
    _Static_assert((int)CALL_VOICES == (int)SUP_REC_TRACKS, "a voice per track");
    r->id = c->recording;
    r->from_us = c->from_us;
    r->paused = false;
    r->voice_count = 2;
    r->voices[1] = r->agent = c->staff; /* as the row has it from its beginning */
    r->roles[1] = SUP_CALL_ROLE_AGENT;
    for (int s = 0; s < CALL_SEATS; s++) /* since second 0, which may lie a while back */
        live->parties[s].recorded = true;
    call_recording_tap(live);
    announce_all(live);
    return SUP_OK;
}

static sup_err apply(struct call_live *live, const struct changing *c, const char *state,
                     int64_t resume_ms)
{
    struct call_recording *r = &live->recording;
    if (r->resume)
        sup_timer_stop(r->resume);
    if (strcmp(state, "off") == 0) {
        finish(live, c->at_us);
    } else if (c->begins) {
        return start(live, c);
    } else if (r->recorder) {
        bool was = r->paused;
        r->paused = strcmp(state, "paused") == 0;
        if (was && !r->paused)
            sup_recording_go_on(r->recorder, sup_clock_mono_us());
        if (r->paused && resume_ms > 0 && r->resume)
            sup_timer_start(r->resume, (uint64_t)resume_ms * 1000);
    }
    return SUP_OK;
}

static const char *code_of(const char *result)
{
    return strcmp(result, "elsewhere") == 0 ? "unavailable" : "not_allowed_now";
}

static void on_set(const struct sup_pg_reply *reply, void *arg)
{
    struct changing *c = arg;
    if (reply->err) {
        changed(c, reply->err, reply->code);
        return;
    }
    const char *result = sup_row_str(reply->rows, 0, "result");
    bool same = strcmp(result, "same") == 0;
    if (!same && strcmp(result, "ok") != 0) {
        changed(c, SUP_E_DENIED, code_of(result));
        return;
    }
    struct call_live *live = call_find(c->call, c->id);
    sup_err err = SUP_OK;
    c->staff = sup_row_id(reply->rows, 0, "staff_id");
    c->begins = sup_id_equal(sup_row_id(reply->rows, 0, "recording_id"), c->recording);
    c->elapsed_us = sup_row_number(reply->rows, 0, "elapsed_us");
    c->from_us = sup_row_number(reply->rows, 0, "from_us");
    if (live && !same)
        err = apply(live, c, sup_row_str(reply->rows, 0, "state"),
                    sup_row_number(reply->rows, 0, "resume_ms"));
    struct sup_call_event event = {
        .kind = SUP_CALL_CHANGED,
        .call = c->id,
        .chat = sup_row_id(reply->rows, 0, "chat_id"),
        .customer = sup_row_id(reply->rows, 0, "customer_id"),
        .staff = sup_row_id(reply->rows, 0, "staff_id"),
    };
    if (!same)
        sup_signal_emit(&c->call->events, &event);
    changed(c, err, err ? "overloaded" : "");
}

sup_err sup_call_record(struct sup_call *call, const char *actor, struct sup_id id,
                        const char *want, const char *request, sup_call_end_cb cb, void *arg)
{
    struct call_live *live = call_find(call, id);
    struct changing *c = sup_calloc(1, sizeof(*c));
    if (!c)
        return SUP_E_NOMEM;
    *c = (struct changing){.call = call, .id = id, .cb = cb, .arg = arg};
    c->recording = sup_id_new();
    c->at_us = sup_clock_mono_us();
    (void)snprintf(c->actor, sizeof(c->actor), "%s", actor);
    (void)snprintf(c->want, sizeof(c->want), "%s", want);
    (void)snprintf(c->request, sizeof(c->request), "%s", request ? request : "");
    struct sup_rec_path path = sup_rec_path(c->recording, 0);
    path.s[strlen(path.s) - strlen(".0.sup")] = '\0';
    bool pause = strcmp(want, "paused") == 0 || strcmp(want, "card") == 0;
    uint64_t position = live && live->recording.recorder
                            ? sup_recording_position_us(live->recording.recorder, c->at_us)
                            : 0;
    struct recording_change change = {
        .call = id,
        .recording = c->recording,
        .process = live && call->opts.recorders ? sup_bus_process(call->opts.bus) : c->recording,
        .want = c->want,
        .key = call->opts.recorders ? call->opts.recording_key : "none",
        .path = path.s,
        .request = c->request[0] ? c->request : NULL,
        .position_ms = (int64_t)(position / 1000),
    };
    sup_err err = recording_store_set(call->opts.pool, c->actor, &change, on_set, c);
    if (err) {
        sup_free(c);
        return err;
    }
    if (live && live->recording.recorder && strcmp(want, "off") == 0)
        sup_recording_may_end(live->recording.recorder, c->at_us);
    if (pause && live) {
        c->held_back = true;
        live->recording.pausing++;
    }
    return SUP_OK;
}

/* --- what the daemon does by itself --- */

static bool ask(struct call_live *live, const char *want)
{
    if (!live->service->opts.recorders ||
        !sup_call_record(live->service, MEDIA, live->id, want, NULL, NULL, NULL))
        return true;
    sup_log_error("call", "recording not asked for", SUP_STR("want", want),
                  SUP_STR("call", sup_id_text(live->id).s));
    return false;
}

static void on_resume(void *arg)
{
    (void)ask(arg, "resume");
}

static void ask_card(struct call_live *live)
{
    if (!ask(live, "card"))
        owe_card(live);
}

static void on_owed_card(void *arg)
{
    struct call_live *live = arg;
    ask_card(live); /* which holds it back by itself */
    live->recording.pausing--;
}

void call_recording_answered(struct call_live *live)
{
    struct call_recording *r = &live->recording;
    if (r->asked || !live->service->opts.recorders)
        return;
    struct sup_loop *loop = live->service->opts.loop;
    if ((!r->resume && sup_timer_create(loop, on_resume, live, &r->resume)) ||
        (!r->owed_card && sup_timer_create(loop, on_owed_card, live, &r->owed_card))) {
        sup_log_error("call", "no memory to record", SUP_STR("call", sup_id_text(live->id).s));
        return;
    }
    r->asked = true;
    (void)ask(live, "auto");
}

void sup_call_card_seen(struct sup_call *call, struct sup_id chat)
{
    size_t pos = 0;
    struct call_live *live;
    while ((live = sup_map_next(call->lives, &pos, NULL, NULL)))
        if (!live->dead && live->recording.recorder && sup_id_equal(live->chat, chat))
            ask_card(live);
}
