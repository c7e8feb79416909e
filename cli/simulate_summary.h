/* simulate_summary: what became of a simulated mesh, as JSON for the harness that scores scenarios. */
#ifndef SEISMESH_CLI_SIMULATE_SUMMARY_H
#define SEISMESH_CLI_SIMULATE_SUMMARY_H

#include "analyzer/simulate/world.h"

/* Writes the scenario's truth, the totals, the outcome for users window by window, and what each service served from a
 * minute after `change_ns` on (negative: in all) ("-" is standard output). False, after complaining, when the file
 * cannot be written. */
bool summary_write(const char *path, const scenario_t *scenario, const world_t *world, int64_t change_ns);

#endif
