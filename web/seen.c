#include "web/seen.h"

#include "base/memory.h"
#include "web/values.h"

#include <stdlib.h>

enum { MESHES_MAX = 32 }; /* of one service */

static bool add_mark(void *context, uint32_t entity, const entity_key_t *key) {
    (void)entity;
    seen_list_t *list = context;
    if (!entity_is_mark(key)) return true;
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        list->items = memory_resize(list->items, list->capacity * sizeof *list->items);
    }
    list->items[list->count++] = (seen_t){key->service, key->operation};
    return true;
}

static int by_service(const void *a, const void *b) {
    const seen_t *x = a, *y = b;
    if (x->service != y->service) return x->service < y->service ? -1 : 1;
    return (x->mesh > y->mesh) - (x->mesh < y->mesh);
}

err_t seen_load(query_t *query, uint32_t service, seen_list_t *list) {
    *list = (seen_list_t){0};
    query_filter_t filter = query_filter_any(1u << ENTITY_SERVICE);
    if (service != NAME_NONE) filter.service = service;
    err_t err = query_entities(query, &filter, add_mark, list);
    if (list->count > 0) qsort(list->items, list->count, sizeof *list->items, by_service);
    return err;
}

void seen_fini(seen_list_t *list) {
    free(list->items);
    *list = (seen_list_t){0};
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static uint32_t first_of(const seen_list_t *list, uint32_t service) {
    uint32_t low = 0, high = list->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (list->items[middle].service < service)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

json_t *seen_document(const query_t *query, const seen_list_t *list, uint32_t service) {
    const char *names[MESHES_MAX];
    uint32_t count = 0, last = NAME_NONE;
    json_t *meshes = json_array();
    for (uint32_t i = first_of(list, service); i < list->count && list->items[i].service == service; i++) {
        if (list->items[i].mesh == last || count == MESHES_MAX) continue; /* an expired entity came back */
        last = list->items[i].mesh;
        names[count++] = query_name(query, last);
    }
    if (count > 0) qsort(names, count, sizeof names[0], by_text);
    for (uint32_t i = 0; i < count; i++) json_array_append_new(meshes, value_text(slice_text(names[i])));
    return meshes;
}
