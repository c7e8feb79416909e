/* packer: the thread that compresses full span blocks while the folding thread goes on. What waits for a checkpoint
 * waits compressed, in a sixth of the memory, so that checkpoints need not come early for the memory's sake. */
#ifndef SEISMESH_STORE_PACKER_H
#define SEISMESH_STORE_PACKER_H

#include "base/buffer.h"

#include <stdint.h>

/* A span block that is being filled. */
typedef struct {
    int64_t id;
    int64_t start_ns, end_ns; /* of its spans */
    int64_t spans;
    buffer_t raw;
} open_block_t;

typedef struct packer packer_t;

/* A full one. */
typedef struct packed_block packed_block_t;
struct packed_block {
    open_block_t open; /* as it was; `raw` is empty once packed */
    uint64_t raw_bytes;
    buffer_t packed;      /* spanblock.h; valid after packer_wait */
    _Atomic size_t bytes; /* that it holds now, raw or packed */
    packer_t *packer;
    bool done;
    packed_block_t *next; /* in the queue */
};

packer_t *packer_new(void);
void packer_free(packer_t *packer); /* blocks still in the queue stay as they are: nobody may wait for them any more */

/* Takes the block's bytes over and leaves an empty buffer. The result is the caller's, for packed_block_free. */
packed_block_t *packer_give(packer_t *packer, open_block_t *block);
void packer_wait(packed_block_t *block); /* until it is packed; any thread */
void packed_block_free(packed_block_t *block);

#endif
