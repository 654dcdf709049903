-- Drops every function of the schema that no table, policy, trigger or other function stands on: the files after this one
-- make them again, so a signature may change. Those that policies stand on belong to the migrations.
do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'support'::regnamespace
          and not exists (select 1 from pg_depend d where d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid)
    loop
        execute format('drop function %s', v_function);
    end loop;
end $$;
