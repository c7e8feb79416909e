/* http_request: one OTLP/HTTP request from its headers to its answer.
 *
 *     reading ──► waiting (suspended, the journal has it) ──► answered
 *        └──────────── refused, or nothing to remember ────────▲
 *
 * A request that will be refused is judged by its headers. If its body is small, it is read and forgotten, so that the
 * connection can go on; else the answer comes at once and the connection ends with it. */
#ifndef SEISMESH_RECEIVE_HTTP_REQUEST_H
#define SEISMESH_RECEIVE_HTTP_REQUEST_H

#include "base/http_connections.h"
#include "collector/receive/intake.h"

typedef struct http_request http_request_t;

/* What all requests of one receiver share. */
typedef struct {
    receiver_config_t config;
    intake_t *intake;
    http_connections_t connections;
    struct MHD_Response *accepted[FORMAT_COUNT]; /* full success, the same for everybody */
    _Atomic bool draining;                       /* new requests are told to come again */
    pthread_mutex_t lock;
    pthread_cond_t changed;  /* a request ended */
    http_request_t *waiting; /* those that the journal owes an answer */
    size_t owed;             /* how many answers of the journal are still on their way through us */
    size_t active;           /* requests begun and not ended */
} http_service_t;

/* libmicrohttpd's callbacks; `context` is the http_service_t. */
enum MHD_Result http_request_handle(void *context, struct MHD_Connection *connection, const char *url,
                                    const char *method, const char *version, const char *upload, size_t *upload_len,
                                    void **state);
void http_request_completed(void *context, struct MHD_Connection *connection, void **state,
                            enum MHD_RequestTerminationCode code);

/* Gives all waiting requests a retryable refusal, since the journal takes too long. */
void http_requests_abandon(http_service_t *service);

#endif
