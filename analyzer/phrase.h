/* phrase: numbers and names as people read them, for sentences. Each writes into the caller's buffer and returns it. */
#ifndef SEISMESH_ANALYZER_PHRASE_H
#define SEISMESH_ANALYZER_PHRASE_H

#include <stddef.h>
#include <stdint.h>

enum { PHRASE_BYTES = 96 };

typedef struct {
    char text[PHRASE_BYTES];
} phrase_t;

const char *phrase_seconds(phrase_t *phrase, double seconds); /* "340 us", "12 ms", "1.9 s", "4 min" */
const char *phrase_share(phrase_t *phrase, double share);     /* "12 %", "0.4 %" */
const char *phrase_factor(phrase_t *phrase, double factor);   /* "40 times", "2.1 times" */
const char *phrase_count(phrase_t *phrase, double count);     /* "12", "4.2", "3,100" */
const char *phrase_rate(phrase_t *phrase, double per_second); /* "420/s", "0.2/s" */
const char *phrase_time(phrase_t *phrase, int64_t time_ns);   /* "2022-08-22 04:27:10 UTC" */

#endif
