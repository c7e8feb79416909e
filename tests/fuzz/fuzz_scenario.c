/* A scenario from anybody: it is read or refused, and what is read runs. */
#include "analyzer/simulate/emit.h"

#include <assert.h>
#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool take(void *context, otlp_kind_t kind, slice_t body, uint64_t items) {
    (void)context;
    otlp_summary_t summary = {0};
    assert(otlp_check(kind, body, INT64_MAX / 2, &summary) == ERR_OK && summary.items == items);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char why[300] = "";
    scenario_t *scenario = NULL;
    emit_t *emit = NULL;
    if (scenario_read(slice_of(data, size), &scenario, why, sizeof why) != ERR_OK) {
        assert(why[0] != '\0');
        return 0;
    }
    if (emit_new(scenario, 1, (emit_sink_t){NULL, take}, &emit, why, sizeof why) == ERR_OK) {
        world_t *world = world_new(scenario, 1, emit_listener(emit));
        /* busy worlds only for a moment: the number of things that happen is what costs */
        for (int i = 1; i <= 50 && world_totals(world).events < 20000 && world_live_calls(world) < 20000; i++)
            world_run(world, i * INT64_C(1000000) * i * i);
        emit_flush(emit, world);
        world_free(world);
    }
    emit_free(emit);
    scenario_free(scenario);
    return 0;
}
