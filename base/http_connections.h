/* http_connections: who is connected to an HTTP server of libmicrohttpd, and for how long he may still take.
 *
 * The library's own timeout starts anew with every byte, so one byte a second could hold a connection for hours. Here
 * each phase of a connection has a deadline, which only whole kilobytes move (32 KiB/s), and a thread cuts those that
 * miss it. When all places are taken, a newcomer gets the place of whoever makes the least use of his. */
#ifndef SEISMESH_BASE_HTTP_CONNECTIONS_H
#define SEISMESH_BASE_HTTP_CONNECTIONS_H

#include "base/clock.h"
#include "base/counters.h"
#include "base/err.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdbool.h>

typedef enum {
    PHASE_HEADERS, /* of its first request, or of the next one once its first line is there */
    PHASE_BODY,
    PHASE_WAITING, /* our turn: no deadline */
    PHASE_ANSWER,  /* until the peer has taken it */
    PHASE_IDLE,    /* between two requests */
    HTTP_PHASES
} http_phase_t;

typedef struct {
    uint32_t connections;
    uint32_t seconds[HTTP_PHASES]; /* that a phase may take; PHASE_WAITING is ignored */
} http_limits_t;

typedef struct http_connection http_connection_t;
struct http_connection {
    http_connection_t *next, *previous;
    int fd;
    _Atomic int phase;        /* http_phase_t */
    _Atomic int64_t since_ns; /* monotonic: when the phase began, moved on by what was transferred */
};

typedef struct {
    http_limits_t limits;
    const clock_source_t *clock;
    counters_t *counters;
    pthread_mutex_t lock;
    pthread_cond_t stop_asked;
    bool stopping;
    pthread_t watch;
    bool watched;
    http_connection_t *first, *last; /* in the order of their arrival */
    uint32_t count;
} http_connections_t;

/* Starts the watching thread; ERR_IO when there is none to be had. */
err_t http_connections_start(http_connections_t *connections, const http_limits_t *limits, const clock_source_t *clock,
                             counters_t *counters);
void http_connections_stop(http_connections_t *connections);

/* libmicrohttpd's callbacks; `context` is the http_connections_t. When the limit is reached, a newcomer takes the place
 * of a connection that has not sent a request yet, else of the one that has been idle for longest, else of the one
 * whose body or answer is most behind 32 KiB/s; he is refused when all are at work. */
enum MHD_Result http_connections_admit(void *context, const struct sockaddr *address, socklen_t len);
void http_connections_notify(void *context, struct MHD_Connection *connection, void **socket_context,
                             enum MHD_ConnectionNotificationCode code);
/* MHD_OPTION_URI_LOG_CALLBACK: the headers of a next request begin. Makes no state for it. */
void *http_connections_first_line(void *context, const char *uri, struct MHD_Connection *connection);

/* Ours of a connection of the library. */
http_connection_t *http_connection_of(struct MHD_Connection *connection);

/* The next phase begins now. */
void http_connection_phase(http_connection_t *connection, const http_connections_t *all, http_phase_t phase);

/* So many bytes came, or are to be taken: they are given their time, at 32 KiB/s. */
void http_connection_progress(http_connection_t *connection, size_t bytes);

#endif
