#include "supportd/base/id.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "supportd/base/clock.h"

void sup_random(void *ret_bytes, size_t len)
{
    uint8_t *p = ret_bytes;
    while (len > 0) {
        ssize_t n = getrandom(p, len, 0);
        if (n <= 0)
            abort();
        p += n;
        len -= (size_t)n;
    }
}

struct sup_id sup_id_new(void)
{
    /* RFC 9562 6.2 method 1: a counter in rand_a, reseeded each millisecond, keeps the order. */
    static uint64_t last_ms;
    static uint16_t counter;
    struct sup_id id;
    sup_random(id.bytes, sizeof(id.bytes));
    uint64_t ms = (uint64_t)(sup_clock_wall_us() / 1000);
    if (ms > last_ms) {
        last_ms = ms;
        counter = (uint16_t)((id.bytes[6] << 8 | id.bytes[7]) & 0x7ff);
    } else if (++counter > 0xfff) {
        last_ms++;
        counter = 0;
    }
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(last_ms >> (40 - 8 * i));
    id.bytes[6] = (uint8_t)(0x70 | counter >> 8);
    id.bytes[7] = (uint8_t)counter;
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    return id;
}

struct sup_id_text sup_id_text(struct sup_id id)
{
    static const char hex[] = "0123456789abcdef";
    struct sup_id_text text;
    char *p = text.s;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[id.bytes[i] >> 4];
        *p++ = hex[id.bytes[i] & 15];
    }
    *p = '\0';
    return text;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

sup_err sup_id_parse(const char *text, size_t len, struct sup_id *ret_id)
{
    if (len != SUP_ID_TEXT_LEN)
        return SUP_E_MALFORMED;
    struct sup_id id;
    size_t pos = 0;
    for (int i = 0; i < 16; i++) {
        if ((i == 4 || i == 6 || i == 8 || i == 10) && text[pos++] != '-')
            return SUP_E_MALFORMED;
        int hi = hex_digit(text[pos]), lo = hex_digit(text[pos + 1]);
        if (hi < 0 || lo < 0)
            return SUP_E_MALFORMED;
        id.bytes[i] = (uint8_t)(hi << 4 | lo);
        pos += 2;
    }
    *ret_id = id;
    return SUP_OK;
}

bool sup_id_equal(struct sup_id a, struct sup_id b)
{
    return memcmp(a.bytes, b.bytes, sizeof(a.bytes)) == 0;
}

bool sup_id_is_zero(struct sup_id id)
{
    return sup_id_equal(id, (struct sup_id){{0}});
}
