/* view: a node with `role: view`. It reads what all workers say of their partitions (rollup_log.h) into one fold, which
 * pairs the halves that met nobody, closes buckets, and feeds analyzer and store as any fold does.
 *
 * Each item is taken once: of every partition it is known which items were seen, and that is part of the state that a
 * checkpoint writes. Items that come late (the topic was compacted) are taken all the same. A bucket is closed when all
 * partitions have passed it. A partition in which nothing waits is not waited for, nor one that is more than two
 * minutes of event time behind the first (whoever had it is gone, and nobody else has it yet): what it says later is
 * merged late. */
#ifndef SEISMESH_CLUSTER_VIEW_H
#define SEISMESH_CLUSTER_VIEW_H

#include "collector/cluster/rollup_log.h"

enum { VIEW_NODES_MAX = 1000, VIEW_PARTITIONS_MAX = 100000, VIEW_TEXT_MAX = 255 };

#define VIEW_PATIENCE_NS (INT64_C(120) * 1000000000)

typedef struct view view_t;

/* `patience_ns`: of event time, see above (VIEW_PATIENCE_NS). */
view_t *view_new(fold_t *fold, counters_t *counters, int64_t patience_ns);
void view_free(view_t *view);

/* Takes one message. What is no message of ours, or breaks off, is counted and logged. */
void view_message(view_t *view, int64_t arrival_ns, slice_t message);

/* Something waits in some partition, so that its workers will speak again. */
bool view_expects(const view_t *view);

/* Where the APIs of workers that keep spans are, as they said within the last day; by any thread. */
void view_nodes(view_t *view, void (*node)(void *context, const char *id, const char *url), void *context);

/* Partitions heard of, and the newest event time that all of them have passed (INT64_MIN = none). */
uint32_t view_partitions(const view_t *view);
int64_t view_complete_ns(const view_t *view);

/* Canonical: u8 version (1), varint count, each { block topic, varint partition, epoch, zigzag complete_ns,
 * u8 settled, u8 count of ranges, each { varint from, to } }, varint count of nodes, each { block id, block url, zigzag
 * heard }. */
void view_save(const view_t *view, buffer_t *out);
err_t view_load(view_t *view, slice_t bytes); /* ERR_MALFORMED, ERR_FOREIGN */

#endif
