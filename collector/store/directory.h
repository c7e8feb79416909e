/* directory: the data directory, and the lock that keeps a second process out of it. */
#ifndef SEISMESH_STORE_DIRECTORY_H
#define SEISMESH_STORE_DIRECTORY_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Makes the directory when absent, and locks it: *lock is a descriptor, to be closed at the end. The lock goes with
 * the process, however it dies. ERR_BUSY: another process has it; ERR_FOREIGN: it holds other files and no store;
 * ERR_IO: it cannot be made or written. `why` gets one sentence with the cure. */
err_t directory_lock(const char *directory, int *lock, char *why, size_t why_size);

/* Bytes of all files in the directory and its subdirectories but the one named; 0 when it cannot be read. */
int64_t directory_bytes_beside(const char *directory, const char *name);

#endif
