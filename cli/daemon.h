/* daemon: the running service. Threads: receivers append to the journal; the journal's writer makes records durable and
 * acknowledges; one thread (here) reads them in order, folds, analyzes, and hands checkpoints to the store's writer;
 * the web threads read the store. What crosses is a journal record, a checkpoint, or an atomic number. */
#ifndef SEISMESH_CLI_DAEMON_H
#define SEISMESH_CLI_DAEMON_H

#include "base/clock.h"
#include "base/config.h"

typedef struct daemon daemon_t;

/* Starts everything; the receivers and the page listen when it returns. Any failure leaves nothing running, and one
 * sentence with the cure in `why`. The configuration is borrowed until daemon_stop returns. */
err_t daemon_start(const config_t *config, const clock_source_t *clock, daemon_t **out, char *why, size_t why_size);

/* Ports that were taken, 0 where off (they differ from the configuration where that says 0). */
uint16_t daemon_port_grpc(const daemon_t *daemon);
uint16_t daemon_port_http(const daemon_t *daemon);
uint16_t daemon_port_web(const daemon_t *daemon);

/* Refuses new requests, folds what was acknowledged, writes a last checkpoint, frees. */
void daemon_stop(daemon_t *daemon);

#endif
