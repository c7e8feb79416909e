/* /api/v1/services and /api/v1/services/{id}. */
#define _GNU_SOURCE /* strcasestr */
#include "base/memory.h"
#include "web/edges.h"
#include "web/routes.h"
#include "web/seen.h"
#include "web/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum { PARTS_MAX = 1000 }; /* versions, zones, instances, operations shown of one service */

static const uint32_t part_kinds =
    1u << ENTITY_SERVICE | 1u << ENTITY_VERSION | 1u << ENTITY_ZONE | 1u << ENTITY_INSTANCE;
static const uint32_t part_groups = GROUP_SERVICE | GROUP_VERSION | GROUP_ZONE | GROUP_INSTANCE | GROUP_OPERATION;

/* One service of the page that is being made. */
typedef struct {
    uint32_t name;
    const char *id;
    json_t *golden, *versions, *zones, *operations; /* owned; golden NULL = no requests in the range */
    json_t *instances;                              /* an array in the single view, NULL in the list */
    uint64_t requests, instance_count;
    int64_t last_seen_ns; /* INT64_MIN = not in the range */
} service_t;

typedef struct {
    query_t *query;
    double seconds;
    bool whole;       /* the single view: parts with their golden signals */
    service_t *items; /* sorted by name id while loading */
    uint32_t count, capacity;
    const char *search, *after;
    seen_list_t seen;
} page_t;

static void page_fini(page_t *page) {
    for (uint32_t i = 0; i < page->count; i++) {
        service_t *service = &page->items[i];
        json_decref(service->golden);
        json_decref(service->versions);
        json_decref(service->zones);
        json_decref(service->operations);
        json_decref(service->instances);
    }
    free(page->items);
    seen_fini(&page->seen);
}

static service_t *page_add(page_t *page, uint32_t name) {
    if (page->count == page->capacity) {
        page->capacity = page->capacity == 0 ? 64 : page->capacity * 2;
        page->items = memory_resize(page->items, page->capacity * sizeof *page->items);
    }
    service_t *service = &page->items[page->count++];
    *service = (service_t){.name = name, .id = query_name(page->query, name), .last_seen_ns = INT64_MIN};
    return service;
}

static int by_name_id(const void *a, const void *b) {
    const service_t *left = a, *right = b;
    return left->name < right->name ? -1 : left->name > right->name;
}

static int by_id(const void *a, const void *b) {
    return strcmp(((const service_t *)a)->id, ((const service_t *)b)->id);
}

static service_t *page_find(const page_t *page, uint32_t name) {
    service_t wanted = {.name = name};
    if (page->count == 0) return NULL;
    return bsearch(&wanted, page->items, page->count, sizeof wanted, by_name_id);
}

/* --- which services --- */

static bool add_known(void *context, uint32_t entity, const entity_key_t *key) {
    (void)entity;
    page_t *page = context;
    if (entity_is_mark(key)) return true;
    const char *id = query_name(page->query, key->service);
    if (page->after != NULL && strcmp(id, page->after) <= 0) return true;
    if (page->search != NULL && strcasestr(id, page->search) == NULL) return true;
    (void)page_add(page, key->service);
    return true;
}

/* The services known, by id, each once (it has an entity per observer); those beyond the limit are left out. */
static err_t choose_page(page_t *page, uint32_t limit, bool *more) {
    query_filter_t filter = query_filter_any(1u << ENTITY_SERVICE);
    err_t err = query_entities(page->query, &filter, add_known, page);
    if (page->count > 0) qsort(page->items, page->count, sizeof *page->items, by_id);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < page->count; i++)
        if (kept == 0 || page->items[i].name != page->items[kept - 1].name) page->items[kept++] = page->items[i];
    *more = kept > limit;
    page->count = *more ? limit : kept;
    if (page->count > 0) qsort(page->items, page->count, sizeof *page->items, by_name_id);
    return err;
}

/* --- what they did --- */

static void add_part(json_t **list, const page_t *page, const char *what, uint32_t name, const cell_t *cell,
                     observer_t observer) {
    if (*list == NULL) *list = json_array();
    if (json_array_size(*list) >= PARTS_MAX) return;
    json_t *text = value_text(slice_text(query_name(page->query, name)));
    if (page->whole)
        text = json_pack("{so,so}", what, text, "golden", value_golden(page->query, cell, observer, page->seconds));
    json_array_append_new(*list, text);
}

static void add_instance(service_t *service, const page_t *page, const entity_key_t *key, const cell_t *cell,
                         observer_t observer) {
    service->instance_count++;
    if (!page->whole) return;
    if (service->instances == NULL) service->instances = json_array();
    if (json_array_size(service->instances) >= PARTS_MAX) return;
    json_array_append_new(service->instances,
                          json_pack("{so,so,so,so}", "instance",
                                    value_text(slice_text(query_name(page->query, key->instance))), "version",
                                    value_name(query_name(page->query, key->version)), "zone",
                                    value_name(query_name(page->query, key->zone)), "golden",
                                    value_golden(page->query, cell, observer, page->seconds)));
}

static bool add_golden(void *context, int64_t start_ns, const entity_key_t *key, observer_t observer,
                       const cell_t *cell) {
    (void)start_ns;
    page_t *page = context;
    service_t *service = page_find(page, key->service);
    if (service == NULL) return true;
    switch ((entity_kind_t)key->kind) {
    case ENTITY_SERVICE:
        if (service->golden != NULL) break;
        service->golden = value_golden(page->query, cell, observer, page->seconds);
        service->requests = cell->requests;
        break;
    case ENTITY_VERSION:
        add_part(&service->versions, page, "version", key->version, cell, observer);
        break;
    case ENTITY_ZONE:
        add_part(&service->zones, page, "zone", key->zone, cell, observer);
        break;
    case ENTITY_OPERATION:
        add_part(&service->operations, page, "operation", key->operation, cell, observer);
        break;
    case ENTITY_INSTANCE:
        add_instance(service, page, key, cell, observer);
        break;
    case ENTITY_EDGE:
    case ENTITY_KINDS:
        break;
    }
    return true;
}

typedef struct {
    page_t *page;
    int64_t step_ns;
    uint32_t missing;
} sighting_t;

static bool add_sighting(void *context, int64_t start_ns, uint32_t entity, const entity_key_t *key,
                         const cell_t *cell) {
    (void)entity;
    (void)cell;
    sighting_t *sighting = context;
    service_t *service = page_find(sighting->page, key->service);
    if (service == NULL) return true;
    if (service->last_seen_ns == INT64_MIN) sighting->missing--;
    int64_t end_ns = start_ns + sighting->step_ns;
    if (end_ns > service->last_seen_ns) service->last_seen_ns = end_ns;
    return true;
}

/* When each was last seen. Most were in the last minute, so it looks there first and widens only for those it missed.
 */
static err_t find_last_seen(page_t *page, int64_t start_ns, int64_t end_ns, int64_t event_ns) {
    static const struct {
        int64_t back_s;
        uint32_t step_s;
    } windows[] = {{60, 10}, {3600, 60}, {INT64_MAX / NS_PER_S, 3600}};
    sighting_t sighting = {.page = page, .missing = page->count};
    query_filter_t filter = query_filter_any(1u << ENTITY_SERVICE);
    if (page->count == 1) filter.service = page->items[0].name;
    err_t err = ERR_OK;
    int64_t until = end_ns;
    for (size_t i = 0; i < sizeof windows / sizeof windows[0] && sighting.missing > 0 && err == ERR_OK; i++) {
        int64_t back_ns = windows[i].back_s * NS_PER_S;
        int64_t from = end_ns - start_ns > back_ns ? end_ns - back_ns : start_ns;
        sighting.step_ns = windows[i].step_s * NS_PER_S;
        if (from < until)
            err = query_cells(page->query, from, until, windows[i].step_s, &filter, add_sighting, &sighting);
        until = from;
    }
    for (uint32_t i = 0; i < page->count; i++)
        if (page->items[i].last_seen_ns > event_ns) page->items[i].last_seen_ns = event_ns;
    return err;
}

static err_t load_golden(web_request_t *request, page_t *page) {
    query_status_t status;
    err_t err = query_status(request->query, &status);
    if (err != ERR_OK || page->count == 0) return err;
    page->seconds = covered_seconds(&status, request->start_ns, request->end_ns);
    err = seen_load(request->query, page->count == 1 ? page->items[0].name : NAME_NONE, &page->seen);
    if (err != ERR_OK) return err;
    query_filter_t filter = query_filter_any(part_kinds | (page->whole ? 1u << ENTITY_OPERATION : 0));
    if (page->count == 1) filter.service = page->items[0].name;
    err = query_golden(request->query, request->start_ns, request->end_ns, UINT32_MAX, &filter, part_groups, add_golden,
                       page);
    return err == ERR_OK ? find_last_seen(page, request->start_ns, request->end_ns, status.event_ns) : err;
}

static json_t *list_or_empty(json_t *list) {
    return list == NULL ? json_array() : json_incref(list);
}

static json_t *service_document(const page_t *page, const service_t *service, const hurt_list_t *hurt) {
    service_parts_t parts = service_parts(service->id);
    const hurt_t *found = health_find(hurt, service->name);
    return json_pack("{so,so,so,so,so,ss,so,so,so,so,so,so}", "id", value_text(slice_text(service->id)), "name",
                     value_text(parts.name), "namespace",
                     parts.namespace_name.len == 0 ? json_null() : value_text(parts.namespace_name), "cluster",
                     parts.cluster.len == 0 ? json_null() : value_text(parts.cluster), "golden",
                     service->golden == NULL ? value_golden_none() : json_incref(service->golden), "health",
                     health_names[health_of(hurt, service->name, service->requests)], "incident",
                     value_id(found == NULL ? 0 : found->incident), "versions", list_or_empty(service->versions),
                     "zones", list_or_empty(service->zones), "instances",
                     page->whole ? list_or_empty(service->instances)
                                 : json_integer((json_int_t)service->instance_count),
                     "last_seen_ms", value_ms(service->last_seen_ns), "meshes",
                     seen_document(page->query, &page->seen, service->name));
}

/* --- the list --- */

static const char cursor_prefix[] = "after:";

static json_t *list_document(web_request_t *request, page_t *page, const hurt_list_t *hurt, bool more) {
    json_t *services = json_array(), *next = json_null();
    if (page->count > 0) qsort(page->items, page->count, sizeof *page->items, by_id);
    for (uint32_t i = 0; i < page->count; i++)
        json_array_append_new(services, service_document(page, &page->items[i], hurt));
    if (more && page->count > 0) {
        char text[NAME_BYTES_MAX + sizeof cursor_prefix];
        (void)snprintf(text, sizeof text, "%s%s", cursor_prefix, page->items[page->count - 1].id);
        next = value_text(slice_text(text));
    }
    return json_pack("{so,so,so}", "services", services, "next", next, "range",
                     value_range(request->start_ns, request->end_ns));
}

void api_services(web_request_t *request) {
    const char *cursor = request_text(request, "cursor");
    if (cursor != NULL && strncmp(cursor, cursor_prefix, sizeof cursor_prefix - 1) != 0) {
        answer_error(request, 400, "invalid_parameter", "cursor",
                     "'cursor' must be taken from 'next' of an earlier answer.");
        return;
    }
    page_t page = {.query = request->query,
                   .search = request_text(request, "search"),
                   .after = cursor == NULL ? NULL : cursor + sizeof cursor_prefix - 1};
    hurt_list_t hurt = {0};
    bool more = false;
    err_t err = choose_page(&page, request->limit, &more);
    if (err == ERR_OK) err = health_load(request->query, request->end_ns, &hurt);
    if (err == ERR_OK) err = load_golden(request, &page);
    if (err == ERR_OK)
        answer_json(request, 200, list_document(request, &page, &hurt, more));
    else
        answer_store_error(request, err);
    page_fini(&page);
    health_fini(&hurt);
}

/* --- one service --- */

static json_t *edges_of(const edge_list_t *edges, const hurt_list_t *hurt, uint32_t service, bool callers) {
    json_t *list = json_array();
    for (uint32_t i = 0; i < edges->count && json_array_size(list) < PARTS_MAX; i++)
        if ((callers ? edges->items[i].callee : edges->items[i].caller) == service)
            json_array_append_new(list, edge_document(edges, &edges->items[i], hurt));
    return list;
}

void api_service(web_request_t *request) {
    uint32_t name = query_find_name(request->query, request->id);
    if (name == UINT32_MAX) {
        answer_not_found(request, "service");
        return;
    }
    page_t page = {.query = request->query, .whole = true};
    (void)page_add(&page, name);
    hurt_list_t hurt = {0};
    edge_list_t edges = {0};
    query_filter_t filter = query_filter_any(1u << ENTITY_EDGE);
    filter.either = name;
    err_t err = health_load(request->query, request->end_ns, &hurt);
    if (err == ERR_OK) err = load_golden(request, &page);
    if (err == ERR_OK)
        err = edges_load(request->query, request->start_ns, request->end_ns, page.seconds, &filter, &edges);
    if (err != ERR_OK) {
        answer_store_error(request, err);
    } else if (!service_is_known(request->query, name)) {
        answer_not_found(request, "service");
    } else {
        edges_sort(&edges, &hurt);
        json_t *document = service_document(&page, &page.items[0], &hurt);
        json_object_set_new(document, "operations", list_or_empty(page.items[0].operations));
        json_object_set_new(document, "callers", edges_of(&edges, &hurt, name, true));
        json_object_set_new(document, "callees", edges_of(&edges, &hurt, name, false));
        json_object_set_new(document, "range", value_range(request->start_ns, request->end_ns));
        answer_json(request, 200, document);
    }
    edges_fini(&edges);
    page_fini(&page);
    health_fini(&hurt);
}
