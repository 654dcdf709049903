-- Others in a call: the colleague whom the agent consults, and who supervises.

alter table support.support_settings no force row level security;
insert into support.support_settings (key, value, kind, fallback, low, high, description)
select key, value::jsonb, kind, value::jsonb, low, high, description from (values
    ('call.consult_s', '30', 'integer', 1::bigint, 600::bigint, 'Seconds a colleague is asked for before a consultation is given up'),
    ('call.max_parties', '4', 'integer', 2, 8, 'Most people in one call, customer and agent among them'),
    ('supervision.private', 'false', 'boolean', null, null, 'Agents are not shown who listens or whispers')
) v (key, value, kind, low, high, description);
alter table support.support_settings force row level security;

create table support.call_parties (
    id uuid primary key,
    call_id uuid not null,
    chat_id uuid not null,
    customer_id uuid not null,
    staff_id uuid not null references support.support_staff (id) on delete restrict,
    asked_by uuid references support.support_staff (id) on delete restrict,
    role text not null check (role in ('consult', 'listen', 'whisper', 'barge')),
    state text not null check (state in ('asked', 'open', 'closed')),
    talk text check (talk in ('colleague', 'customer', 'all')),
    created_at timestamptz not null,
    expires_at timestamptz,
    opened_at timestamptz,
    closed_at timestamptz,
    reason text check (reason ~ '^[a-z_]{1,40}$'),
    foreign key (call_id, customer_id) references support.voice_calls (id, customer_id) on delete cascade,
    check ((role = 'consult') = (asked_by is not null) and (role = 'consult') = (talk is not null)),
    check (asked_by <> staff_id),
    check ((state = 'asked') = (expires_at is not null)),
    check (role = 'consult' or state <> 'asked'),
    check ((state = 'closed') = (closed_at is not null) and (state = 'closed') = (reason is not null)),
    check (state <> 'open' or opened_at is not null)
);
create unique index call_parties_one on support.call_parties (call_id, staff_id) where closed_at is null;
create unique index call_parties_consult on support.call_parties (call_id) where closed_at is null and role = 'consult';
create unique index call_parties_colleague on support.call_parties (staff_id) where closed_at is null and role = 'consult';
create index call_parties_staff on support.call_parties (staff_id, call_id, id);
create index call_parties_chat on support.call_parties (chat_id, staff_id) where closed_at is null;
create index call_parties_call on support.call_parties (call_id, customer_id);
comment on table support.call_parties is 'Who else had a part in a call, from when to when: consulted colleagues and supervision, one row per stretch and mode';
comment on column support.call_parties.id is 'UUID version 7';
comment on column support.call_parties.call_id is 'Call';
comment on column support.call_parties.chat_id is 'Its chat, for the policies';
comment on column support.call_parties.customer_id is 'Its customer';
comment on column support.call_parties.staff_id is 'Whose part it is';
comment on column support.call_parties.asked_by is 'The agent who asked, of a consultation';
comment on column support.call_parties.role is 'consult; or supervision: listen, whisper, barge';
comment on column support.call_parties.state is 'asked (until expires_at), open, closed';
comment on column support.call_parties.talk is 'With whom the agent talks in a consultation: colleague, customer, all';
comment on column support.call_parties.created_at is 'Asked, or begun';
comment on column support.call_parties.expires_at is 'A colleague who is only asked answers until then';
comment on column support.call_parties.opened_at is 'From then on in the call';
comment on column support.call_parties.closed_at is 'Until then';
comment on column support.call_parties.reason is 'Why it closed, a code of docs/protocol.md';
alter table support.call_parties enable row level security;
alter table support.call_parties force row level security;

create function support.party_seen(p_me uuid, p_staff uuid, p_asked_by uuid, p_chat uuid, p_role text) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp as $$
begin
    if p_me is null or support.staff_rank(p_me) = 0 then
        return false;
    end if;
    return p_staff = p_me or coalesce(p_asked_by = p_me, false)
        or (support.chat_seen(p_me, p_chat)
            and (p_role in ('consult', 'barge') or support.staff_rank(p_me) >= 2
                 or not exists (select 1 from support.support_settings s where s.key = 'supervision.private' and s.value = 'true')));
end $$;
comment on function support.party_seen(uuid, uuid, uuid, uuid, text) is
    'Staff p_me sees a part: the own ones, and those in calls they see; private supervision only from team lead up';

create policy staff_read on support.call_parties for select to supportd_app
    using (support.party_seen((select support.actor_staff_id()), staff_id, asked_by, chat_id, role));
comment on policy staff_read on support.call_parties is 'Staff see the parts in the calls they see; customers none';
create policy staff_insert on support.call_parties for insert to supportd_app
    with check ((select support.actor_staff()) is not null
                and case when role = 'consult' then asked_by = (select support.actor_staff())
                         else staff_id = (select support.actor_staff()) and (select support.actor_rank()) >= 2 end);
comment on policy staff_insert on support.call_parties is 'An agent asks a colleague; who leads a team supervises';
create policy staff_update on support.call_parties for update to supportd_app
    using (staff_id = (select support.actor_staff()) or asked_by = (select support.actor_staff()))
    with check (staff_id = (select support.actor_staff()) or asked_by = (select support.actor_staff()));
comment on policy staff_update on support.call_parties is 'The one whose part it is, and the agent who asked, change it';
create policy system on support.call_parties to supportd_app
    using ((select support.actor_system()) in ('media', 'router', 'monitor', 'admin'))
    with check ((select support.actor_system()) in ('media', 'router', 'monitor', 'admin'));
comment on policy system on support.call_parties is 'Deadlines, legs that are gone, calls that end or go to somebody else';
create policy policy_read on support.call_parties for select to support_policy using (true);
comment on policy policy_read on support.call_parties is 'Who has a part sees the chat; support.check_invariants()';
create policy report on support.call_parties for select to support_report using (true);
comment on policy report on support.call_parties is 'Reports: supervision and consultations';
grant select, insert (id, call_id, chat_id, customer_id, staff_id, asked_by, role, state, talk, created_at, expires_at, opened_at),
    update (state, talk, expires_at, opened_at, closed_at, reason) on support.call_parties to supportd_app;
grant select on support.call_parties to support_policy;
grant select (id, call_id, chat_id, staff_id, asked_by, role, state, talk, created_at, opened_at, closed_at, reason) on support.call_parties to support_report;

create or replace function support.chat_seen_by(p_me uuid, p_chat uuid, p_status text, p_assigned uuid, p_team uuid)
returns boolean language plpgsql stable security definer
set search_path = pg_catalog, pg_temp as $$
declare
    v_role text;
    v_team uuid;
begin
    if p_me is null then
        return false;
    end if;
    select s.role, s.team_id into v_role, v_team from support.support_staff s where s.id = p_me and s.active;
    if not found then
        return false;
    end if;
    return coalesce(p_assigned = p_me, false) or v_role in ('supervisor', 'admin', 'super_admin')
        or (p_status in ('open', 'queued') and (p_team is null or coalesce(p_team = v_team, false)))
        or (v_role = 'team_lead' and (coalesce(p_team = v_team, false) or (p_team is null and p_assigned is null)
            or exists (select 1 from support.support_staff s where s.id = p_assigned and s.team_id = v_team)))
        or exists (select 1 from support.offers o where o.chat_id = p_chat and o.staff_id = p_me and o.state = 'pending')
        or exists (select 1 from support.call_parties r where r.chat_id = p_chat and r.staff_id = p_me and r.closed_at is null);
end $$;
comment on function support.chat_seen_by(uuid, uuid, text, uuid, uuid) is
    'Staff p_me sees a chat: agents those assigned or offered to them, waiting in their team, or in whose call they have a part; leads their team; supervisors all';

grant create on schema support to support_policy;
alter function support.party_seen(uuid, uuid, uuid, uuid, text) owner to support_policy;
revoke create on schema support from support_policy;
grant execute on function support.party_seen(uuid, uuid, uuid, uuid, text) to supportd_app, support_admin, support_policy;

-- Whatever takes a call from its agent ends the parts of all others in it.
create function support.call_loses_parties() returns trigger language plpgsql as $$
begin
    perform support.do_parties_end(new.id, case when new.state = 'ended' then 'call_ended' when new.state in ('active', 'held') then 'transferred'
                                                else 'requeued' end);
    return null;
end $$;
comment on function support.call_loses_parties() is 'Trigger: consultation and supervision end with the agent''s part';
create trigger end_parties after update of state, staff_id on support.voice_calls for each row
    when (old.state in ('active', 'held') and (new.state not in ('active', 'held') or new.staff_id is distinct from old.staff_id))
    execute function support.call_loses_parties();

create function support.staff_loses_parties() returns trigger language plpgsql as $$
begin
    perform support.do_staff_parties_end(new.id);
    return null;
end $$;
comment on function support.staff_loses_parties() is 'Trigger: who is removed has no part in any call';
create trigger end_parties after update of active on support.support_staff for each row
    when (old.active and not new.active) execute function support.staff_loses_parties();
