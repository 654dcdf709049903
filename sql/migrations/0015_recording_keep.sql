-- Recordings: the end of retention, where the files are, and who is heard on which track.

alter table support.processes add column recording_place uuid;
comment on column support.processes.recording_place is 'Directory of recordings that it writes to, by the id that stands in it; NULL: it records nothing';
grant update (recording_place) on support.processes to supportd_app;

alter table support.call_recordings
    alter column path drop not null,
    alter column key_id drop not null,
    add column parties jsonb not null default '[]' check (jsonb_typeof(parties) = 'array' and pg_column_size(parties) <= 32768),
    add column erase_at timestamptz,
    add column deleted_at timestamptz,
    drop constraint call_recordings_state_check,
    add constraint call_recordings_state_check check (state in ('on', 'paused', 'ending', 'ended', 'broken', 'deleting', 'deleted')),
    add check ((state = 'deleted') = (path is null) and (state = 'deleted') = (key_id is null) and (state = 'deleted') = (deleted_at is not null)),
    add check ((state = 'deleting') = (erase_at is not null));
update support.call_recordings set parties = jsonb_build_array(jsonb_build_object('track', 1, 'staff_id', staff_id, 'role', 'agent', 'from_ms', 0));
comment on column support.call_recordings.state is
    'on, paused: being written; ending: the last of it is; ended; broken: its process was lost; deleting: retention has ended and nobody may hear it, its files go; deleted: they are gone';
comment on column support.call_recordings.tracks is 'Number of files: 0 the customer, 1 the agent who began, then whoever else the customer heard';
comment on column support.call_recordings.path is 'Files without .N.sup, under recording.dir; NULL: they are gone';
comment on column support.call_recordings.key_id is 'Key of the key file that encrypts it; NULL: its files are gone';
comment on column support.call_recordings.bytes is 'Size of the files; 0 once they are gone';
comment on column support.call_recordings.parties is 'Who is heard on which track, in order: track, staff_id, role (agent, consult, barge), from_ms. The agent at a time is the last one before it';
comment on column support.call_recordings.erase_at is 'While deleting: when the files are tried (again)';
comment on column support.call_recordings.deleted_at is 'When the last file was gone';
drop index support.call_recordings_keep;
create index call_recordings_keep on support.call_recordings (keep_until) where state in ('ended', 'broken');
create index call_recordings_erase on support.call_recordings (erase_at) where state = 'deleting';
create policy retention on support.call_recordings to supportd_app
    using ((select support.actor_system()) = 'retention') with check ((select support.actor_system()) = 'retention');
comment on policy retention on support.call_recordings is 'Those whose time is over are deleted';
grant insert (parties), update (parties, tracks, path, key_id, erase_at, deleted_at) on support.call_recordings to supportd_app;
grant select (parties, deleted_at) on support.call_recordings to support_report;
