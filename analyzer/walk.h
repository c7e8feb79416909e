/* walk: a list of fields, written once, that serves both directions of the analyzer's state: with `out` set every field
 * is appended, with `in` set it is read. A field that does not fit clears `ok`, and what is read from then on is 0. */
#ifndef SEISMESH_ANALYZER_WALK_H
#define SEISMESH_ANALYZER_WALK_H

#include "analyzer/histogram.h"
#include "base/buffer.h"
#include "base/bytes.h"

typedef struct {
    buffer_t *out;
    bytes_t *in;
    uint8_t version;
    bool ok;
} walk_t;

void walk_u64(walk_t *walk, uint64_t *value);
void walk_u32(walk_t *walk, uint32_t *value, uint32_t max); /* varints that must not be above `max` */
void walk_u16(walk_t *walk, uint16_t *value, uint16_t max);
void walk_u8(walk_t *walk, uint8_t *value, uint8_t max);
void walk_bool(walk_t *walk, bool *value);
void walk_i64(walk_t *walk, int64_t *value);

/* An instant in units of so many ns since 1970, and within 146 years of it, so that differences and the next bucket can
 * be reckoned with. The second one may also be INT64_MIN: none. */
void walk_instant(walk_t *walk, int64_t *value, int64_t unit_ns);
void walk_instant_or_none(walk_t *walk, int64_t *value, int64_t unit_ns);
void walk_f64(walk_t *walk, double *value);
void walk_f32(walk_t *walk, float *value);
void walk_histogram(walk_t *walk, histogram_t *histogram);

/* Reads a count of things that take at least `least` bytes each; 0 when there cannot be so many. */
uint32_t walk_count(walk_t *walk, size_t least);

#endif
