#include "supportd/call/hears.h"

#include <string.h>

#include "support/check_main.h"

enum { C, A, K, L, W, B }; /* the roles, in order */

/* hears[listener] names the speakers, '-' for nobody. */
static void check(bool held, enum sup_call_talk talk, const char *const hears[SUP_CALL_ROLES])
{
    static const char names[] = "CAKLWB";
    struct sup_call_situation s = {held, talk};
    for (int l = 0; l < SUP_CALL_ROLES; l++) {
        char got[SUP_CALL_ROLES + 1] = "";
        size_t n = 0;
        for (int k = 0; k < SUP_CALL_ROLES; k++)
            if (l != k && sup_call_hears((enum sup_call_role)l, (enum sup_call_role)k, &s))
                got[n++] = names[k];
        got[n] = '\0';
        ck_assert_msg(strcmp(n ? got : "-", hears[l]) == 0, "%c hears %s, not %s", names[l], got,
                      hears[l]);
    }
}

START_TEST(all_talk)
{
    check(false, SUP_CALL_TALK_ALL,
          (const char *const[]){
              [C] = "AKB", [A] = "CKWB", [K] = "CAB", [L] = "CAKB", [W] = "CAKB", [B] = "CAK"});
}
END_TEST

START_TEST(agent_and_colleague_talk)
{
    check(false, SUP_CALL_TALK_COLLEAGUE,
          (const char *const[]){
              [C] = "-", [A] = "KWB", [K] = "AB", [L] = "AKB", [W] = "AKB", [B] = "AK"});
}
END_TEST

START_TEST(agent_and_customer_talk)
{
    check(false, SUP_CALL_TALK_CUSTOMER,
          (const char *const[]){
              [C] = "AB", [A] = "CWB", [K] = "-", [L] = "CAB", [W] = "CAB", [B] = "CA"});
}
END_TEST

START_TEST(customer_on_hold_neither_hears_nor_is_heard)
{
    check(true, SUP_CALL_TALK_ALL,
          (const char *const[]){
              [C] = "-", [A] = "KWB", [K] = "AB", [L] = "AKB", [W] = "AKB", [B] = "AK"});
}
END_TEST

SUP_CHECK_MAIN("hears", NULL, NULL, all_talk, agent_and_colleague_talk, agent_and_customer_talk,
               customer_on_hold_neither_hears_nor_is_heard)
