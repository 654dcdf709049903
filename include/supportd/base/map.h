/* Hash map from byte keys to pointers. Keys are copied; values are borrowed.
 *
 * Layer: base. Thread: the owner's. Open addressing, keyed SipHash-free FNV-1a mixed with a seed
 * drawn at creation, so that outsiders cannot choose colliding keys. */
#ifndef SUPPORTD_BASE_MAP_H
#define SUPPORTD_BASE_MAP_H
#include <stddef.h>

#include "supportd/base/err.h"

struct sup_map; /* opaque */

/* *ret_map is owned by the caller. Errors: SUP_E_NOMEM. */
SUP_MUST_CHECK sup_err sup_map_create(struct sup_map **ret_map);
/* NULL is a no-op. Values are left alone. */
void sup_map_destroy(struct sup_map *map);

/* Sets key[len] to value (not NULL), replacing an earlier one. Errors: SUP_E_NOMEM, map unchanged.
 */
SUP_MUST_CHECK sup_err sup_map_set(struct sup_map *map, const void *key, size_t len, void *value);
/* Borrowed value, or NULL. */
void *sup_map_get(const struct sup_map *map, const void *key, size_t len);
/* The removed value, or NULL when the key was not there. */
void *sup_map_remove(struct sup_map *map, const void *key, size_t len);
size_t sup_map_count(const struct sup_map *map);

/* Iterates in no order: *pos starts at 0; NULL at the end. The map must not change meanwhile.
 * ret_key/ret_len may be NULL; the key is borrowed. */
void *sup_map_next(const struct sup_map *map, size_t *pos, const void **ret_key, size_t *ret_len);
#endif
