/* target: the request target of HTTP ("/api/v1/services/shop%2Fcart?start=-15m") taken apart. It is read from the raw
 * bytes, since a service id may hold a percent-encoded '/', which the HTTP library's decoded path cannot tell from a
 * separator. Everything is decoded, valid UTF-8 without control characters, and bounded. */
#ifndef SEISMESH_WEB_TARGET_H
#define SEISMESH_WEB_TARGET_H

#include "base/err.h"
#include "base/slice.h"

enum { TARGET_BYTES_MAX = 8192, TARGET_SEGMENTS_MAX = 12, TARGET_PARAMETERS_MAX = 32 };

typedef struct {
    const char *name, *value; /* NUL-terminated */
} target_parameter_t;

typedef struct {
    char *memory;                              /* owned: what the pointers below point into */
    const char *segments[TARGET_SEGMENTS_MAX]; /* "/" has none */
    uint32_t segment_count;
    target_parameter_t parameters[TARGET_PARAMETERS_MAX];
    uint32_t parameter_count;
} target_t;

/* ERR_TOO_LARGE: more than TARGET_BYTES_MAX bytes, or more segments or parameters than fit. ERR_MALFORMED: not a path,
 * a broken percent-escape, bytes that are not UTF-8, a control character, or an empty parameter name; `*why` is a
 * sentence. An empty segment counts as one ("//" is no "/"), so that every resource has one spelling. */
err_t target_parse(slice_t raw, target_t *target, const char **why);
void target_fini(target_t *target);

#endif
