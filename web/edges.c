#define _GNU_SOURCE /* qsort_r */
#include "web/edges.h"

#include "base/memory.h"
#include "web/values.h"

#include <stdio.h>
#include <stdlib.h>

/* Parts come ordered by callee and caller, so an edge's parts are neighbours. */
static edge_t *edge_of(edge_list_t *list, const entity_key_t *key, observer_t observer) {
    edge_t *last = list->count == 0 ? NULL : &list->items[list->count - 1];
    if (last != NULL && last->caller == key->caller && last->callee == key->service) return last;
    if (list->count == EDGES_MAX) {
        list->cut = true;
        return NULL;
    }
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 64 : list->capacity * 2;
        list->items = memory_resize(list->items, list->capacity * sizeof *list->items);
    }
    edge_t *edge = &list->items[list->count++];
    *edge = (edge_t){.caller = key->caller, .callee = key->service, .observer = observer, .versions = json_array()};
    cell_init(&edge->cell);
    return edge;
}

edge_list_t edges_none(const query_t *query, double seconds) {
    return (edge_list_t){.query = query, .seconds = seconds};
}

bool edges_add(edge_list_t *list, const entity_key_t *key, observer_t observer, const cell_t *cell) {
    edge_t *edge = edge_of(list, key, observer);
    if (edge == NULL) return false;
    cell_merge(&edge->cell, cell);
    edge->protocols |= 1u << key->protocol;
    if (cell->requests == 0 && cell->gauge_count == 0) return true; /* what the caller alone tells, of no version */
    json_array_append_new(edge->versions,
                          json_pack("{so,so,so}", "version", value_name(query_name(list->query, key->version)), "zone",
                                    value_name(query_name(list->query, key->zone)), "golden",
                                    value_golden(list->query, cell, observer, list->seconds)));
    return true;
}

static bool add_part(void *context, int64_t start_ns, const entity_key_t *key, observer_t observer,
                     const cell_t *cell) {
    (void)start_ns;
    return edges_add(context, key, observer, cell);
}

err_t edges_load(query_t *query, int64_t start_ns, int64_t end_ns, double seconds, const query_filter_t *filter,
                 edge_list_t *list) {
    *list = edges_none(query, seconds);
    return query_golden(query, start_ns, end_ns, UINT32_MAX, filter, EDGE_GROUPS, add_part, list);
}

void edges_fini(edge_list_t *list) {
    for (uint32_t i = 0; i < list->count; i++) {
        cell_fini(&list->items[i].cell);
        json_decref(list->items[i].versions);
    }
    free(list->items);
    *list = (edge_list_t){0};
}

static health_t edge_health(const edge_t *edge, const hurt_list_t *hurt) {
    return edge->cell.requests == 0 ? HEALTH_IDLE : health_of(hurt, edge->callee, edge->cell.requests);
}

static int by_interest(const void *a, const void *b, void *hurt) {
    const edge_t *left = a, *right = b;
    health_t left_health = edge_health(left, hurt), right_health = edge_health(right, hurt);
    if (left_health > HEALTH_OK || right_health > HEALTH_OK)
        if (left_health != right_health) return left_health > right_health ? -1 : 1;
    if (left->cell.requests != right->cell.requests) return left->cell.requests > right->cell.requests ? -1 : 1;
    if (left->callee != right->callee) return left->callee < right->callee ? -1 : 1;
    return left->caller < right->caller ? -1 : left->caller > right->caller;
}

void edges_sort(edge_list_t *list, const hurt_list_t *hurt) {
    if (list->count > 0) qsort_r(list->items, list->count, sizeof *list->items, by_interest, (void *)(uintptr_t)hurt);
}

static json_t *protocol_list(uint32_t protocols) {
    json_t *list = json_array();
    for (int i = 0; i < PROTOCOLS; i++)
        if ((protocols & (1u << i)) != 0) json_array_append_new(list, json_string(protocol_names[i]));
    return list;
}

json_t *edge_document(const edge_list_t *list, const edge_t *edge, const hurt_list_t *hurt) {
    const char *caller = query_name(list->query, edge->caller), *callee = query_name(list->query, edge->callee);
    char id[2 * NAME_BYTES_MAX + 8];
    (void)snprintf(id, sizeof id, "%s>%s", caller, callee);
    return json_pack(
        "{so,so,so,so,so,so,sO,ss}", "id", value_text(slice_text(id)), "caller", value_text(slice_text(caller)),
        "callee", value_text(slice_text(callee)), "protocols", protocol_list(edge->protocols), "golden",
        value_golden(list->query, &edge->cell, edge->observer, list->seconds), "client_latency",
        value_latency(&edge->cell.client), "versions", edge->versions, "health", health_names[edge_health(edge, hurt)]);
}

bool edge_id_split(char *id, const char **caller, const char **callee) {
    char *arrow = strchr(id, '>');
    if (arrow == NULL || arrow == id || arrow[1] == '\0') return false;
    *arrow = '\0';
    *caller = id;
    *callee = arrow + 1;
    return true;
}
