/* targets: what is scraped, and how it went. Discovery tells it by source, a whole list at a time:
 *
 *     targets_begin(&targets, source);
 *     targets_add_group(&targets, source, job, &group);    for each
 *     targets_end(&targets, source);                       those that were not told again are gone
 *
 * A target that is told again as it was keeps its place in time and its record. Owned by the scraping thread; the lock
 * is for those who read the record (scraper_snapshot). */
#ifndef SEISMESH_SCRAPE_TARGETS_H
#define SEISMESH_SCRAPE_TARGETS_H

#include "base/buffer.h"
#include "base/table.h"
#include "collector/scrape/scrape_config.h"

#include <pthread.h>

enum { TARGET_ERROR_MAX = 160, TARGET_URL_MAX = 2048 };

typedef struct {
    const scrape_job_t *job;
    char *url, *instance;
    origin_label_t *labels; /* ended by a name of NULL; names and values owned */
    buffer_t resource;      /* attributes, see origin_t */
    int64_t start_ns;       /* since when its process runs, 0 = not known */
    uint64_t key, source;
    bool told, gone, in_flight;
    int64_t next_ns; /* monotonic: when it is due */
    /* The record, under the lock. */
    uint64_t scrapes;   /* ended ones */
    bool up;            /* of the last one, as are the others */
    int64_t scraped_ns; /* wall clock */
    double duration_s;
    uint64_t samples, points;
    char error[TARGET_ERROR_MAX]; /* "" = it went well */
} target_t;

typedef struct {
    pthread_mutex_t lock;
    target_t **list;
    uint32_t count, capacity, max;
    table_t index;    /* by key */
    uint64_t refused; /* beyond `max`, or not usable, since the start */
    char why[200];    /* the last refusal */
} targets_t;

/* What is known of one target. Everything is borrowed. */
typedef struct {
    const char *scheme, *address, *path; /* address: HOST:PORT, or HOST */
    const char *query;                   /* "" or "a=b&c=d" */
    const origin_label_t *labels; /* ended by a name of NULL; may be NULL; those beginning with "__" are left out */
    slice_t resource;             /* attributes beyond job, instance and the job's own */
    int64_t start_ns;
} target_spec_t;

void targets_init(targets_t *targets, uint32_t max);
void targets_fini(targets_t *targets); /* none may be in flight */

void targets_begin(targets_t *targets, uint64_t source);
/* Refused, and counted, when an address or path is none, or there are too many. */
void targets_add(targets_t *targets, uint64_t source, const scrape_job_t *job, const target_spec_t *spec);
/* All of a group, with what its labels __address__, __scheme__, __metrics_path__ and __param_NAME say. */
void targets_add_group(targets_t *targets, uint64_t source, const scrape_job_t *job, const target_group_t *group);
void targets_end(targets_t *targets, uint64_t source);

void target_free(target_t *target);

#endif
