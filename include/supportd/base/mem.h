/* Checked allocation: counts live blocks, can fail on purpose, can wipe.
 *
 * Layer:  base.
 * Thread: any; the counters are atomic. sup_mem_fail_at() is for tests on one thread.
 * Every allocation of the project goes through here, so a test can prove that it leaks nothing. */
#ifndef SUPPORTD_BASE_MEM_H
#define SUPPORTD_BASE_MEM_H
#include <stddef.h>

#include "supportd/base/err.h"

/* As in libc, but NULL also when the armed failure is due. size 0 is treated as 1. */
void *sup_malloc(size_t size) __attribute__((malloc, alloc_size(1)));
void *sup_calloc(size_t count, size_t size) __attribute__((malloc, alloc_size(1, 2)));
/* ptr may be NULL. On failure the old block stays valid. */
void *sup_realloc(void *ptr, size_t size) __attribute__((alloc_size(2)));
/* Copies len bytes and adds a NUL. NULL on failure. */
char *sup_strndup(const char *s, size_t len);
/* s NULL gives NULL. */
char *sup_strdup(const char *s);
/* NULL is a no-op. */
void sup_free(void *ptr);
/* Overwrites len bytes in a way the compiler keeps. ptr may be NULL when len is 0. */
void sup_wipe(void *ptr, size_t len);
/* sup_wipe() over a NUL-terminated string, then sup_free(). NULL is a no-op. */
void sup_free_secret(char *secret);

/* Blocks handed out and not yet freed. */
size_t sup_mem_live(void);
/* The n-th allocation from now (1: the next) fails once; 0 disarms. */
void sup_mem_fail_at(size_t n);

/* Cleanup attribute for locals: SUP_AUTO_FREE char *s = sup_strdup(...); */
void sup_mem_auto_free(void *slot);
#define SUP_AUTO_FREE __attribute__((cleanup(sup_mem_auto_free)))
#endif
