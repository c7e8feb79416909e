/* mesh_words: what each mesh sends, and in words what is missing of it and what that disables; for /api/v1/status. */
#ifndef SEISMESH_WEB_MESH_WORDS_H
#define SEISMESH_WEB_MESH_WORDS_H

#include "base/counters.h"

#include <jansson.h>

/* An array with an object per mesh that sent anything since the start: "mesh", "received", "missing". A new reference.
 */
json_t *mesh_words(const counters_t *counters);

#endif
