/* recovery: from the tables back into memory, at start. */
#ifndef SEISMESH_STORE_RECOVERY_H
#define SEISMESH_STORE_RECOVERY_H

#include "collector/store/job.h"

/* Names, entities and the frames of buckets that are not closed go into the shard, the span block that was being filled
 * into `open` (its id is set). Damaged frames and blocks are counted and left out. ERR_MALFORMED: names or entities
 * have gaps, so that ids would mean something else. */
err_t recovery_load(sqlite3 *db, const meta_t *meta, shard_t *shard, open_block_t *open, counters_t *counters);

#endif
