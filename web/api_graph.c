/* /api/v1/graph: services and the edges between them. */
#include "base/memory.h"
#include "web/edges.h"
#include "web/routes.h"
#include "web/seen.h"
#include "web/values.h"

#include <stdlib.h>

/* Nodes by service name id: those with requests of their own, and those that only call. */
typedef struct {
    query_t *query;
    const hurt_list_t *hurt;
    seen_list_t seen_in; /* which mesh */
    double seconds;
    edge_list_t *edges;
    json_t *nodes;
    table_t seen; /* hash of the name id -> name id */
} nodes_t;

static bool mark_new(nodes_t *nodes, uint32_t service) {
    uint64_t hash = (service + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);
    for (table_probe_t probe = table_probe(&nodes->seen, hash); table_next(&nodes->seen, &probe);)
        if (probe.index == service) return false;
    table_insert(&nodes->seen, hash, service);
    return true;
}

static void add_node(nodes_t *nodes, uint32_t service, json_t *golden, uint64_t requests) {
    const hurt_t *hurt = health_find(nodes->hurt, service);
    json_array_append_new(nodes->nodes,
                          json_pack("{so,so,ss,so,so}", "id", value_text(slice_text(query_name(nodes->query, service))),
                                    "golden", golden, "health", health_names[health_of(nodes->hurt, service, requests)],
                                    "incident", value_id(hurt == NULL ? 0 : hurt->incident), "meshes",
                                    seen_document(nodes->query, &nodes->seen_in, service)));
}

/* A service, or a part of an edge: both are read in one pass over the store. */
static bool add_subject(void *context, int64_t start_ns, const entity_key_t *key, observer_t observer,
                        const cell_t *cell) {
    (void)start_ns;
    nodes_t *nodes = context;
    if (key->kind == ENTITY_EDGE) return edges_add(nodes->edges, key, observer, cell);
    if (!mark_new(nodes, key->service)) return true;
    if (json_array_size(nodes->nodes) < EDGES_MAX)
        add_node(nodes, key->service, value_golden(nodes->query, cell, observer, nodes->seconds), cell->requests);
    return true;
}

/* A caller outside the mesh (a gateway's client, say) is a node that gets no requests. It is as well as it looks. */
static void add_mere_callers(nodes_t *nodes, const edge_list_t *edges) {
    for (uint32_t i = 0; i < edges->count; i++) {
        if (mark_new(nodes, edges->items[i].caller)) add_node(nodes, edges->items[i].caller, value_golden_none(), 0);
        if (mark_new(nodes, edges->items[i].callee)) add_node(nodes, edges->items[i].callee, value_golden_none(), 0);
    }
}

static err_t load(web_request_t *request, hurt_list_t *hurt, edge_list_t *edges, nodes_t *nodes) {
    query_status_t status;
    err_t err = query_status(request->query, &status);
    if (err != ERR_OK) return err;
    double seconds = covered_seconds(&status, request->start_ns, request->end_ns);
    err = health_load(request->query, request->end_ns, hurt);
    if (err != ERR_OK) return err;
    *edges = edges_none(request->query, seconds);
    nodes->seconds = seconds;
    err = seen_load(request->query, NAME_NONE, &nodes->seen_in);
    if (err != ERR_OK) return err;
    query_filter_t filter = query_filter_any(1u << ENTITY_EDGE | 1u << ENTITY_SERVICE);
    return query_golden(request->query, request->start_ns, request->end_ns, UINT32_MAX, &filter, EDGE_GROUPS,
                        add_subject, nodes);
}

void api_graph(web_request_t *request) {
    hurt_list_t hurt = {0};
    edge_list_t edges = {0};
    nodes_t nodes = {.query = request->query, .hurt = &hurt, .edges = &edges, .nodes = json_array()};
    err_t err = load(request, &hurt, &edges, &nodes);
    if (err == ERR_OK) {
        edges_sort(&edges, &hurt);
        add_mere_callers(&nodes, &edges);
        json_t *list = json_array();
        for (uint32_t i = 0; i < edges.count && i < request->limit; i++)
            json_array_append_new(list, edge_document(&edges, &edges.items[i], &hurt));
        answer_json(request, 200,
                    json_pack("{sO,so,sb,so}", "nodes", nodes.nodes, "edges", list, "truncated",
                              edges.cut || edges.count > request->limit, "range",
                              value_range(request->start_ns, request->end_ns)));
    } else {
        answer_store_error(request, err);
    }
    table_fini(&nodes.seen);
    seen_fini(&nodes.seen_in);
    json_decref(nodes.nodes);
    edges_fini(&edges);
    health_fini(&hurt);
}
