/* counters: what the daemon counts of itself. Every drop, refusal and overflow has its own, by reason; they are
 * shown by /metrics as seismesh_<family>{reason="…"}. Adding one is one line in COUNTER_LIST. */
#ifndef SEISMESH_BASE_COUNTERS_H
#define SEISMESH_BASE_COUNTERS_H

#include <stdatomic.h>
#include <stdint.h>

/* What a mesh sent, by kind: mesh_item_t in this order. */
#define COUNTER_MESH_ITEMS(X, id, name)                                                                                \
    X(id##_SERVER_REQUESTS, "mesh_items", "mesh=\"" name "\",what=\"server_requests\"", "What each mesh sent.")        \
    X(id##_CLIENT_REQUESTS, "mesh_items", "mesh=\"" name "\",what=\"client_requests\"", "What each mesh sent.")        \
    X(id##_LATENCY, "mesh_items", "mesh=\"" name "\",what=\"latency\"", "What each mesh sent.")                        \
    X(id##_SERVER_SPANS, "mesh_items", "mesh=\"" name "\",what=\"server_spans\"", "What each mesh sent.")              \
    X(id##_CLIENT_SPANS, "mesh_items", "mesh=\"" name "\",what=\"client_spans\"", "What each mesh sent.")              \
    X(id##_LOGS, "mesh_items", "mesh=\"" name "\",what=\"access_logs\"", "What each mesh sent.")                       \
    X(id##_NAMELESS, "mesh_items", "mesh=\"" name "\",what=\"nameless\"", "What each mesh sent.")

/* X(identifier, metric name without "seismesh_" and "_total", label pairs or "", help of the family) */
#define COUNTER_LIST(X)                                                                                                \
    X(REQUESTS_HTTP, "receiver_requests", "transport=\"http\"", "Export requests received.")                           \
    X(REQUESTS_GRPC, "receiver_requests", "transport=\"grpc\"", "Export requests received.")                           \
    X(BYTES_HTTP, "receiver_bytes", "transport=\"http\"", "Bytes of request bodies on the wire.")                      \
    X(BYTES_GRPC, "receiver_bytes", "transport=\"grpc\"", "Bytes of request bodies on the wire.")                      \
    X(ACCEPTED_SPANS, "accepted_items", "signal=\"traces\"", "Items acknowledged.")                                    \
    X(ACCEPTED_POINTS, "accepted_items", "signal=\"metrics\"", "Items acknowledged.")                                  \
    X(ACCEPTED_LOGS, "accepted_items", "signal=\"logs\"", "Items acknowledged.")                                       \
    X(REJECTED_SPANS, "rejected_items", "signal=\"traces\"", "Items refused by a partial success.")                    \
    X(REJECTED_POINTS, "rejected_items", "signal=\"metrics\"", "Items refused by a partial success.")                  \
    X(REJECTED_LOGS, "rejected_items", "signal=\"logs\"", "Items refused by a partial success.")                       \
    X(REFUSED_MALFORMED, "refused_requests", "reason=\"malformed\"", "Requests refused, by reason.")                   \
    X(REFUSED_TOO_LARGE, "refused_requests", "reason=\"too_large\"", "Requests refused, by reason.")                   \
    X(REFUSED_UNSUPPORTED, "refused_requests", "reason=\"unsupported\"", "Requests refused, by reason.")               \
    X(REFUSED_OVERLOAD, "refused_requests", "reason=\"overload\"", "Requests refused, by reason.")                     \
    X(REFUSED_STORAGE, "refused_requests", "reason=\"storage\"", "Requests refused, by reason.")                       \
    X(REFUSED_DEADLINE, "refused_requests", "reason=\"deadline\"", "Requests refused, by reason.")                     \
    X(REFUSED_NOT_FOUND, "refused_requests", "reason=\"not_found\"", "Requests refused, by reason.")                   \
    X(REFUSED_DRAINING, "refused_requests", "reason=\"draining\"", "Requests refused, by reason.")                     \
    X(REFUSED_CONNECTIONS, "refused_connections", "reason=\"limit\"", "Connections refused, by reason.")               \
    X(CLOSED_SLOW, "closed_connections", "reason=\"slow\"", "Connections closed, by reason.")                          \
    X(CLOSED_IDLE, "closed_connections", "reason=\"idle\"", "Connections closed, by reason.")                          \
    X(CLOSED_FLOOD, "closed_connections", "reason=\"flood\"", "Connections closed, by reason.")                        \
    X(CLOSED_PROTOCOL, "closed_connections", "reason=\"protocol\"", "Connections closed, by reason.")                  \
    X(JOURNAL_RECORDS, "journal_records", "", "Records appended to the journal.")                                      \
    X(JOURNAL_BYTES, "journal_bytes", "", "Payload bytes appended to the journal.")                                    \
    X(JOURNAL_GROUPS, "journal_groups", "", "Group commits.")                                                          \
    X(JOURNAL_REPLAYED, "journal_replayed_records", "", "Records replayed at start.")                                  \
    X(JOURNAL_CORRUPT, "journal_corrupt_records", "", "Records skipped for a wrong checksum.")                         \
    X(JOURNAL_TORN, "journal_torn_tails", "", "Torn tails cut at start.")                                              \
    X(FOLDED_SPANS, "folded_items", "signal=\"traces\"", "Items that reached the fold.")                               \
    X(FOLDED_POINTS, "folded_items", "signal=\"metrics\"", "Items that reached the fold.")                             \
    X(FOLDED_LOGS, "folded_items", "signal=\"logs\"", "Items that reached the fold.")                                  \
    X(DUPLICATE_BATCHES, "duplicate_requests", "", "Requests received again (a retry) and not counted twice.")         \
    X(DROPPED_SPAN_ZERO_ID, "dropped_items", "signal=\"traces\",reason=\"zero_id\"", "Items dropped.")                 \
    X(DROPPED_SPAN_NEGATIVE, "dropped_items", "signal=\"traces\",reason=\"negative_duration\"", "Items dropped.")      \
    X(DROPPED_SPAN_FUTURE, "dropped_items", "signal=\"traces\",reason=\"future\"", "Items dropped.")                   \
    X(DROPPED_SPAN_LATE, "dropped_items", "signal=\"traces\",reason=\"late\"", "Items dropped.")                       \
    X(DROPPED_POINT_FUTURE, "dropped_items", "signal=\"metrics\",reason=\"future\"", "Items dropped.")                 \
    X(DROPPED_POINT_LATE, "dropped_items", "signal=\"metrics\",reason=\"late\"", "Items dropped.")                     \
    X(DROPPED_POINT_OUT_OF_ORDER, "dropped_items", "signal=\"metrics\",reason=\"out_of_order\"", "Items dropped.")     \
    X(DROPPED_POINT_DUPLICATE, "dropped_items", "signal=\"metrics\",reason=\"duplicate\"", "Items dropped.")           \
    X(DROPPED_POINT_INVALID, "dropped_items", "signal=\"metrics\",reason=\"invalid\"", "Items dropped.")               \
    X(DROPPED_POINT_IGNORED, "dropped_items", "signal=\"metrics\",reason=\"ignored\"", "Items dropped.")               \
    X(DROPPED_POINT_AUX_CAP, "dropped_items", "signal=\"metrics\",reason=\"auxiliary_cap\"", "Items dropped.")         \
    X(DROPPED_LOG_NO_REQUEST, "dropped_items", "signal=\"logs\",reason=\"no_request\"", "Items dropped.")              \
    X(DROPPED_LOG_FUTURE, "dropped_items", "signal=\"logs\",reason=\"future\"", "Items dropped.")                      \
    X(DROPPED_LOG_LATE, "dropped_items", "signal=\"logs\",reason=\"late\"", "Items dropped.")                          \
    X(POINT_STALE, "metric_points_stale", "", "Points that say: no recorded value.")                                   \
    X(POINT_RESETS, "metric_resets", "", "Resets seen in cumulative streams.")                                         \
    X(POINT_GAPS, "metric_gaps", "", "Gaps seen in cumulative streams.")                                               \
    X(STREAMS_EXPIRED, "metric_streams_expired", "", "Idle cumulative streams forgotten.")                             \
    X(STREAMS_OVERFLOW, "overflow", "what=\"metric_streams\"", "Things beyond a cap.")                                 \
    X(PAIRED_SPANS, "paired_spans", "", "Client and server spans brought together.")                                   \
    X(UNPAIRED_CLIENT, "unpaired_spans", "kind=\"client\"", "Spans whose other half did not come in time.")            \
    X(UNPAIRED_SERVER, "unpaired_spans", "kind=\"server\"", "Spans whose other half did not come in time.")            \
    X(PAIRING_EVICTED, "pairing_evicted", "", "Waiting spans pushed out by newer ones (table full).")                  \
    X(NAMES_OVERFLOW, "overflow", "what=\"names\"", "Things beyond a cap.")                                            \
    X(ENTITIES_OVERFLOW, "overflow", "what=\"entities\"", "Things beyond a cap.")                                      \
    X(OPERATIONS_OVERFLOW, "overflow", "what=\"operations\"", "Things beyond a cap.")                                  \
    X(GAUGES_OVERFLOW, "overflow", "what=\"gauges\"", "Things beyond a cap.")                                          \
    X(TRACES_OVERFLOW, "overflow", "what=\"trace_services\"", "Things beyond a cap.")                                  \
    X(NAMES_TRUNCATED, "names_mended", "reason=\"too_long\"", "Names cut or mended.")                                  \
    X(NAMES_NOT_UTF8, "names_mended", "reason=\"not_utf8\"", "Names cut or mended.")                                   \
    X(ENTITIES_EXPIRED, "entities_expired", "", "Idle entities forgotten.")                                            \
    X(CHECKPOINTS, "checkpoints", "", "Checkpoints written.")                                                          \
    X(CHECKPOINT_FAILURES, "checkpoint_failures", "", "Checkpoints that failed and were tried again.")                 \
    X(FRAMES_MERGED_LATE, "late_frames_merged", "", "Closed frames that late points were merged into.")                \
    X(CHUNKS, "chunks_written", "", "Chunks that compaction made of frames.")                                          \
    X(RETENTION_FRAMES, "retention_deleted", "what=\"frames\"", "Rows deleted by retention.")                          \
    X(RETENTION_CHUNKS, "retention_deleted", "what=\"chunks\"", "Rows deleted by retention.")                          \
    X(RETENTION_BLOCKS, "retention_deleted", "what=\"span_blocks\"", "Rows deleted by retention.")                     \
    X(RETENTION_TRACES, "retention_deleted", "what=\"traces\"", "Rows deleted by retention.")                          \
    X(STORE_DAMAGED, "store_damaged_rows", "", "Rows of the store that did not read back: lost, and left out.")        \
    X(SPANS_NOT_KEPT, "dropped_span_bodies", "reason=\"too_large\"", "Request bodies too long for a span block.")      \
    X(FORWARDED_REQUESTS, "forwarded_requests", "", "Trace requests forwarded.")                                       \
    X(FORWARD_REFUSED, "forward_dropped_requests", "reason=\"refused\"", "Trace requests not forwarded.")              \
    X(FORWARD_BUSY, "forward_dropped_requests", "reason=\"busy\"", "Trace requests not forwarded.")                    \
    X(FORWARD_STOPPED, "forward_dropped_requests", "reason=\"stopped\"", "Trace requests not forwarded.")              \
    X(FORWARD_QUEUE_FULL, "forward_dropped_requests", "reason=\"queue_full\"", "Trace requests not forwarded.")        \
    X(FORWARD_SPANS_REFUSED, "forward_dropped_spans", "reason=\"refused\"", "Spans not forwarded.")                    \
    X(FORWARD_SPANS_BUSY, "forward_dropped_spans", "reason=\"busy\"", "Spans not forwarded.")                          \
    X(FORWARD_SPANS_STOPPED, "forward_dropped_spans", "reason=\"stopped\"", "Spans not forwarded.")                    \
    X(FORWARD_SPANS_QUEUE_FULL, "forward_dropped_spans", "reason=\"queue_full\"", "Spans not forwarded.")              \
    X(FORWARD_SPANS_REJECTED, "forward_dropped_spans", "reason=\"rejected\"", "Spans not forwarded.")                  \
    X(SCRAPES, "scrapes", "", "Scrapes that ended, well or not.")                                                      \
    X(SCRAPE_BYTES, "scrape_bytes", "", "Bytes of pages, inflated.")                                                   \
    X(SCRAPE_SAMPLES, "scrape_samples", "", "Lines with a value on scraped pages.")                                    \
    X(SCRAPE_CONNECT, "scrape_failures", "reason=\"unreachable\"", "Scrapes that brought nothing, by reason.")         \
    X(SCRAPE_TIMEOUT, "scrape_failures", "reason=\"timeout\"", "Scrapes that brought nothing, by reason.")             \
    X(SCRAPE_STATUS, "scrape_failures", "reason=\"status\"", "Scrapes that brought nothing, by reason.")               \
    X(SCRAPE_SIZE, "scrape_failures", "reason=\"too_large\"", "Scrapes that brought nothing, by reason.")              \
    X(SCRAPE_PAGE, "scrape_failures", "reason=\"malformed\"", "Scrapes that brought nothing, by reason.")              \
    X(SCRAPE_MEMORY, "scrape_failures", "reason=\"memory\"", "Scrapes that brought nothing, by reason.")               \
    X(SCRAPE_SECRET, "scrape_failures", "reason=\"credentials\"", "Scrapes that brought nothing, by reason.")          \
    X(SCRAPE_NOT_JOURNALED, "scrape_failures", "reason=\"journal\"", "Scrapes that brought nothing, by reason.")       \
    X(SCRAPE_UNUSABLE, "dropped_series", "reason=\"scrape_unusable\"", "Series of scraped pages that cannot be used.") \
    X(SCRAPE_DISCOVERY, "scrape_discovery_failures", "", "Times that discovery of targets said what is wrong.")        \
    X(CLUSTER_ITEMS, "cluster_items", "what=\"taken\"", "What workers said, in a view.")                               \
    X(CLUSTER_REPEATED, "cluster_items", "what=\"repeated\"", "What workers said, in a view.")                         \
    X(CLUSTER_MISSING, "cluster_items", "what=\"missing\"", "What workers said, in a view.")                           \
    X(CLUSTER_FOUND, "cluster_items", "what=\"found_late\"", "What workers said, in a view.")                          \
    X(API_REQUESTS, "api_requests", "", "Requests to the page and API.")                                               \
    X(API_ERRORS, "api_errors", "", "API requests answered with an error.")                                            \
    COUNTER_MESH_ITEMS(X, MESH_ISTIO, "istio")                                                                         \
    COUNTER_MESH_ITEMS(X, MESH_LINKERD, "linkerd")                                                                     \
    COUNTER_MESH_ITEMS(X, MESH_CONSUL, "consul")                                                                       \
    COUNTER_MESH_ITEMS(X, MESH_KUMA, "kuma")                                                                           \
    COUNTER_MESH_ITEMS(X, MESH_APP_MESH, "app_mesh")                                                                   \
    COUNTER_MESH_ITEMS(X, MESH_OSM, "osm")                                                                             \
    COUNTER_MESH_ITEMS(X, MESH_GOOGLE, "google")                                                                       \
    COUNTER_MESH_ITEMS(X, MESH_TRAEFIK, "traefik")                                                                     \
    COUNTER_MESH_ITEMS(X, MESH_NSM, "nsm")

typedef enum {
#define COUNTER_ENUM(id, name, labels, help) COUNTER_##id,
    COUNTER_LIST(COUNTER_ENUM)
#undef COUNTER_ENUM
        COUNTER_COUNT,
    COUNTER_MESH_FIRST = COUNTER_MESH_ISTIO_SERVER_REQUESTS
} counter_t;

typedef struct {
    _Atomic uint64_t values[COUNTER_COUNT];
} counters_t;

typedef struct {
    const char *name;   /* without prefix and "_total" */
    const char *labels; /* as in the exposition, without braces; "" for none */
    const char *help;
} counter_info_t;

extern const counter_info_t counter_info[COUNTER_COUNT];

static inline void counters_add(counters_t *counters, counter_t which, uint64_t n) {
    atomic_fetch_add_explicit(&counters->values[which], n, memory_order_relaxed);
}

static inline uint64_t counters_get(const counters_t *counters, counter_t which) {
    return atomic_load_explicit(&counters->values[which], memory_order_relaxed);
}

#endif
