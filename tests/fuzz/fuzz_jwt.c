/* Tokens and key files. First byte of the input: 0: the rest is a token as it comes; 1: header and
 * payload, split at the first zero byte, signed rightly here (HS256), so that claims are reached;
 * 2: a JWKS file. */
#include <assert.h>
#include <sys/mman.h>
#include <unistd.h>

#include "support/jwt_maker.h"
#include "supportd/auth/jwt.h"
#include "supportd/base/json.h"
#include "supportd/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char jwks[] =
    "{\"keys\":[{\"kty\":\"EC\",\"kid\":\"ec\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMz"
    "V76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"},{\"kty\":\"OKP\","
    "\"kid\":\"ed\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}]}";

static struct sup_jwt *create(const char *text, size_t len)
{
    char path[32];
    struct sup_jwt *jwt = NULL;
    int fd = memfd_create("jwks", 0);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    struct sup_jwt_opts opts = {.secret = TOKEN_SECRET,
                                .jwks_file = path,
                                .issuer = "i",
                                .audience = "a",
                                .clock_skew_us = 1000000,
                                .claim_name = "name",
                                .claim_email = "email",
                                .claim_language = "locale"};
    if (fd < 0 || write(fd, text, len) != (ssize_t)len || sup_jwt_create(&opts, &jwt, NULL))
        jwt = NULL;
    if (fd >= 0)
        close(fd);
    return jwt;
}

static void verify(struct sup_jwt *jwt, const char *token, size_t len, bool forged)
{
    struct sup_identity who;
    enum sup_jwt_reason reason = SUP_JWT_REASONS;
    sup_err err = sup_jwt_verify(jwt, token, len, 1000000000, &who, &reason);
    assert(reason < SUP_JWT_REASONS && (err == SUP_OK) == (reason == SUP_JWT_OK));
    assert(err == SUP_E_DENIED || (!forged && *who.subject && who.expires_us > 999000000));
    if (!err)
        assert(memchr(who.name, '\0', sizeof(who.name)) && !strchr(who.name, '\n'));
}

static void verify_signed(struct sup_jwt *jwt, const uint8_t *data, size_t size)
{
    static char token[TOKEN_SIZE];
    char *text = calloc(1, size + 2); /* two strings even without a zero byte */
    assert(text);
    memcpy(text, data, size);
    const char *payload = text + strlen(text) + 1;
    if (payload > text + size)
        payload = text + size;
    token_hs256(token, text, payload, TOKEN_SECRET, 32);
    verify(jwt, token, strlen(token), false);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct sup_jwt *jwt;
    if (!jwt) {
        sup_json_setup();
        jwt = create(jwks, sizeof(jwks) - 1);
        assert(jwt);
    }
    if (size < 1 || size > 10000)
        return 0;
    size_t live = sup_mem_live();
    if (data[0] % 3 == 0)
        verify(jwt, (const char *)data + 1, size - 1, true);
    else if (data[0] % 3 == 1)
        verify_signed(jwt, data + 1, size - 1);
    else
        sup_jwt_destroy(create((const char *)data + 1, size - 1));
    assert(sup_mem_live() == live);
    return 0;
}
