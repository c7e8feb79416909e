/* kafka_fill: puts the workload mesh20 into a Kafka topic, each request into a partition by chance, and writes the
 * ledger of it. What consumers cost is then measured without senders beside them.
 *
 *   kafka_fill --brokers HOST:PORT --topic NAME [--spans N] [--partitions 4] [--compression lz4] [--seed N]
 *              [--step-ms N] [--out LEDGER.json]
 *
 * Event time goes on by --step-ms from round to round (20,000 spans) and ends now. */
#include "tests/bench/ledger.h"

#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <time.h>

typedef struct {
    const char *brokers, *topic, *compression, *out;
    uint64_t spans, seed, step_ms;
    uint32_t partitions;
} options_t;

static void fail(const char *what) {
    (void)fprintf(stderr, "kafka_fill: %s\n", what);
    exit(2);
}

static rd_kafka_t *producer_of(const options_t *options) {
    char why[256];
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    const char *const settings[][2] = {{"bootstrap.servers", options->brokers},
                                       {"compression.codec", options->compression},
                                       {"linger.ms", "20"},
                                       {"queue.buffering.max.kbytes", "262144"}};
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        if (rd_kafka_conf_set(conf, settings[i][0], settings[i][1], why, sizeof why) != RD_KAFKA_CONF_OK) fail(why);
    rd_kafka_t *producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof why);
    if (producer == NULL) fail(why);
    return producer;
}

/* splitmix64 */
static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void put(rd_kafka_t *producer, const options_t *options, int32_t partition, const uint8_t *body, size_t len) {
    for (;;) {
        rd_kafka_resp_err_t error = rd_kafka_producev(
            producer, RD_KAFKA_V_TOPIC(options->topic), RD_KAFKA_V_PARTITION(partition),
            RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE((void *)(uintptr_t)body, len), RD_KAFKA_V_END);
        (void)rd_kafka_poll(producer, error == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return;
        if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) fail(rd_kafka_err2str(error));
    }
}

static void fill(const options_t *options) {
    rd_kafka_t *producer = producer_of(options);
    mesh20_t *mesh = mesh20_new(options->seed, (mesh20_options_t){0});
    uint64_t rounds = (options->spans + ROUND_SPANS - 1) / ROUND_SPANS, chance = options->seed;
    run_t run = {.protocol = "kafka", .seed = options->seed, .requests = rounds * ROUND_REQUESTS, .seconds = 1};
    uint8_t *fates = malloc(run.requests), *body = malloc(1 << 20);
    if (fates == NULL || body == NULL) fail("no memory");
    memset(fates, FATE_ACKNOWLEDGED, run.requests);
    run.fates = fates;
    run.answered = run.requests;
    run.latency_us = calloc(run.requests, sizeof(uint32_t));
    run.last_ns = (int64_t)time(NULL) * 1000000000;
    run.first_ns = run.last_ns - (int64_t)((rounds - 1) * options->step_ms) * 1000000;
    for (uint64_t n = 0; n < run.requests; n++) {
        uint64_t round = n / ROUND_REQUESTS;
        uint32_t request = (uint32_t)(n % ROUND_REQUESTS);
        mesh20_write(mesh, round, request, run.first_ns + (int64_t)(round * options->step_ms) * 1000000, body);
        put(producer, options, (int32_t)(next_random(&chance) % options->partitions), body, mesh20_size(mesh, request));
    }
    if (rd_kafka_flush(producer, 120000) != RD_KAFKA_RESP_ERR_NO_ERROR) fail("the broker did not take everything");
    (void)printf("%" PRIu64 " spans in %" PRIu64 " messages\n", run.requests * REQUEST_SPANS, run.requests);
    FILE *out = options->out == NULL ? NULL : fopen(options->out, "w");
    if (out != NULL) ledger_write(mesh, &run, out);
    if (options->out != NULL && (out == NULL || fclose(out) != 0)) fail("cannot write the ledger");
    rd_kafka_destroy(producer);
    mesh20_free(mesh);
    free(run.latency_us);
    free(fates);
    free(body);
}

int main(int argc, char **argv) {
    options_t options = {.spans = 1000000, .seed = 1, .step_ms = 200, .partitions = 4, .compression = "lz4"};
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        uint64_t number = strtoull(value, NULL, 10);
        if (strcmp(name, "--brokers") == 0)
            options.brokers = value;
        else if (strcmp(name, "--topic") == 0)
            options.topic = value;
        else if (strcmp(name, "--compression") == 0)
            options.compression = value;
        else if (strcmp(name, "--out") == 0)
            options.out = value;
        else if (strcmp(name, "--spans") == 0)
            options.spans = number;
        else if (strcmp(name, "--seed") == 0)
            options.seed = number;
        else if (strcmp(name, "--step-ms") == 0)
            options.step_ms = number;
        else if (strcmp(name, "--partitions") == 0)
            options.partitions = (uint32_t)number;
        else
            fail("unknown option; the head of kafka_fill.c lists them");
    }
    if (options.brokers == NULL || options.topic == NULL || options.partitions == 0)
        fail("needs --brokers and --topic");
    fill(&options);
    return 0;
}
