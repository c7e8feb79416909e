/* A line on the input of a running simulation, from anybody: an action that is read is done or refused with a sentence,
 * and the world goes on, everything in it accounted for. */
#include "analyzer/simulate/world.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char mesh[] =
    "name: m\nzones: [a, b]\nservices:\n"
    "  front: {calls: [{to: back, retries: 2, timeout: 20ms, pool: 5}]}\n"
    "  back: {concurrency: 2, versions: {v1: {weight: 9}, v2: {weight: 1, instances: 1}}, outlier_detection: {}}\n"
    "traffic: [{to: front, rate: 500}]\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char why[300] = "", what[300] = "";
    scenario_t *scenario = NULL;
    action_t action;
    schema_document_t *document = NULL;
    assert(scenario_read(slice_text(mesh), &scenario, why, sizeof why) == ERR_OK);
    if (action_read(slice_of(data, size), scenario, &action, &document, why, sizeof why) == ERR_OK) {
        world_t *world = world_new(scenario, 1, (world_listener_t){0});
        world_run(world, INT64_C(300000000));
        (void)world_act(world, &action, what, sizeof what);
        assert(what[0] != '\0');
        world_run(world, INT64_C(1500000000));
        world_totals_t totals = world_totals(world);
        assert(totals.calls >= totals.calls_ended && totals.arrived >= totals.served + totals.refused);
        world_free(world);
    } else {
        assert(why[0] != '\0');
    }
    schema_free(document);
    scenario_free(scenario);
    return 0;
}
