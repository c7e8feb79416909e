#include "base/memory.h"
#include "collector/store/chunk.h"
#include "collector/store/query_internal.h"
#include "collector/store/schema.h"

#include <stdlib.h>

enum { BUSY_WAIT_MS = 1000 };

query_t *query_open(const char *sqlite_path) {
    query_t *query = memory_new(1, sizeof *query);
    names_init(&query->names, UINT32_MAX, &query->counters);
    query->entity_count = 1;
    cell_init(&query->cell);
    err_t err = sql_open(sqlite_path, SQLITE_OPEN_READONLY, &query->db);
    if (err == ERR_OK) (void)sqlite3_busy_timeout(query->db, BUSY_WAIT_MS);
    if (err == ERR_OK) err = schema_check(query->db);
    if (err == ERR_OK) err = query_begin(query); /* names and entities */
    query_end(query);
    if (err == ERR_OK) return query;
    query_close(query);
    return NULL;
}

void query_close(query_t *query) {
    if (query->db != NULL) (void)sqlite3_close(query->db);
    names_fini(&query->names);
    free(query->entities);
    for (size_t i = 0; i < 2; i++) buffer_fini(&query->scratch[i]);
    cell_fini(&query->cell);
    free(query);
}

/* --- names and entities: only ever added to, so what is known stays true --- */

static err_t read_names(query_t *query) {
    sqlite3_stmt *rows;
    err_t err = sql_prepare(query->db, "SELECT text FROM name WHERE id>=? ORDER BY id", &rows);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(rows, 1, query->names.count);
    while ((err = sql_row(rows)) == ERR_OK) {
        uint32_t next = query->names.count;
        if (names_intern(&query->names, sql_column(rows, 0)) == next) continue;
        err = ERR_MALFORMED; /* a name twice: ids from here on would be wrong */
        break;
    }
    (void)sqlite3_finalize(rows);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static void add_entity(query_t *query, sqlite3_stmt *row) {
    if (query->entity_count >= query->entity_capacity) {
        query->entity_capacity = query->entity_capacity == 0 ? 256 : query->entity_capacity * 2;
        query->entities = memory_resize(query->entities, query->entity_capacity * sizeof *query->entities);
        if (query->entity_count == 1) query->entities[0] = (entity_key_t){0};
    }
    uint32_t columns[9];
    for (int i = 0; i < 9; i++) columns[i] = (uint32_t)sqlite3_column_int64(row, i);
    query->entities[query->entity_count++] = (entity_key_t){
        .kind = columns[0] < ENTITY_KINDS ? (uint8_t)columns[0] : ENTITY_SERVICE,
        .observer = columns[1] < OBSERVERS ? (uint8_t)columns[1] : OBSERVER_NONE,
        .protocol = columns[2] < PROTOCOLS ? (uint8_t)columns[2] : PROTOCOL_UNKNOWN,
        .service = columns[3],
        .caller = columns[4],
        .version = columns[5],
        .zone = columns[6],
        .instance = columns[7],
        .operation = columns[8],
    };
}

static err_t read_entities(query_t *query) {
    sqlite3_stmt *rows;
    err_t err = sql_prepare(query->db,
                            "SELECT kind, observer, protocol, service, caller, version, zone, instance, operation"
                            " FROM entity WHERE id>=? ORDER BY id",
                            &rows);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(rows, 1, query->entity_count);
    while ((err = sql_row(rows)) == ERR_OK) add_entity(query, rows);
    (void)sqlite3_finalize(rows);
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

err_t query_begin(query_t *query) {
    err_t err = sql_exec(query->db, "BEGIN");
    if (err != ERR_OK) return err;
    query->reading = true;
    err = meta_load(query->db, &query->meta);
    if (err == ERR_OK) err = bounds_load(query->db, &query->bounds);
    if (err == ERR_OK) err = read_names(query);
    if (err == ERR_OK) err = read_entities(query);
    if (err != ERR_OK) query_end(query);
    return err;
}

void query_end(query_t *query) {
    if (query->reading) (void)sql_exec(query->db, "COMMIT");
    query->reading = false;
}

err_t query_enter(query_t *query, bool *own) {
    *own = !query->reading;
    return *own ? query_begin(query) : ERR_OK;
}

void query_leave(query_t *query, bool own) {
    if (own) query_end(query);
}

uint64_t query_damaged(const query_t *query) {
    return query->damaged;
}

const char *query_name(const query_t *query, uint32_t id) {
    return names_cstr(&query->names, id);
}

uint32_t query_find_name(const query_t *query, const char *text) {
    return names_find(&query->names, slice_text(text));
}

uint32_t query_entity_count(const query_t *query) {
    return query->entity_count;
}

const entity_key_t *query_entity(const query_t *query, uint32_t id) {
    return id > 0 && id < query->entity_count ? &query->entities[id] : NULL;
}

/* --- filters --- */

static bool is(uint32_t wanted, uint32_t value) {
    return wanted == QUERY_ANY || wanted == value;
}

bool query_matches(const query_filter_t *filter, const entity_key_t *key) {
    if (filter->kinds != 0 && (filter->kinds & (1u << key->kind)) == 0) return false;
    if (!is(filter->service, key->service) || !is(filter->caller, key->caller) || !is(filter->version, key->version) ||
        !is(filter->zone, key->zone) || !is(filter->instance, key->instance) || !is(filter->operation, key->operation))
        return false;
    return is(filter->either, key->service) || (key->kind == ENTITY_EDGE && filter->either == key->caller);
}

void selection_init(selection_t *selection, const query_t *query, const query_filter_t *filter) {
    selection->wanted = memory_new(query->entity_count, sizeof *selection->wanted);
    selection->ids = memory_new(query->entity_count, sizeof *selection->ids);
    selection->count = 0;
    selection->parts = filter->no_client ? CHUNK_WITHOUT_CLIENT : CHUNK_WHOLE;
    for (uint32_t id = 1; id < query->entity_count; id++) {
        if (!query_matches(filter, &query->entities[id])) continue;
        selection->wanted[id] = true;
        selection->ids[selection->count++] = id;
    }
}

void selection_fini(selection_t *selection) {
    free(selection->wanted);
    free(selection->ids);
}

err_t query_entities(query_t *query, const query_filter_t *filter,
                     bool (*entity)(void *context, uint32_t id, const entity_key_t *key), void *context) {
    bool own;
    err_t err = query_enter(query, &own);
    if (err != ERR_OK) return err;
    for (uint32_t id = 1; id < query->entity_count; id++)
        if (query_matches(filter, &query->entities[id]) && !entity(context, id, &query->entities[id])) break;
    query_leave(query, own);
    return ERR_OK;
}

/* --- status --- */

err_t query_first_ns(query_t *query, int64_t *first_ns) {
    *first_ns = INT64_MIN;
    for (int r = 0; r < RESOLUTIONS; r++) {
        char text[192];
        (void)sqlite3_snprintf(sizeof text, text,
                               "SELECT min(bucket) FROM (SELECT min(bucket) AS bucket FROM frame WHERE resolution=%d"
                               " UNION ALL SELECT min(span)*%d FROM chunk WHERE resolution=%d)",
                               (int)resolution_seconds[r], CHUNK_BUCKETS, (int)resolution_seconds[r]);
        int64_t bucket;
        err_t err = sql_number(query->db, text, INT64_MIN, &bucket);
        if (err != ERR_OK) return err;
        if (bucket == INT64_MIN) continue;
        int64_t start = bucket * resolution_seconds[r] * 1000000000;
        if (*first_ns == INT64_MIN || start < *first_ns) *first_ns = start;
    }
    return ERR_OK;
}

static err_t used_bytes(query_t *query, uint64_t *bytes) {
    int64_t pages = 0, unused = 0, size = 0;
    err_t err = sql_number(query->db, "PRAGMA page_count", 0, &pages);
    if (err == ERR_OK) err = sql_number(query->db, "PRAGMA freelist_count", 0, &unused);
    if (err == ERR_OK) err = sql_number(query->db, "PRAGMA page_size", 0, &size);
    *bytes = (uint64_t)((pages - unused) * size);
    return err;
}

err_t query_status(query_t *query, query_status_t *status) {
    bool own;
    err_t err = query_enter(query, &own);
    if (err != ERR_OK) return err;
    const meta_t *meta = &query->meta;
    int64_t blocks = 0;
    *status = (query_status_t){
        .position = (uint64_t)meta->position,
        .checkpoints = (uint64_t)meta->checkpoints,
        .event_ns = meta->event_ns,
        .closed_before_ns = meta->closed_before == INT64_MIN ? INT64_MIN : meta->closed_before * BUCKET_NS,
        .names = query->names.count,
        .entities = query->entity_count - 1,
        .spans = (uint64_t)meta->spans,
        .traces = (uint64_t)meta->traces,
    };
    err = query_first_ns(query, &status->first_ns);
    if (err == ERR_OK) err = used_bytes(query, &status->bytes);
    if (err == ERR_OK) err = sql_number(query->db, "SELECT count(*) FROM span_block", 0, &blocks);
    status->span_blocks = (uint64_t)blocks;
    query_leave(query, own);
    return err;
}
