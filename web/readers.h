/* readers: the store's read connections, shared by the web's threads. A request takes one for as long as it runs. */
#ifndef SEISMESH_WEB_READERS_H
#define SEISMESH_WEB_READERS_H

#include "collector/store/query.h"

#include <pthread.h>

enum { READERS_MAX = 16 };

typedef struct {
    const char *path;
    pthread_mutex_t lock;
    pthread_cond_t returned;
    query_t *idle[READERS_MAX];
    uint32_t idle_count, opened, limit;
} readers_t;

void readers_init(readers_t *readers, const char *path, uint32_t limit);
void readers_fini(readers_t *readers); /* all were given back */

/* Waits for one or opens one, which the caller gives back; ERR_IO (*out is NULL) when it cannot be opened. */
err_t readers_take(readers_t *readers, query_t **out);
void readers_give(readers_t *readers, query_t *query);

#endif
