-- Customers, and the salts that name them in the audit trail.

create table support.customers (
    id uuid primary key,
    issuer text not null check (length(issuer) <= 500),
    subject text not null check (length(subject) between 1 and 500),
    name text check (length(name) <= 200),
    email text check (length(email) <= 320),
    language text check (language ~ '^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$' and length(language) <= 35),
    created_at timestamptz not null default support.now(),
    updated_at timestamptz not null default support.now(),
    unique (issuer, subject)
);
comment on table support.customers is 'Customers as the bank login names them';
comment on column support.customers.id is 'UUID version 7';
comment on column support.customers.issuer is 'Issuer of the token';
comment on column support.customers.subject is 'Subject of the token, unique per issuer';
comment on column support.customers.name is 'Name by the token, as last seen';
comment on column support.customers.email is 'E-mail by the token, as last seen';
comment on column support.customers.language is 'Language tag (BCP 47)';
comment on column support.customers.created_at is 'First seen';
comment on column support.customers.updated_at is 'Last change of name, e-mail or language';
alter table support.customers enable row level security;
alter table support.customers force row level security;
create policy auth on support.customers to supportd_app
    using ((select support.actor_system()) = 'auth') with check ((select support.actor_system()) = 'auth');
comment on policy auth on support.customers is 'Login makes and refreshes customers';
create policy own on support.customers for select to supportd_app using (id = (select support.actor_customer()));
comment on policy own on support.customers is 'A customer sees the own row';
create policy staff on support.customers for select to supportd_app
    using (support.customer_seen((select support.actor_staff_id()), id));
comment on policy staff on support.customers is 'Staff see the customers of the chats they see';
grant select, insert (id, issuer, subject, name, email, language), update (name, email, language, updated_at)
    on support.customers to supportd_app;

create table support.customer_salts (
    customer_id uuid primary key references support.customers (id) on delete cascade,
    salt bytea not null check (length(salt) = 32),
    ref text not null unique check (ref ~ '^[0-9a-f]{64}$')
);
comment on table support.customer_salts is 'Salt per customer for the audit trail; erasure deletes the row, and the trail names nobody any more';
comment on column support.customer_salts.customer_id is 'Whose';
comment on column support.customer_salts.salt is '32 random bytes';
comment on column support.customer_salts.ref is 'HMAC-SHA-256 of the customer id under the salt, hex';
alter table support.customer_salts enable row level security;
alter table support.customer_salts force row level security;
create policy auth on support.customer_salts for all to supportd_app
    using ((select support.actor_system()) = 'auth') with check ((select support.actor_system()) = 'auth');
comment on policy auth on support.customer_salts is 'Made with the customer';
create policy policy_read on support.customer_salts for select to support_policy using (true);
comment on policy policy_read on support.customer_salts is 'support.customer_ref()';
grant select, insert (customer_id, salt, ref) on support.customer_salts to supportd_app;
grant select on support.customer_salts to support_policy;
