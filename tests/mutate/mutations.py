"""The table: what is broken, where (a text that stands there exactly once), and the test that must notice."""

MUTATIONS = []

# The whole statement of message_post.
AUDIT_OF_A_MESSAGE = (
    "    insert into support.support_activity_logs (at, actor_kind, actor_ref, action, subject_kind, subject_ref, request_id, detail)\n"
    "    values (message_post.created_at, v_sender_kind, case v_sender_kind when 'customer' then v_ref else split_part(p_actor, ':', 2) end,\n"
    "            case p_kind when 'note' then 'note.post' else 'message.post' end, 'chat', p_chat::text, left(p_request, 64),\n"
    "            jsonb_build_object('seq', coalesce(seq, note_seq), 'masked', to_jsonb(coalesce(p_categories, '{}'))));\n")


def mutation(name, file, find, put, test):
    MUTATIONS.append({"name": name, "file": file, "find": find, "put": put, "test": test})


# --- masking ---
mutation("message stored unmasked", "src/chat/say.c",
         's->body = sup_strndup(masked->text.data ? masked->text.data : "", masked->text.len);',
         "s->body = sup_strndup(say->body, say->len);", "db test_chat")
mutation("earlier part of a split number not masked in place", "src/chat/say.c",
         "    if (s->joined)\n        return sup_chat_store_join(", "    if (false)\n        return sup_chat_store_join(", "db test_chat")
mutation("a number is completed though its first part stays clear", "sql/functions/31_message.sql",
         "        perform support.do_message_remask(p_chat, p_earlier[i], p_texts[i], '{card}', p_request);\n",
         "        begin\n            perform support.do_message_remask(p_chat, p_earlier[i], p_texts[i], '{card}', p_request);\n"
         "        exception when others then\n            null;\n        end;\n", "sql 41_message.sql")
mutation("held tail of a card number ignored", "src/mask/split_find.c",
         "return i == first ? &views[i].tail : &views[i].head;", "return &views[i].head;", "unit mask.test_split")
mutation("any digits are a card", "src/mask/card.c",
         "return count >= CARD_MIN && count <= CARD_MAX && brand_of(d, count) && luhn(d, count);",
         "return count >= CARD_MIN && count <= CARD_MAX && brand_of(d, count);", "unit mask.test_mask")

# --- chat ---
mutation("acknowledged before the commit", "src/pg/batch.c",
         "    if (step == PG_STEP_REQ)\n        take_request(b, res);\n    else if (step != PG_STEP_SYNC)",
         "    if (step == PG_STEP_REQ) {\n        take_request(b, res);\n"
         "        if (b->mode == PG_BATCH_PLAIN && b->count == 1 && !b->failed) {\n"
         "            deliver(b);\n            b->n = 0;\n        }\n"
         "    } else if (step != PG_STEP_SYNC)", "db test_chat")
mutation("a repeat uses up a seq", "sql/functions/31_message.sql",
         "    repeated := found;\n",
         "    repeated := found;\n"
         "    update support.chat_sessions c set last_seq = c.last_seq + 1 where c.id = p_chat and repeated;\n",
         "sql 41_message.sql")
mutation("a repeat is told as news again", "src/chat/say.c",
         'if (sup_pg_bool(reply->rows, 0, sup_pg_col(reply->rows, "repeated"))) {', "if (false) {", "db test_chat")
mutation("feed delivers notes to the customer", "src/api/feed.c",
         "api_topic(note ? 's' : 'p', feed->chat).s, frame);", "api_topic('p', feed->chat).s, frame);",
         "api chat notes_never_reach_a_customer_of_the_same_daemon")
mutation("an assignment is not told in the chat", "sql/functions/42_offer.sql",
         "    perform support.do_system_message(p_chat,\n        case when", "    perform (p_chat,\n        case when", "sql 41_message.sql")
mutation("a state overtakes the messages that it counts", "src/api/feed.c",
         "    if (feed->reading_messages || (view == VIEW_CUSTOMER && feed->checking > 0)) {", "    if (!feed) {",
         "api system it_comes_by_itself")
mutation("a system message is read with the next one alone", "src/api/feed.c",
         "    } else if (seq > feed->seq) {\n", "    } else if (seq > feed->seq + 1) {\n", "api system it_comes_by_itself")

# --- the database's own defence ---
mutation("policy on messages lets everybody read", "sql/migrations/0006_chat.sql",
         "    using (customer_id = (select support.actor_customer()) and kind <> 'note');", "    using (true);",
         "sql 20_rls_read.sql")
mutation("policy on chats lets every customer in", "sql/migrations/0006_chat.sql",
         "create policy customer on support.chat_sessions to supportd_app\n"
         "    using (customer_id = (select support.actor_customer()))",
         "create policy customer on support.chat_sessions to supportd_app\n    using (true)", "sql 20_rls_read.sql")
mutation("policy lets a customer read notes", "sql/migrations/0006_chat.sql",
         " and kind <> 'note');", ");", "sql 20_rls_read.sql")
mutation("actor leaks out of message_post", "sql/functions/31_message.sql",
         "p_categories text[], p_request text,\n"
         "    out result text, out id uuid, out seq bigint, out note_seq bigint, out created_at timestamptz, out repeated boolean, out rev bigint,\n"
         "    out customer_id uuid, out staff_id uuid, out entry_id uuid)\n"
         "language plpgsql set supportd.actor = '' as $$",
         "p_categories text[], p_request text,\n"
         "    out result text, out id uuid, out seq bigint, out note_seq bigint, out created_at timestamptz, out repeated boolean, out rev bigint,\n"
         "    out customer_id uuid, out staff_id uuid, out entry_id uuid)\n"
         "language plpgsql as $$", "db test_statements")
mutation("actor leaks, seen by the schema's own test", "sql/functions/30_chat.sql",
         "out entry_id uuid, out created_at timestamptz)\nlanguage plpgsql set supportd.actor = '' as $$",
         "out entry_id uuid, out created_at timestamptz)\nlanguage plpgsql as $$", "sql 00_schema.sql")
mutation("statement without its actor", "src/chat/chat_store.c",
         '"select * from support.chat_state($1,$2)"', '"select * from support.chat_state($2,$1)"', "db test_statements")

# --- audit ---
mutation("message_post writes no audit row", "sql/functions/31_message.sql",
         AUDIT_OF_A_MESSAGE, "", "sql 41_message.sql")
mutation("audit rows may be changed", "sql/migrations/0005_audit.sql",
         "create trigger append_only before update or delete or truncate on support.support_activity_logs\n"
         "    for each statement execute function support.refuse_change();\n"
         "alter table support.support_activity_logs enable always trigger append_only;\n", "", "sql 70_audit.sql")
mutation("seals are verified without their signature", "src/audit/verify.c",
         'broken(w, "wrong_signature", 0);', ";", "db test_audit")

# --- who may what ---
mutation("a socket outlives its token", "src/api/session.c",
         "    if (expires_us > 0)\n        sup_timer_start(", "    if (expires_us < 0)\n        sup_timer_start(",
         "api session ends_with_its_token")
mutation("a socket is renewed with somebody else's token", "src/api/session.c",
         "} else if (!sup_id_equal(actor->id, session->actor.id) || actor->role != session->actor.role) {", "} else if (!actor) {",
         "api session renewed_socket_goes_on")
mutation("a logout whose news were lost leaves its sockets", "src/api/news.c",
         "    if (*(enum sup_bus_gap *)data != SUP_BUS_GAP_TICK)\n        sup_hub_each(api->hub, \"staff\", check_person, NULL);\n", "    (void)data;\n    (void)check_person;\n",
         "api session news_were_lost")
mutation("a role that was taken while news were lost goes on", "src/api/missed.c",
         "    else if (strcmp(sup_row_str(reply->rows, 0, \"role\"), sup_role_name(session->actor.role)) != 0)", "    else if (session->closed)",
         "api session changes_of_people")
mutation("a ticket outlives a logout whose news were lost", "src/api/session.c",
         "    api_login_check(session);\n", "", "api session news_were_lost")
mutation("urgent data in a head keeps the loop turning", "src/net/conn_head.c",
         ".events = POLLRDHUP | POLLPRI", ".events = POLLRDHUP", "unit net.test_http")
mutation("a body takes what was pipelined behind it", "src/net/conn_head.c",
         "left < sizeof(bytes) ? left : sizeof(bytes), false);\n        if (n == 0)\n            return;\n        sup_net_request_body(", "sizeof(bytes), false);\n        if (n == 0)\n            return;\n        n = n < left ? n : left;\n        sup_net_request_body(",
         "unit net.test_pipeline")
mutation("what OpenSSL holds of the next request waits for ever", "src/net/conn_head.c",
         "        sup_net_conn_ready(conn); /* no event tells of it */\n", "        (void)ssl;\n", "unit net.test_pipeline")
mutation("libwebsockets misses the first records of an upgrade", "src/net/conn_head.c",
         "    conn->lws_read += n;\n    let_lws_read(conn);\n", "    conn->lws_read += n;\n    (void)take(conn, n);\n", "unit net.test_ws")
mutation("a socket without room turns the loop", "src/net/conn_head.c",
         "        conn->stalled = uv_poll_start(conn->poll, UV_DISCONNECT, on_input) == 0;\n", "        conn->stalled = true;\n", "unit net.test_pipeline")
mutation("who waits for room waits for ever", "src/net/conn.c",
         "    if (conn->stalled)\n        sup_net_head_watch(conn);\n", "", "unit net.test_pipeline")
mutation("the web server answers a code that no document names", "src/net/conn.c",
         '.status = 408, .code = "request_timeout"', '.status = 408, .code = "too_slow"', "api documents transport_refuses")
mutation("empty lines before a request have no end", "src/net/head.c",
         "    else if (h->blank > 2 * SUP_HEAD_BLANKS)\n", "    else if (h->blank == 0)\n", "unit net.test_head")
mutation("empty lines stay in the socket", "src/net/conn_head.c",
         "    else if (*ret_blank > 0 && !take(conn, *ret_blank))\n        return SUP_HEAD_REFUSED;\n", "", "unit net.test_pipeline")
mutation("an upgrade to HTTP/2 is taken for a WebSocket", "src/net/ws_upgrade.c",
         "return upgrade && strcasecmp(upgrade, \"websocket\") == 0 &&", "return upgrade &&", "unit net.test_http")
mutation("a password is changed without the old one", "src/api/session_rest.c",
         "op->actor.id, h->err == SUP_OK,", "op->actor.id, h->err == SUP_OK || true,", "api desk test_change")
mutation("what is under way at the stop is never answered", "src/pg/pool.c",
         "    while (!sup_list_empty(&pool->queue))\n        pg_req_finish(", "    while (false)\n        pg_req_finish(", "db test_pool_faults")
mutation("a view of the queue is shown to who sees less", "sql/functions/43_queue_read.sql",
         "when support.role_rank(s.role) >= 3 then 'all' else coalesce(s.team_id::text, '') end) v);", "else 'all' end) v);", "sql 51_queue.sql")
mutation("a customer may write notes", "src/auth/permission.c",
         '{"chat_note", "--otaaa"}', '{"chat_note", "-ootaaa"}', "unit auth.test_permission")
mutation("token's signature not checked", "src/auth/jwt.c",
         "                : verify_cjose(key, token, parts->signed_len + 1 + parts->signature_len))",
         "                : true)", "unit auth.test_jwt")
mutation("token without algorithm accepted", "src/auth/jwt.c",
         "    return SUP_JWT_ALG_REFUSED;", '    return strcmp(alg, "none") == 0 ? SUP_JWT_OK : SUP_JWT_ALG_REFUSED;',
         "unit auth.test_jwt")
mutation("key of one algorithm used for another", "src/auth/jwt.c",
         "        if (key->alg != alg)\n            continue;", "        alg = key->alg;", "unit auth.test_jwt")
mutation("CSRF token not checked", "src/api/rest.c",
         '        return "csrf_refused";', "        return NULL;", "api session test_csrf")
mutation("CSRF token of any session taken", "src/auth/session.c",
         "return CRYPTO_memcmp(right.s, sent, SUP_TOKEN_LEN) == 0;", "return true;", "unit auth.test_session")
mutation("Origin of the upgrade not checked", "src/net/ws_upgrade.c",
         "    if (origin && req->cors == SUP_CORS_NONE) {", "    if (false) {", "unit net.test_ws")
mutation("Origin of a cookie's write not checked", "src/api/rest.c",
         '        return "origin_refused";', "        return NULL;", "api session origin_of_cookie_requests")
mutation("frame rate limit off", "src/net/ws.c",
         "    if (client->tokens < 1)\n        return false;", "", "unit net.test_ws")
mutation("whoever sees a call may signal to it", "sql/functions/51_call_media.sql",
         "if support.actor_kind() = 'staff'\n", "if false\n", "db test_call")

mutation("any password opens an account", "src/auth/password.c",
         "    return translate(argon2id_verify(hash, password, len));", "    return SUP_OK;", "unit auth.test_password")
mutation("expired tokens accepted", "src/auth/jwt.c",
         "        return SUP_JWT_EXPIRED;", "        ;", "unit auth.test_jwt")
mutation("no lockout", "sql/functions/20_identity.sql",
         "        failed_count := v_have.failed_count + 1;", "        failed_count := 1;", "sql 30_identity.sql")

# --- queue ---
mutation("offered to the decliner again", "sql/functions/40_presence.sql",
         "v_declined uuid[] := case when p_state = 'declined' then array[p_offer.staff_id] else '{}' end;",
         "v_declined uuid[] := '{}';", "db test_queue")
mutation("capacity ignored", "sql/functions/41_queue.sql",
         "when n.load + n.need > n.capacity then 'capacity' end as excluded",
         "when false then 'capacity' end as excluded", "db test_queue")
mutation("youngest first", "sql/functions/41_queue.sql",
         "order by u.priority desc, u.queued_at, u.id", "order by u.priority desc, u.queued_at desc, u.id", "db test_queue")
mutation("a kick during a round is lost", "src/queue/queue.c",
         "    queue->again = true;\n    if (!queue->running && !queue->stopped)",
         "    if (!queue->running && !queue->stopped)", "db test_queue")
mutation("no timer for deadlines", "src/queue/queue.c",
         "sup_timer_start(q->timer, sleep_us);", "(void)sleep_us;", "db test_queue")

mutation("a late repeat takes an accepted chat back", "sql/functions/42_offer.sql",
         "and c.assigned_staff_id = v_me) then 'accepted'", ") then 'accepted'", "db test_queue")

# --- quality ---
mutation("LBRR flag ignored", "src/media/quality_in.c",
         "    if (info.lbrr)\n        *slot(in, hdr->seq) |= SLOT_LBRR;", "    if (false)\n        *slot(in, hdr->seq) |= SLOT_LBRR;",
         "unit media.test_quality")
mutation("LBRR flag of 60 ms frames read at the place of 20 ms", "src/media/opus_toc.c",
         "unsigned units = info->frame_us <= SILK_UNIT_US ? 1 : info->frame_us / SILK_UNIT_US;", "unsigned units = 1;",
         "unit media.test_opus")
mutation("DTX pause counts as loss", "src/media/quality_in.c",
         "    if (us > 0 && us <= DTX_GAP_MAX_US)\n",
         "    if (us > 0) {\n        in->now.lost += (uint32_t)(us / 20000);\n        in->now.judged += (uint32_t)(us / 20000);\n    }\n"
         "    if (us > 0 && us <= DTX_GAP_MAX_US)\n", "unit media.test_quality")
mutation("DTX pause counts as jitter", "src/media/rtp_stats.c",
         "    bool pause = spurt || is_pause(stats, hdr);", "    bool pause = spurt;", "unit media.test_rtp_stats")
mutation("a marker on every packet hides the jitter", "src/media/rtp_stats.c",
         "hdr->marker && !stats->marked", "hdr->marker", "unit media.test_rtp_stats")
mutation("relayed gaps renumbered", "src/media/send_stream.c",
         "    ret_out->seq = (uint16_t)(in->seq + stream->seq_shift);", "    ret_out->seq = (uint16_t)++stream->seq_shift;",
         "unit media.test_send_stream")
mutation("loss up and down swapped", "src/media/quality_verdict.c",
         "            s->over |= 1u << SUP_VERDICT_LOSS_UP;", "            s->over |= 1u << SUP_VERDICT_LOSS_DOWN;",
         "unit media.test_quality")
mutation("verdicts without hysteresis", "src/media/quality_verdict.c",
         "    RAISE = 3, ", "    RAISE = 1, ", "unit media.test_quality")
mutation("verdicts never held", "src/media/quality_verdict.c",
         "(held && ((over | presumed) & CLEAR_MASK))", "(false && held && presumed)", "unit media.test_quality")
mutation("the speaker's gaps told as the listener's loss", "src/media/quality_out.c",
         "        o->missing += quality_out_count(o, o->counted, to);", "        o->missing += to - o->counted;", "unit media.test_quality")
mutation("a dead way down unnoticed", "src/media/quality_out.c",
         "    uint32_t to = seq > due ? seq : due;", "    uint32_t to = due > seq ? seq : seq;", "unit media.test_quality")

# --- media and calls ---
mutation("DTLS fingerprint not checked", "src/media/dtls.c",
         "CRYPTO_memcmp(digest, d->opts.peer.digest, len) == 0) {", "true) {", "unit media.test_dtls")
mutation("no SRTP replay check", "src/media/srtp_gcm.c",
         "return *word_of(st, window, index) & bit_of(index) ? SUP_E_CONFLICT : SUP_OK;", "return SUP_OK;",
         "unit media.test_srtp_gcm")
mutation("SRTCP's index not authenticated", "src/media/srtp_gcm.c",
         "(p->tail_len > 0 &&\n         EVP_DecryptUpdate(", "(p->tail_len > 99 &&\n         EVP_DecryptUpdate(",
         "unit media.test_srtp_gcm")
mutation("constant MOS", "src/media/emodel.c",
         "    return clamp(mos, 1, 4.5); /* the cubic dips below 1 near 0 */", "    return 4.1;", "unit media.test_emodel")
mutation("hold music to a joined leg", "src/call/party.c",
         "if (count == 0 && seat == SUP_CALL_CUSTOMER) {", "if (seat == SUP_CALL_CUSTOMER) {", "db test_call")
mutation("caller heard before the answer", "src/call/party.c",
         "if (!p->leg || !live->active)", "if (!p->leg)", "db test_call")
mutation("an earlier agent's leg stays when another answers", "src/call/call.c",
         "if (agent->leg && !sup_id_equal(agent->user, staff))", "if (false)", "db test_call")
mutation("an answer during an offer is lost", "src/call/signal.c",
         "if (live->epoch == o->epoch) {", "if (true) {", "db test_call")

# --- what a call survives ---
mutation("no grace period for a lost leg", "src/call/leg.c",
         "sup_timer_start(party->grace, live->service->opts.grace_us);", "sup_timer_start(party->grace, 0);",
         "e2e test_survival Vanished.test_gone_and_back")
mutation("nobody is told of a lost leg", "src/call/leg.c",
         "    case SUP_LEG_LOST:\n        on_lost(party, reason);\n        break;",
         "    case SUP_LEG_LOST:\n        on_lost(party, reason);\n        return;",
         "e2e test_survival Vanished.test_gone_for_good")
mutation("a new page's leg is not joined", "src/call/leg.c",
         "    if (!err)\n        call_join(live);\n", "    if (!err && !before)\n        call_join(live);\n",
         "e2e test_survival Reload.test_crash_of_the_customers_page")
mutation("a draining daemon takes nobody back", "src/api/rest.c",
         "bool open = !api->draining || sup_call_count(api->opts.call) > 0;", "bool open = !api->draining;",
         "e2e test_survival Drain")
mutation("a change of SSRC is taken for late packets", "src/media/send_stream.c",
         "!stream->mapped || in->ssrc != stream->src_ssrc || (ahead", "!stream->mapped || (ahead",
         "unit media.test_session_survival")
mutation("sending never ends without consent", "src/media/session.c",
         "sup_media_now_us(leg->engine) - leg->last_auth_us < STOP_SENDING_US;", "true;",
         "unit media.test_session_survival")
mutation("an ICE restart is taken for a repeated offer", "src/media/session.c",
         "bool restart = leg->remote_ufrag[0] && strcmp(leg->remote_ufrag, offer->ufrag) != 0;", "bool restart = false;",
         "unit media.test_session_survival")
mutation("a peer behind a new mapping stays unheard", "src/media/ice.c",
         "else if (!ice->has_pair || !take_from_elsewhere(ice, buffer, (size_t)n, &from))", "else", "unit media.test_ice")
mutation("what comes from elsewhere need not be authentic", "src/media/session.c",
         "return leg->authentic != authentic;", "return true;", "unit media.test_session_survival")
mutation("packets are not marked", "src/media/ice.c",
         "return sup_media_config(ice->opts.engine)->no_dscp ? 0 : SUP_ICE_DSCP_EF << 2;", "return 0;", "unit media.test_ice")
mutation("TURN credentials never run out", "src/auth/turn.c",
         '"%lld:%s", (long long)until_s, name);', '"%lld:%s", (long long)until_s * 1000, name);',
         "e2e test_networks Turn.test_both_sides_through_turn")
# --- the life of a call ---
mutation("the held hear each other", "src/call/hears.c",
         "return !s->held && s->talk != SUP_CALL_TALK_COLLEAGUE;", "return s->talk != SUP_CALL_TALK_COLLEAGUE;", "db test_call")
mutation("a caller whose leg is gone loses the place", "src/call/leg.c",
         "    if (party_of(party) == SUP_CALL_CUSTOMER && call_waits(live))\n        call_place(live, true);\n    else if",
         "    if", "db test_call")
mutation("a caller who is gone is offered all the same", "sql/functions/41_queue.sql",
         "q.state = 'waiting' and q.away_until is null and", "q.state = 'waiting' and", "sql 61_call_life.sql")
mutation("a declined transfer does not go back to its sender", "sql/functions/54_call_life.sql",
         "    if v_entry.phase = 'offered' then\n        v_sender", "    if false then\n        v_sender", "sql 61_call_life.sql")
mutation("anybody gets what was handed to a colleague", "sql/functions/41_queue.sql",
         "when p_entry.only_direct and not n.direct then 'not_addressed'", "when false then 'not_addressed'", "sql 61_call_life.sql")
mutation("a state is changed past the table", "sql/migrations/0010_call_life.sql",
         "    if not exists (select 1 from support.call_transitions t where t.from_state = old.state and t.to_state = new.state) then",
         "    if false then", "sql 61_call_life.sql")
mutation("a cancelled callback counts as abandoned", "sql/functions/50_call.sql",
         "when 'customer' then 'callback_cancelled'", "when 'customer' then 'abandoned'", "sql 61_call_life.sql")
mutation("wrap-up without end", "sql/functions/40_presence.sql",
         "    v_until := least(v_have.wrap_until + p_ms * interval '1 ms',\n"
         "                     coalesce(v_have.wrap_from, support.now()) + support.seconds('queue.wrap_up_max_s'));",
         "    v_until := v_have.wrap_until + p_ms * interval '1 ms';", "sql 61_call_life.sql")
mutation("who is set away rings on", "sql/functions/42_offer.sql",
         "where m.id = any (v_offers) and m.staff_id = o.staff_id) >= v_max);",
         "where m.id = any (v_offers) and m.staff_id = o.staff_id) > 1000);", "sql 61_call_life.sql")
mutation("a note goes to the colleague unmasked", "src/api/call_life.c",
         "        transfer.note = note.data;", "        transfer.note = in.note;", "api call_life test_transfer_comes_back")
mutation("any agent sees which calls are on", "sql/functions/54_call_life.sql",
         "    v_rank int := support.act_ranked(p_actor, 2);", "    v_rank int := support.act_ranked(p_actor, 1);", "sql 61_call_party.sql")
mutation("calls that are spoken in are not live", "sql/functions/54_call_life.sql",
         "k.staff_id is not null and k.state in ('active', 'held')", "k.staff_id is not null and k.state = 'held'", "sql 61_call_party.sql")
mutation("a supervisor sees the own team alone", "sql/functions/54_call_life.sql",
         "          and (v_rank >= 3 or support.staff_team(k.staff_id) = v_team)",
         "          and (v_rank >= 9 or support.staff_team(k.staff_id) = v_team)", "sql 61_call_party.sql")

# --- quality beside the media ---
mutation("advice of another verdict", "src/api/call_quality.c",
         '[SUP_VERDICT_SILENT_MICROPHONE] = "check_microphone"', '[SUP_VERDICT_SILENT_MICROPHONE] = "nothing"',
         "unit api.test_call_quality")
mutation("the customer is told every second", "src/call/samples.c",
         "told == live->told && now_us - live->told_us < TELL_AGAIN_US", "false", "db test_call")
mutation("counts of another connection compared", "src/call/stats.c",
         "    return b >= a && b - a <= COUNT_MAX;", "    return b - a <= COUNT_MAX;", "db test_call")
mutation("a client's lost packets added as they stand", "src/call/stats.c",
         "*ret_count = b - a; /* may fall", "*ret_count = b; /* may fall", "db test_call")
mutation("residual loss of each second counted alike", "src/call/summary.c",
         "t->residual += d->residual_loss_pct * (double)weight;", "t->residual += d->residual_loss_pct * 200;",
         "unit call.test_summary")
mutation("a customer sees the agent's leg", "sql/migrations/0013_call_stats.sql",
         "create policy customer on support.call_client_stats for select to supportd_app\n"
         "    using (customer_id = (select support.actor_customer()) and leg = 'customer');",
         "create policy customer on support.call_client_stats for select to supportd_app\n"
         "    using (customer_id = (select support.actor_customer()));", "sql 20_rls_read.sql")
mutation("a prompt again and again", "src/media/bridge.c",
         "    if (leg->prompt_position == sup_hold_count(leg->prompt))\n        leg->prompt = NULL;\n", "",
         "unit media.test_session")
mutation("a worse place spoken", "src/call/prompt.c",
         "(live->said > 0 && live->position >= live->said)", "live->position == live->said", "db test_call")

# --- three parties ---
mutation("a whisper reaches all", "src/call/hears.c",
         "        return listener == SUP_CALL_ROLE_AGENT;", "        return listener != SUP_CALL_ROLE_WHISPER;", "unit call.test_hears")
mutation("who listens is heard", "src/call/hears.c",
         "    default:\n        return false;", "    case SUP_CALL_ROLE_LISTEN:\n        return true;\n    default:\n        return false;",
         "unit call.test_hears")
mutation("music of a consultation is no hold", "sql/functions/50_call.sql",
         "hold_ms = k.hold_ms + case when p_on or k.music_at is null then 0 else support.do_music_ms(k) end", "hold_ms = k.hold_ms",
         "sql 61_call_party.sql")
mutation("a hold within a consultation counts it twice", "sql/functions/50_call.sql",
         "set state = p_new, held_at = case p_new when 'held' then v_now end, hold_ms = k.hold_ms + support.do_music_ms(k)",
         "set state = p_new, held_at = case p_new when 'held' then k.music_at end, hold_ms = k.hold_ms + support.do_music_ms(k)",
         "sql 61_call_party.sql")
mutation("a caller whose sound never came does not count as abandoned", "sql/functions/50_call.sql",
         "(v_kind = 'customer' or p_reason = 'media_lost')", "(v_kind = 'customer')", "sql 60_call.sql")
mutation("the customer hears agent and colleague talk", "src/call/hears.c",
         "return !s->held && s->talk != SUP_CALL_TALK_COLLEAGUE;", "return !s->held;", "unit call.test_hears")
mutation("everybody hears all speakers, themselves among them", "src/media/mixer.c",
         "    for (size_t k = 0; k < leg->ear_count; k++) {\n        const struct sup_mix_in *in = leg->ears[k].from->mix_in;\n"
         "        if (!in->sounds)\n            continue;\n",
         "    const struct sup_link *all = &sup_media_mixer(leg->engine)->speakers;\n"
         "    for (struct sup_link *pos = all->next; pos != all; pos = pos->next) {\n"
         "        const struct sup_mix_in *in = SUP_CONTAINER_OF(pos, struct sup_mix_in, link);\n",
         "unit media.test_mixer")
mutation("any change of a recording begins one", "src/call/recording.c",
         '    c->begins = sup_id_equal(sup_row_id(reply->rows, 0, "recording_id"), c->recording);\n',
         "    c->begins = true;\n", "api recordings cannot_begin")
mutation("the mix begins before its decoders have heard anything", "src/media/bridge.c",
         "        sup_mixer_prime(leg);\n    else if (begins)\n        sup_send_stream_switch(&leg->out);",
         "        sup_bridge_end_relay(leg);\n    else if (begins)\n        sup_send_stream_switch(&leg->out);", "unit media.test_mixer")
mutation("the mixer ignores in-band FEC", "src/media/mix_source.c",
         "SUP_OK && info.lbrr;", "SUP_OK && false;", "unit media.test_mix")
mutation("FEC does not follow the reported loss", "src/media/mixer.c",
         "    sup_opus_enc_set_loss(out->enc, loss_pct);\n", "", "unit media.test_mixer")
mutation("supervision is not audited", "sql/functions/52_call_party.sql",
         "    values (p_party, p_call, v_call.chat_id, v_call.customer_id, v_me, p_mode, 'open', support.now(), support.now()) returning * into v_party;\n"
         "    perform support.do_party_audit(v_party, 'start', p_request, null);\n",
         "    values (p_party, p_call, v_call.chat_id, v_call.customer_id, v_me, p_mode, 'open', support.now(), support.now()) returning * into v_party;\n",
         "api call_party test_supervision")
mutation("private supervision is shown to the agent", "sql/migrations/0011_call_party.sql",
         "(p_role in ('consult', 'barge') or support.staff_rank(p_me) >= 2\n", "(true or support.staff_rank(p_me) >= 2\n", "sql 61_call_party.sql")
mutation("supervision outlives the agent's part", "sql/migrations/0011_call_party.sql",
         "    perform support.do_parties_end(new.id, case", "    perform (new.id, case", "sql 61_call_party.sql")
mutation("the colleague's leg is lost at the handing over", "src/call/call.c",
         "        call_promote(live, staff);\n", "", "e2e test_parties Parties.test_warm_transfer")


# --- recording ---
mutation("a recording is not encrypted", "src/media/recorder_crypt.c",
         "    seal->next++;\n    seal->done = last;\n", "    memcpy(p + WORD_LEN, plain ? plain : \"\", len);\n    seal->next++;\n    seal->done = last;\n",
         "unit media.test_recorder_crypt")
mutation("the number of a chunk is not authenticated", "src/media/recorder_crypt.c",
         "    put_be(nonce + NONCE_LEN - 8, n, 8);\n    memcpy(aad, header, SUP_REC_HEADER_LEN);\n    put_be(aad + SUP_REC_HEADER_LEN, n, 8);",
         "    memcpy(aad, header, SUP_REC_HEADER_LEN);\n    put_be(aad + SUP_REC_HEADER_LEN, n * 0, 8);", "unit media.test_recorder_crypt")
mutation("any chunk may be declared the last", "src/media/recorder_crypt.c",
         "    put_be(aad + SUP_REC_HEADER_LEN + 8, word, WORD_LEN);", "    put_be(aad + SUP_REC_HEADER_LEN + 8, word & ~last_bit, WORD_LEN);",
         "unit media.test_recorder_crypt")
mutation("FEC is presumed to give back all losses of the way down", "src/media/quality_out.c",
         "#define RUN 2.0", "#define RUN 1.0", "unit media.test_quality")
mutation("rows of calls that could not be read are not asked for again", "src/call/call.c",
         "        sup_timer_start(call->recheck, CHECK_AGAIN_US);", "        sup_timer_stop(call->recheck);", "db test_call")
mutation("whether a person still is is asked once", "src/api/missed.c",
         "        sup_timer_start(session->api->missed_timer, CHECK_AGAIN_US);", "        sup_timer_stop(session->api->missed_timer);",
         "api session could_not_say")
mutation("a recording ends when its end was asked for, not when the call ended", "src/call/recording.c",
         "        finish(live, end);\n}", "        finish(live, r->end_asked_us);\n}", "api recordings as_long")
mutation("lost packets shorten the recording", "src/media/recorder_track.c",
         "    return missing >= STEP ? fill(t, missing - missing % STEP) : SUP_OK;", "    return missing >= 48000 ? fill(t, missing - missing % STEP) : SUP_OK;",
         "unit media.test_recorder_track")
mutation("a leap of the time line is looked for over packets, not over time", "src/media/recorder_track.c",
         "    if (packets >= SLOTS_PACKETS && least > STALL", "    if (packets >= 25 * SLOTS_PACKETS && least > STALL",
         "unit media.test_recorder_track")
mutation("a recording of a process that is taken off stays on", "src/api/news.c",
         "            api_recordings_end_dead(api);\n", "", "api recordings taken_off")
mutation("the agent is not told by sound of a recording", "src/call/recording.c",
         "        if (s == SUP_CALL_CUSTOMER || s == SUP_CALL_AGENT || live->parties[s].to_customer)", "        if (s == SUP_CALL_CUSTOMER)",
         "e2e test_recording Announced")
mutation("who connects after the answer hears no notice", "src/call/recording.c",
         "    live->recording.owed[seat] = !leg;", "    live->recording.owed[seat] = false;",
         "e2e test_recording Announced")
mutation("the other's voice goes on under the notice", "src/media/bridge.c",
         "    if (to->announcing) {\n        to->drops.announced++;", "    if (to->announcing && r->hdr->seq == 1) {\n        to->drops.announced++;",
         "unit media.test_session")
mutation("the stream of the notice goes on in the place of the other's", "src/media/bridge.c",
         "    leg->notice = NULL;\n    sup_send_stream_switch(&leg->out);", "    leg->notice = NULL;", "unit media.test_session")
mutation("a notice without end is taken", "src/app/sounds.c",
         "    if (!err && sup_hold_count(*notice) > SUP_PROMPT_PACKETS_MAX)", "    if (!err && sup_hold_count(*notice) > SUP_HOLD_PACKETS_MAX)", "api sounds notice")
mutation("who takes a call over may not hear its recording", "sql/migrations/0018_recording_people.sql",
         "(staff_id = (select support.actor_staff()) or (select support.actor_staff()) = any (others))", "staff_id = (select support.actor_staff())", "sql 61_recording.sql")
mutation("recordings of before an upgrade are left as they were", "sql/migrations/0019_recording_people_before.sql",
         "alter table support.call_recordings no force row level security;\n", "", "sql 72_migrated.sh")
mutation("recordings are found by who began them alone", "sql/functions/53_recording.sql",
         "where r.others @> array[p_staff] and", "where r.others @> array[p_call] and", "sql 61_recording.sql")
mutation("playing from the command line leaves no trace", "src/app/recording_cmd.c",
         "sup_recording_store_play(d->pool, \"system:admin\", id, (int)track, NULL, on_rows, d)",
         "sup_recording_store_get(d->pool, \"system:admin\", id, on_rows, d)", "api recordings command_line")
mutation("what was said in a pause is recorded when it comes late", "src/media/recorder_track.c",
         "if (place < w->from) {", "if (place < w->from - 999999) {", "unit media.test_recorder_track")
mutation("what was said before joining is recorded when it comes late", "src/media/recorder.c",
         "r->from_us > r->joined_us[track] ? r->from_us : r->joined_us[track]", "r->from_us", "unit media.test_recorder")
mutation("a pause is ignored", "src/call/recording.c",
         "    if (!r->recorder || r->paused || r->pausing > 0 || !talking(live))", "    if (!r->recorder || !talking(live))",
         "e2e test_recording TimeLine")
mutation("what is said on hold is recorded", "src/call/recording.c",
         "    return source == SUP_LEG_HEARS_LEG || source == SUP_LEG_HEARS_MIX;", "    return source != SUP_LEG_HEARS_NOTHING;",
         "e2e test_recording TimeLine")
mutation("card data in the chat pauses nothing", "src/api/recording_rest.c",
         "    sup_call_card_seen(api->opts.call, news->chat);\n    /* The call's", "    /* The call's", "api recordings card_data")
mutation("a pause for card data is asked for once", "src/call/recording.c",
         "        owe_card(live);\n    if (live && c->held_back)", "        (void)owe_card;\n    if (live && c->held_back)", "api recordings asked_again")
mutation("the root leads nowhere in the demo", "src/net/asset.c",
         "    if (asset->location)", "    if (asset->location && asset->etag)", "unit net.test_http")
mutation("a recording that did not fit is told to be whole", "src/media/recorder.c",
         "    result.incomplete |= result.gap_us > 0;", "    result.gap_us = 0;", "unit media.test_recorder")
mutation("lost sound is counted backwards", "src/media/recorder.c",
         "    bool later = now_us > r->full_since_us;", "    bool later = true;", "unit media.test_recorder")
mutation("what the customer does not hear is recorded too", "src/call/party.c",
         "            p->to_customer |= p->leg && legs[i] == p->leg;", "            p->to_customer |= p->leg && legs[i];",
         "e2e test_recording Others")
mutation("who takes over is not named", "src/call/recording.c",
         "    if (!new_agent && r->roles[track] == role &&", "    if (!new_agent || role == SUP_CALL_ROLE_AGENT ||\n        r->roles[track] == role ||", "e2e test_recording Others")
mutation("retention leaves the files", "src/media/recorder_place.c",
         "    return unlink(name) == 0 || errno == ENOENT || errno == ENOTDIR;", "    return access(name, F_OK) == 0 || errno == ENOENT || errno == ENOTDIR;",
         "unit media.test_recorder_place")
mutation("another directory's recordings are told to be gone", "sql/functions/53_recording.sql",
         "and d.erase_at <= v_now and coalesce(p.recording_place, p_place) = p_place", "and d.erase_at <= v_now", "sql 61_recording.sql")
mutation("a late end brings a deleted recording back", "sql/functions/53_recording.sql",
         "and r.state not in ('ended', 'deleting', 'deleted');\n    result", "and r.state <> 'ended';\n    result", "sql 61_recording.sql")
mutation("staff is missing in the file of all parties", "src/media/recorder_mix.c",
         "limited(sum[i]);", "limited(sum[i] / 40);", "unit media.test_recorder")

# --- a long call ---
mutation("who is on hold is not deciphered", "src/media/session_media.c",
         "    if (sup_srtp_unprotect_rtp(leg->srtp, pkt, len, &len) != SUP_OK)\n        return; /* counted there */\n",
         "    if (leg->packets_in > 0 && sup_list_empty(&leg->listeners)) {\n        sup_leg_mark_alive(leg);\n        return;\n    }\n"
         "    if (sup_srtp_unprotect_rtp(leg->srtp, pkt, len, &len) != SUP_OK)\n        return;\n", "e2e test_long_call LongCall")
mutation("the listener's payload type is the speaker's", "src/media/bridge.c",
         "(struct sup_rtp_out){.payload_type = to->payload_type,\n                                    .level_id", "(struct sup_rtp_out){.payload_type = r->hdr->payload_type,\n                                    .level_id",
         "e2e test_long_call LongCall")
mutation("another source brings its own numbers", "src/media/send_stream.c",
         "!stream->mapped || in->ssrc != stream->src_ssrc || (ahead", "!stream->mapped || (ahead", "e2e test_long_call LongCall")
mutation("the second rollover is not counted", "src/media/srtp_gcm.c",
         "        roc++;\n", "        roc = 1;\n", "e2e test_long_call LongCall")

# --- music and prompts ---
mutation("music that is cut off is taken", "src/media/hold.c",
         "    if (!r->ended)\n", "    if (!r)\n", "unit media.test_hold")
mutation("padding is played where the music repeats", "src/media/hold.c",
         "        r->hold->count--;\n", "        break;\n", "unit media.test_hold")
mutation("the second of two chained streams is left out silently", "src/media/hold.c",
         "    if (r->has_stream)\n        return refuse(", "    if (r->ended)\n        return SUP_OK;\n    if (r->has_stream)\n        return refuse(",
         "api sounds every_bad_file")
mutation("credentials for TURN are not renewed", "src/api/ice.c",
         "    if (opts->turn_count > 0 && session->ice)\n", "    if (!opts->turn_count && session->ice)\n", "e2e test_networks ShortCredentials")
# --- quality: who tells what ---
mutation("a browser's own figures go unheard", "src/media/quality.c",
         "    return !fine && quality_client_fresh(&q->client, now_us);", "    return !fine && false && quality_client_fresh(&q->client, now_us);",
         "unit media.test_quality_client")
mutation("a browser's word against fresh reports", "src/media/quality.c",
         "    return !fine && quality_client_fresh(&q->client, now_us);", "    return (fine || !fine) && quality_client_fresh(&q->client, now_us);",
         "unit media.test_quality_client")
mutation("a browser may have heard more than was sent", "src/media/quality_client.c",
         "report->received < 0 || c->received > c->sent + AHEAD_MAX", "false", "unit media.test_quality_client")
mutation("the speaker's gaps are the listener's losses by its own word", "src/media/quality_client.c",
         "missed = c->lost - c->unsent,", "missed = c->lost,", "unit media.test_quality_client")
mutation("a round trip speaks only for the moment", "src/media/quality.c",
         "    revise(quality, span_us < QUALITY_SPAN_US ? span_us : QUALITY_SPAN_US, SUP_VERDICT_HIGH_DELAY,",
         "    revise(quality, 0 * span_us, SUP_VERDICT_HIGH_DELAY,", "unit media.test_quality_client")
mutation("two seconds of five make a verdict", "src/media/quality_verdict.c",
         "        if (look->at_us < from_us + LOOK_LEAST_US)", "        if (look->at_us + 1000000 < from_us)", "unit media.test_quality_client")
mutation("another path is drift", "src/media/quality_in.c",
         "if (!in->has_base || has_stepped(in, shortest)) {", "if (!in->has_base) {", "unit media.test_quality_drift")
mutation("a replaced leg's last second is not counted", "src/call/leg.c",
         "        end_second(party, leg);\n", "", "db test_call")
mutation("the agent sees the quality of private supervision", "sql/migrations/0017_part_quality.sql",
         "create policy staff on support.call_quality_samples for select to supportd_app\n"
         "    using ((select support.actor_staff()) is not null and exists (select 1 from support.voice_calls k where k.id = call_id)\n"
         "           and (party_id is null or exists (select 1 from support.call_parties r where r.id = party_id)));",
         "create policy staff on support.call_quality_samples for select to supportd_app\n"
         "    using ((select support.actor_staff()) is not null and exists (select 1 from support.voice_calls k where k.id = call_id));",
         "sql 61_call_party.sql")
mutation("a part's quality is told as the customer's", "src/call/samples.c",
         "    *leg = SUP_CALL_ROW_PART;\n", "    *leg = SUP_CALL_ROW_CUSTOMER;\n", "e2e test_parties Parties.test_listen_whisper_barge")

# --- the beat of a busy engine ---
mutation("the beat never ends", "src/media/beat.c", "beat->on = per_two_gaps >= (was ? 1u : 2u);", "beat->on = was || per_two_gaps >= 2;",
         "unit media.test_engine")
mutation("the beat is not armed again", "src/media/beat.c", "    if (beat->on)\n        arm(beat, now_us + beat->gap_us);\n", "    (void)now_us;\n",
         "unit media.test_engine")
mutation("who beats is woken by deadlines too", "src/media/engine.c", "engine->heap_len > 0 && !engine->beat.on ?", "engine->heap_len > 0 ?",
         "unit media.test_engine")
mutation("real-time priority for every thread", "src/app/priority.c", "SCHED_RR | SCHED_RESET_ON_FORK", "SCHED_RR", "api priority the_loop")
# --- what is no request ---
mutation("any major version of HTTP is taken", "src/net/head.c",
         "    else if (v[5] != '1')\n", "    else if (v[5] == '0')\n", "unit net.test_head")
mutation("a header line without a colon runs into the next", "src/net/head.c",
         "    else if (!is_token_char(c))\n        refuse(h, 400, \"bad_request\", \"header line",
         "    else if (c == 0)\n        refuse(h, 400, \"bad_request\", \"header line", "unit net.test_head")
mutation("what is no request is closed without a word", "src/net/conn_head.c",
         "        refuse_head(conn);\n", "        sup_net_conn_drop(conn), (void)refuse_head;\n", "unit net.test_pipeline")
mutation("Host counts beside another host in the address", "src/net/request_head.c",
         "            req->headers[i] = copy;\n", "            sup_free(copy);\n            req->headers[i] = sup_strdup(\"x\");\n", "unit net.test_http")
mutation("an upgrade that libwebsockets cannot read is closed without a word", "src/net/ws_upgrade.c",
         "        if (is_cut_short(name))\n", "        if (false && is_cut_short(name))\n", "unit net.test_ws")
mutation("a refused chunk is taken for the next request", "src/net/request_head.c",
         "(length || takes_body || coding)", "(length || takes_body)", "unit net.test_pipeline")
mutation("a refused login does not say how to log in", "src/net/reply.c",
         "    if (ok && problem->status == 401)\n", "    if (false)\n", "unit net.test_http")
mutation("who waits for leave to send a body waits for ever", "src/net/conn_head.c",
         "        sup_net_hold_continue(conn);\n", "        (void)conn;\n", "unit net.test_pipeline")
mutation("half a request is dropped without a word", "src/net/conn.c",
         "    else if (conn->state == CONN_HEAD && conn->head.bytes > conn->head.blank)\n        sup_net_conn_refuse(conn, &late);\n", "", "unit net.test_http")
mutation("any Sec-WebSocket-Key will do", "src/net/ws_upgrade.c",
         "    if (!key_is_whole(req))", "    if (false)", "api refusals refusals")

# --- who is asked for a call ---
mutation("a call's place is given up after half a minute", "sql/functions/54_call_life.sql",
         "coalesce(q.away_until, support.now() + support.seconds('queue.place_s')) end",
         "coalesce(q.away_until, support.now() + support.seconds('queue.place_s') / 2) end", "e2e test_call_life Place.test_kept_while_the_page_is_gone")
mutation("who declined is asked again once others have declined", "sql/functions/41_queue.sql",
         "when n.id = any (p_entry.declined_by) then 'declined'",
         "when n.id = any (p_entry.declined_by) and p_entry.kind = 'chat' then 'declined'", "api call_life declined_call")
mutation("a call that nobody took rings at the same agent again", "sql/functions/41_queue.sql",
         "order by j.missed, j.direct desc,", "order by j.direct desc, j.missed and p_entry.kind = 'chat',", "api call_life unanswered_call")
mutation("missed calls do not count", "sql/functions/42_offer.sql",
         "        where p.staff_id = offers_expire.staff_id and p.chosen = 'available' returning",
         "        where p.staff_id = offers_expire.staff_id and p.chosen = 'available' and offers_expire.kind = 'chat' returning", "api call_life misses_calls")

# --- what the customer is told of the own side ---
mutation("the customer is given no advice", "src/api/call_quality.c",
         "    if (event->advise)\n", "    if (event->advise && event->samples[SUP_CALL_CUSTOMER]->verdicts == 0)\n", "e2e test_aiortc Advice")
mutation("a silent microphone is no fault", "src/media/quality.c",
         "        set |= 1u << SUP_VERDICT_SILENT_MICROPHONE;", "        set |= 0;", "e2e test_aiortc Advice")
mutation("TURN credentials are renewed when they have ended", "src/api/ice.c",
         "        sup_timer_start(session->ice, opts->turn_ttl_us / 2);", "        sup_timer_start(session->ice, opts->turn_ttl_us + 1000000);",
         "e2e test_networks ShortCredentials")
# --- logins, live calls, pages ---
mutation("what SQL says of staff reaches no process", "src/bus/peers.c",
         "if (!sup_id_is_zero(process) && /* else a transaction itself, for all */", "if (sup_id_is_zero(process) ||", "api session sql_holds")
mutation("a removed agent's sound goes on", "src/call/call.c",
         "    if (sup_id_equal(live->staff, staff))\n        sup_call_waits(call, id);\n    else\n", "",
         "e2e test_call_life Removed")
mutation("logging out leaves the sockets of that login open", "src/api/session_rest.c",
         "    if (api_login_ref(op, &login))\n        api_login_gone(op->api, login);\n", "    (void)login;\n",
         "api session logging_out_closes")
mutation("logging out closes only sockets of this process", "src/api/news.c",
         "    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_login);\n    const struct sup_bus_event *event = data;\n",
         "    struct sup_api *api = SUP_CONTAINER_OF(listener, struct sup_api, on_login);\n    const struct sup_bus_event *event = data;\n"
         "    if (!event->local)\n        return;\n",
         "api session logging_out_closes")
mutation("a ticket of a login that has ended is taken", "src/api/identity.c",
         "!has_ended(api, found->actor.session) &&", "true &&", "api session logging_out_closes")
mutation("a renewed socket stays with its first login", "src/api/session.c",
         "    } else if (follow_login(session, actor)) {", "    } else if (false) {", "api session logging_out_closes")
mutation("live calls are told once and never again", "src/api/live.c",
         "    if ((api->live_again || !sup_timer_armed(api->live_timer)) &&", "    if (!api &&", "api call_life live_calls_are_pushed")
mutation("live calls that could not be read wait for the next change", "src/api/live.c",
         "        sup_timer_start(api->live_timer, LIVE_AGAIN_US);\n", "", "api call_life live_calls_that_could_not_be_read")
mutation("who left the live calls still gets them", "src/api/live.c",
         "    sup_hub_unsubscribe(op->api->hub, op->session->client, TOPIC);\n", "", "api call_life live_calls_are_pushed")
mutation("the notice of a recording is taken for no prompt", "src/media/prompts.c",
         ' || strcmp(name, "recording_notice.opus") == 0)', ")", "unit media.test_prompts")
mutation("the notice of a recording is that of the first language", "src/media/prompts.c",
         "return found ? found->notice : NULL;", "return (found ? found : &prompts->languages[0])->notice;", "unit media.test_prompts")
mutation("parts of calls are not looked up when news were lost", "src/call/call.c",
         "        sup_call_check_parties(call, live->id);\n", "", "db test_call")
mutation("the 65th person fails the recording", "sql/functions/53_recording.sql",
         " or cardinality(r.others) >= 64 then", " then", "sql 61_recording.sql")
# --- pings and long work ---
mutation("anybody's answer times the path", "src/media/stun.c",
         "if (at == 0 || !proves(pkt, at, remote_pwd))", "if (at == 0)", "unit media.test_stun")
mutation("an answer counts whenever it comes again", "src/media/ice_ping.c",
         "        pings->waiting[i].sent_us = 0;\n", "", "unit media.test_ice")
mutation("nobody is pinged", "src/media/session.c",
         "        sup_ice_ping(leg->ice);\n", "", "unit media.test_session")
mutation("what was cancelled runs all the same", "src/loop/work.c",
         "    bool waited = !work->begun;\n", "    bool waited = false;\n", "unit loop.test_loop")
mutation("the estimate of a call forgets what was lost", "src/call/summary.c",
         ".loss_pct = t->residual / (double)(t->packets + t->lost),", ".loss_pct = 0,", "unit call.test_summary")
mutation("the bank's cookie is not looked at", "src/api/rest.c",
         "return opts->jwt_cookie && opts->jwt_cookie[0] &&", "return !opts->jwt_cookie && opts->jwt_cookie[0] &&",
         "api session the_banks_cookie_is_its_token")

# --- the command line ---
mutation("an option that nobody knows is passed over", "src/app/main.c",
         'return refuse(arg, "unknown option");', "continue;", "api commands what_is_not_understood_is_named")
