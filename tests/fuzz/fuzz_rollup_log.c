/* What workers say, from a topic that anybody may have written to. The first byte says how often the message is read:
 * what is known is passed over. Then the view's own state, out of a store. What can be read is said again, as a worker
 * would say it: that can be read too, and has as many items. */
#include "base/memory.h"
#include "collector/cluster/view.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct {
    rollup_writer_t writer;
    shard_t *shard;
    uint64_t items;
} echo_t;

static bool all(void *context, uint64_t number) {
    (void)context, (void)number;
    return true;
}

static void say_cell(void *context, uint32_t entity, int64_t bucket, const cell_t *cell) {
    echo_t *echo = context;
    echo->items++;
    rollup_writer_cell(&echo->writer, echo->shard, bucket, entity, cell);
}

static void say_half(void *context, const half_t *half, bool alone) {
    echo_t *echo = context;
    echo->items++;
    rollup_writer_half(&echo->writer, echo->shard, half, alone);
}

static void say_again(slice_t message, shard_t *shard, int times) {
    rollup_head_t head;
    slice_t items;
    echo_t echo = {.shard = shard};
    const rollup_visitor_t visitor = {.context = &echo, .wanted = all, .cell = say_cell, .half = say_half};
    if (rollup_head_read(message, &head, &items) != ERR_OK) {
        assert(times == 0);
        return;
    }
    rollup_writer_init(&echo.writer, head.first);
    err_t err = rollup_items(&head, items, shard, &visitor);
    assert(err == ERR_OK || times == 0);
    assert(err != ERR_OK || echo.items == head.count);
    buffer_t again = {0};
    rollup_writer_finish(&echo.writer, &head, &again);
    if (times == 0) say_again(buffer_slice(&again), shard, 1);
    buffer_fini(&again);
    rollup_writer_fini(&echo.writer);
}

static void say_node_again(slice_t message) {
    slice_t id, url;
    char text[2][256];
    if (rollup_node_read(message, &id, &url) != ERR_OK) return;
    if (id.len >= sizeof text[0] || url.len >= sizeof text[1]) return;
    (void)snprintf(text[0], sizeof text[0], "%.*s", (int)id.len, (const char *)id.data);
    (void)snprintf(text[1], sizeof text[1], "%.*s", (int)url.len, (const char *)url.data);
    buffer_t again = {0};
    rollup_node_write(text[0], text[1], &again);
    err_t err = rollup_node_read(buffer_slice(&again), &id, &url);
    assert(err == ERR_OK && slice_is(id, text[0]) && slice_is(url, text[1]));
    buffer_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static dialect_set_t *dialects;
    fold_config_t config;
    if (size < 1) return 0;
    if (dialects == NULL) dialects = dialect_set_new(NULL);
    counters_t *counters = memory_new(1, sizeof *counters);
    fold_config_defaults(&config);
    config.shard.names = config.shard.entities = 1000;
    config.pairing_spans = 100;
    fold_t *fold = fold_new(&config, dialects, counters, (fold_sink_t){0});
    view_t *view = view_new(fold, counters, VIEW_PATIENCE_NS), *again = view_new(fold, counters, VIEW_PATIENCE_NS);
    for (int i = 0; i <= data[0] % 2; i++)
        view_message(view, INT64_C(1700000000) * 1000000000, slice_of(data + 1, size - 1));
    buffer_t saved = {0};
    view_save(view, &saved);
    err_t err = view_load(again, buffer_slice(&saved));
    assert(err == ERR_OK);
    if (view_load(view, slice_of(data + 1, size - 1)) == ERR_OK) view_save(view, &saved);
    buffer_fini(&saved);
    say_again(slice_of(data + 1, size - 1), fold_shard(fold), 0);
    say_node_again(slice_of(data + 1, size - 1));
    view_free(view);
    view_free(again);
    fold_free(fold);
    free(counters);
    return 0;
}
