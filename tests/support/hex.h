/* Hex text to bytes, for vectors in tests. */
#ifndef SUPPORTD_TESTS_HEX_H
#define SUPPORTD_TESTS_HEX_H
#include <stddef.h>
#include <stdint.h>

static inline int sup_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Reads digit pairs up to the first other character or cap bytes; returns the number of bytes. */
static inline size_t sup_hex_read(const char *hex, uint8_t *ret, size_t cap)
{
    size_t n = 0;
    while (n < cap && sup_hex_digit(hex[0]) >= 0 && sup_hex_digit(hex[1]) >= 0) {
        ret[n++] = (uint8_t)(sup_hex_digit(hex[0]) << 4 | sup_hex_digit(hex[1]));
        hex += 2;
    }
    return n;
}
#endif
