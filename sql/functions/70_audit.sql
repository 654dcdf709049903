-- The audit trail: denied attempts, reading, seals.

create function support.audit_denied(p_actor text, p_action text, p_subject_kind text, p_subject uuid, p_reason text, p_request text, out result text)
language plpgsql set supportd.actor = '' as $$
begin
    perform support.act(p_actor);
    perform support.audit(p_action, coalesce(p_subject_kind, 'none'), case p_subject_kind when 'customer' then support.customer_ref(p_subject) else p_subject::text end,
                          p_request, p_reason, null, 'denied');
    result := 'ok';
end $$;
comment on function support.audit_denied(text, text, text, uuid, text, text) is 'A refused attempt';

create function support.audit_list(p_actor text, p_before bigint, p_limit int)
returns table (id bigint, at timestamptz, actor_kind text, actor_ref text, action text, subject_kind text, subject_ref text, outcome text,
               reason text, request_id text, detail jsonb)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    perform support.act_ranked(p_actor, 4);
    perform support.audit('audit.read', 'audit', null);
    return query
        select l.id, l.at, l.actor_kind, l.actor_ref, l.action, l.subject_kind, l.subject_ref, l.outcome, l.reason, l.request_id, l.detail
        from support.support_activity_logs l where l.id < coalesce(p_before, 9223372036854775807)
        order by l.id desc limit least(greatest(coalesce(p_limit, 100), 1), 1000);
end $$;
comment on function support.audit_list(text, bigint, int) is 'The newest rows of the trail, for admins';

create function support.audit_canonical(p_row support.support_activity_logs) returns bytea language sql stable
return convert_to(jsonb_build_array((p_row).id, (p_row).xid::text::bigint, (extract(epoch from (p_row).at) * 1000000)::bigint, (p_row).actor_kind,
    (p_row).actor_ref, (p_row).action, (p_row).subject_kind, (p_row).subject_ref, (p_row).outcome, (p_row).reason, (p_row).request_id,
    (p_row).detail)::text, 'UTF8');
comment on function support.audit_canonical(support.support_activity_logs) is 'The bytes of a row that a seal covers';

create function support.audit_seal_next(p_actor text, p_limit int)
returns table (seal_no bigint, prev_hash bytea, xid bigint, id bigint, canonical bytea)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_last support.audit_seals;
    v_no bigint;
    v_prev bytea;
    v_xid xid8;
    v_id bigint;
    v_before xid8 := pg_snapshot_xmin(pg_current_snapshot());
begin
    perform support.act_as(p_actor, 'system:sealer');
    select s.* into v_last from support.audit_seals s order by s.seal_no desc limit 1;
    v_no := coalesce(v_last.seal_no, 0) + 1;
    v_prev := coalesce(v_last.hash, decode(repeat('00', 32), 'hex'));
    v_xid := coalesce(v_last.last_xid, '0'::xid8);
    v_id := coalesce(v_last.last_id, 0);
    if v_xid > pg_snapshot_xmax(pg_current_snapshot()) then
        perform support.fail('SD409', 'audit_epoch');
    end if;
    return query
        select v_no, v_prev, l.xid::text::bigint, l.id, support.audit_canonical(l)
        from support.support_activity_logs l
        where (l.xid, l.id) > (v_xid, v_id) and l.xid < v_before
        order by l.xid, l.id limit least(greatest(coalesce(p_limit, 1000), 1), 10000);
end $$;
comment on function support.audit_seal_next(text, int) is 'Rows that no running transaction can precede any more, in sealing order';

create function support.audit_seal_append(
    p_actor text, p_seal_no bigint, p_prev_hash bytea, p_first_xid bigint, p_first_id bigint, p_last_xid bigint, p_last_id bigint, p_count bigint,
    p_hash bytea, p_signature bytea, p_key_id text, p_digests bytea default '', out result text)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
declare
    v_last support.audit_seals;
    v_count bigint;
begin
    perform support.act_as(p_actor, 'system:sealer');
    perform pg_advisory_xact_lock(7305, 2);
    select s.* into v_last from support.audit_seals s order by s.seal_no desc limit 1;
    v_count := (select count(*) from support.support_activity_logs l
                where (l.xid, l.id) > (coalesce(v_last.last_xid, '0'), coalesce(v_last.last_id, 0))
                  and (l.xid, l.id) <= (p_last_xid::text::xid8, p_last_id)
                  and l.xid < pg_snapshot_xmin(pg_current_snapshot()));
    if p_seal_no <> coalesce(v_last.seal_no, 0) + 1 or p_prev_hash <> coalesce(v_last.hash, decode(repeat('00', 32), 'hex')) or v_count <> p_count then
        result := 'stale';
        return;
    end if;
    insert into support.audit_seals (seal_no, prev_hash, first_xid, first_id, last_xid, last_id, row_count, hash, signature, key_id, digests)
    values (p_seal_no, p_prev_hash, p_first_xid::text::xid8, p_first_id, p_last_xid::text::xid8, p_last_id, p_count, p_hash, p_signature, p_key_id,
            p_digests);
    result := 'ok';
end $$;
comment on function support.audit_seal_append(text, bigint, bytea, bigint, bigint, bigint, bigint, bigint, bytea, bytea, text, bytea)
    is 'Appends a seal when it follows the last one and counts every row';

create function support.audit_seals(p_actor text, p_after bigint, p_limit int)
returns table (seal_no bigint, prev_hash bytea, first_xid bigint, first_id bigint, last_xid bigint, last_id bigint, row_count bigint, hash bytea,
               signature bytea, key_id text, sealed_at timestamptz, digests bytea)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    if support.act(p_actor) < 4 and p_actor <> 'system:sealer' then
        perform support.fail('SD403', 'denied');
    end if;
    return query
        select s.seal_no, s.prev_hash, s.first_xid::text::bigint, s.first_id, s.last_xid::text::bigint, s.last_id, s.row_count, s.hash, s.signature,
               s.key_id, s.sealed_at, s.digests
        from support.audit_seals s where s.seal_no > coalesce(p_after, 0) order by s.seal_no limit least(greatest(coalesce(p_limit, 100), 1), 1000);
end $$;
comment on function support.audit_seals(text, bigint, int) is 'Seals, for verification';

create function support.audit_verify_page(p_actor text, p_after_xid bigint, p_after_id bigint, p_last_xid bigint, p_last_id bigint, p_limit int)
returns table (xid bigint, id bigint, canonical bytea)
language plpgsql set supportd.actor = '' as $$
#variable_conflict use_column
begin
    if support.act(p_actor) < 4 and p_actor <> 'system:sealer' then
        perform support.fail('SD403', 'denied');
    end if;
    return query
        select l.xid::text::bigint, l.id, support.audit_canonical(l)
        from support.support_activity_logs l
        where (l.xid, l.id) > (p_after_xid::text::xid8, p_after_id) and (l.xid, l.id) <= (p_last_xid::text::xid8, p_last_id)
        order by l.xid, l.id limit least(greatest(coalesce(p_limit, 1000), 1), 10000);
end $$;
comment on function support.audit_verify_page(text, bigint, bigint, bigint, bigint, int) is 'Rows of a seal, in sealing order';
