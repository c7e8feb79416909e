/* dialect_yaml: dialects given in the configuration, in the shape of the built-in tables. They win over built-in rows
 * of the same key or metric name.
 *
 *     dialects:
 *       - name: shop                     # for messages and the page
 *         strip: shop_                   # optional: a prefix that metric names may also have
 *         labels_only: false             # optional: the resource is never an end of a call (a scrape job)
 *         resource:                      # lists of rows: attribute key, role, and optionally form and rank (1..9)
 *           - {key: shop.release, role: version}
 *         span:
 *           - {key: shop.target, role: peer, form: host, rank: 9}
 *         label:                         # of metric points
 *           - {key: from, role: caller}
 *           - {key: to, role: callee}
 *           - {key: code, role: http_status}
 *         log:
 *           - {key: took_ms, role: duration_ms}
 *         metrics:
 *           - {name: shop.calls, signal: requests, entity: edge}
 *           - {name: shop.call.time, signal: latency, scale: 0.001, entity: edge}   # scale: to seconds, bytes, 0..1
 *           - {name: shop.queue, signal: gauge, gauge: pending}
 *           - {name: shop.latency, signal: latency_statistic, gauge: latency, needs: quantile}
 *
 *         calls:                         # between services that report no calls, only figures of their own
 *           - {caller: shop/web, callee: shop/stock}
 *
 * Roles, forms and signals are spelled as in role_names, form_names and signal_names; `entity` as entity_kind_names
 * (service when left out), `observer` as observer_names. Unknown keys and words are errors. */
#ifndef SEISMESH_DIALECT_DIALECT_YAML_H
#define SEISMESH_DIALECT_DIALECT_YAML_H

#include "collector/dialect/dialect.h"

/* Reads the list under `dialects:`. `first_line` is the line of the file on which `yaml` begins (1-based). *out gets a
 * list that NULL ends, to be freed by dialect_yaml_free. ERR_INVALID: `why` says what is wrong and in which line. */
err_t dialect_yaml_parse(const char *yaml, int first_line, const dialect_t ***out, char *why, size_t why_size);
void dialect_yaml_free(const dialect_t **list);

#endif
