/* The story of the demo as the API tells it. A person's decision is the only switch: what is accepted, on the page,
 * with `seismesh suggestions accept`, or by the word 'apply', is done to the simulated mesh, as whoever watches a
 * repository would do it to a real one; what is dismissed after that is undone. */
#include "cli/demo.h"

#include "base/clock.h"
#include "cli/command.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

double demo_story_s(const demo_story_t *story) {
    return (double)world_now(story->world) * 1e-9 - DEMO_HISTORY_S;
}

void demo_say(const demo_story_t *story, const char *format, const char *text) {
    (void)printf("%5.0f s  ", demo_story_s(story));
    const char *hole = strstr(format, "%s");
    (void)printf("%.*s", hole == NULL ? (int)strlen(format) : (int)(hole - format), format);
    if (hole != NULL) print_text("", text, hole + 2);
    (void)putchar('\n');
    (void)fflush(stdout);
}

/* A list of the API, newest first; NULL when it could not be had. */
static json_t *ask(demo_story_t *story, const char *path) {
    int status;
    return ask_fine(&story->client, path, NULL, &status);
}

static uint64_t id_of(const json_t *suggestion) {
    return (uint64_t)json_integer_value(json_object_get(suggestion, "id"));
}

static void decide(demo_story_t *story, uint64_t id, const char *decision) {
    char path[100];
    int status;
    (void)snprintf(path, sizeof path, "/suggestions/%" PRIu64 "/%s", id, decision);
    json_decref(ask_fine(&story->client, path, "{}", &status));
}

/* ---- decisions ---- */

static demo_change_t *change_of(demo_story_t *story, uint64_t id) {
    for (uint32_t i = 0; i < story->change_count; i++)
        if (story->changes[i].id == id) return &story->changes[i];
    return NULL;
}

static void apply(demo_story_t *story, const json_t *suggestion) {
    char what[400] = "";
    action_t action;
    schema_document_t *document = NULL;
    char *line = demo_action_of(suggestion);
    if (line == NULL || story->change_count == DEMO_CHANGES_MAX) {
        free(line);
        return;
    }
    err_t err = action_read(slice_text(line), story->scenario, &action, &document, what, sizeof what);
    if (err == ERR_OK) err = world_act(story->world, &action, what, sizeof what);
    demo_say(story, err == ERR_OK ? "applied to the simulated mesh: %s" : "cannot be applied: %s", what);
    if (err == ERR_OK && !story->once)
        demo_say(story, "'undo' here, or Dismiss on the page, brings the fault back", "");
    demo_change_t *change = &story->changes[story->change_count++];
    change->id = id_of(suggestion);
    (void)snprintf(change->service, sizeof change->service, "%s", err == ERR_OK ? action.service : "");
    schema_free(document);
    free(line);
}

static void undo(demo_story_t *story, const demo_change_t *change) {
    char what[400] = "";
    const action_t action = {.kind = DO_RESET, .service = change->service};
    if (change->service[0] == '\0') return; /* could not be applied */
    (void)world_act(story->world, &action, what, sizeof what);
    demo_say(story, "%s", what);
}

/* Only what was suggested in this story: the server may have decisions on an earlier one. Once the change is seen in
 * the telemetry, that is the state, and the decision shows by its time only. */
static void follow_decisions(demo_story_t *story, const json_t *suggestions) {
    size_t i;
    const json_t *suggestion;
    json_array_foreach(suggestions, i, suggestion) {
        int64_t created_ns = json_integer_value(json_object_get(suggestion, "created_ms")) * INT64_C(1000000);
        bool decided = json_is_integer(json_object_get(suggestion, "decided_ms"));
        bool dismissed = strcmp(text_of(suggestion, "state"), "dismissed") == 0;
        demo_change_t *change = change_of(story, id_of(suggestion));
        if (created_ns < story->scenario->start_ns + DEMO_HISTORY_S * NS_PER_S) continue;
        if (change == NULL && decided && !dismissed) apply(story, suggestion);
        if (change == NULL || (decided && !dismissed)) continue;
        undo(story, change);
        *change = story->changes[--story->change_count];
    }
}

/* ---- telling ---- */

static const json_t *newest_open(const json_t *suggestions) {
    size_t i;
    const json_t *suggestion;
    json_array_foreach(suggestions, i, suggestion) {
        char *line = strcmp(text_of(suggestion, "state"), "open") == 0 ? demo_action_of(suggestion) : NULL;
        free(line);
        if (line != NULL) return suggestion;
    }
    return NULL;
}

static void tell_incident(demo_story_t *story) {
    json_t *answer = ask(story, "/incidents?limit=1");
    const json_t *incident = json_array_get(json_object_get(answer, "incidents"), 0);
    bool open = strcmp(text_of(incident, "state"), "open") == 0;
    if (incident != NULL && open && !story->told_incident) {
        story->told_incident = true;
        demo_say(story, "incident: %s", text_of(incident, "title"));
    }
    if (incident != NULL && !open && story->told_incident && !story->closed) {
        story->closed = true;
        demo_say(story, "the incident is over", "");
    }
    if (open) story->closed = false;
    json_decref(answer);
}

static void tell_suggestion(demo_story_t *story, const json_t *suggestions) {
    const json_t *suggestion = story->told_suggestion || !story->told_incident ? NULL : newest_open(suggestions);
    if (suggestion == NULL) return;
    story->told_suggestion = true;
    demo_say(story, "suggestion: %s", text_of(suggestion, "title"));
    if (story->once)
        decide(story, id_of(suggestion), "accept");
    else
        demo_say(story, "press Accept on the page, or type 'apply': it is done to the simulated mesh", "");
}

void demo_story_tell(demo_story_t *story) {
    if (!story->told_fault && demo_story_s(story) >= DEMO_CALM_S) {
        story->told_fault = true;
        demo_say(story, "payments v2, a canary with a fifth of the traffic, begins to fail", "");
    }
    if (!story->told_fault) return;
    tell_incident(story);
    json_t *answer = ask(story, "/suggestions?limit=20");
    const json_t *suggestions = json_object_get(answer, "suggestions");
    tell_suggestion(story, suggestions);
    follow_decisions(story, suggestions);
    json_decref(answer);
}

/* ---- words ---- */

void demo_story_apply(demo_story_t *story) {
    json_t *answer = ask(story, "/suggestions?state=open&limit=20");
    const json_t *suggestion = newest_open(json_object_get(answer, "suggestions"));
    if (suggestion == NULL)
        demo_say(story, "there is no open suggestion with a change", "");
    else
        decide(story, id_of(suggestion), "accept");
    json_decref(answer);
}

void demo_story_undo(demo_story_t *story) {
    if (story->change_count == 0)
        demo_say(story, "nothing was applied", "");
    else
        decide(story, story->changes[story->change_count - 1].id, "reopen");
}
