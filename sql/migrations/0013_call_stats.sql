-- What the clients of a call measure themselves, beside our own samples; more in ours.

alter table support.call_quality_samples
    add column residual_loss real check (residual_loss between 0 and 100),
    add column burst_ratio real check (burst_ratio >= 1),
    add column late int not null default 0 check (late >= 0);
comment on column support.call_quality_samples.residual_loss is 'Loss that is left after in-band FEC, with what came too late, percent; NULL: not known';
comment on column support.call_quality_samples.burst_ratio is 'Burst ratio of the losses (1: independent); NULL: nothing judged, or direction out';
comment on column support.call_quality_samples.late is 'Packets that came after their time';
comment on column support.call_quality_samples.at is 'End of the second, to the millisecond';
grant insert (residual_loss, burst_ratio, late) on support.call_quality_samples to supportd_app;
grant select (residual_loss, burst_ratio, late) on support.call_quality_samples to support_report;
drop policy customer on support.call_quality_samples;
create policy customer on support.call_quality_samples for select to supportd_app
    using (customer_id = (select support.actor_customer()) and leg = 'customer');
comment on policy customer on support.call_quality_samples is 'A customer sees the figures of the own leg';

create table support.call_client_stats (
    call_id uuid not null,
    leg text not null check (leg in ('customer', 'agent')),
    at timestamptz not null,
    customer_id uuid not null,
    interval_ms int not null check (interval_ms > 0),
    received int not null check (received >= 0),
    lost int not null,
    discarded int check (discarded >= 0),
    samples int check (samples >= 0),
    concealed int check (concealed >= 0),
    silent_concealed int check (silent_concealed >= 0),
    sent int check (sent >= 0),
    jitter_us int check (jitter_us >= 0),
    buffer_us int check (buffer_us >= 0),
    rtt_us int check (rtt_us >= 0),
    level_db real check (level_db between -127 and 0),
    mic_db real check (mic_db between -127 and 0),
    path text check (path in ('host', 'srflx', 'prflx', 'relay')),
    primary key (call_id, at, leg),
    foreign key (call_id, customer_id) references support.voice_calls (id, customer_id) on delete cascade
);
comment on table support.call_client_stats is 'Quality as the client of a leg measures it (getStats): one row per leg and report, about 5 s; counts are of the interval; NULL: the client does not tell';
comment on column support.call_client_stats.call_id is 'Call';
comment on column support.call_client_stats.leg is 'customer or agent';
comment on column support.call_client_stats.at is 'When the report came, to the millisecond';
comment on column support.call_client_stats.customer_id is 'Caller, for the policies';
comment on column support.call_client_stats.interval_ms is 'Time since the report before';
comment on column support.call_client_stats.received is 'Packets received';
comment on column support.call_client_stats.lost is 'Packets lost; below 0 when late ones came that had counted as lost';
comment on column support.call_client_stats.discarded is 'Packets that came too late or too early to be played';
comment on column support.call_client_stats.samples is 'Audio samples played, concealed ones included';
comment on column support.call_client_stats.concealed is 'Samples that were made up for missing ones';
comment on column support.call_client_stats.silent_concealed is 'Of these, those that were silence';
comment on column support.call_client_stats.sent is 'Packets sent';
comment on column support.call_client_stats.jitter_us is 'Interarrival jitter, microseconds';
comment on column support.call_client_stats.buffer_us is 'Mean time in the jitter buffer, microseconds';
comment on column support.call_client_stats.rtt_us is 'Round trip, microseconds';
comment on column support.call_client_stats.level_db is 'Level of what is heard, dBov';
comment on column support.call_client_stats.mic_db is 'Level of the microphone, dBov';
comment on column support.call_client_stats.path is 'Type of the local candidate of the selected pair';
alter table support.call_client_stats enable row level security;
alter table support.call_client_stats force row level security;
create policy customer on support.call_client_stats for select to supportd_app
    using (customer_id = (select support.actor_customer()) and leg = 'customer');
comment on policy customer on support.call_client_stats is 'A customer sees the figures of the own leg';
create policy staff on support.call_client_stats for select to supportd_app
    using ((select support.actor_staff()) is not null and exists (select 1 from support.voice_calls k where k.id = call_id));
comment on policy staff on support.call_client_stats is 'Staff see the figures of the calls they see';
create policy media on support.call_client_stats to supportd_app
    using ((select support.actor_system()) = 'media') with check ((select support.actor_system()) = 'media');
comment on policy media on support.call_client_stats is 'The media side writes';
create policy report on support.call_client_stats for select to support_report using (true);
comment on policy report on support.call_client_stats is 'Reports';
grant select, insert (call_id, leg, at, customer_id, interval_ms, received, lost, discarded, samples, concealed, silent_concealed, sent, jitter_us,
        buffer_us, rtt_us, level_db, mic_db, path) on support.call_client_stats to supportd_app;
grant select (call_id, leg, at, interval_ms, received, lost, discarded, samples, concealed, silent_concealed, sent, jitter_us, buffer_us, rtt_us,
        level_db, mic_db, path) on support.call_client_stats to support_report;
