/* demo: the parts of `seismesh demo`, for its own files only. */
#ifndef SEISMESH_CLI_DEMO_H
#define SEISMESH_CLI_DEMO_H

#include "analyzer/simulate/world.h"
#include "cli/api_client.h"

#include <jansson.h>
#include <stdint.h>

/* The shop, as a scenario: DEMO_HISTORY_S seconds of history, then DEMO_CALM_S until its canary goes bad. */
enum { DEMO_HISTORY_S = 900, DEMO_CALM_S = 30 };
extern const char demo_shop[];

/* The action of a suggestion, as a line for action_read: what the suggestion itself says, or what its kind and target
 * mean. NULL when it proposes none. To be freed with free(). */
char *demo_action_of(const json_t *suggestion);

/* ---- demo_story.c: what is told on the terminal, and decisions followed ---- */

enum { DEMO_CHANGES_MAX = 16 };

/* A suggestion that was accepted, and so done to the simulated mesh. */
typedef struct {
    uint64_t id;
    char service[128]; /* "" = it could not be done */
} demo_change_t;

typedef struct {
    api_client_t client;
    const scenario_t *scenario;
    world_t *world;
    bool once;                                               /* accepts the first suggestion itself */
    bool told_fault, told_incident, told_suggestion, closed; /* the story so far */
    demo_change_t changes[DEMO_CHANGES_MAX];
    uint32_t change_count;
} demo_story_t;

/* Seconds since the history ended. */
double demo_story_s(const demo_story_t *story);
/* One line with the time; "%s" in `format` once, for a text that telemetry may have named. */
void demo_say(const demo_story_t *story, const char *format, const char *text);
/* Looks at the server: tells what is new, does to the mesh what was accepted, undoes what was taken back. */
void demo_story_tell(demo_story_t *story);
/* The words of the terminal: accept the newest open suggestion; take the last decision back. */
void demo_story_apply(demo_story_t *story);
void demo_story_undo(demo_story_t *story);

#endif
