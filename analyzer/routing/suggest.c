#include "analyzer/state.h"
void suggest(analyzer_t *analyzer, incident_t *incident, int64_t now_ns) { (void)analyzer; (void)incident; (void)now_ns; }
