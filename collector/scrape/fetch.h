/* fetch: many pages at once over HTTP (libcurl's multi interface), in the thread that calls. Connections are kept and
 * used again; redirects are not followed; a page is read no further than its job allows, within its job's time, and all
 * of them together are held within the memory that receivers share (receiver.h). */
#ifndef SEISMESH_SCRAPE_FETCH_H
#define SEISMESH_SCRAPE_FETCH_H

#include "collector/receive/intake.h"
#include "collector/scrape/targets.h"

typedef struct {
    target_t *target;
    int64_t wall_ns; /* when it was asked */
    double duration_s;
    slice_t page; /* valid during the call */
    bool openmetrics;
    counter_t failure; /* COUNTER_COUNT = it went well */
    const char *error; /* why it did not */
} fetched_t;

typedef void (*fetch_done_fn)(void *context, const fetched_t *fetched);

typedef struct fetcher fetcher_t;

/* NULL: libcurl cannot start. `connections` pages are fetched at once at most. */
fetcher_t *fetcher_new(uint32_t connections, intake_t *intake, const receiver_config_t *limits, fetch_done_fn done,
                       void *context);

/* Drops what is under way, without a word. */
void fetcher_free(fetcher_t *fetcher);

/* Asks the target. False: all connections are busy. What fails at once is told by `done` before this returns. */
bool fetcher_begin(fetcher_t *fetcher, target_t *target);

/* Works for at most wait_ms, or until something happened; `done` is called from here. */
void fetcher_work(fetcher_t *fetcher, int64_t wait_ms);

/* Makes fetcher_work return. Any thread. */
void fetcher_wake(fetcher_t *fetcher);

#endif
