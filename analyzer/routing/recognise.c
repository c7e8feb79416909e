/* Each action moves traffic between a few parts: versions, zones, one instance and the others, calls that wait longer
 * than a timeout and those that don't. Before the change the parts have shares that are counted; after it they should
 * have others, which the action tells. So one count test serves all kinds: the logarithm of the likelihood ratio of the
 * counts under both. verify.c adds it up over time as a CUSUM (Page 1954), which also tells when the change began.
 *
 * A part that should get nothing may still get a little (requests under way, a forgotten client): it is given a floor,
 * lower for parts that had little before, so that a canary of 1 % can be seen to vanish, too. */
#include "analyzer/routing/recognise.h"

#include "base/memory.h"
#include "collector/rollup/observer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static const double FLOOR_MAX = 0.01, FLOOR_MIN = 0.0005, FLOOR_PART = 0.1;
static const double HALF_COUNT = 0.5; /* of each part, beside what was counted before */

/* --- the bucket's cells --- */

static const entity_key_t *key_at(const scene_t *scene, uint32_t item) {
    return &scene->shard->entities[scene->cells->entities[scene->items[item]]];
}

static const cell_t *cell_at(const scene_t *scene, uint32_t item) {
    return scene->cells->cells[scene->items[item]];
}

/* "shop/cart@west" is called "cart". */
static bool is_called(const char *service, const char *bare) {
    const char *slash = strrchr(service, '/');
    const char *name = slash == NULL ? service : slash + 1;
    size_t len = strcspn(name, "@");
    return strlen(bare) == len && strncmp(name, bare, len) == 0;
}

static uint32_t name_of(const shard_t *shard, const char *text) {
    uint32_t id = text[0] == '\0' ? UINT32_MAX : names_find(&shard->names, slice_text(text));
    return id == UINT32_MAX ? NAME_NONE : id;
}

static bool concerns(const trial_t *trial, const scene_t *scene, const entity_key_t *key) {
    if (key->service == scene->service) return key->kind != ENTITY_OPERATION && !entity_is_mark(key);
    return key->kind == ENTITY_SERVICE && !entity_is_mark(key) && trial->action.caller[0] != '\0' &&
           is_called(names_cstr(&scene->shard->names, key->service), trial->action.caller);
}

void scene_of(const trial_t *trial, const shard_t *shard, const bucket_t *cells, scene_t *scene) {
    *scene = (scene_t){.shard = shard, .cells = cells, .service = name_of(shard, trial->service)};
    if (scene->service == NAME_NONE) return;
    uint32_t capacity = 0;
    for (uint32_t i = 0; i < cells->count; i++) {
        const entity_key_t *key = &shard->entities[cells->entities[i]];
        if (cells->cells[i]->requests == 0 || !concerns(trial, scene, key)) continue;
        if (scene->count == capacity) {
            capacity = capacity == 0 ? 32 : capacity * 2;
            scene->items = memory_resize(scene->items, capacity * sizeof *scene->items);
        }
        scene->items[scene->count++] = i;
    }
    for (uint32_t i = 0; i < scene->count && trial->action.caller[0] != '\0'; i++) {
        const entity_key_t *key = key_at(scene, i);
        if (key->kind == ENTITY_EDGE && is_called(names_cstr(&shard->names, key->caller), trial->action.caller))
            scene->caller = key->caller;
    }
}

static bool belongs(const entity_key_t *key, uint8_t kind, uint32_t service, uint32_t caller) {
    return key->kind == kind && key->service == service && key->caller == caller;
}

/* All observers' cells of one service, or of the calls of one caller, every request counted once. */
static void merge(const scene_t *scene, uint8_t kind, uint32_t service, uint32_t caller, cell_t *into) {
    observer_tally_t tally = {{0}};
    for (uint32_t i = 0; i < scene->count; i++) {
        const entity_key_t *key = key_at(scene, i);
        if (belongs(key, kind, service, caller)) observer_count(&tally, (observer_t)key->observer, cell_at(scene, i));
    }
    observer_t authority = observer_choose(&tally);
    for (uint32_t i = 0; i < scene->count; i++) {
        const entity_key_t *key = key_at(scene, i);
        if (belongs(key, kind, service, caller))
            observer_merge(into, authority, (observer_t)key->observer, cell_at(scene, i));
    }
}

static void merge_calls(const scene_t *scene, cell_t *into) {
    for (uint32_t i = 0; i < scene->count; i++) {
        const entity_key_t *key = key_at(scene, i);
        bool known = key->kind != ENTITY_EDGE;
        for (uint32_t k = 0; k < i && !known; k++)
            known = belongs(key_at(scene, k), ENTITY_EDGE, key->service, key->caller);
        if (!known) merge(scene, ENTITY_EDGE, key->service, key->caller, into);
    }
}

static void merge_scope(const scene_t *scene, scope_t scope, cell_t *into) {
    if (scope == SCOPE_CALLS) merge_calls(scene, into);
    if (scope == SCOPE_SERVICE || (scope == SCOPE_CALLS && into->requests == 0)) /* nobody tells of its callers */
        merge(scene, ENTITY_SERVICE, scene->service, NAME_NONE, into);
    if (scope == SCOPE_CALLER && scene->caller != NAME_NONE)
        merge(scene, ENTITY_SERVICE, scene->caller, NAME_NONE, into);
}

bool scene_fare(const scene_t *scene, scope_t errors_of, scope_t latency_of, fare_t *fare) {
    cell_t counted, timed;
    cell_init(&counted);
    cell_init(&timed);
    merge_scope(scene, errors_of, &counted);
    merge_scope(scene, latency_of, &timed);
    fare->requests += (double)counted.requests;
    fare->errors += (double)cell_errors(&counted);
    histogram_add_sketch(&fare->latency, &timed.ok);
    bool any = counted.requests > 0;
    cell_fini(&counted);
    cell_fini(&timed);
    return any;
}

/* --- versions, zones, instances --- */

static uint32_t target_of(const entity_key_t *key) {
    return key->kind == ENTITY_VERSION ? key->version : key->kind == ENTITY_ZONE ? key->zone : key->instance;
}

/* Requests of targets of a kind by the one observer that counts; `name` NULL = all of them. */
static double requests_of(const scene_t *scene, uint8_t kind, const char *name) {
    observer_tally_t tally = {{0}};
    uint32_t id = name == NULL ? NAME_NONE : name_of(scene->shard, name);
    double sum = 0;
    if (name != NULL && id == NAME_NONE) return 0;
    for (uint32_t i = 0; i < scene->count; i++)
        if (belongs(key_at(scene, i), kind, scene->service, NAME_NONE))
            observer_count(&tally, (observer_t)key_at(scene, i)->observer, cell_at(scene, i));
    observer_t authority = observer_choose(&tally);
    for (uint32_t i = 0; i < scene->count; i++) {
        const entity_key_t *key = key_at(scene, i);
        if (!belongs(key, kind, scene->service, NAME_NONE) || key->observer != authority) continue;
        if (name == NULL || target_of(key) == id) sum += (double)cell_at(scene, i)->requests;
    }
    return sum;
}

double scene_target(const scene_t *scene, uint8_t kind, const char *name) {
    return requests_of(scene, kind, name);
}

static uint32_t count_targets(const trial_t *trial, const scene_t *scene, uint8_t kind, double *parts) {
    uint32_t named = trial->action.target_count;
    double rest = requests_of(scene, kind, NULL);
    for (uint32_t i = 0; i < named; i++) rest -= parts[i] = requests_of(scene, kind, trial->action.targets[i].name);
    parts[named] = fmax(0, rest);
    return named + 1;
}

static uint32_t count_versions(const trial_t *trial, const scene_t *scene, double parts[PARTS_MAX]) {
    return count_targets(trial, scene, ENTITY_VERSION, parts);
}

static uint32_t count_zones(const trial_t *trial, const scene_t *scene, double parts[PARTS_MAX]) {
    return count_targets(trial, scene, ENTITY_ZONE, parts);
}

static void expect_weights(const trial_t *trial, const double *before, double *after) {
    (void)before;
    uint32_t named = trial->action.target_count;
    for (uint32_t i = 0; i < named; i++) after[i] = trial->action.targets[i].weight / (double)WEIGHT_WHOLE;
    after[named] = 0;
}

static const char *target_name(const trial_t *trial, uint32_t part, char *out, size_t size) {
    (void)snprintf(out, size, "%s", part < trial->action.target_count ? trial->action.targets[part].name : "others");
    return out;
}

/* One that should get nothing, and all others. */
static uint32_t count_one(const scene_t *scene, uint8_t kind, const char *name, double *parts) {
    parts[0] = requests_of(scene, kind, name);
    parts[1] = requests_of(scene, kind, NULL) - parts[0];
    return 2;
}

static uint32_t count_instance(const trial_t *trial, const scene_t *scene, double parts[PARTS_MAX]) {
    return count_one(scene, ENTITY_INSTANCE, trial->instance, parts);
}

static uint32_t count_from_zone(const trial_t *trial, const scene_t *scene, double parts[PARTS_MAX]) {
    return count_one(scene, ENTITY_ZONE, trial->action.from_zone, parts);
}

static void expect_none(const trial_t *trial, const double *before, double *after) {
    (void)trial;
    (void)before;
    after[0] = 0;
    after[1] = 1;
}

static const char *instance_name(const trial_t *trial, uint32_t part, char *out, size_t size) {
    (void)snprintf(out, size, "%s", part == 0 ? trial->instance : "others");
    return out;
}

static const char *zone_name(const trial_t *trial, uint32_t part, char *out, size_t size) {
    (void)snprintf(out, size, "%s", part == 0 ? trial->action.from_zone : "others");
    return out;
}

/* --- calls turned away --- */

/* What a limit turns away fails at once: by its class, or, where the class does not tell, in less than half of what
 * the service usually takes. */
static uint32_t count_refused(const trial_t *trial, const scene_t *scene, double parts[PARTS_MAX]) {
    cell_t calls;
    cell_init(&calls);
    merge_scope(scene, SCOPE_CALLS, &calls);
    double refused = (double)(calls.failures[FAILURE_RATE] + calls.failures[FAILURE_CONNECTION]);
    double median_s = histogram_quantile(&trial->before.latency, 0.5);
    double quick = median_s > 0 ? sketch_rank(&calls.failed, (uint64_t)(median_s * 0.5e9)) : NAN;
    double failed = (double)cell_errors(&calls);
    if (quick > 0) refused = fmax(refused, fmin(failed, quick * (double)calls.failed.count));
    parts[0] = refused;
    parts[1] = (double)calls.requests - refused;
    cell_fini(&calls);
    return 2;
}

static void expect_refused(const trial_t *trial, const double *before, double *after) {
    after[0] = fmax(before[0], trial->errors.told ? trial->errors.predicted : before[0]);
    after[1] = 1 - after[0];
}

static const char *refused_name(const trial_t *trial, uint32_t part, char *out, size_t size) {
    (void)trial;
    (void)snprintf(out, size, "%s", part == 0 ? "calls turned away" : "calls let through");
    return out;
}

/* --- retries --- */

static uint32_t count_retries(const trial_t *trial, const scene_t *scene, double parts[PARTS_MAX]) {
    (void)trial;
    cell_t calls;
    cell_init(&calls);
    merge_scope(scene, SCOPE_CALLS, &calls);
    parts[0] = fmin((double)calls.retries, (double)calls.requests);
    parts[1] = (double)calls.requests - parts[0];
    cell_fini(&calls);
    return 2;
}

/* How many retries a request had is not told: fewer of them are at most as many in proportion, taken as half. */
static void expect_retries(const trial_t *trial, const double *before, double *after) {
    after[0] = trial->action.attempts == 0 ? 0 : before[0] / 2;
    after[1] = 1 - after[0];
}

static const char *retries_name(const trial_t *trial, uint32_t part, char *out, size_t size) {
    (void)trial;
    (void)snprintf(out, size, "%s", part == 0 ? "retries" : "first tries");
    return out;
}

/* --- waits --- */

enum { WAITS_BELOW, WAITS_AT, WAITS_ABOVE, WAITS_PARTS };

/* Calls that wait less than the timeout, end at it (its bin and the next: clocks are not exact), or wait longer. */
static uint32_t count_waits(const trial_t *trial, const scene_t *scene, double parts[PARTS_MAX]) {
    cell_t calls;
    histogram_t waits = {{0}};
    cell_init(&calls);
    merge_scope(scene, SCOPE_CALLS, &calls);
    if (calls.client.count > 0) {
        histogram_add_sketch(&waits, &calls.client);
    } else {
        histogram_add_sketch(&waits, &calls.ok);
        histogram_add_sketch(&waits, &calls.failed);
    }
    cell_fini(&calls);
    int bin = 0;
    while (bin < HISTOGRAM_BINS - 2 && histogram_seconds(bin + 1) <= trial->action.timeout_s) bin++;
    parts[WAITS_ABOVE] = histogram_above(&waits, bin + 2);
    parts[WAITS_AT] = histogram_above(&waits, bin) - parts[WAITS_ABOVE];
    parts[WAITS_BELOW] = histogram_total(&waits) - parts[WAITS_AT] - parts[WAITS_ABOVE];
    return WAITS_PARTS;
}

/* What waited longer now ends at the timeout; where the fault ends by itself, nothing does. */
static void expect_waits(const trial_t *trial, const double *before, double *after) {
    (void)trial;
    after[WAITS_BELOW] = before[WAITS_BELOW];
    after[WAITS_AT] = before[WAITS_AT] + before[WAITS_ABOVE];
    after[WAITS_ABOVE] = 0;
}

static const char *waits_name(const trial_t *trial, uint32_t part, char *out, size_t size) {
    static const char *const words[] = {"shorter than", "ending at", "longer than"};
    (void)snprintf(out, size, "calls %s %g s", words[part < WAITS_PARTS ? part : 0], trial->action.timeout_s);
    return out;
}

/* --- the kinds --- */

static const recogniser_t recognisers[ACTION_KINDS] = {
    [ACTION_SHIFT_VERSIONS] = {ENTITY_VERSION, SCOPE_SERVICE, SCOPE_SERVICE, 30, true, count_versions, expect_weights,
                               target_name},
    [ACTION_SHIFT_ZONES] = {ENTITY_ZONE, SCOPE_SERVICE, SCOPE_SERVICE, 30, true, count_zones, expect_weights,
                            target_name},
    [ACTION_DRAIN_INSTANCE] = {ENTITY_INSTANCE, SCOPE_SERVICE, SCOPE_SERVICE, 30, true, count_instance, expect_none,
                               instance_name},
    [ACTION_TIGHTEN_EJECTION] = {ENTITY_INSTANCE, SCOPE_SERVICE, SCOPE_SERVICE, 30, false, count_instance, expect_none,
                                 instance_name},
    [ACTION_CIRCUIT_BREAKER] = {ENTITY_VERSION, SCOPE_CALLS, SCOPE_SERVICE, 60, false, count_refused, expect_refused,
                                refused_name},
    [ACTION_RATE_LIMIT] = {ENTITY_VERSION, SCOPE_CALLS, SCOPE_SERVICE, 60, false, count_refused, expect_refused,
                           refused_name},
    [ACTION_CUT_RETRIES] = {ENTITY_VERSION, SCOPE_CALLS, SCOPE_SERVICE, 60, false, count_retries, expect_retries,
                            retries_name},
    [ACTION_SET_TIMEOUT] = {ENTITY_VERSION, SCOPE_CALLS, SCOPE_CALLER, 60, false, count_waits, expect_waits,
                            waits_name},
    [ACTION_FAIL_OVER] = {ENTITY_ZONE, SCOPE_SERVICE, SCOPE_SERVICE, 30, true, count_from_zone, expect_none, zone_name},
};

const recogniser_t *recogniser_of(uint8_t kind) {
    return kind < ACTION_KINDS && recognisers[kind].count != NULL ? &recognisers[kind] : NULL;
}

/* --- the test --- */

double recognise(const recogniser_t *recogniser, const trial_t *trial, const double *usual, const double *counts,
                 uint32_t parts) {
    double before[PARTS_MAX] = {0}, after[PARTS_MAX] = {0}, total = 0, whole = 0, evidence = 0;
    for (uint32_t i = 0; i < parts; i++) total += usual[i] + HALF_COUNT;
    for (uint32_t i = 0; i < parts; i++) before[i] = (usual[i] + HALF_COUNT) / total;
    recogniser->expect(trial, before, after);
    for (uint32_t i = 0; i < parts; i++) {
        after[i] = fmax(after[i], fmin(FLOOR_MAX, fmax(FLOOR_MIN, before[i] * FLOOR_PART)));
        whole += after[i];
    }
    for (uint32_t i = 0; i < parts; i++) evidence += counts[i] * log10(after[i] / whole / before[i]);
    return evidence;
}
