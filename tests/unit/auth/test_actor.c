#include <string.h>

#include "support/check_main.h"
#include "supportd/auth/actor.h"

static struct sup_id id_of(const char *text)
{
    struct sup_id id;
    ck_assert_int_eq(sup_id_parse(text, strlen(text), &id), SUP_OK);
    return id;
}

#define ID "01900000-0000-7000-8000-00000000abcd"

START_TEST(text_names_kind_and_id)
{
    struct sup_actor customer = sup_actor_make(SUP_ROLE_CUSTOMER, id_of(ID), "Wanja");
    ck_assert_str_eq(customer.text, "customer:" ID);
    ck_assert_str_eq(customer.name, "Wanja");
    ck_assert_str_eq(customer.language, "");
    ck_assert(!sup_actor_is_staff(&customer));
    for (int role = SUP_ROLE_AGENT; role < SUP_ROLES; role++) {
        struct sup_actor staff = sup_actor_make((enum sup_role)role, id_of(ID), NULL);
        ck_assert_str_eq(staff.text, "staff:" ID); /* the role is the database's to say */
        ck_assert_str_eq(staff.name, "");
        ck_assert_int_eq(staff.role, role);
        ck_assert(sup_actor_is_staff(&staff));
    }
}
END_TEST

START_TEST(nobody_is_no_actor)
{
    struct sup_actor nobody = sup_actor_make(SUP_ROLE_ANONYMOUS, (struct sup_id){{0}}, NULL);
    ck_assert_str_eq(nobody.text, ""); /* what every SQL function refuses */
    ck_assert(!sup_actor_is_staff(&nobody));
}
END_TEST

START_TEST(long_names_are_cut_between_characters)
{
    char name[SUP_ACTOR_NAME_MAX + 60];
    for (size_t lead = 0; lead < 4; lead++) { /* each place where the limit may fall */
        memset(name, 'a', lead);
        for (size_t at = lead; at + 3 < sizeof(name); at += 3)
            memcpy(name + at, "\xe2\x82\xac", 4); /* three bytes */
        struct sup_actor a = sup_actor_make(SUP_ROLE_CUSTOMER, id_of(ID), name);
        size_t len = strlen(a.name);
        ck_assert_uint_le(len, SUP_ACTOR_NAME_MAX);
        ck_assert_uint_gt(len, SUP_ACTOR_NAME_MAX - 3);
        ck_assert_uint_eq((len - lead) % 3, 0);
        ck_assert_int_eq(strncmp(a.name, name, len), 0);
    }
    memset(name, 'x', SUP_ACTOR_NAME_MAX);
    name[SUP_ACTOR_NAME_MAX] = '\0';
    struct sup_actor a = sup_actor_make(SUP_ROLE_CUSTOMER, id_of(ID), name);
    ck_assert_str_eq(a.name, name);
}
END_TEST

SUP_CHECK_MAIN("actor", NULL, NULL, text_names_kind_and_id, nobody_is_no_actor,
               long_names_are_cut_between_characters)
