#include "base/memory.h"
#include "collector/store/query_internal.h"

#include <stdlib.h>

/* An entity that has cells in the range, with its place among subjects (who is watched) and groups (what is shown). */
typedef struct {
    uint32_t entity;
    entity_key_t key; /* masked: what tells groups apart */
    uint32_t kind, service, caller;
    uint32_t subject, group;
    const cell_t *total;
    observer_t observer;
} member_t;

typedef struct {
    member_t *members;
    uint32_t count;
    observer_t *authorities; /* by subject */
    uint32_t subjects;
    const entity_key_t **keys; /* by group */
    uint32_t *group_subjects;
    uint32_t groups;
    uint32_t *member_of; /* by entity id: member + 1, 0 = none */
} plan_t;

static int compare_u32(uint32_t a, uint32_t b) {
    return (a > b) - (a < b);
}

static int by_subject(const void *x, const void *y) {
    const member_t *a = x, *b = y;
    int order = compare_u32(a->kind, b->kind);
    if (order == 0) order = compare_u32(a->service, b->service);
    if (order == 0) order = compare_u32(a->caller, b->caller);
    return order != 0 ? order : compare_u32(a->entity, b->entity);
}

static int compare_keys(const entity_key_t *a, const entity_key_t *b) {
    const uint32_t x[] = {a->kind, a->service, a->caller, a->version, a->zone, a->instance, a->operation, a->protocol};
    const uint32_t y[] = {b->kind, b->service, b->caller, b->version, b->zone, b->instance, b->operation, b->protocol};
    for (size_t i = 0; i < sizeof x / sizeof x[0]; i++)
        if (x[i] != y[i]) return x[i] < y[i] ? -1 : 1;
    return 0;
}

static int by_group(const void *x, const void *y) {
    const member_t *a = x, *b = y;
    int order = compare_keys(&a->key, &b->key);
    return order != 0 ? order : compare_u32(a->entity, b->entity);
}

static entity_key_t masked(const entity_key_t *key, uint32_t groups) {
    return (entity_key_t){
        .kind = key->kind,
        .protocol = (groups & GROUP_PROTOCOL) != 0 ? key->protocol : 0,
        .service = (groups & GROUP_SERVICE) != 0 ? key->service : 0,
        .caller = (groups & GROUP_CALLER) != 0 ? key->caller : 0,
        .version = (groups & GROUP_VERSION) != 0 ? key->version : 0,
        .zone = (groups & GROUP_ZONE) != 0 ? key->zone : 0,
        .instance = (groups & GROUP_INSTANCE) != 0 ? key->instance : 0,
        .operation = (groups & GROUP_OPERATION) != 0 ? key->operation : 0,
    };
}

/* Numbers the subjects and chooses the authority of each. */
static void choose_authorities(plan_t *plan) {
    qsort(plan->members, plan->count, sizeof *plan->members, by_subject);
    plan->authorities = memory_new(plan->count + 1u, sizeof *plan->authorities);
    observer_tally_t tally = {{0}};
    for (uint32_t i = 0; i < plan->count; i++) {
        member_t *member = &plan->members[i];
        member->subject = plan->subjects;
        observer_count(&tally, member->observer, member->total);
        const member_t *next = i + 1 < plan->count ? member + 1 : NULL;
        if (next != NULL && next->kind == member->kind && next->service == member->service &&
            next->caller == member->caller)
            continue;
        plan->authorities[plan->subjects++] = observer_choose(&tally);
        tally = (observer_tally_t){{0}};
    }
}

static void number_groups(plan_t *plan, uint32_t entity_count) {
    qsort(plan->members, plan->count, sizeof *plan->members, by_group);
    plan->keys = memory_new(plan->count + 1u, sizeof(entity_key_t *));
    plan->group_subjects = memory_new(plan->count + 1u, sizeof *plan->group_subjects);
    plan->member_of = memory_new(entity_count, sizeof *plan->member_of);
    for (uint32_t i = 0; i < plan->count; i++) {
        member_t *member = &plan->members[i];
        bool first = i == 0 || compare_keys(&member->key, &plan->members[i - 1].key) != 0;
        if (first) {
            plan->keys[plan->groups] = &member->key;
            plan->group_subjects[plan->groups++] = member->subject;
        }
        member->group = plan->groups - 1;
        plan->member_of[member->entity] = i + 1;
    }
}

static void plan_init(plan_t *plan, const query_t *query, const query_total_t *totals, uint32_t count,
                      uint32_t groups) {
    *plan = (plan_t){.members = memory_new(count + 1u, sizeof *plan->members), .count = count};
    for (uint32_t i = 0; i < count; i++) {
        const entity_key_t *key = totals[i].key;
        plan->members[i] = (member_t){.entity = totals[i].entity,
                                      .key = masked(key, groups),
                                      .kind = key->kind,
                                      .service = key->service,
                                      .caller = key->caller,
                                      .total = &totals[i].cell,
                                      .observer = (observer_t)key->observer};
    }
    choose_authorities(plan);
    number_groups(plan, query->entity_count);
}

static void plan_fini(plan_t *plan) {
    free(plan->members);
    free(plan->authorities);
    free(plan->keys);
    free(plan->group_subjects);
    free(plan->member_of);
}

typedef struct {
    const plan_t *plan;
    cell_t *cells;       /* by group: of the bucket at hand */
    const cell_t **only; /* by group: its one cell up to now, lent and not added up yet; NULL = none */
    bool lasting;        /* cells given outlive the bucket, so that they can be lent */
    bool *used;
    int64_t start_ns;
    bool any, stopped;
    bool (*golden)(void *context, int64_t start_ns, const entity_key_t *key, observer_t observer, const cell_t *cell);
    void *context;
} output_t;

static void output_init(output_t *output) {
    output->cells = memory_new(output->plan->groups + 1u, sizeof *output->cells);
    output->only = memory_new(output->plan->groups + 1u, sizeof *output->only);
    output->used = memory_new(output->plan->groups + 1u, sizeof *output->used);
}

/* Gives the groups of the bucket that have anything to say, and empties them. */
static void output_flush(output_t *output) {
    for (uint32_t group = 0; output->any && group < output->plan->groups; group++) {
        if (!output->used[group]) continue;
        const cell_t *cell = output->only[group] != NULL ? output->only[group] : &output->cells[group];
        observer_t observer = output->plan->authorities[output->plan->group_subjects[group]];
        bool empty = cell->requests == 0 && cell->gauge_count == 0 && cell->retries == 0 && cell->client.count == 0;
        if (!empty && !output->stopped)
            output->stopped =
                !output->golden(output->context, output->start_ns, output->plan->keys[group], observer, cell);
        if (output->only[group] == NULL) cell_fini(&output->cells[group]);
        output->only[group] = NULL;
        output->used[group] = false;
    }
    output->any = false;
}

/* Most groups have one cell of a bucket: where it lasts, it is lent and shown as it is. */
static void output_add(output_t *output, const member_t *member, const cell_t *cell) {
    cell_t *into = &output->cells[member->group];
    const cell_t **only = &output->only[member->group];
    observer_t authority = output->plan->authorities[member->subject];
    bool first = !output->used[member->group];
    output->used[member->group] = output->any = true;
    if (first && output->lasting && member->observer == authority) {
        *only = cell;
        return;
    }
    if (first || *only != NULL) cell_init(into);
    if (*only != NULL) cell_merge(into, *only);
    *only = NULL;
    observer_merge(into, authority, member->observer, cell);
}

static void output_fini(output_t *output) {
    output->stopped = true;
    output_flush(output);
    free(output->cells);
    free(output->only);
    free(output->used);
}

static bool add_bucket_cell(void *context, int64_t start_ns, uint32_t entity, const entity_key_t *key,
                            const cell_t *cell) {
    output_t *output = context;
    (void)key;
    if (start_ns != output->start_ns) output_flush(output);
    output->start_ns = start_ns;
    uint32_t member = output->plan->member_of[entity];
    if (member != 0 && !output->stopped) output_add(output, &output->plan->members[member - 1], cell);
    return !output->stopped;
}

static void give_totals(output_t *output, int64_t start_ns) {
    output->start_ns = start_ns;
    for (uint32_t i = 0; i < output->plan->count; i++)
        output_add(output, &output->plan->members[i], output->plan->members[i].total);
}

/* Widens a range to whole buckets. */
static void round_out(int64_t *start_ns, int64_t *end_ns, uint32_t step_s) {
    int64_t step_ns = (int64_t)step_s * 1000000000;
    int64_t first = bucket_floor(*start_ns, step_s);
    *start_ns = first < INT64_MIN / step_ns ? INT64_MIN : first * step_ns;
    int64_t last = bucket_ceil(*end_ns, step_s);
    *end_ns = last > INT64_MAX / step_ns ? INT64_MAX : last * step_ns;
}

/* --- short series: their cells are read once, and added up to choose the authority --- */

typedef struct {
    int64_t start_ns;
    uint32_t entity;
    cell_t cell;
} read_cell_t;

typedef struct {
    read_cell_t *cells;
    uint32_t count, capacity;
    bool full;
} read_t;

enum { READ_ENTITIES_MAX = 8, READ_CELLS_MAX = 4096 };

static bool keep_read(void *context, int64_t start_ns, uint32_t entity, cell_t *cell) {
    read_t *read = context;
    read->full = read->count == READ_CELLS_MAX;
    if (read->full) return false;
    if (read->count == read->capacity) {
        read->capacity = read->capacity == 0 ? 128 : read->capacity * 2;
        read->cells = memory_resize(read->cells, read->capacity * sizeof *read->cells);
    }
    read->cells[read->count++] = (read_cell_t){start_ns, entity, *cell};
    cell_init(cell);
    return true;
}

static void read_fini(read_t *read) {
    for (uint32_t i = 0; i < read->count; i++) cell_fini(&read->cells[i].cell);
    free(read->cells);
    *read = (read_t){.full = true};
}

/* All cells of a filter that few entities match; `full` when there are too many of either. */
static err_t read_cells(query_t *query, int64_t start_ns, int64_t end_ns, uint32_t step_s, const query_filter_t *filter,
                        read_t *read) {
    *read = (read_t){0};
    uint32_t entities = 0;
    for (uint32_t id = 1; id < query->entity_count; id++) entities += query_matches(filter, &query->entities[id]);
    read->full = entities > READ_ENTITIES_MAX;
    if (read->full) return ERR_OK;
    err_t err = query_take_cells(query, start_ns, end_ns, step_s, filter, keep_read, read);
    if (err != ERR_OK || read->full) read_fini(read);
    return err;
}

/* Requests only: they choose the authority. */
static query_total_t *add_up(const query_t *query, const read_t *read, uint32_t *count) {
    query_total_t *totals = memory_new(READ_ENTITIES_MAX + 1, sizeof *totals);
    *count = 0;
    for (uint32_t i = 0; i < read->count; i++) {
        uint32_t id = read->cells[i].entity, at = 0;
        while (at < *count && totals[at].entity != id) at++;
        if (at == *count) {
            totals[at] = (query_total_t){.entity = id, .key = &query->entities[id]};
            cell_init(&totals[at].cell);
            *count += 1;
        }
        totals[at].cell.requests += read->cells[i].cell.requests;
    }
    return totals;
}

static err_t give_series(query_t *query, int64_t start_ns, int64_t end_ns, uint32_t step_s,
                         const query_filter_t *filter, const read_t *read, output_t *output) {
    if (read->full) return query_cells(query, start_ns, end_ns, step_s, filter, add_bucket_cell, output);
    for (uint32_t i = 0; i < read->count; i++)
        if (!add_bucket_cell(output, read->cells[i].start_ns, read->cells[i].entity, NULL, &read->cells[i].cell)) break;
    return ERR_OK;
}

err_t query_golden(query_t *query, int64_t start_ns, int64_t end_ns, uint32_t step_s, const query_filter_t *filter,
                   uint32_t groups,
                   bool (*golden)(void *context, int64_t start_ns, const entity_key_t *key, observer_t observer,
                                  const cell_t *cell),
                   void *context) {
    bool own;
    err_t err = query_enter(query, &own);
    if (err != ERR_OK) return err;
    if (step_s == 0) step_s = query_step(query, start_ns, end_ns);
    bool series = step_s != UINT32_MAX;
    query_total_t *totals = NULL;
    uint32_t count = 0;
    if (series && query_resolution(step_s) < 0) err = ERR_INVALID;
    if (err == ERR_OK && series) round_out(&start_ns, &end_ns, step_s);
    read_t read = {.full = true};
    if (err == ERR_OK && series) err = read_cells(query, start_ns, end_ns, step_s, filter, &read);
    if (err == ERR_OK && read.full)
        err = query_totals(query, start_ns, end_ns, filter, &totals, &count);
    else if (err == ERR_OK)
        totals = add_up(query, &read, &count);
    if (err == ERR_OK) {
        plan_t plan;
        plan_init(&plan, query, totals, count, groups);
        output_t output = {.plan = &plan, .lasting = !read.full || !series, .golden = golden, .context = context};
        output_init(&output);
        if (series)
            err = give_series(query, start_ns, end_ns, step_s, filter, &read, &output);
        else
            give_totals(&output, start_ns);
        output_flush(&output);
        output_fini(&output);
        plan_fini(&plan);
    }
    query_totals_free(totals, count);
    read_fini(&read);
    query_leave(query, own);
    return err;
}
