-- Structure: tables, forced row level security, comments, rights, and that sql/README.md tells the truth.
begin;
select plan(25);

select is((select count(*)::int from unnest(array['support_staff', 'chat_sessions', 'chat_messages', 'voice_calls', 'webrtc_signaling', 'call_queue',
    'chat_queue', 'support_activity_logs', 'support_settings']) n where to_regclass('support.' || n) is not null), 9, 'the nine tables are there by name');

create temporary view tables as
    select c.oid, c.relname, c.relrowsecurity, c.relforcerowsecurity, c.relispartition, c.relowner from pg_class c
    where c.relnamespace = 'support'::regnamespace and c.relkind in ('r', 'p');
select is((select count(*)::int from tables where not relrowsecurity or not relforcerowsecurity), 0, 'row level security is on and forced on every table and partition');
select is((select count(*)::int from tables t where not relispartition and not exists (select 1 from pg_policy p where p.polrelid = t.oid)), 0,
    'every table has policies');
select is((select count(*)::int from tables t where relispartition and exists (select 1 from pg_policy p where p.polrelid = t.oid)), 0,
    'partitions have none: only the parent lets anybody in');
select is((select count(*)::int from tables t, unnest(array['supportd_app', 'support_report', 'support_admin']) r
    where relispartition and has_table_privilege(r, t.oid, 'select,insert,update,delete,truncate')), 0, 'nobody has rights on a partition');
select is((select string_agg(t.relname || '.' || p.polname, ', ') from pg_policy p join tables t on t.oid = p.polrelid where p.polroles = '{0}'),
    'clock.everybody', 'every policy names its roles, but for the clock');
select is((select string_agg(relname, ', ') from tables t where obj_description(t.oid, 'pg_class') is null), null, 'every table has a comment');
select is((select string_agg(t.relname || '.' || a.attname, ', ') from tables t join pg_attribute a on a.attrelid = t.oid
    where not t.relispartition and a.attnum > 0 and not a.attisdropped and col_description(t.oid, a.attnum) is null), null, 'every column has a comment');
select is((select string_agg(t.relname || '.' || p.polname, ', ') from pg_policy p join tables t on t.oid = p.polrelid
    where obj_description(p.oid, 'pg_policy') is null), null, 'every policy has a comment');
select is((select string_agg(p.proname, ', ') from pg_proc p where p.pronamespace = 'support'::regnamespace and obj_description(p.oid, 'pg_proc') is null),
    null, 'every function has a comment');
select is((select string_agg(t.relname || '.' || p.polname, ', ') from pg_policy p join tables t on t.oid = p.polrelid
    where regexp_replace(concat(pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)), '\s+', ' ', 'g')
          ~ '(?<!SELECT )(?<!SELECT CASE )(support\.actor_\w+\(\)|current_setting\()'), null, 'policies read the actor in a sub-select');
select is((select count(*)::int from pg_class c where c.relowner = 'supportd_app'::regrole and c.relnamespace = 'support'::regnamespace), 0, 'the daemon owns nothing');
select is((select count(*)::int from pg_proc p where p.proowner = 'supportd_app'::regrole and p.pronamespace = 'support'::regnamespace), 0, 'no function either');
select is((select count(*)::int from pg_roles where rolname ~ '^support' and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb)), 0,
    'no role of ours is superuser or passes by the policies');
select is((select string_agg(rolname, ', ' order by rolname) from pg_roles where rolname ~ '^support' and rolcanlogin), 'supportd_app, supportd_migrate',
    'two roles may log in');
select is((select count(*)::int from pg_auth_members m where m.member = 'supportd_app'::regrole), 0, 'the daemon is a member of nothing');
select is((select string_agg(t.relname, ', ') from tables t where has_table_privilege('supportd_app', t.oid, 'truncate')), null, 'it truncates nothing');
select is((select string_agg(t.relname, ', ' order by t.relname) from tables t where has_table_privilege('supportd_app', t.oid, 'delete')),
    'presence_leases, staff_sessions, webrtc_signaling', 'and deletes from three tables');
select is((select string_agg(t.relname, ', ' order by t.relname) from tables t where has_table_privilege('supportd_app', t.oid, 'update')), null,
    'updates are granted by column');
select is((select string_agg(p.proname, ', ') from pg_proc p where p.pronamespace = 'support'::regnamespace
    and has_function_privilege('public', p.oid, 'execute')), null, 'no function is for everybody');
select is((select string_agg(p.proname, ', ') from pg_proc p where p.pronamespace = 'support'::regnamespace and p.proargnames[1] = 'p_actor'
    and p.proname not in ('act', 'act_as', 'act_customer', 'act_staff', 'act_ranked')
    and not coalesce(p.proconfig, '{}') @> array['supportd.actor=']), null, 'every function with an actor undoes it at its exit');
select is((select string_agg(p.proname, ', ') from pg_proc p where p.pronamespace = 'support'::regnamespace and p.prosecdef
    and not exists (select 1 from unnest(p.proconfig) c where c ~ '^search_path=')), null, 'definers pin the search path');
select is((select string_agg(p.proname, ', ' order by p.proname) from pg_proc p where p.pronamespace = 'support'::regnamespace and p.prosecdef
    and p.proowner = 'supportd_owner'::regrole), 'partitions_ensure', 'one function acts as the owner');

create temporary table readme (line text);
\copy readme from 'sql/README.md' with (format csv, delimiter E'\x01', quote E'\x02')
create temporary view made as
    select p.proname || '(' || coalesce((select string_agg(p.proargnames[n] || ' ' || format_type(t, null), ', ' order by n)
               from unnest(p.proargtypes::oid[]) with ordinality a (t, n)), '') || ')' as head,
           (select string_agg(p.proargnames[n] || ' ' || format_type(p.proallargtypes[n], null), ', ' order by n)
            from generate_subscripts(p.proallargtypes, 1) n where p.proargmodes[n] in ('o', 't')) as tail
    from pg_proc p where p.pronamespace = 'support'::regnamespace;
create temporary view promised_norm as
    select regexp_replace(replace(replace(replace(line, ' default ''''', ''), 'timestamptz', 'timestamp with time zone'), '"position"', 'position'), '\mint\M', 'integer', 'g') as line
    from readme where line ~ '^\| `[a-z_]+\(';
select is((select string_agg(line, E'\n') from promised_norm n
    where not exists (select 1 from made m where position('| `' || m.head || '`' in n.line) = 1)), null, 'every function of README.md is there with these arguments');
select is((select string_agg(m.head || ' gives ' || m.tail, E'\n') from promised_norm n join made m on position('| `' || m.head || '`' in n.line) = 1
    where m.tail is not null and n.line !~ '\| (\*rows\* )?as ' and n.line !~ '\*rows\* as leases_expire' and position('`' || m.tail || '`' in n.line) = 0), null,
    'and gives these columns');
select * from finish();
rollback;
