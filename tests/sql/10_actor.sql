-- The actor pattern: who acts is stated in each call and forgotten at its end.
begin;
select plan(38);
select t.people() \g /dev/null
select t.chat('c1') \g /dev/null

select is(t.fails('chats_mine', a, 'true', null, '10'), 'SD401 no_actor', 'no actor: ' || coalesce(quote_literal(a), 'null'))
from unnest(array[null, '', 'customer:', 'customer', 'staff', 'system:', 'system:root', 'system:app', 'Customer:' || t.id('c1'), 'staff:' || t.id('nobody'), t.s('z1'),
    'customer:' || t.id('c1') || ' ', 'customer:' || t.id('c1') || 'x', ' ' || t.c('c1')]) a;
select matches(t.fails('chats_mine', 'customer:zzzzzzzz-0000-7000-8000-000000000000', 'true', null, '10'), '^(22P02|SD401)', 'an id that is no uuid is refused');

select is(t.as('', 'select count(*) from support.chat_sessions'), '0', 'with no actor nothing is visible');
select is(t.as('', format('select count(*) from support.%I', n)), '0', 'no actor sees nothing of ' || n)
from unnest(array['chat_messages', 'customers', 'support_staff', 'chat_queue', 'support_settings', 'presence_leases', 'staff_presence', 'processes',
    'support_activity_logs', 'customer_salts', 'teams']) n;

create function pg_temp.left_behind() returns text language plpgsql as $$
begin
    perform t.call('chats_mine', t.c('c1'), 'true', null, '10');
    return coalesce(current_setting('supportd.actor', true), '') || t.as(coalesce(current_setting('supportd.actor', true), ''), 'select count(*) from support.chat_sessions');
end $$;
select is(pg_temp.left_behind(), '0', 'after a call, in the same transaction, no actor is left');
select is(jsonb_array_length(t.rows('chats_mine', t.c('c1'), 'true', null, '10')), 1, 'one customer sees one chat');
select is(jsonb_array_length(t.rows('chats_mine', t.c('c2'), 'true', null, '10')), 0, 'the next call in this transaction is the next customer');
select is(t.fails('chat_receipt', t.c('c2'), t.id('kc1')::text, '1', '1', null), 'SD404 chat_not_found', 'a failed call leaves nothing either');
select is(coalesce(current_setting('supportd.actor', true), ''), '', 'nothing is set');

create function pg_temp.wrong_system() returns setof text language plpgsql as $$
declare
    v record;
begin
    for v in select * from (values ('queue_assign', array['5']), ('offers_expire', '{}'), ('queue_timeouts', '{}'), ('grace_expire', '{}')) f (name, args) loop
        return next is(t.fails(v.name, variadic array['system:monitor'] || v.args), 'SD403 denied', v.name || ' is the router''s alone');
    end loop;
end $$;
select pg_temp.wrong_system();
select is(t.fails('chat_start', t.s('a1'), t.id('k')::text, t.id('k')::text, t.id('k')::text, 'en', null, null), 'SD403 denied', 'staff start no chats');
select is(t.fails('presence_set', t.c('c1'), 'available', null, null), 'SD403 denied', 'customers have no status');
select * from finish();
rollback;
