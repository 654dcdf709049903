-- Recordings of calls: what there is, who may know of it, how long it is kept. The sound is in files (docs/security.md).

alter table support.voice_calls add column recording text not null default 'off' check (recording in ('off', 'on', 'paused'));
comment on column support.voice_calls.recording is 'Whether the call is being recorded; means nothing once it has ended';
grant update (recording) on support.voice_calls to supportd_app;
grant select (recording) on support.voice_calls to support_report;

-- The owner is bound by row level security too, and no policy lets it write.
alter table support.support_settings no force row level security;
insert into support.support_settings (key, value, kind, fallback, low, high, description)
select key, value::jsonb, kind, value::jsonb, low, high, description from (values
    ('recording.policy', '"off"', 'text', 2::bigint, 9::bigint, 'off: no call is recorded; on_demand: agents decide; all: every call from its answer on'),
    ('recording.agents_may_play', 'false', 'boolean', null, null, 'Agents may hear the recordings of their own calls'),
    ('recording.retention_days', '90', 'integer', 1, 36500, 'Days a recording is kept'),
    ('recording.resume_s', '0', 'integer', 0, 3600, 'Seconds after which a pause for card data in the chat ends by itself; 0: the agent ends it')
) v (key, value, kind, low, high, description);
alter table support.support_settings force row level security;
alter table support.support_settings add check (key <> 'recording.policy' or value #>> '{}' in ('off', 'on_demand', 'all'));

create table support.call_recordings (
    id uuid primary key,
    call_id uuid not null,
    customer_id uuid not null,
    staff_id uuid not null references support.support_staff (id) on delete restrict,
    team_id uuid references support.teams (id) on delete set null,
    owner_process uuid not null references support.processes (id) on delete restrict,
    state text not null check (state in ('on', 'paused', 'ending', 'ended', 'broken')),
    started_by text not null check (started_by ~ '^(staff:[0-9a-f-]{36}|system:media)$'),
    started_at timestamptz not null,
    ended_at timestamptz,
    duration_ms bigint check (duration_ms >= 0),
    bytes bigint check (bytes >= 0),
    incomplete boolean not null default false,
    gap_ms bigint not null default 0 check (gap_ms >= 0),
    pauses jsonb not null default '[]' check (jsonb_typeof(pauses) = 'array' and pg_column_size(pauses) <= 32768),
    tracks smallint not null default 2 check (tracks between 1 and 16),
    key_id text not null check (key_id ~ '^[a-z0-9_-]{1,16}$'),
    path text not null check (path ~ '^[0-9]{6}/[0-9a-f-]{36}$'),
    keep_until timestamptz not null,
    foreign key (call_id, customer_id) references support.voice_calls (id, customer_id) on delete restrict,
    check ((state in ('on', 'paused')) = (ended_at is null))
) with (fillfactor = 80);
create unique index call_recordings_one_live on support.call_recordings (call_id) where state in ('on', 'paused');
create index call_recordings_call on support.call_recordings (call_id, id);
create index call_recordings_customer on support.call_recordings (customer_id, id);
create index call_recordings_staff on support.call_recordings (staff_id, id);
create index call_recordings_team on support.call_recordings (team_id, id);
create index call_recordings_process on support.call_recordings (owner_process) where state in ('on', 'paused', 'ending');
create index call_recordings_keep on support.call_recordings (keep_until);
comment on table support.call_recordings is 'Recordings; the sound is in encrypted files, one per party, on one time line that begins at started_at';
comment on column support.call_recordings.id is 'Recording; names its files';
comment on column support.call_recordings.call_id is 'Call; stopped and started again it has several';
comment on column support.call_recordings.customer_id is 'Caller';
comment on column support.call_recordings.staff_id is 'Who spoke for the bank when it began';
comment on column support.call_recordings.team_id is 'Team of that member then, for the policies';
comment on column support.call_recordings.owner_process is 'Process that writes it';
comment on column support.call_recordings.state is 'on, paused: being written; ending: the last of it is; ended; broken: its process was lost';
comment on column support.call_recordings.started_by is 'Actor: the agent, or system:media under the policy all';
comment on column support.call_recordings.started_at is 'Second 0 of both tracks';
comment on column support.call_recordings.ended_at is 'Stop, or end of the call';
comment on column support.call_recordings.duration_ms is 'Length of the tracks';
comment on column support.call_recordings.bytes is 'Size of the files';
comment on column support.call_recordings.incomplete is 'Sound was lost on its way to the disk, or with the process';
comment on column support.call_recordings.gap_ms is 'How much of it is known to be lost';
comment on column support.call_recordings.pauses is 'Pauses in order: from_ms, to_ms, reason (agent, card)';
comment on column support.call_recordings.tracks is 'Number of files: 0 the customer, 1 the agent';
comment on column support.call_recordings.key_id is 'Key of the key file that encrypts it';
comment on column support.call_recordings.path is 'Files without .N.sup, under recording.dir';
comment on column support.call_recordings.keep_until is 'Retention ends';
alter table support.call_recordings enable row level security;
alter table support.call_recordings force row level security;
create policy agent on support.call_recordings to supportd_app
    using (case when state in ('on', 'paused', 'ending')
                then staff_id = (select support.actor_staff())
                     or exists (select 1 from support.voice_calls k where k.id = call_id and k.staff_id = (select support.actor_staff()))
                else staff_id = (select support.actor_staff())
                     and (select s.value = 'true'::jsonb from support.support_settings s where s.key = 'recording.agents_may_play') end)
    with check (staff_id = (select support.actor_staff())
                or exists (select 1 from support.voice_calls k where k.id = call_id and k.staff_id = (select support.actor_staff())));
comment on policy agent on support.call_recordings is
    'An agent has those of the own call while they are made (also after a transfer), the own ones later if the setting says so';
create policy lead on support.call_recordings for select to supportd_app
    using ((select support.actor_rank()) = 2 and team_id = (select s.team_id from support.support_staff s where s.id = (select support.actor_staff())));
comment on policy lead on support.call_recordings is 'A team lead sees those of the team';
create policy supervisor on support.call_recordings for select to supportd_app
    using ((select support.actor_rank()) >= 3);
comment on policy supervisor on support.call_recordings is 'From supervisor up, and system:admin: all';
create policy media on support.call_recordings to supportd_app
    using ((select support.actor_system()) = 'media') with check ((select support.actor_system()) = 'media');
comment on policy media on support.call_recordings is 'The media side writes';
create policy monitor on support.call_recordings to supportd_app
    using ((select support.actor_system()) = 'monitor') with check ((select support.actor_system()) = 'monitor');
comment on policy monitor on support.call_recordings is 'Those of lost processes are marked';
create policy report on support.call_recordings for select to support_report using (true);
comment on policy report on support.call_recordings is 'Reports';
grant select, insert (id, call_id, customer_id, staff_id, team_id, owner_process, state, started_by, started_at, key_id, path, keep_until),
    update (state, ended_at, duration_ms, bytes, incomplete, gap_ms, pauses) on support.call_recordings to supportd_app;
grant select (id, call_id, staff_id, team_id, state, started_at, ended_at, duration_ms, bytes, incomplete, gap_ms, tracks, keep_until)
    on support.call_recordings to support_report;
