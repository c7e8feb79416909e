/* retention: how long things stay. By age, per resolution and for spans, measured from the closed buckets (event time,
 * so a replayed recording keeps itself); and by bytes of the whole data directory, oldest spans first, then the finest
 * rollups. Works in small transactions behind the checkpoints. What age takes depends on the data alone; what bytes
 * take also depends on when it is looked at.
 *
 * SQLite writes into pages that were freed before it makes the file longer, but does not give them back. So what is
 * counted is the pages in use, and with them the most that all other files of the directory (WAL, journal segments)
 * have taken so far, up to half of the limit: the file grows up to the limit less that, and stays. A checkpoint's rows
 * come in before others go: that, at most, the directory is over its limit. */
#ifndef SEISMESH_STORE_RETENTION_H
#define SEISMESH_STORE_RETENTION_H

#include "collector/store/store.h"
#include "collector/store/transaction.h"

/* Bounds of the frames when buckets below `closed_before` are closed: whole hours, so that a minute or an hour is
 * either made from all its finer frames or gets its late cells directly. Never lower than `kept` was. */
void retention_bounds(const store_config_t *config, int64_t closed_before, int64_t kept[RESOLUTIONS]);

/* Deletes what is out of bounds, as far as RETENTION_STEPS small transactions get; the rest goes with the next call. */
enum { RETENTION_STEPS = 256 };
err_t retention_run(connection_t *connection, const store_config_t *config);

#endif
