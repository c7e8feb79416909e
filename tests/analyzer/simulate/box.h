/* box: worlds out of texts, for the tests of this folder. */
#ifndef SEISMESH_TESTS_BOX_H
#define SEISMESH_TESTS_BOX_H

#include "analyzer/simulate/world_internal.h"
#include "tests/test.h"

typedef struct {
    scenario_t *scenario;
    world_t *world;
} box_t;

/* A world that must be readable; without telemetry unless a listener is given. */
static inline box_t box_open(const char *yaml, uint64_t seed, world_listener_t listener) {
    char why[400] = "";
    box_t box = {0};
    if (scenario_read(slice_text(yaml), &box.scenario, why, sizeof why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why);
        abort();
    }
    box.world = world_new(box.scenario, seed, listener);
    return box;
}

static inline void box_close(box_t *box) {
    world_free(box->world);
    scenario_free(box->scenario);
}

/* Does an action, as it would come in a line of JSON. */
static inline err_t box_act(box_t *box, const char *json) {
    char what[400] = "";
    action_t action;
    schema_document_t *document = NULL;
    err_t err = action_read(slice_text(json), box->scenario, &action, &document, what, sizeof what);
    if (err == ERR_OK) err = world_act(box->world, &action, what, sizeof what);
    if (err != ERR_OK) (void)fprintf(stderr, "%s\n", what);
    schema_free(document);
    return err;
}

static inline void box_run(box_t *box, double seconds) {
    world_run(box->world, world_now(box->world) + (int64_t)(seconds * 1e9));
}

/* What callees saw, by instance. */
enum { BOX_INSTANCES = 64 };
typedef struct {
    uint64_t served[BOX_INSTANCES];
    uint64_t called, limited, overflowed, expired, count;
    double response_s, wait_s; /* sums: from arrival to end */
    int64_t longest_ns;        /* as callers saw it, of calls from services */
} tally_t;

static inline void box_served(void *context, const world_t *world, const call_t *call) {
    (void)world;
    tally_t *tally = context;
    if (call->instance < BOX_INSTANCES) tally->served[call->instance]++;
    tally->limited += call->served_status == 429;
    tally->count++;
    tally->response_s += (double)(call->end_ns - call->arrive_ns) * 1e-9;
}

static inline void box_called(void *context, const world_t *world, const call_t *call) {
    (void)world;
    tally_t *tally = context;
    if (call->caller == NONE) return;
    tally->called++;
    tally->overflowed += call->flag == FLAG_OVERFLOW;
    tally->expired += call->flag == FLAG_TIMEOUT;
    if (call->end_ns - call->start_ns > tally->longest_ns) tally->longest_ns = call->end_ns - call->start_ns;
}

static inline world_listener_t box_tally(tally_t *tally) {
    *tally = (tally_t){0};
    return (world_listener_t){.context = tally, .served = box_served, .called = box_called};
}

static inline uint64_t box_served_by(const box_t *box, const tally_t *tally, const char *instance) {
    uint32_t number = instances_find(box->world, instance);
    return number == NONE ? 0 : tally->served[number];
}

#endif
