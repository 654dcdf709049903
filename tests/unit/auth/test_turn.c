#include "support/check_main.h"
#include "supportd/auth/turn.h"

/* The password was computed with: printf '1795450680:wanja' | openssl dgst -sha1 -hmac north
 * -binary | base64. */
START_TEST(credential_is_the_keyed_hash_of_the_user_name)
{
    struct sup_turn_credential c;
    ck_assert_int_eq(sup_turn_credential("north", 1795450680, "wanja", &c), SUP_OK);
    ck_assert_str_eq(c.username, "1795450680:wanja");
    ck_assert_str_eq(c.password, "VF/RQ3i8k3PDYCTjTsleOhxUCJw=");
    char name[100] = {0};
    for (int i = 0; i < 90; i++)
        name[i] = 'a';
    ck_assert_int_eq(sup_turn_credential("north", 1795450680, name, &c), SUP_E_LIMIT);
    ck_assert_str_eq(c.username, "1795450680:wanja");
}
END_TEST

SUP_CHECK_MAIN("turn", NULL, NULL, credential_is_the_keyed_hash_of_the_user_name)
