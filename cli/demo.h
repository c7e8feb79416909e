/* demo: the parts of `seismesh demo`, for its own files only. */
#ifndef SEISMESH_CLI_DEMO_H
#define SEISMESH_CLI_DEMO_H

#include "analyzer/simulate/world.h"

#include <jansson.h>
#include <stdint.h>

/* The shop, as a scenario: DEMO_HISTORY_S seconds of history, then DEMO_CALM_S until its canary goes bad. */
enum { DEMO_HISTORY_S = 900, DEMO_CALM_S = 30 };
extern const char demo_shop[];

/* What a server says under /api/v1 + path; NULL when it does not answer as it should. To be json_decref'ed. */
json_t *demo_ask(uint16_t port, const char *path);

/* The action of a suggestion, as a line for action_read: what the suggestion itself says, or what its kind and target
 * mean. NULL when it proposes none. To be freed with free(). */
char *demo_action_of(const json_t *suggestion);

#endif
