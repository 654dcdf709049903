-- Chats, their messages, who takes part and how far each has read.

create table support.chat_sessions (
    id uuid primary key,
    customer_id uuid not null references support.customers (id) on delete cascade,
    client_key uuid not null,
    channel text not null,
    status text not null,
    language text,
    site text,
    team_id uuid references support.teams (id) on delete restrict,
    priority int not null default 0,
    weight int not null,
    assigned_staff_id uuid references support.support_staff (id) on delete restrict,
    assigned_at timestamptz,
    entry_id uuid,
    call_id uuid,
    last_seq bigint not null default 0,
    last_note_seq bigint not null default 0,
    rev bigint not null default 0,
    tags text[] not null default '{}',
    audit_ref text not null,
    created_at timestamptz not null,
    queued_at timestamptz,
    first_response_at timestamptz,
    last_message_at timestamptz,
    closed_at timestamptz,
    close_reason text,
    unique (id, customer_id),
    unique (customer_id, client_key)
) with (fillfactor = 70);
create function support.check_chat() returns trigger language plpgsql as $$
begin
    if not coalesce(
        new.channel in ('chat', 'voice') and new.status in ('open', 'queued', 'assigned', 'closed')
        and length(coalesce(new.language, '')) <= 35 and length(coalesce(new.site, '')) <= 300
        and new.priority between -1000 and 1000000 and new.weight between 0 and 100 and cardinality(new.tags) <= 20
        and (new.status <> 'assigned' or (new.assigned_staff_id is not null and new.assigned_at is not null))
        and (new.status = 'queued') = (new.entry_id is not null)
        and (new.status = 'closed') = (new.closed_at is not null) and (new.status = 'closed') = (new.close_reason is not null)
        and (new.status <> 'closed' or new.call_id is null)
        and coalesce(new.close_reason, 'other') in ('customer', 'resolved', 'idle', 'spam', 'other', 'call_ended'), false)
    then
        perform support.check_failed('chat_sessions');
    end if;
    return new;
end $$;
comment on function support.check_chat() is 'Checks of chat_sessions: values, and columns that belong to a status';
create trigger check_row before insert or update of status, team_id, priority, weight, assigned_staff_id, assigned_at, entry_id, call_id, tags,
    closed_at, close_reason on support.chat_sessions for each row execute function support.check_chat();
alter table support.chat_sessions enable always trigger check_row;
create unique index chat_sessions_one_open on support.chat_sessions (customer_id) where status <> 'closed';
create index chat_sessions_customer on support.chat_sessions (customer_id, id);
create index chat_sessions_recent on support.chat_sessions (customer_id, created_at);
create index chat_sessions_served on support.chat_sessions (customer_id, assigned_staff_id);
create index chat_sessions_staff on support.chat_sessions (assigned_staff_id, id);
create index chat_sessions_load on support.chat_sessions (assigned_staff_id) where status = 'assigned';
create index chat_sessions_team on support.chat_sessions (team_id);
comment on table support.chat_sessions is 'One conversation of a customer: chat, calls, notes, files hang on it; its row lock orders everything in it';
comment on column support.chat_sessions.id is 'UUID version 7';
comment on column support.chat_sessions.customer_id is 'Whose chat';
comment on column support.chat_sessions.client_key is 'Made by the client that started it: a repeated start finds this chat';
comment on column support.chat_sessions.channel is 'chat, or voice: opened by a call';
comment on column support.chat_sessions.status is 'open (by a call, not queued by itself), queued, assigned, closed';
comment on column support.chat_sessions.language is 'Language asked for';
comment on column support.chat_sessions.site is 'Origin of the page it was started on';
comment on column support.chat_sessions.team_id is 'Team it is for; NULL: everybody';
comment on column support.chat_sessions.priority is 'Higher is served first';
comment on column support.chat_sessions.weight is 'Units of capacity it takes; 0: a voice chat in which the customer has not written';
comment on column support.chat_sessions.assigned_staff_id is 'Who serves it, or served it last';
comment on column support.chat_sessions.assigned_at is 'Since when';
comment on column support.chat_sessions.entry_id is 'Its live row in chat_queue';
comment on column support.chat_sessions.call_id is 'Its live call';
comment on column support.chat_sessions.last_seq is 'seq of the last public message';
comment on column support.chat_sessions.last_note_seq is 'note_seq of the last note';
comment on column support.chat_sessions.rev is 'Counts every change that is no message';
comment on column support.chat_sessions.tags is 'Tags by staff, sorted';
comment on column support.chat_sessions.audit_ref is 'support.customer_ref() of the customer, kept here for speed; erasure empties it';
comment on column support.chat_sessions.created_at is 'Start';
comment on column support.chat_sessions.queued_at is 'When the customer began to wait; kept when it goes back to the queue';
comment on column support.chat_sessions.first_response_at is 'First public message of staff';
comment on column support.chat_sessions.last_message_at is 'Last public message';
comment on column support.chat_sessions.closed_at is 'End';
comment on column support.chat_sessions.close_reason is 'Why it was closed';
alter table support.chat_sessions enable row level security;
alter table support.chat_sessions force row level security;
create policy customer on support.chat_sessions to supportd_app
    using (customer_id = (select support.actor_customer())) with check (customer_id = (select support.actor_customer()));
comment on policy customer on support.chat_sessions is 'A customer has the own chats';
create policy staff on support.chat_sessions to supportd_app
    using (support.chat_seen_by((select support.actor_staff_id()), id, status, assigned_staff_id, team_id))
    with check (support.chat_seen_by((select support.actor_staff_id()), id, status, assigned_staff_id, team_id));
comment on policy staff on support.chat_sessions is 'Agents: assigned or offered to them, or waiting in their team; leads: their team; supervisors: all';
create policy system on support.chat_sessions to supportd_app
    using ((select support.actor_system()) in ('router', 'monitor', 'media', 'admin'))
    with check ((select support.actor_system()) in ('router', 'monitor', 'media', 'admin'));
comment on policy system on support.chat_sessions is 'Routing, supervision of processes, calls, deactivation of staff';
create policy policy_read on support.chat_sessions for select to support_policy using (true);
comment on policy policy_read on support.chat_sessions is 'The look-ups of the policies';
create policy report on support.chat_sessions for select to support_report using (true);
comment on policy report on support.chat_sessions is 'Reports; columns that lead to a person are not granted';
grant select, insert (id, customer_id, client_key, channel, status, language, site, team_id, priority, weight, assigned_staff_id,
        assigned_at, entry_id, call_id, audit_ref, created_at, queued_at),
    update (status, team_id, priority, weight, assigned_staff_id, assigned_at, entry_id, call_id, last_seq, last_note_seq, rev, tags,
        queued_at, first_response_at, last_message_at, closed_at, close_reason) on support.chat_sessions to supportd_app;
grant select on support.chat_sessions to support_policy;
grant select (id, channel, status, language, site, team_id, priority, weight, assigned_staff_id, assigned_at, last_seq, created_at,
    queued_at, first_response_at, last_message_at, closed_at, close_reason, tags) on support.chat_sessions to support_report;

create table support.chat_messages (
    chat_id uuid not null,
    id uuid not null,
    seq bigint,
    note_seq bigint,
    kind text not null,
    customer_id uuid not null,
    sender_kind text not null,
    sender_id uuid not null,
    client_id uuid not null,
    body text not null,
    categories text[] not null default '{}',
    created_at timestamptz not null,
    remask_rev bigint,
    primary key (chat_id, id),
    foreign key (chat_id, customer_id) references support.chat_sessions (id, customer_id) on delete cascade
) partition by range (chat_id);
create function support.check_message() returns trigger language plpgsql as $$
begin
    if not coalesce(
        case new.kind when 'note' then new.seq is null and new.note_seq > 0 and new.sender_kind = 'staff'
                      when 'message' then new.note_seq is null and new.seq > 0 and new.sender_kind in ('customer', 'staff')
                      when 'system' then new.note_seq is null and new.seq > 0 and new.sender_kind = 'system' end
        and length(new.body) between 1 and 20000 and cardinality(new.categories) <= 20, false)
    then
        perform support.check_failed('chat_messages');
    end if;
    return new;
end $$;
comment on function support.check_message() is 'Checks of chat_messages: who may write what, which counter it has, sizes';
create trigger check_row before insert or update on support.chat_messages for each row execute function support.check_message();
create unique index chat_messages_seq on support.chat_messages (chat_id, seq) where seq is not null;
create unique index chat_messages_note on support.chat_messages (chat_id, note_seq) where note_seq is not null;
create unique index chat_messages_client on support.chat_messages (chat_id, sender_id, client_id);
create index chat_messages_remask on support.chat_messages (chat_id, remask_rev) where remask_rev is not null;
comment on table support.chat_messages is 'Messages and notes, masked, immutable but for masking in place; partitioned by chat id, which is ordered by time';
comment on column support.chat_messages.chat_id is 'Chat';
comment on column support.chat_messages.id is 'UUID version 7';
comment on column support.chat_messages.seq is 'Number among the public messages of the chat, without gaps';
comment on column support.chat_messages.note_seq is 'Number among the notes of the chat, without gaps';
comment on column support.chat_messages.kind is 'message, note (staff only), system (body is a code)';
comment on column support.chat_messages.customer_id is 'Customer of the chat, for the policies';
comment on column support.chat_messages.sender_kind is 'customer, staff or system';
comment on column support.chat_messages.sender_id is 'Customer or staff id; zero for system';
comment on column support.chat_messages.client_id is 'The sender''s own id: a repeat finds this row';
comment on column support.chat_messages.body is 'Masked text';
comment on column support.chat_messages.categories is 'What was masked in it';
comment on column support.chat_messages.created_at is 'When it was stored';
comment on column support.chat_messages.remask_rev is 'rev of the chat when it was masked in place; NULL: never';
alter table support.chat_messages enable row level security;
alter table support.chat_messages force row level security;
create policy customer on support.chat_messages for select to supportd_app
    using (customer_id = (select support.actor_customer()) and kind <> 'note');
comment on policy customer on support.chat_messages is 'A customer reads the own messages and answers, never notes';
create policy staff on support.chat_messages for select to supportd_app
    using (support.chat_seen((select support.actor_staff_id()), chat_id));
comment on policy staff on support.chat_messages is 'Staff read the chats they see';
create policy system on support.chat_messages for select to supportd_app
    using (sender_kind = 'system' and (select support.actor_system()) in ('router', 'media'));
comment on policy system on support.chat_messages is 'The system finds its own messages';
create policy customer_post on support.chat_messages for insert to supportd_app
    with check (customer_id = (select support.actor_customer()) and sender_id = customer_id and sender_kind = 'customer'
                and kind = 'message');
comment on policy customer_post on support.chat_messages is 'A customer writes as oneself into the own chat';
create policy staff_post on support.chat_messages for insert to supportd_app
    with check (sender_id = (select support.actor_staff_id()) and sender_kind = 'staff' and support.chat_seen(sender_id, chat_id));
comment on policy staff_post on support.chat_messages is 'Staff write as themselves into chats they see';
create policy system_post on support.chat_messages for insert to supportd_app
    with check (sender_kind = 'system' and (select support.actor_system()) in ('router', 'media'));
comment on policy system_post on support.chat_messages is 'System messages';
create policy remask on support.chat_messages for update to supportd_app
    using (sender_id = coalesce((select support.actor_customer()), (select support.actor_staff())))
    with check (sender_id = coalesce((select support.actor_customer()), (select support.actor_staff())) and remask_rev is not null);
comment on policy remask on support.chat_messages is 'The one exception to immutability: the sender''s earlier part of a split number is masked';
grant select, insert (chat_id, id, seq, note_seq, kind, customer_id, sender_kind, sender_id, client_id, body, categories, created_at),
    update (body, categories, remask_rev) on support.chat_messages to supportd_app;
create policy policy_read on support.chat_messages for select to support_policy using (true);
comment on policy policy_read on support.chat_messages is 'support.check_invariants() counts';
grant select (chat_id, seq, note_seq) on support.chat_messages to support_policy;
create policy report on support.chat_messages for select to support_report using (true);
comment on policy report on support.chat_messages is 'Reports count; the text is not granted';
grant select (chat_id, id, seq, kind, sender_kind, created_at) on support.chat_messages to support_report;

create table support.chat_messages_default partition of support.chat_messages default;
comment on table support.chat_messages_default is 'Messages of chats outside every monthly partition: nothing is refused for want of one';
alter table support.chat_messages_default enable row level security;
alter table support.chat_messages_default force row level security;

create table support.chat_participants (
    chat_id uuid not null,
    kind text not null check (kind in ('customer', 'staff')),
    participant_id uuid not null,
    customer_id uuid not null,
    delivered_seq bigint not null default 0 check (delivered_seq >= read_seq),
    read_seq bigint not null default 0 check (read_seq >= 0),
    note_read_seq bigint not null default 0 check (note_read_seq >= 0),
    joined_at timestamptz not null,
    primary key (chat_id, kind, participant_id),
    foreign key (chat_id, customer_id) references support.chat_sessions (id, customer_id) on delete cascade
) with (fillfactor = 70);
comment on table support.chat_participants is 'Who takes or took part in a chat, and how far each has got';
comment on column support.chat_participants.chat_id is 'Chat';
comment on column support.chat_participants.kind is 'customer or staff';
comment on column support.chat_participants.participant_id is 'Customer or staff id';
comment on column support.chat_participants.customer_id is 'Customer of the chat, for the policies';
comment on column support.chat_participants.delivered_seq is 'All messages up to here have reached a device';
comment on column support.chat_participants.read_seq is 'All messages up to here were shown';
comment on column support.chat_participants.note_read_seq is 'All notes up to here were shown';
comment on column support.chat_participants.joined_at is 'When it joined first';
alter table support.chat_participants enable row level security;
alter table support.chat_participants force row level security;
create policy customer on support.chat_participants to supportd_app
    using (customer_id = (select support.actor_customer()))
    with check (kind = 'customer' and participant_id = (select support.actor_customer())
                and customer_id = (select support.actor_customer()));
comment on policy customer on support.chat_participants is 'A customer sees all marks of the own chats and moves the own';
create policy staff_read on support.chat_participants for select to supportd_app
    using (support.chat_seen((select support.actor_staff_id()), chat_id));
comment on policy staff_read on support.chat_participants is 'Staff see the marks of the chats they see';
create policy staff_join on support.chat_participants for insert to supportd_app
    with check (kind = 'staff' and participant_id = (select support.actor_staff()));
comment on policy staff_join on support.chat_participants is 'Staff join as themselves';
create policy staff_mark on support.chat_participants for update to supportd_app
    using (kind = 'staff' and participant_id = (select support.actor_staff()))
    with check (kind = 'staff' and participant_id = (select support.actor_staff()));
comment on policy staff_mark on support.chat_participants is 'Staff move their own marks';
create policy policy_read on support.chat_participants for select to support_policy using (true);
comment on policy policy_read on support.chat_participants is 'support.check_invariants()';
grant select, insert (chat_id, kind, participant_id, customer_id, joined_at), update (delivered_seq, read_seq, note_read_seq)
    on support.chat_participants to supportd_app;
grant select on support.chat_participants to support_policy;
