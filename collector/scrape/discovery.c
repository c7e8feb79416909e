#include "collector/scrape/discovery.h"

#include "base/log.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- targets that the configuration names ---- */

typedef struct {
    discovery_t base;
    bool told;
} static_t;

static void static_poll(discovery_t *discovery, targets_t *targets) {
    static_t *own = (static_t *)discovery;
    const target_groups_t *groups = &discovery->job->groups;
    if (own->told) return;
    own->told = true;
    targets_begin(targets, discovery->source);
    for (size_t i = 0; i < groups->count; i++)
        targets_add_group(targets, discovery->source, discovery->job, &groups->list[i]);
    targets_end(targets, discovery->source);
    if (targets->refused > 0) discovery_say(discovery, "%s", targets->why);
}

static void static_stop(discovery_t *discovery) {
    (void)discovery;
}

discovery_t *discover_static(const scrape_job_t *job) {
    static const discovery_ops_t ops = {"static", static_poll, static_stop};
    static_t *own = memory_new(1, sizeof *own);
    own->base = (discovery_t){.ops = &ops, .job = job};
    return &own->base;
}

/* ---- all kinds ---- */

size_t discovery_count(const scrape_job_t *job) {
    return 1 + job->file_count + job->kubernetes_count;
}

size_t discovery_open(const scrape_job_t *job, uint64_t first_source, counters_t *counters, discovery_t **list) {
    size_t count = 0;
    list[count++] = discover_static(job);
    for (size_t i = 0; i < job->file_count; i++) list[count++] = discover_files(job, &job->files[i]);
    for (size_t i = 0; i < job->kubernetes_count; i++) list[count++] = discover_kubernetes(job, &job->kubernetes[i]);
    for (size_t i = 0; i < count; i++) {
        list[i]->source = first_source + i;
        list[i]->counters = counters;
        (void)pthread_mutex_init(&list[i]->lock, NULL);
    }
    return count;
}

void discovery_free(discovery_t *discovery) {
    discovery->ops->stop(discovery);
    (void)pthread_mutex_destroy(&discovery->lock);
    free(discovery);
}

void discovery_say(discovery_t *discovery, const char *format, ...) {
    char text[DISCOVERY_ERROR_MAX], quoted[DISCOVERY_ERROR_MAX];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(text, sizeof text, format, args);
    va_end(args);
    (void)log_quote(quoted, sizeof quoted, slice_text(text));
    (void)pthread_mutex_lock(&discovery->lock);
    bool changed = strcmp(discovery->error, quoted) != 0;
    (void)snprintf(discovery->error, sizeof discovery->error, "%s", quoted);
    (void)pthread_mutex_unlock(&discovery->lock);
    if (!changed) return;
    if (quoted[0] != '\0') {
        counters_add(discovery->counters, COUNTER_SCRAPE_DISCOVERY, 1);
        log_warn("scrape job %s, %s discovery: %s", discovery->job->name, discovery->ops->name, quoted);
    } else {
        log_info("scrape job %s, %s discovery: fine again", discovery->job->name, discovery->ops->name);
    }
}
