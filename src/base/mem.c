#include "supportd/base/mem.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The only writable state of base: test instrumentation, not program state. */
static atomic_size_t live_blocks;
static atomic_size_t fail_countdown;

static bool must_fail(void)
{
    if (atomic_load_explicit(&fail_countdown, memory_order_relaxed) == 0)
        return false;
    return atomic_fetch_sub(&fail_countdown, 1) == 1;
}

static void *counted(void *ptr)
{
    if (ptr)
        atomic_fetch_add_explicit(&live_blocks, 1, memory_order_relaxed);
    return ptr;
}

void *sup_malloc(size_t size)
{
    return must_fail() ? NULL : counted(malloc(size ? size : 1));
}

void *sup_calloc(size_t count, size_t size)
{
    return must_fail() ? NULL : counted(calloc(count ? count : 1, size ? size : 1));
}

void *sup_realloc(void *ptr, size_t size)
{
    if (!ptr)
        return sup_malloc(size);
    return must_fail() ? NULL : realloc(ptr, size ? size : 1);
}

char *sup_strndup(const char *s, size_t len)
{
    char *copy = sup_malloc(len + 1);
    if (!copy)
        return NULL;
    memcpy(copy, s, len);
    copy[len] = '\0';
    return copy;
}

char *sup_strdup(const char *s)
{
    return s ? sup_strndup(s, strlen(s)) : NULL;
}

void sup_free(void *ptr)
{
    if (!ptr)
        return;
    atomic_fetch_sub_explicit(&live_blocks, 1, memory_order_relaxed);
    free(ptr);
}

void sup_wipe(void *ptr, size_t len)
{
    if (len > 0)
        explicit_bzero(ptr, len);
}

void sup_free_secret(char *secret)
{
    if (!secret)
        return;
    sup_wipe(secret, strlen(secret));
    sup_free(secret);
}

size_t sup_mem_live(void)
{
    return atomic_load(&live_blocks);
}

void sup_mem_fail_at(size_t n)
{
    atomic_store(&fail_countdown, n);
}

void sup_mem_auto_free(void *slot)
{
    void *ptr;
    memcpy(&ptr, slot, sizeof(ptr));
    sup_free(ptr);
}
