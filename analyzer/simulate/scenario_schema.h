/* scenario_schema: the tables of keys; for scenario.c only. */
#ifndef SEISMESH_SIMULATE_SCENARIO_SCHEMA_H
#define SEISMESH_SIMULATE_SCENARIO_SCHEMA_H

#include "analyzer/simulate/scenario.h"

extern const schema_t schema_scenario, schema_action;

#endif
