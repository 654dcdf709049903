-- Recordings belong to everybody of the bank who is heard in them, not to the agent who began alone.

alter table support.call_recordings add column others uuid[] not null default '{}' check (cardinality(others) <= 64);
comment on column support.call_recordings.staff_id is 'Who spoke for the bank when it began; who came later stands in others and parties';
comment on column support.call_recordings.others is 'Who of the bank is heard in it but for staff_id: those of parties, once each, to be found by';
update support.call_recordings r set others = array(select distinct (e ->> 'staff_id')::uuid from jsonb_array_elements(r.parties) e where e ->> 'staff_id' <> r.staff_id::text);
create index call_recordings_others on support.call_recordings using gin (others) where others <> '{}';
grant update (others) on support.call_recordings to supportd_app;
grant select (others) on support.call_recordings to support_report;

drop policy agent on support.call_recordings;
create policy agent on support.call_recordings to supportd_app
    using (case when state in ('on', 'paused', 'ending')
                then staff_id = (select support.actor_staff())
                     or exists (select 1 from support.voice_calls k where k.id = call_id and k.staff_id = (select support.actor_staff()))
                else (staff_id = (select support.actor_staff()) or (select support.actor_staff()) = any (others))
                     and (select s.value = 'true'::jsonb from support.support_settings s where s.key = 'recording.agents_may_play') end)
    with check (staff_id = (select support.actor_staff())
                or exists (select 1 from support.voice_calls k where k.id = call_id and k.staff_id = (select support.actor_staff())));
comment on policy agent on support.call_recordings is
    'An agent has those of the own call while they are made (also after a transfer); later, if the setting says so, those that the agent is heard in';
