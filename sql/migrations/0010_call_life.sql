-- The life of a call: callbacks, transfers, who had it when, places kept, wrap-up that is extended, ratings.

alter table support.support_settings no force row level security;
insert into support.support_settings (key, value, kind, fallback, low, high, description)
select key, value::jsonb, kind, value::jsonb, low, high, description from (values
    ('features.callback', 'true', 'boolean', null::bigint, null::bigint, 'Callers in the queue may ask to be called back'),
    ('features.ratings', 'true', 'boolean', null, null, 'Customers may rate calls'),
    ('queue.place_s', '60', 'integer', 1, 3600, 'Seconds a caller who is gone keeps the place in the queue'),
    ('queue.wrap_up_max_s', '300', 'integer', 0, 7200, 'Seconds a wrap-up lasts at most, however often it is extended'),
    ('call.transfer_s', '30', 'integer', 1, 600, 'Seconds a transferred call looks for its receiver before it goes back'),
    ('call.callback_ring_s', '30', 'integer', 5, 600, 'Seconds a callback rings at the customer'),
    ('call.callback_attempts', '3', 'integer', 1, 20, 'Times a callback rings at the customer at most'),
    ('call.rating_window_s', '86400', 'integer', 60, 2592000, 'Seconds after its end in which a call may be rated')
) v (key, value, kind, low, high, description);
alter table support.support_settings force row level security;

-- States: calling, and no change of state that the table does not know.
alter table support.voice_calls drop constraint voice_calls_state_check;
alter table support.voice_calls add constraint voice_calls_state_check check (state in ('queued', 'ringing', 'active', 'held', 'calling', 'ended'));
comment on column support.voice_calls.state is 'queued, ringing, active, held, calling (an agent has taken a callback, the customer is called), ended';
alter table support.call_transitions no force row level security;
insert into support.call_transitions values
    ('queued', 'calling', false, false, false),
    ('ringing', 'calling', false, false, false),
    ('calling', 'active', false, false, false),
    ('calling', 'queued', false, false, false),
    ('calling', 'ended', true, true, true);
alter table support.call_transitions force row level security;
create function support.check_call_transition() returns trigger language plpgsql as $$
begin
    if not exists (select 1 from support.call_transitions t where t.from_state = old.state and t.to_state = new.state) then
        perform support.fail('SD409', 'not_allowed_now');
    end if;
    return new;
end $$;
comment on function support.check_call_transition() is 'Every change of state is a row of call_transitions';
create trigger check_state before update of state on support.voice_calls for each row
    when (old.state is distinct from new.state) execute function support.check_call_transition();

alter table support.voice_calls
    add column callback_at timestamptz,
    add column callback_attempts int not null default 0 check (callback_attempts >= 0),
    add column callback_outcome text check (callback_outcome in ('not_reachable', 'no_answer')),
    add column ring_until timestamptz,
    add column rating int check (rating between 1 and 5),
    add column rating_comment text check (length(rating_comment) <= 2000),
    add column rated_at timestamptz,
    add constraint voice_calls_calling_check check (state <> 'calling' or (staff_id is not null and callback_at is not null)),
    add constraint voice_calls_ring_check check (ring_until is null or state = 'calling'),
    add constraint voice_calls_rating_check1 check ((rating is null) = (rated_at is null) and (rating_comment is null or rating is not null));
comment on column support.voice_calls.callback_at is 'When the customer asked to be called back';
comment on column support.voice_calls.callback_attempts is 'Times the customer was called';
comment on column support.voice_calls.callback_outcome is 'Of the last attempt: not_reachable (not connected), no_answer; NULL: none, or it rings';
comment on column support.voice_calls.ring_until is 'The customer is being called until then';
comment on column support.voice_calls.rating is 'Stars of the customer, 1 to 5';
comment on column support.voice_calls.rating_comment is 'Comment of the customer, masked';
comment on column support.voice_calls.rated_at is 'When it was rated';
create index voice_calls_ring on support.voice_calls (ring_until) where ring_until is not null;
create index voice_calls_missed on support.voice_calls (id) where ended_at is not null and answered_at is null;
grant update (callback_at, callback_attempts, callback_outcome, ring_until, rating, rating_comment, rated_at) on support.voice_calls to supportd_app;
grant select (callback_at, callback_attempts, callback_outcome, rating, rated_at) on support.voice_calls to support_report;

create table support.call_transfers (
    id uuid primary key,
    call_id uuid not null,
    chat_id uuid not null,
    customer_id uuid not null,
    from_staff_id uuid not null references support.support_staff (id) on delete restrict,
    kind text not null check (kind in ('staff', 'team', 'skill')),
    to_staff_id uuid references support.support_staff (id) on delete restrict,
    to_team_id uuid references support.teams (id) on delete restrict,
    to_skill text check (length(to_skill) <= 40),
    note text check (length(note) <= 2000),
    created_at timestamptz not null,
    foreign key (call_id, customer_id) references support.voice_calls (id, customer_id) on delete cascade,
    check ((kind = 'staff') = (to_staff_id is not null) and (kind = 'team') = (to_team_id is not null) and (kind = 'skill') = (to_skill is not null))
);
create index call_transfers_call on support.call_transfers (call_id, customer_id);
comment on table support.call_transfers is 'Calls handed on: by whom, to whom, with what note; who took it is in call_parts';
comment on column support.call_transfers.id is 'UUID version 7';
comment on column support.call_transfers.call_id is 'Call';
comment on column support.call_transfers.chat_id is 'Its chat, for the policies';
comment on column support.call_transfers.customer_id is 'Its customer';
comment on column support.call_transfers.from_staff_id is 'Who handed it on';
comment on column support.call_transfers.kind is 'staff, team or skill';
comment on column support.call_transfers.to_staff_id is 'The colleague, if it is one';
comment on column support.call_transfers.to_team_id is 'The team, if it is one';
comment on column support.call_transfers.to_skill is 'The skill, if it is one';
comment on column support.call_transfers.note is 'For the receiver, masked; never shown to the customer';
comment on column support.call_transfers.created_at is 'When';
alter table support.call_transfers enable row level security;
alter table support.call_transfers force row level security;
create policy staff_read on support.call_transfers for select to supportd_app
    using (from_staff_id = (select support.actor_staff()) or support.chat_seen((select support.actor_staff_id()), chat_id));
comment on policy staff_read on support.call_transfers is 'The sender, and staff who see the chat';
create policy staff_write on support.call_transfers for insert to supportd_app with check (from_staff_id = (select support.actor_staff()));
comment on policy staff_write on support.call_transfers is 'One hands on as oneself';
create policy system on support.call_transfers for select to supportd_app
    using ((select support.actor_system()) in ('router', 'monitor', 'media'));
comment on policy system on support.call_transfers is 'The router sends it back; the media side tells the state';
create policy report on support.call_transfers for select to support_report using (true);
comment on policy report on support.call_transfers is 'Reports; the note is not granted';
grant select, insert (id, call_id, chat_id, customer_id, from_staff_id, kind, to_staff_id, to_team_id, to_skill, note, created_at)
    on support.call_transfers to supportd_app;
grant select (id, call_id, chat_id, from_staff_id, kind, to_staff_id, to_team_id, to_skill, created_at) on support.call_transfers to support_report;

create table support.call_parts (
    call_id uuid not null,
    n int not null check (n > 0),
    chat_id uuid not null,
    customer_id uuid not null,
    staff_id uuid not null references support.support_staff (id) on delete restrict,
    started_at timestamptz not null,
    ended_at timestamptz,
    end_how text check (end_how in ('ended', 'transfer', 'requeued')),
    primary key (call_id, n),
    foreign key (call_id, customer_id) references support.voice_calls (id, customer_id) on delete cascade,
    check ((ended_at is null) = (end_how is null))
);
create unique index call_parts_open on support.call_parts (call_id) where ended_at is null;
create index call_parts_staff on support.call_parts (staff_id, started_at);
comment on table support.call_parts is 'Who had a call from when to when, one row per stretch';
comment on column support.call_parts.call_id is 'Call';
comment on column support.call_parts.n is 'Order, from 1';
comment on column support.call_parts.chat_id is 'Its chat, for the policies';
comment on column support.call_parts.customer_id is 'Its customer, for the policies';
comment on column support.call_parts.staff_id is 'Who had it';
comment on column support.call_parts.started_at is 'Taken then';
comment on column support.call_parts.ended_at is 'Left then; NULL: has it now';
comment on column support.call_parts.end_how is 'ended (the call), transfer, requeued (the agent was gone or removed)';
alter table support.call_parts enable row level security;
alter table support.call_parts force row level security;
create policy customer on support.call_parts to supportd_app
    using (customer_id = (select support.actor_customer())) with check (customer_id = (select support.actor_customer()) and ended_at is not null);
comment on policy customer on support.call_parts is 'A customer who hangs up ends the stretch of the agent';
create policy staff on support.call_parts to supportd_app
    using (staff_id = (select support.actor_staff()) or support.chat_seen((select support.actor_staff_id()), chat_id))
    with check (staff_id = (select support.actor_staff()) or support.chat_seen((select support.actor_staff_id()), chat_id));
comment on policy staff on support.call_parts is 'Staff have their own, and those of the chats they see';
create policy system on support.call_parts to supportd_app
    using ((select support.actor_system()) in ('router', 'monitor', 'media', 'admin'))
    with check ((select support.actor_system()) in ('router', 'monitor', 'media', 'admin'));
comment on policy system on support.call_parts is 'Routing, media, dead processes, deactivation of staff';
create policy policy_read on support.call_parts for select to support_policy using (true);
comment on policy policy_read on support.call_parts is 'support.check_invariants()';
create policy report on support.call_parts for select to support_report using (true);
comment on policy report on support.call_parts is 'Reports: handle time per agent';
grant select, insert (call_id, n, chat_id, customer_id, staff_id, started_at), update (ended_at, end_how) on support.call_parts to supportd_app;
grant select on support.call_parts to support_policy;
grant select (call_id, n, staff_id, started_at, ended_at, end_how) on support.call_parts to support_report;
alter table support.voice_calls no force row level security;
alter table support.call_parts no force row level security;
insert into support.call_parts (call_id, n, chat_id, customer_id, staff_id, started_at)
select k.id, 1, k.chat_id, k.customer_id, k.staff_id, coalesce(k.answered_at, k.created_at) from support.voice_calls k where k.state in ('active', 'held');
alter table support.voice_calls force row level security;
alter table support.call_parts force row level security;

alter table support.call_queue
    add column callback boolean not null default false,
    add column away_until timestamptz,
    add column only_direct boolean not null default false,
    add column skill text,
    add column transfer_id uuid references support.call_transfers (id) on delete set null,
    add column phase text check (phase in ('offered', 'returning', 'queued')),
    add column phase_until timestamptz,
    add constraint call_queue_phase_check1 check ((phase is null or phase = 'queued') = (phase_until is null)),
    add constraint call_queue_direct_check check (not only_direct or direct_staff_id is not null);
comment on column support.call_queue.callback is 'The customer is called back at his turn';
comment on column support.call_queue.away_until is 'The caller is gone and keeps the place until then; offered to nobody meanwhile';
comment on column support.call_queue.only_direct is 'For direct_staff_id alone';
comment on column support.call_queue.skill is 'Only for who has it; NULL: everybody';
comment on column support.call_queue.transfer_id is 'The transfer that brought it here';
comment on column support.call_queue.phase is 'Of a transfer: offered to its target, returning to the sender, queued for anybody';
comment on column support.call_queue.phase_until is 'End of the phase; a ringing offer is waited for';
create index call_queue_away on support.call_queue (away_until) where closed_at is null and away_until is not null;
create index call_queue_phase on support.call_queue (phase_until) where closed_at is null and phase_until is not null;
create index call_queue_transfer on support.call_queue (transfer_id) where transfer_id is not null;
grant insert (callback, skill, transfer_id), update (callback, away_until, only_direct, skill, transfer_id, phase, phase_until) on support.call_queue to supportd_app;
grant select (callback, away_until, phase) on support.call_queue to support_report;
alter type support.slot add attribute skills text[];
alter type support.waiting add attribute only_direct boolean;
alter type support.waiting add attribute skill text;

alter table support.staff_presence add column wrap_from timestamptz;
comment on column support.staff_presence.wrap_from is 'Begin of the wrap-up that wrap_until ends';
grant update (wrap_from) on support.staff_presence to supportd_app;

alter table support.support_staff add column skills text[] not null default '{}' check (cardinality(skills) <= 50);
comment on column support.support_staff.skills is 'Skills by name; a call may be handed on to one';
grant update (skills) on support.support_staff to supportd_app, support_admin;
grant select (skills) on support.support_staff to support_report;
