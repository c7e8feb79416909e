/* inflate: compressed request bodies, unpacked with limits. A body may be a bomb: 330 KB of zstd can hold 10 GB of
 * zeros. So the output is capped while it grows, its ratio to the input is capped beyond a free part, the window of a
 * zstd frame is capped, and so is the number of members (gzip) or frames (zstd) that follow one another. */
#ifndef SEISMESH_RECEIVE_INFLATE_H
#define SEISMESH_RECEIVE_INFLATE_H

#include "base/buffer.h"
#include "base/err.h"

typedef enum { CODING_IDENTITY, CODING_GZIP, CODING_ZSTD, CODING_UNKNOWN } coding_t;

/* The coding with this name, in any case ("gzip", "x-gzip", "zstd", "identity" or nothing at all). */
coding_t coding_named(slice_t name);

enum {
    INFLATE_RATIO_MAX = 200,          /* output bytes per input byte, beyond … */
    INFLATE_RATIO_FREE = 1024 * 1024, /* … this much output; telemetry packs 18:1 with zstd, zeros 1000:1 and more */
    INFLATE_WINDOW_LOG_MAX = 23,      /* zstd windows up to 8 MiB, as RFC 8878 wants supported */
    INFLATE_PARTS_MAX = 1024,         /* gzip members or zstd frames in one body */
};

typedef struct {
    uint64_t output_bytes;                      /* the inflated body may be so large */
    bool (*hold)(void *context, uint64_t more); /* asked before the output grows; NULL = always yes */
    void *context;
} inflate_limits_t;

/* Appends the inflated input to `out`. ERR_MALFORMED: not of this coding, damaged or cut short; ERR_TOO_LARGE: over a
 * limit above; ERR_FULL: `hold` said no; ERR_UNSUPPORTED: CODING_UNKNOWN; ERR_NOMEM. */
err_t inflate_body(coding_t coding, slice_t input, const inflate_limits_t *limits, buffer_t *out);

#endif
