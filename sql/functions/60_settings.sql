-- Settings at run time.

create function support.setting_get_all(p_actor text)
returns table (key text, value jsonb, kind text, fallback jsonb, low bigint, high bigint, description text, updated_at timestamptz)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act(p_actor);
    return query select s.key, s.value, s.kind, s.fallback, s.low, s.high, s.description, s.updated_at from support.support_settings s order by s.key;
end $$;
comment on function support.setting_get_all(text) is 'All settings';

create function support.setting_set(p_actor text, p_key text, p_value jsonb, p_request text, out result text)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_have support.support_settings;
    v_size numeric;
begin
    perform support.act_ranked(p_actor, 4);
    select s.* into v_have from support.support_settings s where s.key = p_key for no key update;
    if not found then
        perform support.fail('SD404', 'setting_not_found');
    end if;
    v_size := case jsonb_typeof(p_value) when 'number' then (p_value #>> '{}')::numeric when 'string' then length(p_value #>> '{}') end;
    if jsonb_typeof(p_value) is distinct from (case v_have.kind when 'integer' then 'number' when 'boolean' then 'boolean' else 'string' end)
       or v_size < v_have.low or v_size > v_have.high or (p_key = 'recording.policy' and p_value #>> '{}' not in ('off', 'on_demand', 'all'))
       or (v_have.kind = 'integer' and v_size <> trunc(v_size)) then
        perform support.fail('SD400', 'bad_argument');
    end if;
    result := 'same';
    if v_have.value <> p_value then
        update support.support_settings s set value = p_value, updated_at = support.now(), updated_by = p_actor where s.key = p_key;
        perform support.audit('setting.set', 'setting', p_key, p_request);
        perform pg_notify('supportd_settings', p_key);
        result := 'ok';
    end if;
end $$;
comment on function support.setting_set(text, text, jsonb, text) is 'Changes a setting and tells all processes';
