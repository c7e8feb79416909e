/* config: every setting, its default, and where it came from. One YAML file; each key also has a flag (--limits.names
 * 5000) and a variable (SEISMESH_LIMITS_NAMES), flags win over variables, variables over the file, the file over the
 * defaults. Unknown keys and unusable values are errors that name the line (or flag, or variable) and the cure. */
#ifndef SEISMESH_BASE_CONFIG_H
#define SEISMESH_BASE_CONFIG_H

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* X(type, field, "yaml.path", "default", "what it is, with its unit"). Types: text, bytes (64MiB), count, seconds,
 * flag, real, choice:a|b. */
#define CONFIG_LIST(X)                                                                                                 \
    X(text, listen_otlp_grpc, "listen.otlp_grpc", "127.0.0.1:4317", "address of the OTLP/gRPC receiver; empty = off")  \
    X(text, listen_otlp_http, "listen.otlp_http", "127.0.0.1:4318", "address of the OTLP/HTTP receiver; empty = off")  \
    X(text, listen_web, "listen.web", "127.0.0.1:7117", "address of the page, the API and /metrics")                   \
    X(text, listen_web_names, "listen.web_names", "",                                                                  \
      "further host names that page and API may be called by, such as seismesh.observability, separated by commas")    \
    X(text, role, "role", "all",                                                                                       \
      "all: everything in one process; worker: folds its share of Kafka's partitions for the views; view: analyzer, "  \
      "page and API over what all workers say")                                                                        \
    X(text, web_notice, "web.notice", "",                                                                              \
      "shown at the top of every page, such as 'staging' or 'demo data'; empty = off")                                 \
    X(text, data, "data", "./seismesh-data", "data directory")                                                         \
    X(text, durability, "durability", "disk",                                                                          \
      "acknowledge after: disk (fdatasync) or process (write; survives a crash of seismesh, not of the machine)")      \
    X(text, log_level, "log_level", "info", "debug, info, warn or error")                                              \
    X(bytes, request_bytes, "limits.request_bytes", "64MiB", "largest request, on the wire and after inflating")       \
    X(bytes, intake_bytes, "limits.intake_bytes", "256MiB", "all request bodies in flight together")                   \
    X(bytes, queue_bytes, "limits.queue_bytes", "64MiB",                                                               \
      "journaled and not yet folded; beyond it senders are told to retry")                                             \
    X(bytes, pending_bytes, "limits.pending_bytes", "6MiB",                                                            \
      "spans (compressed) and events collected for the store; beyond it a checkpoint is made before its time")         \
    X(count, connections, "limits.connections", "2000", "open connections per receiver")                               \
    X(count, scrape_targets, "limits.scrape_targets", "5000", "targets that are scraped; more are left out")           \
    X(count, scrape_connections, "limits.scrape_connections", "32", "pages fetched at once")                           \
    X(count, names, "limits.names", "1000000", "different names (services, operations, pods …)")                       \
    X(count, entities, "limits.entities", "200000", "different edges, services, versions, instances, operations")      \
    X(count, operations_per_service, "limits.operations_per_service", "200", "different operations of one service")    \
    X(count, auxiliary_per_service, "limits.auxiliary_per_service", "48", "auxiliary metrics kept per service")        \
    X(count, metric_streams, "limits.metric_streams", "1000000", "cumulative metric streams remembered")               \
    X(count, pairing_spans, "pairing.spans", "1000000", "spans that may wait for their other half")                    \
    X(seconds, pairing_window_s, "pairing.window_seconds", "45", "how long they may wait")                             \
    X(seconds, late_s, "limits.late_seconds", "3600", "later than this behind the newest is dropped from the rollups") \
    X(seconds, grace_s, "limits.grace_seconds", "10",                                                                  \
      "how long a 10 s bucket waits for stragglers before it is judged")                                               \
    X(seconds, silence_s, "limits.silence_seconds", "5",                                                               \
      "after so long without input event time follows the wall clock, so that what waits is settled")                  \
    X(seconds, idle_s, "limits.idle_seconds", "86400", "an entity unseen for so long gives its place to a new one")    \
    X(seconds, checkpoint_s, "checkpoint_seconds", "2", "time between checkpoints")                                    \
    X(flag, spans_store, "spans.store", "true", "keep spans for search and the trace view")                            \
    X(bytes, span_block_bytes, "spans.block_bytes", "1MiB", "raw bytes of a span block")                               \
    X(seconds, retention_spans_s, "retention.spans_seconds", "259200", "spans are kept so long")                       \
    X(seconds, retention_10s_s, "retention.rollup_10s_seconds", "86400", "10 s cells are kept so long")                \
    X(seconds, retention_full_10s_s, "retention.full_10s_seconds", "21600",                                            \
      "older 10 s cells keep latency in 64 buckets, and no exemplars; minutes and hours keep all")                     \
    X(seconds, retention_1m_s, "retention.rollup_1m_seconds", "1209600", "1 min cells are kept so long")               \
    X(seconds, retention_1h_s, "retention.rollup_1h_seconds", "34560000", "1 h cells are kept so long")                \
    X(bytes, retention_bytes, "retention.bytes", "20GiB", "of the whole store; oldest spans go first")                 \
    X(bytes, segment_bytes, "journal.segment_bytes", "64MiB", "size of a journal segment")                             \
    X(text, journal_kind, "journal.kind", "local",                                                                     \
      "where what is acknowledged is kept until it is in a checkpoint: local (segment files) or kafka")                \
    X(text, kafka_brokers, "kafka.brokers", "127.0.0.1:9092", "HOST:PORT of one broker or more, separated by commas")  \
    X(text, kafka_group, "kafka.group", "seismesh", "consumer group; its members share the partitions")                \
    X(text, kafka_topic_spans, "kafka.topic_spans", "otlp_spans", "topic of trace requests")                           \
    X(text, kafka_topic_metrics, "kafka.topic_metrics", "otlp_metrics", "topic of metric requests")                    \
    X(text, kafka_topic_logs, "kafka.topic_logs", "otlp_logs", "topic of log requests")                                \
    X(text, kafka_topic_rollups, "kafka.topic_rollups", "seismesh_rollups",                                            \
      "topic in which workers tell views what they counted; one partition, compacted")                                 \
    X(text, kafka_topic_state, "kafka.topic_state", "seismesh_state",                                                  \
      "topic in which workers keep the states of their partitions; one partition, compacted")                          \
    X(seconds, cluster_pairing_s, "cluster.pairing_seconds", "1",                                                      \
      "how long a span waits in its own partition for its other half; then it is paired by the view")                  \
    X(seconds, cluster_keep_s, "cluster.keep_seconds", "10",                                                           \
      "the state of a partition is kept so often; what came since is folded again when its worker is gone")            \
    X(text, cluster_url, "cluster.url", "",                                                                            \
      "of a worker: where views reach its API, to ask for traces; empty = http:// and listen.web")                     \
    X(text, kafka_properties, "kafka.properties", "",                                                                  \
      "further settings of librdkafka: NAME=VALUE; NAME=VALUE (security.protocol=ssl; ssl.ca.location=/etc/ca.pem)")   \
    X(text, forward_otlp_url, "forward.otlp_url", "",                                                                  \
      "spans are forwarded here as OTLP/HTTP (Jaeger: http://HOST:4318/v1/traces); empty = off")                       \
    X(bytes, forward_queue_bytes, "forward.queue_bytes", "64MiB", "may wait for that address; beyond it: dropped")     \
    X(real, sensitivity, "analyzer.sensitivity", "1", "larger alarms earlier, smaller later")                          \
    X(real, minimum_rate, "analyzer.minimum_per_minute", "2",                                                          \
      "affected requests per minute below which nothing is an incident")                                               \
    X(text, routing_language, "routing.language", "auto",                                                              \
      "what suggestions are written in; auto: in the language of the mesh that the service is seen in")

#define CONFIG_FIELD_text(field)    char *field;
#define CONFIG_FIELD_bytes(field)   uint64_t field;
#define CONFIG_FIELD_count(field)   uint64_t field;
#define CONFIG_FIELD_seconds(field) double field;
#define CONFIG_FIELD_flag(field)    bool field;
#define CONFIG_FIELD_real(field)    double field;

struct dialect;

typedef struct {
#define CONFIG_FIELD(type, field, path, fallback, help) CONFIG_FIELD_##type(field)
    CONFIG_LIST(CONFIG_FIELD)
#undef CONFIG_FIELD
    char *dialects_yaml; /* text of the `dialects:` section from the line of that key on, itself a YAML document with
                            this one key; NULL when absent */
    int dialects_line;   /* line of that key in the file, from 1 */
    char *scrape_yaml;   /* the same of `scrape:` */
    int scrape_line;
} config_t;

/* Reads defaults, then the file (NULL = none), then SEISMESH_… variables, then flags out of argv (those that name a
 * key are taken out of argv and *argc shrinks; --config and --data are aliases handled here too). On failure returns
 * ERR_INVALID or ERR_NOT_FOUND and writes one sentence to `why`. */
err_t config_load(config_t *config, int *argc, char **argv, char *why, size_t why_size);

/* Only the file and the defaults: what `check-config` looks at. Same errors. */
err_t config_check_file(config_t *config, const char *path, char *why, size_t why_size);

/* The known key that is written most like `name`, or NULL when none is near. For hints. */
const char *config_nearest(const char *name);

void config_free(config_t *config);

/* Writes every key with default, variable and meaning, as a commented YAML file. */
void config_describe(FILE *out);

#endif
