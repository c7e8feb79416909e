/* check: reads all of a store and of its journal, and says what does not read back. Reads only, within one transaction,
 * so that a server may go on writing meanwhile. */
#ifndef SEISMESH_STORE_CHECK_H
#define SEISMESH_STORE_CHECK_H

#include "collector/store/meta.h"

typedef enum {
    CHECK_DAMAGE, /* something is lost, or will be */
    CHECK_NOTE    /* worth knowing; harmless */
} check_kind_t;

/* Gets one sentence each; `text` says what, where and what to do. */
typedef void check_say_fn(void *context, check_kind_t kind, const char *text);

typedef struct {
    const char *directory;
    check_say_fn *say;
    void *context;
    sqlite3 *db; /* in a read transaction */
    meta_t meta;
    bounds_t bounds;
    int64_t names, entities; /* ids below are known */
    uint64_t frames, chunks, cells, blocks, spans, traces, segments, records, damages;
} check_t;

/* Everything, in this order; the counts are in `check`. ERR_OK: it was looked through, damaged or not. ERR_NOT_FOUND,
 * ERR_FOREIGN, ERR_BUSY, ERR_IO: it could not be, `why` has the sentence. */
err_t check_store(const char *directory, check_say_fn *say, void *context, check_t *check, char *why, size_t why_size);

/* Its parts. */
err_t check_tables(check_t *check);
void check_journal(check_t *check);
void check_tell(check_t *check, check_kind_t kind, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
