-- Who is beyond the bounds of these lists has to be heard all the same: recording_party() keeps the lists within them, oldest first.

comment on column support.call_recordings.others is 'Who of the bank is heard in it but for staff_id, once each, to be found by: the first 64';
comment on column support.call_recordings.parties is
    'Who is heard on which track, in order: track, staff_id, role (agent, consult, barge), from_ms. The agent at a time is the last one before it. The first 200 stretches';
