/* kuma: Kuma's policies, which are the same on Kubernetes and in universal mode but for their heads. Services are named
 * by labels, which 2.9 and later understand and 3.0 demands. */
#ifndef SEISMESH_ANALYZER_ROUTING_KUMA_H
#define SEISMESH_ANALYZER_ROUTING_KUMA_H

#include "analyzer/routing/language.h"

/* Places one policy; takes both parts of its spec. */
typedef void kuma_place_t(render_t *render, const char *kind, json_t *base, json_t *change);

void kuma_shift_versions(render_t *render, kuma_place_t *place);
void kuma_tighten_ejection(render_t *render, kuma_place_t *place);
void kuma_circuit_breaker(render_t *render, kuma_place_t *place);
void kuma_rate_limit(render_t *render, kuma_place_t *place);
void kuma_cut_retries(render_t *render, kuma_place_t *place);
void kuma_set_timeout(render_t *render, kuma_place_t *place);
void kuma_fail_over(render_t *render, kuma_place_t *place);

extern const merge_rule_t kuma_lists[];

#define KUMA_ABOUT        "spec.to.targetRef.labels.[kuma.io/display-name]|spec.to.targetRef.name"
#define KUMA_LIMIT_LABELS "services are named by labels: needs Kuma 2.9 or newer with MeshService"
#define KUMA_LIMIT_MESH   "the mesh is taken to be the one named default"
#define KUMA_CANNOT_DRAIN "no policy names a single instance"
#define KUMA_CANNOT_ZONES "zones have an order of preference, not shares"

#endif
