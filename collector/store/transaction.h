/* transaction: the rows of one job, written. Used by the writing thread only. */
#ifndef SEISMESH_STORE_TRANSACTION_H
#define SEISMESH_STORE_TRANSACTION_H

#include "base/counters.h"
#include "collector/store/job.h"
#include "collector/store/wal.h"

typedef enum {
    PUT_NAME,
    PUT_ENTITY,
    PUT_STATE,
    GET_FRAME,
    PUT_FRAME,
    LIST_FRAMES,
    PUT_BLOCK,
    FIND_TRACE,
    ADD_TRACE,
    CHANGE_TRACE,
    PUT_ANOMALY,
    PUT_INCIDENT,
    PUT_SUGGESTION,
    STATEMENTS
} statement_t;

/* A writing connection with its statements. */
typedef struct {
    sqlite3 *db;
    sqlite3_stmt *statements[STATEMENTS];
    meta_t meta; /* as on disk */
    counters_t *counters;
    wal_t wal;
    int64_t beside_bytes; /* of the data directory's other files: the most they had so far */
    buffer_t scratch[2];  /* encoded rows; kept between uses */
} connection_t;

err_t connection_open(connection_t *connection, const char *path, uint64_t store_bytes, counters_t *counters);
void connection_close(connection_t *connection);

/* Writes the job as one transaction; on an error it is rolled back and the connection must be closed. `kept` are the
 * bounds of retention from now on. */
err_t transaction_write(connection_t *connection, const job_t *job, const int64_t kept[RESOLUTIONS]);

/* Parts of it. `next` is the meta that is being made. */
err_t transaction_frames(connection_t *connection, const job_t *job, const meta_t *next);
err_t transaction_traces(connection_t *connection, const job_t *job, meta_t *next);

#endif
