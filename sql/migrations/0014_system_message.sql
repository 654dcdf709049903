-- System messages: a code and what it speaks of, written by the functions that make the change.

alter table support.chat_messages add column params jsonb;
comment on column support.chat_messages.params is 'Of a system message: what its code speaks of (ids, the name as it was then, durations); else NULL';
comment on column support.chat_messages.body is 'Masked text; of a system message its code';
create or replace function support.check_message() returns trigger language plpgsql as $$
begin
    if not coalesce(
        case new.kind when 'note' then new.seq is null and new.note_seq > 0 and new.sender_kind = 'staff' and new.params is null
                      when 'message' then new.note_seq is null and new.seq > 0 and new.sender_kind in ('customer', 'staff') and new.params is null
                      when 'system' then new.note_seq is null and new.seq > 0 and new.sender_kind = 'system'
                                         and new.body ~ '^[a-z_]{1,40}$' and jsonb_typeof(new.params) = 'object' end
        and length(new.body) between 1 and 20000 and cardinality(new.categories) <= 20, false)
    then
        perform support.check_failed('chat_messages');
    end if;
    return new;
end $$;
grant insert (params) on support.chat_messages to supportd_app;
drop policy system on support.chat_messages;
drop policy system_post on support.chat_messages;
create policy system_post on support.chat_messages for insert to supportd_app
    with check (sender_kind = 'system' and (select support.actor_system()) = 'router');
comment on policy system_post on support.chat_messages is 'System messages, by support.do_system_message()';
