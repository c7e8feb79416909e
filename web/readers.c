#include "web/readers.h"

#include "base/log.h"

#include <assert.h>

void readers_init(readers_t *readers, const char *path, uint32_t limit) {
    *readers = (readers_t){.path = path, .limit = limit < READERS_MAX ? limit : READERS_MAX};
    (void)pthread_mutex_init(&readers->lock, NULL);
    (void)pthread_cond_init(&readers->returned, NULL);
}

void readers_fini(readers_t *readers) {
    assert(readers->idle_count == readers->opened);
    while (readers->idle_count > 0) query_close(readers->idle[--readers->idle_count]);
    (void)pthread_cond_destroy(&readers->returned);
    (void)pthread_mutex_destroy(&readers->lock);
}

err_t readers_take(readers_t *readers, query_t **out) {
    (void)pthread_mutex_lock(&readers->lock);
    while (readers->idle_count == 0 && readers->opened == readers->limit)
        (void)pthread_cond_wait(&readers->returned, &readers->lock);
    bool open = readers->idle_count == 0;
    if (open)
        readers->opened++;
    else
        *out = readers->idle[--readers->idle_count];
    (void)pthread_mutex_unlock(&readers->lock);
    if (!open) return ERR_OK;

    *out = query_open(readers->path);
    if (*out != NULL) return ERR_OK;
    log_warn("web: the store cannot be opened for reading");
    (void)pthread_mutex_lock(&readers->lock);
    readers->opened--;
    (void)pthread_cond_signal(&readers->returned);
    (void)pthread_mutex_unlock(&readers->lock);
    return ERR_IO;
}

void readers_give(readers_t *readers, query_t *query) {
    (void)pthread_mutex_lock(&readers->lock);
    readers->idle[readers->idle_count++] = query;
    (void)pthread_cond_signal(&readers->returned);
    (void)pthread_mutex_unlock(&readers->lock);
}
