/* progress: a bar for long work when standard error is a terminal, a line every few seconds when it is not. */
#ifndef SEISMESH_CLI_PROGRESS_H
#define SEISMESH_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

typedef struct {
    const char *what;
    bool terminal;
    int64_t start_ns, shown_ns;
} progress_t;

void progress_start(progress_t *progress, const char *what);

/* Cheap: draws at most ten times a second on a terminal, every 5 s otherwise. */
void progress_show(progress_t *progress, uint64_t done, uint64_t total);

/* Takes the bar away. */
void progress_end(progress_t *progress);

#endif
