/* scraper: asks proxies for their pages, so that no Collector is needed in front. A thread of its own finds targets,
 * fetches each once per interval, makes OTLP of what dialects read (translate.h), and gives it to the journal as
 * receivers do: what is scraped is journaled before it is folded. A page that the journal does not take is dropped and
 * counted; counters are cumulative, so the next one brings what it would have.
 *
 *     err_t err = scraper_start(&config, &scraper, why, sizeof why);
 *     scraper_visit(scraper, &visitor, context);    any thread
 *     scraper_stop(scraper);                        before the journal is closed
 *     scraper_free(scraper);                        when nobody visits it any more */
#ifndef SEISMESH_SCRAPE_SCRAPER_H
#define SEISMESH_SCRAPE_SCRAPER_H

#include "collector/receive/receiver.h"
#include "collector/scrape/targets.h"

typedef struct {
    const scrape_config_t *jobs;
    const dialect_set_t *dialects;
    intake_t *intake;
    receiver_config_t limits; /* its request_bytes and memory_bytes */
    uint32_t connections;     /* pages fetched at once */
    uint32_t targets;         /* at most; more are left out and counted */
} scraper_config_t;

typedef struct scraper scraper_t;

/* All of the config's pointers are borrowed until scraper_free returns. ERR_NOMEM, with `why`. */
err_t scraper_start(const scraper_config_t *config, scraper_t **out, char *why, size_t why_size);

/* Ends the thread, and waits for the journal's answers. */
void scraper_stop(scraper_t *scraper);
void scraper_free(scraper_t *scraper);

typedef struct {
    /* A target and its record; valid during the call, under a lock: copy, and do not wait. NULL = not wanted. */
    void (*target)(void *context, const target_t *target);
    /* A way of discovery; `error` is what is wrong with it now, "" when nothing is. */
    void (*discovery)(void *context, const char *job, const char *kind, const char *error);
} scrape_visitor_t;

void scraper_visit(scraper_t *scraper, const scrape_visitor_t *visitor, void *context);

#endif
