/* seen: in which meshes services were seen (the marks of shard.h), for the views of services. */
#ifndef SEISMESH_WEB_SEEN_H
#define SEISMESH_WEB_SEEN_H

#include "collector/store/query.h"

#include <jansson.h>

typedef struct {
    uint32_t service, mesh; /* name ids */
} seen_t;

typedef struct {
    seen_t *items; /* by service */
    uint32_t count, capacity;
} seen_list_t;

/* All of them; `service` NAME_NONE is any. The list is to be given to seen_fini in any case. */
err_t seen_load(query_t *query, uint32_t service, seen_list_t *list);
void seen_fini(seen_list_t *list);

/* The meshes of one service as an array of names, sorted; a new reference. */
json_t *seen_document(const query_t *query, const seen_list_t *list, uint32_t service);

#endif
