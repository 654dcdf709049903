/* Unit tests of media/stun beside libnice's own STUN: it reads what we write, we read what it
 * answers. */
#include "supportd/media/stun.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <stun/stunagent.h>

#include "support/check_main.h"

static const uint16_t known[] = {STUN_ATTRIBUTE_USERNAME,           STUN_ATTRIBUTE_PRIORITY,
                                 STUN_ATTRIBUTE_ICE_CONTROLLED,     STUN_ATTRIBUTE_ICE_CONTROLLING,
                                 STUN_ATTRIBUTE_MESSAGE_INTEGRITY,  STUN_ATTRIBUTE_FINGERPRINT,
                                 STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, 0};
static StunAgent agent;
static StunMessage request;
static struct sup_stun_ping ping;
static uint8_t pkt[SUP_STUN_PING_MAX], pong[SUP_STUN_PONG_MAX];
static size_t pong_len;

static void setup(void)
{
    stun_agent_init(&agent, known, STUN_COMPATIBILITY_RFC5389,
                    STUN_AGENT_USAGE_SHORT_TERM_CREDENTIALS | STUN_AGENT_USAGE_USE_FINGERPRINT);
    ping = (struct sup_stun_ping){.local_ufrag = "ours",
                                  .remote_ufrag = "theirs1",
                                  .remote_pwd = "the password of the peer",
                                  .tie_breaker = 0x0102030405060708,
                                  .priority = 0x6e0001ff};
    sup_stun_make_id(ping.id);
}

static StunValidationStatus read_as(const char *username, const char *password, size_t len)
{
    StunDefaultValidaterData people[] = {{(uint8_t *)(uintptr_t)username, strlen(username),
                                          (uint8_t *)(uintptr_t)password, strlen(password)},
                                         {NULL, 0, NULL, 0}};
    return stun_agent_validate(&agent, &request, pkt, len, stun_agent_default_validater, people);
}

/* The answer of a peer whose password this is: libnice answers with what the request proved. */
static void make_pong(const char *password)
{
    struct sup_stun_ping asked = ping;
    asked.remote_pwd = password;
    size_t len = sup_stun_write_ping(&asked, pkt);
    ck_assert_int_eq(read_as("theirs1:ours", password, len), STUN_VALIDATION_SUCCESS);
    StunMessage answer;
    ck_assert(stun_agent_init_response(&agent, &answer, pong, sizeof(pong), &request));
    struct sockaddr_in from = {.sin_family = AF_INET, .sin_port = htons(4711)};
    struct sockaddr_storage any = {0};
    memcpy(&any, &from, sizeof(from));
    ck_assert_int_eq(stun_message_append_xor_addr(&answer, STUN_ATTRIBUTE_XOR_MAPPED_ADDRESS, &any,
                                                  sizeof(from)),
                     STUN_MESSAGE_RETURN_SUCCESS);
    pong_len = stun_agent_finish_message(&agent, &answer, NULL, 0);
    ck_assert_uint_gt(pong_len, 0);
}

static bool reads(const uint8_t *bytes, size_t len)
{
    uint8_t id[SUP_STUN_ID_LEN];
    bool read = sup_stun_read_pong(bytes, len, ping.remote_pwd, id);
    ck_assert(!read || memcmp(id, ping.id, sizeof(id)) == 0);
    return read;
}

START_TEST(a_ping_is_a_check_that_libnice_accepts)
{
    size_t len = sup_stun_write_ping(&ping, pkt);
    ck_assert_int_eq(read_as("theirs1:ours", ping.remote_pwd, len), STUN_VALIDATION_SUCCESS);
    ck_assert_int_eq(stun_message_get_class(&request), STUN_REQUEST);
    ck_assert_int_eq(stun_message_get_method(&request), STUN_BINDING);
    uint32_t priority;
    uint64_t tie_breaker;
    ck_assert_int_eq(stun_message_find32(&request, STUN_ATTRIBUTE_PRIORITY, &priority),
                     STUN_MESSAGE_RETURN_SUCCESS);
    ck_assert_uint_eq(priority, ping.priority);
    ck_assert_int_eq(stun_message_find64(&request, STUN_ATTRIBUTE_ICE_CONTROLLED, &tie_breaker),
                     STUN_MESSAGE_RETURN_SUCCESS);
    ck_assert_uint_eq(tie_breaker, ping.tie_breaker);
    ck_assert(!stun_message_has_attribute(&request, STUN_ATTRIBUTE_ICE_CONTROLLING));
    ck_assert(!stun_message_has_attribute(&request, STUN_ATTRIBUTE_USE_CANDIDATE));

    ck_assert_int_eq(read_as("theirs1:ours", "another password entirely", len),
                     STUN_VALIDATION_UNAUTHORIZED);
    pkt[30] ^= 1;
    ck_assert_int_ne(read_as("theirs1:ours", ping.remote_pwd, len), STUN_VALIDATION_SUCCESS);
}
END_TEST

START_TEST(the_role_is_told)
{
    ping.controlling = true;
    size_t len = sup_stun_write_ping(&ping, pkt);
    ck_assert_int_eq(read_as("theirs1:ours", ping.remote_pwd, len), STUN_VALIDATION_SUCCESS);
    ck_assert(stun_message_has_attribute(&request, STUN_ATTRIBUTE_ICE_CONTROLLING));
    ck_assert(!stun_message_has_attribute(&request, STUN_ATTRIBUTE_ICE_CONTROLLED));
}
END_TEST

START_TEST(the_longest_names_fit)
{
    char names[2][SUP_ICE_UFRAG_MAX + 1], pwd[SUP_ICE_PWD_MAX + 1] = "";
    char user[2 * SUP_ICE_UFRAG_MAX + 2];
    memset(names[0], 'a', SUP_ICE_UFRAG_MAX);
    memset(names[1], 'b', SUP_ICE_UFRAG_MAX);
    names[0][SUP_ICE_UFRAG_MAX] = names[1][SUP_ICE_UFRAG_MAX] = '\0';
    memset(pwd, 'p', SUP_ICE_PWD_MAX);
    ping.local_ufrag = names[0];
    ping.remote_ufrag = names[1];
    ping.remote_pwd = pwd;
    snprintf(user, sizeof(user), "%s:%s", names[1], names[0]);
    size_t len = sup_stun_write_ping(&ping, pkt);
    ck_assert_uint_eq(len, SUP_STUN_PING_MAX);
    ck_assert_int_eq(read_as(user, pwd, len), STUN_VALIDATION_SUCCESS);
}
END_TEST

START_TEST(ids_have_the_mark_and_differ)
{
    uint8_t other[SUP_STUN_ID_LEN];
    sup_stun_make_id(other);
    ck_assert_int_eq(memcmp(other, "SUPD", 4), 0);
    ck_assert_int_ne(memcmp(other, ping.id, sizeof(other)), 0);
}
END_TEST

START_TEST(an_answer_of_the_peer_is_read)
{
    make_pong(ping.remote_pwd);
    ck_assert(reads(pong, pong_len));
}
END_TEST

START_TEST(an_answer_of_a_stranger_is_not)
{
    make_pong("another password entirely");
    ck_assert(!reads(pong, pong_len));
}
END_TEST

START_TEST(no_bit_of_what_is_proved_can_be_changed)
{
    make_pong(ping.remote_pwd);
    size_t proved = pong_len - 8; /* the fingerprint behind it is for those without a password */
    for (size_t bit = 0; bit < 8 * proved; bit++) {
        uint8_t forged[SUP_STUN_PONG_MAX];
        memcpy(forged, pong, pong_len);
        forged[bit / 8] ^= (uint8_t)(1 << bit % 8);
        ck_assert_msg(!reads(forged, pong_len), "bit %zu", bit);
    }
}
END_TEST

START_TEST(what_is_cut_or_no_answer_is_refused)
{
    make_pong(ping.remote_pwd);
    for (size_t len = 0; len < pong_len; len++) {
        uint8_t *cut = malloc(len ? len : 1); /* so that the sanitizer sees a read beyond it */
        memcpy(cut, pong, len);
        ck_assert(!reads(cut, len));
        free(cut);
    }
    static const struct {
        size_t at;
        uint8_t byte;
    } changes[] = {{0, 0}, {1, 0x11}, {4, 0x22}, {8, 'T'}};
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        make_pong(ping.remote_pwd);
        pong[changes[i].at] = changes[i].byte;
        ck_assert(!reads(pong, pong_len));
    }
    size_t len = sup_stun_write_ping(&ping, pkt);
    ck_assert(!reads(pkt, len));
}
END_TEST

SUP_CHECK_MAIN("stun", setup, NULL, a_ping_is_a_check_that_libnice_accepts, the_role_is_told,
               the_longest_names_fit, ids_have_the_mark_and_differ, an_answer_of_the_peer_is_read,
               an_answer_of_a_stranger_is_not, no_bit_of_what_is_proved_can_be_changed,
               what_is_cut_or_no_answer_is_refused)
