/* table: open-addressing hash table from a 64-bit hash to a 32-bit index into an array that the caller owns.
 * The table keeps only hashes and indices (12 bytes a slot), so that one cache line decides most look-ups; the
 * caller's array holds the keys. Linear probing, at most 3/4 full, no deletion except table_clear and table_remove.
 *
 *     for (table_probe_t p = table_probe(&t, hash); table_next(&t, &p);)
 *         if (key_equal(&items[p.index], key)) return p.index;
 *     table_insert(&t, hash, new_index);
 */
#ifndef SEISMESH_BASE_TABLE_H
#define SEISMESH_BASE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
    uint64_t hash; /* 0 = empty slot */
    uint32_t index;
} __attribute__((packed, aligned(4))) table_slot_t;

typedef struct {
    table_slot_t *slots; /* NULL until the first insert */
    uint32_t mask;       /* number of slots - 1 */
    uint32_t used;
} table_t;

typedef struct {
    uint64_t hash;
    uint32_t at;
    uint32_t index; /* valid after table_next() said true */
} table_probe_t;

static inline uint64_t table_hash(uint64_t hash) {
    return hash == 0 ? 1 : hash;
}

static inline table_probe_t table_probe(const table_t *table, uint64_t hash) {
    hash = table_hash(hash);
    return (table_probe_t){.hash = hash, .at = (uint32_t)hash & table->mask};
}

/* The next index that was inserted under this hash; false when there is none left. */
static inline bool table_next(const table_t *table, table_probe_t *probe) {
    if (table->slots == NULL) return false;
    while (table->slots[probe->at].hash != 0) {
        const table_slot_t *slot = &table->slots[probe->at];
        probe->at = (probe->at + 1) & table->mask;
        if (slot->hash == probe->hash) {
            probe->index = slot->index;
            return true;
        }
    }
    return false;
}

static inline void table_prefetch(const table_t *table, uint64_t hash) {
    if (table->slots != NULL) __builtin_prefetch(&table->slots[(uint32_t)table_hash(hash) & table->mask]);
}

/* Adds an entry; does not look for an equal one. Grows by doubling. */
void table_insert(table_t *table, uint64_t hash, uint32_t index);

/* Removes the entry with this hash and index (backward-shift, no tombstones); false when absent. */
bool table_remove(table_t *table, uint64_t hash, uint32_t index);

void table_clear(table_t *table); /* keeps the memory */
void table_fini(table_t *table);

#endif
