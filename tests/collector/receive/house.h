/* house: one receiver with a fake journal behind it, as every receiver test wants it. */
#ifndef SEISMESH_TESTS_HOUSE_H
#define SEISMESH_TESTS_HOUSE_H

#include "collector/receive/receiver.h"
#include "tests/collector/receive/fake_journal.h"
#include "tests/test.h"

enum { LIMIT = 1024 * 1024 };

typedef err_t (*house_start_fn)(const receiver_config_t *config, intake_t *intake, receiver_t **out, char *why,
                                size_t why_size);

typedef struct {
    fake_journal_t *journal;
    counters_t counters;
    intake_t intake;
    receiver_config_t config; /* what is 0 gets a value by house_open */
    receiver_t *receiver;
    uint16_t port;
} house_t;

static inline void house_open(house_t *house, house_start_fn start) {
    char why[256] = "";
    receiver_config_t *config = &house->config;
    if (config->host == NULL) config->host = "127.0.0.1";
    if (config->request_bytes == 0) config->request_bytes = LIMIT;
    if (config->memory_bytes == 0) config->memory_bytes = 16 * LIMIT;
    if (config->connections == 0) config->connections = 100;
    if (config->header_timeout_s == 0) config->header_timeout_s = 10;
    if (config->body_timeout_s == 0) config->body_timeout_s = 30;
    if (config->threads == 0) config->threads = 2;
    house->journal = fake_journal_open();
    house->intake =
        (intake_t){.journal = &house->journal->journal, .clock = &clock_system, .counters = &house->counters};
    if (start(config, &house->intake, &house->receiver, why, sizeof why) != ERR_OK) {
        (void)fprintf(stderr, "%s\n", why);
        abort();
    }
    house->port = receiver_port(house->receiver);
}

/* Closes as the daemon does: the receivers first, the journal behind them. */
static inline void house_close(house_t *house) {
    receiver_stop(house->receiver);
    CHECK_EQUAL(house->intake.held_bytes, 0);
    fake_journal_close(house->journal);
}

static inline uint64_t counter(const house_t *house, counter_t which) {
    return counters_get(&house->counters, which);
}

#endif
