-- The audit trail and its seals: append-only for everybody.

create table support.support_activity_logs (
    id bigint generated always as identity primary key,
    at timestamptz not null default support.now(),
    xid xid8 not null default pg_current_xact_id(),
    actor_kind text not null,
    actor_ref text not null,
    action text not null,
    subject_kind text not null,
    subject_ref text,
    outcome text not null default 'done',
    reason text,
    request_id text,
    detail jsonb
);
-- CHECK constraints are parsed again by every statement (PostgreSQL 15: a quarter of the time of storing a message), so the three
-- tables on the way of a message hold theirs as triggers, which are compiled once and fire for the columns they look at.
create function support.check_activity() returns trigger language plpgsql as $$
begin
    if not coalesce(
        case new.actor_kind when 'staff' then length(new.actor_ref) = 36 when 'customer' then length(new.actor_ref) in (6, 64)
                            when 'system' then length(new.actor_ref) between 4 and 20 end
        and new.action ~ '^[a-z_]+(\.[a-z_]+)+$' and length(new.action) <= 60 and new.subject_kind ~ '^[a-z_]{1,30}$'
        and length(coalesce(new.subject_ref, '')) <= 100 and new.outcome in ('done', 'denied') and coalesce(new.reason, 'x') ~ '^[a-z0-9_]{1,60}$'
        and length(coalesce(new.request_id, '')) <= 64 and coalesce(pg_column_size(new.detail), 0) <= 2000, false)
    then
        perform support.check_failed('support_activity_logs');
    end if;
    return new;
end $$;
comment on function support.check_activity() is 'Checks of support_activity_logs: codes are codes, references are short';
create trigger check_row before insert on support.support_activity_logs for each row execute function support.check_activity();
alter table support.support_activity_logs enable always trigger check_row;
create index support_activity_logs_seal on support.support_activity_logs (xid, id);
comment on table support.support_activity_logs is 'One row per attempted change or protected read: ids, codes and counts, never text or names; append-only, sealed';
comment on column support.support_activity_logs.id is 'Number of the row';
comment on column support.support_activity_logs.at is 'When';
comment on column support.support_activity_logs.xid is 'Transaction that wrote it; rows are sealed in the order (xid, id) once no older transaction runs';
comment on column support.support_activity_logs.actor_kind is 'customer, staff or system';
comment on column support.support_activity_logs.actor_ref is 'Staff id, name of the system part, or support.customer_ref() of the customer';
comment on column support.support_activity_logs.action is 'What was done or tried, e.g. chat.close';
comment on column support.support_activity_logs.subject_kind is 'Kind of what it was done to';
comment on column support.support_activity_logs.subject_ref is 'Its id, or support.customer_ref() of a customer';
comment on column support.support_activity_logs.outcome is 'done or denied';
comment on column support.support_activity_logs.reason is 'Reason code';
comment on column support.support_activity_logs.request_id is 'Request that caused it';
comment on column support.support_activity_logs.detail is 'Ids, codes and counts';
create trigger append_only before update or delete or truncate on support.support_activity_logs
    for each statement execute function support.refuse_change();
alter table support.support_activity_logs enable always trigger append_only;
alter table support.support_activity_logs enable row level security;
alter table support.support_activity_logs force row level security;
create policy write on support.support_activity_logs for insert to supportd_app, support_admin
    with check (starts_with((select current_setting('supportd.actor', true)),
                            case actor_kind when 'customer' then 'customer:' else actor_kind || ':' || actor_ref end));
comment on policy write on support.support_activity_logs is 'Whoever acts writes under the own name only';
create policy read on support.support_activity_logs for select to supportd_app, support_admin
    using ((select support.actor_rank()) >= 4 or (select support.actor_system()) = 'sealer');
comment on policy read on support.support_activity_logs is 'Admins and the sealer read';
grant select, insert (at, actor_kind, actor_ref, action, subject_kind, subject_ref, outcome, reason, request_id, detail)
    on support.support_activity_logs to supportd_app, support_admin;

create table support.audit_seals (
    seal_no bigint primary key check (seal_no > 0),
    prev_hash bytea not null check (length(prev_hash) = 32),
    first_xid xid8 not null,
    first_id bigint not null,
    last_xid xid8 not null,
    last_id bigint not null,
    row_count bigint not null check (row_count > 0),
    hash bytea not null check (length(hash) = 32),
    signature bytea not null check (length(signature) between 32 and 1024),
    key_id text not null check (length(key_id) between 1 and 100),
    sealed_at timestamptz not null default support.now()
);
comment on table support.audit_seals is 'Signed hash chain over support_activity_logs; append-only; the key is never in the database';
comment on column support.audit_seals.seal_no is 'Number, without gaps';
comment on column support.audit_seals.prev_hash is 'Hash of the seal before; 32 zero bytes in the first';
comment on column support.audit_seals.first_xid is 'Transaction of the first sealed row';
comment on column support.audit_seals.first_id is 'Id of the first sealed row';
comment on column support.audit_seals.last_xid is 'Transaction of the last sealed row';
comment on column support.audit_seals.last_id is 'Id of the last sealed row';
comment on column support.audit_seals.row_count is 'Rows sealed';
comment on column support.audit_seals.hash is 'SHA-256 over prev_hash and the canonical bytes of the rows';
comment on column support.audit_seals.signature is 'Signature of the hash by the key file';
comment on column support.audit_seals.key_id is 'Name of the key';
comment on column support.audit_seals.sealed_at is 'When';
create trigger append_only before update or delete or truncate on support.audit_seals
    for each statement execute function support.refuse_change();
alter table support.audit_seals enable always trigger append_only;
alter table support.audit_seals enable row level security;
alter table support.audit_seals force row level security;
create policy sealer on support.audit_seals to supportd_app
    using ((select support.actor_system()) = 'sealer') with check ((select support.actor_system()) = 'sealer');
comment on policy sealer on support.audit_seals is 'Only the sealer appends';
create policy admin on support.audit_seals for select to supportd_app, support_admin using ((select support.actor_rank()) >= 4);
comment on policy admin on support.audit_seals is 'Admins verify';
grant select, insert (seal_no, prev_hash, first_xid, first_id, last_xid, last_id, row_count, hash, signature, key_id)
    on support.audit_seals to supportd_app;
grant select on support.audit_seals to support_admin;
