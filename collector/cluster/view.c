#include "collector/cluster/view.h"

#include "base/log.h"
#include "base/memory.h"
#include "collector/cluster/ranges.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>

enum { STATE_VERSION = 1, COMPLAIN_EVERY = 1000 };

/* A node that says nothing for so long while others do is gone; each says every minute that it is there. */
#define FORGOTTEN_NS (INT64_C(86400) * 1000000000)

typedef struct {
    char topic[ROLLUP_TOPIC_BYTES_MAX + 1];
    int32_t partition;
    uint64_t epoch;
    ranges_t seen; /* items */
    int64_t complete_ns;
    bool settled;
} origin_t;

typedef struct {
    char id[VIEW_TEXT_MAX + 1], url[VIEW_TEXT_MAX + 1];
    int64_t heard_ns; /* arrival of its last word */
} node_t;

struct view {
    fold_t *fold;
    counters_t *counters;
    origin_t *origins;
    uint32_t origin_count;
    int64_t patience_ns;
    int64_t arrival_ns; /* of the message at hand */
    origin_t *origin;   /* likewise */
    uint64_t refused, complaints;
    pthread_mutex_t lock; /* of the nodes, which other threads read */
    node_t *nodes;
    uint32_t node_count;
};

view_t *view_new(fold_t *fold, counters_t *counters, int64_t patience_ns) {
    view_t *view = memory_new(1, sizeof *view);
    view->fold = fold;
    view->counters = counters;
    view->patience_ns = patience_ns;
    (void)pthread_mutex_init(&view->lock, NULL);
    return view;
}

void view_free(view_t *view) {
    if (view == NULL) return;
    (void)pthread_mutex_destroy(&view->lock);
    free(view->origins);
    free(view->nodes);
    free(view);
}

/* The partition that speaks; NULL: one too many. */
static origin_t *origin_of(view_t *view, const rollup_head_t *head) {
    for (uint32_t i = 0; i < view->origin_count; i++)
        if (view->origins[i].partition == head->partition && slice_is(head->topic, view->origins[i].topic))
            return &view->origins[i];
    if (view->origin_count == VIEW_PARTITIONS_MAX) return NULL;
    view->origins = memory_resize(view->origins, (view->origin_count + 1) * sizeof *view->origins);
    origin_t *origin = &view->origins[view->origin_count++];
    *origin = (origin_t){.partition = head->partition, .epoch = head->epoch, .complete_ns = INT64_MIN, .settled = true};
    memcpy(origin->topic, head->topic.data, head->topic.len);
    return origin;
}

/* ---- items ---- */

static bool on_item(void *context, uint64_t number) {
    const view_t *view = context;
    return !ranges_has(&view->origin->seen, number);
}

static void on_cell(void *context, uint32_t entity, int64_t bucket, const cell_t *cell) {
    view_t *view = context;
    if (fold_take_cell(view->fold, entity, bucket, cell, view->arrival_ns) != ERR_OK) view->refused++;
}

static void on_half(void *context, const half_t *half, bool alone) {
    view_t *view = context;
    if (fold_take_half(view->fold, half, alone, view->arrival_ns) != ERR_OK) view->refused++;
}

/* False: of a fold that began earlier, and has been replaced. */
static bool same_fold(origin_t *origin, const rollup_head_t *head) {
    if (head->epoch < origin->epoch) return false;
    if (head->epoch == origin->epoch) return true;
    log_warn("the fold of %s/%d began anew at offset %" PRIu64 ": its state had been lost", origin->topic,
             (int)origin->partition, head->epoch);
    origin->epoch = head->epoch;
    origin->seen = (ranges_t){0};
    return true;
}

/* Says what is missing before a message, and counts what is new, what was seen before, and what was missed before. */
static void account(view_t *view, const origin_t *origin, const rollup_head_t *head) {
    uint64_t first = head->first, behind = first + head->count, end = ranges_end(&origin->seen);
    uint64_t known = ranges_overlap(&origin->seen, first, behind), old = behind < end ? behind : end;
    counters_add(view->counters, COUNTER_CLUSTER_ITEMS, head->count - known);
    counters_add(view->counters, COUNTER_CLUSTER_REPEATED, known);
    if (first < old) counters_add(view->counters, COUNTER_CLUSTER_FOUND, old - first - known);
    if (first <= end || origin->seen.count == 0) return;
    counters_add(view->counters, COUNTER_CLUSTER_MISSING, first - end);
    log_error("%" PRIu64 " items of %s/%d are not where they were expected in the rollup topic; if they do not follow, "
              "they were deleted before this view read them (see the topic's retention)",
              first - end, origin->topic, (int)origin->partition);
}

/* What all partitions have passed that are waited for. */
int64_t view_complete_ns(const view_t *view) {
    int64_t newest = INT64_MIN, oldest = INT64_MAX;
    for (uint32_t i = 0; i < view->origin_count; i++)
        if (view->origins[i].complete_ns > newest) newest = view->origins[i].complete_ns;
    if (newest == INT64_MIN) return newest;
    for (uint32_t i = 0; i < view->origin_count; i++) {
        const origin_t *origin = &view->origins[i];
        if (origin->settled || origin->complete_ns == INT64_MIN || origin->complete_ns < newest - view->patience_ns)
            continue;
        if (origin->complete_ns < oldest) oldest = origin->complete_ns;
    }
    return oldest == INT64_MAX ? newest : oldest;
}

static err_t take_items(view_t *view, slice_t message) {
    rollup_head_t head;
    slice_t items;
    err_t err = rollup_head_read(message, &head, &items);
    if (err != ERR_OK) return err;
    origin_t *origin = origin_of(view, &head);
    if (origin == NULL) return ERR_FULL;
    if (!same_fold(origin, &head)) return ERR_OK;
    const rollup_visitor_t visitor = {.context = view, .wanted = on_item, .cell = on_cell, .half = on_half};
    account(view, origin, &head);
    view->origin = origin;
    bool newest = head.first + head.count >= ranges_end(&origin->seen);
    err = rollup_items(&head, items, fold_shard(view->fold), &visitor);
    ranges_add(&origin->seen, head.first, head.first + head.count);
    if (head.complete_ns > origin->complete_ns) origin->complete_ns = head.complete_ns;
    if (newest) origin->settled = head.settled;
    int64_t complete = view_complete_ns(view);
    if (complete != INT64_MIN) fold_advance(view->fold, complete, view->arrival_ns);
    return err;
}

/* ---- nodes ---- */

static bool copy_text(slice_t from, char to[VIEW_TEXT_MAX + 1]) {
    if (from.len == 0 || from.len > VIEW_TEXT_MAX || memchr(from.data, '\0', from.len) != NULL) return false;
    memcpy(to, from.data, from.len);
    to[from.len] = '\0';
    return true;
}

static err_t take_node(view_t *view, slice_t id, slice_t url, int64_t heard_ns) {
    node_t node = {.heard_ns = heard_ns};
    if (!copy_text(id, node.id) || !copy_text(url, node.url)) return ERR_MALFORMED;
    (void)pthread_mutex_lock(&view->lock);
    uint32_t at = 0;
    while (at < view->node_count && strcmp(view->nodes[at].id, node.id) != 0) at++;
    bool room = at < VIEW_NODES_MAX;
    if (room && at == view->node_count)
        view->nodes = memory_resize(view->nodes, ++view->node_count * sizeof *view->nodes);
    if (room) view->nodes[at] = node;
    (void)pthread_mutex_unlock(&view->lock);
    return room ? ERR_OK : ERR_FULL;
}

void view_nodes(view_t *view, void (*node)(void *context, const char *id, const char *url), void *context) {
    (void)pthread_mutex_lock(&view->lock);
    int64_t newest = INT64_MIN;
    for (uint32_t i = 0; i < view->node_count; i++)
        if (view->nodes[i].heard_ns > newest) newest = view->nodes[i].heard_ns;
    for (uint32_t i = 0; i < view->node_count; i++)
        if (view->nodes[i].heard_ns >= newest - FORGOTTEN_NS) node(context, view->nodes[i].id, view->nodes[i].url);
    (void)pthread_mutex_unlock(&view->lock);
}

void view_message(view_t *view, int64_t arrival_ns, slice_t message) {
    rollup_type_t type;
    slice_t id, url;
    view->arrival_ns = arrival_ns;
    uint64_t refused = view->refused;
    err_t err = rollup_type(message, &type);
    if (err == ERR_OK && type == ROLLUP_ITEMS) err = take_items(view, message);
    if (err == ERR_OK && type == ROLLUP_NODE) {
        err = rollup_node_read(message, &id, &url);
        if (err == ERR_OK) err = take_node(view, id, url, arrival_ns);
    }
    if (err == ERR_OK && view->refused == refused) return;
    counters_add(view->counters, COUNTER_JOURNAL_CORRUPT, 1);
    if (view->complaints++ % COMPLAIN_EVERY == 0)
        log_warn("a message of the rollup topic is %s; it is left out from there on, and counted (%" PRIu64 " so far)",
                 err == ERR_OK ? "of the future" : err_text(err), view->complaints);
}

bool view_expects(const view_t *view) {
    for (uint32_t i = 0; i < view->origin_count; i++)
        if (!view->origins[i].settled) return true;
    return false;
}

uint32_t view_partitions(const view_t *view) {
    return view->origin_count;
}

/* ---- state ---- */

void view_save(const view_t *view, buffer_t *out) {
    buffer_byte(out, STATE_VERSION);
    buffer_varint(out, view->origin_count);
    for (uint32_t i = 0; i < view->origin_count; i++) {
        const origin_t *origin = &view->origins[i];
        buffer_block(out, slice_text(origin->topic));
        buffer_varint(out, (uint64_t)origin->partition);
        buffer_varint(out, origin->epoch);
        buffer_zigzag(out, origin->complete_ns);
        buffer_byte(out, origin->settled);
        buffer_byte(out, (uint8_t)origin->seen.count);
        for (uint32_t r = 0; r < origin->seen.count; r++) {
            buffer_varint(out, origin->seen.items[r].from);
            buffer_varint(out, origin->seen.items[r].to);
        }
    }
    buffer_varint(out, view->node_count);
    for (uint32_t i = 0; i < view->node_count; i++) {
        buffer_block(out, slice_text(view->nodes[i].id));
        buffer_block(out, slice_text(view->nodes[i].url));
        buffer_zigzag(out, view->nodes[i].heard_ns);
    }
}

static bool load_origin(view_t *view, bytes_t *in) {
    rollup_head_t head = {0};
    uint64_t partition;
    uint8_t settled, ranges;
    if (!bytes_block(in, &head.topic) || head.topic.len > ROLLUP_TOPIC_BYTES_MAX || !bytes_varint(in, &partition) ||
        partition > INT32_MAX || !bytes_varint(in, &head.epoch))
        return false;
    head.partition = (int32_t)partition;
    origin_t *origin = origin_of(view, &head);
    if (origin == NULL || !bytes_zigzag(in, &origin->complete_ns) || !bytes_byte(in, &settled) ||
        !bytes_byte(in, &ranges) || ranges > RANGES_MAX)
        return false;
    origin->settled = settled != 0;
    for (; ranges > 0; ranges--) {
        uint64_t from, to;
        if (!bytes_varint(in, &from) || !bytes_varint(in, &to) || from >= to) return false;
        ranges_add(&origin->seen, from, to);
    }
    return true;
}

err_t view_load(view_t *view, slice_t bytes) {
    bytes_t in = bytes_of(bytes);
    uint8_t version;
    uint64_t count;
    slice_t id, url;
    int64_t heard_ns;
    if (!bytes_byte(&in, &version)) return ERR_MALFORMED;
    if (version != STATE_VERSION) return ERR_FOREIGN;
    bool fine = bytes_varint(&in, &count);
    for (; fine && count > 0; count--) fine = load_origin(view, &in);
    fine = fine && bytes_varint(&in, &count);
    for (; fine && count > 0; count--)
        fine = bytes_block(&in, &id) && bytes_block(&in, &url) && bytes_zigzag(&in, &heard_ns) &&
               take_node(view, id, url, heard_ns) == ERR_OK;
    return fine && bytes_done(&in) ? ERR_OK : ERR_MALFORMED;
}
