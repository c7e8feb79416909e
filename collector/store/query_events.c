#include "base/memory.h"
#include "collector/store/query_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

void query_cursor_format(const query_cursor_t *cursor, char text[QUERY_CURSOR_TEXT]) {
    (void)snprintf(text, QUERY_CURSOR_TEXT, "%" PRId64 "_%" PRIu64, cursor->time_ns, cursor->id);
}

bool query_cursor_parse(const char *text, query_cursor_t *cursor) {
    int end = 0;
    *cursor = (query_cursor_t){.set = true};
    if (strlen(text) >= QUERY_CURSOR_TEXT || strspn(text, "-_0123456789") != strlen(text)) return false;
    return sscanf(text, "%20" SCNd64 "_%20" SCNu64 "%n", &cursor->time_ns, &cursor->id, &end) == 2 && text[end] == '\0';
}

/* Where a list begins: everything is before this in the order of (time, id) descending. */
static int64_t cursor_time(const query_cursor_t *cursor) {
    return cursor->set ? cursor->time_ns : INT64_MAX;
}
static int64_t cursor_id(const query_cursor_t *cursor) {
    return cursor->set ? (int64_t)cursor->id : INT64_MAX;
}

static double number_or_nan(sqlite3_stmt *row, int column) {
    return sqlite3_column_type(row, column) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(row, column);
}

static const char *text_or_empty(sqlite3_stmt *row, int column) {
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text == NULL ? "" : text;
}

/* Walks a statement whose rows begin with (time, id): `give` is called for at most `limit` rows that `wants` (NULL:
 * all) takes; the cursor ends behind the last given, set when there is one more. */
typedef struct {
    query_t *query;
    const void *ask;
    bool (*wants)(const query_t *query, const void *ask, sqlite3_stmt *row);
    bool (*give)(const query_t *query, sqlite3_stmt *row, const void *callback, void *context);
    const void *callback;
    void *context;
    uint32_t limit;
} list_t;

static err_t walk_list(const list_t *list, sqlite3_stmt *rows, query_cursor_t *cursor) {
    uint32_t given = 0;
    query_cursor_t last = {0};
    err_t err;
    *cursor = last;
    while ((err = sql_row(rows)) == ERR_OK) {
        if (list->wants != NULL && !list->wants(list->query, list->ask, rows)) continue;
        if (given == list->limit) {
            *cursor = last;
            break;
        }
        last = (query_cursor_t){true, sqlite3_column_int64(rows, 0), (uint64_t)sqlite3_column_int64(rows, 1), {0}};
        given++;
        if (!list->give(list->query, rows, list->callback, list->context)) break;
    }
    return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* Prepares, binds numbers and a text (may be NULL), walks. */
static err_t run_list(const list_t *list, const char *sql, const int64_t *numbers, int count, const char *text,
                      query_cursor_t *cursor) {
    bool own;
    err_t err = query_enter(list->query, &own);
    if (err != ERR_OK) return err;
    sqlite3_stmt *rows;
    err = sql_prepare(list->query->db, sql, &rows);
    if (err == ERR_OK) {
        for (int i = 0; i < count; i++) (void)sqlite3_bind_int64(rows, i + 1, numbers[i]);
        if (text != NULL) (void)sqlite3_bind_text(rows, count + 1, text, -1, SQLITE_STATIC);
        err = walk_list(list, rows, cursor);
        (void)sqlite3_finalize(rows);
    }
    query_leave(list->query, own);
    return err;
}

/* --- anomalies --- */

/* Rows as give_anomaly reads them. */
#define ANOMALY_ROWS                                                                                                   \
    "SELECT time_ns, id, entity, incident, signal, score, observed, expected, low, high, explanation FROM anomaly "

typedef bool (*anomaly_fn)(void *context, const query_anomaly_t *anomaly);

static bool wants_anomaly(const query_t *query, const void *ask, sqlite3_stmt *row) {
    uint32_t service = ((const query_anomalies_t *)ask)->service;
    if (service == QUERY_ANY) return true;
    const entity_key_t *key = query_entity(query, (uint32_t)sqlite3_column_int64(row, 2));
    return key != NULL && (key->service == service || (key->kind == ENTITY_EDGE && key->caller == service));
}

static bool give_anomaly(const query_t *query, sqlite3_stmt *row, const void *callback, void *context) {
    uint32_t entity = (uint32_t)sqlite3_column_int64(row, 2);
    query_anomaly_t anomaly = {.time_ns = sqlite3_column_int64(row, 0),
                               .entity = entity,
                               .key = query_entity(query, entity),
                               .signal = text_or_empty(row, 4),
                               .score = number_or_nan(row, 5),
                               .observed = number_or_nan(row, 6),
                               .expected = number_or_nan(row, 7),
                               .low = number_or_nan(row, 8),
                               .high = number_or_nan(row, 9),
                               .incident = (uint64_t)sqlite3_column_int64(row, 3),
                               .id = (uint64_t)sqlite3_column_int64(row, 1),
                               .explanation = text_or_empty(row, 10)};
    return (*(const anomaly_fn *)callback)(context, &anomaly);
}

err_t query_anomalies(query_t *query, query_anomalies_t *ask,
                      bool (*anomaly)(void *context, const query_anomaly_t *anomaly), void *context) {
    list_t list = {query, ask, wants_anomaly, give_anomaly, &anomaly, context, ask->limit};
    const int64_t numbers[] = {ask->start_ns, ask->end_ns, (int64_t)ask->incident, cursor_time(&ask->cursor),
                               cursor_id(&ask->cursor)};
    const char *sql = ask->incident == 0
                          ? ANOMALY_ROWS "WHERE time_ns>=?1 AND time_ns<?2 AND ?3=0 AND (time_ns, id)<(?4, ?5)"
                                         " ORDER BY time_ns DESC, id DESC"
                          : ANOMALY_ROWS "INDEXED BY anomaly_incident WHERE time_ns>=?1 AND time_ns<?2 AND incident=?3"
                                         " AND (time_ns, id)<(?4, ?5) ORDER BY time_ns DESC, id DESC";
    return run_list(&list, sql, numbers, 5, NULL, &ask->cursor);
}

/* For what has one row: notes that it was there. */
typedef struct {
    const void *callback;
    void *context;
    bool found;
} one_t;

static bool note_anomaly(void *context, const query_anomaly_t *anomaly) {
    one_t *one = context;
    one->found = true;
    return (*(const anomaly_fn *)one->callback)(one->context, anomaly);
}

err_t query_anomaly(query_t *query, uint64_t id, bool (*anomaly)(void *context, const query_anomaly_t *anomaly),
                    void *context) {
    one_t one = {&anomaly, context, false};
    anomaly_fn note = note_anomaly;
    list_t list = {query, NULL, NULL, give_anomaly, &note, &one, 1};
    query_cursor_t cursor;
    err_t err = run_list(&list, ANOMALY_ROWS "WHERE id=?1", &(int64_t){(int64_t)id}, 1, NULL, &cursor);
    return err == ERR_OK && !one.found ? ERR_NOT_FOUND : err;
}

/* --- incidents --- */

typedef bool (*incident_fn)(void *context, const query_incident_t *incident);

static bool give_incident(const query_t *query, sqlite3_stmt *row, const void *callback, void *context) {
    (void)query;
    query_incident_t incident = {.id = (uint64_t)sqlite3_column_int64(row, 1),
                                 .opened_ns = sqlite3_column_int64(row, 0),
                                 .updated_ns = sqlite3_column_int64(row, 2),
                                 .closed_ns = sqlite3_column_int64(row, 3),
                                 .json = text_or_empty(row, 4)};
    return (*(const incident_fn *)callback)(context, &incident);
}

err_t query_incidents(query_t *query, query_incidents_t *ask,
                      bool (*incident)(void *context, const query_incident_t *incident), void *context) {
    list_t list = {query, ask, NULL, give_incident, &incident, context, ask->limit};
    const int64_t numbers[] = {ask->start_ns, ask->end_ns, ask->state, cursor_time(&ask->cursor),
                               cursor_id(&ask->cursor)};
    return run_list(&list,
                    "SELECT opened_ns, id, updated_ns, closed_ns, json FROM incident WHERE opened_ns<?2 AND"
                    " (closed_ns=0 OR closed_ns>=?1) AND (?3=0 OR (?3=1)=(closed_ns=0)) AND (opened_ns, id)<(?4, ?5)"
                    " ORDER BY opened_ns DESC, id DESC",
                    numbers, 5, NULL, &ask->cursor);
}

static bool note_incident(void *context, const query_incident_t *incident) {
    one_t *one = context;
    one->found = true;
    return (*(const incident_fn *)one->callback)(one->context, incident);
}

err_t query_incident(query_t *query, uint64_t id, bool (*incident)(void *context, const query_incident_t *incident),
                     void *context) {
    one_t one = {&incident, context, false};
    incident_fn note = note_incident;
    list_t list = {query, NULL, NULL, give_incident, &note, &one, 1};
    query_cursor_t cursor;
    err_t err = run_list(&list, "SELECT opened_ns, id, updated_ns, closed_ns, json FROM incident WHERE id=?1",
                         &(int64_t){(int64_t)id}, 1, NULL, &cursor);
    return err == ERR_OK && !one.found ? ERR_NOT_FOUND : err;
}

/* --- suggestions --- */

typedef bool (*suggestion_fn)(void *context, const query_suggestion_t *suggestion);

static bool give_suggestion(const query_t *query, sqlite3_stmt *row, const void *callback, void *context) {
    (void)query;
    query_suggestion_t suggestion = {.id = (uint64_t)sqlite3_column_int64(row, 1),
                                     .incident = (uint64_t)sqlite3_column_int64(row, 2),
                                     .created_ns = sqlite3_column_int64(row, 0),
                                     .expires_ns = sqlite3_column_int64(row, 3),
                                     .json = text_or_empty(row, 4),
                                     .state = text_or_empty(row, 5),
                                     .reason = text_or_empty(row, 6),
                                     .decided_ns = sqlite3_column_int64(row, 7)};
    return (*(const suggestion_fn *)callback)(context, &suggestion);
}

/* Rows as give_suggestion reads them. What the telemetry showed goes before what a person decided; else the newest
 * event time decides what has expired. */
#define SUGGESTION_ROWS                                                                                                \
    "WITH rows AS (SELECT s.created_ns, s.id, s.incident, s.expires_ns, s.json, CASE WHEN json_valid(s.json) AND"      \
    " json_extract(s.json, '$.state') IN ('seen', 'verified', 'refuted') THEN json_extract(s.json, '$.state') ELSE"    \
    " coalesce(d.decision, CASE WHEN s.expires_ns <="                                                                  \
    " coalesce((SELECT value FROM meta WHERE key='event_ns'), 0) THEN 'expired' ELSE 'open' END) END"                  \
    " AS state, coalesce(d.reason, '') AS reason, coalesce(d.time_ns, 0) AS decided FROM suggestion s LEFT JOIN"       \
    " decision d ON d.suggestion=s.id) SELECT * FROM rows "

err_t query_suggestions(query_t *query, query_suggestions_t *ask,
                        bool (*suggestion)(void *context, const query_suggestion_t *suggestion), void *context) {
    list_t list = {query, ask, NULL, give_suggestion, &suggestion, context, ask->limit};
    const int64_t numbers[] = {(int64_t)ask->incident, cursor_time(&ask->cursor), cursor_id(&ask->cursor)};
    return run_list(&list,
                    SUGGESTION_ROWS "WHERE (?1=0 OR incident=?1) AND (created_ns, id)<(?2, ?3) AND"
                                    " (?4 IS NULL OR state=?4) ORDER BY created_ns DESC, id DESC",
                    numbers, 3, ask->state, &ask->cursor);
}

static bool note_suggestion(void *context, const query_suggestion_t *suggestion) {
    one_t *one = context;
    one->found = true;
    return (*(const suggestion_fn *)one->callback)(one->context, suggestion);
}

err_t query_suggestion(query_t *query, uint64_t id,
                       bool (*suggestion)(void *context, const query_suggestion_t *suggestion), void *context) {
    one_t one = {&suggestion, context, false};
    suggestion_fn note = note_suggestion;
    list_t list = {query, NULL, NULL, give_suggestion, &note, &one, 1};
    query_cursor_t cursor;
    err_t err = run_list(&list, SUGGESTION_ROWS "WHERE id=?1", &(int64_t){(int64_t)id}, 1, NULL, &cursor);
    return err == ERR_OK && !one.found ? ERR_NOT_FOUND : err;
}

/* --- answers --- */

typedef bool (*answer_fn)(void *context, const query_answer_t *answer);

static bool give_answer(const query_t *query, sqlite3_stmt *row, const void *callback, void *context) {
    (void)query;
    query_answer_t answer = {.id = (uint64_t)sqlite3_column_int64(row, 1),
                             .incident = (uint64_t)sqlite3_column_int64(row, 2),
                             .given_ns = sqlite3_column_int64(row, 0),
                             .since_ns = sqlite3_column_int64(row, 3),
                             .until_ns = sqlite3_column_int64(row, 4),
                             .revoked_ns = sqlite3_column_int64(row, 5),
                             .json = text_or_empty(row, 6),
                             .in_force = sqlite3_column_int(row, 7) != 0};
    return (*(const answer_fn *)callback)(context, &answer);
}

err_t query_answers(query_t *query, query_answers_t *ask, bool (*answer)(void *context, const query_answer_t *answer),
                    void *context) {
    list_t list = {query, ask, NULL, give_answer, &answer, context, ask->limit};
    const int64_t numbers[] = {(int64_t)ask->incident, (int64_t)ask->id, ask->in_force ? 1 : 0,
                               cursor_time(&ask->cursor), cursor_id(&ask->cursor)};
    return run_list(&list,
                    "WITH rows AS (SELECT given_ns, id, incident, since_ns, until_ns, revoked_ns, json, revoked_ns=0"
                    " AND until_ns>coalesce((SELECT value FROM meta WHERE key='event_ns'), 0) AS in_force FROM answer)"
                    " SELECT * FROM rows WHERE (?1=0 OR incident=?1) AND (?2=0 OR id=?2) AND (?3=0 OR in_force)"
                    " AND (given_ns, id)<(?4, ?5) ORDER BY given_ns DESC, id DESC",
                    numbers, 5, NULL, &ask->cursor);
}
