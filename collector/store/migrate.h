/* migrate: how a store of an older version becomes one of the next. A released version's step is never changed. */
#ifndef SEISMESH_STORE_MIGRATE_H
#define SEISMESH_STORE_MIGRATE_H

#include "collector/store/sql.h"

/* Takes the store from `version` to version + 1, in one transaction: when it is interrupted or fails, the store is as
 * it was before. ERR_UNSUPPORTED when there is no step from this version. */
err_t migrate_step(sqlite3 *db, int version);

#endif
