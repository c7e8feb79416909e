/* sketch: a latency distribution as a base-2 exponential histogram (OpenTelemetry data model, ExponentialHistogram).
 * Bucket i at scale s holds (2^(i / 2^s), 2^((i + 1) / 2^s)] nanoseconds. Starts at scale 6 and halves its resolution
 * only when its range outgrows SKETCH_BUCKETS_MAX. The relative error of a quantile is at most
 * (2^(2^-scale) - 1) / (2^(2^-scale) + 1): 0.54 % at scale 6. All state is integers, and the final state depends only
 * on the multiset of values, so merging in any order and grouping gives the same bits. */
#ifndef SEISMESH_ROLLUP_SKETCH_H
#define SEISMESH_ROLLUP_SKETCH_H

#include "base/buffer.h"
#include "base/bytes.h"

enum { SKETCH_SCALE_MAX = 6, SKETCH_SCALE_MIN = -10, SKETCH_BUCKETS_MAX = 1280 };

/* A count takes as few bytes as the greatest of its sketch needs: a sketch of some hundred requests, of which a mesh
 * has thousands, takes a fourth of the memory and of the cache lines that 32 bits would. */
typedef enum { COUNT_BYTE, COUNT_PAIR, COUNT_WORD } count_width_t; /* binary logarithm of the bytes */

typedef struct {
    uint64_t count;  /* observations, zeros included */
    uint64_t zeros;  /* observations of 0 ns */
    uint64_t sum_ns; /* saturates */
    uint64_t min_ns; /* valid when count > 0 */
    uint64_t max_ns;
    int32_t offset;    /* index of the first bucket */
    uint32_t buckets;  /* from the first that holds something to the last */
    uint32_t capacity; /* bytes of `counts` */
    int8_t scale;
    bool coarse;   /* some observations came out of wide explicit buckets: quantiles are no better than those */
    uint8_t width; /* count_width_t */
    void *counts;  /* owned; NULL while empty; one that is full stays at UINT32_MAX (`count` stays exact) */
} sketch_t;

/* Where the count of bucket `at` (0 .. buckets - 1) lies, and the greatest that its width holds. */
static inline uint8_t *sketch_place(const sketch_t *sketch, uint32_t at) {
    return (uint8_t *)sketch->counts + ((size_t)at << sketch->width);
}
static inline uint32_t sketch_most(const sketch_t *sketch) {
    static const uint32_t most[] = {UINT8_MAX, UINT16_MAX, UINT32_MAX};
    return most[sketch->width];
}

/* The count. Those of any width are read as 32 bits, lowest byte first: behind the last one is room. */
static inline uint32_t sketch_at(const sketch_t *sketch, uint32_t at) {
    uint32_t word;
    memcpy(&word, sketch_place(sketch, at), sizeof word);
    return word & sketch_most(sketch);
}

/* All counts into `out`, SKETCH_BUCKETS_MAX at most; and the buckets of a sketch that has none yet. */
void sketch_read(const sketch_t *sketch, uint32_t *out);
void sketch_set(sketch_t *sketch, const uint32_t *counts, uint32_t buckets);

/* A sketch is initialised by sketch_init and holds no memory until its first observation. */
void sketch_init(sketch_t *sketch);
void sketch_fini(sketch_t *sketch);
void sketch_clear(sketch_t *sketch); /* empties it; the memory stays, for what comes next */

/* Index of the bucket that `value_ns` (> 0) falls into at `scale`: exact, also at powers of two. */
int32_t sketch_index(uint64_t value_ns, int scale);

/* Adds `count` observations of `value_ns`. */
void sketch_add(sketch_t *sketch, uint64_t value_ns, uint64_t count);

/* The same for one observation whose index at SKETCH_SCALE_MAX is known: a request counts in several sketches. */
void sketch_add_at(sketch_t *sketch, uint64_t value_ns, int32_t index);

/* Brings the bucket that sketch_add_at will count in into the cache. */
static inline void sketch_prefetch(const sketch_t *sketch, int32_t index) {
    uint32_t at = (uint32_t)((index >> (SKETCH_SCALE_MAX - sketch->scale)) - sketch->offset);
    if (at < sketch->buckets) __builtin_prefetch(sketch_place(sketch, at), 1);
}

/* Adds to the sum only (saturating), for those who know the sum of what they add by buckets. */
void sketch_add_sum(sketch_t *sketch, uint64_t sum_ns);

/* Adds one bucket of somebody else's exponential histogram: `count` observations in bucket `index` at `scale`
 * (-10..20) of a histogram whose unit is `unit_ns` nanoseconds (1e9 for seconds). Where unit_ns is no power of two, or
 * the scale is above ours, the bucket's middle decides. The sum is the caller's to add; min and max widen to the
 * bucket's middle. */
void sketch_add_exponential(sketch_t *sketch, int scale, int32_t index, uint64_t count, double unit_ns);

/* Adds `count` observations known only to lie in (low_ns, high_ns], in whole numbers, and marks the sketch coarse.
 * Their density over log-time is taken to be proportional to exp(steepness * u) for u from 0 (low) to 1 (high); `phase`
 * (0 up to, not including, 1) says where the remainders fall: over phases that are evenly distributed no bucket gets
 * too many. high_ns may be UINT64_MAX (unbounded): they are put at low_ns. The sum is the caller's. */
void sketch_add_range(sketch_t *sketch, uint64_t low_ns, uint64_t high_ns, uint64_t count, double steepness,
                      double phase);

void sketch_merge(sketch_t *into, const sketch_t *from);

/* Removes precision so that the sketch is at `scale` (no effect when it is there already or coarser). Exact. */
void sketch_downscale(sketch_t *sketch, int scale);

/* The observation of rank floor(q * (count - 1)), counted from 0, in seconds, within sketch_error(); NaN when empty.
 * q <= 0 gives the exact minimum, q >= 1 the exact maximum. */
double sketch_quantile(const sketch_t *sketch, double q);

/* Share (0..1) of the observations at or below `value_ns`, to the bucket's resolution; NaN when empty. */
double sketch_rank(const sketch_t *sketch, uint64_t value_ns);

/* Upper bound of the relative error of sketch_quantile (0.0054 at scale 6). */
double sketch_error(const sketch_t *sketch);

/* Lower bound of bucket `index` at `scale`, in nanoseconds. */
double sketch_bound_ns(int32_t index, int scale);

/* The same, rounded down to an integer by integer arithmetic; at most UINT64_MAX. */
uint64_t sketch_bound_floor(int32_t index, int scale);

/* Makes a sketch small for good: halves its resolution until at most `used` buckets hold anything, and rounds the
 * minimum down and the maximum up to 8 significant bits (0.8 %). Count, zeros and sum stay exact. Coarsening before or
 * after a merge, or both, gives the same bits. */
void sketch_coarsen(sketch_t *sketch, uint32_t used);

/* Wire form, canonical (equal sketches give equal bytes): flags u8 (bit 0 coarse), scale zigzag, count, zeros, sum,
 * min, max varint, offset zigzag, buckets varint, then runs: varint n of zero buckets skipped, varint n of counts,
 * counts. */
void sketch_encode(const sketch_t *sketch, buffer_t *out);
/* In place of what the sketch held, whose memory is used again; false on malformed bytes; then it is empty. */
bool sketch_decode(sketch_t *sketch, bytes_t *in);

#endif
