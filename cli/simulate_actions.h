/* simulate_actions: actions given to a running simulation, one JSON object (or YAML flow mapping) a line, on standard
 * input, a named pipe, or a file that grows. Each line is answered by one on standard output. */
#ifndef SEISMESH_CLI_SIMULATE_ACTIONS_H
#define SEISMESH_CLI_SIMULATE_ACTIONS_H

#include "analyzer/simulate/world.h"

#include <stdio.h>

typedef struct actions_in actions_in_t;

/* "-" is standard input. ERR_IO with a sentence. */
err_t actions_in_open(const char *path, const scenario_t *scenario, actions_in_t **out, char *why, size_t why_size);
void actions_in_close(actions_in_t *actions);

/* Does what has come since; never waits. */
void actions_in_take(actions_in_t *actions, world_t *world);

/* The other way: a whole file of lines, each at its own time (key `at`). `report` gets the answers. */
typedef struct action_plan action_plan_t;

/* ERR_IO or ERR_INVALID with a sentence that names the line. */
err_t action_plan_read(const char *path, const scenario_t *scenario, action_plan_t **out, char *why, size_t why_size);
void action_plan_free(action_plan_t *plan);
int64_t action_plan_begin(const action_plan_t *plan);                     /* time of the first; -1 when there is none */
void action_plan_take(action_plan_t *plan, world_t *world, FILE *report); /* does what is due */

#endif
