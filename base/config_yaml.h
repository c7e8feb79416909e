/* config_yaml: a configuration file as a list of (dotted key, value, line). It knows YAML and nothing of the keys. */
#ifndef SEISMESH_BASE_CONFIG_YAML_H
#define SEISMESH_BASE_CONFIG_YAML_H

#include "base/err.h"
#include "base/slice.h"

typedef struct {
    void *context;
    /* One setting. Returns false, with a sentence (without the line) in `why`, to refuse it. */
    bool (*setting)(void *context, const char *key, const char *value, int line, char *why, size_t why_size);
    /* Sections (by their names at the top, ended by NULL) that are not read here, but kept as text by `section`; NULL =
     * none. */
    const char *const *kept;
    void (*section)(void *context, const char *name, slice_t text, int line);
} config_yaml_sink_t;

enum { CONFIG_YAML_DEPTH_MAX = 8, CONFIG_YAML_BYTES_MAX = 4 << 20 };

/* Reads the document. ERR_INVALID: `why` gets "LINE: sentence". */
err_t config_yaml_read(slice_t text, const config_yaml_sink_t *sink, char *why, size_t why_size);

#endif
