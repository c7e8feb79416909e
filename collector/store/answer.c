/* What people say of incidents: written at once, as decisions are (decide.c). */
#include "collector/store/sql.h"
#include "collector/store/store.h"

static err_t put_answer(sqlite3 *db, const store_answer_t *answer) {
    sqlite3_stmt *statement;
    err_t err = sql_prepare(db, "INSERT INTO answer VALUES(?,?,?,?,?,0,?)", &statement);
    if (err != ERR_OK) return err;
    const int64_t numbers[] = {(int64_t)answer->id, (int64_t)answer->incident, answer->given_ns, answer->since_ns,
                               answer->until_ns};
    int column = 0;
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        (void)sqlite3_bind_int64(statement, ++column, numbers[i]);
    (void)sqlite3_bind_text(statement, ++column, answer->json, -1, SQLITE_STATIC);
    err = sql_run(statement);
    (void)sqlite3_finalize(statement);
    return err;
}

/* The oldest of those that are over make room. */
static err_t make_room(sqlite3 *db, int64_t now_ns) {
    sqlite3_stmt *statement;
    err_t err = sql_prepare(db,
                            "DELETE FROM answer WHERE id IN (SELECT id FROM answer WHERE until_ns<=?1 ORDER BY id"
                            " LIMIT max(0, (SELECT count(*) FROM answer) - ?2))",
                            &statement);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(statement, 1, now_ns);
    (void)sqlite3_bind_int(statement, 2, STORE_ANSWERS_MAX);
    err = sql_run(statement);
    (void)sqlite3_finalize(statement);
    return err;
}

err_t store_answer(store_t *store, const store_answer_t *answer) {
    sqlite3 *db;
    err_t err = sql_begin(store_path(store), &db);
    if (err != ERR_OK) return err;
    err = put_answer(db, answer);
    if (err == ERR_OK) err = make_room(db, answer->since_ns);
    return sql_end(db, err);
}

static err_t end_answer(sqlite3 *db, uint64_t id, int64_t until_ns, int64_t revoked_ns) {
    sqlite3_stmt *statement;
    err_t err = sql_prepare(db,
                            "UPDATE answer SET until_ns=max(?2, since_ns), revoked_ns=?3 WHERE id=?1 AND until_ns>?2"
                            " AND revoked_ns=0",
                            &statement);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(statement, 1, (int64_t)id);
    (void)sqlite3_bind_int64(statement, 2, until_ns);
    (void)sqlite3_bind_int64(statement, 3, revoked_ns);
    err = sql_run(statement);
    (void)sqlite3_finalize(statement);
    return err;
}

static err_t check_known(sqlite3 *db, uint64_t id) {
    sqlite3_stmt *statement;
    err_t err = sql_prepare(db, "SELECT 1 FROM answer WHERE id=?", &statement);
    if (err != ERR_OK) return err;
    (void)sqlite3_bind_int64(statement, 1, (int64_t)id);
    err = sql_row(statement);
    (void)sqlite3_finalize(statement);
    return err;
}

err_t store_answer_revoke(store_t *store, uint64_t id, int64_t until_ns, int64_t revoked_ns) {
    sqlite3 *db;
    err_t err = sql_begin(store_path(store), &db);
    if (err != ERR_OK) return err;
    err = check_known(db, id);
    if (err == ERR_OK) err = end_answer(db, id, until_ns, revoked_ns);
    if (err == ERR_OK && sqlite3_changes(db) == 0) err = ERR_INVALID;
    return sql_end(db, err);
}
