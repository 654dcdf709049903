-- Settings that hold at run time, in every process at once.

create table support.support_settings (
    key text primary key check (key ~ '^[a-z_]+(\.[a-z_]+)+$'),
    value jsonb not null,
    kind text not null check (kind in ('integer', 'boolean', 'text')),
    fallback jsonb not null,
    low bigint,
    high bigint,
    description text not null,
    updated_at timestamptz not null default support.now(),
    updated_by text,
    check (jsonb_typeof(value) = case kind when 'integer' then 'number' when 'boolean' then 'boolean' else 'string' end)
);
comment on table support.support_settings is 'Settings at run time; changed by support.setting_set(), which tells all processes';
comment on column support.support_settings.key is 'Name: section and word';
comment on column support.support_settings.value is 'The value in force';
comment on column support.support_settings.kind is 'integer, boolean or text';
comment on column support.support_settings.fallback is 'The value it had first';
comment on column support.support_settings.low is 'Least integer, or least length of a text';
comment on column support.support_settings.high is 'Greatest integer, or greatest length of a text';
comment on column support.support_settings.description is 'What it does, with its unit';
comment on column support.support_settings.updated_at is 'Last change';
comment on column support.support_settings.updated_by is 'Actor of the last change';

insert into support.support_settings (key, value, kind, fallback, low, high, description)
select key, value::jsonb, kind, value::jsonb, low, high, description from (values
    ('features.chat', 'true', 'boolean', null::bigint, null::bigint, 'Customers may start chats'),
    ('features.calls', 'true', 'boolean', null, null, 'Customers may start calls'),
    ('chat.max_per_day', '50', 'integer', 1, 10000, 'Chats one customer may start in 24 hours'),
    ('queue.capacity', '4', 'integer', 1, 100, 'Units of work an agent has at once, where support_staff.capacity says nothing'),
    ('queue.chat_weight', '1', 'integer', 1, 100, 'Units a chat takes'),
    ('queue.call_weight', '0', 'integer', 0, 100, 'Units a call takes; 0: all of the agent''s capacity'),
    ('queue.offer_s', '20', 'integer', 1, 600, 'Seconds an agent has to accept a chat'),
    ('queue.ring_s', '20', 'integer', 1, 600, 'Seconds a call rings at one agent'),
    ('queue.max_misses', '3', 'integer', 1, 100, 'Offers missed in a row that set an agent away'),
    ('queue.wrap_up_s', '10', 'integer', 0, 3600, 'Seconds after a call in which the agent is offered nothing'),
    ('queue.grace_s', '60', 'integer', 1, 3600, 'Seconds an agent without connection keeps the work'),
    ('queue.timeout_s', '300', 'integer', 1, 86400, 'Seconds of waiting until the first escalation step'),
    ('queue.step_s', '120', 'integer', 1, 86400, 'Seconds between escalation steps'),
    ('queue.escalation_priority', '10', 'integer', 0, 1000, 'What each escalation step adds to the priority'),
    ('process.lease_s', '15', 'integer', 2, 600, 'Seconds without heartbeat after which a process is dead'),
    ('auth.lockout_failures', '5', 'integer', 1, 100, 'Failed logins in a row that lock an account'),
    ('auth.lockout_s', '900', 'integer', 1, 86400, 'Seconds an account stays locked'),
    ('auth.session_s', '43200', 'integer', 60, 2592000, 'Seconds a login session lives')
) v (key, value, kind, low, high, description);

alter table support.support_settings enable row level security;
alter table support.support_settings force row level security;
create policy readers on support.support_settings for select to supportd_app, support_admin
    using ((select support.actor_kind()) is not null);
comment on policy readers on support.support_settings is 'Settings are no secret to whoever acts; secrets are in the configuration file';
create policy admin on support.support_settings for update to supportd_app, support_admin
    using ((select support.actor_rank()) >= 4) with check ((select support.actor_rank()) >= 4);
comment on policy admin on support.support_settings is 'Admins change settings';
create policy policy_read on support.support_settings for select to support_policy using (true);
comment on policy policy_read on support.support_settings is 'support.check_invariants()';
create policy report on support.support_settings for select to support_report using (true);
comment on policy report on support.support_settings is 'Definitions of figures name thresholds';
grant select, update (value, updated_at, updated_by) on support.support_settings to supportd_app, support_admin;
grant select on support.support_settings to support_report, support_policy;
