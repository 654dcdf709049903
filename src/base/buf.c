#include "supportd/base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "supportd/base/mem.h"

enum { BUF_MIN_CAP = 64 };

void sup_buf_init(struct sup_buf *buf, size_t max_len)
{
    *buf = (struct sup_buf){.max_len = max_len};
}

void sup_buf_fini(struct sup_buf *buf)
{
    sup_free(buf->data);
    sup_buf_init(buf, buf->max_len);
}

void sup_buf_fini_secret(struct sup_buf *buf)
{
    sup_wipe(buf->data, buf->cap);
    sup_buf_fini(buf);
}

void sup_buf_clear(struct sup_buf *buf)
{
    buf->len = 0;
    if (buf->data)
        buf->data[0] = '\0';
}

static sup_err reserve(struct sup_buf *buf, size_t more)
{
    if (more > SIZE_MAX - buf->len - 1 || (buf->max_len && buf->len + more > buf->max_len))
        return SUP_E_LIMIT;
    size_t need = buf->len + more + 1;
    if (need <= buf->cap)
        return SUP_OK;
    size_t cap = buf->cap ? buf->cap : BUF_MIN_CAP;
    while (cap < need)
        cap = cap > SIZE_MAX / 2 ? need : cap * 2;
    /* Not realloc: the old block may hold clear text, which must not stay behind in the heap. */
    char *data = sup_malloc(cap);
    if (!data)
        return SUP_E_NOMEM;
    if (buf->data) {
        memcpy(data, buf->data, buf->len);
        sup_wipe(buf->data, buf->len);
        sup_free(buf->data);
    }
    buf->data = data;
    buf->cap = cap;
    return SUP_OK;
}

sup_err sup_buf_add(struct sup_buf *buf, const void *data, size_t len)
{
    sup_err err = reserve(buf, len);
    if (err)
        return err;
    if (len > 0)
        memcpy(buf->data + buf->len, data, len);
    buf->len += len;
    buf->data[buf->len] = '\0';
    return SUP_OK;
}

sup_err sup_buf_adds(struct sup_buf *buf, const char *s)
{
    return sup_buf_add(buf, s, strlen(s));
}

sup_err sup_buf_addf(struct sup_buf *buf, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    int len = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    if (len < 0)
        return SUP_E_INVAL;
    sup_err err = reserve(buf, (size_t)len);
    if (err)
        return err;
    va_start(args, fmt);
    (void)vsnprintf(buf->data + buf->len, (size_t)len + 1, fmt, args);
    va_end(args);
    buf->len += (size_t)len;
    return SUP_OK;
}

sup_err sup_buf_add_int(struct sup_buf *buf, int64_t value)
{
    char digits[20], *p = digits + sizeof(digits);
    uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    do {
        *--p = (char)('0' + left % 10);
        left /= 10;
    } while (left > 0);
    if (value < 0)
        *--p = '-';
    return sup_buf_add(buf, p, (size_t)(digits + sizeof(digits) - p));
}

void sup_buf_drop(struct sup_buf *buf, size_t n)
{
    if (n >= buf->len) {
        sup_buf_clear(buf);
        return;
    }
    memmove(buf->data, buf->data + n, buf->len - n);
    buf->len -= n;
    buf->data[buf->len] = '\0';
}
