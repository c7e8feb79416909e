/* schema: YAML (and so JSON) into structs, by tables of keys. Every error names the line and the cure.
 *
 * An object is a struct that begins with a head_t. A list is a list_t of objects or of texts; a map is a list_t of
 * objects whose key goes into the field at `name_at`. Texts are borrowed from the document, which lives as long as the
 * schema_document_t. */
#ifndef SEISMESH_SIMULATE_SCHEMA_H
#define SEISMESH_SIMULATE_SCHEMA_H

#include "base/err.h"
#include "base/slice.h"

typedef struct {
    int line;       /* where it begins in the file, from 1; 0 = not written */
    uint64_t given; /* bit i: key i of the schema was written */
} head_t;

typedef struct {
    void *items;
    uint32_t count;
} list_t;

typedef enum {
    READ_TEXT,   /* const char * */
    READ_TIME,   /* int64_t, nanoseconds: 200us, 5ms, 1.5s, 10m, 2h, 7d */
    READ_SHARE,  /* double, 0..1: 0.2 or 20% */
    READ_REAL,   /* double */
    READ_COUNT,  /* uint32_t */
    READ_FLAG,   /* bool: true, false */
    READ_WORD,   /* uint32_t, index into `words` */
    READ_MOMENT, /* int64_t, nanoseconds since 1970: 2026-01-05T08:00:00Z */
    READ_OBJECT, /* a struct of `inner` in place */
    READ_LIST,   /* list_t of `inner`, or of const char * where `inner` is NULL */
    READ_MAP     /* list_t of `inner` */
} reading_t;

typedef struct schema schema_t;

typedef struct {
    const char *key; /* NULL ends a table, unless `reading` tells the scalar form of an object */
    reading_t reading;
    size_t at;       /* offset in the struct */
    double min, max; /* of numbers, times in seconds; of lists and maps: how many items */
    const char *const *words;
    const schema_t *inner;
    bool needed;
} field_t;

struct schema {
    const char *what; /* "a service", for sentences */
    size_t size;
    size_t name_at;               /* const char *: key in a map */
    const field_t *fields;        /* ended by a row without key */
    const field_t *scalar;        /* how a plain value in the place of an object is read; NULL = not allowed */
    void (*defaults)(void *item); /* NULL = zeros */
};

typedef struct schema_document schema_document_t;

enum { SCHEMA_BYTES_MAX = 1 << 20, SCHEMA_NODES_MAX = 50000, SCHEMA_TEXT_MAX = 120 };

/* Reads `text` into `object`. ERR_INVALID with "line N: sentence"; then there is no document. */
err_t schema_read(slice_t text, const schema_t *schema, void *object, schema_document_t **out, char *why,
                  size_t why_size);
void schema_free(schema_document_t *document); /* and all that was read from it; NULL is fine */

/* Zeroed memory that lives as long as the document. */
void *schema_memory(schema_document_t *document, size_t count, size_t size);

/* Writes "line N: …" and returns ERR_INVALID. */
err_t schema_refuse(char *why, size_t why_size, int line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Of `count` names, the one written most like `name`; NULL when none is near. `next(context, i)` gives them. */
const char *schema_nearest(const char *name, const char *(*next)(const void *context, uint32_t i), const void *context);

#endif
