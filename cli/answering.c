#include "cli/answering.h"

#include "analyzer/answers.h"
#include "base/log.h"
#include "collector/store/query.h"

static bool load_one(void *context, const query_answer_t *answer) {
    answering_t *answering = context;
    int64_t since_ns = answer->since_ns;
    err_t err = analyzer_answer(answering->pipeline->analyzer, answer->id, answer->incident, &since_ns,
                                answer->until_ns, answer->json);
    if (err != ERR_OK)
        log_warn("answer %llu in the store is left out: %s", (unsigned long long)answer->id, err_text(err));
    if (answer->id >= answering->next_id) answering->next_id = answer->id + 1;
    return true;
}

err_t answering_init(answering_t *answering, pipeline_t *pipeline, store_t *store, const clock_source_t *clock) {
    *answering = (answering_t){.pipeline = pipeline, .store = store, .clock = clock, .next_id = 1};
    (void)pthread_mutex_init(&answering->one, NULL);
    query_t *query = query_open(store_path(store));
    if (query == NULL) return ERR_FOREIGN;
    query_answers_t ask = {.limit = STORE_ANSWERS_MAX + ANSWERS_MAX};
    err_t err = query_answers(query, &ask, load_one, answering);
    query_close(query);
    return err;
}

void answering_fini(answering_t *answering) {
    if (answering->pipeline != NULL) (void)pthread_mutex_destroy(&answering->one);
}

static err_t tell_analyzer(answering_t *answering, store_answer_t *answer) {
    pthread_mutex_t *analyzing = &answering->pipeline->analyzing;
    (void)pthread_mutex_lock(analyzing);
    err_t err = analyzer_answer(answering->pipeline->analyzer, answer->id, answer->incident, &answer->since_ns,
                                answer->until_ns, answer->json);
    (void)pthread_mutex_unlock(analyzing);
    return err;
}

err_t answering_give(void *context, uint64_t incident, int64_t until_ns, const char *json, uint64_t *id) {
    answering_t *answering = context;
    (void)pthread_mutex_lock(&answering->one);
    store_answer_t answer = {.id = answering->next_id,
                             .incident = incident,
                             .given_ns = clock_wall_ns(answering->clock),
                             .since_ns = INT64_MIN,
                             .until_ns = until_ns,
                             .json = json};
    err_t err = tell_analyzer(answering, &answer);
    if (err == ERR_OK) {
        err = store_answer(answering->store, &answer);
        if (err == ERR_OK) {
            *id = answering->next_id++;
        } else {
            (void)pthread_mutex_lock(&answering->pipeline->analyzing);
            analyzer_forget(answering->pipeline->analyzer, answer.id);
            (void)pthread_mutex_unlock(&answering->pipeline->analyzing);
        }
    }
    (void)pthread_mutex_unlock(&answering->one);
    return err;
}

/* The store first: what it could not note stays in force. */
err_t answering_revoke(void *context, uint64_t id) {
    answering_t *answering = context;
    (void)pthread_mutex_lock(&answering->one);
    (void)pthread_mutex_lock(&answering->pipeline->analyzing);
    int64_t until_ns = analyzer_seen_until(answering->pipeline->analyzer);
    err_t err = store_answer_revoke(answering->store, id, until_ns, clock_wall_ns(answering->clock));
    if (err == ERR_OK) analyzer_revoke(answering->pipeline->analyzer, id, until_ns);
    (void)pthread_mutex_unlock(&answering->pipeline->analyzing);
    (void)pthread_mutex_unlock(&answering->one);
    return err;
}
