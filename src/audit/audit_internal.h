/* Shared inside audit: statements, the hash of a seal, signing. */
#ifndef SUPPORTD_AUDIT_INTERNAL_H
#define SUPPORTD_AUDIT_INTERNAL_H
#include "supportd/audit/audit.h"

enum {
    AUDIT_HASH_LEN = 32,
    AUDIT_DIGEST_LEN = 8,
    AUDIT_SIGNATURE_LEN = 64,
    AUDIT_ROWS_MAX = 1000,           /* of one seal that we write */
    AUDIT_CANONICAL_MAX = 16 * 1024, /* bytes of one row; the table's checks keep them far below */
};

extern const struct sup_pg_stmt audit_stmts[];
enum { AUDIT_SEAL_NEXT, AUDIT_SEAL_APPEND, AUDIT_SEALS, AUDIT_VERIFY_PAGE, AUDIT_STMT_COUNT };
#define AUDIT_ACTOR "system:sealer"

/* The hash of one seal while its rows go by. */
struct audit_hash;
SUP_MUST_CHECK sup_err audit_hash_create(struct audit_hash **ret_hash);
void audit_hash_destroy(struct audit_hash *hash); /* NULL is a no-op */
SUP_MUST_CHECK sup_err audit_hash_begin(struct audit_hash *hash,
                                        const uint8_t prev[AUDIT_HASH_LEN]);
/* Adds the row's canonical bytes; ret_digest gets its short digest. */
SUP_MUST_CHECK sup_err audit_hash_row(struct audit_hash *hash, const uint8_t *p, size_t len,
                                      uint8_t ret_digest[AUDIT_DIGEST_LEN]);
SUP_MUST_CHECK sup_err audit_hash_end(struct audit_hash *hash, uint8_t ret[AUDIT_HASH_LEN]);

SUP_MUST_CHECK sup_err audit_sign(const struct sup_audit_key *key, int64_t seal_no,
                                  const uint8_t hash[AUDIT_HASH_LEN], const uint8_t *digests,
                                  size_t digests_len, uint8_t ret_signature[AUDIT_SIGNATURE_LEN]);
/* Errors: SUP_E_DENIED (wrong signature), SUP_E_CRYPTO. */
SUP_MUST_CHECK sup_err audit_check_signature(const struct sup_audit_key *key, int64_t seal_no,
                                             const uint8_t hash[AUDIT_HASH_LEN],
                                             const uint8_t *digests, size_t digests_len,
                                             const uint8_t *signature, size_t len);
void audit_hex(const uint8_t *p, size_t len, char *ret_hex); /* 2 * len + 1 */
#endif
