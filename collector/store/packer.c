#include "collector/store/packer.h"

#include "base/background.h"
#include "base/memory.h"
#include "collector/store/spanblock.h"

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { SPARES = 2 };

struct packer {
    pthread_t thread;
    pthread_mutex_t mutex; /* of all below, and of the blocks' bytes and `done` */
    pthread_cond_t given, packed;
    packed_block_t *first, *last; /* that wait */
    buffer_t spares[SPARES];      /* of blocks that were packed: the next ones need not grow */
    uint32_t spare_count;
    bool stop;
    buffer_t scratch; /* the thread's */
};

/* Without the mutex: nobody else looks at these bytes until `done`. */
static void pack(packer_t *packer, packed_block_t *block) {
    buffer_clear(&packer->scratch);
    spanblock_pack(buffer_slice(&block->open.raw), &packer->scratch);
    buffer_append(&block->packed, packer->scratch.data, packer->scratch.len);
    block->raw_bytes = block->open.raw.len;
}

static void let_go(packer_t *packer, buffer_t *raw) {
    if (packer->spare_count < SPARES) {
        buffer_clear(raw);
        packer->spares[packer->spare_count++] = *raw;
        *raw = (buffer_t){0};
    }
    buffer_fini(raw);
}

static void *run(void *argument) {
    packer_t *packer = argument;
    background_thread();
    (void)pthread_mutex_lock(&packer->mutex);
    while (!packer->stop) {
        packed_block_t *block = packer->first;
        if (block == NULL) {
            (void)pthread_cond_wait(&packer->given, &packer->mutex);
            continue;
        }
        packer->first = block->next;
        (void)pthread_mutex_unlock(&packer->mutex);
        pack(packer, block);
        (void)pthread_mutex_lock(&packer->mutex);
        let_go(packer, &block->open.raw);
        atomic_store_explicit(&block->bytes, block->packed.len, memory_order_relaxed);
        block->done = true;
        (void)pthread_cond_broadcast(&packer->packed);
    }
    (void)pthread_mutex_unlock(&packer->mutex);
    return NULL;
}

packer_t *packer_new(void) {
    packer_t *packer = memory_new(1, sizeof *packer);
    int failed = pthread_mutex_init(&packer->mutex, NULL) | pthread_cond_init(&packer->given, NULL) |
                 pthread_cond_init(&packer->packed, NULL) | pthread_create(&packer->thread, NULL, run, packer);
    assert(failed == 0);
    return packer;
}

void packer_free(packer_t *packer) {
    (void)pthread_mutex_lock(&packer->mutex);
    packer->stop = true;
    (void)pthread_cond_signal(&packer->given);
    (void)pthread_mutex_unlock(&packer->mutex);
    (void)pthread_join(packer->thread, NULL);
    (void)pthread_cond_destroy(&packer->packed);
    (void)pthread_cond_destroy(&packer->given);
    (void)pthread_mutex_destroy(&packer->mutex);
    for (uint32_t i = 0; i < packer->spare_count; i++) buffer_fini(&packer->spares[i]);
    buffer_fini(&packer->scratch);
    free(packer);
}

packed_block_t *packer_give(packer_t *packer, open_block_t *block) {
    packed_block_t *full = memory_new(1, sizeof *full);
    full->open = *block;
    full->packer = packer;
    atomic_init(&full->bytes, block->raw.len);
    block->raw = (buffer_t){0};
    (void)pthread_mutex_lock(&packer->mutex);
    if (packer->first == NULL)
        packer->first = full;
    else
        packer->last->next = full;
    packer->last = full;
    if (packer->spare_count > 0) block->raw = packer->spares[--packer->spare_count];
    (void)pthread_cond_signal(&packer->given);
    (void)pthread_mutex_unlock(&packer->mutex);
    return full;
}

void packer_wait(packed_block_t *block) {
    packer_t *packer = block->packer;
    (void)pthread_mutex_lock(&packer->mutex);
    while (!block->done) (void)pthread_cond_wait(&packer->packed, &packer->mutex);
    (void)pthread_mutex_unlock(&packer->mutex);
}

void packed_block_free(packed_block_t *block) {
    buffer_fini(&block->open.raw);
    buffer_fini(&block->packed);
    free(block);
}
