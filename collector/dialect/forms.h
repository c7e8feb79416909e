/* forms: helpers of the readers of names, for the files of this folder (forms.c, clusters.c). */
#ifndef SEISMESH_DIALECT_FORMS_H
#define SEISMESH_DIALECT_FORMS_H

#include "collector/dialect/dialect.h"

static inline slice_t forms_part(slice_t text, size_t from, size_t to) {
    return slice_of(text.data + from, to - from);
}

size_t forms_find(slice_t text, size_t from, char byte); /* position at or after `from`; text.len = not there */
bool forms_one_of(slice_t text, const char *const *words);
bool forms_starts_one_of(slice_t text, const char *const *prefixes);

/* Whether it is a word for "not known", or for no service at all. */
bool forms_tells_nothing(slice_t text);

/* "reviews.shop.svc.cluster.local:9080"; see FORM_HOST. */
dialect_name_t forms_host(slice_t text);

/* Kuma's names of services and resources; .mesh is MESH_NONE when it is neither. */
dialect_name_t forms_kuma(slice_t text);

/* The name of an Envoy cluster, by whichever control plane. */
dialect_name_t forms_envoy_cluster(slice_t text);

#endif
