/* backup: a copy of the store as one checkpoint left it, taken while another process may be writing. SQLite's backup
 * reads within one transaction, so neither side waits for the other. The journal is not copied: the copy says up to
 * which of its positions everything is in it. */
#ifndef SEISMESH_STORE_BACKUP_H
#define SEISMESH_STORE_BACKUP_H

#include "collector/store/meta.h"

typedef struct {
    meta_t meta;
    int64_t bytes;
} backup_t;

/* Copies DIRECTORY/seismesh.sqlite to `destination`, a directory that is made, or is empty. What is there under its
 * final name is whole and synced. `progress` (may be NULL) gets pages done and all pages. ERR_NOT_FOUND (no store),
 * ERR_FOREIGN (not ours, or of another version), ERR_BUSY (the destination is in use), ERR_IO, ERR_FULL; `why` gets a
 * sentence with the cure, and the destination is as it was. */
err_t backup_take(const char *directory, const char *destination,
                  void (*progress)(void *context, uint64_t done, uint64_t total), void *context, backup_t *backup,
                  char *why, size_t why_size);

#endif
