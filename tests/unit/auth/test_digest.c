#include <string.h>

#include "support/check_main.h"
#include "supportd/auth/digest.h"

/* FIPS 180-4's examples, as NIST publishes them. */
static const struct {
    const char *text, *hex;
} vectors[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

START_TEST(published_vectors)
{
    for (size_t i = 0; i < sizeof(vectors) / sizeof(vectors[0]); i++) {
        struct sup_sha256_hex hex;
        uint8_t raw[SUP_SHA256_LEN];
        size_t len = strlen(vectors[i].text);
        ck_assert_int_eq(sup_sha256_hex(vectors[i].text, len, &hex), SUP_OK);
        ck_assert_str_eq(hex.s, vectors[i].hex);
        ck_assert_int_eq(sup_sha256(vectors[i].text, len, raw), SUP_OK);
        for (size_t b = 0; b < sizeof(raw); b++) {
            char two[3] = {vectors[i].hex[2 * b], vectors[i].hex[2 * b + 1], '\0'};
            ck_assert_uint_eq(raw[b], strtoul(two, NULL, 16));
        }
    }
}
END_TEST

START_TEST(zero_bytes_count)
{
    struct sup_sha256_hex one, two;
    ck_assert_int_eq(sup_sha256_hex("a\0b", 3, &one), SUP_OK);
    ck_assert_int_eq(sup_sha256_hex("a\0c", 3, &two), SUP_OK);
    ck_assert_str_ne(one.s, two.s);
}
END_TEST

SUP_CHECK_MAIN("digest", NULL, NULL, published_vectors, zero_bytes_count)
