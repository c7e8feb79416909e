#include "base/table.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

static void place(table_t *table, uint64_t hash, uint32_t index) {
    uint32_t at = (uint32_t)hash & table->mask;
    while (table->slots[at].hash != 0) at = (at + 1) & table->mask;
    table->slots[at] = (table_slot_t){hash, index};
    table->used++;
}

static void grow(table_t *table) {
    table_t old = *table;
    uint32_t count = old.slots == NULL ? 16 : (old.mask + 1) * 2;
    table->slots = memory_new(count, sizeof *table->slots);
    table->mask = count - 1;
    table->used = 0;
    for (uint32_t i = 0; old.slots != NULL && i <= old.mask; i++)
        if (old.slots[i].hash != 0) place(table, old.slots[i].hash, old.slots[i].index);
    free(old.slots);
}

void table_insert(table_t *table, uint64_t hash, uint32_t index) {
    if (table->slots == NULL || (uint64_t)(table->used + 1) * 4 > (uint64_t)(table->mask + 1) * 3) grow(table);
    place(table, table_hash(hash), index);
}

bool table_remove(table_t *table, uint64_t hash, uint32_t index) {
    if (table->slots == NULL) return false;
    hash = table_hash(hash);
    uint32_t at = (uint32_t)hash & table->mask;
    while (table->slots[at].hash != hash || table->slots[at].index != index) {
        if (table->slots[at].hash == 0) return false;
        at = (at + 1) & table->mask;
    }
    /* Backward shift: pull up every later entry of the run that would become unreachable through the hole. */
    for (uint32_t next = (at + 1) & table->mask; table->slots[next].hash != 0; next = (next + 1) & table->mask) {
        uint32_t home = (uint32_t)table->slots[next].hash & table->mask;
        if (((next - home) & table->mask) >= ((next - at) & table->mask)) {
            table->slots[at] = table->slots[next];
            at = next;
        }
    }
    table->slots[at] = (table_slot_t){0, 0};
    table->used--;
    return true;
}

void table_clear(table_t *table) {
    if (table->slots != NULL) memset(table->slots, 0, ((size_t)table->mask + 1) * sizeof *table->slots);
    table->used = 0;
}

void table_fini(table_t *table) {
    free(table->slots);
    *table = (table_t){0};
}
