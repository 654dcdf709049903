-- Calls, which change of state is allowed, quality, signaling between processes.

create table support.call_transitions (
    from_state text not null,
    to_state text not null,
    customer boolean not null,
    staff boolean not null,
    system boolean not null,
    primary key (from_state, to_state)
);
comment on table support.call_transitions is 'The call state machine: what is not here does not happen';
comment on column support.call_transitions.from_state is 'State before';
comment on column support.call_transitions.to_state is 'State after';
comment on column support.call_transitions.customer is 'The customer may ask for it by call_transition()';
comment on column support.call_transitions.staff is 'The agent of the call may ask for it by call_transition()';
comment on column support.call_transitions.system is 'The media side may ask for it by call_transition()';
insert into support.call_transitions values
    ('queued', 'ringing', false, false, false),
    ('ringing', 'queued', false, false, false),
    ('queued', 'active', false, false, false),
    ('ringing', 'active', false, false, false),
    ('active', 'held', false, true, false),
    ('held', 'active', false, true, false),
    ('active', 'queued', false, false, false),
    ('held', 'queued', false, false, false),
    ('queued', 'ended', true, false, true),
    ('ringing', 'ended', true, false, true),
    ('active', 'ended', true, true, true),
    ('held', 'ended', true, true, true);
alter table support.call_transitions enable row level security;
alter table support.call_transitions force row level security;
create policy readers on support.call_transitions for select to supportd_app, support_report, support_admin using (true);
comment on policy readers on support.call_transitions is 'The rules are no secret';
grant select on support.call_transitions to supportd_app, support_report, support_admin;

create table support.voice_calls (
    id uuid primary key,
    chat_id uuid not null,
    customer_id uuid not null,
    client_key uuid not null,
    state text not null check (state in ('queued', 'ringing', 'active', 'held', 'ended')),
    end_reason text check (end_reason ~ '^[a-z_]{1,40}$'),
    owner_process uuid not null references support.processes (id) on delete restrict,
    staff_id uuid references support.support_staff (id) on delete restrict,
    entry_id uuid,
    weight int not null default 0 check (weight between 0 and 100),
    created_at timestamptz not null,
    queued_at timestamptz not null,
    ringing_at timestamptz,
    answered_at timestamptz,
    held_at timestamptz,
    hold_ms bigint not null default 0 check (hold_ms >= 0),
    ended_at timestamptz,
    quality jsonb check (pg_column_size(quality) <= 8000),
    mos_low real check (mos_low between 1 and 5),
    foreign key (chat_id, customer_id) references support.chat_sessions (id, customer_id) on delete cascade,
    unique (id, customer_id),
    unique (customer_id, client_key),
    check ((state = 'ended') = (ended_at is not null)),
    check ((state = 'ended') = (end_reason is not null)),
    check ((state = 'held') = (held_at is not null)),
    check ((state in ('queued', 'ringing')) = (entry_id is not null)),
    check (state not in ('active', 'held') or staff_id is not null)
) with (fillfactor = 70);
create unique index voice_calls_one_live on support.voice_calls (customer_id) where ended_at is null;
create index voice_calls_customer on support.voice_calls (customer_id, id);
create index voice_calls_staff on support.voice_calls (staff_id, id);
create index voice_calls_staff_live on support.voice_calls (staff_id) where ended_at is null;
create index voice_calls_process on support.voice_calls (owner_process) where ended_at is null;
create index voice_calls_chat on support.voice_calls (chat_id, id);
comment on table support.voice_calls is 'Calls: state, times, who, and the summary of their quality; every call has a chat';
comment on column support.voice_calls.id is 'UUID version 7';
comment on column support.voice_calls.chat_id is 'Chat on which notes, tags and files of the call hang';
comment on column support.voice_calls.customer_id is 'Caller';
comment on column support.voice_calls.client_key is 'Made by the client: a repeated start finds this call';
comment on column support.voice_calls.state is 'queued, ringing, active, held, ended';
comment on column support.voice_calls.end_reason is 'Why it ended, a code';
comment on column support.voice_calls.owner_process is 'Process that owns the media';
comment on column support.voice_calls.staff_id is 'Agent who answered last';
comment on column support.voice_calls.entry_id is 'Its live row in call_queue';
comment on column support.voice_calls.weight is 'Units of the agent''s capacity it takes';
comment on column support.voice_calls.created_at is 'Start';
comment on column support.voice_calls.queued_at is 'When the caller began to wait; kept when the call goes back to the queue';
comment on column support.voice_calls.ringing_at is 'Last time it began to ring';
comment on column support.voice_calls.answered_at is 'First answer';
comment on column support.voice_calls.held_at is 'On hold since';
comment on column support.voice_calls.hold_ms is 'Time on hold, finished holds';
comment on column support.voice_calls.ended_at is 'End';
comment on column support.voice_calls.quality is 'Summary per leg and direction';
comment on column support.voice_calls.mos_low is 'Least mean opinion score of any leg and direction';
alter table support.voice_calls enable row level security;
alter table support.voice_calls force row level security;
create policy customer on support.voice_calls to supportd_app
    using (customer_id = (select support.actor_customer())) with check (customer_id = (select support.actor_customer()));
comment on policy customer on support.voice_calls is 'A customer has the own calls';
create policy staff on support.voice_calls to supportd_app
    using (staff_id = (select support.actor_staff()) or support.chat_seen((select support.actor_staff_id()), chat_id))
    with check (staff_id = (select support.actor_staff()) or support.chat_seen((select support.actor_staff_id()), chat_id));
comment on policy staff on support.voice_calls is 'Staff have their own calls and those of the chats they see';
create policy system on support.voice_calls to supportd_app
    using ((select support.actor_system()) in ('router', 'monitor', 'media', 'admin'))
    with check ((select support.actor_system()) in ('router', 'monitor', 'media', 'admin'));
comment on policy system on support.voice_calls is 'Routing, media, dead processes, deactivation of staff';
create policy policy_read on support.voice_calls for select to support_policy using (true);
comment on policy policy_read on support.voice_calls is 'support.check_invariants()';
create policy report on support.voice_calls for select to support_report using (true);
comment on policy report on support.voice_calls is 'Reports';
grant select, insert (id, chat_id, customer_id, client_key, state, owner_process, entry_id, created_at, queued_at),
    update (state, end_reason, owner_process, staff_id, entry_id, weight, ringing_at, answered_at, held_at, hold_ms, ended_at, quality, mos_low)
    on support.voice_calls to supportd_app;
grant select on support.voice_calls to support_policy;
grant select (id, chat_id, state, end_reason, staff_id, created_at, queued_at, ringing_at, answered_at, hold_ms, ended_at, quality, mos_low)
    on support.voice_calls to support_report;

create policy caller on support.staff_presence for all to supportd_app
    using ((select support.actor_customer()) is not null
           and exists (select 1 from support.voice_calls k where k.staff_id = staff_presence.staff_id and k.ended_at is null
                       and k.customer_id = (select support.actor_customer())))
    with check ((select support.actor_customer()) is not null
           and exists (select 1 from support.voice_calls k where k.staff_id = staff_presence.staff_id and k.ended_at is null
                       and k.customer_id = (select support.actor_customer())));
comment on policy caller on support.staff_presence is 'A customer who hangs up starts the wrap-up of the agent of that call';

alter table support.call_queue add foreign key (call_id, customer_id) references support.voice_calls (id, customer_id) on delete cascade;
alter table support.offers add foreign key (call_id, customer_id) references support.voice_calls (id, customer_id) on delete cascade;
create index call_queue_call on support.call_queue (call_id, customer_id);
create index offers_call on support.offers (call_id, customer_id) where call_id is not null;

create table support.call_quality_samples (
    call_id uuid not null,
    leg text not null check (leg in ('customer', 'agent')),
    direction text not null check (direction in ('in', 'out')),
    at timestamptz not null,
    customer_id uuid not null,
    packets int not null check (packets >= 0),
    lost int not null check (lost >= 0),
    recovered int not null check (recovered >= 0),
    jitter_us int not null check (jitter_us >= 0),
    rtt_us int check (rtt_us >= 0),
    mos real check (mos between 1 and 5),
    level_db real check (level_db between -127 and 0),
    flags int not null default 0 check (flags >= 0),
    primary key (call_id, at, leg, direction),
    foreign key (call_id, customer_id) references support.voice_calls (id, customer_id) on delete cascade
);
comment on table support.call_quality_samples is 'Quality of calls: one row per leg, direction and second';
comment on column support.call_quality_samples.call_id is 'Call';
comment on column support.call_quality_samples.leg is 'customer or agent';
comment on column support.call_quality_samples.direction is 'in: to the daemon; out: from it';
comment on column support.call_quality_samples.at is 'End of the second';
comment on column support.call_quality_samples.customer_id is 'Caller, for the policies';
comment on column support.call_quality_samples.packets is 'Packets in that second';
comment on column support.call_quality_samples.lost is 'Packets lost';
comment on column support.call_quality_samples.recovered is 'Lost ones that in-band FEC can recover';
comment on column support.call_quality_samples.jitter_us is 'Interarrival jitter (RFC 3550), microseconds';
comment on column support.call_quality_samples.rtt_us is 'Round trip by RTCP, microseconds; NULL: not measured';
comment on column support.call_quality_samples.mos is 'Mean opinion score by the E-model';
comment on column support.call_quality_samples.level_db is 'Level, dBov; NULL: not known';
comment on column support.call_quality_samples.flags is 'Verdict bits, as docs/protocol.md names them';
alter table support.call_quality_samples enable row level security;
alter table support.call_quality_samples force row level security;
create policy customer on support.call_quality_samples for select to supportd_app
    using (customer_id = (select support.actor_customer()));
comment on policy customer on support.call_quality_samples is 'A customer sees the own figures';
create policy staff on support.call_quality_samples for select to supportd_app
    using ((select support.actor_staff()) is not null and exists (select 1 from support.voice_calls k where k.id = call_id));
comment on policy staff on support.call_quality_samples is 'Staff see the figures of the calls they see';
create policy media on support.call_quality_samples to supportd_app
    using ((select support.actor_system()) = 'media') with check ((select support.actor_system()) = 'media');
comment on policy media on support.call_quality_samples is 'The media side writes';
create policy report on support.call_quality_samples for select to support_report using (true);
comment on policy report on support.call_quality_samples is 'Reports';
grant select, insert (call_id, leg, direction, at, customer_id, packets, lost, recovered, jitter_us, rtt_us, mos, level_db, flags)
    on support.call_quality_samples to supportd_app;
grant select (call_id, leg, direction, at, packets, lost, recovered, jitter_us, rtt_us, mos, level_db, flags)
    on support.call_quality_samples to support_report;

create table support.webrtc_signaling (
    id bigint generated always as identity,
    to_process uuid not null references support.processes (id) on delete cascade,
    call_id uuid not null,
    customer_id uuid not null,
    sender text not null check (sender ~ '^(customer|staff):[0-9a-f-]{36}$' or sender = 'system:media'),
    kind text not null check (kind ~ '^[a-z_.]{1,40}$'),
    payload jsonb not null check (pg_column_size(payload) <= 65536),
    created_at timestamptz not null default support.now(),
    primary key (to_process, id),
    foreign key (call_id, customer_id) references support.voice_calls (id, customer_id) on delete cascade
);
create index webrtc_signaling_age on support.webrtc_signaling (created_at);
create index webrtc_signaling_call on support.webrtc_signaling (call_id, customer_id);
comment on table support.webrtc_signaling is 'Signaling on its way to the process that owns the media; at most 10 minutes old, never logged, audited or exported';
comment on column support.webrtc_signaling.id is 'Order';
comment on column support.webrtc_signaling.to_process is 'Process it is for';
comment on column support.webrtc_signaling.call_id is 'Call';
comment on column support.webrtc_signaling.customer_id is 'Caller, for the policies';
comment on column support.webrtc_signaling.sender is 'Actor who sent it';
comment on column support.webrtc_signaling.kind is 'Kind of message';
comment on column support.webrtc_signaling.payload is 'The message';
comment on column support.webrtc_signaling.created_at is 'When it was sent';
alter table support.webrtc_signaling enable row level security;
alter table support.webrtc_signaling force row level security;
create policy send on support.webrtc_signaling for insert to supportd_app
    with check (sender = (select current_setting('supportd.actor', true))
                and exists (select 1 from support.voice_calls k where k.id = call_id and k.customer_id = webrtc_signaling.customer_id));
comment on policy send on support.webrtc_signaling is 'Whoever sees the call sends as oneself';
create policy take on support.webrtc_signaling to supportd_app
    using ((select support.actor_system()) = 'media') with check ((select support.actor_system()) = 'media');
comment on policy take on support.webrtc_signaling is 'The media side takes what is for its process';
create policy purge on support.webrtc_signaling for all to supportd_app
    using ((select support.actor_system()) = 'retention') with check (false);
comment on policy purge on support.webrtc_signaling is 'What is too old goes';
grant select, insert (to_process, call_id, customer_id, sender, kind, payload), delete on support.webrtc_signaling to supportd_app;
grant usage on sequence support.webrtc_signaling_id_seq to supportd_app;
