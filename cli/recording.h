/* recording: OTLP requests kept in files, read back in order of event time. A file holds JSON lines (one export request
 * a line) or varint-length-delimited protobuf messages, plain, .gz or .zst. Several files are merged: at each step the
 * one whose next request is earliest comes first.
 *
 *     recording_t *recording;
 *     err_t err = recording_open(files, count, &recording, why, sizeof why);
 *     while ((err = recording_next(recording, &item, why, sizeof why)) == ERR_OK) use(&item);
 *     if (err != ERR_CLOSED) complain(why);
 *     recording_close(recording); */
#ifndef SEISMESH_CLI_RECORDING_H
#define SEISMESH_CLI_RECORDING_H

#include "collector/fold/otlp.h"

typedef struct {
    otlp_kind_t kind;
    int64_t event_ns; /* latest end of a span, time of a point or record in the request; 0 when it has none */
    slice_t payload;  /* protobuf; borrowed until the next recording_next */
    const char *file;
    uint64_t line; /* or message, counted from 1 */
} recording_item_t;

typedef struct recording recording_t;

/* ERR_NOT_FOUND, ERR_IO, ERR_UNSUPPORTED (neither of the formats); `why` names the file. */
err_t recording_open(const char *const *files, size_t count, recording_t **out, char *why, size_t why_size);
void recording_close(recording_t *recording);

/* The next request. ERR_CLOSED: that was all. ERR_MALFORMED: `why` names file, line and what is wrong. */
err_t recording_next(recording_t *recording, recording_item_t *item, char *why, size_t why_size);

/* Bytes of the files as they are on disk: read so far, and in all. For progress bars. */
void recording_progress(const recording_t *recording, uint64_t *read_bytes, uint64_t *total_bytes);

#endif
