-- Quality of the legs of those who have a part in a call beside customer and agent.

alter table support.call_quality_samples
    add column party_id uuid references support.call_parties (id) on delete cascade,
    drop constraint call_quality_samples_leg_check,
    add check (leg in ('customer', 'agent', 'consult', 'listen', 'whisper', 'barge')),
    add check ((party_id is null) = (leg in ('customer', 'agent')));
alter table support.call_client_stats
    add column party_id uuid references support.call_parties (id) on delete cascade,
    drop constraint call_client_stats_leg_check,
    add check (leg in ('customer', 'agent', 'consult', 'listen', 'whisper', 'barge')),
    add check ((party_id is null) = (leg in ('customer', 'agent')));
create index call_quality_samples_party on support.call_quality_samples (party_id) where party_id is not null;
create index call_client_stats_party on support.call_client_stats (party_id) where party_id is not null;
comment on column support.call_quality_samples.leg is 'customer, agent, or the role of the part it is of';
comment on column support.call_quality_samples.party_id is 'Part in the call, of legs beside customer and agent';
comment on column support.call_client_stats.leg is 'customer, agent, or the role of the part it is of';
comment on column support.call_client_stats.party_id is 'Part in the call, of legs beside customer and agent';
grant insert (party_id) on support.call_quality_samples to supportd_app;
grant select (party_id) on support.call_quality_samples to support_report;
grant insert (party_id) on support.call_client_stats to supportd_app;
grant select (party_id) on support.call_client_stats to support_report;

drop policy staff on support.call_quality_samples;
create policy staff on support.call_quality_samples for select to supportd_app
    using ((select support.actor_staff()) is not null and exists (select 1 from support.voice_calls k where k.id = call_id)
           and (party_id is null or exists (select 1 from support.call_parties r where r.id = party_id)));
comment on policy staff on support.call_quality_samples is 'Staff see the figures of the calls and of the parts that they see';
drop policy staff on support.call_client_stats;
create policy staff on support.call_client_stats for select to supportd_app
    using ((select support.actor_staff()) is not null and exists (select 1 from support.voice_calls k where k.id = call_id)
           and (party_id is null or exists (select 1 from support.call_parties r where r.id = party_id)));
comment on policy staff on support.call_client_stats is 'Staff see the figures of the calls and of the parts that they see';
