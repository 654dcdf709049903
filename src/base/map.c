#include "supportd/base/map.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "supportd/base/mem.h"

enum { MAP_MIN_SLOTS = 16 };

struct slot {
    char *key; /* NULL: never used, or TOMBSTONE */
    size_t len;
    uint64_t hash;
    void *value; /* NULL with key NULL and hash 1: a removed entry, probing goes on */
};

struct sup_map {
    struct slot *slots; /* slot_count entries, a power of two */
    size_t slot_count;
    size_t used;    /* live entries */
    size_t touched; /* live entries and tombstones */
    uint64_t seed;
};

static uint64_t hash_bytes(uint64_t seed, const void *key, size_t len)
{
    const uint8_t *p = key;
    uint64_t h = seed ^ 0xcbf29ce484222325u;
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * 0x100000001b3u;
    h ^= h >> 32;
    h *= 0xd6e8feb86659fd93u ^ seed;
    h ^= h >> 32;
    return h | 2u; /* 0 and 1 mark free slots and tombstones */
}

static struct slot *find(const struct sup_map *map, const void *key, size_t len, uint64_t hash)
{
    for (size_t i = hash & (map->slot_count - 1);; i = (i + 1) & (map->slot_count - 1)) {
        struct slot *s = &map->slots[i];
        if (s->hash == 0)
            return NULL;
        if (s->hash == hash && s->len == len && memcmp(s->key, key, len) == 0)
            return s;
    }
}

static struct slot *free_slot(struct slot *slots, size_t count, uint64_t hash)
{
    size_t i = hash & (count - 1);
    while (slots[i].hash > 1)
        i = (i + 1) & (count - 1);
    return &slots[i];
}

static sup_err resize(struct sup_map *map, size_t count)
{
    struct slot *slots = sup_calloc(count, sizeof(*slots));
    if (!slots)
        return SUP_E_NOMEM;
    for (size_t i = 0; i < map->slot_count; i++)
        if (map->slots[i].hash > 1)
            *free_slot(slots, count, map->slots[i].hash) = map->slots[i];
    sup_free(map->slots);
    map->slots = slots;
    map->slot_count = count;
    map->touched = map->used;
    return SUP_OK;
}

sup_err sup_map_create(struct sup_map **ret_map)
{
    struct sup_map *map = sup_calloc(1, sizeof(*map));
    if (!map)
        return SUP_E_NOMEM;
    if (getrandom(&map->seed, sizeof(map->seed), 0) != sizeof(map->seed))
        map->seed = (uint64_t)(uintptr_t)map;
    sup_err err = resize(map, MAP_MIN_SLOTS);
    if (err) {
        sup_free(map);
        return err;
    }
    *ret_map = map;
    return SUP_OK;
}

void sup_map_destroy(struct sup_map *map)
{
    if (!map)
        return;
    for (size_t i = 0; i < map->slot_count; i++)
        sup_free(map->slots[i].key);
    sup_free(map->slots);
    sup_free(map);
}

sup_err sup_map_set(struct sup_map *map, const void *key, size_t len, void *value)
{
    uint64_t hash = hash_bytes(map->seed, key, len);
    struct slot *s = find(map, key, len, hash);
    if (s) {
        s->value = value;
        return SUP_OK;
    }
    if ((map->touched + 1) * 4 > map->slot_count * 3) {
        sup_err err =
            resize(map, map->used * 2 >= map->slot_count ? map->slot_count * 2 : map->slot_count);
        if (err)
            return err;
    }
    char *copy = sup_strndup(key, len);
    if (!copy)
        return SUP_E_NOMEM;
    s = free_slot(map->slots, map->slot_count, hash);
    if (s->hash == 0)
        map->touched++;
    *s = (struct slot){copy, len, hash, value};
    map->used++;
    return SUP_OK;
}

void *sup_map_get(const struct sup_map *map, const void *key, size_t len)
{
    struct slot *s = find(map, key, len, hash_bytes(map->seed, key, len));
    return s ? s->value : NULL;
}

void *sup_map_remove(struct sup_map *map, const void *key, size_t len)
{
    struct slot *s = find(map, key, len, hash_bytes(map->seed, key, len));
    if (!s)
        return NULL;
    void *value = s->value;
    sup_free(s->key);
    *s = (struct slot){.hash = 1};
    map->used--;
    return value;
}

size_t sup_map_count(const struct sup_map *map)
{
    return map->used;
}

void *sup_map_next(const struct sup_map *map, size_t *pos, const void **ret_key, size_t *ret_len)
{
    while (*pos < map->slot_count) {
        const struct slot *s = &map->slots[(*pos)++];
        if (s->hash <= 1)
            continue;
        if (ret_key)
            *ret_key = s->key;
        if (ret_len)
            *ret_len = s->len;
        return s->value;
    }
    return NULL;
}
