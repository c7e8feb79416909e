/* access_line: the default access-log lines of Envoy and of Istio, cut into the fields that the `log` tables of the
 * dialects name. */
#ifndef SEISMESH_FOLD_ACCESS_LINE_H
#define SEISMESH_FOLD_ACCESS_LINE_H

#include "base/slice.h"

enum { ACCESS_FIELDS_MAX = 24 };

typedef struct {
    const char *key; /* as in the dialects' log tables */
    slice_t text;    /* borrowed from the line */
} access_field_t;

/* Number of fields found; 0 when the line is neither. Fields that say "-" are left out. */
uint32_t access_line_read(slice_t line, access_field_t fields[ACCESS_FIELDS_MAX]);

#endif
