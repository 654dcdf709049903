#include "supportd/base/cidr.h"

#include <arpa/inet.h>
#include <string.h>

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/* *ret_base: where the prefix of the text's family begins, 96 for IPv4. */
static bool parse_address(const char *text, uint8_t address[16], unsigned *ret_base)
{
    memcpy(address, mapped, sizeof(mapped));
    *ret_base = 96;
    if (inet_pton(AF_INET, text, address + 12) == 1)
        return true;
    *ret_base = 0;
    return inet_pton(AF_INET6, text, address) == 1;
}

/* 0..max without sign, blanks or leading zeros. */
static bool parse_bits(const char *text, unsigned max, unsigned *ret_bits)
{
    size_t len = strlen(text);
    unsigned bits = 0;
    if (len < 1 || len > 3 || (len > 1 && text[0] == '0'))
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        bits = bits * 10 + (unsigned)(*text - '0');
    }
    *ret_bits = bits;
    return bits <= max;
}

/* Whether the first bits of a and b agree. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    if (memcmp(a, b, bits / 8) != 0)
        return false;
    unsigned rest = bits % 8;
    return rest == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0;
}

static bool is_zero_behind(const uint8_t address[16], unsigned bits)
{
    for (unsigned i = bits; i < 128; i++)
        if (address[i / 8] & (0x80u >> i % 8))
            return false;
    return true;
}

sup_err sup_cidr_parse(const char *text, struct sup_cidr *ret_cidr)
{
    char address[INET6_ADDRSTRLEN];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    struct sup_cidr cidr;
    unsigned base, bits;
    if (len >= sizeof(address))
        return SUP_E_MALFORMED;
    memcpy(address, text, len);
    address[len] = '\0';
    if (!parse_address(address, cidr.address, &base))
        return SUP_E_MALFORMED;
    bits = 128 - base;
    if (slash && !parse_bits(slash + 1, 128 - base, &bits))
        return SUP_E_MALFORMED;
    cidr.bits = (uint8_t)(base + bits);
    if (!is_zero_behind(cidr.address, cidr.bits))
        return SUP_E_MALFORMED;
    *ret_cidr = cidr;
    return SUP_OK;
}

bool sup_cidr_match(const struct sup_cidr *cidrs, size_t count, const char *ip)
{
    uint8_t address[16];
    unsigned base;
    if (!parse_address(ip, address, &base))
        return false;
    for (size_t i = 0; i < count; i++)
        if (same_prefix(cidrs[i].address, address, cidrs[i].bits))
            return true;
    return false;
}
