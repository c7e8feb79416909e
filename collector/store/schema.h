/* schema: what the tables look like, and whether a file has them. */
#ifndef SEISMESH_STORE_SCHEMA_H
#define SEISMESH_STORE_SCHEMA_H

#include "collector/store/sql.h"

enum {
    SCHEMA_VERSION = 5,
    SCHEMA_APPLICATION = 0x53454953 /* PRAGMA application_id: "SEIS" */
};

/* Sets up a writing connection: WAL, synchronous=FULL, no automatic WAL checkpoints. */
err_t schema_tune(sqlite3 *db);

/* Makes an empty file ours, brings an older store to SCHEMA_VERSION, each step in its own transaction, or says why not:
 * ERR_FOREIGN (not ours, or newer), ERR_IO, ERR_BUSY. `why` gets a sentence with the cure. */
err_t schema_prepare(sqlite3 *db, const char *path, char *why, size_t why_size);

/* ERR_FOREIGN unless the file is ours and of this very version (readers). */
err_t schema_check(sqlite3 *db);

#endif
