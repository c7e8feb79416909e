/* writer: the thread that puts jobs on disk, one transaction each, and then keeps the store within its bounds.
 *
 * A failed transaction loses nothing: the job stays with the writer until it is on disk. The connection is closed and
 * opened anew before the next try, since SQLite's state after an I/O error is not to be relied on; and as a COMMIT that
 * reported an error may have reached the disk all the same, the number of the last checkpoint is read before anything
 * is written again. */
#ifndef SEISMESH_STORE_WRITER_H
#define SEISMESH_STORE_WRITER_H

#include "collector/store/job.h"
#include "collector/store/store.h"

typedef struct writer writer_t;

writer_t *writer_new(const store_config_t *config, const char *path, const meta_t *meta, counters_t *counters);
void writer_free(writer_t *writer); /* waits for the job at hand; what failed stays undone */

typedef enum { WRITER_IDLE, WRITER_WORKING, WRITER_FAILED } writer_status_t;

writer_status_t writer_status(writer_t *writer);

/* Hands over a job when the writer is idle, and takes back the memory of the one before: the two change contents. */
void writer_give(writer_t *writer, job_t *job);

/* Tries the failed job again. */
void writer_retry(writer_t *writer);

/* Waits while it works. */
writer_status_t writer_wait(writer_t *writer);

/* Journal position of the last checkpoint on disk. */
uint64_t writer_position(const writer_t *writer);

#endif
