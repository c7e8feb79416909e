/* elsewhere: what other nodes of a cluster keep, asked for over their APIs. A view has no spans: each worker keeps
 * those of its partitions. All are asked at once; one that does not answer in time is named, so that nobody takes
 * silence for "there is none". */
#ifndef SEISMESH_WEB_ELSEWHERE_H
#define SEISMESH_WEB_ELSEWHERE_H

#include "web/server.h"

#include <jansson.h>

enum { ELSEWHERE_NODES_MAX = 64 };

/* Of the requests that are made here. What carries it is answered out of one's own store: addresses that lead back to a
 * view, by mistake or malice, must not go round in circles. */
#define ELSEWHERE_HEADER "X-Seismesh-Relayed"

typedef struct {
    json_t *documents[ELSEWHERE_NODES_MAX]; /* answers of 200 */
    uint32_t count;
    uint32_t asked, silent; /* silent: gave no usable answer, not even "there is none" */
    char silent_url[256];   /* of one of them */
} elsewhere_t;

/* Asks all nodes for `path` ("/api/v1/…", with its query, escaped). */
void elsewhere_ask(const web_context_t *context, const char *path, elsewhere_t *answers);
void elsewhere_fini(elsewhere_t *answers);

/* One trace out of the answers to /api/v1/traces/{id}: every span once. NULL: no node has any of it. */
json_t *elsewhere_trace(const elsewhere_t *answers);

/* The newest `limit` traces out of the answers to /api/v1/traces; *cut: there are more. */
json_t *elsewhere_traces(const elsewhere_t *answers, uint32_t limit, bool *cut);

#endif
