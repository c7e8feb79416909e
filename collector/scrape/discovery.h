/* discovery: where targets come from. Each kind fills in discovery_ops_t and stands in the list of discovery.c; the
 * scraping thread asks each member about once a second. */
#ifndef SEISMESH_SCRAPE_DISCOVERY_H
#define SEISMESH_SCRAPE_DISCOVERY_H

#include "base/counters.h"
#include "collector/scrape/targets.h"

typedef struct discovery discovery_t;

typedef struct {
    const char *name; /* "static", "file", "kubernetes" */
    /* Brings `targets` up to date where something has changed. Never waits for a network. */
    void (*poll)(discovery_t *discovery, targets_t *targets);
    void (*stop)(discovery_t *discovery); /* ends its threads, and frees all but the memory of itself */
} discovery_ops_t;

enum { DISCOVERY_ERROR_MAX = 300 };

/* First member of each kind. */
struct discovery {
    const discovery_ops_t *ops;
    const scrape_job_t *job;
    uint64_t source; /* see targets.h */
    counters_t *counters;
    pthread_mutex_t lock;            /* guards `error`; and what a kind says */
    char error[DISCOVERY_ERROR_MAX]; /* what is wrong now, for people; "" = nothing */
};

/* All of the job's, appended to `list` (room for discovery_count). The job is borrowed. */
size_t discovery_count(const scrape_job_t *job);
size_t discovery_open(const scrape_job_t *job, uint64_t first_source, counters_t *counters, discovery_t **list);

void discovery_free(discovery_t *discovery);

discovery_t *discover_static(const scrape_job_t *job);
discovery_t *discover_files(const scrape_job_t *job, const file_discovery_t *config);
discovery_t *discover_kubernetes(const scrape_job_t *job, const kubernetes_discovery_t *config);

/* Says what is wrong (or, with an empty format, that nothing is any more): in the log and in `error`, once per change,
 * and counted. */
void discovery_say(discovery_t *discovery, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
