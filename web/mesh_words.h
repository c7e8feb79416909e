/* mesh_words: what each mesh sends, and in words what is missing of it and what that disables; for /api/v1/status. */
#ifndef SEISMESH_WEB_MESH_WORDS_H
#define SEISMESH_WEB_MESH_WORDS_H

#include "base/counters.h"
#include "web/seen.h"

/* An array with an object per mesh that sent anything since the start: "mesh", "received", "missing". A new reference.
 * `seen`: all marks of the store that `query` reads. */
json_t *mesh_words(const counters_t *counters, const query_t *query, const seen_list_t *seen);

#endif
