-- What 0015 and 0018 were to write into the rows that were there: the owner is bound by row level security too, and no policy lets it write.

alter table support.call_recordings no force row level security;
update support.call_recordings set parties = jsonb_build_array(jsonb_build_object('track', 1, 'staff_id', staff_id, 'role', 'agent', 'from_ms', 0)) where parties = '[]';
update support.call_recordings r set others = array(select distinct (e ->> 'staff_id')::uuid from jsonb_array_elements(r.parties) e where e ->> 'staff_id' <> r.staff_id::text)
where exists (select 1 from jsonb_array_elements(r.parties) e where e ->> 'staff_id' <> r.staff_id::text);
alter table support.call_recordings force row level security;
