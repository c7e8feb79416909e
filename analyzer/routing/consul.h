/* consul: Consul's config entries, once as HCL for `consul config write` and once as CRDs. Writers say them in the
 * spelling of the CRDs; the HCL form has the same words with capitals. */
#ifndef SEISMESH_ANALYZER_ROUTING_CONSUL_H
#define SEISMESH_ANALYZER_ROUTING_CONSUL_H

#include "analyzer/routing/language.h"

/* Places one entry: `kind` as the CRD says it ("ServiceSplitter"), the service that it belongs to, and its spec in both
 * parts; takes them. Each of the two languages has its own. */
typedef void consul_place_t(render_t *render, const char *kind, const char *service, json_t *base, json_t *change);

void consul_shift_versions(render_t *render, consul_place_t *place);
void consul_tighten_ejection(render_t *render, consul_place_t *place);
void consul_circuit_breaker(render_t *render, consul_place_t *place);
void consul_rate_limit(render_t *render, consul_place_t *place);
void consul_cut_retries(render_t *render, consul_place_t *place);
void consul_set_timeout(render_t *render, consul_place_t *place);
void consul_fail_over(render_t *render, consul_place_t *place);

#define CONSUL_LIMIT_WHOLE  "writing an entry replaces all of it: hand in the one that is there to keep the rest"
#define CONSUL_LIMIT_HTTP   "the service's protocol must be http, http2 or grpc in its service-defaults"
#define CONSUL_LIMIT_CALLER "it is set at the caller, here at the one that is hurt; other callers need the same"
#define CONSUL_LIMIT_WEIGHT "weights add up to exactly 100, in steps of 0.01"
#define CONSUL_CANNOT_ZONES "it does not split by zone"
#define CONSUL_CANNOT_DRAIN "no entry names a single instance; an agent's maintenance mode takes one out"

#endif
