/* http_connections: who is connected to the HTTP receiver, and for how long he may still take. libmicrohttpd's own
 * timeout starts anew with every byte, so a sender of one byte a second could stay for hours: here each phase of a
 * connection has a deadline, and a thread cuts those that miss it. */
#ifndef SEISMESH_RECEIVE_HTTP_CONNECTIONS_H
#define SEISMESH_RECEIVE_HTTP_CONNECTIONS_H

#include "collector/receive/receiver.h"

#include <microhttpd.h>
#include <pthread.h>

typedef enum { PHASE_HEADERS, PHASE_BODY, PHASE_WAITING, PHASE_IDLE } http_phase_t;

typedef struct http_connection http_connection_t;
struct http_connection {
    http_connection_t *next, *previous;
    int fd;
    _Atomic int phase;           /* http_phase_t */
    _Atomic int64_t deadline_ns; /* monotonic */
};

typedef struct {
    const receiver_config_t *config;
    intake_t *intake;
    pthread_mutex_t lock;
    pthread_cond_t stop_asked;
    bool stopping;
    pthread_t watch;
    bool watched;
    http_connection_t *first, *last; /* in the order of their arrival */
    uint32_t count;
} http_connections_t;

/* Starts the watching thread; ERR_IO when there is none to be had. */
err_t http_connections_start(http_connections_t *connections, const receiver_config_t *config, intake_t *intake);
void http_connections_stop(http_connections_t *connections);

/* libmicrohttpd's callbacks; `context` is the http_connections_t. When the limit is reached, a newcomer takes the place
 * of the oldest connection that has not yet sent a request, and is refused when there is none. */
enum MHD_Result http_connections_admit(void *context, const struct sockaddr *address, socklen_t len);
void http_connections_notify(void *context, struct MHD_Connection *connection, void **socket_context,
                             enum MHD_ConnectionNotificationCode code);

/* The next phase begins now. */
void http_connection_phase(http_connection_t *connection, const http_connections_t *all, http_phase_t phase);

/* So much of the body came: a large body may take longer, at no less than 32 KiB/s. */
void http_connection_progress(http_connection_t *connection, size_t bytes);

#endif
