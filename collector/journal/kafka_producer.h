/* kafka_producer: what receivers append goes to Kafka topics, and is acknowledged when every in-sync replica has it
 * (acks=all, idempotent: the library's own retries write nothing twice). One thread of its own takes delivery reports.
 */
#ifndef SEISMESH_JOURNAL_KAFKA_PRODUCER_H
#define SEISMESH_JOURNAL_KAFKA_PRODUCER_H

#include "collector/journal/journal.h"

#include <librdkafka/rdkafka.h>

typedef struct kafka_producer kafka_producer_t;

/* ERR_INVALID: a property that librdkafka does not take (`why` says which); ERR_NOMEM: no thread. */
err_t kafka_producer_open(const journal_kafka_config_t *config, counters_t *counters, kafka_producer_t **out, char *why,
                          size_t why_size);

/* As journal_append, for the three kinds that have a topic. */
err_t kafka_producer_append(kafka_producer_t *producer, uint8_t kind, int64_t arrival_ns, buffer_t *payload,
                            journal_done_fn done, void *context);

/* An empty request to one partition: no span, no point, only its time. As JSON it is "{}". */
err_t kafka_producer_tick(kafka_producer_t *producer, const char *topic, int32_t partition, bool json,
                          int64_t arrival_ns);

/* Offset behind the last message that was delivered to a partition; -1 when none was. */
int64_t kafka_producer_delivered(kafka_producer_t *producer, const char *topic, int32_t partition);

/* ERR_OK, or ERR_FULL while the brokers cannot be reached. */
err_t kafka_producer_state(const kafka_producer_t *producer);

/* Delivers what was accepted, as long as that takes 10 s at most; what is left is answered ERR_FULL. */
void kafka_producer_close(kafka_producer_t *producer);

/* One property of librdkafka. */
typedef struct {
    const char *name, *value;
} kafka_property_t;

/* A configuration to be used up by rd_kafka_new: `usual` first (ended by a NULL name), then what the user set, then
 * `always`, on which our promises rest. NULL with a sentence in `why`. */
rd_kafka_conf_t *kafka_conf(const journal_kafka_config_t *config, const kafka_property_t *usual,
                            const kafka_property_t *always, char *why, size_t why_size);

#endif
