#include <openssl/err.h>
#include <openssl/ssl.h>

#include "net_internal.h"
#include "supportd/log/log.h"

void sup_net_tls_setup(void *ssl_ctx)
{
    SSL_CTX *ctx = ssl_ctx;
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    /* Clear text must not stay in OpenSSL's record buffers (DESIGN, Clear text). */
    (void)SSL_CTX_set_options(ctx, SSL_OP_CLEANSE_PLAINTEXT | SSL_OP_NO_RENEGOTIATION);
    (void)SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                    SSL_MODE_ENABLE_PARTIAL_WRITE);
    (void)SSL_CTX_set_num_tickets(ctx, 1);
}

static void log_errors(const char *what)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = ERR_reason_error_string(code);
    sup_log_debug("net", what, SUP_STR("reason", reason ? reason : ""));
    ERR_clear_error();
}

static bool load_into(SSL_CTX *ctx, const char *cert_file, const char *key_file)
{
    return SSL_CTX_use_certificate_chain_file(ctx, cert_file) == 1 &&
           SSL_CTX_use_PrivateKey_file(ctx, key_file, SSL_FILETYPE_PEM) == 1 &&
           SSL_CTX_check_private_key(ctx) == 1;
}

sup_err sup_net_tls_load(void *ssl_ctx, const char *cert_file, const char *key_file)
{
    /* Tried on a context of its own first: the live one must not be left with half a pair. */
    SSL_CTX *trial = SSL_CTX_new(TLS_server_method());
    if (!trial)
        return SUP_E_NOMEM;
    bool ok = load_into(trial, cert_file, key_file);
    SSL_CTX_free(trial);
    if (ok && ssl_ctx)
        ok = load_into(ssl_ctx, cert_file, key_file);
    if (!ok) {
        log_errors("certificate or key refused");
        return SUP_E_CRYPTO;
    }
    return SUP_OK;
}
