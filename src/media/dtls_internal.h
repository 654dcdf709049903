/* What dtls.c and dtls_identity.c share. */
#ifndef SUPPORTD_MEDIA_DTLS_INTERNAL_H
#define SUPPORTD_MEDIA_DTLS_INTERNAL_H
#include <openssl/ssl.h>

#include "supportd/media/dtls.h"

/* Borrowed from identity. */
SSL_CTX *sup_dtls_identity_ctx(const struct sup_dtls_identity *identity);
/* NULL for an unknown hash. */
const EVP_MD *sup_dtls_hash_md(enum sup_sdp_hash hash);
/* The SSL_CTX's certificate check; finds its session by SSL_get_app_data(). */
int sup_dtls_verify_peer(X509_STORE_CTX *store, void *arg);
#endif
