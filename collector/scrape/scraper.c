#include "collector/scrape/scraper.h"

#include "base/log.h"
#include "base/memory.h"
#include "collector/scrape/discovery.h"
#include "collector/scrape/fetch.h"

#include <stdio.h>
#include <stdlib.h>

enum { POLL_EVERY_MS = 1000, WAIT_MOST_MS = 1000, WAIT_LEAST_MS = 1 };

struct scraper {
    scraper_config_t config;
    targets_t targets;
    discovery_t **discoveries;
    size_t discovery_count;
    fetcher_t *fetcher;
    translator_t *translator;
    pthread_t thread;
    _Atomic bool stopping;
    pthread_mutex_t lock; /* guards `outstanding` */
    pthread_cond_t answered;
    uint32_t outstanding; /* requests that the journal has not answered */
};

/* ---- what was scraped goes to the journal ---- */

/* One request on its way. */
typedef struct {
    ticket_t ticket;
    scraper_t *scraper;
} delivery_t;

static void delivery_end(delivery_t *delivery) {
    scraper_t *scraper = delivery->scraper;
    if (delivery->ticket.answer.situation != SITUATION_ACCEPTED)
        counters_add(scraper->config.intake->counters, COUNTER_SCRAPE_NOT_JOURNALED, 1);
    ticket_release(&delivery->ticket);
    free(delivery);
    (void)pthread_mutex_lock(&scraper->lock);
    scraper->outstanding--;
    (void)pthread_cond_signal(&scraper->answered);
    (void)pthread_mutex_unlock(&scraper->lock);
}

/* The ticket is the delivery's first member. */
static void delivery_answered(ticket_t *ticket) {
    delivery_end((delivery_t *)(void *)ticket);
}

/* Takes the request's memory over. */
static void deliver(scraper_t *scraper, buffer_t *request) {
    delivery_t *delivery = memory_new(1, sizeof *delivery);
    delivery->scraper = scraper;
    ticket_init(&delivery->ticket, scraper->config.intake, &scraper->config.limits, OTLP_METRICS, delivery_answered,
                delivery_answered);
    (void)pthread_mutex_lock(&scraper->lock);
    scraper->outstanding++;
    (void)pthread_mutex_unlock(&scraper->lock);
    bool ready = ticket_hold(&delivery->ticket, request->len);
    if (!ready) answer_set(&delivery->ticket.answer, SITUATION_OVERLOAD, NULL);
    if (ready && intake_prepare(&delivery->ticket, FORMAT_PROTOBUF, CODING_IDENTITY, request))
        intake_commit(&delivery->ticket, request);
    else
        delivery_end(delivery);
    buffer_fini(request);
}

/* ---- what came of a scrape ---- */

static void record(scraper_t *scraper, const fetched_t *fetched, const page_result_t *result, const char *error) {
    target_t *target = fetched->target;
    bool changed = target->scrapes == 0 || target->up != (error[0] == '\0');
    (void)pthread_mutex_lock(&scraper->targets.lock);
    target->scrapes++;
    target->up = error[0] == '\0';
    target->scraped_ns = fetched->wall_ns;
    target->duration_s = fetched->duration_s;
    target->samples = result->samples;
    target->points = result->points;
    (void)log_quote(target->error, sizeof target->error, slice_text(error));
    (void)pthread_mutex_unlock(&scraper->targets.lock);
    if (changed && !target->up) log_debug("scrape job %s: %s: %s", target->job->name, target->url, target->error);
}

static void on_fetched(void *context, const fetched_t *fetched) {
    scraper_t *scraper = context;
    counters_t *counters = scraper->config.intake->counters;
    const target_t *target = fetched->target;
    page_result_t result = {0};
    buffer_t request = {0};
    char error[TARGET_ERROR_MAX] = "";
    counters_add(counters, COUNTER_SCRAPES, 1);
    if (fetched->failure != COUNTER_COUNT) {
        counters_add(counters, fetched->failure, 1);
        record(scraper, fetched, &result, fetched->error);
        return;
    }
    const origin_t origin = {.job = target->job->name,
                             .resource = buffer_slice(&target->resource),
                             .labels = target->labels,
                             .honor_labels = target->job->honor_labels,
                             .honor_timestamps = target->job->honor_timestamps,
                             .openmetrics = fetched->openmetrics,
                             .time_ns = fetched->wall_ns,
                             .start_ns = target->start_ns};
    err_t err = translate_page(scraper->translator, fetched->page, &origin, &request, &result);
    counters_add(counters, COUNTER_SCRAPE_BYTES, fetched->page.len);
    counters_add(counters, COUNTER_SCRAPE_SAMPLES, result.samples);
    counters_add(counters, COUNTER_SCRAPE_UNUSABLE, result.unusable);
    if (err != ERR_OK) {
        (void)snprintf(error, sizeof error, "line %u of the page: %s", result.line, result.why);
        counters_add(counters, err == ERR_TOO_LARGE ? COUNTER_SCRAPE_SIZE : COUNTER_SCRAPE_PAGE, 1);
    }
    record(scraper, fetched, &result, error);
    if (request.len > 0) deliver(scraper, &request);
}

/* ---- the thread ---- */

/* Asks whoever is due. Returns when the next one is. */
static int64_t begin_due(scraper_t *scraper, int64_t now) {
    int64_t next = INT64_MAX;
    for (uint32_t i = 0; i < scraper->targets.count; i++) {
        target_t *target = scraper->targets.list[i];
        int64_t interval_ns = (int64_t)(target->job->interval_s * 1e9);
        if (target->next_ns <= now && !target->in_flight) {
            if (!fetcher_begin(scraper->fetcher, target)) return now + NS_PER_MS * 10; /* as soon as one is free */
            target->next_ns += interval_ns * (1 + (now - target->next_ns) / interval_ns);
        }
        if (target->next_ns < next && !target->in_flight) next = target->next_ns;
        if (target->in_flight && target->next_ns > now && target->next_ns < next) next = target->next_ns;
    }
    return next;
}

static void poll_all(scraper_t *scraper) {
    for (size_t i = 0; i < scraper->discovery_count; i++)
        scraper->discoveries[i]->ops->poll(scraper->discoveries[i], &scraper->targets);
}

static void *run(void *context) {
    scraper_t *scraper = context;
    int64_t poll_ns = 0, due_ns = 0;
    while (!scraper->stopping) {
        int64_t now = clock_monotonic_ns(scraper->config.intake->clock);
        if (now >= poll_ns) {
            poll_all(scraper);
            poll_ns = now + POLL_EVERY_MS * NS_PER_MS;
            due_ns = 0; /* there may be others now */
        }
        if (now >= due_ns) due_ns = begin_due(scraper, now);
        int64_t wait_ms = ((due_ns < poll_ns ? due_ns : poll_ns) - now) / NS_PER_MS;
        fetcher_work(scraper->fetcher, wait_ms < WAIT_LEAST_MS  ? WAIT_LEAST_MS
                                       : wait_ms > WAIT_MOST_MS ? WAIT_MOST_MS
                                                                : wait_ms);
    }
    return NULL;
}

/* ---- life ---- */

static void open_discoveries(scraper_t *scraper) {
    const scrape_config_t *jobs = scraper->config.jobs;
    size_t count = 0;
    for (size_t i = 0; i < jobs->count; i++) count += discovery_count(&jobs->jobs[i]);
    scraper->discoveries = memory_new(count + 1, sizeof(discovery_t *));
    for (size_t i = 0; i < jobs->count; i++)
        scraper->discovery_count +=
            discovery_open(&jobs->jobs[i], scraper->discovery_count, scraper->config.intake->counters,
                           scraper->discoveries + scraper->discovery_count);
}

void scraper_free(scraper_t *scraper) {
    for (size_t i = 0; i < scraper->discovery_count; i++) discovery_free(scraper->discoveries[i]);
    free(scraper->discoveries);
    if (scraper->fetcher != NULL) fetcher_free(scraper->fetcher);
    targets_fini(&scraper->targets);
    translator_free(scraper->translator);
    (void)pthread_cond_destroy(&scraper->answered);
    (void)pthread_mutex_destroy(&scraper->lock);
    free(scraper);
}

err_t scraper_start(const scraper_config_t *config, scraper_t **out, char *why, size_t why_size) {
    scraper_t *scraper = memory_new(1, sizeof *scraper);
    scraper->config = *config;
    (void)pthread_mutex_init(&scraper->lock, NULL);
    (void)pthread_cond_init(&scraper->answered, NULL);
    targets_init(&scraper->targets, config->targets);
    scraper->translator = translator_new(config->dialects, config->limits.request_bytes);
    scraper->fetcher = fetcher_new(config->connections, config->intake, &config->limits, on_fetched, scraper);
    if (scraper->fetcher != NULL) open_discoveries(scraper);
    if (scraper->fetcher != NULL && pthread_create(&scraper->thread, NULL, run, scraper) == 0) {
        log_info("scraping: %zu job%s", config->jobs->count, config->jobs->count == 1 ? "" : "s");
        *out = scraper;
        return ERR_OK;
    }
    (void)snprintf(why, why_size, "scraping cannot start its thread; raise the limit on processes (ulimit -u)");
    scraper_free(scraper);
    return ERR_NOMEM;
}

/* The journal answers everything, at the latest when its disk has failed. */
void scraper_stop(scraper_t *scraper) {
    scraper->stopping = true;
    fetcher_wake(scraper->fetcher);
    (void)pthread_join(scraper->thread, NULL);
    (void)pthread_mutex_lock(&scraper->lock);
    while (scraper->outstanding > 0) (void)pthread_cond_wait(&scraper->answered, &scraper->lock);
    (void)pthread_mutex_unlock(&scraper->lock);
}

void scraper_visit(scraper_t *scraper, const scrape_visitor_t *visitor, void *context) {
    for (size_t i = 0; i < scraper->discovery_count && visitor->discovery != NULL; i++) {
        discovery_t *discovery = scraper->discoveries[i];
        char error[DISCOVERY_ERROR_MAX];
        (void)pthread_mutex_lock(&discovery->lock);
        (void)snprintf(error, sizeof error, "%s", discovery->error);
        (void)pthread_mutex_unlock(&discovery->lock);
        visitor->discovery(context, discovery->job->name, discovery->ops->name, error);
    }
    if (visitor->target == NULL) return;
    (void)pthread_mutex_lock(&scraper->targets.lock);
    for (uint32_t i = 0; i < scraper->targets.count; i++) visitor->target(context, scraper->targets.list[i]);
    (void)pthread_mutex_unlock(&scraper->targets.lock);
}
