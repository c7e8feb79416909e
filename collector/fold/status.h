/* status: what the labels of a metric point or the attributes of an access log say about failure, protocol and
 * operation. */
#ifndef SEISMESH_FOLD_STATUS_H
#define SEISMESH_FOLD_STATUS_H

#include "collector/fold/identity.h"

static inline bool roles_has(const roles_t *roles, role_t role) {
    return roles->text[role].len > 0;
}

/* Whole number >= 0 out of a role's text; false when there is none. */
bool roles_number(const roles_t *roles, role_t role, uint64_t *number);

/* HTTP status first, then gRPC's (which rides on a 200), a class, an error mark; Envoy's flags say why, not whether,
 * except where there is no status at all. */
failure_t roles_failure(const roles_t *roles);

protocol_t roles_protocol(const roles_t *roles);

/* "GET /cart/{id}", "shop.Cart/Get"; NAME_NONE when no label tells. */
uint32_t roles_operation(names_t *names, const roles_t *roles);

#endif
