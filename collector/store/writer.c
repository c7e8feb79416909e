#include "collector/store/writer.h"

#include "base/background.h"
#include "base/log.h"
#include "base/memory.h"
#include "collector/store/retention.h"
#include "collector/store/transaction.h"
#include "collector/store/wal.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

struct writer {
    pthread_t thread;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    writer_status_t status; /* by mutex, as `stop` */
    bool stop;
    bool complained; /* said in the log that it fails */
    job_t job;       /* the writing thread's while WORKING, else the folding thread's */
    connection_t connection;
    store_config_t config;
    char *path;
    counters_t *counters;
    _Atomic uint64_t position;
};

/* The job on disk, once: also when an earlier try reported an error after all was written. */
static err_t write_job(writer_t *writer) {
    connection_t *connection = &writer->connection;
    const job_t *job = &writer->job;
    err_t err = connection->db == NULL
                    ? connection_open(connection, writer->path, writer->config.retention_bytes, writer->counters)
                    : ERR_OK;
    if (err != ERR_OK) return err;
    assert(connection->meta.checkpoints == job->sequence || connection->meta.checkpoints == job->sequence - 1);
    if (connection->meta.checkpoints == job->sequence) return wal_copy(connection->db, SQLITE_CHECKPOINT_FULL);
    int64_t kept[RESOLUTIONS] = {INT64_MIN, INT64_MIN, INT64_MIN};
    retention_bounds(&writer->config, job->closed_before, kept);
    return transaction_write(connection, job, kept);
}

static void complain(writer_t *writer, const char *doing, err_t err) {
    if (writer->complained) return;
    writer->complained = true;
    const char *detail = writer->connection.db != NULL ? sqlite3_errmsg(writer->connection.db) : err_text(err);
    log_error("store: %s %s failed: %s; nothing is lost, it is tried again", doing, writer->path, detail);
}

static bool work(writer_t *writer) {
    err_t err = write_job(writer);
    if (err != ERR_OK) {
        counters_add(writer->counters, COUNTER_CHECKPOINT_FAILURES, 1);
        complain(writer, "writing a checkpoint to", err);
        connection_close(&writer->connection);
        return false;
    }
    atomic_store_explicit(&writer->position, (uint64_t)writer->job.position, memory_order_release);
    counters_add(writer->counters, COUNTER_CHECKPOINTS, 1);
    err = retention_run(&writer->connection, &writer->config);
    if (err == ERR_OK) err = wal_tend(writer->connection.db, &writer->connection.wal);
    if (err == ERR_OK) {
        writer->complained = false;
    } else { /* the job is on disk; housekeeping comes again with the next */
        complain(writer, "housekeeping in", err);
        connection_close(&writer->connection);
    }
    return true;
}

static void *run(void *argument) {
    writer_t *writer = argument;
    background_thread();
    (void)pthread_mutex_lock(&writer->mutex);
    while (!writer->stop || writer->status == WRITER_WORKING) {
        if (writer->status != WRITER_WORKING) {
            (void)pthread_cond_wait(&writer->changed, &writer->mutex);
            continue;
        }
        (void)pthread_mutex_unlock(&writer->mutex);
        bool done = work(writer);
        (void)pthread_mutex_lock(&writer->mutex);
        writer->status = done ? WRITER_IDLE : WRITER_FAILED;
        (void)pthread_cond_broadcast(&writer->changed);
    }
    (void)pthread_mutex_unlock(&writer->mutex);
    return NULL;
}

writer_t *writer_new(const store_config_t *config, const char *path, const meta_t *meta, counters_t *counters) {
    writer_t *writer = memory_new(1, sizeof *writer);
    writer->config = *config;
    writer->path = memory_text(path);
    writer->counters = counters;
    atomic_init(&writer->position, (uint64_t)meta->position);
    int failed = pthread_mutex_init(&writer->mutex, NULL) | pthread_cond_init(&writer->changed, NULL) |
                 pthread_create(&writer->thread, NULL, run, writer);
    assert(failed == 0);
    return writer;
}

static void set_status(writer_t *writer, writer_status_t status) {
    writer->status = status;
    (void)pthread_cond_broadcast(&writer->changed);
}

void writer_free(writer_t *writer) {
    (void)pthread_mutex_lock(&writer->mutex);
    writer->stop = true;
    (void)pthread_cond_broadcast(&writer->changed);
    (void)pthread_mutex_unlock(&writer->mutex);
    (void)pthread_join(writer->thread, NULL);
    connection_close(&writer->connection); /* the last connection to go copies the WAL into the file */
    job_fini(&writer->job);
    (void)pthread_cond_destroy(&writer->changed);
    (void)pthread_mutex_destroy(&writer->mutex);
    free(writer->path);
    free(writer);
}

writer_status_t writer_status(writer_t *writer) {
    (void)pthread_mutex_lock(&writer->mutex);
    writer_status_t status = writer->status;
    (void)pthread_mutex_unlock(&writer->mutex);
    return status;
}

void writer_give(writer_t *writer, job_t *job) {
    (void)pthread_mutex_lock(&writer->mutex);
    assert(writer->status == WRITER_IDLE);
    job_t before = writer->job;
    writer->job = *job;
    *job = before;
    set_status(writer, WRITER_WORKING);
    (void)pthread_mutex_unlock(&writer->mutex);
    job_clear(job);
}

void writer_retry(writer_t *writer) {
    (void)pthread_mutex_lock(&writer->mutex);
    if (writer->status == WRITER_FAILED) set_status(writer, WRITER_WORKING);
    (void)pthread_mutex_unlock(&writer->mutex);
}

writer_status_t writer_wait(writer_t *writer) {
    (void)pthread_mutex_lock(&writer->mutex);
    while (writer->status == WRITER_WORKING) (void)pthread_cond_wait(&writer->changed, &writer->mutex);
    writer_status_t status = writer->status;
    (void)pthread_mutex_unlock(&writer->mutex);
    return status;
}

uint64_t writer_position(const writer_t *writer) {
    return atomic_load_explicit(&writer->position, memory_order_acquire);
}
