-- Short digests of the rows of a seal, so that verification can name the row that was changed.

alter table support.audit_seals add column digests bytea not null default '';
alter table support.audit_seals add constraint audit_seals_digests_check check (length(digests) in (0, 8 * row_count));
comment on column support.audit_seals.digests is 'First 8 bytes of the SHA-256 of each row''s canonical bytes, in sealing order; covered by the signature';
comment on column support.audit_seals.hash is 'SHA-256 over prev_hash and the SHA-256 of the canonical bytes of each row';
comment on column support.audit_seals.signature is 'Ed25519 over "supportd audit seal 1", a newline, seal_no (8 bytes, big-endian), hash and the SHA-256 of digests';
grant insert (digests) on support.audit_seals to supportd_app;
