#include "collector/fold/locations.h"

#include "base/memory.h"

#include <stdlib.h>

static uint64_t hash_of(uint32_t service, uint32_t instance) {
    uint64_t mixed = ((uint64_t)service << 32 | instance) * UINT64_C(0x9e3779b97f4a7c15);
    return mixed ^ mixed >> 32;
}

static location_t *find(locations_t *locations, uint32_t service, uint32_t instance) {
    for (table_probe_t p = table_probe(&locations->table, hash_of(service, instance));
         table_next(&locations->table, &p);) {
        location_t *location = &locations->items[p.index];
        if (location->service == service && location->instance == instance) return location;
    }
    return NULL;
}

static void forget(locations_t *locations) {
    locations->count = 0;
    table_clear(&locations->table);
}

static void add(locations_t *locations, const location_t *location) {
    if (locations->count == LOCATIONS_MAX) forget(locations);
    if (locations->count == locations->capacity) {
        locations->capacity = locations->capacity == 0 ? 64 : locations->capacity * 2;
        locations->items = memory_resize(locations->items, locations->capacity * sizeof *locations->items);
    }
    locations->items[locations->count] = *location;
    table_insert(&locations->table, hash_of(location->service, location->instance), locations->count++);
}

void locations_fini(locations_t *locations) {
    free(locations->items);
    table_fini(&locations->table);
    *locations = (locations_t){.items = NULL};
}

uint32_t locations_zone(locations_t *locations, uint32_t service, uint32_t instance, uint32_t told) {
    if (service == NAME_NONE || instance == NAME_NONE) return told;
    location_t *known = find(locations, service, instance);
    if (told == NAME_NONE) return known == NULL ? NAME_NONE : known->zone;
    if (known != NULL)
        known->zone = told;
    else
        add(locations, &(location_t){service, instance, told});
    return told;
}

void locations_learn(locations_t *locations, const shard_t *shard) {
    forget(locations);
    for (uint32_t id = 1; id < shard->entity_count; id++) {
        const entity_key_t *key = &shard->entities[id];
        if (key->kind == ENTITY_INSTANCE && key->zone != NAME_NONE && shard->last_seen[id] != INT64_MIN)
            (void)locations_zone(locations, key->service, key->instance, key->zone);
    }
}
