#include "collector/rollup/observer.h"

void observer_count(observer_tally_t *tally, observer_t observer, const cell_t *cell) {
    tally->requests[observer] += cell->requests;
}

observer_t observer_choose(const observer_tally_t *tally) {
    for (int observer = OBSERVER_NONE + 1; observer < OBSERVERS; observer++)
        if (tally->requests[observer] > 0) return (observer_t)observer;
    return OBSERVER_NONE;
}

/* Gauges are merged by giving cell_merge a cell that has nothing else; the copy borrows them. */
static void merge_gauges(cell_t *into, const cell_t *from) {
    cell_t gauges;
    cell_init(&gauges);
    gauges.gauges = from->gauges;
    gauges.gauge_count = from->gauge_count;
    cell_merge(into, &gauges);
}

static void merge_callers_view(cell_t *into, const cell_t *cell) {
    into->requests += cell->failures[FAILURE_CONNECTION];
    into->failures[FAILURE_CONNECTION] += cell->failures[FAILURE_CONNECTION];
    into->failures[FAILURE_TIMEOUT] += cell->failures[FAILURE_TIMEOUT];
    into->retries += cell->retries;
    sketch_merge(&into->client, &cell->ok);
}

/* Exemplars are pointers to traces, no counts: spans give them to those authorities that have no trace ids. */
static void merge_exemplars(cell_t *into, const cell_t *from) {
    cell_t exemplars;
    cell_init(&exemplars);
    exemplars.slow_count = from->slow_count;
    exemplars.bad_count = from->bad_count;
    memcpy(exemplars.slow, from->slow, sizeof exemplars.slow);
    memcpy(exemplars.bad, from->bad, sizeof exemplars.bad);
    cell_merge(into, &exemplars);
}

void observer_merge(cell_t *into, observer_t authority, observer_t observer, const cell_t *cell) {
    if (observer == authority) {
        cell_merge(into, cell);
        return;
    }
    if (observer == OBSERVER_PROXY_CLIENT && authority == OBSERVER_PROXY_SERVER) merge_callers_view(into, cell);
    merge_gauges(into, cell);
    merge_exemplars(into, cell);
}
