/* detector: one numeric series, streaming. The same code serves `seismesh detect`, and the analyzer's gauges. */
#ifndef SEISMESH_ANALYZER_DETECTOR_H
#define SEISMESH_ANALYZER_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>

typedef struct detector detector_t;

/* `period_s`: spacing of the points, 0 = learned from them. */
detector_t *detector_new(double period_s);
void detector_free(detector_t *detector);

/* Gives the next point and returns its anomaly score (0..1), which depends on this and earlier points only. NaN and
 * points that go back in time get 0 and are not learned. */
double detector_add(detector_t *detector, int64_t time_ns, double value);

#endif
