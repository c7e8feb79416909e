#include "cli/progress.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

void progress_start(progress_t *progress, const char *what) {
    int64_t now = clock_monotonic_ns(&clock_system);
    *progress = (progress_t){.what = what, .terminal = isatty(STDERR_FILENO) == 1, .start_ns = now, .shown_ns = now};
}

void progress_show(progress_t *progress, uint64_t done, uint64_t total) {
    enum { WIDTH = 32 };
    int64_t now = clock_monotonic_ns(&clock_system);
    if (now - progress->shown_ns < (progress->terminal ? 100 * NS_PER_MS : 5 * NS_PER_S)) return;
    progress->shown_ns = now;
    double share = total == 0 ? 0 : (double)done / (double)total;
    double spent = (double)(now - progress->start_ns) * 1e-9, left = share > 0 ? spent / share - spent : 0;
    if (!progress->terminal) {
        (void)fprintf(stderr, "%s: %.0f %% after %.0f s, about %.0f s left\n", progress->what, share * 100, spent,
                      left);
        return;
    }
    char bar[WIDTH + 1];
    int filled = (int)(share * WIDTH);
    memset(bar, '.', WIDTH);
    memset(bar, '#', (size_t)(filled > WIDTH ? WIDTH : filled));
    bar[WIDTH] = '\0';
    (void)fprintf(stderr, "\r%s [%s] %3.0f %%  %.0f s left ", progress->what, bar, share * 100, left);
}

void progress_end(progress_t *progress) {
    if (progress->terminal) (void)fputs("\r\033[K", stderr);
}
