#define _GNU_SOURCE /* accept4 */
#include "base/memory.h"
#include "collector/receive/h2.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    EVENTS_PER_ROUND = 64,
    ACCEPTS_PER_ROUND = 64,
    TICK_MS = 100,
    IDLE_MOMENT_MS = 1000,
    STOP_JOURNAL_MS = 4000, /* receiver_stop waits so long for the journal, … */
    STOP_MS = 4700,         /* … and so long for the peers */
};

static void wake(h2_loop_t *loop) {
    uint64_t one = 1;
    ssize_t n = write(loop->wake, &one, sizeof one);
    (void)n; /* EAGAIN: the counter is full, so the loop is awake already */
}

/* --- from other threads --- */

/* The loop lives until `owed` is 0 and the lock is free, so the wake comes before the unlock. */
void h2_loop_answered(h2_loop_t *loop, grpc_stream_t *stream) {
    (void)pthread_mutex_lock(&loop->lock);
    bool first = loop->answered == NULL;
    stream->next_answered = loop->answered;
    loop->answered = stream;
    if (first) wake(loop);
    (void)pthread_mutex_unlock(&loop->lock);
}

static void hand_over(h2_loop_t *loop, int fd) {
    (void)pthread_mutex_lock(&loop->lock);
    if (loop->newcomer_count == loop->newcomer_room) {
        loop->newcomer_room = loop->newcomer_room == 0 ? 16 : loop->newcomer_room * 2;
        loop->newcomers = memory_resize(loop->newcomers, loop->newcomer_room * sizeof *loop->newcomers);
    }
    loop->newcomers[loop->newcomer_count++] = fd;
    wake(loop);
    (void)pthread_mutex_unlock(&loop->lock);
}

/* --- newcomers --- */

static void give_up(h2_connection_t *connection, counter_t reason) {
    counters_add(connection->loop->service->intake->counters, reason, 1);
    (void)nghttp2_session_terminate_session(connection->session, NGHTTP2_NO_ERROR);
    h2_connection_flush(connection); /* so that the peer knows that it may come again with all that it has */
    h2_connection_close(connection);
}

/* Over the limit, the oldest connection here that has not brought a request gives its place up, else the one that has
 * been idle for longest, if it was for more than a moment. */
static bool make_place(h2_loop_t *loop) {
    h2_connection_t *idle = NULL;
    int64_t heard_ns = loop->now_ns - IDLE_MOMENT_MS * NS_PER_MS;
    for (h2_connection_t *c = loop->first; c != NULL; c = c->next) {
        if (!c->worked) {
            give_up(c, COUNTER_CLOSED_SLOW);
            return true;
        }
        if (c->streams != NULL || c->heard_ns > heard_ns) continue;
        idle = c;
        heard_ns = c->heard_ns;
    }
    if (idle != NULL) give_up(idle, COUNTER_CLOSED_IDLE);
    return idle != NULL;
}

static void adopt(h2_loop_t *loop, int fd) {
    h2_service_t *service = loop->service;
    bool full = atomic_load(&service->connections) >= service->config.connections;
    if (loop->drain_ns == 0 && (!full || make_place(loop))) {
        (void)h2_connection_open(loop, fd);
        return;
    }
    if (full) counters_add(service->intake->counters, COUNTER_REFUSED_CONNECTIONS, 1);
    (void)close(fd);
}

static void accept_some(h2_loop_t *loop) {
    h2_service_t *service = loop->service;
    for (int i = 0; i < ACCEPTS_PER_ROUND; i++) {
        int fd = accept4(loop->listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd < 0) {
            if (errno == EMFILE || errno == ENFILE) (void)usleep(1000); /* the backlog waits; do not spin on it */
            return;
        }
        h2_loop_t *to = &service->loops[loop->next_loop];
        loop->next_loop = (loop->next_loop + 1) % service->loop_count;
        if (to == loop)
            adopt(loop, fd);
        else
            hand_over(to, fd);
    }
}

/* --- one round --- */

static void take_messages(h2_loop_t *loop) {
    uint64_t count;
    ssize_t n = read(loop->wake, &count, sizeof count);
    (void)n; /* EAGAIN: nobody woke us */
    (void)pthread_mutex_lock(&loop->lock);
    grpc_stream_t *answered = loop->answered;
    int *newcomers = loop->newcomers;
    size_t newcomer_count = loop->newcomer_count;
    loop->answered = NULL;
    loop->newcomers = NULL;
    loop->newcomer_count = loop->newcomer_room = 0;
    if (loop->stopping && loop->drain_ns == 0) loop->drain_ns = loop->now_ns;
    (void)pthread_mutex_unlock(&loop->lock);

    for (grpc_stream_t *s = answered, *next; s != NULL; s = next) {
        next = s->next_answered;
        if (s->connection != NULL) h2_connection_mark(s->connection);
        grpc_stream_resume(s);
    }
    for (size_t i = 0; i < newcomer_count; i++) adopt(loop, newcomers[i]);
    free(newcomers);
}

static void flush_pending(h2_loop_t *loop) {
    while (loop->pending != NULL) {
        h2_connection_t *connection = loop->pending;
        loop->pending = connection->next_pending;
        connection->pending = false;
        h2_connection_flush(connection);
    }
}

static void free_dead(h2_loop_t *loop) {
    while (loop->dead != NULL) {
        h2_connection_t *connection = loop->dead;
        loop->dead = connection->next;
        h2_connection_free(connection);
    }
}

static void tick(h2_loop_t *loop) {
    if (loop->now_ns - loop->ticked_ns < TICK_MS * NS_PER_MS) return;
    loop->ticked_ns = loop->now_ns;
    for (h2_connection_t *c = loop->first, *next; c != NULL; c = next) {
        next = c->next;
        h2_connection_tick(c);
    }
}

static void take_event(h2_loop_t *loop, const struct epoll_event *event) {
    if (event->data.ptr == loop)
        accept_some(loop);
    else if (event->data.ptr != NULL)
        h2_connection_ready(event->data.ptr, event->events);
}

/* --- the end --- */

/* What the journal is just answering is not ours to give up: it comes by loop->answered. */
static void abandon_waiting(h2_loop_t *loop) {
    for (grpc_stream_t *s = loop->waiting, *next; s != NULL; s = next) {
        next = s->next_waiting;
        if (!ticket_abandon(&s->ticket)) continue;
        if (s->connection != NULL) h2_connection_mark(s->connection);
        grpc_stream_abandon(s);
    }
}

/* True when the loop may end: nobody is connected, and the journal owes nothing. */
static bool drained(h2_loop_t *loop) {
    if (loop->drain_ns == 0) return false;
    if (loop->listener >= 0) {
        (void)close(loop->listener);
        loop->listener = -1;
    }
    for (h2_connection_t *c = loop->first, *next; c != NULL; c = next) {
        next = c->next;
        h2_connection_drain(c);
    }
    int64_t waited_ms = (loop->now_ns - loop->drain_ns) / NS_PER_MS;
    if (waited_ms >= STOP_JOURNAL_MS) abandon_waiting(loop);
    if (waited_ms >= STOP_MS)
        while (loop->first != NULL) h2_connection_close(loop->first);
    return loop->first == NULL && loop->waiting == NULL;
}

static void *run(void *context) {
    h2_loop_t *loop = context;
    struct epoll_event events[EVENTS_PER_ROUND];
    do {
        int count = epoll_wait(loop->epoll, events, EVENTS_PER_ROUND, TICK_MS);
        loop->now_ns = clock_monotonic_ns(loop->service->intake->clock);
        for (int i = 0; i < count; i++) take_event(loop, &events[i]);
        take_messages(loop);
        flush_pending(loop);
        tick(loop);
        bool last = drained(loop);
        flush_pending(loop);
        free_dead(loop);
        if (last) return NULL;
    } while (true);
}

/* --- start and stop --- */

static err_t loop_start(h2_service_t *service, h2_loop_t *loop, int listener) {
    loop->service = service;
    loop->listener = listener;
    loop->input = memory_new(1, H2_READ_BYTES);
    (void)pthread_mutex_init(&loop->lock, NULL);
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    loop->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    loop->now_ns = clock_monotonic_ns(service->intake->clock);
    struct epoll_event waking = {.events = EPOLLIN, .data.ptr = NULL};
    struct epoll_event accepting = {.events = EPOLLIN, .data.ptr = loop};
    if (loop->epoll < 0 || loop->wake < 0 || epoll_ctl(loop->epoll, EPOLL_CTL_ADD, loop->wake, &waking) != 0 ||
        (listener >= 0 && epoll_ctl(loop->epoll, EPOLL_CTL_ADD, listener, &accepting) != 0))
        return ERR_IO;
    loop->started = pthread_create(&loop->thread, NULL, run, loop) == 0;
    return loop->started ? ERR_OK : ERR_IO;
}

err_t h2_loops_start(h2_service_t *service, uint32_t count, int listener) {
    service->loop_count = count;
    service->loops = memory_new(count, sizeof *service->loops);
    for (uint32_t i = 0; i < count; i++) {
        service->loops[i].epoll = service->loops[i].wake = service->loops[i].listener = -1;
    }
    /* the acceptor last: it deals out to all others */
    for (uint32_t i = count; i-- > 0;) {
        err_t err = loop_start(service, &service->loops[i], i == 0 ? listener : -1);
        if (err != ERR_OK) return err;
    }
    return ERR_OK;
}

static void loop_fini(h2_loop_t *loop) {
    for (size_t i = 0; i < loop->newcomer_count; i++) (void)close(loop->newcomers[i]);
    free(loop->newcomers);
    if (loop->listener >= 0) (void)close(loop->listener);
    if (loop->epoll >= 0) (void)close(loop->epoll);
    if (loop->wake >= 0) (void)close(loop->wake);
    (void)pthread_mutex_destroy(&loop->lock);
    free(loop->input);
}

void h2_loops_stop(h2_service_t *service) {
    for (uint32_t i = 0; i < service->loop_count; i++) {
        h2_loop_t *loop = &service->loops[i];
        if (!loop->started) continue;
        (void)pthread_mutex_lock(&loop->lock);
        loop->stopping = true;
        wake(loop);
        (void)pthread_mutex_unlock(&loop->lock);
    }
    /* the acceptor first: it hands newcomers over to the others */
    for (uint32_t i = 0; i < service->loop_count; i++)
        if (service->loops[i].started) (void)pthread_join(service->loops[i].thread, NULL);
    for (uint32_t i = 0; i < service->loop_count; i++)
        if (service->loops[i].input != NULL) loop_fini(&service->loops[i]);
    free(service->loops);
}
