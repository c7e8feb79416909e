/* agenda: what is to happen when, as a heap of four children a node: shallow, and the children share a cache line.
 * Things of the same instant happen in the order in which they were entered. */
#ifndef SEISMESH_SIMULATE_AGENDA_H
#define SEISMESH_SIMULATE_AGENDA_H

#include "base/memory.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

typedef struct {
    int64_t at_ns;
    uint32_t order; /* wraps: only ever compared within one instant */
    uint32_t what;  /* kind in the top four bits, index below */
} entry_t;

typedef struct {
    entry_t *entries;
    uint32_t count, capacity, next_order;
} agenda_t;

static inline bool agenda_before(const entry_t *a, const entry_t *b) {
    return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : (int32_t)(a->order - b->order) < 0;
}

static inline void agenda_add(agenda_t *agenda, int64_t at_ns, uint32_t what) {
    if (agenda->count == agenda->capacity) {
        agenda->capacity = agenda->capacity == 0 ? 1024 : agenda->capacity * 2;
        agenda->entries = (entry_t *)memory_resize(agenda->entries, agenda->capacity * sizeof *agenda->entries);
    }
    entry_t entry = {at_ns, agenda->next_order++, what};
    entry_t *entries = agenda->entries;
    uint32_t i = agenda->count++;
    while (i > 0 && agenda_before(&entry, &entries[(i - 1) / 4])) {
        entries[i] = entries[(i - 1) / 4];
        i = (i - 1) / 4;
    }
    entries[i] = entry;
}

/* Takes out the next one; the agenda must not be empty. */
static inline entry_t agenda_take(agenda_t *agenda) {
    entry_t *entries = agenda->entries;
    entry_t first = entries[0], last = entries[--agenda->count];
    uint32_t i = 0, count = agenda->count;
    for (;;) {
        uint32_t child = 4 * i + 1, least = child;
        if (child >= count) break;
        uint32_t end = child + 4 < count ? child + 4 : count;
        for (uint32_t c = child + 1; c < end; c++)
            if (agenda_before(&entries[c], &entries[least])) least = c;
        if (!agenda_before(&entries[least], &last)) break;
        entries[i] = entries[least];
        i = least;
    }
    entries[i] = last;
    return first;
}

static inline void agenda_fini(agenda_t *agenda) {
    free(agenda->entries);
}

#endif
