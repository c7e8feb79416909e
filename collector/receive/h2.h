/* h2: the inside of the OTLP/gRPC receiver. Three things, one struct each:
 *
 *   h2_loop_t        a thread with an epoll set; owns its connections. The first loop also accepts and deals out.
 *   h2_connection_t  a socket and its nghttp2 session
 *   grpc_stream_t    a call: its headers, its message, its way through the intake, its answer
 *
 * Everything belongs to its loop's thread, but for one thing: the journal's threads put answered streams on
 * loop->answered and wake the loop. A stream's memory lives until both its HTTP/2 stream is closed and the journal has
 * answered. */
#ifndef SEISMESH_RECEIVE_H2_H
#define SEISMESH_RECEIVE_H2_H

#include "collector/receive/grpc_frame.h"
#include "collector/receive/intake.h"
#include "collector/receive/listen.h"

#include <nghttp2/nghttp2.h>
#include <pthread.h>

typedef struct h2_loop h2_loop_t;
typedef struct h2_connection h2_connection_t;
typedef struct grpc_stream grpc_stream_t;

/* What all loops of one receiver share. */
typedef struct {
    receiver_config_t config;
    intake_t *intake;
    nghttp2_option *options;
    nghttp2_session_callbacks *callbacks;
    h2_loop_t *loops;
    uint32_t loop_count;
    _Atomic uint32_t connections;
} h2_service_t;

struct h2_loop {
    h2_service_t *service;
    int epoll, wake, listener; /* listener is -1 but for the first loop */
    pthread_t thread;
    bool started;
    uint32_t next_loop;            /* the acceptor's: who gets the next connection */
    h2_connection_t *first, *last; /* in the order of their arrival */
    h2_connection_t *dead;         /* closed, freed after the round */
    h2_connection_t *pending;      /* to be flushed at the end of the round */
    grpc_stream_t *waiting;        /* those that the journal has */
    uint8_t *input;                /* what was just read */
    int64_t now_ns;                /* monotonic, of this round */
    int64_t ticked_ns;
    int64_t drain_ns; /* when the drain began; 0 = not draining */

    pthread_mutex_t lock;    /* for what follows */
    grpc_stream_t *answered; /* by the journal */
    int *newcomers;          /* accepted sockets for this loop */
    size_t newcomer_count, newcomer_room;
    bool stopping;
};

typedef enum { DRAIN_NONE, DRAIN_NOTICED, DRAIN_LAST } drain_t;

struct h2_connection {
    h2_loop_t *loop;
    h2_connection_t *next, *previous, *next_pending;
    int fd;
    nghttp2_session *session;
    grpc_stream_t *streams;
    buffer_t out; /* serialised and not yet sent */
    size_t out_sent;
    uint32_t interest; /* epoll events that are asked for */
    int64_t opened_ns, heard_ns;
    int64_t ping_ns;    /* when our keepalive was sent; 0 = none is out */
    int64_t blocked_ns; /* since when the peer does not read all, moved on by what it reads; 0 = it does */
    int64_t drain_ns;
    int32_t credit;              /* see h2_connection_charge */
    int32_t newest_id, older_id; /* of the last two streams */
    drain_t drain;
    bool spoke;   /* its settings came */
    bool worked;  /* a whole request came */
    bool filled;  /* the last look for frames to send found some */
    bool pending; /* is in loop->pending */
    bool closed;
};

/* CALL_PLAIN: this is no gRPC, and gets its answer when the request is whole: HTTP clients that do not speak gRPC read
 * no earlier, and whatever else is wrong with the request can still be said. */
typedef enum { CALL_HEADERS, CALL_BODY, CALL_PLAIN, CALL_WAITING, CALL_ANSWERED } call_stage_t;

struct grpc_stream {
    ticket_t ticket; /* first: the ticket's callbacks get the stream from it */
    h2_loop_t *loop;
    h2_connection_t *connection;    /* NULL once the HTTP/2 stream is closed */
    grpc_stream_t *next, *previous; /* in connection->streams */
    grpc_stream_t *next_waiting, *previous_waiting, *next_answered;
    _Atomic int references; /* the loop, and the journal while it owes an answer */
    int32_t id;
    call_stage_t stage;
    /* of the headers */
    bool is_post, is_head, is_grpc, known_path, bad_timeout;
    size_t header_bytes;
    coding_t coding;
    int64_t deadline_ns; /* the client's; INT64_MAX = none */
    int64_t overdue_ns;  /* ours: for the headers, the body, or the answer to be taken */
    bool whole;          /* the client has sent everything */
    grpc_message_t message;
    buffer_t response; /* the framed response message */
    size_t response_sent;
};

enum {
    H2_READ_BYTES = 256 * 1024,
    H2_OUT_BYTES_MAX = 256 * 1024, /* more is not serialised, and nothing more read, until the peer reads */
    H2_STREAMS_MAX = 128,          /* concurrent, of one connection */
    H2_STREAM_WINDOW = 1024 * 1024,
    H2_CONNECTION_WINDOW = 16 * 1024 * 1024,
    H2_FRAME_BYTES = 64 * 1024,
    H2_HEADER_BYTES_MAX = 16 * 1024,
    H2_KEEPALIVE_S = 60,
    H2_KEEPALIVE_ANSWER_S = 20,
};

/* --- h2_options.c --- */

/* Limits against floods. Those that an older libnghttp2 lacks are named in the log. NULL when out of memory. */
nghttp2_option *h2_options_new(void);

/* --- h2_loop.c --- */

/* Makes the loops' threads; loop 0 accepts from `listener`. ERR_IO. On failure h2_loops_stop cleans up. */
err_t h2_loops_start(h2_service_t *service, uint32_t count, int listener);
/* Drains, joins, frees. */
void h2_loops_stop(h2_service_t *service);
/* From any thread: the journal has answered. */
void h2_loop_answered(h2_loop_t *loop, grpc_stream_t *stream);

/* --- h2_connection.c --- */

/* Takes the socket over. False (and the socket is closed) when it cannot be served. */
bool h2_connection_open(h2_loop_t *loop, int fd);
void h2_connection_close(h2_connection_t *connection);
void h2_connection_free(h2_connection_t *connection);
void h2_connection_ready(h2_connection_t *connection, uint32_t events);
/* Sends what the session has to say; closes the connection when it is done. */
void h2_connection_flush(h2_connection_t *connection);
/* Has it flushed at the end of the round. */
void h2_connection_mark(h2_connection_t *connection);
/* Timers: called about ten times a second. */
void h2_connection_tick(h2_connection_t *connection);
/* First step of the shutdown: "no new streams soon"; the second follows with the answer to a ping. */
void h2_connection_drain(h2_connection_t *connection);

/* --- h2_session.c --- */

nghttp2_session_callbacks *h2_session_callbacks_new(void);
/* Our settings and windows. False when out of memory. */
bool h2_session_begin(h2_connection_t *connection);
/* Frames that cost us something and bring nothing use credit up, whole requests bring it back: a peer without credit
 * floods, and is told to calm down. Negative costs are earnings. */
void h2_connection_charge(h2_connection_t *connection, int32_t cost);

/* --- grpc_stream.c --- */

grpc_stream_t *grpc_stream_new(h2_connection_t *connection, int32_t id);
/* False when the header is beyond what a request may have of them, and is not looked at. */
bool grpc_stream_header(grpc_stream_t *stream, slice_t name, slice_t value);
void grpc_stream_headers_done(grpc_stream_t *stream);
void grpc_stream_data(grpc_stream_t *stream, slice_t bytes);
void grpc_stream_end(grpc_stream_t *stream);
/* The HTTP/2 stream is gone, for whatever reason. */
void grpc_stream_closed(grpc_stream_t *stream);
/* The journal's answer, back in the loop's thread. */
void grpc_stream_resume(grpc_stream_t *stream);
void grpc_stream_tick(grpc_stream_t *stream);
/* The journal takes too long: a retryable refusal. */
void grpc_stream_abandon(grpc_stream_t *stream);

/* --- grpc_answer.c --- */

/* Submits the answer; a refusal consists of trailers only. */
void grpc_answer(grpc_stream_t *stream, const answer_t *answer);

#endif
