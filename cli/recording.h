/* recording: several recorded files as one stream of OTLP requests in the order in which they happened. Unpacking,
 * decoding and merging happen in a thread of their own, a few requests ahead of the reader.
 *
 *     recording_open(paths, count, &recording, why, sizeof why);
 *     while ((err = recording_next(recording, &item, why, sizeof why)) == ERR_OK) use(&item);
 *     recording_close(recording);                                    // err is ERR_NOT_FOUND at a good end */
#ifndef SEISMESH_CLI_RECORDING_H
#define SEISMESH_CLI_RECORDING_H

#include "base/err.h"
#include "collector/fold/otlp.h"

typedef struct {
    otlp_kind_t kind;
    int64_t event_ns; /* when the last thing in it happened, as it would have been sent then. Within a file it never
                         goes back: a request older than the one before it has that one's time */
    uint64_t items;   /* spans, data points or log records */
    slice_t payload;  /* protobuf; borrowed until the next recording_next */
    const char *file; /* where it comes from; one of the paths that recording_open was given, which must live on */
    uint64_t line;    /* or number of the message, from 1 */
} recorded_t;

typedef struct recording recording_t;

/* Opens all files and reads the beginning of each. ERR_IO, or as recording_next. */
err_t recording_open(const char *const *paths, size_t count, recording_t **out, char *why, size_t why_size);
void recording_close(recording_t *recording);

/* The next request of all files by event time (files in the order given when times are equal). ERR_NOT_FOUND at the
 * end; ERR_IO, ERR_MALFORMED, ERR_TOO_LARGE: `why` names file and line. */
err_t recording_next(recording_t *recording, recorded_t *item, char *why, size_t why_size);

/* For progress: bytes of all files, and how many of them were read. 0 when not known (standard input). */
uint64_t recording_bytes(const recording_t *recording);
uint64_t recording_bytes_read(const recording_t *recording);

#endif
