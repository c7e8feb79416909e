/* detector: one numeric series, streaming: how unusual is each point, given all before it? `seismesh detect` runs it.
 * The daemon's own signals are counts and distributions, tested as such by detect_*.c; nothing of this runs per series
 * and tick there (it keeps 75 KiB for a series and takes two microseconds for a point). */
#ifndef SEISMESH_ANALYZER_DETECTOR_H
#define SEISMESH_ANALYZER_DETECTOR_H

#include <stdint.h>

typedef struct detector detector_t;

/* `period_s`: spacing of the points, 0 = learned from them. It tells how many points make a day. */
detector_t *detector_new(double period_s);
void detector_free(detector_t *detector);

/* Gives the next point and returns its anomaly score (0..1), which depends on this and earlier points only. From 0.5 on
 * a person would want to look. One event gets one high score, then silence unless it grows. The first 100 points get 0.
 * NaN, infinities, and points that go back in time get 0 and are not learned. */
double detector_add(detector_t *detector, int64_t time_ns, double value);

#endif
