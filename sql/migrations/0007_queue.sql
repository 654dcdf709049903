-- Processes, connections, presence, the two queues, offers.

create table support.processes (
    id uuid primary key,
    host text not null check (length(host) <= 255),
    pid int not null,
    version text not null check (length(version) <= 100),
    state text not null default 'live' check (state in ('live', 'left', 'dead')),
    started_at timestamptz not null default support.now(),
    heartbeat_at timestamptz not null default support.now()
) with (fillfactor = 50);
create index processes_live on support.processes (id) where state = 'live';
comment on table support.processes is 'Running daemons; one that stops its heartbeat is dead, and what it held is given back';
comment on column support.processes.id is 'New at each start';
comment on column support.processes.host is 'Machine';
comment on column support.processes.pid is 'Process id there';
comment on column support.processes.version is 'Version of the program';
comment on column support.processes.state is 'live, left (stopped in order), dead';
comment on column support.processes.started_at is 'Start';
comment on column support.processes.heartbeat_at is 'Last sign of life; the leases of the process are as fresh as this';
alter table support.processes enable row level security;
alter table support.processes force row level security;
create policy monitor on support.processes to supportd_app
    using ((select support.actor_system()) = 'monitor') with check ((select support.actor_system()) = 'monitor');
comment on policy monitor on support.processes is 'Registration and heartbeat';
create policy read on support.processes for select to supportd_app, support_admin
    using ((select support.actor_kind()) is not null);
comment on policy read on support.processes is 'Which processes run is no secret; routing asks who is connected';
create policy policy_read on support.processes for select to support_policy using (true);
comment on policy policy_read on support.processes is 'support.check_invariants()';
grant select, insert (id, host, pid, version), update (state, heartbeat_at) on support.processes to supportd_app;
grant select on support.processes to support_admin, support_policy;

create table support.presence_leases (
    process_id uuid not null references support.processes (id) on delete cascade,
    connection_id bigint not null,
    subject_kind text not null check (subject_kind in ('customer', 'staff')),
    subject_id uuid not null,
    added_at timestamptz not null default support.now(),
    primary key (process_id, connection_id)
);
create index presence_leases_subject on support.presence_leases (subject_id, subject_kind);
comment on table support.presence_leases is 'One row per connected client; valid as long as its process is alive';
comment on column support.presence_leases.process_id is 'Process that holds the connection';
comment on column support.presence_leases.connection_id is 'Number of the connection in that process';
comment on column support.presence_leases.subject_kind is 'customer or staff';
comment on column support.presence_leases.subject_id is 'Who is connected';
comment on column support.presence_leases.added_at is 'Since when';
alter table support.presence_leases enable row level security;
alter table support.presence_leases force row level security;
create policy monitor on support.presence_leases to supportd_app
    using ((select support.actor_system()) = 'monitor') with check ((select support.actor_system()) = 'monitor');
comment on policy monitor on support.presence_leases is 'Connections come and go';
create policy read on support.presence_leases for select to supportd_app
    using ((select support.actor_kind()) in ('system', 'staff'));
comment on policy read on support.presence_leases is 'Routing and staff see who is connected';
grant select, insert (process_id, connection_id, subject_kind, subject_id), delete on support.presence_leases to supportd_app;

create table support.staff_presence (
    staff_id uuid primary key references support.support_staff (id) on delete cascade,
    chosen text not null default 'offline' check (chosen in ('available', 'away', 'offline')),
    reason text check (length(reason) <= 60),
    misses int not null default 0 check (misses >= 0),
    wrap_until timestamptz,
    grace_until timestamptz,
    last_assigned_at timestamptz,
    changed_at timestamptz not null default support.now()
) with (fillfactor = 50);
create index staff_presence_available on support.staff_presence (staff_id) where chosen = 'available';
create index staff_presence_grace on support.staff_presence (grace_until) where grace_until is not null;
create index staff_presence_wrap on support.staff_presence (wrap_until) where wrap_until is not null;
comment on table support.staff_presence is 'What a staff member chose, and what the server keeps beside it; connected and load are derived';
comment on column support.staff_presence.staff_id is 'Who';
comment on column support.staff_presence.chosen is 'available, away or offline';
comment on column support.staff_presence.reason is 'Reason code; missed_offers: set away by the server';
comment on column support.staff_presence.misses is 'Offers missed in a row';
comment on column support.staff_presence.wrap_until is 'Offered nothing before then';
comment on column support.staff_presence.grace_until is 'Not connected: work is given back then';
comment on column support.staff_presence.last_assigned_at is 'Last accepted work: the longest idle comes first';
comment on column support.staff_presence.changed_at is 'When chosen changed';
alter table support.staff_presence enable row level security;
alter table support.staff_presence force row level security;
create policy read on support.staff_presence for select to supportd_app, support_admin
    using ((select support.actor_rank()) >= 1 or (select support.actor_system()) in ('router', 'monitor', 'media'));
comment on policy read on support.staff_presence is 'Colleagues see each other';
create policy own on support.staff_presence to supportd_app
    using (staff_id = (select support.actor_staff())) with check (staff_id = (select support.actor_staff()));
comment on policy own on support.staff_presence is 'One sets the own status';
create policy system on support.staff_presence to supportd_app, support_admin
    using ((select support.actor_system()) in ('router', 'monitor', 'media') or (select support.actor_rank()) >= 4)
    with check ((select support.actor_system()) in ('router', 'monitor', 'media') or (select support.actor_rank()) >= 4);
comment on policy system on support.staff_presence is 'Misses, grace, wrap-up, new and deactivated staff';
create policy report on support.staff_presence for select to support_report using (true);
comment on policy report on support.staff_presence is 'Reports';
grant select, insert (staff_id, chosen, reason), update (chosen, reason, misses, wrap_until, grace_until, last_assigned_at, changed_at)
    on support.staff_presence to supportd_app;
grant select, insert (staff_id) on support.staff_presence to support_admin;
grant select on support.staff_presence to support_report;

create table support.chat_queue (
    id uuid primary key,
    chat_id uuid not null,
    customer_id uuid not null,
    team_id uuid references support.teams (id) on delete restrict,
    language text,
    priority int not null default 0,
    queued_at timestamptz not null,
    state text not null default 'waiting' check (state in ('waiting', 'offered', 'assigned', 'abandoned', 'withdrawn')),
    escalation int not null default 0 check (escalation between 0 and 3),
    escalate_at timestamptz,
    declined_by uuid[] not null default '{}',
    missed_by uuid[] not null default '{}',
    staff_id uuid,
    closed_at timestamptz,
    foreign key (chat_id, customer_id) references support.chat_sessions (id, customer_id) on delete cascade,
    check ((state in ('waiting', 'offered')) = (closed_at is null)),
    check ((state in ('offered', 'assigned')) = (staff_id is not null))
) with (fillfactor = 70);
create unique index chat_queue_live on support.chat_queue (chat_id) where closed_at is null;
create index chat_queue_order on support.chat_queue (priority desc, queued_at, id) where state = 'waiting';
create index chat_queue_open_order on support.chat_queue (priority desc, queued_at, id) where closed_at is null;
create index chat_queue_deadline on support.chat_queue (escalate_at) where closed_at is null and escalate_at is not null;
create index chat_queue_chat on support.chat_queue (chat_id, customer_id);
create index chat_queue_recent on support.chat_queue (closed_at desc) where state = 'assigned';
comment on table support.chat_queue is 'Chats that wait for staff, and how each waiting ended';
comment on column support.chat_queue.id is 'UUID version 7';
comment on column support.chat_queue.chat_id is 'Which chat; at most one live entry each';
comment on column support.chat_queue.customer_id is 'Customer of the chat, for the policies';
comment on column support.chat_queue.team_id is 'Only this team; NULL: everybody';
comment on column support.chat_queue.language is 'Language asked for';
comment on column support.chat_queue.priority is 'Higher first';
comment on column support.chat_queue.queued_at is 'Age: earlier first among equal priority';
comment on column support.chat_queue.state is 'waiting, offered, assigned, abandoned (customer left), withdrawn (a call took its place)';
comment on column support.chat_queue.escalation is 'Steps of the escalation ladder taken';
comment on column support.chat_queue.escalate_at is 'Next step';
comment on column support.chat_queue.declined_by is 'Staff not to be asked again';
comment on column support.chat_queue.missed_by is 'Staff who did not answer: asked last';
comment on column support.chat_queue.staff_id is 'To whom it is offered or was assigned';
comment on column support.chat_queue.closed_at is 'End of the waiting';

create table support.call_queue (
    id uuid primary key,
    call_id uuid not null,
    chat_id uuid not null,
    customer_id uuid not null,
    team_id uuid references support.teams (id) on delete restrict,
    direct_staff_id uuid references support.support_staff (id) on delete restrict,
    language text,
    priority int not null default 0,
    queued_at timestamptz not null,
    state text not null default 'waiting' check (state in ('waiting', 'offered', 'assigned', 'abandoned', 'withdrawn')),
    escalation int not null default 0 check (escalation between 0 and 3),
    escalate_at timestamptz,
    declined_by uuid[] not null default '{}',
    missed_by uuid[] not null default '{}',
    staff_id uuid,
    closed_at timestamptz,
    foreign key (chat_id, customer_id) references support.chat_sessions (id, customer_id) on delete cascade,
    check ((state in ('waiting', 'offered')) = (closed_at is null)),
    check ((state in ('offered', 'assigned')) = (staff_id is not null))
) with (fillfactor = 70);
create unique index call_queue_live on support.call_queue (call_id) where closed_at is null;
create index call_queue_order on support.call_queue (priority desc, queued_at, id) where state = 'waiting';
create index call_queue_open_order on support.call_queue (priority desc, queued_at, id) where closed_at is null;
create index call_queue_deadline on support.call_queue (escalate_at) where closed_at is null and escalate_at is not null;
create index call_queue_chat on support.call_queue (chat_id, customer_id);
create index call_queue_recent on support.call_queue (closed_at desc) where state = 'assigned';
comment on table support.call_queue is 'Calls that wait for staff: the same mechanism as chat_queue, one order for both';
comment on column support.call_queue.id is 'UUID version 7';
comment on column support.call_queue.call_id is 'Which call; at most one live entry each';
comment on column support.call_queue.chat_id is 'Chat of the call';
comment on column support.call_queue.customer_id is 'Customer of the call, for the policies';
comment on column support.call_queue.team_id is 'Only this team; NULL: everybody';
comment on column support.call_queue.direct_staff_id is 'Agent of the chat, who is asked first';
comment on column support.call_queue.language is 'Language asked for';
comment on column support.call_queue.priority is 'Higher first';
comment on column support.call_queue.queued_at is 'Age: earlier first among equal priority';
comment on column support.call_queue.state is 'waiting, offered, assigned, abandoned (caller left), withdrawn';
comment on column support.call_queue.escalation is 'Steps of the escalation ladder taken';
comment on column support.call_queue.escalate_at is 'Next step';
comment on column support.call_queue.declined_by is 'Staff not to be asked again for this call';
comment on column support.call_queue.missed_by is 'Staff who did not answer: asked last';
comment on column support.call_queue.staff_id is 'To whom it is offered or was assigned';
comment on column support.call_queue.closed_at is 'End of the waiting';

create table support.offers (
    id uuid primary key,
    kind text not null check (kind in ('chat', 'call')),
    entry_id uuid not null,
    chat_id uuid not null,
    call_id uuid,
    customer_id uuid not null,
    staff_id uuid not null references support.support_staff (id) on delete restrict,
    weight int not null check (weight between 0 and 100),
    state text not null default 'pending' check (state in ('pending', 'accepted', 'declined', 'missed', 'withdrawn')),
    created_at timestamptz not null,
    expires_at timestamptz not null,
    closed_at timestamptz,
    why jsonb not null,
    foreign key (chat_id, customer_id) references support.chat_sessions (id, customer_id) on delete cascade,
    check ((kind = 'call') = (call_id is not null)),
    check ((state = 'pending') = (closed_at is null))
) with (fillfactor = 70);
create unique index offers_entry on support.offers (entry_id) where state = 'pending';
create index offers_staff on support.offers (staff_id) where state = 'pending';
create index offers_deadline on support.offers (expires_at) where state = 'pending';
create index offers_chat on support.offers (chat_id, created_at);
create index offers_staff_all on support.offers (staff_id, id);
comment on table support.offers is 'Work offered to an agent: a lease with a deadline, and why this agent';
comment on column support.offers.id is 'UUID version 7';
comment on column support.offers.kind is 'chat or call';
comment on column support.offers.entry_id is 'Row of chat_queue or call_queue; at most one pending offer each';
comment on column support.offers.chat_id is 'Chat';
comment on column support.offers.call_id is 'Call, if it is one';
comment on column support.offers.customer_id is 'Customer of the chat, for the policies';
comment on column support.offers.staff_id is 'To whom';
comment on column support.offers.weight is 'Units of capacity it holds beside the load that was there';
comment on column support.offers.state is 'pending, accepted, declined, missed, withdrawn';
comment on column support.offers.created_at is 'When it was made';
comment on column support.offers.expires_at is 'Missed after this';
comment on column support.offers.closed_at is 'When it was answered or taken back';
comment on column support.offers.why is 'Candidates with load and idle time, and why others were left out';

alter table support.chat_queue enable row level security;
alter table support.chat_queue force row level security;
alter table support.call_queue enable row level security;
alter table support.call_queue force row level security;
alter table support.offers enable row level security;
alter table support.offers force row level security;

create policy customer on support.chat_queue to supportd_app
    using (customer_id = (select support.actor_customer())) with check (customer_id = (select support.actor_customer()));
comment on policy customer on support.chat_queue is 'A customer enters and leaves';
create policy staff on support.chat_queue to supportd_app
    using (support.entry_seen((select support.actor_staff_id()), team_id, staff_id))
    with check (support.entry_seen((select support.actor_staff_id()), team_id, staff_id));
comment on policy staff on support.chat_queue is 'Staff have the queue of their team and of no team; supervisors all';
create policy system on support.chat_queue to supportd_app
    using ((select support.actor_system()) in ('router', 'monitor', 'media', 'admin'))
    with check ((select support.actor_system()) in ('router', 'monitor', 'media', 'admin'));
comment on policy system on support.chat_queue is 'Routing, dead processes, ended calls, deactivation of staff';
create policy policy_read on support.chat_queue for select to support_policy using (true);
comment on policy policy_read on support.chat_queue is 'support.check_invariants()';
create policy report on support.chat_queue for select to support_report using (true);
comment on policy report on support.chat_queue is 'Reports';

create policy customer on support.call_queue to supportd_app
    using (customer_id = (select support.actor_customer())) with check (customer_id = (select support.actor_customer()));
comment on policy customer on support.call_queue is 'A customer enters and leaves';
create policy staff on support.call_queue to supportd_app
    using (support.entry_seen((select support.actor_staff_id()), team_id, staff_id))
    with check (support.entry_seen((select support.actor_staff_id()), team_id, staff_id));
comment on policy staff on support.call_queue is 'Staff have the queue of their team and of no team; supervisors all';
create policy system on support.call_queue to supportd_app
    using ((select support.actor_system()) in ('router', 'monitor', 'media', 'admin'))
    with check ((select support.actor_system()) in ('router', 'monitor', 'media', 'admin'));
comment on policy system on support.call_queue is 'Routing, dead processes, ended calls, deactivation of staff';
create policy policy_read on support.call_queue for select to support_policy using (true);
comment on policy policy_read on support.call_queue is 'support.check_invariants()';
create policy report on support.call_queue for select to support_report using (true);
comment on policy report on support.call_queue is 'Reports';

create policy customer on support.offers to supportd_app
    using (customer_id = (select support.actor_customer()))
    with check (customer_id = (select support.actor_customer()) and state = 'withdrawn');
comment on policy customer on support.offers is 'A customer who leaves withdraws the offer made for that';
create policy own on support.offers to supportd_app
    using (staff_id = (select support.actor_staff())) with check (staff_id = (select support.actor_staff()));
comment on policy own on support.offers is 'Staff answer their own offers';
create policy staff_read on support.offers for select to supportd_app
    using (support.chat_seen((select support.actor_staff_id()), chat_id));
comment on policy staff_read on support.offers is 'Why a chat was offered to whom, for those who see the chat';
create policy staff_withdraw on support.offers for update to supportd_app
    using (support.chat_seen((select support.actor_staff_id()), chat_id))
    with check (state = 'withdrawn');
comment on policy staff_withdraw on support.offers is 'A colleague who picks or closes the chat withdraws the offer';
create policy system on support.offers to supportd_app
    using ((select support.actor_system()) in ('router', 'monitor', 'media', 'admin'))
    with check ((select support.actor_system()) in ('router', 'monitor', 'media', 'admin'));
comment on policy system on support.offers is 'Routing, dead processes, ended calls, deactivation of staff';
create policy policy_read on support.offers for select to support_policy using (true);
comment on policy policy_read on support.offers is 'support.check_invariants()';
create policy report on support.offers for select to support_report using (true);
comment on policy report on support.offers is 'Reports';

grant select, insert (id, chat_id, customer_id, team_id, language, priority, queued_at, escalate_at, declined_by),
    update (team_id, priority, state, escalation, escalate_at, declined_by, missed_by, staff_id, closed_at)
    on support.chat_queue to supportd_app;
grant select, insert (id, call_id, chat_id, customer_id, team_id, direct_staff_id, language, priority, queued_at, escalate_at, declined_by),
    update (team_id, direct_staff_id, priority, state, escalation, escalate_at, declined_by, missed_by, staff_id, closed_at)
    on support.call_queue to supportd_app;
grant select, insert (id, kind, entry_id, chat_id, call_id, customer_id, staff_id, weight, created_at, expires_at, why),
    update (state, closed_at) on support.offers to supportd_app;
grant select on support.chat_queue, support.call_queue, support.offers to support_policy;
grant select (id, chat_id, team_id, language, priority, queued_at, state, escalation, staff_id, closed_at) on support.chat_queue
    to support_report;
grant select (id, call_id, chat_id, team_id, language, priority, queued_at, state, escalation, staff_id, closed_at) on support.call_queue
    to support_report;
grant select (id, kind, entry_id, chat_id, call_id, staff_id, weight, state, created_at, expires_at, closed_at) on support.offers
    to support_report;

create type support.slot as (
    id uuid, capacity int, load int, idle_since timestamptz, team_id uuid, chats boolean, calls boolean, held boolean
);
comment on type support.slot is 'An agent while work is assigned; held: kept free for an older entry that does not fit yet';
create type support.waiting as (
    kind text, id uuid, chat_id uuid, call_id uuid, customer_id uuid, team_id uuid, direct uuid, priority int, queued_at timestamptz,
    declined_by uuid[], missed_by uuid[]
);
comment on type support.waiting is 'A waiting entry of either queue';
