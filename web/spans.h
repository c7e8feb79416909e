/* spans: stored OTLP spans as the API shows them. */
#ifndef SEISMESH_WEB_SPANS_H
#define SEISMESH_WEB_SPANS_H

#include "collector/dialect/dialect.h"

#include <jansson.h>

typedef struct span_reader span_reader_t;

/* `dialects` tell who a resource is (as the fold has it); NULL: by service.name and service.namespace alone. */
span_reader_t *span_reader_new(const dialect_set_t *dialects);
void span_reader_free(span_reader_t *reader);

/* A span of docs/api.md out of encoded Resource and Span messages; NULL when they do not decode. */
json_t *span_document(span_reader_t *reader, slice_t resource, slice_t span);

#endif
