-- The music that a customer hears during a consultation counts as hold.

alter table support.voice_calls
    add column music_at timestamptz,
    add constraint voice_calls_music_check check (music_at is null or state = 'active');
comment on column support.voice_calls.music_at is 'Since when the customer hears music because the agent talks with a colleague';
comment on column support.voice_calls.hold_ms is 'Milliseconds of music after the answer: finished holds and stretches of consultations';
grant update (music_at) on support.voice_calls to supportd_app;
grant select (music_at) on support.voice_calls to support_report;

create function support.consult_counts_music() returns trigger language plpgsql as $$
begin
    perform support.do_call_music(new.call_id, new.closed_at is null and new.talk = 'colleague');
    return null;
end $$;
comment on function support.consult_counts_music() is 'Trigger: the customer of a consultation begins or ceases to hear music';
create trigger count_music after insert or update of talk, closed_at on support.call_parties for each row
    when (new.role = 'consult') execute function support.consult_counts_music();
