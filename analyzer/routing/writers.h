/* writers: what several languages share, because one API is inside another (Google's managed mesh takes Istio's
 * objects, Linkerd takes Gateway API routes, Traefik Mesh and Open Service Mesh take SMI's). */
#ifndef SEISMESH_ANALYZER_ROUTING_WRITERS_H
#define SEISMESH_ANALYZER_ROUTING_WRITERS_H

#include "analyzer/routing/language.h"

/* istio.c */
extern const merge_rule_t istio_lists[];
extern const about_rule_t istio_about[];
void istio_shift_versions(render_t *render);
void istio_tighten_ejection(render_t *render);
void istio_circuit_breaker(render_t *render);
void istio_cut_retries(render_t *render);
void istio_set_timeout(render_t *render);
void istio_fail_over(render_t *render);

/* gateway_api.c */
extern const merge_rule_t gateway_lists[];
void gateway_shift_versions(render_t *render);

/* smi.c: a TrafficSplit of this version of the API. */
extern const merge_rule_t smi_lists[];
void smi_traffic_split(render_t *render, const char *api_version);

/* annotations.c: annotations on the action's Service; takes `annotations`. */
void annotate_service(render_t *render, json_t *annotations);

#endif
