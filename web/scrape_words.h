/* scrape_words: what is scraped and how it goes, for /api/v1/status and /metrics. Both name at most
 * SCRAPE_TARGETS_SHOWN targets, those that are down first; the others are counted. */
#ifndef SEISMESH_WEB_SCRAPE_WORDS_H
#define SEISMESH_WEB_SCRAPE_WORDS_H

#include "base/buffer.h"

#include <jansson.h>

enum { SCRAPE_TARGETS_SHOWN = 500 };

struct scraper;

/* The status document's `scrape`; null when nothing is scraped. */
json_t *scrape_words(struct scraper *scraper);

/* Families seismesh_scrape_*; nothing when nothing is scraped. */
void scrape_metrics(struct scraper *scraper, buffer_t *out);

#endif
