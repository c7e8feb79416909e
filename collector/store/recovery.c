#include "collector/store/recovery.h"

#include "collector/rollup/frame.h"
#include "collector/store/spanblock.h"

/* Takes each row of a query with up to two parameters; ends at the first error. */
typedef err_t (*take_t)(sqlite3_stmt *row, void *context);

static err_t each_row(sqlite3 *db, const char *text, int64_t parameter, take_t take, void *context) {
    sqlite3_stmt *statement;
    err_t err = sql_prepare(db, text, &statement);
    if (err != ERR_OK) return err;
    if (sqlite3_bind_parameter_count(statement) > 0) (void)sqlite3_bind_int64(statement, 1, parameter);
    while ((err = sql_row(statement)) == ERR_OK)
        if ((err = take(statement, context)) != ERR_OK) break;
    (void)sqlite3_finalize(statement);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static err_t take_name(sqlite3_stmt *row, void *context) {
    names_t *names = context;
    int64_t id = sqlite3_column_int64(row, 0);
    return names_intern(names, sql_column(row, 1)) == id ? ERR_OK : ERR_MALFORMED;
}

static err_t take_entity(sqlite3_stmt *row, void *context) {
    shard_t *shard = context;
    uint32_t columns[10];
    for (int i = 0; i < 10; i++) columns[i] = (uint32_t)sqlite3_column_int64(row, i);
    if (columns[0] != shard->entity_count || columns[1] >= ENTITY_KINDS || columns[2] >= OBSERVERS ||
        columns[3] >= PROTOCOLS)
        return ERR_MALFORMED;
    for (int i = 4; i < 10; i++)
        if (columns[i] >= shard->names.count) return ERR_MALFORMED;
    entity_key_t key = {.kind = (uint8_t)columns[1],
                        .observer = (uint8_t)columns[2],
                        .protocol = (uint8_t)columns[3],
                        .service = columns[4],
                        .caller = columns[5],
                        .version = columns[6],
                        .zone = columns[7],
                        .instance = columns[8],
                        .operation = columns[9]};
    shard_restore_entity(shard, columns[0], &key);
    return ERR_OK;
}

static err_t take_frame(sqlite3_stmt *row, void *context) {
    shard_t *shard = context;
    if (frame_load(sql_column(row, 1), shard, sqlite3_column_int64(row, 0)) != ERR_OK)
        counters_add(shard->counters, COUNTER_STORE_DAMAGED, 1);
    return ERR_OK;
}

typedef struct {
    open_block_t *open;
    counters_t *counters;
} take_block_t;

static err_t take_block(sqlite3_stmt *row, void *context) {
    const take_block_t *to = context;
    open_block_t *open = to->open;
    if (spanblock_unpack(sql_column(row, 3), &open->raw) != ERR_OK) {
        counters_add(to->counters, COUNTER_STORE_DAMAGED, 1);
        open->id++; /* the damaged row stays as it is */
        return ERR_OK;
    }
    open->start_ns = sqlite3_column_int64(row, 0);
    open->end_ns = sqlite3_column_int64(row, 1);
    open->spans = sqlite3_column_int64(row, 2);
    return ERR_OK;
}

err_t recovery_load(sqlite3 *db, const meta_t *meta, shard_t *shard, open_block_t *open, counters_t *counters) {
    if (meta->closed_before != INT64_MIN) shard_close_before(shard, meta->closed_before);
    uint32_t limit = shard->names.limit;
    shard->names.limit = UINT32_MAX; /* what was known stays known, also under a smaller limit */
    err_t err = each_row(db, "SELECT id, text FROM name ORDER BY id", 0, take_name, &shard->names);
    shard->names.limit = limit;
    if (err == ERR_OK)
        err = each_row(db,
                       "SELECT id, kind, observer, protocol, service, caller, version, zone, instance, operation"
                       " FROM entity ORDER BY id",
                       0, take_entity, shard);
    if (err == ERR_OK)
        err = each_row(db, "SELECT bucket, bytes FROM frame WHERE resolution=10 AND bucket>=?1 ORDER BY bucket",
                       meta->closed_before, take_frame, shard);
    open->id = meta->open_block;
    take_block_t to = {open, counters};
    if (err == ERR_OK)
        err = each_row(db, "SELECT start_ns, end_ns, spans, bytes FROM span_block WHERE id=?1", open->id, take_block,
                       &to);
    return err;
}
