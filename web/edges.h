/* edges: caller > callee over a range, each with its parts by version and zone, for the graph and the service view. */
#ifndef SEISMESH_WEB_EDGES_H
#define SEISMESH_WEB_EDGES_H

#include "web/health.h"

#include <jansson.h>

typedef struct {
    uint32_t caller, callee; /* name ids */
    uint32_t protocols;      /* bits 1u << PROTOCOL_… */
    observer_t observer;
    cell_t cell;      /* all parts together */
    json_t *versions; /* the parts, as the API shows them */
} edge_t;

typedef struct {
    const query_t *query;
    double seconds; /* that the range counts for */
    edge_t *items;
    uint32_t count, capacity;
    bool cut; /* there are more than EDGES_MAX */
} edge_list_t;

enum { EDGES_MAX = 20000 };

/* For who reads edges among others: an empty list, and one part of an edge into it, in the order of query_golden with
 * EDGE_GROUPS. False when the list is full. */
enum { EDGE_GROUPS = GROUP_SERVICE | GROUP_CALLER | GROUP_VERSION | GROUP_ZONE | GROUP_PROTOCOL };
edge_list_t edges_none(const query_t *query, double seconds);
bool edges_add(edge_list_t *list, const entity_key_t *key, observer_t observer, const cell_t *cell);

/* `filter` must be of kind ENTITY_EDGE. */
err_t edges_load(query_t *query, int64_t start_ns, int64_t end_ns, double seconds, const query_filter_t *filter,
                 edge_list_t *list);
void edges_fini(edge_list_t *list);

/* The hurt first, then those with most requests. */
void edges_sort(edge_list_t *list, const hurt_list_t *hurt);

/* Edge of docs/api.md. */
json_t *edge_document(const edge_list_t *list, const edge_t *edge, const hurt_list_t *hurt);

/* "caller>callee" out of an id; false when it has no '>' between two names. The caller's part is cut off in place. */
bool edge_id_split(char *id, const char **caller, const char **callee);

#endif
