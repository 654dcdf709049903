-- Drops every function of the schema that no table, policy or trigger stands on: the files after this one make them again, so a
-- signature may change. Those that policies stand on belong to the migrations.
do $$
declare
    v_function regprocedure;
    v_more boolean := true;
begin
    while v_more loop -- again for those that only a dropped one stood on
        v_more := false;
        for v_function in
            select p.oid::regprocedure from pg_proc p
            where p.pronamespace = 'support'::regnamespace
              and not exists (select 1 from pg_depend d where d.refclassid = 'pg_proc'::regclass and d.refobjid = p.oid)
        loop
            execute format('drop function %s', v_function);
            v_more := true;
        end loop;
    end loop;
end $$;
