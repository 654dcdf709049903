-- The daemon executes every function but triggers; people who work in SQL those for staff, settings and audit.
do $$
declare
    v_function regprocedure;
begin
    for v_function in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'support'::regnamespace and p.prorettype <> 'trigger'::regtype
    loop
        execute format('grant execute on function %s to supportd_app', v_function);
    end loop;
    for v_function in
        select p.oid::regprocedure from pg_proc p
        where p.pronamespace = 'support'::regnamespace
          and p.proname in ('act', 'act_as', 'act_ranked', 'fail', 'role_rank', 'audit', 'setting_int', 'staff_name', 'customer_ref',
                            'do_may_manage', 'do_lock_staff', 'do_tell_person', 'staff_set_skills', 'do_keep_super_admin', 'staff_create', 'staff_set_role', 'staff_set_password', 'setting_get_all', 'setting_set', 'audit_list',
                            'audit_seals', 'audit_verify_page', 'check_invariants', 'check_failed')
    loop
        execute format('grant execute on function %s to support_admin', v_function);
    end loop;
    grant execute on function support.staff_load(uuid), support.staff_rank(uuid), support.check_invariants() to support_policy, support_report;
    grant execute on function support.staff_team(uuid), support.staff_name(uuid), support.rfc3339(timestamptz) to support_policy;
end $$;
